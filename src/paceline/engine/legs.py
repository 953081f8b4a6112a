"""A load made by several processes at once, a leg each: started together, heard together, merged into one record.

No leg is ever started again: what one that is lost would still have sent is missing, and the record says how much.
"""

import threading
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue

from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError
from paceline.engine.child_process import (
    Failed,
    Learned,
    LegEnded,
    LegNow,
    Message,
    Ready,
    Slice,
    Window,
)
from paceline.engine.leg_seen import LegSeen, SeenByAll, now_together, together
from paceline.engine.live import OnSlice, aborted_run
from paceline.engine.observation import Observation
from paceline.engine.oversight import Oversight
from paceline.engine.places import Cores, Places
from paceline.engine.probe import Prober
from paceline.engine.request import Observer, Run, RunRequest
from paceline.records.increments import Increment
from paceline.records.load import Probe
from paceline.records.run_record import Aborted
from paceline.records.summing import RunSum
from paceline.sysmon.fingerprint import this_machine
from paceline.sysmon.leg_watch import LegUsage
from paceline.targets.call import CallTarget
from paceline.targets.lanes import Overseen
from paceline.workload.legs import Leg, check_legs

_SILENT_S = 10.0  # a leg says something once a second, and mostly twice
_LOOK_S = 1.0
_TICK_S = 0.1
_SHOWN_S = 0.5
_KEPT_S = 10.0


class Legs:
    """One run in several children.

    Args:
        request: what they make together.
        clock: the one that they read too.
        observer: sees them as one.
        on_slice: judges all of them together, once a second, and ends them with what it returns.
        places: where they are made; None: on the cores of this machine.
    """

    def __init__(
        self,
        request: RunRequest,
        clock: Clock,
        observer: Observer,
        on_slice: OnSlice | None = None,
        places: Places | None = None,
    ) -> None:
        self._request = request
        is_called = isinstance(request.target, CallTarget)
        self._places = places or Cores(of_its_own=not is_called)
        self._oversight = Oversight(request.split.overseer() if isinstance(request.split, Overseen) else None)
        self._on_slice = on_slice
        self._aborted: Aborted | None = None
        self._judged_s = clock.now_s()
        self._clock = clock
        self._observer = observer
        self._observation = Observation(clock, request.target_pids)
        self._heard: SimpleQueue[tuple[LegSeen, Message | None]] = SimpleQueue()
        self._legs: list[LegSeen] = []
        self._seen = RunSum()
        self._lock = threading.Lock()  # on that
        self._looks = SeenByAll(self._seen, parts=request.live_parts)
        self._prober: Prober | None = None
        self._probe: Probe | None = None
        self._failed: Failed | None = None
        self._stopped_by: BaseException | None = None
        self._start_s: float | None = None
        self._kept_s = self._looked_s = clock.now_s()
        self._shown_s = -_SHOWN_S

    def interrupt(self, stop: BaseException) -> None:
        """From another thread too: end the run early."""
        self._stopped_by = self._stopped_by or stop
        for leg in self._legs:
            leg.child.stop()

    def kill(self) -> None:
        """From another thread too: end it now, whatever it has seen."""
        for leg in self._legs:
            leg.child.kill()

    def run(self) -> Run:
        """Make it.

        Raises:
            MeasurementError: a leg came to nothing before all had started, or none came to anything.
        """
        try:
            self._begin()
            try:
                self._listen()
                self._oversight.end()
            except KeyboardInterrupt:  # asked twice
                self.kill()
        except BaseException:
            self.kill()
            raise
        finally:
            self._wind_up()
        return self._result()

    def _begin(self) -> None:
        request = self._request
        of = self._places.open(request)
        check_legs(request.workload, of)
        assert request.split is not None
        shares = [request.split.of_leg(Leg(number, of)) for number in range(of)]  # what cannot be shared is said now
        self._oversight.set_up()
        if request.probe_per_second:
            self._prober = Prober(request)
        for number, target in enumerate(shares):
            which = Leg(number, of)
            leg = LegSeen(
                which,
                self._places.child(which),
                self._clock.now_s(),
                machine=self._places.machine(which),
                before=self._places.before(which),
            )
            self._legs.append(leg)
            share = replace(
                request,
                target=target,
                leg=leg.leg,
                processes=1,
                cluster=None,
                tolerated_loss=0.0,
                shares=None,
                target_pids=(),
                own_process=False,
                live=False,
                setup=None,
                teardown=None,
            )
            leg.child.hear(partial(self._hear, leg))
            leg.child.order(share)
        if self._stopped_by is not None:
            self.interrupt(self._stopped_by)  # before there was anything to stop

    def _hear(self, leg: LegSeen, message: Message | None) -> None:
        """From another thread than the one that runs this.

        There a Ctrl-C could come in the midst of adding, and an increment is told but once. Nor is that one woken for
        what need not be looked at at once: of a thousand legs, thousands a second say how they are doing.
        """
        leg.heard_s = self._clock.now_s()
        match message:
            case LegNow():
                leg.now = message
            case LegUsage():
                leg.usage = message
            case Slice():
                self._add(leg, message.increment)
            case LegEnded():
                self._add(leg, message.increment)
                leg.has_ended, leg.stopped_by = True, message.stopped_by
            case _:
                self._heard.put((leg, message))

    def _add(self, leg: LegSeen, increment: Increment) -> None:
        with self._lock:
            self._seen.add(leg.leg.number, increment)
            leg.standing = increment.standing

    def _listen(self) -> None:
        until_s = self._clock.now_s() + self._request.longest_s
        while not all(leg.is_over for leg in self._legs):
            try:
                self._hear_next()
                self.look(until_s)
            except KeyboardInterrupt as stop:
                if self._stopped_by is not None:
                    raise
                self.interrupt(stop)

    def _hear_next(self) -> None:
        try:
            leg, message = self._heard.get(timeout=_TICK_S)
        except Empty:
            return
        self._take(leg, message)

    def look(self, until_s: float) -> None:
        """Do what it is time for; what has not ended by ``until_s`` does not end by itself."""
        self._look_for_the_silent(until_s)
        self._show()
        self._keep()
        self._judge()

    def _look_for_the_silent(self, until_s: float) -> None:
        now_s = self._clock.now_s()
        if now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        for leg in self._legs:
            if leg.is_over or leg.lost:
                continue
            if leg.opened_s is not None and not leg.is_closed and now_s - leg.heard_s > _SILENT_S:
                self._lose(leg, f"said nothing for {_SILENT_S:g} s and was killed")
            elif now_s > until_s:
                self._lose(leg, "did not end by itself and was killed")

    def _lose(self, leg: LegSeen, why: str) -> None:
        leg.lost = why
        leg.child.kill()

    def _take(self, leg: LegSeen, message: Message | None) -> None:
        match message:
            case None:
                leg.is_over = True
                if not leg.has_ended and self._start_s is None and self._stopped_by is None:
                    leg.child.end()
                    where = f" on {leg.machine}" if leg.machine else ""
                    name = f"process {leg.leg.number + 1} of the load{where}"
                    self.interrupt(MeasurementError(f"{name} {leg.child.how()} before the start"))
            case Ready():
                leg.is_ready = True
                self._start()
            case Window():
                self._take_window(leg, message)
            case Failed():
                self._failed = self._failed or message
                self.interrupt(message.error)
            case Learned():
                if self._prober is not None:
                    whole = message.sample.per_second * len(self._legs)
                    self._prober.learned(replace(message.sample, per_second=whole))

    def _start(self) -> None:
        if not all(leg.is_ready for leg in self._legs):
            return
        self._oversight.begin()
        self._start_s = self._clock.now_s() + self._places.soon_s
        for leg in self._legs:
            leg.child.start_at(self._start_s)

    def _take_window(self, leg: LegSeen, window: Window) -> None:
        if window.is_open:
            leg.opened_s = window.at_s
            if sum(each.opened_s is not None for each in self._legs) == 1:
                self._observation.open()
                if self._prober is not None:
                    self._prober.open(window.seen_per_second * len(self._legs))
        else:
            leg.is_closed = True
            if all(each.is_closed or each.is_over for each in self._legs):
                self._close()

    def _close(self) -> None:
        self._observation.close()
        if self._prober is not None:
            self._prober.close()

    def _show(self) -> None:
        now_s = self._clock.now_s()
        every = [leg.now for leg in self._legs if leg.now is not None]
        if now_s - self._shown_s < _SHOWN_S or not every:
            return
        self._shown_s = now_s
        going = [leg for leg in self._legs if not leg.is_lost]  # of a lost one nothing more is waited for
        share = sum(leg.now.share for leg in going if leg.now is not None) / max(len(going), 1)
        with self._lock:
            load = now_together(self._legs, self._seen)
        load = self._observation.with_targets(load)
        self._observer.progress(self._request.name, share, sum(each.attempts for each in every), load)

    def _keep(self) -> None:
        now_s = self._clock.now_s()
        if now_s - self._kept_s < _KEPT_S or any(leg.standing is None and not leg.is_lost for leg in self._legs):
            return
        self._kept_s = now_s
        with self._lock:
            record = self._seen.record()
        if record is not None:
            self._observer.partial(record)

    def _judge(self) -> None:
        now_s = self._clock.now_s()
        if self._on_slice is None or self._aborted is not None or now_s - self._judged_s < _LOOK_S:
            return
        self._judged_s = now_s
        with self._lock:
            seen = self._looks.look(self._legs)
        self._aborted = None if seen is None else self._on_slice(seen)
        if self._aborted is not None:
            for leg in self._legs:
                leg.child.stop()

    def _wind_up(self) -> None:
        self._close()
        if self._prober is not None:
            self._probe = self._prober.end()
        for leg in self._legs:
            leg.child.end()
        self._places.close()
        self._oversight.close()

    def _result(self) -> Run:
        if self._failed is not None:
            raise self._stopped_by or self._failed.error
        if self._start_s is None and isinstance(self._stopped_by, MeasurementError):
            raise self._stopped_by  # nothing was begun, so there is nothing to report on
        for leg in self._legs:
            self._see_whether_lost(leg)
        with self._lock:
            record = together(self._legs, self._seen, self._request.workload, self._start_s)
        if record is None:
            if self._stopped_by is not None:
                raise self._stopped_by
            lost = next(leg.lost for leg in self._legs if leg.lost)
            raise MeasurementError(f"the process of the load {lost} before it reported anything")
        assert record.load is not None
        load = replace(
            record.load,
            own_process=True,
            probe=self._probe,
            tolerated_loss=self._request.tolerated_loss,
            joined_late=tuple(self._places.joined_late),
        )
        record = replace(record, usage=self._observation.usage, fingerprint=this_machine(), load=load)
        record = self._oversight.noted(record)
        ended = (leg.stopped_by for leg in self._legs if leg.has_ended and not leg.lost)
        run = Run(record, self._stopped_by or next(ended, None))
        return run if self._aborted is None or self._stopped_by is not None else aborted_run(run, self._aborted)

    def _see_whether_lost(self, leg: LegSeen) -> None:
        if leg.has_ended:
            was_told_to = self._stopped_by is not None or self._aborted is not None
            if was_told_to or not isinstance(leg.stopped_by, KeyboardInterrupt):
                return
            # Told to end, but not from here: its machine could not hear anybody.
        leg.lost = leg.lost or leg.child.how()
