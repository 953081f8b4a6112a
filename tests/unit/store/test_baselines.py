"""Baselines: what is kept, what is refused, and what is no baseline at all."""

import difflib
import errno
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import BaselineError, ConfigurationError, OutputError
from paceline.core.findings import Finding
from paceline.judge.result import TestResult, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.baseline import BaselineSession
from paceline.records.fingerprint import Fingerprint
from paceline.records.replication import Figures, ProcessRun, Replication
from paceline.records.resources import Gauge, ResourceUsage, SystemUsage
from paceline.records.run_record import Circumstances, Definition
from paceline.store.baselines import FLAT_SESSION, MOST_SESSIONS, Saved, load_baseline, promote, save_baseline
from paceline.store.files import read_bounded
from tests.examples import thorough
from tests.fakes import MS, make_record
from tests.unit.store.arbitrary import results

NOW = "2026-11-22T18:00:00.000000Z"
EXPECTED = r"expected a baseline \('paceline/baseline/2', or the flat form .*The file was left as it is\."
FLAT = {"get_record": {"mean_time_ms": 1.5, "p95_time_ms": 3, "timestamp": NOW, "notes": "quiet machine"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "baseline.json"


def a_result(name: str = "checkout", mean_ms: int = 1, machine: str = "this") -> TestResult:
    return judge(make_record([mean_ms * MS] * 200, name=name, fingerprint=Fingerprint(cpu_model=machine)))


def save(path: Path, *saved: TestResult, session: str = "s", saved_at: str = NOW) -> Saved:
    return save_baseline(path, saved, session, saved_at)


def day(number: int) -> str:
    return (datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=number)).isoformat()


def references(path: Path, name: str = "checkout") -> list[str]:
    return [session.session_id for session in load_baseline(path)[name] if session.reference]


def ids(path: Path, name: str = "checkout") -> list[str]:
    return [session.session_id for session in load_baseline(path)[name]]


class TestSaving:
    def test_figures_fingerprint_and_definition(self, path: Path) -> None:
        result = a_result(mean_ms=2)
        saved = save(path, result)
        assert saved == Saved(path, ("checkout",), {})
        (session,) = load_baseline(path)["checkout"]
        assert session.session_id == "s"
        assert session.saved_at == NOW
        assert session.fingerprint == result.record.fingerprint.key
        assert session.definition == result.record.definition
        assert session.metrics["mean_time_ms"] == 2
        assert session.metrics["throughput_ops_per_sec"] == 500
        assert session.metrics["hit_rate"] is None

    @given(st.lists(results(), max_size=3))
    def test_whatever_is_saved_is_loaded(
        self, tmp_path_factory: pytest.TempPathFactory, given_: list[TestResult]
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "arbitrary-baseline.json"
        path.unlink(missing_ok=True)
        saved = save(path, *given_)
        assert path.exists() == bool(saved.saved)
        if saved.saved:
            assert set(load_baseline(path)) == set(saved.saved)
        assert {each.metrics.test_name for each in given_} == set(saved.saved) | set(saved.refused)

    def test_sessions_are_appended(self, path: Path) -> None:
        for number in range(3):
            save(path, a_result(), session=f"s{number}")
        assert ids(path) == ["s0", "s1", "s2"]

    def test_other_tests_stay(self, path: Path) -> None:
        save(path, a_result("a"), session="s0")
        save(path, a_result("b"), session="s1")
        assert (ids(path, "a"), ids(path, "b")) == (["s0"], ["s1"])

    def test_a_session_saved_again_replaces_itself_in_its_place(self, path: Path) -> None:
        for number in range(3):
            save(path, a_result(), session=f"s{number}")
        save(path, a_result(mean_ms=7), session="s1")
        assert ids(path) == ["s0", "s1", "s2"]
        assert [session.metrics["mean_time_ms"] for session in load_baseline(path)["checkout"]] == [1, 7, 1]

    def test_thirty_are_kept_the_reference_and_the_newest(self, path: Path) -> None:
        for number in range(MOST_SESSIONS + 5):
            save(path, a_result(), session=f"s{number}", saved_at=day(number))
        assert ids(path) == [f"s{number}" for number in (*range(10), *range(15, 35))]
        assert references(path) == [f"s{number}" for number in range(10)]

    def test_of_many_sessions_of_one_day_those_go_that_count_for_nothing(self, path: Path) -> None:
        save(path, a_result(), session="first", saved_at=day(0))
        for number in range(MOST_SESSIONS + 5):
            save(path, a_result(), session=f"s{number}", saved_at=day(1))
        assert ids(path) == ["first", "s0", *(f"s{number}" for number in range(7, 35))]
        assert references(path) == ids(path)  # it still grows

    def test_machines_do_not_push_each_other_out(self, path: Path) -> None:
        for number in range(3):
            save(path, a_result(machine="other"), session=f"o{number}")
        for number in range(MOST_SESSIONS + 1):
            save(path, a_result(), session=f"s{number}")
        kept = ids(path)
        assert [each for each in kept if each.startswith("o")] == ["o0", "o1", "o2"]
        assert len([each for each in kept if each.startswith("s")]) == MOST_SESSIONS

    def test_another_definition_has_a_reference_of_its_own(self, path: Path) -> None:
        for number in range(12):
            save(path, a_result(), session=f"s{number}", saved_at=day(number))
        changed = replace(a_result().record, definition=Definition(iterations=999))
        save(path, judge(changed), session="changed", saved_at=day(12))
        assert references(path) == [*(f"s{number}" for number in range(10)), "changed"]

    def test_what_is_known_of_the_session(self, path: Path) -> None:
        known = Circumstances(booted_at=day(0), calibration_ns=7e6)
        save(path, a_result("a"), judge(replace(a_result("b").record, circumstances=known)))
        a, b = (load_baseline(path)[name][0] for name in "ab")
        assert (a.booted_at, a.calibration_ns) == (None, None)
        assert (b.booted_at, b.calibration_ns) == (day(0), 7e6)
        save_baseline(path, [a_result("a")], "s", NOW, calibration_ns=8e6)
        assert load_baseline(path)["a"][0].calibration_ns == 8e6

    def test_memory_and_the_medians_of_processes(self, path: Path) -> None:
        usage = SystemUsage(process=ResourceUsage("process", memory_bytes=Gauge(1.0, 2.0, 3.0)))
        runs = tuple(ProcessRun(Figures(10, 1, 50.0, median_ns=1e6 * n), (), n, n * 100) for n in (1, 2, 9))
        single = replace(a_result("single").record, usage=usage)
        replicated = replace(a_result("many").record, usage=usage, replication=Replication(3, 1, 0, runs))
        save(path, judge(single), judge(replicated))
        stored = load_baseline(path)
        assert stored["single"][0].metrics["peak_rss_bytes"] == 3.0
        many = stored["many"][0].metrics
        assert (many["median_time_ms"], many["peak_rss_bytes"]) == (2.0, 200.0)
        assert (many["throughput_ops_per_sec"], many["error_rate"]) == (50.0, 0.1)
        assert many["mean_time_ms"] == 1.0  # what no process has is the merged run's

    def test_lines_of_a_new_session_are_added_lines(self, path: Path) -> None:
        # Baselines are kept in version control.
        save(path, a_result(), session="s0")
        before = path.read_text().splitlines()
        save(path, a_result(), session="s1")
        changes = difflib.ndiff(before, path.read_text().splitlines())
        assert {line[2:].strip() for line in changes if line.startswith("- ")} <= {"}", "]"}  # they get a comma

    def test_by_a_link(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "link.json").symlink_to(path)
        save(tmp_path / "link.json", a_result())
        assert (tmp_path / "link.json").is_symlink()
        assert ids(path) == ["s"]

    def test_nothing_else_is_left_in_the_folder(self, path: Path) -> None:
        save(path, a_result())
        assert list(path.parent.iterdir()) == [path]


class TestPromotion:
    @pytest.fixture
    def grown(self, path: Path) -> Path:
        for number in range(15):
            save(path, a_result("a"), a_result("b"), session=f"s{number}", saved_at=day(number))
        return path

    def test_the_newest_that_a_verdict_needs_become_the_reference(self, grown: Path) -> None:
        promoted = promote(grown)
        newest = [f"s{number}" for number in range(5, 15)]
        assert references(grown, "a") == references(grown, "b") == newest
        assert [each.session_id for each in promoted["a"]] == newest
        assert len(ids(grown, "a")) == 15  # none is lost

    def test_one_test(self, grown: Path) -> None:
        assert set(promote(grown, "a")) == {"a"}
        assert references(grown, "a")[0] == "s5"
        assert references(grown, "b")[0] == "s0"

    def test_as_many_as_are_wanted_and_then_it_grows_again(self, grown: Path) -> None:
        promote(grown, sessions=1)
        assert references(grown, "a") == ["s14"]
        for number in range(15, 30):
            save(grown, a_result("a"), session=f"s{number}", saved_at=day(number))
        assert references(grown, "a") == [f"s{number}" for number in range(14, 24)]

    def test_sessions_beside_a_promoted_one_go_with_it(self, grown: Path) -> None:
        save(grown, a_result("a"), session="beside", saved_at=day(14))
        promote(grown, "a", sessions=1)
        assert references(grown, "a") == ["s14", "beside"]

    def test_each_machine_has_its_own(self, grown: Path) -> None:
        save(grown, a_result("a", machine="other"), session="other", saved_at=day(20))
        promote(grown, sessions=2)
        assert references(grown, "a") == ["s13", "s14", "other"]

    def test_what_is_not_there(self, grown: Path) -> None:
        before = grown.read_bytes()
        with pytest.raises(ConfigurationError, match=r"has no test 'c'; it has: a, b"):
            promote(grown, "c")
        with pytest.raises(FileNotFoundError):
            promote(grown.with_name("none.json"))
        assert grown.read_bytes() == before


class TestFirstSchema:
    def test_its_oldest_sessions_are_the_reference(self, path: Path) -> None:
        sessions = [
            {
                "session_id": f"s{number}",
                "saved_at": day(number),
                "fingerprint": "here",
                "metrics": {"mean_time_ms": 1.0},
            }
            for number in range(12)
        ]
        path.write_text(json.dumps({"schema": "paceline/baseline/1", "tests": {"checkout": sessions}}))
        assert references(path) == [f"s{number}" for number in range(10)]
        save(path, a_result())
        assert json.loads(path.read_text())["schema"] == "paceline/baseline/2"
        assert references(path) == [*(f"s{number}" for number in range(10)), "s"]


class TestRefused:
    def test_failed(self, path: Path) -> None:
        failed = judge(make_record(), PerformanceThreshold(max_p95_ms=0.1))
        assert save(path, failed, a_result("good")) == Saved(path, ("good",), {"checkout": "it failed"})
        assert set(load_baseline(path)) == {"good"}

    def test_in_doubt(self, path: Path) -> None:
        noted = [Finding("odd", "", "", "", serious=True), Finding("fine", "", "", "")]
        saved = save(path, judge(make_record(), noted=noted))
        assert saved.refused == {"checkout": "its figures are in doubt (odd)"}

    def test_no_file_is_made_for_nothing(self, path: Path) -> None:
        save(path)
        save(path, judge(make_record([], errors_counted=1)))
        assert not path.exists()

    def test_a_file_that_is_no_baseline_is_left(self, path: Path) -> None:
        path.write_bytes(b'{"schema": "paceline/baseline/3"}')
        with pytest.raises(BaselineError, match=EXPECTED):
            save(path, a_result())
        assert path.read_bytes() == b'{"schema": "paceline/baseline/3"}'
        assert list(path.parent.iterdir()) == [path]

    def test_paths_that_cannot_be_written(self, tmp_path: Path) -> None:
        for path, reason in ((tmp_path, "it is a folder"), (tmp_path / "gone" / "b.json", "there is no folder")):
            with pytest.raises(OutputError, match=reason):
                save(path, a_result())

    def test_no_room(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        save(path, a_result(), session="s0")
        before = path.read_bytes()

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(OutputError, match="No space left on device"):
                save(path, a_result(), session="s1")
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]


class TestFlatForm:
    def test_is_one_session(self, path: Path) -> None:
        path.write_text(json.dumps(FLAT))
        assert load_baseline(path) == {
            "get_record": (
                BaselineSession(FLAT_SESSION, NOW, "", {"mean_time_ms": 1.5, "p95_time_ms": 3.0}, reference=True),
            )
        }

    def test_is_kept_when_a_session_is_added(self, path: Path) -> None:
        path.write_text(json.dumps(FLAT))
        save(path, a_result("get_record"))
        assert ids(path, "get_record") == [FLAT_SESSION, "s"]
        assert json.loads(path.read_text())["schema"] == "paceline/baseline/2"

    def test_names_that_look_like_the_other_form(self, path: Path) -> None:
        path.write_text(json.dumps({"schema": FLAT["get_record"], "tests": FLAT["get_record"]}))
        assert set(load_baseline(path)) == {"schema", "tests"}

    def test_empty(self, path: Path) -> None:
        path.write_text("{}")
        assert load_baseline(path) == {}

    @pytest.mark.parametrize(
        ("content", "place"),
        [
            ({"a": {}}, r'none of the metrics .* at `\$\["a"\]`'),
            ({"a": {"mean_time_ms": "1"}}, r'none of the metrics .* at `\$\["a"\]`'),
            ({"a": {"mean_time_ms": True}}, r'none of the metrics .* at `\$\["a"\]`'),
            ({"a": {"mean_time_ms": None}}, r'none of the metrics .* at `\$\["a"\]`'),
            ({"a": {"mean_time_ms": 10**400}}, r'out of range - at `\$\["a"\]`.mean_time_ms'),
            ({**FLAT, "b": 5}, r'Expected `object` - at `\$\["b"\]`'),
            ({**FLAT, "b": None}, r'Expected `object` - at `\$\["b"\]`'),
            ({**FLAT, "b": []}, r'Expected `object` - at `\$\["b"\]`'),
            ({"schema": 5}, r'Expected `object` - at `\$\["schema"\]`'),
        ],
    )
    def test_something_else(self, path: Path, content: object, place: str) -> None:
        refused(path, json.dumps(content).encode(), f"{place}.*{EXPECTED}")


def refused(path: Path, data: bytes, expected: str = EXPECTED) -> None:
    path.write_bytes(data)
    for act in (load_baseline, lambda path: save(path, a_result())):
        with pytest.raises(BaselineError, match=expected) as seen:
            act(path)
        assert str(seen.value).startswith(str(path))
        assert path.read_bytes() == data


class TestSomethingElse:
    def test_truncated_anywhere(self, path: Path) -> None:
        save(path, a_result())
        for length in reversed(range(len(path.read_bytes().rstrip()))):
            os.truncate(path, length)
            with pytest.raises(BaselineError, match=f"byte .*{EXPECTED}"):
                load_baseline(path)

    @pytest.mark.parametrize("schema", ["paceline/baseline/3", "paceline/baseline/1.1", "paceline/results/1", ""])
    def test_other_schema(self, path: Path, schema: str) -> None:
        content = {"schema": schema, "tests": {}, "results": []}
        refused(path, json.dumps(content).encode(), rf"schema is {schema!r} - at `\$.schema`; {EXPECTED}")

    @pytest.mark.parametrize(
        ("tests", "place"),
        [
            (None, r"Expected `object`, got `null` - at `\$.tests`"),
            ([], r"Expected `object`, got `array` - at `\$.tests`"),
            ({"a": [{}]}, r"missing required field `session_id` - at `\$.tests\[...\]\[0\]`"),
            ({"a": [{"session_id": "", "saved_at": "", "fingerprint": "", "metrics": {"x": "fast"}}]}, "got `str`"),
            ({"a": [{"session_id": "", "saved_at": "", "fingerprint": "", "metrics": {"x": 10**400}}]}, "out of range"),
        ],
    )
    def test_broken_sessions(self, path: Path, tests: object, place: str) -> None:
        refused(path, json.dumps({"schema": "paceline/baseline/2", "tests": tests}).encode(), f"{place}.*{EXPECTED}")

    def test_no_tests(self, path: Path) -> None:
        refused(path, b'{"schema": "paceline/baseline/2"}', r"missing required field `tests` - at `\$`")

    @pytest.mark.parametrize(
        "data", [b"", b"\n", b"[]", b"5", b"\x00" * 100, b"\xff\xfe{\x00}\x00", b"[" * 100_000, b'{"a":' * 100_000]
    )
    def test_other_content(self, path: Path, data: bytes) -> None:
        refused(path, data)

    @given(st.binary(max_size=100))
    @thorough(200)
    def test_arbitrary_bytes(self, tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
        path = tmp_path_factory.getbasetemp() / "arbitrary.json"
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        with pytest.raises(BaselineError, match=EXPECTED):
            load_baseline(path)

    def test_pipe_folder_loop_and_device(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "loop").symlink_to("loop")
        for path in (tmp_path, tmp_path / "pipe", tmp_path / "loop", Path("/dev/zero")):
            with pytest.raises(BaselineError, match=EXPECTED):
                load_baseline(path)

    def test_too_large(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("paceline.store.foreign.read_bounded", lambda path: read_bounded(path, most_bytes=10))
        path.write_text(json.dumps(FLAT))
        with pytest.raises(BaselineError, match=rf"has \d+ bytes; at most 10 are read; {EXPECTED}"):
            load_baseline(path)

    def test_no_file(self, path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            load_baseline(path)


def test_an_empty_folder_name_is_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(Path("baseline.json"), a_result())
    assert ids(tmp_path / "baseline.json") == ["s"]


def test_a_result_without_some_figures(path: Path) -> None:
    record = make_record()
    batched = judge(replace(record, definition=replace(record.definition, calls_per_sample=10)))
    save(path, batched)
    assert load_baseline(path)["checkout"][0].metrics["p95_time_ms"] is None
