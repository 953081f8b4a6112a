"""What is told while processes come and go."""

import pickle
import signal
from dataclasses import replace
from typing import cast

import pytest

from paceline.campaign import replication
from paceline.campaign.replication import _Process, _Replicated
from paceline.engine.child_process import Child, EpochEnded, Progress, Window, how_it_ended
from paceline.engine.request import LoadNow
from paceline.records.run_record import Definition, RunRecord
from paceline.workload.fresh_processes import FreshProcesses
from paceline.workload.models import FixedIterations
from tests.fakes import MS, ManualClock, make_record
from tests.runs import Work, request


class Shown:
    def __init__(self) -> None:
        self.progressed: list[tuple[float, int]] = []
        self.slices: list[RunRecord] = []

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        self.progressed.append((share, attempts))

    def partial(self, record: RunRecord) -> None:
        self.slices.append(record)


class NoChild:
    def __init__(self) -> None:
        self.killed = 0

    def kill(self) -> None:
        self.killed += 1

    def stop(self) -> None:
        """Nothing to stop."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def replicated(clock: ManualClock, shown: Shown) -> _Replicated:
    asked = replace(request(Work(), 5, name="bench"), fresh=FreshProcesses(2, 4, 1), metadata={"key": "value"})
    return _Replicated(asked, clock.as_clock(), shown)


def process() -> _Process:
    return _Process(cast("Child", NoChild()), 7, None)


EPOCH = EpochEnded(make_record([MS] * 5))


def test_progress_is_the_share_of_all(replicated: _Replicated, shown: Shown) -> None:
    first = replicated._now = process()
    for message in (Progress(0.5, 2, None), EPOCH, EPOCH, Progress(0.5, 3, None)):
        replicated._take(first, message)
    assert shown.progressed == [(0.5 / 8, 2), (2.5 / 8, 13)]
    replicated._merged.append(make_record([MS] * 20))
    replicated._now = process()
    replicated._take(replicated._now, Progress(1.0, 5, None))
    assert shown.progressed[-1] == (5 / 8, 25)


def test_slices_are_of_all_that_was_seen(replicated: _Replicated, shown: Shown, clock: ManualClock) -> None:
    first = replicated._now = process()
    replicated._take(first, EPOCH)
    assert shown.slices == []  # not every epoch: a fast one would write a file each time
    clock.advance(10.0)
    replicated._take(first, EPOCH)
    replicated._take(first, make_record([MS] * 3))  # the process's own slice of the epoch under way
    assert [record.counts.ok for record in shown.slices] == [10, 13]
    assert [len(each.epochs) for record in shown.slices for each in record.processes] == [2, 3]
    assert shown.slices[0].circumstances.interruption == "still running"
    assert shown.slices[0].metadata == {"key": "value"}


def test_a_process_is_watched_only_in_its_windows_and_where_attempts_have_a_limit() -> None:
    without, with_limit = process(), _Process(cast("Child", NoChild()), 7, 600.0)
    without.window(is_open=True)
    assert without._watchdog is None
    with_limit.sign_of_life()
    assert with_limit._watchdog is None
    with_limit.window(is_open=True)
    first = with_limit._watchdog
    assert first is not None
    with_limit.sign_of_life()
    assert first.finished.is_set()
    assert with_limit._watchdog is not first
    with_limit.window(is_open=False)
    assert with_limit._watchdog is None


def test_a_process_that_was_stopped_is_killed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "_GRACE_S", 0.0)
    child = NoChild()
    stopped = _Process(cast("Child", child), 7, None)
    stopped.stop()
    watchdog = stopped._watchdog
    stopped.sign_of_life()
    stopped.window(is_open=False)
    assert stopped._watchdog is watchdog
    assert watchdog is not None
    watchdog.join(20.0)
    assert child.killed == 1
    assert stopped.overdue == "gave no sign of life for 0 s and was killed"


def test_windows_open_the_observation_once(replicated: _Replicated) -> None:
    one = process()
    for is_open in (True, False, True, False):
        replicated._take(one, Window(is_open))
    assert replicated._observation.own_cpu_s is None  # until the last process has ended
    replicated._observation.close()
    assert replicated._observation.own_cpu_s is not None


def test_batches_are_as_long_in_every_process(clock: ManualClock, shown: Shown) -> None:
    asked = replace(request(list, 5, batch="auto"), fresh=FreshProcesses(2, 4, 1))
    batched = _Replicated(asked, clock.as_clock(), shown)
    assert pickle.loads(batched._order()).workload == asked.workload
    batched._merged.append(make_record(definition=Definition(iterations=5, calls_per_sample=640)))
    assert pickle.loads(batched._order()).workload == FixedIterations(5, batch=640)


@pytest.mark.parametrize(
    ("code", "words"),
    [(3, "ended with code 3"), (-signal.SIGSEGV, "was killed by SIGSEGV"), (-999, "was killed by signal 999")],
)
def test_return_codes_in_words(code: int, words: str) -> None:
    assert how_it_ended(code) == words
