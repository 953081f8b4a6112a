"""One worker in the caller's thread: the way of least disturbance.

Attempts come in stretches of at most a quarter of a second or 4,096. Between two stretches, outside the window, what
was seen is folded and the checkpoint may show progress or write a slice: nothing ever runs beside an attempt.
"""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat

from paceline.core.errors import MeasurementError
from paceline.core.redaction import redact
from paceline.engine.drive import CallDrive
from paceline.engine.loops import time_batches, time_calls, time_calls_watched, until
from paceline.records.stamps import Stamps

_STRETCH_S = 0.25
# Attempts at the most: the stamps of more would push each other out of the processor's cache, which costs a
# fast operation's loop 5 to 10 %; folding fewer at a time costs more by its fixed part.
_STRETCH_ATTEMPTS = 4_096


class CallerDrive(CallDrive):
    """Drives a synchronous target in the thread that calls :meth:`run`."""

    def run(self) -> None:
        """Make the attempts; an interrupt ends them and is left in :attr:`stopped_by`."""
        try:
            self._run()
        except (KeyboardInterrupt, MeasurementError) as stop:
            self.stopped_by = stop
        self.on_end()

    def _run(self) -> None:
        loop = self._loop()
        expected_s = self.load.expected_s
        left = self.load.iterations
        self.begin()
        paused_s = 0.0
        resumed_s = self.origin_s
        while left is None or left > 0:
            size = 1
            if expected_s is not None:
                size = max(1, min(int(_STRETCH_S / max(expected_s, 1e-9)), _STRETCH_ATTEMPTS))
            size = size if left is None else min(size, left)
            stamps = Stamps()
            try:
                loop(self.target.operation, self._tickets(size), self.clock.now_s, stamps, self.errors)
            finally:
                paused_at_s = self.clock.now_s()
                stamps.excluded_s += paused_s  # the pause before this stretch is not part of the window
                self.fold(stamps)
            made = len(stamps)
            if left is not None:
                left -= size
            elif made < size:
                break
            expected_s = (paused_at_s - resumed_s) / max(made, 1)
            self.checkpoint(self)
            resumed_s = self.clock.now_s()
            paused_s = resumed_s - paused_at_s

    def _tickets(self, size: int) -> Iterable[object]:
        if self.deadline_s is None:
            return repeat(None, size)
        return until(self.deadline_s, size, self.clock.now_s)

    def _loop(self) -> Callable[..., None]:
        if self.load.calls_per_sample > 1:
            return partial(time_batches, calls=self.load.calls_per_sample)
        if self.target.setup_each is not None:
            return partial(time_calls_watched, setup_each=guarded(self.target.setup_each))
        return time_calls


def guarded(setup_each: Callable[[], object]) -> Callable[[], object]:
    """``setup_each`` with its exceptions told apart from the operation's: they end the run."""

    def prepare() -> object:
        try:
            return setup_each()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise MeasurementError(redact(f"setup_each raised {type(error).__name__}: {error}")) from error

    return prepare
