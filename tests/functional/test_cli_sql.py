"""``paceline sql`` as a process: exit codes, files, secrets."""

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.functional import commands

pytestmark = pytest.mark.real

SECRET = "s3cretword"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT)")
    connection.executemany("INSERT INTO orders VALUES (?, ?)", ((n, "open") for n in range(1, 101)))
    connection.commit()
    connection.close()
    (tmp_path / "mix.sql").write_text(
        "-- name: read\n-- weight: 9\nSELECT * FROM orders WHERE id = :id;\n"
        "-- name: write\nUPDATE orders SET state = 'paid' WHERE id = :id;\n"
    )
    (tmp_path / "ids.csv").write_text("id\n1\n2\n")
    return tmp_path


def paceline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.paceline(folder, "sql", *arguments)


URL = "sqlite:///shop.db"
READ = "SELECT * FROM orders WHERE id = :id"
NOW = ("-d", "100ms", "-w", "0", "-c", "1")  # two threads would share an interpreter lock, which is a finding


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        (0, (URL, READ, "-p", "id=zipf:1-100", *NOW, "-t", "p(99)<5s"), "SEARCH on orders by INTEGER PRIMARY KEY"),
        (0, (URL, READ, "--rows", "ids.csv", "-n", "20", "-c", "2"), "20 attempts"),
        (0, (URL, "--file", "mix.sql", "-p", "id=7", *NOW, "--retries", "3"), "each attempt is rolled back"),
        (0, (URL, "--file", "mix.sql", "-p", "id=7", "--transaction", "-n", "20", "-c", "1"), "all statements"),
        (0, (URL, READ, "-p", "id=7", "--rate", "100/s", "-d", "200ms", "-w", "0", "-c", "3"), "3 connections"),
        (0, (URL, "SELECT 1", "-n", "20", "--isolation", "serializable", "--pool", "1"), "serializable"),
        (1, (URL, READ, "-p", "id=7", *NOW, "-t", "p(50)<1ns"), "BROKEN"),
        (3, ("postgresql+psycopg://me:s3cretword@127.0.0.1:1/shop", "SELECT 1"), "no connection to postgresql"),
        (4, (URL,), "name one: a QUERY, or --file"),
        (4, (URL, READ, "--file", "mix.sql"), "name one: a QUERY, or --file"),
        (4, (URL, READ, "--transaction"), "--transaction is of several"),
        (4, (URL, READ), "asks for :id"),
        (4, (URL, READ, "-p", "id"), "--param takes NAME=VALUE"),
        (4, (URL, READ, "-p", "id=zipf:9-1"), "ends before it begins"),
        (4, (URL, READ, "-p", "id=zipf:0-0"), "write id=0 for that"),
        (4, (URL, READ, "-p", "id=zipf:1-99999999999999"), "--param id=zipf:1-99999999999999: the range has more than"),
        (4, (URL, "SELECT 1; SELECT 2"), "on the command line a file of them, --file"),
        (4, (URL, READ, "-p", "id=7", "--timeout", "0s"), "--timeout"),
        (4, (URL, "SELECT * FROM nowhere"), "no such table"),
        (4, (URL, "DELETE FROM orders"), "--allow-destructive"),
        (4, ("foo://me:s3cretword@h/d", "SELECT 1"), "nobody knows the database"),
        (4, (URL, "--file", "no.sql"), "there is no file"),
    ],
)
def test_what_the_command_says_and_how_it_ends(folder: Path, code: int, arguments: tuple[str, ...], says: str) -> None:
    ended = paceline(folder, *arguments)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert says in " ".join((ended.stdout + ended.stderr).split())
    assert SECRET not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert all(len(line) <= 80 for line in ended.stdout.splitlines())


def test_deleting_is_possible_and_leaves_no_trace_unless_committed(folder: Path) -> None:
    def count() -> int:
        connection = sqlite3.connect(folder / "shop.db")
        (number,) = connection.execute("SELECT count(*) FROM orders").fetchone()
        connection.close()
        return int(number)

    delete = (URL, "DELETE FROM orders WHERE id < 50", "-n", "5", "-c", "1", "--allow-destructive")
    assert paceline(folder, *delete).returncode == 0
    assert count() == 100
    assert paceline(folder, *delete, "--commit").returncode == 0
    assert count() == 51


def test_results_of_two_runs_against_a_baseline(folder: Path) -> None:
    run = (URL, READ, "-p", "id=uniform:1-100", "-n", "1500", "-c", "1", "--name", "order")
    assert paceline(folder, *run, "--save-baseline", "base.json", "-q").returncode == 0
    ended = paceline(folder, *run, "--baseline", "base.json", "--json", "out.json", "-q")
    assert ended.returncode == 0, ended.stderr
    (result,) = json.loads((folder / "out.json").read_text())["results"]
    database = result["record"]["database"]
    assert result["metrics"]["test_type"] == "database_query"
    assert database["statements"][0]["executions"] == 1500
    assert database["plans"][0]["steps"][0]["index"] == "INTEGER PRIMARY KEY"
    assert result["comparison"]["plan_changes"] == []
