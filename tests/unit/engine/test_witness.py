"""A target's own witness: told when windows open and end, asked for what belongs into their records."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from paceline.engine import runs
from paceline.engine.observation import Observation
from paceline.engine.request import RunRequest
from paceline.records.database import DatabaseRecord
from paceline.records.run_record import RunRecord
from paceline.workload.fresh_processes import FreshProcesses
from paceline.workload.models import ConstantRate
from tests.fakes import ManualClock
from tests.runs import Work, awaited, request
from tests.unit.engine.ways import WAYS


class Counting:
    """Notes the calls of its operation since the window opened."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.work = Work(on_call=lambda _: self.seen.append(1))
        self.seen: list[int] = []

    def expect(self, workers: int) -> None:
        self.told.append(f"expect {workers}")

    def begin(self) -> None:
        self.told.append("begin")
        self.seen.clear()

    def fold(self) -> None:
        self.told.append("fold")

    def end(self) -> None:
        self.told.append("end")

    def noted(self, record: RunRecord) -> RunRecord:
        return replace(record, database=DatabaseRecord(retries=len(self.seen)))


def with_witness(asked: RunRequest, witness: Counting) -> RunRequest:
    return replace(asked, target=replace(asked.target, witness=witness))  # type: ignore[type-var]


@pytest.mark.parametrize(("wrapped", "options", "_"), WAYS.values(), ids=WAYS)
def test_the_warmup_is_forgotten_and_the_window_is_noted(
    wrapped: Callable[[Any], Any], options: dict[str, Any], _: object
) -> None:
    witness = Counting()
    asked = with_witness(request(wrapped(witness.work), 30, 5, **options), witness)
    record = runs.run(asked, ManualClock().as_clock()).record
    assert record.database == DatabaseRecord(retries=30)
    assert witness.work.calls == 35
    assert [each for each in witness.told if each != "fold"] == [f"expect {asked.workers}", "begin", "end"]
    assert "fold" in witness.told


@pytest.mark.parametrize("wrapped", [lambda work: work, awaited])
def test_each_epoch_is_noted_alone(wrapped: Callable[[Any], Any]) -> None:
    witness = Counting()
    asked = replace(with_witness(request(wrapped(witness.work), 7, 2), witness), fresh=FreshProcesses(1, 3))
    time = ManualClock().as_clock()
    seen: list[RunRecord] = []
    ended = runs.run(asked, time, observation=Observation(time, sampling=False), on_epoch=seen.append)
    assert [each.database for each in (*seen, ended.record)] == [DatabaseRecord(retries=7)] * 3


def test_a_run_stopped_in_its_warmup_has_nothing_to_note() -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    witness = Counting()
    work = Work(on_call=stop)
    ended = runs.run(with_witness(request(work, 7, 2), witness), ManualClock().as_clock())
    assert ended.record.database is None
    assert witness.told == ["expect 1"]


@pytest.mark.parametrize("wrapped", [lambda work: work, awaited])
def test_arrivals_have_a_witness_too(wrapped: Callable[[Any], Any]) -> None:
    witness = Counting()
    asked = with_witness(request(wrapped(witness.work)), witness)
    record = runs.run(replace(asked, workload=ConstantRate(200, 0.1))).record
    assert record.database == DatabaseRecord(retries=20)
