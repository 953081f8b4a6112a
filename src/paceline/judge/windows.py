"""Figures of a part of a run: of every window of some length, of the requests that go by one name."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from paceline.core.errors import ConfigurationError
from paceline.core.units import NS_PER_S
from paceline.judge.limits import METRICS, Limit, Metric
from paceline.records.run_record import RunRecord
from paceline.records.time_series import COARSENING, MOST_SLICES
from paceline.records.windows import Window, windows_of

# The slice that a run began late counts with is whole all the same: nobody starts to the nanosecond.
_NEARLY_WHOLE = 0.05
_DRAIN_S = 60.0  # ample for what is under way when a load ends; a series that reaches so far may be coarser


@dataclass(frozen=True, slots=True)
class Worst:
    """The window that is furthest from keeping a limit.

    Attributes:
        value: found there; NaN where no window had one.
        from_s, to_s: which it is, in seconds after the measured window opened.
        broken: windows that break the limit.
        windows: that have a value.
    """

    value: float = math.nan
    from_s: float = 0.0
    to_s: float = 0.0
    broken: int = 0
    windows: int = 0


def over_windows(metric: Metric, window_s: float, sign: str) -> Metric:
    """``metric`` of the window where it is worst for a limit of ``sign``."""
    label = f"{metric.label} over {window_s:g} s"

    def value(record: RunRecord, _: object) -> float:
        limit = Limit(label, made, sign, math.inf, window_s)
        return worst_window(limit, record).value

    made = replace(metric, label=label, value=value, percentile=None, of=metric.base)
    return made


def of_part(metric: Metric, name: str) -> Metric:
    """``metric`` of the requests called ``name``."""
    read = metric.of_some
    assert read is not None

    def value(record: RunRecord, _: object) -> float:
        parts = () if record.load is None else record.load.parts
        part = next((part for part in parts if part.name == name), None)
        return math.nan if part is None else read(part.latency, part.counts, record.window_ns)

    return replace(metric, label=f"{metric.label} of {name}", value=value, percentile=None, of=metric.base)


def worst_window(limit: Limit, record: RunRecord, *, until_ns: int | None = None, from_ns: int = 0) -> Worst:
    """Where ``limit`` fares worst in ``record``.

    Args:
        limit: one with windows.
        record: of a run, or of what is known of one that goes on.
        until_ns: windows end by then; None: at the run's end.
        from_ns: and after then.
    """
    values: list[tuple[float, Window]] = []
    read = limit.metric.of_some
    assert read is not None
    for window in _windows(limit, record, until_ns, from_ns):
        value = read(window.latency, window.counts, window.to_ns - window.from_ns)
        if not math.isnan(value):
            values.append((value, window))
    if not values:
        return Worst()
    choose = max if limit.sign.startswith("<") else min
    value, window = choose(values, key=lambda each: each[0])
    broken = sum(alike.alike for each, alike in values if not limit.holds(each))
    every = sum(alike.alike for _, alike in values)
    return Worst(value, window.from_ns / NS_PER_S, window.to_ns / NS_PER_S, broken, every)


def _windows(limit: Limit, record: RunRecord, until_ns: int | None, from_ns: int) -> Iterator[Window]:
    assert limit.window_s is not None
    series = record.series
    if until_ns is not None:
        beyond = until_ns // series.interval_ns
    else:
        planned_s = record.definition.duration_s if record.circumstances.interruption is None else None
        end_ns = record.window_ns if planned_s is None else max(planned_s * NS_PER_S, 1)
        beyond = int(end_ns / series.interval_ns + _NEARLY_WHOLE)
        if limit.metric.base is not METRICS["throughput"] and series.slices:
            # What ended after the load did is somebody's latency too; a rate would only say that nothing more began.
            beyond = max(beyond, series.slices[-1].position + 1)
    length_ns = round(limit.window_s * NS_PER_S)
    yield from windows_of(series, length_ns, beyond, max((from_ns - length_ns) // series.interval_ns + 1, 0))


def slice_s(duration_s: float) -> float:
    """The slices of a load so long, in seconds, as windows must be able to count on: 1 s, from an hour on 10 s, ..."""
    width_s = 1.0
    while duration_s + _DRAIN_S > width_s * MOST_SLICES:
        width_s *= COARSENING
    return width_s


def check_window(limit: Limit, duration_s: float | None) -> None:
    """Refuse windows that a run of this length does not have.

    Raises:
        ConfigurationError: there are none, they are longer than the run or no whole number of slices.
    """
    window_s = limit.window_s
    if window_s is None:
        return
    if duration_s is None:
        raise ConfigurationError(
            f"threshold {limit.source!r}: windows need a load that lasts a time that is known, and is made once; this "
            "one has a number of iterations, or several processes: leave out 'over'"
        )
    if window_s > duration_s:
        raise ConfigurationError(
            f"threshold {limit.source!r}: a window of {window_s:g} s is longer than the run, which lasts "
            f"{duration_s:g} s: shorten it, or leave out 'over'"
        )
    width_s = slice_s(duration_s)
    if window_s < width_s:
        raise ConfigurationError(
            f"threshold {limit.source!r}: a window of {window_s:g} s is shorter than a slice of a run of "
            f"{duration_s:g} s, which is {width_s:g} s long: make it at least that"
        )
    if Decimal(repr(window_s)) % Decimal(repr(width_s)):
        raise ConfigurationError(
            f"threshold {limit.source!r}: a window must be a whole number of slices, which are {width_s:g} s long in a "
            f"run of {duration_s:g} s; {window_s:g} s is none"
        )
