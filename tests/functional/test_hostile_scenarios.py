"""Virtual users against servers that misbehave: each run ends, every request is counted, and what is wrong is named."""

import asyncio
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from paceline.core.errors import MeasurementError
from paceline.engine.request import RunRequest
from paceline.engine.runs import run
from paceline.records.run_record import RunRecord, TestType
from paceline.scenario.failure import RequestFailed
from paceline.scenario.files import FileScenario
from paceline.scenario.model import Scenario
from paceline.scenario.user import User
from paceline.workload.models import ClosedLoop, ConstantRate
from tests.functional.hostile_server import ANSWERS_OF_A_LIFE
from tests.functional.test_hostile import (
    AMPLE_S,
    BROKEN_OFF,
    KINDS,
    LARGE,
    LIFE_S,
    LOOPS,
    TIMEOUT_S,
    Server,
    check,
    check_kinds,
    hostile_server,
    left,
    limit_s,
    traffic_of,
)
from tests.unit.wire.servers import refusing

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with hostile_server() as started:
        yield started


class Caller:
    """A user function of one request, which counts what it sends and what comes of it."""

    def __init__(self, name: str, timeout_s: float | None = None) -> None:
        self.timeout_s = limit_s(name) if timeout_s is None else timeout_s
        self.path = f"/{name}"
        self.method = "HEAD" if name == "head" else "POST" if name.startswith("early") else "GET"
        self.sent = 0
        self.kinds: set[str] = set()

    async def __call__(self, user: User) -> None:
        body = LARGE if self.method == "POST" else None
        request = user.client.request(self.method, self.path, body=body)  # raises what it does not begin
        self.sent += 1
        try:
            answer = await request
        except RequestFailed as failure:
            self.kinds.add(failure.kind)
            raise
        assert answer.body is not None

    def scenario(self, port: int) -> Scenario:
        async def go(user: User) -> None:
            await self(user)

        url = f"http://127.0.0.1:{port}"
        return Scenario(go, url, timeout_s=self.timeout_s, connect_timeout_s=self.timeout_s)


def measured(caller: Caller, port: int, workload: ClosedLoop | ConstantRate) -> RunRecord:
    """Run it and check what holds for every run."""
    before = left()
    ended = run(RunRequest("hostile", TestType.API_ENDPOINT, caller.scenario(port), workload))
    assert ended.stopped_by is None
    assert left() == before
    check(ended.record, workload)
    assert ended.record.counts.attempts == caller.sent
    assert ended.record.load is not None
    assert ended.record.load.iterations == caller.sent
    return ended.record


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", KINDS)
def test_each_misbehaviour_ends_in_its_kind(server: Server, name: str, loop: str) -> None:
    caller = Caller(name)
    record = measured(caller, server.http, LOOPS[loop])
    check_kinds(record, name)
    found = {group.kind for group in record.errors}
    assert caller.kinds == found - {"status"}, "users are told what is counted, and get an answer of any status"
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
    record = measured(Caller("ok"), server.abrupt, LOOPS[loop])
    assert record.counts.ok == 0
    assert {group.kind for group in record.errors} <= BROKEN_OFF


@pytest.mark.parametrize("workload", [ClosedLoop(4, LIFE_S), ConstantRate(500, LIFE_S)])
def test_a_server_that_dies_and_comes_back(workload: ClosedLoop | ConstantRate) -> None:
    with hostile_server() as started:
        record = measured(Caller("ok", AMPLE_S), started.mortal, workload)
    assert record.counts.ok > ANSWERS_OF_A_LIFE, "what comes back is used again"
    kinds = {group.kind for group in record.errors}
    assert "refused" in kinds
    assert kinds <= {"refused", "reset", "closed"}


def test_several_requests_at_a_time_are_each_counted(server: Server) -> None:
    """Whatever becomes of the others: answered, broken off, or never answered when the user function has ended."""
    names = ("ok", "reset", "silent", "garbage", "length-long")
    sent: list[str] = []

    async def go(user: User) -> None:
        under_way = []
        for name in names:
            under_way.append(user.client.get(f"/{name}"))
            sent.append(name)
        await asyncio.gather(*under_way, return_exceptions=True)

    url = f"http://127.0.0.1:{server.http}"
    asked = Scenario(go, url, timeout_s=TIMEOUT_S, connect_timeout_s=TIMEOUT_S)
    before = left()
    record = run(RunRequest("hostile", TestType.API_ENDPOINT, asked, ClosedLoop(3, 0.5))).record
    assert left() == before
    assert record.counts.attempts == len(sent)
    assert record.load is not None
    counts = {part.name.removeprefix("GET /"): part.counts for part in record.load.parts}
    for name in names:
        assert counts[name].attempts == sent.count(name)
        assert (counts[name].ok > 0) == (name == "ok")
        assert (counts[name].timeouts > 0) == (name == "silent")


FILE = """
from paceline import Scenario

async def go(user):
    await user.client.get({path!r})

hostile = Scenario(go, {url!r}, timeout_s={timeout_s}, connect_timeout_s={timeout_s})
"""


@pytest.mark.parametrize(
    ("name", "loop"),
    [("silent", "closed"), ("half-body", "open"), ("headers", "closed"), ("close-silent", "open"), ("reset", "closed")],
)
def test_in_a_process_of_its_own_likewise(server: Server, tmp_path: Path, name: str, loop: str) -> None:
    file = tmp_path / "hostile.py"
    url = f"http://127.0.0.1:{server.http}"
    file.write_text(textwrap.dedent(FILE).format(path=f"/{name}", url=url, timeout_s=TIMEOUT_S))
    target = FileScenario(str(file), "go")
    before = left()
    record = run(RunRequest("hostile", TestType.API_ENDPOINT, target, LOOPS[loop], own_process=True)).record
    assert left() == before
    check(record, LOOPS[loop])
    check_kinds(record, name)


def test_nobody_there_is_said_at_once_and_without_credentials() -> None:
    async def go(user: User) -> None:
        await user.client.get("/")

    before = left()
    with refusing() as port:
        for host, kind in ((f"127.0.0.1:{port}", "refused"), ("nobody.invalid", "dns")):
            asked = Scenario(go, f"http://user:SECRET@{host}/", timeout_s=TIMEOUT_S)
            with pytest.raises(MeasurementError, match=kind) as caught:
                run(RunRequest("nobody", TestType.API_ENDPOINT, asked, LOOPS["closed"]))
            assert "SECRET" not in str(caught.value)
    assert left() == before
