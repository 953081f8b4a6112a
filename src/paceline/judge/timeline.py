"""A run cut into moments of equal length, each with what was planned for it: what findings over time look at."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

from paceline.core.units import NS_PER_S
from paceline.records.histogram import Histogram
from paceline.records.load import Stretch
from paceline.records.run_record import RunRecord

_MOST_MOMENTS = 200


@dataclass(frozen=True)
class Moment:
    """A few slices of a run.

    Attributes:
        begin_s, end_s: from the opening of the window.
        level: planned, on average: attempts a second where there are arrivals, else users; None where the plan is not
            known, or does not change.
        ok: attempts that ended ok.
        failed: in an error or a timeout.
        histogram: latencies of ok attempts and timeouts.
    """

    begin_s: float
    end_s: float
    level: float | None = None
    ok: int = 0
    failed: int = 0
    histogram: Histogram = field(default_factory=Histogram)

    @property
    def length_s(self) -> float:
        """Of the moment."""
        return self.end_s - self.begin_s

    @property
    def ended(self) -> int:
        """Attempts."""
        return self.ok + self.failed

    @property
    def due(self) -> float:
        """Attempts that were planned for it, where there are arrivals."""
        return (self.level or 0.0) * self.length_s

    @cached_property
    def samples(self) -> int:
        """Latencies."""
        return self.histogram.count

    @cached_property
    def median_ns(self) -> float:
        """Of the latencies; there must be some."""
        return self.histogram.quantile(0.5)


def timeline(record: RunRecord, most: int = _MOST_MOMENTS) -> tuple[Moment, ...]:
    """At most ``most`` moments, of equal length, those without attempts included; what is left at the end is left out.

    None of a run in several windows, whose times are not those of one plan, nor of one without attempts.
    """
    definition, series = record.definition, record.series
    if definition.runs * definition.epochs > 1 or not series.slices:
        return ()
    planned_ns = record.elapsed_ns if definition.duration_s is None else definition.duration_s * NS_PER_S
    slices = int(min(planned_ns, record.elapsed_ns)) // series.interval_ns
    each = max(-(-slices // most), 1)
    count = slices // each
    found = {place: list(group) for place, group in groupby(series.slices, key=lambda piece: piece.position // each)}
    length_s = each * series.interval_ns / NS_PER_S
    load = record.load
    stretches = () if load is None else load.stretches
    # In a scenario an arrival is one way through it, of several attempts.
    scale = record.counts.attempts / load.iterations if load and definition.open_loop and load.iterations else 1.0
    return tuple(
        Moment(
            begin_s=place * length_s,
            end_s=(place + 1) * length_s,
            level=scale * _mean_level(stretches, place * length_s, (place + 1) * length_s) if stretches else None,
            ok=sum(piece.ok for piece in found.get(place, ())),
            failed=sum(piece.errors + piece.timeouts for piece in found.get(place, ())),
            histogram=Histogram.merged(piece.histogram for piece in found.get(place, ())),
        )
        for place in range(count)
    )


def up_to_peak(moments: tuple[Moment, ...]) -> tuple[Moment, ...]:
    """From the lowest level before the highest to the end of the highest; none where the plan does not rise.

    Where there are several highest ones, the first.
    """
    levels = [moment.level or 0.0 for moment in moments]
    if not levels:
        return ()
    most = max(levels)
    peak = levels.index(most)
    begin = max(place for place in range(peak + 1) if levels[place] == min(levels[: peak + 1]))
    # The level before the climb belongs to it: that is what the rest is held against.
    while begin and levels[begin - 1] == levels[begin]:
        begin -= 1
    end = peak
    while end < len(levels) and levels[end] >= _PEAK * most:
        end += 1
    return moments[begin:end] if most > levels[begin] else ()


_PEAK = 0.999  # of the highest level: what rounding makes of a level that stays


def _mean_level(stretches: tuple[Stretch, ...], begin_s: float, end_s: float) -> float:
    # Rounded: a level that stays is to be the same number from moment to moment.
    return round((_area(stretches, end_s) - _area(stretches, begin_s)) / (end_s - begin_s), 6)


def _area(stretches: tuple[Stretch, ...], until_s: float) -> float:
    """Integral of the level from the beginning."""
    area, passed_s = 0.0, 0.0
    for stretch in stretches:
        part_s = min(until_s - passed_s, stretch.duration_s)
        if part_s <= 0:
            break
        rise = (stretch.target - stretch.level) * part_s / stretch.duration_s
        area += (stretch.level + rise / 2) * part_s
        passed_s += stretch.duration_s
    return area
