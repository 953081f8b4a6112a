"""What all drivers share: the load, the recorder being filled, how it ended."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import CoroutineType

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError
from paceline.records.error_log import ErrorGroup, ErrorLog
from paceline.records.recorder import SAMPLE_LIMIT, Recorder
from paceline.records.stamps import Stamps
from paceline.targets.call import CallTarget

FOLD_AT = 16_384  # attempts; some 3 MB of Python floats
_WHOLE_WINDOW_BELOW = 3  # iterations a worker: with fewer, all start at once and the window would be empty


@dataclass(frozen=True, slots=True)
class Load:
    """One stretch of attempts: the warm-up, or the measured window.

    Attributes:
        iterations: attempts in all, or None for a duration.
        duration_s: length, or None for a number of iterations.
        workers: how many at once.
        calls_per_sample: loops in a batch.
        timeout_s: limit of an attempt.
        expected_s: roughly what an attempt takes, if known; decides how often the caller's thread pauses.
    """

    iterations: int | None = None
    duration_s: float | None = None
    workers: int = 1
    calls_per_sample: int = 1
    timeout_s: float | None = None
    expected_s: float | None = None


Checkpoint = Callable[["Drive"], None]


def nothing(_: "Drive") -> None:
    """Nobody watches."""


class Drive:
    """Drives a target through a load. Subclasses say how attempts are driven; each is used once.

    Args:
        load: how often, how long, by how many.
        clock: where the time comes from.
        checkpoint: called now and then while it runs, never inside an attempt of the caller's thread.
        on_end: called when the last attempt has ended, before it is folded.

    Attributes:
        recorder: what was seen so far.
        errors: errors so far.
        stopped_by: what ended the load early: an interrupt, or what ``setup_each`` raised.
        abandoned: workers left behind in an attempt that did not return.
    """

    def __init__(
        self,
        load: Load,
        clock: Clock,
        checkpoint: Checkpoint = nothing,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.load = load
        self.clock = clock
        self.errors = ErrorLog(own_frames="paceline.engine.")
        self.stopped_by: BaseException | None = None
        self.abandoned = 0
        self.excluded_s = 0.0
        self.checkpoint = checkpoint
        self.on_end = on_end
        self.begin()

    def begin(self) -> None:
        """The measured window starts now."""
        self.origin_s = self.clock.now_s()
        self.recorder = Recorder(
            self.origin_s,
            workers=self.load.workers,
            calls_per_sample=self.load.calls_per_sample,
            timeout_s=self.load.timeout_s,
            sample_limit=SAMPLE_LIMIT if self.load.iterations is not None else 0,
        )

    @property
    def deadline_s(self) -> float | None:
        """Clock reading at which a load for a duration ends."""
        return None if self.load.duration_s is None else self.origin_s + self.load.duration_s

    def fold(self, stamps: Stamps) -> None:
        """Record a stretch of attempts.

        Raises:
            ConfigurationError: the operation returned a coroutine that nobody awaits.
        """
        if len(stamps):
            self.excluded_s += stamps.excluded_s
        self.recorder.fold(stamps)
        value, stamps.last_value = stamps.last_value, None
        # By its type: asking the value itself would call a proxy's __class__, which may raise.
        if hasattr(type(value), "__await__"):
            if type(value) is CoroutineType:
                value.close()
            raise ConfigurationError(
                f"operation returned {type(value).__name__} objects that nobody awaited, so nothing was measured: "
                "pass the coroutine function itself, or define the operation with async def"
            )

    def unfolded(self) -> Iterable[Stamps]:
        """What workers have written down but nobody folded yet."""
        return ()

    @property
    def attempts_made(self) -> int:
        """Attempts ended so far."""
        return self.recorder.counts.attempts + self.load.calls_per_sample * sum(map(len, self.unfolded()))

    def snapshot(self) -> Recorder:
        """All that was seen so far, while the workers go on."""
        recorder = self.recorder.copy()
        for stamps in self.unfolded():
            recorder.fold(stamps.copy())
        return recorder

    def error_groups(self) -> tuple[ErrorGroup, ...]:
        """Errors and timeouts by kind, the most frequent first."""
        groups = self.errors.groups()
        timeouts = self.recorder.counts.timeouts - self.errors.timeouts
        if timeouts > 0 and self.load.timeout_s is not None:
            late = ErrorGroup("timeout", f"no answer within {self.load.timeout_s:g} s", timeouts)
            groups = tuple(sorted((*groups, late), key=lambda group: -group.count))
        return groups

    @property
    def elapsed_s(self) -> float:
        """Wall time from the start of the window to the end of the last attempt, without what is excluded."""
        return max(self.recorder.last_end_s - self.origin_s - self.excluded_s, 0.0)

    def elapsed_until_s(self, snapshot: Recorder) -> float:
        """The same for what a :meth:`snapshot` has seen, which is more than what is folded."""
        excluded_s = self.excluded_s + sum(stamps.excluded_s for stamps in self.unfolded())
        return max(snapshot.last_end_s - self.origin_s - excluded_s, 0.0)

    def window(self) -> tuple[float, float]:
        """Length in seconds of the window that throughput is taken over, and the ok attempts' worth of work in it.

        With several workers it ends when no more work is left to hand out: in the tail after that fewer and
        fewer workers are busy, which would read as bad scaling.
        """
        counts = self.recorder.counts
        if self.deadline_s is not None and self.stopped_by is None and self.load.workers > 1:
            end_s = min(self.deadline_s, self.recorder.last_end_s)
        elif self.load.workers == 1 or counts.attempts < _WHOLE_WINDOW_BELOW * self.load.workers:
            return self.elapsed_s, counts.ok
        else:
            end_s = self.recorder.last_start_s
        return max(end_s - self.origin_s, 0.0), self.recorder.work_until(end_s)


class CallDrive(Drive):
    """A drive whose workers call a callable in loops of their own; ``target`` is what they call."""

    def __init__(
        self,
        target: CallTarget,
        load: Load,
        clock: Clock,
        checkpoint: Checkpoint = nothing,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(load, clock, checkpoint, on_end)
        self.target = target
