"""Files of pytest-benchmark and pyperf, as the tools themselves wrote them, and as nobody would."""

import gzip
import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from statistics import fmean, median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import BaselineError, FileFormatError, PacelineError
from paceline.judge.files import compare_sessions
from paceline.judge.result import judge
from paceline.records.history import HistorySession
from paceline.records.revision import Revision
from paceline.store.baselines import load_baseline, promote, save_baseline
from paceline.store.foreign import read_foreign
from paceline.store.imports import sessions_in
from paceline.store.stored_sessions import load_sessions
from tests.examples import thorough
from tests.fakes import MS, make_record

FOLDER = Path(__file__).parents[2] / "data" / "foreign"
PYTEST_BENCHMARK = FOLDER / "pytest-benchmark-5.3.json"
OLDER = FOLDER / "pytest-benchmark-4.0.json"
PYPERF = FOLDER / "pyperf.json"
LOOKUP, SORT = "test_lookup.py::test_lookup", "test_lookup.py::test_sort[100]"
COMMIT = "10dbffeedd8d6841a4a4a7444a4bd6827a3fd198"


def content(path: Path) -> Any:
    return json.loads(path.read_text())


def written(path: Path, plain: object) -> Path:
    path.write_text(json.dumps(plain))
    return path


def imported(path: Path, branch: str | None = None, commit: str | None = None) -> dict[str, HistorySession]:
    sessions = sessions_in(path, branch=branch, commit=commit, otherwise=Revision("here", "c0ffee")).sessions
    return {session.test: session for session in sessions}


class TestPytestBenchmark:
    @pytest.mark.parametrize("path", [PYTEST_BENCHMARK, OLDER])
    def test_figures_are_the_files_in_milliseconds(self, path: Path) -> None:
        stored = {each["fullname"]: each["stats"] for each in content(path)["benchmarks"]}
        tests = load_baseline(path)
        assert list(tests) == list(stored)
        for name, (session,) in tests.items():
            assert session.metrics["median_time_ms"] == pytest.approx(stored[name]["median"] * 1e3)
            assert session.metrics["mean_time_ms"] == pytest.approx(stored[name]["mean"] * 1e3)
            assert session.metrics["throughput_ops_per_sec"] == pytest.approx(1 / stored[name]["mean"])
            assert session.metrics["iterations"] == stored[name]["rounds"] * stored[name]["iterations"]

    def test_percentiles_are_those_of_calls_or_there_are_none(self) -> None:
        tests = load_baseline(PYTEST_BENCHMARK)
        data = sorted(content(PYTEST_BENCHMARK)["benchmarks"][2]["stats"]["data"])
        assert tests[SORT][0].metrics["p95_time_ms"] == pytest.approx((data[46] + 0.55 * (data[47] - data[46])) * 1e3)
        assert "p95_time_ms" not in tests[LOOKUP][0].metrics  # its rounds are of several calls

    def test_what_the_oldest_files_lack_is_left_out(self, tmp_path: Path) -> None:
        plain = content(OLDER)
        plain["machine_info"] = {"system": "Linux", "cpu": {"brand": "Old CPU"}}
        del plain["commit_info"]
        plain["benchmarks"] = [{"name": "test_old", "stats": {"mean": 0.002, "iterations": 3}}]
        session = imported(written(tmp_path / "old.json", plain))["test_old"]
        assert session.values["mean"] == 2 * MS
        assert session.values["median"] is None
        assert "Old CPU" in session.machine_facts
        assert (session.branch, session.commit) == ("here", "c0ffee")

    def test_the_file_knows_branch_and_commit_unless_told(self) -> None:
        session = imported(PYTEST_BENCHMARK)[LOOKUP]
        assert (session.branch, session.commit) == ("master", COMMIT)
        session = imported(PYTEST_BENCHMARK, branch="main", commit="abc")[LOOKUP]
        assert (session.branch, session.commit) == ("main", "abc")

    def test_a_commit_with_changes_on_top_and_one_that_is_none(self, tmp_path: Path) -> None:
        plain = content(OLDER)
        plain["commit_info"] |= {"dirty": True, "branch": "(detached head)"}
        session = imported(written(tmp_path / "dirty.json", plain))[LOOKUP]
        assert (session.branch, session.commit) == ("here", f"{COMMIT}-dirty")
        plain["commit_info"]["id"] = "unversioned"
        assert imported(written(tmp_path / "none.json", plain))[LOOKUP].commit == "c0ffee"


class TestPyperf:
    def test_figures_are_over_the_values_of_all_processes(self) -> None:
        (session,) = load_baseline(PYPERF)["sort"]
        values = [value for run in content(PYPERF)["benchmarks"][0]["runs"] for value in run.get("values", ())]
        assert len(values) > 3
        assert session.metrics["median_time_ms"] == pytest.approx(median(values) * 1e3)
        assert session.metrics["mean_time_ms"] == pytest.approx(fmean(values) * 1e3)
        assert session.metrics["iterations"] == len(values) * 2048
        assert "p95_time_ms" not in session.metrics
        peak = session.metrics["peak_rss_bytes"]
        assert peak is not None
        assert 10e6 < peak < 100e6

    def test_machine_and_time(self) -> None:
        session = imported(PYPERF)["get"]
        assert session.started_at.startswith("2026-11-23T00:27:")
        assert json.loads(session.machine_facts)["python"] == "CPython 3.11.7"
        assert json.loads(session.machine_facts)["system"] == "Linux"

    def test_compressed(self, tmp_path: Path) -> None:
        packed = tmp_path / "results.json.gz"
        packed.write_bytes(gzip.compress(PYPERF.read_bytes()))
        assert load_baseline(packed) == load_baseline(PYPERF)
        packed.write_bytes(packed.read_bytes()[:-20])
        with pytest.raises(BaselineError, match="begins like a compressed file, but is none"):
            load_baseline(packed)

    def test_memory_is_no_time(self, tmp_path: Path) -> None:
        plain = content(PYPERF)
        plain["metadata"]["unit"] = "byte"
        plain["benchmarks"][0]["runs"] = [{"values": [20e6, 22e6, 21e6]}]
        plain["benchmarks"][0]["metadata"]["date"] = "2026-11-23 00:27:18"
        plain["benchmarks"] = plain["benchmarks"][:1]
        path = written(tmp_path / "memory.json", plain)
        assert load_baseline(path)["sort"][0].metrics == {"peak_rss_bytes": 21e6}
        assert imported(path)["sort"].values["peak_rss"] == 21e6


def changed(path: Path, change: Callable[[Any], object]) -> Any:
    plain = content(path)
    change(plain)
    return plain


@pytest.mark.parametrize(
    ("path", "change", "message"),
    [
        (OLDER, lambda plain: plain["benchmarks"][1]["stats"].update(mean="2 ms"),
         "Expected `float | null`, got `str` - at `$.benchmarks[1].stats.mean`"),
        (OLDER, lambda plain: plain["benchmarks"][1]["stats"].update(median=-1),
         "Expected `float` >= 0.0 - at `$.benchmarks[1].stats.median`"),
        (OLDER, lambda plain: plain["benchmarks"][2].update(stats={"rounds": 3}),
         "`$.benchmarks[2].stats` has neither median nor mean"),
        (OLDER, lambda plain: plain["benchmarks"][2].pop("stats"),
         "missing required field `stats` - at `$.benchmarks[2]`"),
        (OLDER, lambda plain: plain["benchmarks"][0].update(fullname=None, name=None),
         "neither fullname nor name - at `$.benchmarks[0]`"),
        (OLDER, lambda plain: plain["benchmarks"].append(deepcopy(plain["benchmarks"][0])),
         "two benchmarks are named 'test_lookup.py::test_lookup'"),
        (OLDER, lambda plain: plain.update(machine_info=3), "at `$.machine_info`"),
        (PYPERF, lambda plain: plain.update(version=6), "version is 6, expected '1.0' - at `$.version`"),
        (PYPERF, lambda plain: plain.pop("version"), "missing required field `version`"),
        (PYPERF, lambda plain: plain["metadata"].update(unit="integer"), "`$.benchmarks[0]`: its unit is 'integer'"),
        (PYPERF, lambda plain: plain["benchmarks"][1].update(runs=[]), "`$.benchmarks[1]` has no run with values"),
        (PYPERF, lambda plain: plain["benchmarks"][0]["runs"][1].update(values=[0]),
         "Expected `float` >= 1e-15 - at `$.benchmarks[0].runs[1].values[0]`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(
    path: Path, change: Callable[[Any], object], message: str, tmp_path: Path
) -> None:
    bad = written(tmp_path / "bad.json", changed(path, change))
    with pytest.raises(BaselineError, match=re.escape(message)) as failure:
        load_baseline(bad)
    assert str(bad) in str(failure.value)
    with pytest.raises(FileFormatError, match=re.escape(message)):
        sessions_in(bad, branch=None, commit=None, otherwise=Revision())


def test_a_start_that_is_no_time_has_no_place_in_a_history(tmp_path: Path) -> None:
    bad = written(tmp_path / "bad.json", changed(OLDER, lambda plain: plain.update(datetime="yesterday")))
    with pytest.raises(FileFormatError, match=r"bad\.json: the start of .* is no time: 'yesterday'"):
        imported(bad)


def test_neither_tools_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="there is no file"):
        imported(tmp_path / "none.json")
    with pytest.raises(FileFormatError, match="is a folder"):
        imported(tmp_path)
    with pytest.raises(FileFormatError, match="expected a results file"):
        imported(written(tmp_path / "other.json", {"benchmark": 1}))
    with pytest.raises(FileFormatError, match="missing required field `version`"):
        imported(written(tmp_path / "other.json", {"benchmarks": []}))


class TestBesideOurOwn:
    def test_two_files_are_compared(self) -> None:
        compared = compare_sessions(load_sessions(OLDER), load_sessions(PYTEST_BENCHMARK))
        assert set(compared.compared) == set(load_baseline(OLDER))
        assert all("more session" in each.reason for each in compared.compared.values())

    def test_a_result_of_ours_is_held_against_theirs(self) -> None:
        record = make_record([MS] * 200, name=SORT)
        comparison = judge(record, baseline=load_baseline(PYTEST_BENCHMARK)[SORT]).comparison
        assert comparison is not None
        assert comparison.median_change_pct > 1e4  # a millisecond against half a microsecond
        assert not comparison.gates

    @pytest.mark.parametrize("path", [PYPERF, OLDER])
    def test_their_files_are_never_written_to(self, path: Path, tmp_path: Path) -> None:
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        with pytest.raises(BaselineError, match="a file of another tool, to be read only: save to another"):
            save_baseline(copy, [judge(make_record([MS] * 200))], "s", "2026-11-23T00:00:00Z")
        with pytest.raises(BaselineError, match="a file of another tool"):
            promote(copy)
        assert copy.read_bytes() == path.read_bytes()

    def test_a_test_of_the_flat_form_may_be_named_benchmarks(self, tmp_path: Path) -> None:
        flat = written(tmp_path / "flat.json", {"benchmarks": {"mean_time_ms": 2.0}})
        assert load_baseline(flat)["benchmarks"][0].metrics == {"mean_time_ms": 2.0}
        assert read_foreign(flat) is None


class TestFolders:
    def test_each_file_is_a_session_the_oldest_first(self, tmp_path: Path) -> None:
        machine = tmp_path / "Linux-CPython-3.11-64bit"
        machine.mkdir()
        for number, day in enumerate(["2026-11-03", "2026-11-01", "2026-11-02"]):
            plain = changed(OLDER, lambda plain, day=day: plain.update(datetime=f"{day}T12:00:00"))  # type: ignore[misc]
            written(machine / f"000{number}_x.json", plain)
        sessions = load_sessions(tmp_path)[LOOKUP]
        assert [session.saved_at[:10] for session in sessions] == ["2026-11-01", "2026-11-02", "2026-11-03"]

    def test_what_else_is_in_it_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BaselineError, match="is a folder without JSON"):
            load_baseline(tmp_path)
        written(tmp_path / "package.json", {"name": "x"})
        with pytest.raises(BaselineError, match=r"package\.json is no file of pytest-benchmark or pyperf"):
            load_baseline(tmp_path)
        (tmp_path / "package.json").write_text("{")
        with pytest.raises(BaselineError, match=r"package\.json: .* only files of pytest-benchmark"):
            load_baseline(tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(plain, dict):
        found += [place for key, value in plain.items() for place in places(value, (*path, key))]
    elif isinstance(plain, list):
        found += [place for key, value in enumerate(plain[:2]) for place in places(value, (*path, key))]
    return found


@thorough(300)
@given(data=st.data())
@pytest.mark.parametrize("source", [PYTEST_BENCHMARK, PYPERF])
def test_a_file_with_anything_anywhere_is_read_or_refused(
    source: Path, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plain = content(source)
    *way, last = data.draw(st.sampled_from(places(plain)))
    spot = plain
    for key in way:
        spot = spot[key]
    spot[last] = data.draw(json_values)
    path = written(tmp_path_factory.mktemp("any") / "any.json", plain)
    for read in (load_baseline, imported, load_sessions):
        try:
            tests = read(path)
        except PacelineError:
            continue
        assert all(isinstance(name, str) for name in tests)
