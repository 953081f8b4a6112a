"""Workloads in words, for people."""

from paceline.core.units import counted
from paceline.workload.models import USERS, ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages, Workload


def describe(workload: Workload) -> str:
    """``500/s for 10 s``, ``50 users for 10 s, 0.5 s think time``, ``ramp to 100/s in 10 s, 100/s for 60 s``."""
    match workload:
        case FixedIterations():
            parts = [counted(workload.iterations, "iteration")]
            if workload.workers > 1:
                parts.append(counted(workload.workers, "worker"))
            return ", ".join(parts)
        case ClosedLoop():
            text = f"{counted(workload.users, 'user')} for {_number(workload.duration_s)} s"
            return f"{text}, {_number(workload.think_time_s)} s think time" if workload.think_time_s else text
        case ConstantRate():
            text = f"{_number(workload.per_second)}/s for {_number(workload.duration_s)} s"
        case Poisson():
            text = (
                f"Poisson {_number(workload.per_second)}/s for {_number(workload.duration_s)} s (seed {workload.seed})"
            )
        case Stages():
            text = _stages(workload)
    return text if workload.max_in_flight is None else f"{text}, at most {workload.max_in_flight:,} in flight"


def _stages(workload: Stages) -> str:
    level = workload.start
    parts = [f"from {_level(level, workload.of)}"] if level else []
    for duration_s, target in workload.stages:
        text = _level(target, workload.of)
        if duration_s == 0:
            parts.append(f"jump to {text}")
        elif target == level:
            parts.append(f"{text} for {_number(duration_s)} s")
        else:
            parts.append(f"ramp to {text} in {_number(duration_s)} s")
        level = target
    joined = ", ".join(parts)
    return joined if workload.seed is None else f"Poisson {joined} (seed {workload.seed})"


def _level(value: float, of: str) -> str:
    return counted(int(value), "user") if of == USERS else f"{_number(value)}/s"


def _number(value: float) -> str:
    """Nine digits: a text may stand for the load, and 500.25/s is not 500/s."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.9g}"
