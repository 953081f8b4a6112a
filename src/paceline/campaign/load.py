"""A load as a request: where it is made, and whether somebody watches it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from paceline.core.errors import ConfigurationError
from paceline.engine.cluster import Cluster, DaskClient
from paceline.engine.probe import probe_rate
from paceline.engine.request import RunRequest
from paceline.records.run_record import Execution, TestType
from paceline.store.codec import plain_metadata
from paceline.sysmon.sampler import checked_pids
from paceline.targets.cache import CacheTarget
from paceline.targets.call import CallTarget
from paceline.targets.http import HttpTarget
from paceline.targets.lanes import LaneTarget
from paceline.targets.operation import measured
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages, Workload


def load_request(
    name: str,
    operation: object,
    workload: Workload,
    metadata: Mapping[str, object] | None,
    *,
    warmup_s: float = 1.0,
    target_pids: Sequence[int] = (),
    probe: bool | None = None,
    own_process: bool = False,
    processes: int = 1,
    cluster: Cluster | DaskClient | str | None = None,
    tolerated_loss: float = 0.0,
) -> RunRequest:
    """The request of a load on ``operation`` or what ``measured`` made of it; the arguments are those of ``run_load``.

    ``own_process`` says of other targets than HTTP's and caches that they can be handed to another process.

    Raises:
        ConfigurationError: parts do not go together.
    """
    if not isinstance(workload, ClosedLoop | ConstantRate | Poisson | Stages | FixedIterations):
        raise ConfigurationError(
            f"workload must be a ClosedLoop, ConstantRate, Poisson or Stages such as ConstantRate(500, 10), "
            f"not {workload!r}"
        )
    what = measured(operation)
    is_http = isinstance(what.target, HttpTarget)
    is_shared = processes != 1 or cluster is not None
    if is_shared and what.shared.by is None:
        raise ConfigurationError(f"several processes cannot make this load: {what.shared.why_not}")
    if probe and not (is_http or _has_users(what.target)):
        raise ConfigurationError("probe is for HttpTarget and Scenario: nothing else is reached by a second client")
    request = RunRequest(
        name=name,
        test_type=what.test_type or (TestType.API_ENDPOINT if is_http else TestType.CONCURRENT_LOAD),
        target=what.target,
        workload=workload,
        metadata=plain_metadata(metadata),
        target_pids=checked_pids(target_pids),
        warmup_s=warmup_s,
        setup=what.shared.setup if is_shared else what.setup,
        teardown=what.shared.teardown if is_shared else what.teardown,
        own_process=is_shared or is_http or own_process or _is_plain_cache(what.target),
        processes=processes,
        shares=what.shared.by if is_shared and isinstance(what.target, CallTarget) else None,
        cluster=cluster if cluster is None or isinstance(cluster, Cluster) else Cluster(cluster),
        tolerated_loss=tolerated_loss,
    )
    rate = 0.0 if probe is False else probe_rate(request)
    if probe and not rate:
        raise ConfigurationError(
            "there can be no probe beside this load: it takes two cores, 5 s, 50 arrivals a second where there are "
            "arrivals, and requests that change nothing (GET, HEAD, OPTIONS)"
        )
    return replace(request, probe_per_second=rate)


def _is_plain_cache(target: CallTarget | LaneTarget) -> bool:
    """Whether it is a cache and nothing of the user's own: a loader lives where it was made."""
    return isinstance(target, CacheTarget) and target.loader is None


def _has_users(target: CallTarget | LaneTarget) -> bool:
    return not isinstance(target, CallTarget) and target.execution is Execution.USERS
