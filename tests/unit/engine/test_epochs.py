"""Several windows in one process: one setup, one warm-up, each window observed on its own."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from paceline.core.errors import ConfigurationError
from paceline.engine import runs
from paceline.engine.observation import Observation
from paceline.engine.request import Run, RunRequest
from paceline.records.run_record import RunRecord
from paceline.targets.http import HttpTarget
from paceline.workload.fresh_processes import FreshProcesses
from paceline.workload.models import ClosedLoop, ConstantRate
from tests.fakes import ManualClock
from tests.runs import Work, awaited, raising, request


def epochs_of(asked: RunRequest, epochs: int, clock: ManualClock | None = None) -> tuple[list[RunRecord], Run]:
    seen: list[RunRecord] = []
    asked = replace(asked, fresh=FreshProcesses(1, epochs))
    time = (clock or ManualClock()).as_clock()
    ended = runs.run(asked, time, observation=Observation(time, sampling=False), on_epoch=seen.append)
    return [*seen, ended.record], ended


WAYS: list[Any] = [pytest.param(lambda work: work, id="function"), pytest.param(awaited, id="coroutine function")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("workers", [1, 3])
def test_one_setup_one_warmup_many_windows(way: Callable[[Any], Any], workers: int) -> None:
    log: list[str] = []
    work = Work(on_call=lambda _: log.append("call"))
    asked = request(
        way(work),
        4,
        3,
        workers,
        setup=way(lambda: log.append("setup")),
        teardown=way(lambda: log.append("teardown")),
    )
    records, ended = epochs_of(asked, 3)
    assert log == ["setup", *["call"] * (3 + 3 * 4), "teardown"]
    assert [record.counts.ok for record in records] == [4, 4, 4]
    assert [record.circumstances.warmup_attempts for record in records] == [3, 3, 3]
    assert all(record.definition.epochs == 3 for record in records)
    assert ended.stopped_by is None
    assert not ended.is_cut_short


def test_windows_are_timed_on_their_own() -> None:
    clock = ManualClock()
    records, _ = epochs_of(request(Work(clock, 0.25), 4), 2, clock)
    assert [record.elapsed_ns for record in records] == [1_000_000_000] * 2
    assert records[0].started_at < records[1].started_at


@pytest.fixture
def collected() -> Iterator[list[str]]:
    """Grows by 'collection' whenever there is one; none happens unasked."""
    log: list[str] = []

    def note(phase: str, _: dict[str, int]) -> None:
        if phase == "stop":
            log.append("collection")

    gc.disable()
    gc.callbacks.insert(0, note)
    yield log
    gc.callbacks.remove(note)
    gc.enable()


def test_garbage_is_collected_before_each_window_and_counts_in_none(collected: list[str]) -> None:
    records, _ = epochs_of(request(Work(on_call=lambda _: collected.append("call")), 1, 1), 3)
    assert collected == ["call", *["collection", "call"] * 3]
    assert [record.collections.count for record in records] == [0, 0, 0]


def test_collections_of_a_window_are_its_own(collected: list[str]) -> None:
    records, _ = epochs_of(request(Work(on_call=lambda number: gc.collect() if number == 0 else None), 1), 2)
    assert [record.collections.count for record in records] == [1, 0]


@pytest.mark.parametrize("way", WAYS)
def test_an_interrupt_ends_all_epochs(way: Callable[[Any], Any]) -> None:
    teardown = Work()
    asked = request(way(Work(on_call=raising(KeyboardInterrupt, on=6))), 4, teardown=way(teardown))
    records, ended = epochs_of(asked, 3)
    assert [record.counts.ok for record in records] == [4, 2]
    assert isinstance(ended.stopped_by, KeyboardInterrupt)
    assert teardown.calls == 1


def test_batches_keep_their_calls_from_epoch_to_epoch() -> None:
    clock = ManualClock(tick_s=1e-7)
    records, _ = epochs_of(request(Work(clock, 1e-6), 4, batch="auto"), 3, clock)
    assert len({record.definition.calls_per_sample for record in records}) == 1


def test_without_fresh_processes_nothing_is_collected(collected: list[str]) -> None:
    runs.run(request(Work(), 2, 1), ManualClock().as_clock())
    assert collected == []


@pytest.mark.parametrize("workload", [ConstantRate(10, 1), ClosedLoop(1, 1.0, think_time_s=0.5)])
def test_what_cannot_be_replicated(workload: Any) -> None:
    asked = request(Work())
    with pytest.raises(ConfigurationError, match="runs and epochs are for"):
        replace(asked, workload=workload, fresh=FreshProcesses(2))
    target = HttpTarget("http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="runs and epochs are for"):
        replace(asked, target=target, workload=workload, fresh=FreshProcesses(2))
