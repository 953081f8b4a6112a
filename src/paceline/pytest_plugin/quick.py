"""``--perf-quick``: as much of each measurement as shows that it works."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages

_CALLS = 10
_LOAD_S = 1.0
_ARRIVALS = 2  # of a rate so low that fewer would come in a second
_PAIRS = 7  # the fewest that an interval can be drawn from


def quickened(arguments: Mapping[str, Any], known: Mapping[str, object]) -> dict[str, Any]:
    """The arguments of a method of the framework, cut down.

    Args:
        arguments: as they were given.
        known: parameters of the method.
    """
    most = {
        "iterations": (_CALLS, 100),
        "iterations_per_level": (_CALLS, 50),
        "warmup_iterations": (1, 10),
        "runs": (1, 1),
        "epochs": (1, 1),
        "warmup_s": (_LOAD_S / 10, 1.0),
        "pairs": (_PAIRS, _PAIRS),
    }
    cut = dict(arguments)
    for name, (limit, default) in most.items():
        if name in known:
            value = arguments.get(name, default)
            cut[name] = min(value, limit) if isinstance(value, int | float) else value  # what is no number is refused
    if "workload" in cut:
        cut["workload"] = _shorter(cut["workload"])
    return cut


def _shorter(workload: object) -> object:
    if isinstance(workload, FixedIterations):
        return replace(workload, iterations=min(workload.iterations, _CALLS))
    if isinstance(workload, ClosedLoop):
        return replace(workload, duration_s=min(workload.duration_s, _LOAD_S))
    if isinstance(workload, ConstantRate | Poisson):
        return replace(workload, duration_s=min(workload.duration_s, max(_LOAD_S, _ARRIVALS / workload.per_second)))
    if isinstance(workload, Stages) and workload.duration_s > _LOAD_S:
        share = _LOAD_S / workload.duration_s
        return replace(workload, stages=[(length_s * share, target) for length_s, target in workload.stages])
    return workload
