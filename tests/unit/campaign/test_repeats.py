"""Levels are repeated in an order that is drawn, merged exactly, and no finished repeat is lost."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.campaign.repeats import Step, order_of
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.framework import PerformanceTestFramework
from paceline.judge.result import TestResult
from paceline.judge.thresholds import PerformanceThreshold
from paceline.store.journal import BROKEN_OFF, Journal, read_journal
from tests.fakes import ManualClock
from tests.runs import Work, awaited, make_framework, raising

LEVELS = [1, 2, 4]


@given(st.integers(1, 20), st.integers(1, 10), st.integers(0, 2**63 - 1))
def test_every_round_has_every_level_once(levels: int, repeats: int, seed: int) -> None:
    order = order_of(levels, repeats, seed)
    assert [step.place for step in order] == list(range(levels * repeats))
    for number in range(repeats):
        round_ = order[number * levels : (number + 1) * levels]
        assert {step.number for step in round_} == {number}
        assert sorted(step.level for step in round_) == list(range(levels))
    assert order == order_of(levels, repeats, seed)


def test_levels_have_no_place_of_their_own() -> None:
    first = Counter(order_of(3, 1, seed)[0].level for seed in range(300))
    assert min(first.values()) > 70
    assert order_of(8, 2, 1) != order_of(8, 2, 2)
    assert order_of(1, 2, 5) == [Step(0, 0, 0), Step(0, 1, 1)]


class Screen:
    """An observer that keeps what it was told."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def progress(self, record_name: str, share: float, attempts: int, load: object = None) -> None:
        del share, attempts, load
        self.names.append(record_name)

    def partial(self, record: object) -> None:
        """Nothing."""


def sweep(framework: PerformanceTestFramework, work: Any, **options: Any) -> list[TestResult]:
    options = {"iterations_per_level": 8, "warmup_iterations": 2, "repeats": 3, "seed": 5, **options}
    return framework.run_concurrent_benchmark("load", work, options.pop("levels", LEVELS), **options)


class TestResults:
    def test_one_a_level_in_the_order_of_levels_with_every_call_counted(self) -> None:
        work, framework = Work(), make_framework()
        results = sweep(framework, work, levels=[4, 1, 2])
        assert [each.metrics.test_name for each in results] == [f"load_concurrency_{n}" for n in (4, 1, 2)]
        assert framework.results == results
        assert work.calls == 3 * 3 * 10
        assert [each.metrics.iterations for each in results] == [24] * 3
        assert [each.record.circumstances.warmup_attempts for each in results] == [6] * 3
        assert [each.record.definition.repeats for each in results] == [3] * 3
        assert [each.record.latency.moments.count for each in results] == [24] * 3

    def test_repeats_are_kept_apart_in_the_order_that_the_seed_says(self) -> None:
        results = sweep(make_framework(), Work())
        seen: dict[int, tuple[int, int]] = {}
        for level, each in enumerate(results):
            assert each.record.repetition is not None
            assert each.record.repetition.seed == 5
            seen |= {repeat.place: (level, repeat.number) for repeat in each.record.repetition.repeats}
            assert [repeat.figures.attempts for repeat in each.record.repetition.repeats] == [8, 8, 8]
        assert [seen[place] for place in sorted(seen)] == [(step.level, step.number) for step in order_of(3, 3, 5)]

    def test_each_is_set_up_and_torn_down(self) -> None:
        setup, teardown = Work(), Work()
        sweep(make_framework(), Work(), setup=setup, teardown=teardown)
        assert (setup.calls, teardown.calls) == (9, 9)

    def test_a_seed_is_drawn_and_kept(self) -> None:
        seeds = {
            repetition.seed
            for _ in range(3)
            if (repetition := sweep(make_framework(), Work(), seed=None)[0].record.repetition) is not None
        }
        assert len(seeds) == 3

    def test_one_repeat_is_the_sweep_as_it_was(self) -> None:
        results = sweep(make_framework(), Work(), repeats=1, seed=None)
        assert all(each.record.repetition is None and each.record.definition.repeats == 1 for each in results)

    def test_the_same_on_a_running_loop(self) -> None:
        work = Work()

        async def main() -> list[TestResult]:
            framework = make_framework()
            return await framework.arun_concurrent_benchmark(
                "load", awaited(work), LEVELS, iterations_per_level=8, warmup_iterations=2, repeats=3, seed=5
            )

        results = asyncio.run(main())
        assert work.calls == 90
        assert [each.metrics.iterations for each in results] == [24] * 3

    def test_progress_names_level_and_repeat(self) -> None:
        clock, screen = ManualClock(), Screen()
        framework = PerformanceTestFramework(clock=clock.as_clock(), observer=screen)
        sweep(framework, Work(clock, 1.0), levels=[1, 2], repeats=2, seed=1)
        step = order_of(2, 2, 1)[0]
        assert screen.names[0] == f"load_concurrency_{[1, 2][step.level]}, repeat 1 of 2 (run 1 of 4)"
        assert len(set(screen.names)) == 4

    @pytest.mark.parametrize(
        ("wrong", "complaint"),
        [
            ({"repeats": 0}, "repeats must be a whole number of at least 1"),
            ({"repeats": 2.0}, "repeats must be"),
            ({"repeats": 10_000}, "at most 1000"),
            ({"seed": -1}, "seed must be"),
            ({"repeats": 1}, "ask for repeats too"),
            ({"seed": "x"}, "seed must be"),
            (
                {"threshold": PerformanceThreshold(expressions=["avg<9s", "avg<1ms, abort"])},
                "threshold 'avg<1ms, abort': 'abort' does not go together with repeats",
            ),
        ],
        ids=repr,
    )
    def test_wrong_arguments(self, wrong: Any, complaint: str) -> None:
        work = Work()
        with pytest.raises(ConfigurationError, match=complaint):
            sweep(make_framework(), work, **wrong)
        assert work.calls == 0

    def test_names_are_given_back(self) -> None:
        framework = make_framework()
        first, second = sweep(framework, Work(), levels=[1, 2]), sweep(framework, Work(), levels=[1, 2])
        assert [each.metrics.test_name for each in (*first, *second)] == [
            "load_concurrency_1",
            "load_concurrency_2",
            "load_concurrency_1#2",
            "load_concurrency_2#2",
        ]


class TestBrokenOff:
    """Of two levels, two repeats and 10 calls a run; call 25 is in the third run."""

    def interrupted(self, path: Path, on: int = 25) -> tuple[PerformanceTestFramework, Work]:
        journal, work = Journal(path), Work(on_call=raising(KeyboardInterrupt, on=on))
        framework = make_framework(journal=journal)
        with pytest.raises(KeyboardInterrupt):
            sweep(framework, work, levels=[1, 2], repeats=2)
        journal.close()
        return framework, work

    def test_what_was_measured_is_kept(self, tmp_path: Path) -> None:
        framework, work = self.interrupted(tmp_path / "journal.jsonl")
        assert work.calls == 26
        assert len(framework.results) == 2
        counts = sorted(each.metrics.iterations for each in framework.results)
        assert counts[0] == 8
        assert 8 + 3 <= counts[1] <= 8 + 4
        for each in framework.results:
            assert each.record.circumstances.interruption == "KeyboardInterrupt"
            assert each.record.repetition is not None
            assert len(each.record.repetition.repeats) == 1  # the one under way is none

    def test_an_error_keeps_what_there_is_and_says_why(self) -> None:
        framework, setup = make_framework(), Work(on_call=raising(OSError, on=2))
        with pytest.raises(MeasurementError, match="setup"):
            sweep(framework, Work(), levels=[1, 2], repeats=2, setup=setup)
        assert [each.metrics.iterations for each in framework.results] == [8, 8]
        assert "setup" in str(framework.results[0].record.circumstances.interruption)

    def test_only_what_is_missing_is_measured_when_it_goes_on(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.jsonl"
        self.interrupted(path)
        content = read_journal(path)
        assert len(content.repeats) == 2
        work = Work()
        again = make_framework(journal=Journal(path), finished=content.results, begun=content.repeats)
        results = sweep(again, work, levels=[1, 2], repeats=2, seed=None)  # the order of before is gone on with
        assert work.calls == 2 * 10
        assert [each.metrics.iterations for each in results] == [16, 16]
        for each in results:
            assert each.record.circumstances.interruption is None
            assert each.record.repetition is not None
            assert each.record.repetition.seed == 5
        whole = read_journal(path)
        assert whole.repeats == ()
        # Nothing is measured once more of what is whole.
        sweep(make_framework(finished=whole.results, begun=whole.repeats), work, levels=[1, 2], repeats=2)
        assert work.calls == 20

    @pytest.mark.parametrize(
        "other",
        [{"seed": 6}, {"repeats": 3}, {"iterations_per_level": 9}, {"levels": [3, 5]}],
        ids=repr,
    )
    def test_repeats_of_another_sweep_are_none_of_this_one(self, tmp_path: Path, other: Any) -> None:
        self.interrupted(tmp_path / "journal.jsonl")
        begun = read_journal(tmp_path / "journal.jsonl").repeats
        fresh, gone_on = Work(), Work()
        options = {"levels": [1, 2], "repeats": 2, **other}
        sweep(make_framework(), fresh, **options)
        sweep(make_framework(begun=begun), gone_on, **options)
        assert gone_on.calls == fresh.calls

    def test_a_journal_of_a_killed_sweep_shows_its_levels(self, tmp_path: Path) -> None:
        path, clock = tmp_path / "journal.jsonl", ManualClock()
        shown: list[dict[str, int]] = []

        def look(number: int) -> None:
            if number == 25:  # what would be left if the process were killed now
                content = read_journal(path)
                shown.append({each.metrics.test_name: each.metrics.iterations for each in content.results})
                assert content.unfinished is None
                assert {each.record.circumstances.interruption for each in content.results} <= {
                    BROKEN_OFF,
                    "still running",
                }

        framework = make_framework(clock, journal=Journal(path))
        sweep(framework, Work(clock, 4.0, look), levels=[1, 2], repeats=2)
        (seen,) = shown
        assert sorted(seen) == ["load_concurrency_1", "load_concurrency_2"]
        assert min(seen.values()) == 8
        assert max(seen.values()) > 8  # with the slice of the run under way
        assert [each.metrics.iterations for each in read_journal(path).results] == [16, 16]

    def test_a_repeat_that_contradicts_itself_is_skipped_with_a_notice(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.jsonl"
        self.interrupted(path)
        (first, second) = read_journal(path).repeats
        journal = Journal(tmp_path / "other.jsonl")
        journal.add_repeat(first)
        journal.add_repeat(replace(second, elapsed_ns=-1))
        journal.close()
        content = read_journal(tmp_path / "other.jsonl")
        assert content.repeats == (first,)
        assert "no duration is negative" in content.notices[0]
