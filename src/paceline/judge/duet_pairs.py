"""From what a pair saw to the one number it says about a quantity."""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from paceline.records.duet import DuetRecord, Epochs, Pair
from paceline.records.quantities import ERROR_RATE, MEAN, MEDIAN, P95, P99, PEAK_RSS, THROUGHPUT, Quantity

_LEAST_BEYOND = 10  # calls a side beyond a quantile: p99 of 100 calls is biased by 18 %


def usable_pairs(record: DuetRecord, until: int | None = None) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    """The pairs that say something, of the first ``until`` or of all, and why the others do not, a sentence each."""
    kept, lost = [], list(record.discarded)
    for pair in record.pairs[:until]:
        fault = _fault(pair)
        if fault:
            lost.append(f"pair {pair.number + 1}: {fault}")
        else:
            kept.append(pair)
    return tuple(kept), tuple(lost)


def _fault(pair: Pair) -> str:
    """Why the times of ``pair`` are none; empty where they are sound."""
    base, candidate = len(pair.base.epoch_ns), len(pair.candidate.epoch_ns)
    if not base or base != candidate:
        return f"the sides have {base} and {candidate} epochs"
    for name, side in (("base", pair.base), ("candidate", pair.candidate)):
        if side.calls and side.errors >= side.calls:
            return f"every call of the {name} failed"
        bad = [time_ns for time_ns in (*side.epoch_ns, side.mean_ns) if not _is_positive(time_ns)]
        if bad and not math.isfinite(bad[0]):
            return f"an epoch of the {name} has no time"  # files tell no infinite times from those that are not there
        if bad:
            return f"a time of {bad[0]:g} ns on the {name}'s side is no time a call can take"
    return ""


def is_constant(pairs: Sequence[Pair]) -> bool:
    """Whether no time ever differs from the others of its side: a clock that stands, or one far too coarse."""
    sides = ([pair.base for pair in pairs], [pair.candidate for pair in pairs])
    return bool(pairs) and all(len({time_ns for each in side for time_ns in each.epoch_ns}) == 1 for side in sides)


def values_of(pairs: Sequence[Pair], quantity: Quantity) -> list[float] | None:
    """What each pair says: candidate against base, as log ratio or, for a quantity without ratio, as difference.

    None where not every pair tells: figures that come and go from pair to pair are not of one kind.
    """
    values = [_value(pair, quantity) for pair in pairs]
    told = [value for value in values if value is not None]
    return told if told and len(told) == len(values) else None


def _value(pair: Pair, quantity: Quantity) -> float | None:
    if quantity == MEDIAN:
        return median(map(_log_ratio, pair.candidate.epoch_ns, pair.base.epoch_ns))
    read = _FIGURES[quantity.key]
    base, candidate = read(pair.base), read(pair.candidate)
    if base is None or candidate is None or not (math.isfinite(base) and math.isfinite(candidate)):
        return None
    if not quantity.is_ratio:
        return candidate - base
    if quantity.quantile is not None:
        beyond = min(pair.base.calls, pair.candidate.calls) * (1 - quantity.quantile)
        if beyond < _LEAST_BEYOND - 1e-9:  # 1,000 * (1 - 0.99) is a hair below 10
            return None
    return _log_ratio(candidate, base) if _is_positive(base) and _is_positive(candidate) else None


_FIGURES: dict[str, Callable[[Epochs], float | None]] = {
    MEAN.key: lambda side: side.mean_ns,
    P95.key: lambda side: side.p95_ns,
    P99.key: lambda side: side.p99_ns,
    THROUGHPUT.key: lambda side: side.throughput_per_s,
    ERROR_RATE.key: lambda side: side.errors / side.calls if side.calls else None,
    PEAK_RSS.key: lambda side: side.peak_rss_bytes,
}


def null_values(pairs: Sequence[Pair]) -> list[float]:
    """The base's code against itself: its epochs beside the base's even ones. Pairs without the arm are left out."""
    return _arm((pair.null, pair.base.epoch_ns[0::2]) for pair in pairs)


def planted_values(pairs: Sequence[Pair]) -> list[float]:
    """The planted arm against the base's odd epochs. Pairs without the arm are left out."""
    return _arm((pair.planted, pair.base.epoch_ns[1::2]) for pair in pairs)


def _arm(arms: Iterable[tuple[Epochs | None, Sequence[float]]]) -> list[float]:
    values = []
    for arm, beside_ns in arms:
        epoch_ns = () if arm is None else arm.epoch_ns
        if epoch_ns and len(epoch_ns) == len(beside_ns) and all(map(_is_positive, epoch_ns)):
            values.append(median(map(_log_ratio, epoch_ns, beside_ns)))
    return values


def _is_positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _log_ratio(candidate: float, base: float) -> float:
    return math.log(candidate) - math.log(base)  # the quotient itself can leave the range of a float
