"""One virtual user as a lane: a task that goes through the scenario again and again."""

import asyncio
from typing import Protocol

from paceline.records.outcome import AttemptEnd
from paceline.scenario.client import Client
from paceline.scenario.failure import LoadEnded, RequestFailed, own_part
from paceline.scenario.house import House
from paceline.scenario.user import Script, User
from paceline.wire.failure import TIMEOUT
from paceline.workload.legs import Leg
from paceline.workload.models import seconds_from_zero

# The parts of errors that are no request's.
RUN = "(user function)"
ON_START = "(on_start)"
_PAUSE_S = 0.1  # before on_start is tried again


class Household(House, Protocol):
    """The lanes of the run, as far as one of them knows them.

    Attributes:
        script: what users do.
        timeout_s: limit of a request.
        grace_s: how long after its end a load waits for what is under way.
        leg: which of all users these are.
    """

    script: Script
    timeout_s: float
    grace_s: float
    leg: Leg

    async def rest(self, seconds: float) -> None:
        """Wait so long, or until the load ends."""

    def halted(self, task: "asyncio.Task[None]") -> None:
        """A task was cancelled."""


class UserLane:
    """One virtual user. Implements ``Lane``."""

    def __init__(self, lanes: Household, number: int) -> None:
        self._lanes = lanes
        self._task: asyncio.Task[None] | None = None
        self._parked: asyncio.Future[None] | None = None
        self._begun = False
        self._begun_s = 0.0
        self._start_failed = False
        self._given_up = False
        self.number = number
        self.due_s = 0.0
        self.noticed_s = 0.0
        self.busy = False
        self.started = False
        self._settle_in()

    def _settle_in(self) -> None:
        """A fresh user."""
        self.client = Client(self._lanes, self)
        self.user = User(self._lanes.leg.nth(self.number), self.client, self._think)
        self.started = False

    def _renew(self) -> None:
        """Another user in place of one that was given up, whose function may still be running."""
        self._given_up = False
        self.client.drop()
        self._settle_in()

    @property
    def is_on_its_way(self) -> bool:
        """Whether the user's own task is what runs now, rather than one that its function made."""
        return self._task is not None and asyncio.current_task() is self._task

    @property
    def is_due(self) -> bool:
        """Whether an arrival of an open loop has not been reported yet; the engine says so in ``due_s``."""
        return 0.0 < self.due_s < float("inf")

    def begin(self) -> None:
        """Go through the scenario once."""
        self._begun = True
        self.busy = True
        if self._task is None:
            if self._given_up:
                self._renew()
            self._task = self._lanes.loop.create_task(self._live(self.user, self.client))
        elif self._parked is not None and not self._parked.done():
            self._parked.set_result(None)
        # Otherwise the task is what has called: it goes on by itself.

    async def _live(self, user: User, client: Client) -> None:
        lanes = self._lanes
        run, now_s = lanes.script.run, lanes.now_s
        while True:
            if not self._begun:
                self._parked = lanes.loop.create_future()
                await self._parked
                self._parked = None
            self._begun = False
            self._begun_s = now_s()
            if not self.started and not await self._start(user, client):
                continue
            error: BaseException | None = None
            try:
                await run(user)
            except (LoadEnded, RequestFailed):
                pass
            except BaseException as raised:  # noqa: BLE001  # what pytest.fail raises is no Exception
                error = self._own_part(client, raised)
            if client.is_shut:
                return  # given up meanwhile
            if len(client.idle) != len(client.lines):
                await client.settle()
            if not client.waited:
                await asyncio.sleep(0)  # a function that awaits nothing must not keep the loop from all others
            client.waited = False
            if error is None and not client.was_refused:
                self.busy = False
                client.flush()
                lanes.sink.released(self)
            else:
                self._release(client, error)

    def _own_part(self, client: Client, raised: BaseException) -> BaseException | None:
        """What is to be counted of what a user function raised; ``KeyboardInterrupt`` ends the load, and this user."""
        if isinstance(raised, GeneratorExit):
            raise raised  # ends a coroutine that nobody runs any more
        if not isinstance(raised, KeyboardInterrupt):
            return own_part(raised, turned_away=client.turned_away)
        self.busy = False
        client.flush()
        client.shut()
        self._lanes.sink.interrupted(raised)
        return None

    def _release(self, client: Client, error: BaseException | None) -> None:
        sink = self._lanes.sink
        self.busy = False
        if error is not None:
            client.flush()
            self._raise(error)
            return
        refused = client.flush_but_refused()
        if refused is None:
            sink.released(self)
        else:
            sink.part(refused.request.part)
            sink.failed(self, refused.start_s, refused.end_s, refused.end, refused.kind, refused.message, pause=True)

    def _raise(self, error: BaseException, part: str = RUN) -> None:
        sink = self._lanes.sink
        sink.part(self._lanes.requests.part(part))
        sink.raised(self, self._begun_s, self._lanes.now_s(), error)

    async def _start(self, user: User, client: Client) -> bool:
        """Call ``on_start``; False if it failed, which is reported."""
        on_start = self._lanes.script.on_start
        if on_start is None:
            self.started = True
            return True
        error: BaseException | None = None
        client.record(recording=False)
        try:
            if self._start_failed:
                await self._lanes.rest(_PAUSE_S)
            await on_start(user)
            self.started = True
        except LoadEnded:
            pass
        except BaseException as raised:  # noqa: BLE001  # see _live
            error = self._own_part(client, raised)
        if client.is_shut:
            raise asyncio.CancelledError  # given up meanwhile
        await client.settle()
        client.record(recording=True)
        if self.started:
            return True
        self._start_failed = True
        self.busy = False
        if error is None:
            self._lanes.sink.released(self)
        else:
            self._raise(error, ON_START)
        return False

    async def _think(self, seconds: float) -> None:
        seconds_from_zero("seconds", seconds)
        client, lanes = self.client, self._lanes
        client.flush()
        if lanes.ended:
            await asyncio.sleep(0)
            client.go_on()
            return
        await lanes.rest(seconds)

    def give_up(self) -> None:
        """What is under way is not waited for any longer."""
        lanes, client = self._lanes, self.client
        was_settled = client.is_settled
        client.shut(lanes.timeout_s)
        client.flush()
        self.halt()
        self._given_up = True
        self.busy = False
        if was_settled:
            now_s = lanes.now_s()
            message = f"the user function did not end within {lanes.grace_s:g} s after the end of the load"
            lanes.sink.part(lanes.requests.part(RUN))
            lanes.sink.failed(self, self._begun_s, now_s, AttemptEnd.TIMEOUT, TIMEOUT, message)
        else:
            lanes.sink.released(self)

    def halt(self) -> None:
        """End the task, whatever it is doing."""
        self.client.shut()
        task, self._task = self._task, None
        self._parked = None
        self._begun = False
        if task is not None:
            task.cancel()
            self._lanes.halted(task)

    async def stop(self) -> BaseException | None:
        """Call ``on_stop``; what it raised if that would tear the event loop down, and with it what was measured."""
        on_stop = self._lanes.script.on_stop
        assert on_stop is not None
        self.client.reopen()
        self.client.record(recording=False, unending=True)
        try:
            await on_stop(self.user)
        except (KeyboardInterrupt, SystemExit) as error:
            return error
        return None
