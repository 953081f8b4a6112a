"""A load in a process that does nothing else, seen from the process that judges and shows.

Whatever else a generator's process does is in its latencies: a redraw of the screen twice a second in a thread raised
the p99 of its lag from 0.1 to 1.7 ms.
"""

import asyncio
import threading
from dataclasses import replace
from typing import Protocol

from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError
from paceline.engine.around import acall, call, could_not_run, group_of
from paceline.engine.child_process import Child, Failed, Learned, Message, Progress, Window, how_it_ended
from paceline.engine.fleet import Fleet
from paceline.engine.legs import Legs
from paceline.engine.live import OnSlice, Seen, aborted_run
from paceline.engine.observation import Observation
from paceline.engine.probe import Prober
from paceline.engine.request import Observer, Run, RunRequest
from paceline.records.load import Probe
from paceline.records.run_record import Aborted, Execution, RunRecord
from paceline.sysmon.fingerprint import this_machine

_ENDING_S = 20.0  # of a load that is told to end: users may take 5 s for on_stop, and the machine may be busy
_HELD_UP = " (a user function that never awaits, or that goes on after 'except BaseException', holds up everything)"


def run_in_child(request: RunRequest, clock: Clock, observer: Observer, on_slice: OnSlice | None = None) -> Run:
    """Make the run in a process of its own; what surrounds it is observed from here, and ended by ``on_slice``.

    Raises:
        MeasurementError: the run could not be made, or the process ended without a word.
        ConfigurationError: found only where the run was made.
    """
    offloaded = _elsewhere(request, clock, observer, on_slice)
    with could_not_run("setup"):
        call(request.setup)
    ended: Run | None = None
    raised: BaseException | None = None
    try:
        ended = offloaded.run()
    finally:
        try:
            call(request.teardown)
        except BaseException as error:  # noqa: BLE001  # becomes a finding: the measurement is valid all the same
            raised = error
    return _with_teardown(ended, raised)


async def arun_in_child(request: RunRequest, clock: Clock, observer: Observer, on_slice: OnSlice | None = None) -> Run:
    """The same on a running event loop, which goes on meanwhile."""
    offloaded = _elsewhere(request, clock, observer, on_slice)
    with could_not_run("setup"):
        await acall(request.setup)
    ended: Run | None = None
    raised: BaseException | None = None
    try:
        ended = await in_a_thread(offloaded)
    finally:
        try:
            await acall(request.teardown)
        except BaseException as error:  # noqa: BLE001  # becomes a finding: the measurement is valid all the same
            raised = error
    return _with_teardown(ended, raised)


class RunElsewhere(Protocol):
    """A run in another process, seen from here."""

    def run(self) -> Run:
        """Make it."""

    def interrupt(self, stop: BaseException) -> None:
        """From another thread: end it early."""

    def kill(self) -> None:
        """From another thread: end it now."""


async def in_a_thread(elsewhere: RunElsewhere) -> Run:
    """Make the run while the caller's loop goes on; cancelling ends it early, cancelling twice at once."""
    running = asyncio.ensure_future(asyncio.to_thread(elsewhere.run))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError as stop:
        elsewhere.interrupt(stop)
    try:
        return await running
    except asyncio.CancelledError:
        elsewhere.kill()  # asked twice; or it has ended without anything to report
        raise


def _with_teardown(ended: Run, raised: BaseException | None) -> Run:
    if raised is None:
        return ended
    if isinstance(raised, KeyboardInterrupt | asyncio.CancelledError):
        return replace(ended, stopped_by=ended.stopped_by or raised)
    circumstances = replace(ended.record.circumstances, teardown_error=group_of(raised))
    return replace(ended, record=replace(ended.record, circumstances=circumstances))


def _elsewhere(request: RunRequest, clock: Clock, observer: Observer, on_slice: OnSlice | None) -> RunElsewhere:
    if request.cluster is not None:
        return Legs(request, clock, observer, on_slice, Fleet(request.cluster, clock))
    return (_Offloaded if request.processes == 1 else Legs)(request, clock, observer, on_slice)


class _Offloaded:
    """One run in a child, with its probe beside it."""

    def __init__(self, request: RunRequest, clock: Clock, observer: Observer, on_slice: OnSlice | None = None) -> None:
        self._request = request
        self._on_slice = on_slice
        self._aborted: Aborted | None = None
        self._observer = observer
        self._observation = Observation(clock, request.target_pids)
        self._child: Child | None = None
        self._prober: Prober | None = None
        self._probe: Probe | None = None
        self._ended: Run | None = None
        self._failed: Failed | None = None
        self._partial: RunRecord | None = None
        self._stopped_by: BaseException | None = None
        self._overdue = ""  # how long it was waited for in vain
        self._watchdogs: list[threading.Timer] = []
        self._is_over = False

    def interrupt(self, stop: BaseException) -> None:
        """From another thread: end the run early."""
        self._stopped_by = self._stopped_by or stop
        if self._child is not None:
            self._tell_to_end(self._child)

    def kill(self) -> None:
        """From another thread: end it now, whatever it has seen."""
        if self._child is not None:
            self._child.kill()

    def run(self) -> Run:
        """Make it."""
        child = self._child = Child()
        try:
            if self._request.probe_per_second:
                self._prober = Prober(self._request)
            # What is around it is called here, where it was made: a function of a script is nothing to another process.
            child.order(replace(self._request, target_pids=(), own_process=False, setup=None, teardown=None))
            if self._stopped_by is not None:
                self._tell_to_end(child)  # interrupted before there was a child to stop
            self._watch(child, self._request.longest_s, "")
            self._listen(child)
        except KeyboardInterrupt as stop:  # before there was a load, or a second one in the midst of the first's way
            self._stopped_by = self._stopped_by or stop
            child.kill()
        finally:
            self._watch_no_longer()
            code = self._wind_up(child)
        return self._result(code)

    def _tell_to_end(self, child: Child) -> None:
        child.stop()
        self._watch(child, _ENDING_S, " of being told to")

    def _watch(self, child: Child, within_s: float, since: str) -> None:
        """Kill a child that does not end in time: it was stopped, or code of the user's holds its event loop."""

        def end() -> None:
            if not self._is_over:  # else its number may be another's by now
                self._overdue = f"{within_s:.0f} s{since}"
                child.kill()

        watchdog = threading.Timer(min(within_s, threading.TIMEOUT_MAX - 1), end)
        watchdog.daemon = True
        self._watchdogs.append(watchdog)
        watchdog.start()

    def _watch_no_longer(self) -> None:
        self._is_over = True
        for watchdog in self._watchdogs:
            watchdog.cancel()
            if watchdog.is_alive():  # else an interrupt came in the midst of its start
                watchdog.join()  # it has but to hear that: nothing of the run is left when it is over

    def _wind_up(self, child: Child) -> int:
        try:
            self._observation.close()
            if self._prober is not None:
                self._probe = self._prober.end()
            return child.end()
        except KeyboardInterrupt as stop:
            self._stopped_by = self._stopped_by or stop
            child.kill()
            return child.end()

    def _listen(self, child: Child) -> None:
        while True:
            try:
                for message in child.messages():
                    self._take(message)
                    if isinstance(message, Run | Failed):
                        return  # its last; whatever keeps it alive is not waited for
            except KeyboardInterrupt as stop:
                if self._stopped_by is not None:
                    child.kill()  # asked twice: what the child would still report is given up
                    return
                self.interrupt(stop)
            else:
                return

    def _take(self, message: Message) -> None:
        match message:
            case Progress():
                load = self._observation.with_targets(message.load)
                self._observer.progress(self._request.name, message.share, message.attempts, load)
            case Window():
                self._take_window(message)
            case Learned():
                if self._prober is not None:
                    self._prober.learned(message.sample)
            case Seen():
                self._take_seen(message)
            case RunRecord():
                self._partial = message
                self._observer.partial(message)
            case Run():
                self._ended = message
            case Failed():
                self._failed = message

    def _take_seen(self, seen: Seen) -> None:
        if self._on_slice is None or self._aborted is not None or self._child is None:
            return
        self._aborted = self._on_slice(seen)
        if self._aborted is not None:
            self._tell_to_end(self._child)

    def _take_window(self, window: Window) -> None:
        if window.is_open:
            self._observation.open()
            if self._prober is not None:
                self._prober.open(window.seen_per_second)
        else:
            self._observation.close()
            if self._prober is not None:
                self._prober.close()

    def _overdue_reason(self) -> str:
        users = "" if self._request.execution is not Execution.USERS else _HELD_UP
        return f"did not end by itself within {self._overdue} and was killed{users}"

    def _result(self, code: int) -> Run:
        if self._failed is not None:
            raise self._stopped_by or self._failed.error
        if self._ended is None:
            reason = self._overdue_reason() if self._overdue else how_it_ended(code)
            if self._partial is None:
                if self._stopped_by is not None:
                    raise self._stopped_by
                raise MeasurementError(f"the process of the load {reason} before it reported anything")
            error = MeasurementError(f"the process of the load {reason}")
            circumstances = replace(self._partial.circumstances, interruption=str(error))
            return Run(replace(self._partial, circumstances=circumstances), self._stopped_by or error)
        record = self._ended.record
        assert record.load is not None
        load = replace(record.load, own_process=True, probe=self._probe)
        record = replace(record, usage=self._observation.usage, fingerprint=this_machine(), load=load)
        if self._aborted is None or self._stopped_by is not None:
            return Run(record, self._stopped_by or self._ended.stopped_by)
        return aborted_run(Run(record, self._ended.stopped_by), self._aborted)
