"""A fleet that is not there: what legs at full speed would tell in virtual time, to the driver's real code.

``python -m bench.scale_fleet LEGS SECONDS KIND [calls]`` prints what following them took, as JSON. In a process of its
own: its memory is that of the driver.
"""

import gc
import json
import pickle
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from types import FrameType

import numpy as np
import psutil

from paceline.campaign.live_limits import LiveLimits
from paceline.core.clock import SYSTEM_CLOCK, Clock
from paceline.core.units import NS_PER_S
from paceline.engine.child_process import LegEnded, LegNow, Message, Ready, Slice, Window
from paceline.engine.legs import Legs
from paceline.engine.line import Line, Speaker
from paceline.engine.live import OnSlice
from paceline.engine.remote_child import RemoteChild
from paceline.engine.request import RunRequest, Unobserved
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.exchanges import ExchangeRecorder, Exchanges
from paceline.records.increments import Teller
from paceline.records.load import LoadRecord, StatusCount, Traffic
from paceline.records.recorder import Recorder
from paceline.records.run_record import Circumstances, RunRecord, TestType
from paceline.sysmon.fingerprint import this_machine
from paceline.sysmon.leg_watch import LegUsage
from paceline.targets.http import HttpTarget
from paceline.workload.legs import Leg
from paceline.workload.models import ClosedLoop, ConstantRate, Workload

CLOSED, OPEN = "closed", "open"
_CONNECTIONS = 10  # of a leg: a load has 10,000 at most
_PER_SECOND = 20_000  # of a leg, on a real socket
_MOST_PER_SECOND = 1_000_000  # of an open loop altogether
_DIFFERENT = 8  # legs whose seconds are made; the others say the same, in other words that are unpickled anew
_TICKS = 10  # in which a driver looks at what it was told, a second
_SEED = 20_240_229


@dataclass(frozen=True)
class Followed:
    """What it took to follow a fleet.

    Attributes:
        legs: how many.
        seconds: of the load.
        cpu_us: of the driver, a leg and second.
        most_rss_bytes: the most memory it held.
        rss_bytes: what it held at the end of the load.
        own_rss_bytes: what it held before the first leg was there, all that legs will say included.
        told_bytes: by a leg, a second.
        attempts: of all of them, as the record says.
        calls: of functions, by the driver, a leg and second; 0 where they were not counted, which takes time itself.
    """

    legs: int
    seconds: int
    cpu_us: float
    most_rss_bytes: int
    rss_bytes: int
    own_rss_bytes: int
    told_bytes: float
    attempts: int
    calls: float


class _Calls:
    """Counts calls of functions in this thread."""

    def __init__(self) -> None:
        self.made = 0

    def note(self, _: FrameType, event: str, __: object) -> None:
        self.made += event in {"call", "c_call"}


class _VirtualTime:
    def __init__(self) -> None:
        self.now = 0.0

    def now_s(self) -> float:
        return self.now

    def as_clock(self) -> Clock:
        return replace(SYSTEM_CLOCK, now_s=self.now_s)


class _Nowhere(Line):
    """Stands in for the connection to a machine: all that a leg is told is dropped."""

    def __init__(self, worker: str) -> None:
        super().__init__(None, worker, 0.3, 1.5, SYSTEM_CLOCK)

    def begin(self, leg: Speaker, order: bytes) -> None:
        """Nobody is asked."""

    def wake(self) -> None:
        """Nobody sleeps."""


class _Simulated:
    """Where such legs are. Implements ``Places``."""

    soon_s = 0.0
    joined_late = ()

    def __init__(self) -> None:
        self.children: list[RemoteChild] = []

    def open(self, request: RunRequest) -> int:
        """As many as asked for."""
        return request.processes

    def child(self, leg: Leg) -> RemoteChild:
        """The driver's own side of a leg elsewhere."""
        child = RemoteChild(_Nowhere(f"tcp://10.0.0.1:{leg.number}"), 0.0)
        self.children.append(child)
        return child

    def machine(self, leg: Leg) -> str:
        """Address of its worker."""
        return f"tcp://10.0.0.1:{leg.number}"

    def before(self, leg: Leg) -> None:
        """Nobody has looked at it."""
        del leg

    def close(self) -> None:
        """Nothing is left to do."""


def _rate(legs: int, kind: str) -> int:
    """Attempts of a leg a second."""
    return min(_PER_SECOND, _MOST_PER_SECOND // legs) if kind == OPEN else _PER_SECOND


def told(kind: str, seconds: int, seed: int, per_second: int) -> Iterator[tuple[bytes, ...]]:
    """What a leg at full speed tells in each second, pickled, in what follows the last of them its end."""
    random = np.random.default_rng(seed)
    recorder = Recorder(0.0, workers=_CONNECTIONS, sample_limit=0)
    exchanges = ExchangeRecorder(recorder, ("GET /",), open_loop=kind == OPEN)
    teller, cpu = Teller(NS_PER_S), list[float]()  # as of a load of more than 10 s
    for second in range(seconds):
        for tenth in range(10):
            exchanges.fold(_stretch(random, second + tenth / 10, kind, per_second // 10))
        cpu.append(round(90 + 5 * random.random(), 1))
        record = _record(recorder, exchanges, cpu, kind, second + 1)
        now = LegNow((second + 1) / seconds, recorder.counts.attempts, second + 1.0, per_second, 0, _CONNECTIONS, 90.0)
        usage = LegUsage(92.5, 60_000_000, 97.5, 12.5, 2)
        said: tuple[Message, ...] = (now, usage, Slice(teller.tell(record)), now)
        yield tuple(pickle.dumps(message) for message in said)
    yield (
        pickle.dumps(Window(is_open=False, at_s=float(seconds))),
        pickle.dumps(LegEnded(teller.tell(record, is_last=True), None)),
    )


def _stretch(random: np.random.Generator, from_s: float, kind: str, count: int) -> Exchanges:
    ends_s = from_s + np.sort(random.random(count)) / 10
    # Half the time of fifty in the queue of one core, half of it jitter: a service that is worked to the full.
    service_s = 0.0012 + random.gamma(6.0, 0.00022, count)
    log = Exchanges()
    log.ends_s = ends_s.tolist()
    began_s = ends_s - service_s
    if kind == OPEN:
        noticed_s = began_s - random.gamma(1.5, 3e-5, count)
        log.starts_s = (noticed_s - random.gamma(1.5, 2e-5, count)).tolist()
        log.noticed_s, log.written_s = noticed_s.tolist(), began_s.tolist()
    else:
        log.starts_s = began_s.tolist()
    return log


def _record(recorder: Recorder, exchanges: ExchangeRecorder, cpu: list[float], kind: str, second: int) -> RunRecord:
    counts = recorder.counts
    traffic = Traffic(
        sent_bytes=60 * counts.ok,
        received_bytes=160 * counts.ok,
        statuses=(StatusCount(200, counts.ok),),
        connections=_CONNECTIONS,
        first_byte=exchanges.first_byte,
    )
    return RunRecord(
        name="GET /",
        test_type=TestType.API_ENDPOINT,
        definition=_request(1, kind).definition(1),
        started_at="2026-11-22T18:00:00.000000Z",
        elapsed_ns=second * NS_PER_S,
        window_ns=second * NS_PER_S,
        window_ok=counts.ok,
        counts=counts,
        latency=recorder.latency,
        series=recorder.series,
        circumstances=Circumstances(interruption="still running", warmup_attempts=20_000, event_loop="uvloop"),
        fingerprint=this_machine(),
        load=LoadRecord(tuple(cpu), arrivals=exchanges.arrivals(1_000_000), traffic=traffic),
    )


def _request(legs: int, kind: str) -> RunRequest:
    workload: Workload = (
        ConstantRate(_rate(legs, kind) * legs, 3_600.0) if kind == OPEN else ClosedLoop(_CONNECTIONS * legs, 3_600.0)
    )
    target = HttpTarget("http://localhost/", connections=_CONNECTIONS * legs, dry=True)
    return RunRequest(
        "GET /", TestType.API_ENDPOINT, target, workload, own_process=True, processes=legs, warmup_s=1.0, live=True
    )


def follow(legs: int, seconds: int, kind: str, *, counting: bool = False) -> Followed:
    """Let the driver follow ``legs`` for ``seconds`` of virtual time."""
    scripts = [list(told(kind, seconds, _SEED + number, _rate(legs, kind))) for number in range(min(legs, _DIFFERENT))]
    time_, places = _VirtualTime(), _Simulated()
    request = _request(legs, kind)
    threshold = PerformanceThreshold(expressions=["p(99)<1s over 5s, abort"])
    limits: OnSlice = LiveLimits(threshold, request)
    driver = Legs(request, time_.as_clock(), Unobserved(), limits, places)
    made: list[int] = []
    running = threading.Thread(target=lambda: made.append(driver.run().record.counts.attempts), daemon=True)
    gc.collect()
    own_rss = _rss()
    running.start()
    while len(places.children) < legs:
        time.sleep(0.01)
    idle = partial(_wait_until_idle, driver, running)
    _say(places.children, lambda _: (pickle.dumps(Ready()),))
    idle()
    _say(places.children, lambda _: (pickle.dumps(Window(is_open=True, at_s=0.0)),))
    idle()
    took_s = []
    calls = _Calls()
    if counting:
        sys.setprofile(calls.note)
    for second in range(seconds):
        begun_s = time.process_time()
        # Spread over the second, as they are: each is looked at when it comes.
        for place, child in enumerate(places.children):
            time_.now = second + 1 + place / legs
            child.heard(scripts[place % len(scripts)][second], None)
            if place % max(legs // _TICKS, 1) == 0:
                driver.look(float("inf"))  # as its own thread does by the real clock, for which no time passes here
        took_s.append(time.process_time() - begun_s)
    sys.setprofile(None)
    rss = _rss()
    _say(places.children, lambda place: scripts[place % len(scripts)][seconds])
    for child in places.children:
        child.lost("")
    running.join()
    sizes = [sum(map(len, script[second])) for second in range(seconds) for script in scripts]
    return Followed(
        legs=legs,
        seconds=seconds,
        cpu_us=1e6 * sum(took_s) / seconds / legs,
        most_rss_bytes=_most_rss(),
        rss_bytes=rss,
        own_rss_bytes=own_rss,
        told_bytes=sum(sizes) / len(sizes),
        attempts=made[0],
        calls=calls.made / seconds / legs,
    )


def _say(children: Sequence[RemoteChild], words: Callable[[int], tuple[bytes, ...]]) -> None:
    for place, child in enumerate(children):
        child.heard(words(place), None)


def _wait_until_idle(driver: Legs, running: threading.Thread) -> None:
    while running.is_alive() and not driver._heard.empty():  # noqa: SLF001  # nothing else shows that it has caught up
        time.sleep(0.002)
    with driver._lock:  # noqa: SLF001
        pass


def _rss() -> int:
    return int(psutil.Process().memory_info().rss)


def _most_rss() -> int:
    return 1_024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    print(json.dumps(asdict(follow(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], counting="calls" in sys.argv))))
