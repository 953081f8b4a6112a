"""What a report says of fresh processes."""

from dataclasses import replace

from paceline.judge.result import judge
from paceline.records.replication import Figures, ProcessRun, Replication
from paceline.report.document import document_of
from paceline.report.replication_text import replication_lines
from paceline.report.text import render_text
from tests.fakes import MS, make_record
from tests.unit.report.cases import MACHINE, TIMESTAMP


def process(*medians_ms: float, peak_mb: int | None = 41) -> ProcessRun:
    epochs = tuple(Figures(100, 0, 1.0, median_ms * MS) for median_ms in medians_ms)
    return ProcessRun(epochs[0], epochs, 7, None if peak_mb is None else peak_mb * 1_000_000)


def lines(replication: Replication | None) -> list[str]:
    return list(replication_lines(judge(make_record(replication=replication))))


def test_nothing_of_a_run_in_the_callers_process() -> None:
    assert lines(None) == []


def test_levels() -> None:
    assert lines(Replication(2, 2, 99, (process(1.0, 1.02), process(1.2, 1.22, peak_mb=43)))) == [
        "processes     2 fresh ones, 2 epochs each; their medians 1 ms to 1.2 ms, in the",
        "              middle 1.1 ms",
        "              spread 12.8 % between processes, 1.3 % between epochs of one",
        "              (standard deviation)",
        "              peak memory 41 MB to 43 MB; hash seeds drawn from seed 99",
    ]


def test_one_epoch_and_no_memory() -> None:
    assert lines(Replication(2, 1, 5, (process(1.0, peak_mb=None), process(1.0, peak_mb=None)))) == [
        "processes     2 fresh ones; their medians 1 ms, in the middle 1 ms",
        "              spread 0 % between processes (standard deviation)",
        "              hash seeds drawn from seed 5",
    ]


def test_a_run_that_was_cut_off() -> None:
    (first, *_) = lines(Replication(3, 1, 5, (process(1.0),)))
    assert first.startswith("processes     1 fresh one of 3; their medians 1 ms")


def test_nothing_ok() -> None:
    failed = ProcessRun(Figures(9, 9, 0.0), (Figures(9, 9, 0.0),), 7)
    assert lines(Replication(1, 1, 5, (failed,))) == [
        "processes     1 fresh one",
        "              hash seeds drawn from seed 5",
    ]
    assert lines(Replication(1, 1, 5))[0] == "processes     0 fresh ones of 1"


def test_it_stands_in_the_report() -> None:
    record = replace(make_record(), replication=Replication(2, 1, 5, (process(1.0), process(1.0))))
    assert "2 fresh ones" in render_text(document_of([judge(record)], MACHINE, TIMESTAMP))
