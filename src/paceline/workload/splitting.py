"""One load among several: so much of it for each, by weight."""

import math
from collections.abc import Sequence
from dataclasses import replace

from paceline.core.errors import ConfigurationError
from paceline.workload.models import (
    MOST_SEED,
    USERS,
    ClosedLoop,
    ConstantRate,
    FixedIterations,
    Poisson,
    Stages,
    Workload,
)


def split(workload: Workload, weights: Sequence[float]) -> tuple[Workload, ...]:
    """``workload`` in as many parts as there are ``weights``, which come to the whole.

    Rates are divided exactly; of users and iterations each part gets a whole number, the largest remainders one more
    (Hamilton's method). Random arrivals get seeds one after the other: as independent as those of strangers.

    Raises:
        ConfigurationError: a part would have no user, no iteration or no arrival.
    """
    if not weights or not all(math.isfinite(weight) and weight > 0 for weight in weights):
        raise ConfigurationError(f"weights must be numbers above 0, not {list(weights)!r}")
    match workload:
        case ClosedLoop():
            users = _whole_parts("users", workload.users, weights)
            return tuple(replace(workload, users=each) for each in users)
        case FixedIterations():
            iterations = _whole_parts("iterations", workload.iterations, weights)
            workers = _whole_parts("workers", workload.workers, weights)
            return tuple(
                replace(workload, iterations=some, workers=by) for some, by in zip(iterations, workers, strict=True)
            )
        case ConstantRate() | Poisson():
            return tuple(
                _seeded(replace(workload, per_second=workload.per_second * share, max_in_flight=most), place)
                for place, (share, most) in enumerate(zip(_shares(weights), _in_flight(workload, weights), strict=True))
            )
        case Stages(of="users"):
            return _users_split(workload, weights)
        case Stages():
            return tuple(
                _seeded(
                    replace(
                        workload,
                        stages=[(lasts_s, target * share) for lasts_s, target in workload.stages],
                        start=workload.start * share,
                        max_in_flight=most,
                    ),
                    place,
                )
                for place, (share, most) in enumerate(zip(_shares(weights), _in_flight(workload, weights), strict=True))
            )


def _users_split(workload: Stages, weights: Sequence[float]) -> tuple[Workload, ...]:
    levels = [workload.start, *(target for _, target in workload.stages)]
    parts = list(zip(*(_apportioned(int(level), weights) for level in levels), strict=True))
    made: list[Workload] = []
    for start, *targets in parts:
        if not any((start, *targets)):
            raise ConfigurationError(
                f"{max(levels):g} users at most are too few for {len(weights)} scenarios of these weights: ask for more"
            )
        lasting = [lasts_s for lasts_s, _ in workload.stages]
        made.append(Stages(list(zip(lasting, targets, strict=True)), of=USERS, start=start))
    return tuple(made)


def _seeded(workload: ConstantRate | Poisson | Stages, place: int) -> Workload:
    if isinstance(workload, ConstantRate) or workload.seed is None:
        return workload
    return replace(workload, seed=(workload.seed + place) % MOST_SEED)


def _in_flight(workload: ConstantRate | Poisson | Stages, weights: Sequence[float]) -> Sequence[int | None]:
    most = workload.max_in_flight
    return [None] * len(weights) if most is None else _whole_parts("max_in_flight", most, weights)


def _shares(weights: Sequence[float]) -> list[float]:
    return [weight / math.fsum(weights) for weight in weights]


def _whole_parts(what: str, total: int, weights: Sequence[float]) -> list[int]:
    parts = _apportioned(total, weights)
    if 0 in parts:
        raise ConfigurationError(
            f"{what}={total} is too few for {len(weights)} scenarios of the weights "
            f"{', '.join(f'{weight:g}' for weight in weights)}: each must get one; ask for more, or give each its own"
        )
    return parts


def _apportioned(total: int, weights: Sequence[float]) -> list[int]:
    exact = [total * share for share in _shares(weights)]
    parts = [math.floor(each) for each in exact]
    behind = sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])
    for place in behind[: total - sum(parts)]:
        parts[place] += 1
    return parts
