"""What a suite does when names collide, files cannot be written, or values are of somebody's own kind."""

import threading
from pathlib import Path

import numpy as np
import pytest

from paceline.core.errors import MeasurementError, OutputError, PacelineWarning
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.run_record import TestType
from paceline.store.codec import encode, result_to_plain
from paceline.store.journal import Journal
from tests.fakes import ManualClock
from tests.runs import PATIENCE_S, Work, make_framework, make_suite, request

SECRET = "hunter2secret"


class Text(str):
    """A text of somebody's own kind."""

    __slots__ = ()


def test_runs_of_one_name_at_the_same_time_get_names_of_their_own() -> None:
    framework, meet = make_framework(), threading.Barrier(4)

    def operation() -> None:
        meet.wait(PATIENCE_S)

    threads = [
        threading.Thread(target=framework.run_benchmark, args=("same", TestType.API_ENDPOINT, operation, 1, 0))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(result.metrics.test_name for result in framework.results) == ["same", "same#2", "same#3", "same#4"]


def test_a_run_inside_a_run_gets_a_name_of_its_own() -> None:
    framework = make_framework()

    def outer() -> None:
        framework.run_benchmark("n", TestType.API_ENDPOINT, int, 1, 0)

    framework.run_benchmark("n", TestType.API_ENDPOINT, outer, 2, 0)
    assert sorted(result.metrics.test_name for result in framework.results) == ["n", "n#2", "n#3"]


def test_a_slice_that_cannot_be_written_is_said_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OutputError("no space left on device")

    clock = ManualClock()
    journal = Journal(tmp_path / "journal.jsonl")
    monkeypatch.setattr(journal, "add_partial", full)
    suite = make_suite(clock.as_clock(), journal=journal)
    with pytest.warns(PacelineWarning, match="goes on without this slice"):
        result = suite.run(request(Work(clock, 1.0), 15), None)
    assert result.metrics.iterations == 15


def test_values_of_somebodys_own_kind_can_be_written() -> None:
    threshold = PerformanceThreshold(max_p95_ms=np.float64(20), max_mean_ms=5)
    assert (type(threshold.max_p95_ms), type(threshold.max_mean_ms)) == (float, int)
    asked = request(Work(), 5, name=Text("checkout"), timeout_s=np.float64(5))
    assert (type(asked.name), type(asked.timeout_s)) == (str, float)
    assert encode(result_to_plain(make_suite().run(asked, threshold)))


@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit])
def test_what_setup_each_raises_ends_the_run_and_hides_credentials(error: type[BaseException]) -> None:
    suite = make_suite()

    def setup_each() -> None:
        raise error(f"connect postgres://bob:{SECRET}@db/x password={SECRET}")

    with pytest.raises(MeasurementError, match=r"setup_each raised \w+: connect") as raised:
        suite.run(request(Work(), 5, setup_each=setup_each), None)
    assert SECRET not in str(raised.value)
    (result,) = suite.results
    assert SECRET not in encode(result_to_plain(result)).decode()


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit])
def test_what_setup_raises_could_not_run(error: type[BaseException]) -> None:
    def setup() -> None:
        raise error(0)

    with pytest.raises(MeasurementError, match="setup raised"):
        make_suite().run(request(Work(), 5, setup=setup), None)


def test_tracebacks_begin_with_the_operation() -> None:
    def operation() -> None:
        raise LookupError("no such record")

    (group,) = make_suite().run(request(operation, 3), None).record.errors
    assert group.traceback.splitlines()[1].rstrip().endswith("in operation")
    assert "loops.py" not in group.traceback


def test_an_object_whose_class_cannot_be_asked_is_a_value_like_any_other() -> None:
    class Proxy:
        @property  # type: ignore[misc]  # as proxies of frameworks do
        def __class__(self) -> type:
            raise RuntimeError("working outside of context")

    assert make_suite().run(request(Proxy, 5), None).record.counts.ok == 5
