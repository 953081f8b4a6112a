"""A driver and its legs in virtual time: each increment is looked at once, whatever is shown, judged and reported."""

import threading
from collections.abc import Callable
from dataclasses import replace

from paceline.core.clock import SYSTEM_CLOCK
from paceline.engine.child_process import LegEnded, LegNow, Message, Ready, Slice, Window
from paceline.engine.legs import Legs
from paceline.engine.live import Seen
from paceline.engine.request import LoadNow, Run, RunRequest
from paceline.records.increments import Teller
from paceline.records.load import LoadRecord
from paceline.records.merging import legs_merged
from paceline.records.outcome import AttemptEnd
from paceline.records.recorder import Recorder
from paceline.records.run_record import Circumstances, RunRecord, TestType
from paceline.targets.http import HttpTarget
from paceline.workload.legs import Leg
from paceline.workload.models import ClosedLoop
from tests.fakes import MS, ManualClock, S, make_record
from tests.strategies import Attempt, stamps_of

REQUEST = RunRequest(
    "load",
    TestType.API_ENDPOINT,
    HttpTarget("http://localhost/"),
    ClosedLoop(12, 12.0),
    own_process=True,
    processes=12,
    live=True,
)


class Child:
    """A leg whose words are the test's."""

    def __init__(self) -> None:
        self.take: Callable[[Message | None], None] = lambda _: None
        self.is_started = threading.Event()
        self.told: list[str] = []
        self._recorder, self._teller = Recorder(0.0, sample_limit=0), Teller()
        self._seconds = 0

    def order(self, request: RunRequest) -> None:
        self.take(Ready())

    def hear(self, take: Callable[[Message | None], None]) -> None:
        self.take = take

    def start_at(self, at_s: float) -> None:
        self.take(Window(is_open=True, at_s=at_s))
        self.is_started.set()

    def stop(self) -> None:
        self.told.append("stop")

    def kill(self) -> None:
        self.told.append("kill")
        self.take(None)

    def end(self) -> object:
        return 0

    def how(self) -> str:
        return "was killed by SIGKILL"

    def second(self, each_ms: int) -> None:
        """It makes an attempt after the other for a second, and says so."""
        begun_ns = self._seconds * S
        attempts = [
            Attempt(begun_ns + at_ns, begun_ns + at_ns + each_ms * MS - 1, AttemptEnd.OK)
            for at_ns in range(0, S, each_ms * MS)
        ]
        self._recorder.fold(stamps_of(attempts))
        self._seconds += 1
        ok = self._recorder.counts.ok
        self.take(LegNow(self._seconds / 12, ok, self._seconds, len(attempts), 0, 1, 50.0))
        self.take(Slice(self._teller.tell(self.record())))

    def record(self, interruption: str | None = "still running") -> RunRecord:
        return replace(
            make_record([]),
            counts=self._recorder.counts,
            latency=self._recorder.latency,
            series=self._recorder.series,
            elapsed_ns=self._seconds * S,
            window_ns=self._seconds * S,
            window_ok=self._recorder.counts.ok,
            circumstances=Circumstances(interruption=interruption),
            load=LoadRecord(cpu_percent=(50.0,) * self._seconds),
        )

    def finish(self) -> None:
        self.take(LegEnded(self._teller.tell(self.record(None), is_last=True), None))
        self.take(None)


class Here:
    """Where such legs are."""

    soon_s = 0.0
    joined_late = ()

    def __init__(self) -> None:
        self.children: list[Child] = []

    def open(self, request: RunRequest) -> int:
        return request.processes

    def machine(self, leg: Leg) -> str:
        del leg
        return ""

    def before(self, leg: Leg) -> None:
        del leg

    def child(self, leg: Leg) -> Child:
        self.children.append(Child())
        return self.children[-1]

    def close(self) -> None:
        pass


class Watching:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, LoadNow | None]] = []
        self.partials: list[RunRecord] = []

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        self.shown.append((attempts, load))

    def partial(self, record: RunRecord) -> None:
        self.partials.append(record)


def test_many_legs_are_followed_by_one_thread_and_merged_exactly() -> None:
    clock, here, watching, seen = ManualClock(), Here(), Watching(), list[Seen]()
    now = replace(SYSTEM_CLOCK, now_s=clock.now_s)

    def judge(what: Seen) -> None:
        seen.append(what)

    driver = Legs(REQUEST, now, watching, judge, here)
    runs: list[Run] = []
    before = threading.active_count()
    running = threading.Thread(target=lambda: runs.append(driver.run()), daemon=True)
    running.start()
    while len(here.children) < 12 or not all(child.is_started.wait(5) for child in here.children):
        pass
    most = 0
    for _ in range(12):
        for number, child in enumerate(here.children):
            child.second(10 + number % 3)
        clock.advance(1.0)
        driver.look(float("inf"))
        most = max(most, threading.active_count() - before)
    expected = legs_merged([child.record(None) for child in here.children])
    for child in here.children:
        child.finish()
    running.join(30)
    (run,) = runs
    assert run.stopped_by is None
    assert run.record.counts == expected.counts
    assert run.record.latency == expected.latency
    assert run.record.series == expected.series
    assert run.record.circumstances.interruption is None
    assert run.record.load is not None
    assert run.record.load.cpu_percent == (50.0,) * 12
    assert [leg.busiest_percent for leg in run.record.load.legs] == [50.0] * 12
    assert most <= 2  # the driver's own, and one that samples this machine
    # What is judged: every whole interval once, though the driver's own thread may have looked in between.
    positions = [piece.position for each in seen for piece in each.series.slices if each.series.interval_ns == S // 10]
    assert positions == sorted(set(positions))
    assert seen[-1].counts == expected.counts
    assert seen[-1].moments == expected.latency.moments
    # What is shown, and kept against the worst.
    attempts, load = watching.shown[-1]
    assert attempts == expected.counts.ok
    assert load is not None
    assert load.in_flight == 12
    assert load.latency.moments.count > 0
    assert {each.circumstances.interruption for each in watching.partials} == {"still running"}


def test_what_a_lost_leg_has_told_counts() -> None:
    clock, here = ManualClock(), Here()
    request = replace(REQUEST, workload=ClosedLoop(2, 12.0), processes=2, live=False)
    driver = Legs(request, replace(SYSTEM_CLOCK, now_s=clock.now_s), Watching(), None, here)
    runs: list[Run] = []
    running = threading.Thread(target=lambda: runs.append(driver.run()), daemon=True)
    running.start()
    while len(here.children) < 2 or not all(child.is_started.wait(5) for child in here.children):
        pass
    lost, whole = here.children
    for child in (lost, whole, whole):
        child.second(5)
    expected = legs_merged([lost.record(None), whole.record(None)])
    lost.take(None)
    whole.finish()
    running.join(30)
    (run,) = runs
    assert run.record.latency == expected.latency
    assert run.record.circumstances.interruption is None
    assert run.record.load is not None
    assert [leg.lost for leg in run.record.load.legs] == ["was killed by SIGKILL", ""]
    assert run.record.load.legs[0].lost_at_ns == S
