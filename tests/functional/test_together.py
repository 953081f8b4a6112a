"""Several loads at once on a real server: results, limits, and every way in which they end."""

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from paceline import (
    ClosedLoop,
    ConfigurationError,
    ConstantRate,
    HttpTarget,
    MeasurementError,
    PacelineWarning,
    PerformanceTestFramework,
    PerformanceThreshold,
    TestStatus,
)
from paceline.campaign import together
from paceline.campaign.together import Member
from paceline.cli.exit_codes import ExitCode, exit_code_of
from paceline.cli.run import command
from paceline.engine.request import LoadNow, RunRequest
from paceline.records.run_record import RunRecord, TestType
from paceline.store.codec import read_results
from paceline.store.journal import read_journal
from paceline.workload.models import Workload
from tests.functional.small_server import small_server

pytestmark = pytest.mark.real

LONG = ClosedLoop(2, 600.0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_server() as found:
        yield found


def member(
    name: str, url: str, workload: Workload = LONG, *limits: str, start_s: float = 0.0, **changes: Any
) -> Member:
    request = RunRequest(name, TestType.API_ENDPOINT, HttpTarget(url), workload, own_process=True, warmup_s=0.1)
    return Member(replace(request, **changes), PerformanceThreshold(expressions=limits) if limits else None, start_s)


class Watching:
    """Calls ``then`` once all of so many loads have shown attempts."""

    def __init__(self, then: Any = None, loads: int = 2) -> None:
        self._then, self._loads, self.names, self.shown = then, loads, set[str](), list[LoadNow]()

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        self.names.add(record_name)
        assert 0 <= share <= 1
        if load is not None:
            self.shown.append(load)
            if self._then is not None and load.in_flight > self._loads:
                then, self._then = self._then, None
                then()

    def partial(self, record: RunRecord) -> None:
        pass


def test_a_file_of_two_scenarios(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP", url)
    Path("shop.toml").write_text(
        """
        server = { url = "${SHOP}" }
        load = { rate = "200/s", duration = "1s" }
        together = true
        thresholds = ["dropped<=0"]

        [[scenario]]
        name = "second to end"
        weight = 3
        start = "500ms"
        warmup = "200ms"
        request = [{ path = "/" }, { path = "/slow", name = "slow" }]
        thresholds = ["p(50){slow}<10ms", "p(50)<10s over 1s"]

        [[scenario]]
        name = "first to end"
        warmup = "0s"
        request = [{ path = "/" }]
        thresholds = ["p(50)<10s"]
        """
    )
    ended = CliRunner().invoke(command, ["shop.toml", "--json", "out.json", "-q"], standalone_mode=False)
    assert ended.exception is None, ended.exception
    assert ended.return_value is ExitCode.BROKEN
    one, other = read_results(Path("out.json"))
    assert [result.metrics.test_name for result in (one, other)] == ["second to end", "first to end"]
    assert one.record.started_at > other.record.started_at
    assert [result.record.counts.attempts for result in (one, other)] == [150, 50]
    assert all(result.record.load is not None and result.record.load.own_process for result in (one, other))
    assert [violation.source for violation in one.broken_limits] == ["p(50){slow}<10ms"]
    assert other.broken_limits == ()
    assert list(Path(".paceline").glob("journal*")) == []


def test_answers_to_fixed_requests_are_checked(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shop.toml").write_text(
        f"""
        server = {{ url = "{url}" }}
        [[scenario]]
        name = "checked"
        load = {{ iterations = 200, users = 2 }}
        warmup = "0s"
        request = [
            {{ name = "good", path = "/", expect = 200, check.contains = "xxx", check.headers.content-length = "100" }},
            {{ name = "other status", path = "/", expect = [201, 204] }},
            {{ name = "expected refusal", path = "/fails/1", expect = 503, check.contains = "xxx" }},
            {{ name = "other text", path = "/", check.contains = ["xxx", "in stock"] }},
            {{ name = "no JSON", path = "/", check.json = {{ id = 7 }} }},
        ]
        """
    )
    ended = CliRunner().invoke(command, ["shop.toml", "--json", "out.json", "-q"], standalone_mode=False)
    assert ended.exception is None, ended.exception
    (result,) = read_results(Path("out.json"))
    load = result.record.load
    assert load is not None
    counts = {part.name: part.counts for part in load.parts}
    assert all(counts[name].errors == 0 < counts[name].ok for name in ("good", "expected refusal"))
    assert all(counts[name].ok == 0 < counts[name].errors for name in ("other status", "other text", "no JSON"))
    assert {(group.kind, group.message) for group in result.record.errors} == {
        ("status", "HTTP 200, expected 201 or 204"),
        ("check", 'the body has no "in stock"'),
        ("check", "the body is no JSON"),
    }


def test_together_a_load_of_the_command_line_is_that_of_all(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "shop.toml"
    scenarios = "".join(
        f"[[scenario]]\nname='{name}'\nweight={weight}\nwarmup='0s'\nrequest=[{{path='/'}}]\n"
        for name, weight in (("a", 1), ("b", 4))
    )
    path.write_text(f"server = {{ url = '{url}' }}\n{scenarios}")
    words = [str(path), "--together", "--rate", "100", "-d", "500ms", "-q", "--json", str(tmp_path / "out.json")]
    ended = CliRunner().invoke(command, words, standalone_mode=False)
    assert ended.return_value is ExitCode.HELD
    assert [result.record.counts.attempts for result in read_results(tmp_path / "out.json")] == [10, 40]


def test_abort_all_ends_all(url: str) -> None:
    watching = Watching()
    framework = PerformanceTestFramework(observer=watching)
    members = [
        member("good", f"{url}/slow", LONG, "error_rate<5%, abort"),
        member("bad", f"{url}/fails/2", ConstantRate(50, 600.0), "error_rate<5%, abort all"),
        member("late", f"{url}/", start_s=300.0),
    ]
    with pytest.warns(PacelineWarning, match="late: not measured, as 'error_rate<5%, abort all' of bad had ended"):
        good, bad = framework.run_together(members)
    assert framework.results == [good, bad]
    assert bad.status is TestStatus.FAILED
    assert bad.record.circumstances.aborted is not None
    assert bad.record.circumstances.aborted.everything
    assert good.record.circumstances.interruption == "bad was aborted: error_rate<5%, abort all"
    assert good.record.circumstances.aborted is None
    assert (good.status, good.broken_limits) == (TestStatus.WARNING, ())
    assert good.record.counts.ok > 0
    assert exit_code_of(framework.results) is ExitCode.BROKEN
    assert watching.names == {"3 scenarios: good, bad, late"}


def test_abort_ends_its_own_load_alone(url: str) -> None:
    framework = PerformanceTestFramework()
    members = [
        member("bad", f"{url}/fails/2", LONG, "error_rate<5%, abort"),
        member("good", f"{url}/slow", ClosedLoop(2, 2.5)),
    ]
    bad, good = framework.run_together(members)
    assert bad.record.circumstances.aborted is not None
    assert good.record.circumstances.interruption is None
    assert good.record.elapsed_ns > bad.record.elapsed_ns


def test_an_interrupt_ends_all_and_keeps_what_was_measured(url: str, tmp_path: Path) -> None:
    watching = Watching(lambda: os.kill(os.getpid(), signal.SIGINT))
    framework = PerformanceTestFramework(observer=watching, journal=tmp_path / "journal.jsonl")
    with pytest.raises(KeyboardInterrupt):
        framework.run_together([member("b", f"{url}/slow"), member("a", f"{url}/slow"), member("c", url, start_s=300)])
    assert [result.metrics.test_name for result in framework.results] == ["b", "a"]
    for result in framework.results:
        assert result.record.circumstances.interruption == "KeyboardInterrupt"
        assert result.record.counts.ok > 0
    kept = [result.metrics.test_name for result in read_journal(tmp_path / "journal.jsonl").results]
    assert sorted(kept) == ["a", "b"]


def test_one_that_cannot_be_made_ends_the_others(url: str) -> None:
    framework = PerformanceTestFramework()
    with pytest.raises(MeasurementError, match="refused"):
        framework.run_together([member("good", url), member("nobody", "http://127.0.0.1:1")])
    assert [result.metrics.test_name for result in framework.results] in (["good"], [])


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ([("a", {}), ("a", {})], "two loads made together are called 'a'"),
        ([("a", {}), ("b", {"own_process": False})], "'b' has no process of its own"),
        ([("a", {}), ("b", {"start_s": -1.0})], "start_s must be a finite number of seconds"),
    ],
)
def test_what_cannot_be_made_together_is_refused(url: str, members: Any, complaint: str) -> None:
    framework = PerformanceTestFramework()
    with pytest.raises(ConfigurationError, match=complaint):
        framework.run_together([member(name, url, **changes) for name, changes in members])
    assert framework.results == []


def test_a_limit_that_one_cannot_measure_is_refused_before_any_begins(url: str) -> None:
    framework = PerformanceTestFramework(observer=Watching(pytest.fail))
    with pytest.raises(ConfigurationError, match="dropped is measured only under an arrival rate"):
        framework.run_together([member("a", url), member("b", url, LONG, "dropped<=0", start_s=300)])


def test_more_generators_than_cores_are_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "usable_cores", lambda: [0])
    framework = PerformanceTestFramework()
    quick = ClosedLoop(1, 0.3)
    for result in framework.run_together([member("a", url, quick), member("b", url, quick)]):
        assert "generators-share-cores" in [finding.code for finding in result.findings]


def test_a_finished_one_is_made_again_as_company_of_the_others(url: str) -> None:
    quick = ClosedLoop(1, 0.2)
    members = [member("a", url, quick), member("b", url, quick)]
    first = PerformanceTestFramework().run_together(members)
    again = PerformanceTestFramework(finished=first[:1]).run_together(members)
    assert not {result.record.started_at for result in again} & {result.record.started_at for result in first}
    assert PerformanceTestFramework(finished=first).run_together(members) == first


def test_inside_a_loop_it_is_refused(url: str) -> None:
    async def main() -> None:
        with pytest.raises(ConfigurationError, match="from outside an event loop"):
            PerformanceTestFramework().run_together([member("a", url)])

    asyncio.run(main())
