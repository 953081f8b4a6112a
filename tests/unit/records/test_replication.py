"""The levels of a replicated run, and what it contributes to a baseline."""

from dataclasses import replace

import pytest

from paceline.records.quantities import MEDIAN, P95, PEAK_RSS, QUANTITIES, Quantity
from paceline.records.replication import Figures, ProcessRun, Replication
from tests.fakes import make_record

FIGURES = Figures(200, 50, 30.0, 1.0, 2.0, 3.0, 4.0)


def process(median_ns: float | None, peak_rss_bytes: int | None = None) -> ProcessRun:
    return ProcessRun(replace(FIGURES, median_ns=median_ns), (FIGURES,), 7, peak_rss_bytes)


def test_each_quantity_of_a_process() -> None:
    found = {key: process(1.0, 5).value(quantity) for key, quantity in QUANTITIES.items()}
    assert found == {
        "median": 1.0,
        "mean": 2.0,
        "p95": 3.0,
        "p99": 4.0,
        "throughput": 30.0,
        "error_rate": 0.25,
        "peak_rss": 5,
    }


def test_a_process_without_attempts_has_no_error_rate() -> None:
    assert ProcessRun(Figures(0, 0, 0.0), (), 7).value(QUANTITIES["error_rate"]) is None


def test_an_unknown_quantity() -> None:
    with pytest.raises(LookupError):
        process(1.0).value(Quantity("luck", "luck", "x"))


def test_a_session_contributes_the_median_over_its_processes() -> None:
    replication = Replication(4, 1, 0, (process(9.0, 4), process(None), process(1.0), process(2.0)))
    assert replication.value(MEDIAN) == 2.0
    assert replication.value(PEAK_RSS) == 4
    assert Replication(2, 1, 0).value(P95) is None


def test_processes_of_a_record() -> None:
    assert make_record().processes == ()
    replication = Replication(1, 1, 0, (process(1.0),))
    assert make_record(replication=replication).processes == replication.processes
