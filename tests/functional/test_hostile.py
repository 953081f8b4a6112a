"""Loads against servers that misbehave, in a process of their own: each run ends, and counts as ok what was ok."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from paceline.core.errors import MeasurementError
from paceline.engine.request import RunRequest
from paceline.engine.runs import run
from paceline.framework import PerformanceTestFramework
from paceline.records.load import Traffic
from paceline.records.run_record import RunRecord, TestType
from paceline.targets.http import HttpTarget
from paceline.workload.models import ClosedLoop, ConstantRate
from tests.functional.hostile_server import ANSWERS_OF_A_LIFE
from tests.unit.wire.servers import open_sockets, refusing

pytestmark = pytest.mark.real

SERVER = Path(__file__).parent / "hostile_server.py"
TIMEOUT_S = 0.3
DURATION_S = 0.25
LIFE_S = 1.0  # of a run that sees a server die and come back
AMPLE_S = 10.0  # a limit that only a bug would reach
GRACE_S = TIMEOUT_S + 1.0
SLACK_S = 2.0  # of a machine that is busy with something else
LARGE = b"x" * 8_000_000
RATE = 100
CONNECTIONS = 13  # of an open loop: fewer than there are arrivals
BROKEN_OFF = {"reset", "closed"}  # which of them is the system's choice

# What each misbehaviour is called; nothing for what is none.
KINDS: dict[str, set[str]] = {
    "ok": set(),
    "silent": {"timeout"},
    "half-head": {"timeout"},
    "half-body": {"timeout"},
    "half-chunk": {"timeout"},
    "slow-bytes": {"timeout"},
    "single-bytes": set(),
    "garbage": {"malformed"},
    "headers": {"malformed"},
    "length-short": {"malformed"},
    "length-long": {"closed"},
    "length-twice": {"malformed"},
    "chunk-no-hex": {"malformed"},
    "chunk-negative": {"malformed"},
    "chunk-long": {"malformed"},
    "chunk-huge": {"malformed"},
    "chunk-unended": {"closed"},
    "close-announced": set(),
    "close-silent": set(),
    "until-close": set(),
    "reset": {"reset"},
    "early-ok": {"malformed"},
    "early-reset": {"malformed", *BROKEN_OFF},
    "switching": {"malformed"},
    "status-999": {"malformed"},
    "status-503": {"status"},
    "interim": set(),
    "no-content": set(),
    "not-modified": set(),
    "head": set(),
    "two-answers": {"malformed"},
}
LOOPS: dict[str, ClosedLoop | ConstantRate] = {
    "closed": ClosedLoop(4, DURATION_S),
    "open": ConstantRate(RATE, DURATION_S),
}


@dataclass(frozen=True)
class Server:
    """Its ports."""

    http: int
    abrupt: int
    mortal: int


@contextmanager
def hostile_server() -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield Server(**json.loads(process.stdout.readline()))
    finally:
        said = process.communicate()[1]
    assert said == "", "the server itself failed"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with hostile_server() as started:
        yield started


def target_of(name: str, port: int) -> HttpTarget:
    method = "HEAD" if name == "head" else "POST" if name.startswith("early") else "GET"
    return HttpTarget(
        f"http://127.0.0.1:{port}/{name}",
        method=method,
        body=LARGE if method == "POST" else None,
        connections=CONNECTIONS,
        timeout_s=limit_s(name),
        connect_timeout_s=limit_s(name),
    )


def limit_s(name: str) -> float:
    """Of a request: short where it is to be exceeded, else one that a busy machine does not exceed."""
    return TIMEOUT_S if "timeout" in KINDS.get(name, ()) else AMPLE_S


def left() -> tuple[int, int, int]:
    """Sockets, threads and child processes of this process."""
    return open_sockets(), threading.active_count(), len(psutil.Process(os.getpid()).children())


def measured(target: HttpTarget, workload: ClosedLoop | ConstantRate, *, own_process: bool = True) -> RunRecord:
    """Run it, in a process of its own as ``run_load`` does or in this one, and check what holds for every run."""
    before = left()
    if own_process:
        record = PerformanceTestFramework().run_load("hostile", target, workload, warmup_s=0.0).record
    else:
        ended = run(RunRequest("hostile", TestType.API_ENDPOINT, target, workload))
        assert ended.stopped_by is None
        record = ended.record
    assert left() == before
    check(record, workload)
    return record


def check(record: RunRecord, workload: ClosedLoop | ConstantRate) -> None:
    counts = record.counts
    assert record.elapsed_ns / 1e9 < workload.duration_s + GRACE_S + SLACK_S
    assert sum(group.count for group in record.errors) == counts.errors + counts.timeouts
    if isinstance(workload, ConstantRate):
        assert counts.ok + counts.errors + counts.timeouts == round(workload.per_second * workload.duration_s)


def traffic_of(record: RunRecord) -> Traffic:
    assert record.load is not None
    assert record.load.traffic is not None
    return record.load.traffic


def check_kinds(record: RunRecord, name: str) -> None:
    expected = KINDS[name]
    counts = record.counts
    found = {group.kind for group in record.errors}
    if expected:
        assert counts.ok == 0
        assert found
        assert found <= expected
        assert (counts.timeouts > 0) == (expected == {"timeout"})
    else:
        assert (counts.errors, counts.timeouts, record.errors) == (0, 0, ())
        assert counts.ok > 0


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", KINDS)
def test_each_misbehaviour_ends_in_its_kind(server: Server, name: str, loop: str) -> None:
    record = measured(target_of(name, server.http), LOOPS[loop], own_process=False)
    check_kinds(record, name)
    traffic = traffic_of(record)
    if name.startswith("close") or name == "until-close":
        assert traffic.closed_by_server > 0
        assert traffic.reconnects > 0
    if name == "headers":
        assert traffic.received_bytes < 1_000_000 * record.counts.errors, "not the 100 MB"
    if name == "status-503":
        assert [each.code for each in traffic.statuses] == [503]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_that_closes_whatever_it_accepts(server: Server, loop: str) -> None:
    record = measured(target_of("ok", server.abrupt), LOOPS[loop])
    assert record.counts.ok == 0
    assert {group.kind for group in record.errors} <= BROKEN_OFF


@pytest.mark.parametrize("workload", [ClosedLoop(4, LIFE_S), ConstantRate(500, LIFE_S)])
def test_a_server_that_dies_and_comes_back(workload: ClosedLoop | ConstantRate) -> None:
    with hostile_server() as server:
        # Nothing is to exceed its limit here, however busy the machine is.
        target = replace(target_of("ok", server.mortal), timeout_s=AMPLE_S, connect_timeout_s=AMPLE_S)
        record = measured(target, workload)
    assert record.counts.ok > ANSWERS_OF_A_LIFE, "what comes back is used again"
    kinds = {group.kind for group in record.errors}
    assert "refused" in kinds
    assert kinds <= {"refused", "reset", "closed"}
    assert traffic_of(record).reconnects >= 1


@pytest.mark.parametrize(
    ("name", "loop"),
    [("silent", "closed"), ("half-body", "open"), ("headers", "closed"), ("close-silent", "open"), ("reset", "closed")],
)
def test_in_a_process_of_its_own_likewise(server: Server, name: str, loop: str) -> None:
    check_kinds(measured(target_of(name, server.http), LOOPS[loop]), name)


def test_nobody_there_is_said_at_once_and_without_credentials() -> None:
    before = left()
    with refusing() as port:
        for host, kind in ((f"127.0.0.1:{port}", "refused"), ("nobody.invalid", "dns")):
            target = HttpTarget(f"http://user:SECRET@{host}/", timeout_s=TIMEOUT_S)
            with pytest.raises(MeasurementError, match=kind) as caught:
                PerformanceTestFramework().run_load("nobody", target, LOOPS["closed"], warmup_s=0.0)
            assert "SECRET" not in str(caught.value)
    assert left() == before
