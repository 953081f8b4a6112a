"""``--sweep`` of each command on real targets: levels, repeats, what is said before and after, and going on."""

import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from paceline.cli import cache, call, http, sql
from paceline.core.errors import ConfigurationError
from tests.functional.small_server import small_server
from tests.functional.valkeys import valkey

pytestmark = pytest.mark.real

OPERATIONS = """
from pathlib import Path

def work():
    with Path("log").open("a") as log:
        log.write(".")
    if Path("stops").exists() and Path("log").stat().st_size > 25:
        raise KeyboardInterrupt
"""
SHORT = ["-d", "40ms", "-w", "0", "--json", "out.json"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_server() as found:
        yield f"{found}/"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "operations.py").write_text(OPERATIONS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def paceline(command: click.Command, *words: str) -> Result:
    return CliRunner().invoke(command, words, standalone_mode=False)


def results() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path("out.json").read_text())["results"]
    return found


def check(done: Result, levels: list[int], repeats: int) -> None:
    assert done.exception is None, done.output
    assert done.return_value == 0, done.output
    found = results()
    assert [each["metrics"]["metadata"]["concurrency"] for each in found] == levels
    for each in found:
        made = each["record"]["repetition"]["repeats"]
        assert sorted(repeat["number"] for repeat in made) == list(range(repeats))
        assert sum(repeat["figures"]["attempts"] for repeat in made) == each["metrics"]["iterations"] > 0
        assert each["record"]["definition"]["workers"] == each["metrics"]["metadata"]["concurrency"]
    assert f"{len(levels) * repeats} runs, {repeats} at each of {', '.join(map(str, levels))} at once" in done.stderr


def test_connections_of_a_server(url: str) -> None:
    done = paceline(http.command, url, "--sweep", "1,3", "--repeats", "2", "--name", "front", *SHORT)
    check(done, [1, 3], 2)
    assert "no law is fitted to fewer than 6 levels" in done.stderr
    assert "Scalability of front" in done.stdout
    assert {each["metrics"]["test_name"] for each in results()} == {"front_concurrency_1", "front_concurrency_3"}
    assert all(each["record"]["load"]["traffic"]["statuses"][0]["code"] == 200 for each in results())


def test_six_levels_have_a_law() -> None:
    words = ["operations.py:work", "--sweep", "1,2,3,4,5,6", "--repeats", "2", "-n", "600", *SHORT[2:]]
    check(paceline(call.command, *words), [1, 2, 3, 4, 5, 6], 2)
    assert [each["metrics"]["iterations"] for each in results()] == [1_200] * 6
    (told,) = json.loads(Path("out.json").read_text())["scalability"]
    assert told["law"]["per_worker_s"]["value"] > 0


def test_workers_of_a_database() -> None:
    connection = sqlite3.connect("shop.db")
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    connection.close()
    done = paceline(sql.command, "sqlite:///shop.db", "SELECT * FROM orders", "--sweep", "1,2", *SHORT)
    check(done, [1, 2], 3)


def test_connections_of_a_cache() -> None:
    with valkey() as server:
        done = paceline(cache.command, server.url, "--keys", "50", "--sweep", "2,1", "--repeats", "2", *SHORT)
    check(done, [2, 1], 2)


def test_callables_go_on_where_they_were_cut_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["operations.py:work", "--sweep", "1,2", "--repeats", "2", "-n", "8", "-w", "2", "--json", "out.json"]
    monkeypatch.setattr(sys, "argv", ["paceline", "call", *words])
    (folder / "stops").touch()
    assert paceline(call.command, *words).return_value == 2
    cut_off = results()
    assert [each["record"]["circumstances"]["interruption"] for each in cut_off] == ["KeyboardInterrupt"] * 2
    (folder / "stops").unlink()
    (folder / "log").unlink()
    done = paceline(call.command, *words, "--resume")
    check(done, [1, 2], 2)
    assert "going on after 0 finished results and 2 runs of a sweep" in done.stderr
    assert [each["metrics"]["iterations"] for each in results()] == [16, 16]
    assert (folder / "log").stat().st_size == 20  # the two that were missing


@pytest.mark.parametrize(
    ("command", "words", "complaint"),
    [
        (http.command, ["--rate", "5"], "--rate and --stage"),
        (http.command, ["--stage", "1s:5"], "--rate and --stage"),
        (http.command, ["-c", "5"], "--connections and --sweep exclude each other"),
        (sql.command, ["SELECT 1", "-c", "5"], "--connections and --sweep exclude each other"),
        (cache.command, ["-c", "5"], "--connections and --sweep exclude each other"),
        (call.command, ["-c", "1,2"], "--concurrency and --sweep exclude each other"),
        (call.command, ["-n", "10", "--batch", "5"], "leave --sweep out"),
        (call.command, ["--runs", "2"], "do not go together with repeats"),
        (call.command, ["--repeats", "0"], "repeats must be a whole number of at least 1"),
        (call.command, ["-t", "avg<1, abort"], "threshold 'avg<1, abort': 'abort' does not go together with repeats"),
    ],
)
def test_what_does_not_go_together(command: click.Command, words: list[str], complaint: str) -> None:
    targets = {
        http.command: "http://127.0.0.1:1/",
        sql.command: "sqlite:///none.db",
        cache.command: "redis://127.0.0.1:1",
    }
    target = targets.get(command, "operations.py:work")
    done = paceline(command, target, *words, "--sweep", "1,2")
    assert isinstance(done.exception, ConfigurationError), done.output
    assert complaint in str(done.exception)
    assert not Path("log").exists()


def test_repeats_alone_say_nothing() -> None:
    done = paceline(call.command, "operations.py:work", "--repeats", "2")
    assert "--repeats goes with --sweep" in str(done.exception)


@pytest.mark.parametrize("levels", ["0,1", "1,x", "1,,2", ""])
def test_levels_that_are_none(levels: str) -> None:
    done = paceline(call.command, "operations.py:work", "--sweep", levels)
    assert isinstance(done.exception, click.BadParameter)
