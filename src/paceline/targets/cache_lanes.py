"""The connections of a cache as lanes: commands by callback, as many in flight on each as the pipeline is deep."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from paceline.core.clock import Clock
from paceline.records.latency import Latency
from paceline.records.load import Traffic
from paceline.records.outcome import AttemptEnd
from paceline.targets.cache_channel import Channel
from paceline.targets.cache_commands import GET, SET, Command, Keys, Values
from paceline.targets.cache_loader import Fetcher
from paceline.targets.cache_witness import CacheWitness
from paceline.targets.lanes import Lane, Sink
from paceline.targets.opening import open_all, resolve
from paceline.wire.cache_address import CacheAddress
from paceline.wire.dial import Dialer
from paceline.wire.failure import TIMEOUT, WireError
from paceline.wire.known_reply import KnownReply
from paceline.wire.resp import Reply, RespConnection
from paceline.wire.resp_dial import dial_cache
from paceline.wire.resp_error import LOADING, failure_of_reply

_SWEEPING_S = 1.0  # a limit is looked at every now and then
# Looking a member up on its class costs as much as appending it to a list.
_OK, _HIT, _MISS = AttemptEnd.OK, AttemptEnd.HIT, AttemptEnd.MISS
_ERROR, _TIMEOUT = AttemptEnd.ERROR, AttemptEnd.TIMEOUT


class CacheLane:
    """A place in the pipeline of a connection. Implements ``Lane`` for the engine, ``Asker`` for the wire."""

    __slots__ = ("_channel", "_lanes", "began_s", "due_s", "key", "kind", "noticed_s", "number", "start_s")

    def __init__(self, lanes: "CacheLanes", channel: "Channel", number: int) -> None:
        self._lanes = lanes
        self._channel = channel
        self.number = number
        self.due_s = 0.0
        self.noticed_s = 0.0
        self.start_s = 0.0
        self.began_s = 0.0  # where the attempt began earlier than its latest command was written
        self.kind = GET
        self.key = 0

    def begin(self) -> None:
        """Send the next command; over a new connection where the last one was lost."""
        self.kind, command, self.key = next(self._lanes.source)
        connection = self._channel.connection
        if connection is not None and connection.usable:
            connection.submit(self, command)
            if not connection.is_reading:
                self._channel.flush()
        else:
            self.began_s = self._lanes.now_s()
            self._channel.wait(self, command)

    def replied(self, reply: Reply, end_s: float) -> None:
        """From the wire."""
        lanes = self._lanes
        if type(reply) is bytes and not self.began_s and not lanes.several:  # in brief, for nearly all attempts
            ended = lanes.ended
            ended(self, self.start_s, end_s)
            return
        start_s, self.began_s = self.began_s or self.start_s, 0.0
        if isinstance(reply, Exception):
            self._refused(failure_of_reply(reply), start_s, end_s)
            return
        if lanes.several:
            lanes.sink.part(self.kind)
        end = _OK if self.kind != GET else _MISS if reply is None else _HIT
        if end is lanes.usual_end:
            ended = lanes.ended
            ended(self, start_s, end_s)
        else:
            lanes.sink.marked(self, start_s, end_s, end)

    def _refused(self, failure: WireError, start_s: float, end_s: float) -> None:
        pause = failure.kind == LOADING  # what is over in a second need not be asked for 100,000 times in it
        self._report(failure, start_s, end_s, _ERROR, pause=pause)

    def failed(self, failure: WireError, *, pause: bool = False) -> None:
        """From the wire, or from before it: there will be no reply."""
        start_s, self.began_s = self.began_s or self.start_s, 0.0
        self._report(failure, start_s, self._lanes.now_s(), _ERROR, pause=pause)

    def expired(self, message: str) -> None:
        """The attempt has exceeded its limit."""
        start_s, self.began_s = self.began_s or self.start_s, 0.0
        self._report(WireError(TIMEOUT, message), start_s, self._lanes.now_s(), _TIMEOUT)

    def _report(
        self, failure: WireError, start_s: float, end_s: float, end: AttemptEnd, *, pause: bool = False
    ) -> None:
        sink = self._lanes.sink
        if self._lanes.several:
            sink.part(self.kind)
        sink.failed(self, start_s, max(end_s, start_s), end, failure.kind, failure.message, pause=pause)


class FetchingLane(CacheLane):
    """Gets a key; where it is not there, loads it and stores it. One attempt is all of that."""

    __slots__ = ("_fetching",)

    def __init__(self, lanes: "CacheLanes", channel: "Channel", number: int) -> None:
        super().__init__(lanes, channel, number)
        self._fetching: asyncio.Task[None] | None = None

    def replied(self, reply: Reply, end_s: float) -> None:
        """From the wire."""
        if self.kind == GET and reply is None:
            self.began_s = self.began_s or self.start_s
            self._fetching = asyncio.get_running_loop().create_task(self._fetch())
        elif self.kind == SET and type(reply) is bytes:
            start_s, self.began_s = self.began_s, 0.0
            self._lanes.sink.marked(self, start_s, end_s, _MISS)
        else:
            super().replied(reply, end_s)

    async def _fetch(self) -> None:
        lanes = self._lanes
        assert lanes.fetcher is not None
        name = lanes.keys.name(self.key)
        try:
            value = await lanes.fetcher.load(name)
        except KeyboardInterrupt as stop:
            self._fetching = None
            lanes.sink.interrupted(stop)
            return
        except (Exception, SystemExit) as error:  # noqa: BLE001  # counted and shown
            self._fetching = None
            start_s, self.began_s = self.began_s, 0.0
            lanes.sink.raised(self, start_s, lanes.now_s(), error)
            return
        self._fetching = None
        self.kind = SET
        self._channel.send(self, lanes.setting(name, value))

    def expire_load(self, now_s: float, limit_s: float) -> None:
        """End a load that has exceeded its limit."""
        if self._fetching is not None and now_s - self.began_s >= limit_s:
            self.drop()
            self.expired(f"not loaded within {limit_s:g} s")

    def drop(self) -> "asyncio.Task[None] | None":
        """Stop loading; the task, which still has to end."""
        fetching, self._fetching = self._fetching, None
        if fetching is not None:
            fetching.cancel()
        return fetching


class CacheLanes:
    """The connections of one run. Implements ``Lanes`` and ``Witnessed``.

    Args:
        source: of commands, endless.
        part_names: of the kinds of commands, where there are several.
        keys: that commands are about.
        values: what is stored, and for how long.
        address: the server.
        dialer: opens connections to it.
        depth: commands in flight on a connection.
        timeout_s: limit of each command, from when it is written, and of an attempt until its value is loaded;
            connecting has a limit of its own, the dialer's.
        clock: where the time comes from.
        witness: sees the windows from the server's side.
        usual_end: what an attempt is whose reply is a text.
        fetcher: loads what is not there; None where nobody is to.
    """

    scenario = False
    elastic = False

    def __init__(
        self,
        source: Iterator[Command],
        part_names: tuple[str, ...],
        keys: Keys,
        values: Values,
        address: CacheAddress,
        dialer: Dialer,
        depth: int,
        timeout_s: float,
        clock: Clock,
        witness: CacheWitness,
        usual_end: AttemptEnd,
        fetcher: Fetcher | None = None,
    ) -> None:
        self.source = source
        self.part_names = part_names
        self.several = len(part_names) > 1
        self.keys = keys
        self.address = address
        self.dialer = dialer
        self.depth = depth
        self.now_s = clock.now_s
        self.witness = witness
        self.fetcher = fetcher
        self.sink: Sink
        self.ended: Callable[[Lane, float, float], None]
        self.usual_end = usual_end
        self.grace_s = timeout_s + _SWEEPING_S
        self._expiry = values.expiry
        self._timeout_s = timeout_s
        self._known = KnownReply()
        self._channels: list[Channel] = []
        self._lanes: list[CacheLane] = []

    async def open(self, count: int) -> Sequence[CacheLane]:
        """Open ``count`` connections.

        Raises:
            MeasurementError: not one could be opened; the message says why.
        """
        await resolve(self.dialer)
        self._channels = [Channel(self._dial, deep=self.depth > 1) for _ in range(count)]
        await open_all(self._channels)
        kind = CacheLane if self.fetcher is None else FetchingLane
        # One lane of each connection first: where there are fewer in flight than lanes, connections share the work.
        places = [channel for _ in range(self.depth) for channel in self._channels]
        self._lanes = [kind(self, channel, number) for number, channel in enumerate(places)]
        if self.fetcher is not None:
            self.fetcher.open(len(self._lanes))
        return self._lanes

    async def _dial(self, again: bool) -> RespConnection:  # noqa: FBT001  # a callback's only argument
        return await dial_cache(self.dialer, self.address, self.now_s, known=self._known, again=again)

    def setting(self, name: str, value: bytes) -> bytes:
        """The command that stores what was loaded."""
        key = name.encode()
        words = 5 if self._expiry else 3
        head = b"*%d\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n" % (words, len(key), key, len(value))
        return b"".join((head, value, b"\r\n", self._expiry))

    def another(self) -> None:
        """There are as many connections as the user said."""

    def attach(self, sink: Sink) -> None:
        """From now on ``sink`` is told; counters begin anew."""
        self.sink = sink
        self.ended = sink.ended
        self.dialer.tally.begin(sum(channel.connection is not None for channel in self._channels))

    def sweep(self, now_s: float) -> None:
        """End the attempts that have exceeded their limit."""
        for channel in self._channels:
            channel.sweep(now_s, self._timeout_s)
        if self.fetcher is not None:
            for lane in self._fetching():
                lane.expire_load(now_s, self._timeout_s)

    def finish(self) -> None:
        """Attempts end by themselves, within their limit."""

    def give_up(self) -> None:
        """What is still under way counts as a timeout."""
        for channel in self._channels:
            channel.give_up(self._timeout_s)
        for lane in self._fetching():
            lane.expire_load(float("inf"), self._timeout_s)

    async def close(self) -> None:
        """Close all connections."""
        ending: list[asyncio.Task[None] | None] = [lane.drop() for lane in self._fetching()]
        ending += [channel.drop() for channel in self._channels]
        tasks = [task for task in ending if task is not None]
        if tasks:
            await asyncio.wait(tasks)
        if self.fetcher is not None:
            self.fetcher.close()
        await asyncio.sleep(0)  # an aborted transport closes its socket in the next iteration

    def _fetching(self) -> list[FetchingLane]:
        return [lane for lane in self._lanes if isinstance(lane, FetchingLane)]

    def traffic(self, first_byte: Latency) -> Traffic:
        """What went over the connections since ``attach``."""
        del first_byte  # a reply is looked at when it is whole
        return self.dialer.tally.traffic(Latency())
