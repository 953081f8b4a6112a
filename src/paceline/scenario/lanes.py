"""The virtual users of a run."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError
from paceline.core.redaction import redact
from paceline.records.latency import Latency
from paceline.records.load import Traffic
from paceline.scenario.cookies import CookieJar
from paceline.scenario.encoding import Requests
from paceline.scenario.lane import UserLane
from paceline.scenario.learner import Learner
from paceline.scenario.user import Script
from paceline.targets.lanes import Sink
from paceline.targets.replay import ReplayTarget, Sample
from paceline.wire.dial import Dialer
from paceline.wire.failure import CLOSED, WireError
from paceline.wire.tls import TlsOptions
from paceline.workload.legs import WHOLE, Leg
from paceline.workload.models import MOST_WORKERS

_OPENING = 100  # connections that are being opened at a time, as for an HTTP target
_CLOSING_S = 5.0
_SWEEPING_S = 1.0

_Stops = dict[asyncio.Task[BaseException | None], int]


class ScenarioLanes:
    """The virtual users of one run. Implements ``Lanes``.

    Args:
        script: what they do.
        requests: makes their requests.
        dialer: opens their connections.
        jar: makes a fresh user's cookies.
        clock: where the time comes from.
        tls: how connections are encrypted; None for http.
        timeout_s: limit of a request.
        follow_redirects: unless a request says otherwise.
        leg: which of all users these are.
    """

    scenario = True
    elastic = True

    def __init__(
        self,
        script: Script,
        requests: Requests,
        dialer: Dialer,
        jar: Callable[[], CookieJar],
        clock: Clock,
        *,
        tls: TlsOptions | None,
        timeout_s: float,
        follow_redirects: bool,
        leg: Leg = WHOLE,
    ) -> None:
        self.script = script
        self.requests = requests
        self.dialer = dialer
        self.jar = jar
        self.now_s = clock.now_s
        self.loop = asyncio.get_running_loop()
        self._tls = tls
        self.timeout_s = timeout_s
        self.grace_s = timeout_s + _SWEEPING_S
        self.follow_redirects = follow_redirects
        self.leg = leg
        self.ended = False
        self.learner: Learner | None = None
        self.sink: Sink
        self._lanes: list[UserLane] = []
        self._resting: set[asyncio.Future[None]] = set()
        self._halted: set[asyncio.Task[None]] = set()

    @property
    def part_names(self) -> Sequence[str]:
        """Of the requests sent so far."""
        return self.requests.part_names

    async def open(self, count: int) -> Sequence[UserLane]:
        """Make ``count`` users, each with a connection.

        Raises:
            MeasurementError: not one connection could be opened; the message says why.
        """
        try:
            await self.dialer.resolve()
        except WireError as failure:
            raise MeasurementError(f"{failure.message} [{failure.kind}]") from failure
        self._lanes = [UserLane(self, number) for number in range(count)]
        waiting = iter(self._lanes)
        failures: list[WireError] = []

        async def open_some() -> None:
            for lane in waiting:
                try:
                    await lane.client.connect()
                except WireError as failure:
                    if failure.kind == CLOSED:
                        continue  # it could be opened: what the server does then, each request will say
                    failures.append(failure)
                    return

        await asyncio.gather(*(open_some() for _ in range(min(count, _OPENING))))
        if failures and not any(lane.client.connections for lane in self._lanes):
            raise MeasurementError(f"{failures[0].message} [{failures[0].kind}]")
        return self._lanes

    def another(self) -> UserLane | None:
        """One more user; None when there are as many as there can be."""
        if len(self._lanes) >= MOST_WORKERS:
            return None
        lane = UserLane(self, len(self._lanes))
        self._lanes.append(lane)
        return lane

    def lane(self, number: int) -> UserLane:
        """A user."""
        return self._lanes[number]

    def attach(self, sink: Sink) -> None:
        """From now on ``sink`` is told."""
        self.sink = sink
        self.ended = False
        self.dialer.tally.begin(sum(lane.client.connections for lane in self._lanes))

    def learn(self) -> None:
        """Remember requests that a probe could send, until it is known which."""
        self.learner = Learner(self.now_s)

    def learned(self) -> Sample | None:
        """What a probe is to send; None as long as that is not known."""
        learner = self.learner
        if learner is None or not learner.is_done:
            return None
        self.learner = None
        chosen = learner.chosen(self.part_names)
        if chosen is None:
            return None
        name, per_second, requests = chosen
        target = ReplayTarget(self.dialer.endpoint, self._tls, requests, self.timeout_s, self.dialer.connect_timeout_s)
        return Sample(name, per_second, target)

    def sweep(self, now_s: float) -> None:
        """End the requests that have exceeded their limit."""
        for lane in self._lanes:
            lane.client.sweep(now_s, self.timeout_s)

    def finish(self) -> None:
        """Users end when they would begin another request; those who think wake up."""
        self.ended = True
        for future in self._resting:
            if not future.done():
                future.set_result(None)

    async def rest(self, seconds: float) -> None:
        """Wait so long, or until the load ends."""
        future = self.loop.create_future()
        timer = self.loop.call_later(seconds, _wake, future)
        self._resting.add(future)
        try:
            await future
        finally:
            timer.cancel()
            self._resting.discard(future)

    def give_up(self) -> None:
        """What is still under way counts as a timeout."""
        for lane in self._lanes:
            if lane.busy:
                lane.give_up()

    def halted(self, task: asyncio.Task[None]) -> None:
        """From a lane: it has cancelled its task."""
        self._halted.add(task)
        task.add_done_callback(self._halted.discard)

    async def close(self) -> None:
        """Call ``on_stop`` of every started user, then leave nothing behind.

        Raises:
            MeasurementError: an ``on_stop`` failed, or took too long.
        """
        until_s = self.loop.time() + _CLOSING_S
        self.finish()
        stops: _Stops = {}
        try:
            for lane in self._lanes:
                lane.halt()
            await self._wait(self._halted, until_s)
            if self.script.on_stop is not None:
                stops = {self.loop.create_task(lane.stop()): lane.number for lane in self._lanes if lane.started}
                await self._wait(stops, until_s)
        finally:
            for task in stops:
                task.cancel()
            for lane in self._lanes:
                await lane.client.close()
            await asyncio.sleep(0)  # an aborted transport closes its socket in the next iteration
        _tell_failures(stops)

    async def _wait(self, tasks: Collection[asyncio.Task[Any]], until_s: float) -> None:
        if tasks:
            await asyncio.wait(list(tasks), timeout=max(until_s - self.loop.time(), 0.0))

    def traffic(self, first_byte: Latency) -> Traffic:
        """What went over the connections since ``attach``."""
        return self.dialer.tally.traffic(first_byte)


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _tell_failures(stops: _Stops) -> None:
    late = [number for task, number in stops.items() if not task.done() or task.cancelled()]
    failed = [
        (number, error)
        for task, number in stops.items()
        if task.done() and not task.cancelled() and (error := task.exception() or task.result()) is not None
    ]
    if failed:
        number, error = failed[0]
        others = f" (and those of {len(failed) - 1} other users)" if len(failed) > 1 else ""
        raise MeasurementError(
            redact(f"on_stop of user {number}{others} raised {type(error).__name__}: {error}")
        ) from error
    if late:
        raise MeasurementError(f"on_stop of {len(late)} users did not end within {_CLOSING_S:g} s")
