"""The history in a file of SQLite: what goes in comes out once, in order; what is no history is left alone."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError, FileFormatError, OutputError
from paceline.judge.result import judge
from paceline.records.history import Added, HistorySession, SeriesKey
from paceline.records.quantities import MEDIAN, P99, QUANTITIES
from paceline.store.history import append, opened
from paceline.store.history_database import address_of
from paceline.store.history_schema import VERSION
from tests.fakes import make_record
from tests.unit.store.sessions import session

KEY = SeriesKey("main", "e898e3121028", "584cc9cc")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def add(path: Path, *sessions: HistorySession) -> Added:
    with opened(str(path), write=True, create=True) as history:
        return history.add(sessions)


def values(path: Path, test: str = "checkout", **options: int | str) -> list[float]:
    with opened(str(path)) as history:
        series = history.series(test, MEDIAN, **options)  # type: ignore[arg-type]
    return [] if series is None else [point.value for point in series.points]


def test_what_is_there_is_not_added_again(path: Path) -> None:
    assert add(path, session(0), session(1)) == Added(2, 0)
    assert add(path, session(1), session(2), session(2)) == Added(1, 2)
    assert add(path) == Added(0, 0)
    assert len(values(path)) == 3


def test_results_just_measured_are_appended_once(path: Path) -> None:
    results = [judge(make_record(name=name)) for name in ("one", "two")]
    for expected in (Added(2, 0), Added(0, 2)):
        assert append(str(path), results, branch="main", commit="abc") == expected
    with opened(str(path)) as history:
        series = history.series("one", P99)
    assert series is not None
    assert (series.key.branch, series.points[0].commit, series.points[0].value) == ("main", "abc", 1_000_000.0)
    assert series.definition_facts["iterations"] == 2_000
    assert series.machine_facts["cpu_model"] == "unknown"


@given(st.permutations(range(12)), st.integers(1, 15))
def test_a_series_is_its_newest_sessions_in_time_order(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], last: int
) -> None:
    path = tmp_path_factory.mktemp("history") / "history.db"
    add(path, *(session(number, value=number + 1.0) for number in order))
    assert values(path, last=last) == [number + 1.0 for number in range(12)][-last:]


def test_every_quantity_has_its_column(path: Path) -> None:
    known = {key: float(place) for place, key in enumerate(QUANTITIES)}
    add(path, session(values=known))
    with opened(str(path)) as history:
        seen = {key: history.series("checkout", quantity) for key, quantity in QUANTITIES.items()}
    assert {key: series.points[0].value for key, series in seen.items() if series} == known


def test_the_series_of_the_newest_session_is_shown_and_the_others_are_counted(path: Path) -> None:
    add(
        path,
        session(0, definition="older"),
        session(1, machine="other"),
        session(2),
        session(3, branch="feature"),
        session(4),
        session(9, test="another"),
    )
    with opened(str(path)) as history:
        series = history.series("checkout", MEDIAN)
        feature = history.series("checkout", MEDIAN, branch="feature")
        assert history.series("checkout", MEDIAN, branch="none") is None
        assert history.series("none", MEDIAN) is None
    assert series is not None
    assert feature is not None
    assert (series.key, len(series.points)) == (KEY, 2)
    assert [(each.key.branch, each.key.machine, each.key.definition) for each in series.others] == [
        ("feature", "e898e3121028", "584cc9cc"),
        ("main", "other", "584cc9cc"),
        ("main", "e898e3121028", "older"),
    ]
    assert (feature.key.branch, len(feature.points)) == ("feature", 1)


def test_doubtful_sessions_and_those_without_the_figure_are_no_points(path: Path) -> None:
    add(path, session(0), session(1, doubts="generator-saturated"), session(2, value=None), session(3))
    with opened(str(path)) as history:
        series = history.series("checkout", MEDIAN)
    assert series is not None
    assert (len(series.points), series.doubtful, series.missing) == (2, 1, 1)


def test_tests_are_listed_the_newest_first(path: Path) -> None:
    add(path, session(0), session(1, branch="feature"), session(5, test="search"))
    with opened(str(path)) as history:
        tests = history.tests()
    assert [(each.test, each.sessions, each.branches, each.machines) for each in tests] == [
        ("search", 1, 1, 1),
        ("checkout", 2, 2, 1),
    ]
    assert tests[1].newest.startswith("2026-01-02")


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"keep": 2}, [3.0, 4.0]),
        ({"keep": 0}, []),
        ({"keep": 9}, [1.0, 2.0, 3.0, 4.0]),
        ({"before": "2026-01-03"}, [3.0, 4.0]),
        ({"keep": 3, "before": "2026-01-04"}, [4.0]),
        ({}, [1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_pruning_keeps_the_newest(path: Path, options: dict[str, int | str], left: list[float]) -> None:
    add(path, *(session(number, value=number + 1.0) for number in range(4)))
    with opened(str(path), write=True) as history:
        assert history.prune(**options) == 4 - len(left)  # type: ignore[arg-type]
    assert values(path) == left


def test_pruning_counts_each_series_by_itself(path: Path) -> None:
    add(path, *(session(number, branch=branch) for number in range(4) for branch in ("main", "feature")))
    with opened(str(path), write=True) as history:
        assert history.prune(keep=1) == 6


def test_pruning_gives_the_room_back(path: Path) -> None:
    add(path, *(session(number) for number in range(500)))
    before = path.stat().st_size
    with opened(str(path), write=True) as history:
        history.prune(keep=1)
    assert path.stat().st_size < before / 2


def test_nothing_is_left_beside_the_history(path: Path) -> None:
    add(path, session())
    assert [each.name for each in path.parent.iterdir()] == ["history.db"]


def test_a_folder_of_our_own_is_made_and_no_other(tmp_path: Path) -> None:
    add(tmp_path / ".paceline" / "history.db", session())
    assert (tmp_path / ".paceline" / ".gitignore").read_text() == "*\n"
    with pytest.raises(OutputError, match="there is no folder"):
        add(tmp_path / "elsewhere" / "history.db", session())


def test_an_empty_file_becomes_a_history(path: Path) -> None:
    path.touch()
    assert add(path, session()) == Added(1, 0)


def test_reading_makes_nothing(path: Path) -> None:
    for write in (False, True):
        said = r"there is no history at .*'paceline history import FILE' makes one"
        with pytest.raises(FileFormatError, match=said), opened(str(path), write=write):
            pass
    assert not path.exists()


def spoil_text(path: Path) -> None:
    path.write_text("results, not a history" * 100)


def spoil_version(path: Path) -> None:
    add(path, session())
    change(path, f"UPDATE paceline_schema SET version = {VERSION + 1}")


def spoil_owner(path: Path) -> None:
    change(path, "CREATE TABLE customers (name TEXT)")


def spoil_pages(path: Path) -> None:
    add(path, *(session(number) for number in range(200)))
    with path.open("r+b") as stream:
        stream.seek(100)
        stream.write(b"\xff" * 20_000)


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_text, "is no history: it is no file of SQLite"),
        (spoil_version, f"is of version {VERSION + 1}, this Paceline knows {VERSION}"),
        (spoil_owner, "is no history: it holds other tables"),
        (spoil_pages, "is damaged, or no file of SQLite"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_is_no_history_is_named_and_left_as_it_is(path: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(FileFormatError, match=message):
        add(path, session(7))
    with pytest.raises(FileFormatError, match=message):
        values(path)
    assert path.read_bytes() == before


SESSIONS, FACTS = (
    "in the table paceline_sessions, the row with session_id",
    "in the table paceline_facts, the row with key",
)
UNLIKE_TEXT = f"{SESSIONS} 'checkout-main-3' holds b'\\\\xff' as"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("sessions SET median = 'fast'", f"{SESSIONS} 'checkout-main-3' holds 'fast' as median, where a number"),
        ("sessions SET median = x'00'", f"{SESSIONS} 'checkout-main-3' holds .* as median, where a number"),
        ("sessions SET started_at = 'zz'", f"{SESSIONS} 'checkout-main-3' holds 'zz' as started_at, where a time"),
        ("sessions SET started_at = x'ff'", f"{UNLIKE_TEXT} started_at, where text"),
        ("sessions SET commit_id = x'ff'", f"{UNLIKE_TEXT} commit_id, where text"),
        ("sessions SET branch = x'ff'", f"{UNLIKE_TEXT} branch, where text"),
        ("sessions SET machine = x'ff'", f"{UNLIKE_TEXT} machine, where text"),
        ("facts SET content = x'ff'", f"{FACTS} '584cc9cc' holds b'.xff' as content, where text"),
        ("facts SET content = '{'", f"{FACTS} '584cc9cc' holds '{{' as content, where the JSON of an object"),
        ("facts SET content = '[1]'", f"{FACTS} '584cc9cc' holds '.1.' as content, where the JSON of an object"),
        ("facts SET content = 5", f"{FACTS} '584cc9cc' holds '5' as content, where the JSON of an object"),
    ],
)
def test_a_row_with_what_does_not_belong_there_is_named(path: Path, statement: str, said: str) -> None:
    add(path, *(session(number) for number in range(4)))
    row = "key = '584cc9cc'" if statement.startswith("facts") else "session_id = 'checkout-main-3'"
    change(path, f"UPDATE paceline_{statement} WHERE {row}")
    with pytest.raises(FileFormatError, match=rf"the history .*history\.db is damaged: {said}.*; remove that row"):
        values(path)


def test_a_name_that_is_no_text_is_named_in_a_list(path: Path) -> None:
    add(path, session())
    change(path, "UPDATE paceline_sessions SET test = x'ff'")
    said = f"{SESSIONS} 'checkout-main-0' holds b'.xff' as test, where text"
    with pytest.raises(FileFormatError, match=said), opened(str(path)) as history:
        history.tests()


def test_rows_of_a_table_that_somebody_else_made_are_checked_too(path: Path) -> None:
    # A table without types and limits: NULL and numbers where texts belong.
    add(path, session())
    change(path, "CREATE TABLE loose AS SELECT * FROM paceline_sessions")
    change(path, "UPDATE loose SET commit_id = NULL")
    change(path, "DROP TABLE paceline_sessions")
    change(path, "ALTER TABLE loose RENAME TO paceline_sessions")
    with pytest.raises(FileFormatError, match=f"{SESSIONS} 'checkout-main-0' holds None as commit_id, where text"):
        values(path)
    change(path, "UPDATE paceline_sessions SET commit_id = 'abc', branch = NULL")
    with pytest.raises(FileFormatError, match=f"{SESSIONS} 'checkout-main-0' holds None as branch, where text"):
        values(path)


def test_a_machine_of_which_nothing_is_known_has_no_facts(path: Path) -> None:
    add(path, session())
    change(path, "UPDATE paceline_facts SET content = NULL")
    with opened(str(path)) as history:
        series = history.series("checkout", MEDIAN)
    assert series is not None
    assert (series.machine_facts, series.definition_facts) == ({}, {})


def facts_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [key for (key,) in connection.execute("SELECT key FROM paceline_facts ORDER BY key")]


def test_pruning_forgets_machines_and_definitions_of_no_session(path: Path) -> None:
    add(path, session(0, machine="old"), session(1, definition="older"), session(2), session(3, machine="other"))
    for keep_since, left in (
        ("2026-01-01", ["584cc9cc", "e898e3121028", "old", "older", "other"]),
        ("2026-01-02", ["584cc9cc", "e898e3121028", "older", "other"]),
        ("2026-01-04", ["584cc9cc", "other"]),
        ("2026-01-05", []),
    ):
        with opened(str(path), write=True) as history:
            history.prune(before=keep_since)
        assert facts_of(path) == left


def test_a_folder_and_a_pipe_are_no_history(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(FileFormatError, match="it is no regular file"):
            add(path, session())
        with pytest.raises(FileFormatError, match="it is no regular file"):
            values(path)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "kept in a file"),
        (":memory:", "kept in a file"),
        ("sqlite://", "kept in a file"),
        ("sqlite:///:memory:", "kept in a file"),
        ("nothing://ann:s3cret@db/x", "SQLAlchemy knows no 'nothing'"),
        ("mysql://ann:s3cret@db/x", r"pip install 'mysqlclient'"),
        ("postgresql+psycopg2://ann:s3cret@db/x", r"pip install 'psycopg2-binary'"),
        ("postgresql+psycopg_async://ann:s3cret@db/x", "asynchronous"),
        ("a b://ann:s3cret@db:zz/x", "no address of a database"),
    ],
)
def test_addresses_that_are_none_are_told_without_credentials(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised, opened(url, write=True, create=True):
        pass
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "path"), [("history.db", "history.db"), ("sqlite:///a/b.db", "a/b.db"), ("sqlite:////a/b.db", "/a/b.db")]
)
def test_files_may_be_named_by_path_or_by_url(url: str, path: str) -> None:
    assert address_of(url).path == Path(path)


def test_credentials_are_never_shown() -> None:
    address = address_of("postgresql+psycopg://ann:s3cret@db/perf?password=s3cret&sslmode=require")
    assert "s3cret" not in address.name
    assert "ann" not in address.name
    assert "sslmode=require" in address.name
