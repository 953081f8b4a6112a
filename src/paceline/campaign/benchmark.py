"""A benchmark as a request: one operation, so many times."""

from collections.abc import Mapping, Sequence

from paceline.engine.request import RunRequest
from paceline.records.run_record import TestType
from paceline.store.codec import plain_metadata
from paceline.sysmon.sampler import checked_pids
from paceline.targets.operation import Measured
from paceline.workload.fresh_processes import FreshProcesses
from paceline.workload.models import FixedIterations


def benchmark_request(
    name: str,
    test_type: TestType | None,
    what: Measured,
    workload: FixedIterations,
    metadata: Mapping[str, object] | None = None,
    timeout_s: float | None = None,
    target_pids: Sequence[int] = (),
    fresh: FreshProcesses | None = None,
) -> RunRequest:
    """The request of a benchmark; the arguments are those of ``run_benchmark``, what is called is ``what``.

    Raises:
        ConfigurationError: one is wrong, or they do not go together.
    """
    return RunRequest(
        name=name,
        test_type=TestType.API_ENDPOINT if test_type is None else test_type,
        kind_is_said=test_type is not None,
        target=what.target,
        workload=workload,
        metadata=plain_metadata(metadata),
        timeout_s=timeout_s,
        target_pids=checked_pids(target_pids),
        setup=what.setup,
        teardown=what.teardown,
        fresh=fresh,
    )
