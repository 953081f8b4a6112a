"""The history under fire: writers at once on SQLite and PostgreSQL, a full disk, a read-only place; and the command."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from paceline.core.clock import utc_text
from paceline.core.errors import FileFormatError, OutputError
from paceline.judge.result import TestResult, judge
from paceline.records.fingerprint import Fingerprint
from paceline.records.history import Added
from paceline.records.quantities import MEDIAN
from paceline.store.baselines import save_baseline
from paceline.store.codec import write_results
from paceline.store.history import opened
from paceline.store.history_schema import VERSION
from tests.fakes import MS, make_record
from tests.functional import commands
from tests.functional.postgres import postgres
from tests.functional.repository import SLOW, Repository
from tests.unit.store.sessions import session
from tests.waiting import DEADLINE_S, wait_for

pytestmark = pytest.mark.real

WRITERS = 8
SESSIONS_EACH = 5
# One process imports everything and becomes eight; each opens the history anew for every session it adds.
WRITER = """
import os, sys
from paceline.store.history import opened
from paceline.store.history_schema import tables
from tests.unit.store.sessions import session

url, writers, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
tables()
own = 0
while own < writers - 1 and os.fork() == 0:
    own += 1
for number in range(count):
    with opened(url, write=True, create=True) as history:
        history.add([session(own * count + number), session(number, test="shared")])
if own < writers - 1:
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty history, still to be made."""
    if request.param == "sqlite":
        return str(tmp_path / "history.db")
    server = str(request.getfixturevalue("server"))
    drop(server)
    return server


def drop(server: str) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    with create_engine(server, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS paceline_schema, paceline_sessions, paceline_facts")


def points(url: str, test: str = "checkout") -> int:
    with opened(url) as history:
        series = history.series(test, MEDIAN, last=10_000)
    return 0 if series is None else len(series.points)


def test_eight_writers_lose_nothing_and_add_nothing_twice(url: str) -> None:
    command = [sys.executable, "-c", WRITER, url, str(WRITERS), str(SESSIONS_EACH)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert points(url) == WRITERS * SESSIONS_EACH
    assert points(url, "shared") == SESSIONS_EACH


def test_a_history_on_either_database_answers_alike(url: str) -> None:
    sessions = [session(number, value=number + 1.0) for number in range(20)]
    sessions += [session(0, branch="feature"), session(3, test="search", value=None, doubts="interrupted")]
    with opened(url, write=True, create=True) as history:
        assert history.add(sessions) == Added(22, 0)
        assert history.add(sessions) == Added(0, 22)
        series = history.series("checkout", MEDIAN, last=3)
        assert series is not None
        assert [point.value for point in series.points] == [18.0, 19.0, 20.0]
        assert series.machine_facts["cpu_model"] == "Example CPU"
        assert [(each.key.branch, each.sessions) for each in series.others] == [("feature", 1)]
        assert [(each.test, each.sessions, each.branches) for each in history.tests()] == [
            ("checkout", 21, 2),
            ("search", 1, 1),
        ]
        assert history.prune(keep=5, before="2026-01-17") == 15 + 1 + 1 + 1
        assert [each.sessions for each in history.tests()] == [4]


def test_facts_that_a_session_under_way_counts_on_are_not_pruned(server: str) -> None:
    # A writer has begun: its machine and definition are there already, its session is not seen by anybody else.
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    drop(server)
    with opened(server, write=True, create=True) as history:
        history.add([session(0), session(1, machine="gone")])
    engine = create_engine(server, poolclass=NullPool)
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with engine.connect() as watching, engine.connect() as writing, ThreadPoolExecutor(1) as beside:
        writing.execute(text("INSERT INTO paceline_facts VALUES ('e898e3121028', '{}') ON CONFLICT DO NOTHING"))
        pruned = beside.submit(prune_all_before, server, "2026-01-03")
        try:
            wait_for(lambda: pruned.done() or watching.execute(waiting).scalar())
            columns = "session_id, test, started_at, branch, commit_id, machine, definition, status, doubts"
            values = f"'new', 'checkout', '{session(7).started_at}', 'main', '', 'e898e3121028', '584cc9cc', '', ''"
            writing.execute(text(f"INSERT INTO paceline_sessions ({columns}) VALUES ({values})"))
            writing.commit()
        finally:
            writing.rollback()
        assert pruned.result(timeout=DEADLINE_S) == 2
        left = watching.execute(text("SELECT key FROM paceline_facts ORDER BY key")).scalars().all()
    assert left == ["584cc9cc", "e898e3121028"]


def prune_all_before(url: str, before: str) -> int:
    with opened(url, write=True) as history:
        return history.prune(before=before)


def test_a_foreign_table_on_a_server_is_named(server: str) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    drop(server)
    with opened(server, write=True, create=True) as history:
        history.add([session()])
    with create_engine(server, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql("ALTER TABLE paceline_sessions ALTER median TYPE text")
    with pytest.raises(FileFormatError, match=r"postgresql\+psycopg://"):
        points(server)


def test_another_version_on_a_server_is_named(server: str) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    drop(server)
    with opened(server, write=True, create=True) as history:
        history.add([session()])
    with create_engine(server, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql("UPDATE paceline_schema SET version = version + 1")
    with pytest.raises(FileFormatError, match=f"of version {VERSION + 1}"):
        points(server)


def test_a_server_that_is_not_there_is_named_without_credentials(tmp_path: Path) -> None:
    nowhere = f"postgresql+psycopg://ann:s3cret@/perf?host={tmp_path}"
    with pytest.raises(FileFormatError, match=r"cannot read the history postgresql\+psycopg://") as read:
        points(nowhere)
    with (
        pytest.raises(OutputError, match="what it held is unchanged") as written,
        opened(nowhere, write=True, create=True),
    ):
        pass
    assert "s3cret" not in str(read.value) + str(written.value)


def fill_up(folder: Path) -> Callable[[], None]:
    """Fill the file system that ``folder`` is on, and return what makes room again."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        try:
            while stream.write(b"\0" * 4_096):
                pass
        except OSError:
            pass
    return ballast.unlink


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a file system: {mounted.stderr}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_loses_nothing(small_disk: Path) -> None:
    path = small_disk / "history.db"
    with opened(str(path), write=True, create=True) as history:
        history.add([session(number) for number in range(50)])
    make_room = fill_up(small_disk)
    later = [session(number) for number in range(50, 2_000)]
    for _ in range(2):
        with (
            pytest.raises(OutputError, match=r"history\.db: the disk .*what it held is unchanged"),
            opened(str(path), write=True, create=True) as history,
        ):
            history.add(later)
    make_room()
    assert points(str(path)) == 50
    with opened(str(path), write=True, create=True) as history:
        assert history.add(later) == Added(1_950, 0)


LIMITED = """
import resource, signal, sys
from paceline.core.errors import OutputError
from paceline.store.history import opened
from tests.unit.store.sessions import session

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    with opened(sys.argv[1], write=True, create=True) as history:
        history.add([session(number) for number in range(50, 5_000)])
except OutputError as error:
    print(error)
"""


def test_a_limit_on_the_size_of_files_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with opened(str(path), write=True, create=True) as history:
        history.add([session(number) for number in range(50)])
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 300_000
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "the disk" in ended.stdout
    assert "what it held is unchanged" in ended.stdout
    assert points(str(path)) == 50


def test_a_read_only_place_can_be_read_and_says_so_when_written(small_disk: Path) -> None:
    path = small_disk / "history.db"
    with opened(str(path), write=True, create=True) as history:
        history.add([session()])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert points(str(path)) == 1
    for create in (True, False):
        with (
            pytest.raises(OutputError, match=r"[Rr]ead-only"),
            opened(str(path), write=True, create=create) as history,
        ):
            history.prune(keep=0)


# The command.


def paceline(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("CI_", "GITHUB_"))}
    own = {**known, "PYTHONIOENCODING": "utf-8", "GIT_CEILING_DIRECTORIES": str(folder.parent), **environment}
    return commands.paceline(folder, "history", *arguments, env=own)


def results_of(day: int, mean_ms: float) -> list[TestResult]:
    start = utc_text(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day))
    samples = [round(mean_ms * MS * (1 + 0.01 * ((7 * day + place) % 5))) for place in range(50)]
    return [judge(replace(make_record(samples), started_at=start))]


def write_files(folder: Path) -> None:
    """Forty results files, the last fifteen a tenth slower."""
    for day in range(40):
        results = results_of(day, 1.0 if day < 25 else 1.1)
        write_results(folder / f"{day:02}.json", results, Fingerprint(), "2026-11-22T18:00:00Z")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With all of those files."""
    write_files(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def with_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, and a history of one of them, for what changes nothing."""
    folder = tmp_path_factory.mktemp("folder")
    write_files(folder)
    assert paceline(folder, "import", "00.json").returncode == 0
    return folder


def test_from_files_to_the_commit_that_made_it_slower(folder: Path) -> None:
    files = [f"{day:02}.json" for day in range(40)]
    for several, commit in ((files[:25], "a" * 40), (files[25:26], "b" * 40)):
        added = paceline(folder, "import", *several, "--branch", "main", "--commit", commit)
        assert added.stdout == "".join(f"{name}: 1 session added\n" for name in several), added.stderr
    rest = paceline(folder, "import", *files, "--branch", "main", "--commit", "c" * 40)
    assert rest.stdout.count("0 sessions added, 1 session already there") == 26

    listed = paceline(folder, "list")
    assert listed.stdout.split("\n")[1].split() == ["checkout", "40", "1", "1", "2026-02-09", "00:00"]

    shown = paceline(folder, "trend", "checkout", "--last", "60")
    assert (shown.returncode, shown.stderr) == (0, "")
    flat = " ".join(shown.stdout.split())
    assert "changes 2026-01-26 00:00 bbbbbbbbbbbb main +10.0 % regressed: 1.02 ms before (25 sessions)" in flat
    assert "▁" in shown.stdout

    plain = paceline(folder, "trend", "checkout", PYTHONIOENCODING="ascii")
    assert plain.stdout.isascii()
    assert (plain.returncode, "#" in plain.stdout) == (0, True)

    written = json.loads(paceline(folder, "trend", "checkout", "--json", "-").stdout)
    assert written["schema"] == "paceline/trend/1"
    (change,) = written["trend"]["changes"]
    assert change["point"]["commit"] == "b" * 40
    assert paceline(folder, "trend", "checkout", "--json", "trend.json").stdout == ""
    assert json.loads((folder / "trend.json").read_text()) == written

    assert paceline(folder, "prune", "--keep", "10").stdout == "30 sessions removed\n"
    assert paceline(folder, "prune", "--older-than", "1d").stdout == "10 sessions removed\n"
    assert paceline(folder, "list").stdout == "The history holds no session.\n"


def test_a_broken_file_is_named_and_the_others_are_imported(folder: Path) -> None:
    whole = (folder / "01.json").read_text()
    (folder / "01.json").write_text(whole[: len(whole) // 2])
    ended = paceline(folder, "import", "00.json", "01.json", "nothing.json", "02.json")
    assert ended.returncode == 4
    assert [line.split(":")[0] for line in ended.stdout.splitlines()] == ["00.json", "02.json"]
    broken, missing = ended.stderr.splitlines()
    assert broken.startswith("paceline: 01.json: ")
    assert broken.endswith("nothing of it was added")
    assert "there is no file nothing.json" in missing


def test_one_bad_result_keeps_its_whole_file_out(folder: Path) -> None:
    document = json.loads((folder / "00.json").read_text())
    document["results"].append(json.loads((folder / "01.json").read_text())["results"][0])
    document["results"][1]["record"]["started_at"] = "yesterday"
    (folder / "both.json").write_text(json.dumps(document))
    ended = paceline(folder, "import", "both.json")
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "both.json: the start of 'checkout' is no time: 'yesterday'" in ended.stderr
    assert paceline(folder, "list").stdout == "The history holds no session.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["trend", "chekout"],
            "there is no session of 'chekout'; 'paceline history list' shows all tests, such as 'ch",
        ),
        (["trend", "checkout", "--branch", "x"], "there is no session of 'checkout' on branch 'x'"),
        (["trend", "checkout", "--metric", "p42"], "'p42' is not one of"),
        (["trend", "checkout", "--json", "no/folder.json"], "there is no folder"),
        (["prune"], "--keep N"),
        (["prune", "--older-than", "soon"], "'soon' is not a duration"),
        (["prune", "--older-than", "999999d", "--keep", "-1"], "-1"),
        (["prune", "--older-than", "999999d"], "nothing is that old"),
        (["import"], "Missing argument"),
        (["list", "--db", "nothing.db"], "there is no history at nothing.db"),
        (["list", "--db", "mysql://ann:s3cret@db/x"], "mysql://***@db/x: its driver 'MySQLdb' is not installed"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(with_history: Path, arguments: list[str], said: str) -> None:
    ended = paceline(with_history, *arguments)
    assert ended.returncode == 4
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "s3cret" not in ended.stderr


def test_the_database_may_be_named_in_the_environment(folder: Path) -> None:
    assert paceline(folder, "import", "00.json", PACELINE_HISTORY="sqlite:///team.db").returncode == 0
    assert (folder / "team.db").exists()
    assert not (folder / ".paceline").exists()


def test_branch_and_commit_come_from_the_build_server_where_git_has_none(folder: Path) -> None:
    paceline(folder, "import", "00.json", CI_COMMIT_BRANCH="release", CI_COMMIT_SHA="abc123")
    shown = paceline(folder, "trend", "checkout").stdout
    assert "branch release" in shown
    assert "abc123" in shown


def test_a_file_keeps_the_revision_it_was_measured_on(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    folder, measured = repository.root, repository.git("rev-parse", "HEAD").strip()
    repository.write({"prices.py": SLOW})
    ended = commands.paceline(folder, "call", "prices:total", "-q", "--json", "results.json")
    assert ended.returncode == 0, ended.stderr
    whole = json.loads((folder / "results.json").read_text())
    assert whole["revision"] == {"branch": "main", "commit": measured, "uncommitted_changes": True}
    repository.commit()
    repository.git("switch", "--quiet", "--create", "other")
    later = repository.git("rev-parse", "HEAD")

    added = paceline(folder, "import", "results.json")
    assert (added.stdout, added.stderr) == ("results.json: 1 session added\n", "")
    trend = " ".join(paceline(folder, "trend", "prices:total").stdout.split())
    assert "median, branch main" in trend
    assert f"{measured[:12]} (uncommitted changes)" in trend
    assert "changes too few to look for changes (needs 12): 1 session around one level of" in trend
    listed = paceline(folder, "list").stdout
    assert listed.endswith(f"newest: {measured[:12]} (uncommitted changes)\n")
    assert max(map(len, listed.splitlines())) <= 80

    del whole["revision"]  # as older files have none
    whole["results"][0]["record"]["started_at"] = "2126-12-01T00:00:00Z"
    (folder / "older.json").write_text(json.dumps(whole))
    assumed = paceline(folder, "import", "older.json")
    assert "older.json does not say which commit was measured: taken is that of this folder, " in assumed.stderr
    assert later[:12] in paceline(folder, "trend", "prices:total").stdout
    assert "uncommitted" not in paceline(folder, "list").stdout, "the newest is a commit now"
    assert paceline(folder, "import", "older.json", "--commit", "c0ffee").stderr == ""


def test_a_baseline_is_no_file_to_import(tmp_path: Path) -> None:
    save_baseline(tmp_path / "base.json", results_of(1, 1.0), "session", "2026-11-22T18:00:00Z")
    ended = paceline(tmp_path, "import", "base.json")
    assert ended.returncode == 4
    assert "base.json is a baseline, which has the figures of sessions and not their runs: import" in ended.stderr
    assert "--json" in ended.stderr
