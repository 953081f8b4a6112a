"""The tour at a hundredth of its size: every step runs, every file is written, and what it says is true."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import islice, pairwise
from pathlib import Path

import pytest

from paceline import PerformanceTestFramework, TestStatus
from paceline.cli.exit_codes import ExitCode
from paceline.core.errors import BaselineError, OutputError
from paceline.demo import command
from paceline.demo.dataset import RECORD_COUNT, create_database, open_read_only
from paceline.demo.operations import Reports, get_record
from paceline.demo.tour import LEVELS, TourSize, run_demo

pytestmark = pytest.mark.real

SMALL = TourSize(
    api=200, indexed=200, full_scan=20, uncached=50, cached=400, cache_warmup=2_000, load=1_000, open_loop_s=0.5
)
NAMES = [
    "api_get_record",
    "db_indexed_query",
    "db_full_scan",
    "cache_read_uncached",
    "cache_read_cached",
    *(f"api_load_concurrency_{level}" for level in LEVELS),
    "api_open_loop",
]


@pytest.fixture
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A demo beside this one may have taken the usual directory; pytest has made its own where it always does.
    assert tmp_path.exists()
    with tempfile.TemporaryDirectory(prefix="pl-") as directory:
        monkeypatch.setattr(tempfile, "tempdir", directory)
        yield


@pytest.mark.usefixtures("_alone")
def test_the_tour_measures_writes_and_compares(tmp_path: Path) -> None:
    said: list[str] = []
    output = tmp_path / "new" / "directory"
    first = run_demo(output, PerformanceTestFramework(), said.append, size=SMALL)
    assert [result.metrics.test_name for result in first.results] == NAMES
    assert [result for result in first.results if result.metrics.error_count] == []
    assert [path.name for path in first.files] == ["report.html", "report.txt", "results.json", "baseline.json"]
    assert (output / "report.txt").read_text() == first.report
    stored = json.loads((output / "results.json").read_text())["results"]
    assert [each["metrics"]["test_name"] for each in stored] == NAMES
    assert all(any(line.startswith(name) for line in said) for name in NAMES[:5])
    assert [line.partition(":")[0] for line in said[-2:]] == ["api_load", "api_open_loop"]
    assert first.summary[0].startswith("cache: hit rate ")
    assert first.summary[-2].startswith("open loop: ")
    assert "the next run is compared with it" in first.summary[-1]

    levels, open_loop = first.results[5:-1], first.results[-1]
    assert [result.record.definition.workers for result in levels] == list(LEVELS)
    assert open_loop.metrics.iterations == 500
    assert open_loop.record.definition.workers == 20
    assert open_loop.record.load is not None
    assert open_loop.record.load.own_process
    api, cached = first.results[0], first.results[4]
    plans = [result.record.database.plans[0] for result in first.results[1:3] if result.record.database]
    assert [any(step.full_scan for step in plan.walk()) for plan in plans] == [False, True]
    assert "full-scan" in {finding.code for finding in first.results[2].findings}
    assert api.system_metrics["target_pid"]
    assert cached.metrics.hit_rate >= 0.8
    assert cached.record.cache is not None
    assert cached.record.cache.loads is not None
    assert cached.record.cache.loads.latency.moments.count == cached.record.counts.misses
    assert cached.record.cache.server is not None
    # It begins empty on purpose, and says so.
    assert "cold-cache" in {finding.code for finding in cached.findings}
    # Whether the tour's SLA holds is up to the machine; what passed is what the next run is compared with.
    passed = {result.metrics.test_name for result in first.results if result.status is TestStatus.PASSED}

    second = run_demo(output, PerformanceTestFramework(), said.append, size=SMALL)
    assert {result.metrics.test_name for result in second.results if result.comparison is not None} == passed
    # The same addresses as before, or there would be nothing to compare with.
    ours = slice(1, 5)
    before, now = ([result.record.definition for result in each.results[ours]] for each in (first, second))
    assert before == now
    assert "and added to it" in second.summary[-1]


def test_an_interrupt_leaves_what_was_measured(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        if line.startswith("db_full_scan"):
            raise KeyboardInterrupt

    framework = PerformanceTestFramework()
    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path, framework, interrupt, size=SMALL)
    assert [result.metrics.test_name for result in framework.results] == NAMES[:2]
    assert NAMES[1] in (tmp_path / "report.txt").read_text()
    assert (tmp_path / "results.json").exists()
    assert not (tmp_path / "baseline.json").exists()


def test_a_broken_baseline_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "baseline.json").write_text("{")
    said: list[str] = []
    with pytest.raises(BaselineError, match=r"baseline\.json"):
        run_demo(tmp_path, PerformanceTestFramework(), said.append, size=SMALL)
    assert said == []


def test_an_output_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="name another directory"):
        run_demo(tmp_path / "taken", PerformanceTestFramework(), print, size=SMALL)


def test_reports_through_the_cache_are_those_that_were_computed(tmp_path: Path) -> None:
    create_database(tmp_path / "records.sqlite3", seed=1)
    computed: list[str] = []
    loaded: list[str] = []
    with closing(open_read_only(tmp_path / "records.sqlite3")) as connection:
        reports, other = Reports(connection, 1), Reports(connection, 2).through(tmp_path / "s")
        target = reports.through(tmp_path / "s")
        connection.set_trace_callback(computed.append)
        for _ in range(100):
            reports()
        connection.set_trace_callback(loaded.append)
        assert target.loader is not None
        texts = [target.loader(target.names.name(key)) for _, _, key in islice(target.source(), 100)]
    assert loaded == computed
    assert [key for _, _, key in islice(other.source(), 100)] != [key for _, _, key in islice(target.source(), 100)]
    months = json.loads(texts[0])
    assert months
    assert all(str(a["month"]) < str(b["month"]) for a, b in pairwise(months))


def test_the_same_seed_requests_the_same_records() -> None:
    one, same, other = (
        [prepared.data for prepared in islice(get_record("localhost", 1, seed).source(), 100)] for seed in (1, 1, 2)
    )
    assert one == same != other
    numbers = [int(data.split(b" ")[1].removeprefix(b"/records/")) for data in one]
    assert all(1 <= number <= RECORD_COUNT for number in numbers)


@pytest.mark.parametrize(("inner", "outer"), [(ExitCode.NO_VERDICT, 0), (ExitCode.HELD, 0), (ExitCode.BROKEN, 1)])
def test_a_machine_too_busy_for_a_verdict_does_not_fail_the_tour(
    monkeypatch: pytest.MonkeyPatch, inner: ExitCode, outer: int
) -> None:
    monkeypatch.setattr(command, "measure", lambda *_: inner)
    assert command.command.callback is not None
    assert command.command.callback(output=Path(), resume=False, quiet=True, no_color=True, debug=False) == outer
