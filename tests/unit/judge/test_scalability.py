"""Sweeps are found among results, and what is said of one follows from its records alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from paceline.core.findings import Finding
from paceline.judge.result import TestResult, judge
from paceline.judge.scalability import Scalability, scalabilities, sweeps_of
from paceline.records.fingerprint import Fingerprint
from paceline.records.recorder import Counts
from paceline.records.replication import Figures, ProcessRun, Replication
from paceline.records.run_record import Circumstances
from paceline.store.codec import read_results, write_results
from tests.fakes import make_record
from tests.unit.report.scalability_cases import LEVELS, bent, straight, sweep, usl


def of(results: list[TestResult]) -> Scalability:
    (found,) = scalabilities(results)
    return found


def codes(found: Scalability) -> list[str]:
    return [finding.code for finding in found.findings]


class TestFinding:
    def test_sweeps_by_name_with_their_levels_ascending(self) -> None:
        found = sweeps_of([*reversed(bent()), *straight(), judge(make_record(name="alone"))])
        assert list(found) == ["checkout", "fetch"]
        assert list(found["checkout"]) == list(LEVELS)

    def test_a_second_sweep_of_one_name_is_another_one(self) -> None:
        again = [judge(replace(each.record, name=f"{each.record.name}#2")) for each in sweep(usl(0, 0), levels=(1, 2))]
        assert list(sweeps_of([*bent(), *again])) == ["checkout", "checkout#2"]

    def test_none_at_once_is_no_level(self) -> None:
        levels = [make_record(name=f"load_concurrency_{each}", metadata={"concurrency": each}) for each in (0, 1)]
        assert scalabilities([judge(each) for each in levels]) == ()

    @pytest.mark.parametrize("metadata", [{}, {"concurrency": 3}, {"concurrency": "2"}])
    def test_a_name_alone_is_no_level(self, metadata: dict[str, object]) -> None:
        levels = [make_record(name=f"load_concurrency_{each}", metadata=metadata) for each in (1, 2)]
        assert scalabilities([judge(each) for each in levels]) == ()


class TestRuns:
    def test_repeats_are_observations_in_the_order_they_were_made(self) -> None:
        found = of(bent())
        assert found.seed == 5
        assert [len(level.runs) for level in found.levels] == [3] * 6
        assert found.law is not None
        assert found.law.degrees == 15
        assert found.levels[0].efficiency == 1
        assert found.levels[-1].efficiency == pytest.approx(usl(0.1, 0.002)(32) / 32 / 100, rel=0.02)

    def test_fresh_processes_are(self) -> None:
        def process(per_s: float) -> ProcessRun:
            figures = Figures(attempts=10**6, errors=0, throughput_per_s=per_s)
            return ProcessRun(figures, (figures,), 1)

        results = [
            judge(replace(each.record, replication=Replication(2, 1, 7, (process(rate), process(1.02 * rate)))))
            for each in sweep(usl(0.1, 0.002), repeats=1)
            for rate in [each.record.throughput_per_s]
        ]
        found = of(results)
        assert [len(level.runs) for level in found.levels] == [2] * 6
        assert found.seed is None
        assert "levels-in-order" in codes(found)

    def test_a_run_that_was_cut_off_is_none(self) -> None:
        results = sweep(usl(0.1, 0.002), repeats=1)
        cut = replace(results[3].record, circumstances=Circumstances(interruption="KeyboardInterrupt"))
        found = of([*results[:3], judge(cut), *results[4:]])
        assert [len(level.runs) for level in found.levels] == [1, 1, 1, 0, 1, 1]
        assert found.refusal is not None
        assert found.refusal.code == "few-levels"
        assert "sweep-broken-off" in codes(found)

    def test_missing_repeats_are_said_and_the_others_used(self) -> None:
        results = bent()
        repetition = results[2].record.repetition
        assert repetition is not None
        fewer = replace(results[2].record, repetition=replace(repetition, repeats=repetition.repeats[:2]))
        found = of([*results[:2], judge(fewer), *results[3:]])
        assert found.law is not None
        assert found.law.degrees == 14
        (missing,) = [each for each in found.findings if each.code == "sweep-broken-off"]
        assert missing.serious
        assert "2 of 3 with 4 workers" in missing.seen


class TestWhatIsSaid:
    def test_contention_coherency_and_a_peak_that_was_measured(self) -> None:
        found = of(bent())
        assert found.refusal is None
        assert codes(found) == ["contention", "coherency", "peak"]
        assert "21.2 [" in found.findings[2].seen
        assert "within the levels measured" in found.findings[2].seen

    def test_a_peak_beyond_them_is_called_extrapolated(self) -> None:
        found = of(sweep(usl(0.02, 0.0004), "search"))
        (peak,) = [each for each in found.findings if each.code == "peak"]
        assert "beyond the 32 that were measured: extrapolated" in peak.seen

    def test_nothing_of_what_is_straight(self) -> None:
        found = of(straight())
        assert found.refusal is not None
        assert found.refusal.code == "linear"
        assert codes(found) == []

    def test_a_hard_limit_is_not_the_law(self) -> None:
        found = of(sweep(lambda workers: 100.0 * min(workers, 6)))
        assert found.refusal is not None
        assert found.refusal.code == "another-law"
        assert found.law is not None
        assert found.law.peak is None
        assert codes(found) == []  # nothing is concluded from parameters of a law that does not hold

    def test_what_is_a_little_off_is_said(self) -> None:
        law = usl(0.1, 0.002)
        found = of(sweep(lambda workers: law(workers) * (1.04 if workers == 4 else 1), repeats=9))
        assert "not-quite-the-law" in codes(found)
        assert "contention" in codes(found)

    def test_levels_at_which_the_measuring_side_was_full(self) -> None:
        results = bent()
        saturated = Finding("generator-saturated", "Full.", "Not the server.", "Less.", serious=True)
        results[-1] = replace(results[-1], findings=(saturated,))
        first = of(results).findings[0]
        assert (first.code, first.serious) == ("own-limit", True)
        assert "With 32 workers" in first.seen

    def test_levels_at_which_attempts_fail(self) -> None:
        results = bent()
        record = results[4].record
        failing = replace(record, counts=Counts(ok=record.counts.ok, errors=record.counts.ok // 10))
        results[4] = judge(failing)
        assert "levels-fail" in codes(of(results))


def test_a_stored_file_says_the_same(tmp_path: Path) -> None:
    results = [*bent(), *straight()]
    write_results(tmp_path / "results.json", results, Fingerprint(), "2026-11-22T18:00:00Z")
    assert scalabilities(read_results(tmp_path / "results.json")) == scalabilities(results)


def test_its_plain_form() -> None:
    plain = of(bent()).to_dict()
    assert plain["name"] == "checkout"
    law = plain["law"]
    assert isinstance(law, dict)
    assert law["contention"]["interval"]["confidence"] == pytest.approx(0.95)
    assert of(sweep(usl(0.1, 0), levels=(1, 2))).to_dict()["law"] is None
