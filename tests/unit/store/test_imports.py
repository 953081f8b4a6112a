"""What a history keeps of a result: a stable identity, the key of its definition, its figures."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import FileFormatError
from paceline.judge.result import TestResult, judge
from paceline.records.fingerprint import Fingerprint
from paceline.records.history import HistorySession
from paceline.records.quantities import QUANTITIES
from paceline.records.resources import Gauge, ResourceUsage, SystemUsage
from paceline.records.run_record import Circumstances, Definition, Execution, RunRecord
from paceline.store.codec import read_results, write_results
from paceline.store.imports import definition_key, read_finished, sessions_of
from paceline.store.journal import Journal
from tests.fakes import MS, make_record
from tests.strategies import definitions, records


def session_of(record: RunRecord, **options: str) -> HistorySession:
    known = {"branch": "main", "commit": "abc", **options}
    (session,) = sessions_of([judge(record)], "results.json", branch=known["branch"], commit=known["commit"])
    return session


@given(records())
def test_any_record_has_a_session_and_the_same_again_from_its_file(record: RunRecord) -> None:
    session = session_of(record)
    assert session == session_of(record)
    assert set(session.values) == set(QUANTITIES)
    assert "\0" not in session.test
    session.test.encode()


def test_the_figures_are_in_the_units_of_their_quantities() -> None:
    usage = SystemUsage(process=ResourceUsage("process", memory_bytes=Gauge(10.0, 20.0, 30_000_000.0)))
    record = make_record([MS, 2 * MS, 3 * MS], errors_counted=1, usage=usage)
    assert session_of(record).values == {
        "median": 2 * MS,
        "mean": 2 * MS,
        "p95": pytest.approx(2.9 * MS),
        "p99": pytest.approx(2.98 * MS),
        "throughput": pytest.approx(500.0),
        "error_rate": 0.25,
        "peak_rss": 30_000_000.0,
    }


def test_what_does_not_exist_is_none() -> None:
    values = session_of(make_record([], errors_counted=5)).values
    assert [key for key, value in values.items() if value is not None] == ["throughput", "error_rate"]
    batched = make_record([MS] * 20, definition=Definition(iterations=20, calls_per_sample=100))
    assert session_of(batched).values["p99"] is None


def test_doubts_and_status_are_kept() -> None:
    interrupted = session_of(make_record(circumstances=Circumstances(interruption="KeyboardInterrupt")))
    assert "interrupted" in interrupted.doubts
    assert session_of(make_record()).doubts == ""
    assert session_of(make_record([], errors_counted=5)).status == "failed"


@pytest.mark.parametrize(
    "change",
    [{"name": "other"}, {"started_at": "2026-11-22T18:00:00.000001Z"}, {"elapsed_ns": 7}, {"window_ns": 8}],
)
def test_another_run_is_another_session(change: dict[str, object]) -> None:
    record = make_record()
    assert session_of(replace(record, **change)).session_id != session_of(record).session_id  # type: ignore[arg-type]


def test_what_later_versions_add_to_leaves_the_identity_alone() -> None:
    record = make_record()
    later = replace(record, fingerprint=Fingerprint(cpu_model="now known"), metadata={"new": 1})
    assert session_of(later).session_id == session_of(record).session_id


def test_a_default_field_does_not_change_the_key_of_a_definition() -> None:
    # The key of what older versions wrote: it must stay, or every series would begin anew.
    assert definition_key(Definition()) == "4f53cda18c2baa0c0354bb5f"
    assert definition_key(Definition(iterations=50, execution=Execution.THREADS)) == "584cc9ccc10432ade118312a"


@given(definitions, definitions)
def test_the_key_tells_definitions_apart(one: Definition, other: Definition) -> None:
    batched = min(one.calls_per_sample, other.calls_per_sample) > 1
    alike = replace(other, calls_per_sample=one.calls_per_sample) if batched else other
    assert (definition_key(one) == definition_key(other)) == (one == alike)


@given(definitions, st.sampled_from([each.name for each in fields(Definition) if each.compare]))
def test_each_field_counts(definition: Definition, name: str) -> None:
    default = getattr(Definition(), name)
    bare = replace(definition, **{name: default})
    same = getattr(definition, name) == default
    assert (definition_key(bare) == definition_key(definition)) == same


def test_batches_of_any_length_are_one_definition() -> None:
    assert definition_key(Definition(calls_per_sample=100)) == definition_key(Definition(calls_per_sample=7))
    assert definition_key(Definition(calls_per_sample=1)) != definition_key(Definition(calls_per_sample=7))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2026-11-22T18:00:00Z", "2026-11-22T18:00:00.000000Z"),
        ("2026-11-22T19:00:00.5+01:00", "2026-11-22T18:00:00.500000Z"),
        ("2026-11-22 18:00:00", "2026-11-22T18:00:00.000000Z"),
    ],
)
def test_times_become_texts_that_sort(written: str, kept: str) -> None:
    assert session_of(make_record(started_at=written)).started_at == kept


@pytest.mark.parametrize("written", ["", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:00"])
def test_a_start_that_is_no_time_is_an_error_that_names_file_and_test(written: str) -> None:
    with pytest.raises(FileFormatError, match=r"results\.json: the start of 'checkout' is no time"):
        session_of(make_record(started_at=written))


def test_texts_are_such_as_every_database_holds() -> None:
    session = session_of(make_record(name="a\0b\udce9"), branch="br\0anch", commit="\udce9")
    assert (session.test, session.branch, session.commit) == ("a\\x00b\\udce9", "br\\x00anch", "\\udce9")


def test_results_and_journals_give_the_same_sessions(tmp_path: Path) -> None:
    result = judge(make_record(name="one"))
    write_results(tmp_path / "results.json", [result], Fingerprint(), "2026-11-22T18:00:05.000000Z")
    journal = Journal(tmp_path / "journal.jsonl", "call one")
    journal.add(result)
    journal.add_partial(make_record(name="unfinished"))
    journal.close()
    both = [ids(read_finished(tmp_path / name)) for name in ("results.json", "journal.jsonl")]
    assert both[0] == both[1] == ids(read_results(tmp_path / "results.json"))


def ids(results: tuple[TestResult, ...]) -> list[str]:
    return [each.session_id for each in sessions_of(results, "file", branch="", commit="")]


def test_a_file_that_is_not_there_and_one_that_is_neither(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="there is no file"):
        read_finished(tmp_path / "nothing.json")
    (tmp_path / "other.json").write_text(json.dumps({"schema": "other/1"}))
    with pytest.raises(FileFormatError, match=r"other\.json: schema is 'other/1'"):
        read_finished(tmp_path / "other.json")
