"""The parts of the drop-in that need no pytest: figures, rounds, calls, tables, values of options."""

import argparse
import asyncio
import gc
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.pytest_plugin.drop_in import values
from paceline.pytest_plugin.drop_in.fixture import BenchmarkFixture, FixtureAlreadyUsed, Measured
from paceline.pytest_plugin.drop_in.options import Asked
from paceline.pytest_plugin.drop_in.record import judged
from paceline.pytest_plugin.drop_in.rounds import MOST_PREPARED, Rounds, Taken, calibrated, counted, timer_step_s
from paceline.pytest_plugin.drop_in.stats import Stats
from paceline.pytest_plugin.drop_in.storage import Storage
from paceline.pytest_plugin.drop_in.table import grouped, tables

SAVED = Path(__file__).parents[2] / "data" / "foreign" / "pytest-benchmark-5.3.json"
BENCHMARKS = json.loads(SAVED.read_text())["benchmarks"]
durations = st.lists(st.floats(1e-9, 10.0), min_size=1, max_size=60)


class TestStats:
    @pytest.mark.parametrize("benchmark_", BENCHMARKS, ids=lambda each: each["name"])
    def test_figures_are_those_of_pytest_benchmark(self, benchmark_: dict[str, Any]) -> None:
        stored = benchmark_["stats"]
        ours = Stats(stored["data"]).as_dict()
        for name, value in ours.items():
            assert value == (value if isinstance(value, str) else pytest.approx(stored[name], rel=1e-12)), name
            if isinstance(value, str):
                assert value == stored[name]

    @given(durations)
    def test_figures_are_in_order(self, data: list[float]) -> None:
        stats = Stats(data)
        assert stats.min <= stats.q1 <= stats.median <= stats.q3 <= stats.max
        assert stats.min <= stats.ld15iqr <= stats.hd15iqr <= stats.max
        assert 0 <= stats.iqr_outliers <= len(data)
        p90, p99 = stats.p90, stats.p99
        assert p90 is not None
        assert p99 is not None
        assert stats.min <= p90 <= p99 <= stats.max

    def test_means_of_several_calls_have_no_percentiles_of_calls(self) -> None:
        assert Stats([1.0, 2.0], iterations=10).p95 is None


def drive(rounds: Rounds, seconds_of: Callable[[int], float]) -> list[int]:
    """The calls of each round, when a round of ``n`` calls takes ``seconds_of(n)``."""
    asked = []
    try:
        calls = next(rounds)
        while True:
            asked.append(calls)
            calls = rounds.send(seconds_of(calls))
    except StopIteration:
        return asked


def frozen() -> float:
    return 0.0


class TestRounds:
    def test_a_slow_call_is_a_round_of_its_own(self) -> None:
        taken = Taken()
        asked = drive(calibrated(Asked(max_time=1.0), 1e-8, frozen, taken), lambda calls: 0.25 * calls)
        assert asked == [1, *[1] * 5]
        assert taken.durations_s == [0.25] * 5
        assert (taken.calls, taken.warmup_calls) == (1, 1)

    def test_fast_calls_are_put_together_until_the_timer_can_tell(self) -> None:
        taken = Taken()
        drive(calibrated(Asked(max_time=0.01), 1e-6, frozen, taken), lambda calls: 2e-8 * calls)
        assert taken.calls == 1_000  # ten times as many, until it is more than 10 steps of the timer
        assert len(taken.durations_s) in {500, 501}  # of 20 us each

    def test_a_timer_that_stands_still_ends(self) -> None:
        taken = Taken()
        asked = drive(calibrated(Asked(min_time=1e-6), 0.0, frozen, taken, most_calls=100), lambda calls: 0.0)
        assert taken.calls == 100
        assert asked[-5:] == [100] * 5

    def test_warm_up(self) -> None:
        taken = Taken()
        wanted = Asked(warmup=True, warmup_iterations=3, max_time=0.5, min_rounds=2)
        asked = drive(calibrated(wanted, 1e-8, frozen, taken), lambda calls: 0.1)
        assert len(asked) == 1 + 3 + 3 + 5
        assert taken.warmup_calls == 7
        assert len(taken.durations_s) == 5

    def test_precise_enough_is_enough(self) -> None:
        taken = Taken()
        wanted = Asked(precision=0.5, max_time=10.0, min_rounds=3)
        drive(calibrated(wanted, 1e-8, frozen, taken), lambda calls: 0.001)
        assert len(taken.durations_s) == 3

    def test_never_precise_makes_all(self) -> None:
        taken, spread = Taken(), iter([0.1] + [0.01, 0.5] * 50)
        wanted = Asked(precision=1e-6, max_time=1.0, min_rounds=3)
        drive(calibrated(wanted, 1e-8, frozen, taken), lambda calls: next(spread))
        assert len(taken.durations_s) == 10

    def test_counted(self) -> None:
        taken = Taken()
        assert drive(counted(3, 20, 2, taken), lambda calls: 1.0) == [20] * 5
        assert (len(taken.durations_s), taken.warmup_calls, taken.calls) == (3, 40, 20)

    @given(per_call_s=st.floats(1e-10, 1.0), step_s=st.floats(1e-9, 1e-3))
    def test_a_round_is_long_enough_for_the_timer(self, per_call_s: float, step_s: float) -> None:
        taken = Taken()
        wanted = Asked(max_time=1e-9, min_rounds=1)
        drive(calibrated(wanted, step_s, frozen, taken), lambda calls: per_call_s * calls)
        assert per_call_s * taken.calls >= min(max(step_s * 10, 5e-6), per_call_s) * (1 - 1e-9)
        assert per_call_s * taken.calls >= 0.99 * max(step_s * 10, 5e-6) or taken.calls == 1

    def test_the_step_of_a_timer(self) -> None:
        readings = iter(range(10**6))
        assert timer_step_s(lambda: next(readings) // 2 * 0.5, frozen) == 0.5
        clock = iter(range(10**6))
        assert timer_step_s(frozen, lambda: next(clock) * 0.1) == 0.0


STEP_S = 2.0**-10


class Timer:
    """Goes on by about a millisecond a reading, whatever happens in between."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += STEP_S
        return self.now_s


def made(asked: Asked | None = None, *, disabled: bool = False) -> tuple[BenchmarkFixture, list[Measured]]:
    done: list[Measured] = []
    quick = Asked(max_time=0.0, min_rounds=3, calibration_precision=1) if asked is None else asked
    fixture = BenchmarkFixture("test_it", "test_a.py::test_it", quick, Timer(), disabled=disabled, done=done.append)
    return fixture, done


class TestFixture:
    def test_it_returns_what_the_function_does_and_has_figures(self) -> None:
        fixture, done = made()
        assert fixture(int, "7") == 7
        (measured,) = done
        assert fixture.stats is measured
        assert measured.stats.mean == measured["mean"] == measured.mean == measured.get("mean")
        assert measured.mean == STEP_S / measured.iterations
        assert measured.stats.rounds == 3
        assert measured.get("no such figure", 1) == 1
        with pytest.raises(KeyError):
            measured["no such figure"]

    def test_as_a_decorator(self) -> None:
        fixture, _ = made()

        @fixture
        def result() -> int:
            return 3

        assert result == 3

    def test_only_once(self) -> None:
        fixture, _ = made()
        fixture(int)
        with pytest.raises(FixtureAlreadyUsed, match=r"Previously it was used in benchmark\(\.\.\.\) mode"):
            fixture.pedantic(int)

    def test_disabled_calls_once(self) -> None:
        fixture, done = made(disabled=True)
        calls: list[int] = []
        fixture(calls.append, 1)
        assert calls == [1]
        assert not done
        assert fixture.stats is None

    def test_what_the_function_raises_comes_out_and_the_rounds_before_are_kept(self) -> None:
        fixture, done = made()
        left = [1, 2]
        with pytest.raises(IndexError):
            fixture.pedantic(left.pop, rounds=5)
        assert fixture.has_error
        assert done[0].stats.rounds == 2
        assert done[0].has_error

    def test_pedantic_counts(self) -> None:
        fixture, done = made()
        calls: list[int] = []
        fixture.pedantic(calls.append, args=(1,), rounds=3, iterations=4, warmup_rounds=2)
        assert len(calls) == 4 * 5 + 1  # one more for what it returns
        assert (done[0].stats.rounds, done[0].iterations) == (3, 4)

    def test_setup_and_teardown_around_each_round(self) -> None:
        fixture, _ = made()
        seen: list[Any] = []
        fixture.pedantic(
            lambda value, more: seen.append((value, more)),
            setup=lambda: ((len(seen),), {"more": 1}),
            teardown=lambda value, more: seen.append("down"),
            rounds=2,
        )
        assert seen == [(0, 1), "down", (2, 1), "down"]

    def test_setup_goes_with_calibration(self) -> None:
        """pytest-benchmark's issues 52 and 60: each call of a round has arguments of its own, made before it begins."""
        fixture, done = made(Asked(max_time=0.0, min_rounds=2, min_time=0.5))
        given: list[list[int]] = []

        def setup() -> tuple[Sequence[Any], dict[str, Any]]:
            given.append([1])
            return (given[-1],), {}

        assert fixture.pedantic(lambda own: own.pop(), setup=setup, rounds=None, iterations=None) == 1
        assert done[0].iterations == MOST_PREPARED  # the timer goes on by readings, so it never takes longer
        assert not any(given)  # every one was used once
        assert len(given) == done[0].taken.warmup_calls + 2 * MOST_PREPARED + 1

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"rounds": 0}, ValueError),
            ({"rounds": "x"}, ValueError),
            ({"rounds": True}, ValueError),
            ({"iterations": -1}, ValueError),
            ({"warmup_rounds": -1}, ValueError),
            ({"rounds": None}, ValueError),
            ({"iterations": 2, "setup": list}, ValueError),
            ({"args": (1,), "setup": lambda: ((1,), {})}, TypeError),
        ],
    )
    def test_bad_arguments(self, arguments: dict[str, Any], error: type[Exception]) -> None:
        with pytest.raises(error):
            made()[0].pedantic(int, **arguments)

    def test_coroutines(self) -> None:
        """pytest-benchmark's issue 66."""
        seen: list[int] = []

        async def fetch(number: int) -> int:
            await asyncio.sleep(0)
            seen.append(number)
            return number

        fixture, done = made()
        assert fixture(fetch, 5) == 5
        assert len(seen) == done[0].taken.warmup_calls + 3 * done[0].iterations + 1

        async def inside() -> int:
            result: int = await made()[0](fetch, 6)
            return result + await made(disabled=True)[0].pedantic(fetch, args=(1,))  # type: ignore[no-any-return]

        assert asyncio.run(inside()) == 7

    def test_the_collector_stands_still_where_asked(self) -> None:
        seen: list[bool] = []
        fixture, _ = made(Asked(max_time=0.0, min_rounds=1, disable_gc=True))
        fixture.pedantic(lambda: seen.append(gc.isenabled()), rounds=2)
        assert seen == [False, False]
        assert gc.isenabled()

    def test_no_tracer_in_the_rounds_and_the_same_one_afterwards(self) -> None:
        def tracer(*_: object) -> None:
            return None

        before, seen = sys.gettrace(), []
        sys.settrace(tracer)
        try:
            made()[0].pedantic(lambda: seen.append(sys.gettrace()))
            assert sys.gettrace() is tracer
        finally:
            sys.settrace(before)
        assert seen == [None]

    def test_weave_is_refused_with_the_way_out(self) -> None:
        with pytest.raises(ConfigurationError, match=r"Call benchmark\(function, \.\.\.\) on the function itself"):
            made()[0].weave("time.sleep")


class TestRecord:
    def test_a_benchmark_is_a_result_of_ours(self) -> None:
        fixture, done = made()
        fixture.extra_info |= {"size": 3, "odd": object()}
        fixture.group = "sorting"
        fixture.pedantic(int, rounds=20)
        result = judged(done[0], "test_a.py::test_it", threshold=None)
        assert result.metrics.median_time_ms == pytest.approx(1e3 * STEP_S)
        assert result.metrics.p95_time_ms == pytest.approx(1e3 * STEP_S)
        assert result.metrics.iterations == 20
        assert result.metrics.metadata["group"] == "sorting"
        assert result.metrics.metadata["size"] == 3
        assert str(result.metrics.metadata["odd"]).startswith("<object object")

    def test_calibrated_rounds_are_no_part_of_the_definition(self) -> None:
        definitions = set()
        for rounds in (3, 4):
            fixture, done = made(Asked(max_time=0.0, min_rounds=3, calibration_precision=1))
            fixture(int)
            done[0].taken.durations_s *= rounds
            definitions.add(judged(done[0], "a", threshold=None).record.definition)
        assert len(definitions) == 1

    def test_one_that_raised_is_no_whole_run(self) -> None:
        fixture, done = made()
        left = [1] * 3
        with pytest.raises(IndexError):
            fixture.pedantic(left.pop, rounds=5)
        assert "interrupted" in {finding.code for finding in judged(done[0], "a", threshold=None).findings}


def row(**changes: Any) -> dict[str, Any]:
    figures: dict[str, Any] = dict.fromkeys(values.COLUMNS, 0.001) | {"ops": 1000.0, "rounds": 5, "iterations": 1}
    figures |= {"name": "test_a[1]", "fullname": "t.py::test_a[1]", "group": None, "param": "1", "params": {"x": 1}}
    return {**figures, "outliers": "0;0", "source": None, "has_error": False, **changes}


class TestTable:
    def lines(self, *rows: dict[str, Any], group_by: str = "group", **options: Any) -> list[str]:
        wanted: dict[str, Any] = {"columns": ("min", "p95", "ops", "rounds"), "sort": "min", "name_form": "normal"}
        return [line.text for line in tables(grouped(rows, group_by), **{**wanted, **options})]

    def test_the_best_has_one_and_the_others_how_much_more(self) -> None:
        text = "\n".join(self.lines(row(), row(name="test_b", min=0.0025, ops=400.0, p95=None)))
        assert "Name (time in ms)" in text
        assert "1.0000 (1.0)" in text
        assert "2.5000 (2.50)" in text
        assert "400.0000 (0.40)" in text
        assert "–" in text

    @pytest.mark.parametrize(
        ("group_by", "groups"),
        [("group", ["None"]), ("name", ["test_a[1]", "test_a[2]"]), ("func", ["test_a"]), ("param:x", ["x=1", "x=2"]),
         ("fullfunc,param", ["t.py::test_a 1", "t.py::test_a 2"])],
    )  # fmt: skip
    def test_groups(self, group_by: str, groups: list[str]) -> None:
        rows = [row(), row(name="test_a[2]", fullname="t.py::test_a[2]", param="2", params={"x": 2})]
        assert [str(name) for name, _ in grouped(rows, group_by)] == groups

    @given(st.text(), st.text())
    def test_hostile_names_drive_no_terminal(self, name: str, group: str) -> None:
        for line in self.lines(row(name=name, group=group, source=name), row(name="b", group=group)):
            assert line.isprintable()

    def test_no_time_at_all(self) -> None:
        text = "\n".join(self.lines(row(min=0.0, ops=0.0), row(name="b", min=0.0, ops=0.0), row(name="c")))
        assert "(inf)" in text


class TestValues:
    @pytest.mark.parametrize(
        ("read", "bad"),
        [
            (values.seconds, "bogus"), (values.seconds, "-1"), (values.seconds, "nan"), (values.rounds, "0"),
            (values.rounds, "x"), (values.fraction, "1"), (values.fraction, "x"), (values.warm_up, "perhaps"),
            (values.columns, "mean,bogus"), (values.sort, "bogus"), (values.group_by, "bogus"),
            (values.name_format, "bogus"), (values.save_name, ""), (values.save_name, "a/b"),
            (values.limit, "mean:"),
            (values.limit, "bogus:5%"),
        ],
    )  # fmt: skip
    def test_bad_ones_are_refused(self, read: Callable[[str], Any], bad: str) -> None:
        with pytest.raises(argparse.ArgumentTypeError):
            read(bad)

    @pytest.mark.parametrize(
        ("text", "now", "breaks"),
        [("mean:5%", 1.06, True), ("mean:5%", 1.04, False), ("mean:0.05", 1.06, True), ("mean:0.05", 1.04, False),
         ("min:5%", 9.0, False), ("mean:7.5%", 1.08, True)],
    )  # fmt: skip
    def test_limits(self, text: str, now: float, breaks: object) -> None:
        assert bool(values.limit(text).broken({"mean": now}, {"mean": 1.0})) is breaks

    def test_a_saved_figure_of_nothing(self) -> None:
        assert "inf" in values.limit("mean:5%").broken({"mean": math.ulp(0)}, {"mean": 0.0})


class TestStorage:
    def test_numbers_go_on(self, tmp_path: Path) -> None:
        storage = Storage("file://./kept", tmp_path, "Machine")
        assert storage.save(b"{}", "first").name == "0001_first.json"
        (tmp_path / "kept" / "Machine" / "0041_other.json").write_text("{}")
        last = storage.save(b"{}", "second")
        assert last.name == "0042_second.json"
        assert storage.found("") == [last]
        assert [path.name for path in storage.found("0041")] == ["0041_other.json"]
        assert [path.name for path in storage.found("*/0001")] == ["0001_first.json"]
        assert storage.found("0099") == []
        assert storage.found("a/b/c") == []
        assert storage.short(last) == "0042_second"

    def test_a_file_of_the_tool_itself(self, tmp_path: Path) -> None:
        storage = Storage(str(tmp_path), tmp_path, "Machine")
        assert [each.fullname for each in storage.load(SAVED).benchmarks] == [each["fullname"] for each in BENCHMARKS]
        (tmp_path / "bad.json").write_text('{"benchmarks": [{"name": 1}]}')
        with pytest.raises(FileFormatError, match=r"bad\.json: .* at `\$\.benchmarks"):
            storage.load(tmp_path / "bad.json")

    def test_other_stores_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"elasticsearch\+http is not to be had here"):
            Storage("elasticsearch+http://localhost", tmp_path, "Machine")
