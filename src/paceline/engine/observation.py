"""What is observed around the attempts of a measured window: system, garbage collector, own CPU time."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from paceline.core.clock import Clock, utc_text
from paceline.engine.collections_watch import CollectionsWatch
from paceline.engine.request import LoadNow
from paceline.records.resources import SystemUsage
from paceline.records.run_record import Collections
from paceline.sysmon.sampler import Sampler
from paceline.targets.replay import Sample

_OPEN, _OVER = True, False


class Observation:
    """Observes between :meth:`open` and :meth:`close`; closing twice is closing once.

    It may be opened again for another window, unless it samples.

    Args:
        clock: where the time comes from.
        target_pids: processes of interest besides this one.
        sampling: whether CPU, memory and disk are sampled; a load's own process leaves that to its parent.
        tell: called with True when the window opens and with False when it is over, and with the attempts a second
            of the warm-up.
        learned: called when it is known what a probe is to send beside a load of which nobody knew.
        ready: called before the window of a leg, which opens when all legs are ready.

    Attributes:
        started_at: when the window opened, ISO 8601, UTC.
        usage: CPU, memory, disk I/O; empty until closed.
        collections: garbage collections; none until closed.
        own_cpu_s: CPU seconds of this process; None until closed.

    Raises:
        ConfigurationError: a target pid is no running process.
    """

    def __init__(
        self,
        clock: Clock,
        target_pids: Sequence[int] = (),
        *,
        sampling: bool = True,
        tell: Callable[[bool, float], None] = lambda _, __: None,
        learned: Callable[[Sample], None] = lambda _: None,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._sampler = Sampler(clock, target_pids) if sampling else None
        self._tell = tell
        self.learned = learned
        self.ready = ready
        self._collections_watch = CollectionsWatch(clock.now_s)
        self._opened_at_cpu_s: float | None = None
        self.started_at = utc_text(clock.utc_now())
        self.usage = SystemUsage()
        self.collections = Collections()
        self.own_cpu_s: float | None = None

    def open(self, seen_per_second: float = 0.0) -> None:
        """The window opens; the warm-up made so many attempts a second."""
        if self._sampler is not None:
            self._sampler.start()
        self._tell(_OPEN, seen_per_second)
        self._collections_watch.start()
        self.started_at = utc_text(self._clock.utc_now())
        self._opened_at_cpu_s = self._clock.cpu_s()

    def with_targets(self, load: LoadNow | None) -> LoadNow | None:
        """``load`` with the CPU of the targets, where they are sampled here."""
        if load is None or self._sampler is None:
            return load
        return replace(load, targets_cpu_percent=self._sampler.targets_now())

    def close(self) -> None:
        """The window is over; what was observed can be read now."""
        if self._opened_at_cpu_s is None:
            return
        self.own_cpu_s = self._clock.cpu_s() - self._opened_at_cpu_s
        self._opened_at_cpu_s = None
        self.collections = self._collections_watch.stop()
        self._tell(_OVER, 0.0)
        if self._sampler is not None:
            self.usage = self._sampler.stop()
