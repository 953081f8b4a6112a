"""What a run hands over while it goes on, so that somebody else can decide whether it is to go on."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from paceline.core.units import NS_PER_S
from paceline.engine.drive import Drive
from paceline.engine.lanes_drive import LanesDrive
from paceline.engine.request import Run
from paceline.records.load import Part
from paceline.records.recorder import Counts
from paceline.records.run_record import Aborted
from paceline.records.time_series import TimeSeries, TimeSlice
from paceline.stats.summary import Moments

_LOOK_S = 1.0  # between two looks: what is folded and sent for one takes well under a millisecond


@dataclass(frozen=True)
class Seen:
    """What a run has seen so far.

    Attributes:
        elapsed_ns: since the measured window opened.
        counts: how all attempts ended.
        moments: of all latencies.
        series: the slices that are new or have grown since the last time.
        parts: all of the attempts by name, where that is asked for.
    """

    elapsed_ns: int
    counts: Counts
    moments: Moments
    series: TimeSeries
    parts: tuple[Part, ...] = ()


OnSlice = Callable[[Seen], Aborted | None]


class Looks:
    """Looks at a drive once a second.

    Args:
        on_slice: is told what was seen; what it returns ends the run.
        parts: whether it wants attempts by name.

    Attributes:
        aborted: what ended the run; None while nothing has.
    """

    def __init__(self, on_slice: OnSlice, *, parts: bool) -> None:
        self._on_slice = on_slice
        self._parts = parts
        self._looked_at_s = 0.0
        self._told_ns = 0  # slices that end by then were told as a whole
        self.aborted: Aborted | None = None

    def end(self, drive: Drive, now_s: float) -> bool:
        """Whether the run is to end now."""
        if self.aborted is not None or now_s - max(self._looked_at_s, drive.origin_s) < _LOOK_S:
            return False
        self._looked_at_s = now_s
        self.aborted = self._on_slice(self._seen(drive, now_s))
        return self.aborted is not None

    def _seen(self, drive: Drive, now_s: float) -> Seen:
        recorder = drive.snapshot()
        series = recorder.series
        # The last that was told may have grown since; of a series that has become coarser, the one around it.
        ends_ns = partial(_end_ns, series.interval_ns)
        new = series.slices[bisect_right(series.slices, self._told_ns, key=ends_ns) :]
        if new:
            self._told_ns = new[-1].position * series.interval_ns
        of_names = drive.exchanges.parts if self._parts and isinstance(drive, LanesDrive) else ()
        return Seen(
            elapsed_ns=round((now_s - drive.origin_s) * NS_PER_S),
            counts=recorder.counts,
            moments=recorder.moments,
            series=TimeSeries(series.interval_ns, new),
            parts=of_names,
        )


def _end_ns(interval_ns: int, piece: TimeSlice) -> int:
    return (piece.position + 1) * interval_ns


def aborted_run(run: Run, aborted: Aborted) -> Run:
    """``run`` as one that a limit has ended, and not an interrupt; as it was if it had come to its end just then."""
    if run.record.circumstances.interruption is None:
        return run
    circumstances = replace(
        run.record.circumstances, interruption=f"aborted: {aborted.limit}", warmup_cut_ns=None, aborted=aborted
    )
    return replace(run, record=replace(run.record, circumstances=circumstances), stopped_by=None)
