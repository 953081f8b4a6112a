"""A suite names, keeps and journals what it runs, and does not run again what is finished."""

from dataclasses import replace
from pathlib import Path

import pytest

from paceline.core.errors import ConfigurationError
from paceline.judge.result import TestStatus, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.run_record import Circumstances, RunRecord, TestType
from paceline.store.journal import Journal, read_journal
from tests.fakes import ManualClock, make_record
from tests.runs import Work, codes, make_suite, raising, request


class TestNames:
    def test_a_name_that_was_used_gets_a_number_and_a_finding(self) -> None:
        suite = make_suite()
        results = [suite.run(request(Work(), name="checkout"), None) for _ in range(3)]
        assert [result.metrics.test_name for result in results] == ["checkout", "checkout#2", "checkout#3"]
        assert ["duplicate-name" in codes(result) for result in results] == [False, True, True]
        assert all(result.status is TestStatus.PASSED for result in results)

    def test_a_number_that_was_used_is_skipped(self) -> None:
        suite = make_suite()
        for name in ("checkout", "checkout#2"):
            suite.run(request(Work(), name=name), None)
        assert suite.run(request(Work(), name="checkout"), None).metrics.test_name == "checkout#3"

    def test_the_latest_result_of_a_name(self) -> None:
        suite = make_suite()
        first = suite.run(request(Work(), name="checkout"), None)
        suite.run(request(Work(), name="search"), None)
        assert suite.result_of("checkout") is first
        assert suite.result_of("cart") is None


class TestBeforeTheRun:
    def test_a_percentile_of_a_batched_run_is_refused(self) -> None:
        suite, work = make_suite(), Work()
        with pytest.raises(ConfigurationError, match="batched run"):
            suite.run(request(work, batch=5), PerformanceThreshold(max_p95_ms=5))
        assert work.calls == 0
        assert suite.results == []

    def test_figures_of_arrivals_are_refused_where_there_are_none(self) -> None:
        suite, work = make_suite(), Work()
        with pytest.raises(ConfigurationError, match="only under an arrival rate"):
            suite.run(request(work), PerformanceThreshold(expressions=["dropped<=0"]))
        assert work.calls == 0

    def test_the_mean_of_a_batched_run_is_not(self) -> None:
        clock = ManualClock()
        suite = make_suite(clock.as_clock())
        result = suite.run(request(Work(clock, 0.002), batch=5), PerformanceThreshold(max_mean_ms=1))
        assert result.status is TestStatus.FAILED
        assert result.violations == ["mean 2 ms > limit 1 ms (max_mean_ms)"]


class TestJournal:
    def test_a_result_is_on_the_disk_before_the_next_run_begins(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.jsonl"
        suite = make_suite(journal=Journal(path))
        seen: list[int] = []

        def look() -> None:
            seen.append(len(read_journal(path).results))

        for number in range(3):
            if number:
                suite.run(request(Work(), setup=look), None)
            else:
                suite.run(request(Work()), None)
        assert seen == [1, 2]

    def test_slices_of_a_long_run_are_on_the_disk_while_it_runs(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.jsonl"
        clock = ManualClock()
        suite = make_suite(clock.as_clock(), journal=Journal(path))
        seen: list[int] = []

        def on_call(number: int) -> None:
            unfinished = read_journal(path).unfinished if number >= 11 else None
            seen.append(unfinished.metrics.iterations if unfinished else 0)

        suite.run(request(Work(clock, 1.0, on_call), 25), None)
        assert seen == [0] * 11 + [10] * 9 + [20] * 5
        assert read_journal(path).unfinished is None

    def test_the_observer_sees_what_the_journal_sees(self, tmp_path: Path) -> None:
        class Screen:
            def __init__(self) -> None:
                self.partials: list[RunRecord] = []
                self.shares: list[float] = []

            def progress(self, record_name: str, share: float, attempts: int, load: object = None) -> None:
                self.shares.append(share)

            def partial(self, record: RunRecord) -> None:
                self.partials.append(record)

        clock, screen = ManualClock(), Screen()
        suite = make_suite(clock.as_clock(), journal=Journal(tmp_path / "journal.jsonl"), observer=screen)
        suite.run(request(Work(clock, 1.0), 25), None)
        assert [record.counts.ok for record in screen.partials] == [10, 20]
        assert len(screen.shares) == 25


class TestResuming:
    def test_what_is_finished_is_not_measured_again(self) -> None:
        first, work = make_suite(), Work()
        earlier = first.run(request(work, 10, name="checkout"), None)
        suite = make_suite(finished=[earlier])
        assert suite.run(request(work, 10, name="checkout"), None) is earlier
        assert work.calls == 10
        assert suite.results == [earlier]

    def test_another_number_of_iterations_is(self) -> None:
        earlier = make_suite().run(request(Work(), 5, name="checkout"), None)
        suite, work = make_suite(finished=[earlier]), Work()
        suite.run(request(work, 10, name="checkout"), None)
        assert work.calls == 10

    def test_credentials_in_a_name_are_hidden(self) -> None:
        result = make_suite().run(request(Work(), 5, name="http://ann:s3cret@db/records"), None)
        assert result.metrics.test_name == "http://***@db/records"

    @pytest.mark.parametrize(
        "record",
        [
            pytest.param(make_record(name="search"), id="another name"),
            pytest.param(make_record(name="checkout", test_type=TestType.DATABASE_QUERY), id="another type"),
            pytest.param(
                replace(make_record(name="checkout"), circumstances=Circumstances(interruption="KeyboardInterrupt")),
                id="broken off",
            ),
        ],
    )
    def test_anything_else_is(self, record: RunRecord) -> None:
        suite, work = make_suite(finished=[judge(record)]), Work()
        suite.run(request(work, 10, name="checkout"), None)
        assert work.calls == 10


def test_an_interrupted_run_is_kept_and_the_name_is_taken() -> None:
    suite = make_suite()
    with pytest.raises(KeyboardInterrupt):
        suite.run(request(Work(on_call=raising(KeyboardInterrupt, on=2)), name="checkout"), None)
    assert suite.run(request(Work(), name="checkout"), None).metrics.test_name == "checkout#2"
