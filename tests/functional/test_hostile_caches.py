"""What a server says that must not: every attempt ends once, in an error that says so, and the run ends."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from paceline import CacheTarget
from paceline.engine import runs
from paceline.engine.request import RunRequest
from paceline.records.run_record import RunRecord, TestType
from paceline.workload.models import ClosedLoop, FixedIterations, Workload
from tests.functional.hostile_cache import Answer, hostile

pytestmark = pytest.mark.real

OK = b"$3\r\nyes\r\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pl-") as found:  # short: the path of a socket has 107 characters
        yield Path(found)


def run(folder: Path, answer: Answer, workload: Workload | None = None, depth: int = 1) -> RunRecord:
    with hostile(folder, answer) as url:
        target = CacheTarget(url, "get", keys=10, prefill=0, timeout_s=0.3, pipeline=depth)
        return runs.run(
            RunRequest("hostile", TestType.CACHE_OPERATION, target, workload or FixedIterations(20, workers=2))
        ).record


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (b"garbage\r\n", "malformed", "is no valid RESP"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "malformed", "an HTTP server's"),
        (b"-ERR something\r\n", "ERR", "the server says: ERR something"),
        (b"-OOM no\r\n", "OOM", "evicts nothing"),
        (b"-WRONGTYPE no\r\n", "WRONGTYPE", "something else than a text"),
        (b"-MOVED 1 10.0.0.1:7000\r\n", "MOVED", "part of a cluster, which is not supported"),
        (None, "closed", "closed the connection before it replied"),
    ],
)
def test_nothing_but_errors(folder: Path, said: bytes | None, kind: str, message: str, depth: int) -> None:
    record = run(folder, lambda _, __: said, depth=depth)
    assert record.counts.errors == record.counts.attempts == 20
    assert record.errors[0].kind == kind
    assert message in record.errors[0].message


@pytest.mark.parametrize("said", [b"$3\r\nye", b"$900000000\r\nx", b"*100\r\n", b"", b"$"])
def test_half_a_reply_is_a_timeout(folder: Path, said: bytes) -> None:
    record = run(folder, lambda _, __: said, FixedIterations(4, workers=2))
    assert record.counts.timeouts == record.counts.attempts == 4
    assert "no whole reply within 0.3 s" in record.errors[0].message


def test_a_server_that_is_still_loading_is_not_asked_100000_times_a_second(folder: Path) -> None:
    record = run(folder, lambda _, __: b"-LOADING wait\r\n", ClosedLoop(2, 0.5))
    assert record.errors[0].kind == "LOADING"
    assert record.counts.errors < 50


def test_now_and_then_a_connection_closes_and_the_rest_is_fine(folder: Path) -> None:
    record = run(folder, lambda _, number: None if number == 6 else OK, FixedIterations(100, workers=2))
    assert record.counts.attempts == 100
    assert record.counts.hits == 100 - record.counts.errors
    assert 10 <= record.counts.errors <= 15
    assert record.load is not None
    assert record.load.traffic is not None
    assert record.load.traffic.reconnects >= 10


def test_more_than_was_asked_for_is_never_taken_for_the_next_reply(folder: Path) -> None:
    record = run(folder, lambda _, __: OK + b"$2\r\nno\r\n", FixedIterations(20, workers=2))
    assert record.counts.attempts == 20
    assert record.counts.hits + record.counts.errors == 20
    assert record.counts.errors > 0


@pytest.mark.parametrize("depth", [3])
def test_a_reply_that_never_comes_takes_those_behind_it_with_it(folder: Path, depth: int) -> None:
    record = run(folder, lambda _, number: b"" if number == 5 else OK, FixedIterations(12, workers=1), depth)
    assert record.counts.attempts == 12
    assert record.counts.timeouts >= 1
    assert record.counts.hits >= 5
