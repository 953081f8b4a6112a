"""``paceline capacity`` on a real service: every way out, and what is written on the way."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import xmlschema
from click.testing import CliRunner, Result

from paceline import ConfigurationError, HttpTarget, MeasurementError, PerformanceTestFramework, PerformanceThreshold
from paceline.cli.exit_codes import ExitCode
from paceline.cli.main import cli
from paceline.judge.capacity import Answer
from paceline.records.capacity import Ending
from paceline.store.capacities import read_capacities
from tests.functional.queue_server import QueueServer, queue_server
from tests.queues import m_d_1
from tests.waiting import DEADLINE_S, wait_for

SERVICE = m_d_1(0.5)
JUNIT = xmlschema.XMLSchema(Path(__file__).parents[1] / "data" / "junit.xsd")


@pytest.fixture(scope="module")
def server() -> Iterator[QueueServer]:
    with queue_server() as started:
        yield started


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def capacity(*words: str) -> Result:
    return CliRunner().invoke(cli, ["capacity", *words], standalone_mode=False)


def test_what_holds_up_to_the_bound(server: QueueServer) -> None:
    url = server.url(SERVICE)
    limits = ("-t", "p(95)<5s", "-t", "error_rate<1%")
    outputs = ("--json", "out.json", "--junit", "out.xml")
    ended = capacity(url, *limits, *outputs, "--low", "20", "--high", "40/s", "--seed", "7", "--budget", "30s")
    assert (ended.exception, ended.return_value) == (None, ExitCode.HELD)
    assert "At least 40/s, of arrivals at random (Poisson), keeps p95 latency < 5 s and error rate < 1 %" in " ".join(
        ended.stdout.split()
    )
    (stored,) = json.loads(Path("out.json").read_text())["capacities"]
    assert (stored["capacity_ops_per_sec"], stored["limited_by"], stored["answer"]) == (40.0, "bound", "at least")
    (record,) = read_capacities(Path("out.json")) or ()
    assert (record.ended, record.seed, record.connections, record.arrivals) == (Ending.BOUND, 7, 100, "poisson")
    assert [probe.load for probe in record.probes] == [20.0, 40.0]
    for probe in record.probes:
        assert probe.attempts > 0
        assert probe.delivered_per_s == pytest.approx(probe.load, rel=0.6)  # by chance, of a second
        assert len(probe.readings[0].parts) == 4
    JUNIT.validate("out.xml")
    shown = CliRunner().invoke(cli, ["report", "out.json"], standalone_mode=False)
    assert "At least 40/s" in shown.stdout
    assert not list(Path(".paceline").glob("capacity-*"))  # the search is elsewhere


def test_what_does_not_even_hold_at_the_lowest_load(server: QueueServer) -> None:
    ended = capacity(
        server.url(SERVICE), "-t", "max<1us", "--low", "20", "--budget", "30s", "--constant", "--json", "-"
    )
    assert ended.return_value == ExitCode.BROKEN
    (stored,) = json.loads(ended.stdout)["capacities"]
    assert (stored["answer"], stored["broke_first"], stored["capacity_ops_per_sec"]) == ("broken", "max<1us", None)
    assert stored["record"]["arrivals"] == "constant"


def test_users_are_searched_for_too(server: QueueServer) -> None:
    framework = PerformanceTestFramework()
    result = framework.find_capacity(
        "users",
        HttpTarget(server.url(SERVICE)),
        PerformanceThreshold(max_p95_ms=5_000),
        of="users",
        high=2,
        budget_s=20,
    )
    assert (result.answer, result.capacity, result.capacity_ops_per_sec) == (Answer.AT_LEAST, 2.0, None)
    assert "2 users" in framework.generate_report()


def test_where_nobody_listens() -> None:
    ended = capacity("http://127.0.0.1:9/", "-t", "p(95)<1s")
    assert isinstance(ended.exception, MeasurementError)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "needs limits to keep"),
        (("-t", "p(95)<1s", "--low", "50", "--high", "20"), "are no bounds"),
        (("-t", "p(95)<1s", "--budget", "5s"), "at least 10 s"),
        (("-t", "p(95)<1s", "--users", "--constant"), "exclude each other"),
        (("-t", "p(95)<1s", "--users", "--high", "2.5"), "whole numbers of users"),
        (("-t", "dropped<=0", "--users"), "only under an arrival rate"),
        (("-t", "p(95)<1s", "--scenario", "x"), "taken for a URL"),
        (("-t", "p(95)>1s"), "latencies grow with the load"),
        (("-t", "throughput>=20", "--low", "20"), "leave it out, or begin above it with --low"),
        (("-t", "p(95)<1s over 5s"), "as a whole: leave out 'over'"),
        (("-t", "p(95)<1s, abort"), "as a whole: leave out 'over'"),
        (("-t", "p(95){GET /}<1s"), "as a whole: leave out 'over'"),
    ],
)
def test_bad_input_is_told_before_anything_is_sent(words: tuple[str, ...], told: str) -> None:
    ended = capacity("http://127.0.0.1:9/", *words)
    assert isinstance(ended.exception, ConfigurationError)
    assert told in str(ended.exception)


@pytest.mark.parametrize("file", ["shop.py", "shop.toml"])
def test_a_scenario_of_a_file(server: QueueServer, file: str) -> None:
    Path("shop.toml").write_text(
        f"[server]\nurl = {server.base!r}\n[[scenario]]\nname = 'shop'\nthresholds = ['p(95)<5s']\n"
        f"[[scenario.request]]\npath = '/?{SERVICE.query}'\n"
    )
    Path("shop.py").write_text(
        "from paceline import PerformanceThreshold, Scenario, User\n"
        "async def buy(user: User) -> None:\n"
        f"    await user.client.get('/?{SERVICE.query}')\n"
        f"shop = Scenario(buy, {server.base!r}, name='shop', threshold=PerformanceThreshold(max_p95_ms=5000))\n"
    )
    ended = capacity(file, "--low", "10", "--high", "20", "--budget", "30s")
    assert (ended.exception, ended.return_value) == (None, ExitCode.HELD)
    assert "At least 20/s" in " ".join(ended.stdout.split())


def test_an_interrupt_in_mid_search_leaves_what_is_known_and_a_kill_its_journal(
    server: QueueServer, tmp_path: Path
) -> None:
    words = [server.url(SERVICE), "-t", "p(95)<5s", "--low", "20", "--high", "400", "--budget", "60s", "--seed", "3"]
    outputs = ["--json", "out.json", "--html", "out.html", "--junit", "out.xml"]
    interrupted, killed = (
        subprocess.Popen(
            [sys.executable, "-m", "paceline.cli.main", "capacity", *words, *files],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for files in (outputs, ())
    )
    seen = {process.pid: journal_of(process) for process in (interrupted, killed)}
    killed.kill()
    interrupted.send_signal(signal.SIGINT)
    out, err = interrupted.communicate(timeout=DEADLINE_S)
    assert interrupted.returncode == ExitCode.INTERRUPTED, err
    assert "interrupted" in out
    (record,) = read_capacities(tmp_path / "out.json") or ()
    assert record.ended is Ending.INTERRUPTED
    assert [probe.load for probe in record.probes][:2] == [20.0, 40.0]
    assert not seen[interrupted.pid].exists()
    assert (tmp_path / "out.html").stat().st_size > 1_000
    JUNIT.validate(str(tmp_path / "out.xml"))

    killed.communicate(timeout=DEADLINE_S)
    (record,) = read_capacities(seen[killed.pid]) or ()
    assert record.ended is Ending.INTERRUPTED
    shown = CliRunner().invoke(cli, ["report", str(seen[killed.pid])], standalone_mode=False)
    assert "At least" in shown.stdout


def journal_of(process: "subprocess.Popen[str]") -> Path:
    """The journal of a search, once two probes are in it."""
    found: list[Path] = []

    def has_two_probes() -> bool:
        found[:] = Path(".paceline").glob(f"capacity-*-{process.pid}.json")
        records = read_capacities(found[0]) or () if found else ()
        return any(len(record.probes) > 1 for record in records)

    wait_for(has_two_probes)
    return found[0]
