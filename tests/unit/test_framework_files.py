"""What the framework reads and writes: baselines, the report, the results file."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline import (
    BaselineError,
    ConfigurationError,
    OutputError,
    PacelineWarning,
    PerformanceTestFramework,
    PerformanceThreshold,
    TestType,
)
from paceline.store.codec import read_results
from tests.fakes import ManualClock
from tests.runs import Work, make_framework, raising


def measured(seconds: float, name: str = "my_test", **options: Any) -> PerformanceTestFramework:
    """A framework that has measured an operation of ``seconds``."""
    clock = ManualClock()
    framework = make_framework(clock)
    framework.run_benchmark(name, TestType.API_ENDPOINT, Work(clock, seconds), **options)
    return framework


class TestBaseline:
    def test_a_first_run_has_none(self, tmp_path: Path) -> None:
        framework = measured(0.002)
        with pytest.warns(PacelineWarning, match=r"there is no baseline .*first\.json yet") as caught:
            framework.load_baseline(tmp_path / "first.json")
        assert Path(caught[0].filename) == Path(__file__)  # the caller's line, not the framework's
        assert framework.baseline_metrics == {}
        assert framework.compare_to_baseline("my_test") is None

    def test_percentages_are_exact(self, tmp_path: Path) -> None:
        path = tmp_path / "baseline.json"
        assert measured(2.0).save_baseline(str(path)).saved == ("my_test",)
        framework = measured(3.0)
        framework.load_baseline(str(path))
        comparison = framework.compare_to_baseline("my_test")
        assert comparison is not None
        assert {key: value for key, value in comparison.items() if key.endswith("_change_pct")} == {
            "mean_change_pct": 50.0,
            "median_change_pct": 50.0,
            "p95_change_pct": 50.0,
            "p99_change_pct": 50.0,
            "throughput_change_pct": pytest.approx(-100 / 3),
            "minimum_detectable_change_pct": None,
        }
        assert comparison["verdict"] == "inconclusive"
        assert comparison["ci_low_pct"] is comparison["ci_high_pct"] is None
        assert f"{comparison['mean_change_pct']:+.2f}%" == "+50.00%"

    def test_the_reference_is_the_median_of_the_sessions(self, tmp_path: Path) -> None:
        path = tmp_path / "baseline.json"
        for seconds in (2.0, 4.0, 100.0):
            measured(seconds).save_baseline(path)
        clock = ManualClock()
        framework = make_framework(clock)
        framework.load_baseline(path)
        framework.run_benchmark("my_test", TestType.API_ENDPOINT, Work(clock, 5.0))
        assert len(framework.baseline_metrics["my_test"]) == 3
        comparison = framework.compare_to_baseline("my_test")
        assert comparison is not None
        assert comparison["mean_change_pct"] == 25.0
        assert (comparison["sessions"], comparison["beside"]) == (1, 2)  # they were made in one afternoon
        report = " ".join(framework.generate_report().split())
        assert "(median of 3 sessions, 1 of them apart)" in report
        assert "(1 session)" not in report

    def test_saving_twice_is_one_session(self, tmp_path: Path) -> None:
        framework = measured(2.0)
        for _ in range(2):
            framework.save_baseline(tmp_path / "baseline.json")
        framework.load_baseline(tmp_path / "baseline.json")
        assert len(framework.baseline_metrics["my_test"]) == 1

    def test_results_after_loading_carry_the_comparison(self, tmp_path: Path) -> None:
        measured(2.0).save_baseline(tmp_path / "baseline.json")
        clock = ManualClock()
        framework = make_framework(clock)
        framework.load_baseline(tmp_path / "baseline.json")
        result = framework.run_benchmark("my_test", TestType.API_ENDPOINT, Work(clock, 1.0))
        assert result.comparison is not None
        assert result.comparison.mean_change_pct == -50.0
        assert "Baseline comparison" in framework.generate_report()

    def test_what_failed_or_is_in_doubt_is_refused_with_the_reason(self, tmp_path: Path) -> None:
        clock = ManualClock()
        framework = make_framework(clock)
        work = Work(clock, 0.002)
        framework.run_benchmark("good", TestType.API_ENDPOINT, work)
        framework.run_benchmark("slow", TestType.API_ENDPOINT, work, threshold=PerformanceThreshold(max_mean_ms=1))
        framework.run_benchmark("shaky", TestType.API_ENDPOINT, Work(clock, 0.002, raising(ValueError, on=50)))
        with pytest.warns(PacelineWarning) as caught:
            saved = framework.save_baseline(tmp_path / "baseline.json")
        assert saved.saved == ("good",)
        assert dict(saved.refused) == {"slow": "it failed", "shaky": "its figures are in doubt (errors)"}
        assert [str(warning.message) for warning in caught] == [
            f"slow was not saved to {tmp_path / 'baseline.json'}: it failed",
            f"shaky was not saved to {tmp_path / 'baseline.json'}: its figures are in doubt (errors)",
        ]
        framework.load_baseline(tmp_path / "baseline.json")
        assert list(framework.baseline_metrics) == ["good"]

    def test_a_name_not_measured(self, tmp_path: Path) -> None:
        measured(2.0, name="old").save_baseline(tmp_path / "baseline.json")
        framework = measured(2.0, name="new")
        framework.load_baseline(tmp_path / "baseline.json")
        assert framework.compare_to_baseline("new") is None  # not in the baseline
        assert framework.compare_to_baseline("neither") is None
        with pytest.raises(ConfigurationError, match="'old' was not measured in this session; measured were: new"):
            framework.compare_to_baseline("old")

    @pytest.mark.parametrize("content", ["", "[]", "{", '{"my_test": 7}', '{"schema": "else/1", "tests": {}}', "\0"])
    def test_a_file_that_is_no_baseline_is_named_and_left_alone(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "baseline.json"
        path.write_text(content)
        framework = measured(2.0)
        for call in (framework.load_baseline, framework.save_baseline):
            with pytest.raises(BaselineError, match=r"baseline\.json.*expected a baseline.*left as it is"):
                call(path)
        assert path.read_text() == content

    def test_the_flat_form(self, tmp_path: Path) -> None:
        path = tmp_path / "baseline.json"
        path.write_text(json.dumps({"my_test": {"mean_time_ms": 1_000.0, "p95_time_ms": 4_000.0}}))
        framework = measured(2.0)
        framework.load_baseline(path)
        comparison = framework.compare_to_baseline("my_test")
        assert comparison is not None
        assert (comparison["mean_change_pct"], comparison["p95_change_pct"]) == (100.0, -50.0)
        assert f"{comparison['p99_change_pct']:+.2f}%" == "+nan%"  # unknown, but it can be formatted


class TestOutput:
    def test_the_report_is_returned_and_written(self, tmp_path: Path) -> None:
        framework = measured(0.002)
        text = framework.generate_report(output_file=tmp_path / "report.txt")
        assert (tmp_path / "report.txt").read_text() == text
        assert "my_test" in text
        assert "2026-11-2" in text  # the framework's clock, not the wall's

    def test_results_come_back_as_they_were(self, tmp_path: Path) -> None:
        clock = ManualClock()
        framework = make_framework(clock)
        work = Work(clock, 0.002, raising(ValueError, on=50))
        limits = PerformanceThreshold(max_p95_ms=1, expressions=["avg<1"])
        framework.run_benchmark("my_test", TestType.API_ENDPOINT, work, threshold=limits, metadata={"n": [1, None]})
        framework.run_concurrent_benchmark("load", Work(), [1, 3])
        framework.export_json(tmp_path / "results.json")
        again = read_results(tmp_path / "results.json")
        assert [result.to_dict() for result in again] == [result.to_dict() for result in framework.results]
        assert [result.record for result in again] == [result.record for result in framework.results]

    def test_the_results_file_says_what_it_is(self, tmp_path: Path) -> None:
        measured(0.002).export_json(tmp_path / "results.json")
        content = json.loads((tmp_path / "results.json").read_text())
        assert content["schema"] == "paceline/results/1"
        assert content["timestamp"].startswith("2026-11-2")
        assert content["environment"]["python"]
        assert [result["metrics"]["test_name"] for result in content["results"]] == ["my_test"]

    def test_an_empty_session_has_files_too(self, tmp_path: Path) -> None:
        framework = make_framework()
        assert "no test was measured" in framework.generate_report(tmp_path / "report.txt")
        framework.export_json(tmp_path / "results.json")
        assert read_results(tmp_path / "results.json") == ()
        assert framework.save_baseline(tmp_path / "baseline.json").saved == ()

    def test_half_characters_keep_nothing_from_a_file(self, tmp_path: Path) -> None:
        # Python's stand-in for bytes that are no UTF-8; it has no UTF-8 form itself.
        def on_call(number: int) -> None:
            if number == 50:
                raise ValueError("file \udcff")

        framework = make_framework(journal=tmp_path / "journal.jsonl")
        framework.run_benchmark("name \udcff", TestType.API_ENDPOINT, Work(), metadata={"\udcff": ["\udcff"]})
        framework.run_benchmark("other", TestType.API_ENDPOINT, Work(on_call=on_call))
        framework.generate_report(tmp_path / "report.txt")
        framework.export_json(tmp_path / "results.json")
        first, second = read_results(tmp_path / "results.json")
        assert first.metrics.test_name == "name \\udcff"
        assert first.metrics.metadata == {"\\udcff": ["\\udcff"]}
        assert second.metrics.errors[0].message == "file \\udcff"

    @pytest.mark.parametrize("method", ["generate_report", "export_json", "save_baseline"])
    def test_a_path_that_cannot_be_written(self, tmp_path: Path, method: str) -> None:
        write = getattr(measured(0.002), method)
        for path in (tmp_path, tmp_path / "missing" / "file"):
            with pytest.raises(OutputError, match="cannot write"):
                write(path)

    @pytest.mark.parametrize("method", ["generate_report", "export_json", "save_baseline", "load_baseline"])
    @pytest.mark.parametrize("path", [5, 1.5, ["x"], b"x", "", "a\0b"], ids=repr)
    def test_what_is_no_path(self, method: str, path: Any) -> None:
        with pytest.raises(ConfigurationError, match="_file must be"):
            getattr(measured(0.002), method)(path)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text() | st.integers(), children, max_size=3),
    max_leaves=8,
)


class TestMetadata:
    @given(metadata=st.dictionaries(st.text(), json_like, max_size=3))
    def test_what_is_accepted_can_be_written_and_read(
        self, tmp_path_factory: pytest.TempPathFactory, metadata: dict[str, Any]
    ) -> None:
        framework, work = make_framework(), Work()
        try:
            framework.run_benchmark("my_test", TestType.API_ENDPOINT, work, 1, metadata=metadata)
        except ConfigurationError as error:
            assert "metadata[" in str(error)  # noqa: PT017
            assert work.calls == 0
            return
        path = tmp_path_factory.mktemp("written") / "results.json"
        framework.export_json(path)
        assert read_results(path)[0].metrics.metadata == json.loads(json.dumps(framework.results[0].metrics.metadata))
        assert "my_test" in framework.generate_report()

    @pytest.mark.parametrize(
        "metadata",
        [{"a": object()}, {"a": {"b": [lambda: 0]}}, {1: "a"}, [("a", 1)], "text", 7],
        ids=lambda value: ascii(value)[:20],
    )
    def test_the_rest_is_refused_before_the_run(self, metadata: Any) -> None:
        work = Work()
        for measure in (
            lambda: make_framework().run_benchmark("my_test", TestType.API_ENDPOINT, work, metadata=metadata),
            lambda: make_framework().run_concurrent_benchmark("load", work, [1], metadata=metadata),
        ):
            with pytest.raises(ConfigurationError, match="metadata"):
                measure()
        assert work.calls == 0

    def test_it_is_a_copy(self) -> None:
        metadata = {"sizes": [1]}
        result = make_framework().run_benchmark("my_test", TestType.API_ENDPOINT, Work(), metadata=metadata)
        metadata["sizes"].append(2)
        assert result.metrics.metadata == {"sizes": [1]}

    def test_credentials_do_not_reach_it(self) -> None:
        metadata = {"database": "postgresql://app:hunter2@db/shop", "api_key": "abc"}
        framework = make_framework()
        framework.run_benchmark("my_test", TestType.API_ENDPOINT, Work(), metadata=metadata)
        assert "hunter2" not in framework.generate_report()
        assert "abc" not in framework.generate_report()


def test_a_journal_that_cannot_be_written_is_found_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write the journal"):
        PerformanceTestFramework(journal=tmp_path / "missing" / "journal.jsonl")


def test_a_healthy_session_warns_of_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        framework = measured(0.002)
        framework.save_baseline(tmp_path / "baseline.json")
        framework.load_baseline(tmp_path / "baseline.json")
        framework.export_json(tmp_path / "results.json")
        framework.generate_report(tmp_path / "report.txt")
