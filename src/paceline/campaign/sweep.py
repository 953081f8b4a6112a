"""A sweep: the same operation at several levels of concurrency, a result each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from paceline.core.errors import ConfigurationError
from paceline.engine.request import RunRequest, checked_name
from paceline.records.run_record import TestType
from paceline.store.codec import plain_metadata
from paceline.sysmon.sampler import checked_pids
from paceline.targets.operation import Measured
from paceline.workload.models import MOST_WORKERS, ClosedLoop, FixedIterations, whole_number


def checked_levels(levels: Iterable[int]) -> tuple[int, ...]:
    """The levels of concurrency as whole numbers above 0, each once.

    Raises:
        ConfigurationError: none, no whole numbers, or one twice.
    """
    if isinstance(levels, str | bytes) or not isinstance(levels, Iterable):
        raise ConfigurationError(f"concurrency_levels must be a list such as [1, 5, 10], not {levels!r}")
    checked = tuple(
        whole_number(f"concurrency_levels[{place}]", level, at_least=1, at_most=MOST_WORKERS)
        for place, level in enumerate(levels)
    )
    if not checked:
        raise ConfigurationError("concurrency_levels is empty: name at least one level, such as [1, 5, 10]")
    if len(set(checked)) < len(checked):
        raise ConfigurationError(f"concurrency_levels has a level twice: {list(checked)}")
    return checked


def level_requests(
    name: str,
    what: Measured,
    levels: Iterable[int],
    workload: FixedIterations | ClosedLoop,
    metadata: Mapping[str, object] | None = None,
    timeout_s: float | None = None,
    target_pids: Sequence[int] = (),
) -> list[RunRequest]:
    """A request a level: ``workload`` with that many workers, named ``{name}_concurrency_{level}``.

    Raises:
        ConfigurationError: an argument is wrong, or they do not go together.
    """
    name, plain, pids = checked_name(name), plain_metadata(metadata), checked_pids(target_pids)
    return [
        RunRequest(
            name=f"{name}_concurrency_{level}",
            test_type=TestType.CONCURRENT_LOAD,
            target=what.target,
            workload=_at(workload, level),
            metadata={**plain, "concurrency": level},
            timeout_s=timeout_s,
            target_pids=pids,
            setup=what.setup,
            teardown=what.teardown,
        )
        for level in checked_levels(levels)
    ]


def _at(workload: FixedIterations | ClosedLoop, workers: int) -> FixedIterations | ClosedLoop:
    if isinstance(workload, FixedIterations):
        return FixedIterations(workload.iterations, workload.warmup_iterations, workers)
    return replace(workload, users=workers)
