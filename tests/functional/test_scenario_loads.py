"""Loads of virtual users on a real server: the probe beside them, and interrupts of their own making."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paceline.core.errors import ConfigurationError
from paceline.engine import probe
from paceline.engine.request import Run, RunRequest
from paceline.engine.runs import run
from paceline.framework import PerformanceTestFramework
from paceline.records.load import Probe
from paceline.records.run_record import RunRecord, TestType
from paceline.scenario.files import FileScenario
from paceline.scenario.model import Scenario
from paceline.scenario.user import User
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, Workload
from tests.functional.small_server import small_server
from tests.functional.test_hostile import left

pytestmark = pytest.mark.real

FILE = """
import os
from paceline import Scenario

async def shop(user):
    await user.client.post("/login", json={{"password": "SECRET"}}, headers={{"Authorization": "Bearer SECRET"}})
    await user.client.get("/slow", headers={{"X-Tenant": "SECRET"}})
    await user.client.get("/slow")
    await user.client.get("/")

async def posts(user):
    await user.client.post("/login")

async def ends_its_process(user):
    os._exit(9)

async def stops(user):
    await user.client.get("/")
    if user.number == 1:
        raise KeyboardInterrupt

shop, posts, stops = Scenario(shop, {url!r}), Scenario(posts, {url!r}), Scenario(stops, {url!r})
fatal = Scenario(posts.run, {url!r}, name="fatal", on_stop=ends_its_process)
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_server() as found:
        yield found


@pytest.fixture
def file(url: str, tmp_path: Path) -> Path:
    path = tmp_path / "shop.py"
    path.write_text(FILE.format(url=url))
    return path


def made(target: FileScenario | Scenario, workload: Workload, *, warmup_s: float = 0.0) -> Run:
    """Run it with a probe beside it, and look for what is left."""
    asked = RunRequest("load", TestType.API_ENDPOINT, target, workload, warmup_s=warmup_s, probe_per_second=100.0)
    before = left()
    ended = run(replace(asked, own_process=isinstance(target, FileScenario)))
    assert left() == before
    return ended


def probe_of(record: RunRecord) -> Probe:
    assert record.load is not None
    assert record.load.probe is not None
    return record.load.probe


@pytest.mark.parametrize("warmup_s", [0.0, 0.6])
@pytest.mark.parametrize("workload", [ClosedLoop(5, 1.5), ConstantRate(60, 1.5)])
def test_the_probe_sends_what_users_send_most_often(file: Path, workload: Workload, warmup_s: float) -> None:
    record = made(FileScenario(str(file), "shop"), workload, warmup_s=warmup_s).record
    seen = probe_of(record)
    assert seen.part == "GET /slow"
    assert 5.0 <= seen.per_second <= 100.0
    assert seen.counts.ok == seen.counts.attempts > 0
    assert seen.service.moments.minimum > 10e6, "that answers late"
    assert record.load is not None
    (same,) = (part for part in record.load.parts if part.name == "GET /slow")
    assert (same.service is not None) == isinstance(workload, ConstantRate)


def test_beside_users_in_this_process_likewise(url: str) -> None:
    async def look(user: User) -> None:
        await user.client.get("/")
        await user.client.get("/slow")
        await user.client.get("/slow")

    seen = probe_of(made(Scenario(look, url), ClosedLoop(5, 1.5)).record)
    assert seen.part == "GET /slow"
    assert seen.counts.ok == seen.counts.attempts > 0


def test_where_users_only_change_things_there_is_none_and_nothing_is_said(file: Path) -> None:
    record = made(FileScenario(str(file), "posts"), ClosedLoop(2, 0.3)).record
    assert record.load is not None
    assert record.load.probe is None
    assert record.counts.errors == 0


def test_what_users_send_is_in_no_file(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "LEAST_DURATION_S", 1.0)
    framework = PerformanceTestFramework(journal=tmp_path / "journal.jsonl")
    request = RunRequest(
        "load", TestType.API_ENDPOINT, FileScenario(str(file), "shop"), ClosedLoop(5, 1.5), own_process=True,
        probe_per_second=100.0,
    )  # fmt: skip
    result = framework.run(request)
    assert probe_of(result.record).counts.ok > 0
    framework.export_json(tmp_path / "results.json")
    for written in (tmp_path / "results.json", tmp_path / "journal.jsonl"):
        assert not written.exists() or "SECRET" not in written.read_text()
    assert (tmp_path / "results.json").exists()
    assert "SECRET" not in framework.generate_report()


def test_it_is_on_by_default_for_long_loads_and_can_be_left_out(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(user: User) -> None:
        await user.client.get("/slow")

    framework = PerformanceTestFramework()
    with pytest.raises(ConfigurationError, match="there can be no probe beside this load"):
        framework.run_load("short", Scenario(look, url), ClosedLoop(5, 1.2), warmup_s=0, probe=True)
    monkeypatch.setattr(probe, "LEAST_DURATION_S", 1.0)
    monkeypatch.setattr(probe, "usable_cores", lambda: (0, 0))
    result = framework.run_load("long", Scenario(look, url), ClosedLoop(5, 1.2), warmup_s=0)
    assert probe_of(result.record).counts.ok > 0
    result = framework.run_load("alone", Scenario(look, url), ClosedLoop(5, 1.2), warmup_s=0, probe=False)
    assert result.record.load is not None
    assert result.record.load.probe is None


@pytest.mark.parametrize("workload", [ClosedLoop(3, 600.0), ConstantRate(200, 600.0)])
def test_an_interrupt_that_a_user_function_raises_keeps_what_was_measured(file: Path, workload: Workload) -> None:
    if isinstance(workload, ConstantRate):
        (file := file.with_name("first.py")).write_text(
            (file.parent / "shop.py").read_text().replace("user.number == 1", "user.number == 0")
        )
    for target in (FileScenario(str(file), "stops"),):
        ended = made(target, workload)
        assert isinstance(ended.stopped_by, KeyboardInterrupt)
        assert ended.record.circumstances.interruption == "KeyboardInterrupt"
        assert ended.record.counts.ok == ended.record.counts.attempts >= 1


def test_the_length_of_a_warm_up_that_was_ended_is_what_it_was(file: Path) -> None:
    ended = made(FileScenario(str(file), "stops"), ClosedLoop(3, 600.0), warmup_s=600.0)
    circumstances = ended.record.circumstances
    assert ended.record.counts.attempts == 0
    assert circumstances.warmup_attempts >= 1
    assert circumstances.warmup_cut_ns is not None
    assert 0 < circumstances.warmup_cut_ns < 600e9


def test_what_users_send_in_on_start_alone_is_no_request_of_the_load(url: str) -> None:
    async def arrive(user: User) -> None:
        await user.client.post("/login")

    async def look(user: User) -> None:
        await user.client.get("/")

    asked = RunRequest(
        "load", TestType.API_ENDPOINT, Scenario(look, url, on_start=arrive), FixedIterations(6, workers=2)
    )
    record = run(asked).record
    assert record.load is not None
    assert [(part.name, part.counts.ok) for part in record.load.parts] == [("GET /", 6)]


def test_what_was_measured_is_kept_where_on_stop_ends_the_process(file: Path) -> None:
    asked = RunRequest(
        "load",
        TestType.API_ENDPOINT,
        FileScenario(str(file), "fatal"),
        FixedIterations(20, workers=2),
        own_process=True,
    )
    ended = run(asked)
    assert str(ended.stopped_by) == "the process of the load ended with code 9"
    assert ended.record.counts.ok == 20
    assert ended.record.circumstances.interruption == str(ended.stopped_by)
