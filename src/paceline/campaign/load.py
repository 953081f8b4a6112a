"""A load as a request: where it is made, and whether somebody watches it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from paceline.core.errors import ConfigurationError
from paceline.engine.probe import probe_rate
from paceline.engine.request import RunRequest
from paceline.records.run_record import TestType
from paceline.targets.http import HttpTarget
from paceline.targets.operation import measured
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages, Workload

_Function = Callable[[], Any]


def load_request(
    name: str,
    operation: object,
    workload: Workload,
    metadata: Mapping[str, object],
    *,
    warmup_s: float = 1.0,
    setup: _Function | None = None,
    teardown: _Function | None = None,
    target_pids: Sequence[int] = (),
    probe: bool | None = None,
    own_process: bool = False,
) -> RunRequest:
    """The request of a load on ``operation``; the arguments are those of ``run_load``.

    ``own_process`` says of other targets than HTTP's that they can be handed to another process.

    Raises:
        ConfigurationError: parts do not go together.
    """
    if not isinstance(workload, ClosedLoop | ConstantRate | Poisson | Stages | FixedIterations):
        raise ConfigurationError(
            f"workload must be a ClosedLoop, ConstantRate, Poisson or Stages such as ConstantRate(500, 10), "
            f"not {workload!r}"
        )
    what = measured(operation, setup, teardown)
    is_http = isinstance(what.target, HttpTarget)
    if probe and not is_http:
        raise ConfigurationError("probe is for HttpTarget: nothing else can be measured by a second client")
    request = RunRequest(
        name=name,
        test_type=TestType.API_ENDPOINT if is_http else TestType.CONCURRENT_LOAD,
        target=what.target,
        workload=workload,
        metadata=metadata,
        target_pids=target_pids,
        warmup_s=warmup_s,
        setup=what.setup,
        teardown=what.teardown,
        own_process=is_http or own_process,
    )
    rate = 0.0 if probe is False else probe_rate(request)
    if probe and not rate:
        raise ConfigurationError(
            "there can be no probe beside this load: it takes two cores, 5 s, 50 arrivals a second where there are "
            "arrivals, and requests that change nothing (GET, HEAD, OPTIONS)"
        )
    return replace(request, probe_per_second=rate)
