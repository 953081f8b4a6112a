"""Duets of two services: the real command on real servers."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from paceline.campaign.duet_http import ServicesPlan, run_services_duet
from paceline.cli.exit_codes import ExitCode, exit_code_of_duets
from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import MeasurementError
from paceline.judge.change import Verdict
from paceline.judge.duet import judge_duets
from paceline.records.duet import Side
from paceline.records.quantities import ERROR_RATE
from paceline.targets.http import HttpTarget
from tests.functional import commands
from tests.functional.small_server import small_server

pytestmark = pytest.mark.real

QUICK = ("--pairs", "7", "--connections", "1", "--window", "40ms", "--seed", "7")
LIGHT, HEAVY = "/work/2000", "/work/200000"
NOBODY = "http://127.0.0.1:9/"


def duet(base: str, candidate: str, *words: str) -> subprocess.CompletedProcess[str]:
    urls = ("--base-url", base, "--candidate-url", candidate)
    done = commands.paceline(Path.cwd(), "duet", *urls, *words, timeout_s=120.0)
    assert "Traceback" not in done.stderr
    return done


def test_a_service_that_does_more_for_each_answer_is_slower(tmp_path: Path) -> None:
    out = tmp_path / "duet.json"
    with small_server() as base, small_server() as candidate:
        secret = candidate.replace("://", "://ann:s3cret@")
        done = duet(base + LIGHT, secret + HEAVY, *QUICK, "--json", str(out))
    assert "s3cret" not in done.stdout + done.stderr + out.read_text()
    candidate = candidate.replace("://", "://***@")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 duet: 1 regressed" in done.stdout
    assert "throughput -" in done.stdout
    stored = json.loads(out.read_text())["duets"]
    (record,) = stored["records"]
    assert (record["subject"], record["name"]) == ("http", candidate + HEAVY)
    assert (record["base"]["label"], record["candidate"]["label"]) == (base + LIGHT, candidate + HEAVY)
    assert [pair["number"] for pair in record["pairs"]] == list(range(7))
    for pair in record["pairs"]:
        assert [len(pair[arm]["epoch_ns"]) for arm in ("base", "candidate", "null")] == [2, 2, 1]
        assert pair["planted"] is None
        assert (pair["base"]["errors"], pair["candidate"]["errors"]) == (0, 0)
    assert stored["verdicts"][0]["null_z"] is not None
    shown = commands.paceline(tmp_path, "report", str(out))
    assert shown.stdout == done.stdout


@pytest.mark.parametrize("side", ["base", "candidate"])
def test_a_side_where_nobody_listens_is_named(side: str, tmp_path: Path) -> None:
    out = tmp_path / "duet.json"
    with small_server() as url:
        urls = (NOBODY, url) if side == "base" else (url, NOBODY)
        done = duet(*urls, *QUICK, "--json", str(out))
    assert done.returncode == 3
    assert f"paceline: {side}: nobody listens at http://127.0.0.1:9" in done.stderr
    assert not out.exists()


def test_no_credential_is_shown_when_nobody_listens() -> None:
    done = duet("http://ann:s3cret@127.0.0.1:9/", NOBODY, *QUICK)
    assert done.returncode == 3
    assert "s3cret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--epochs", "4"), "--epochs goes with processes that are started"),
        (("--no-pin",), "--no-pin goes with processes that are started"),
        (("--call", "json:loads"), "--call goes with"),
        (("main",), "exclude each other"),
        (("--seed", "-1"), "-1 is not in the range"),
    ],
)
def test_what_services_do_not_have_is_refused(words: tuple[str, ...], said: str) -> None:
    done = duet(NOBODY, NOBODY, *words)
    assert done.returncode == 4
    assert said in done.stderr


class Stopping:
    """An observer at whose second pair somebody presses Ctrl-C."""

    def pair(self, done: int, planned: int, lost: int) -> None:
        assert (planned, lost) == (7, 0)
        if done == 2:
            raise KeyboardInterrupt


def plan(base: str, candidate: str, per_second: float | None = None) -> ServicesPlan:
    return ServicesPlan(
        "records",
        HttpTarget(base, connections=None if per_second else 1),
        HttpTarget(candidate, connections=None if per_second else 1),
        Side("base"),
        Side("candidate"),
        connections=1,
        per_second=per_second,
        window_s=0.02 if per_second is None else 0.1,
        warmup_s=0.01,
        looks=(7,),
        metadata={"build": 5},
    )


def test_at_a_rate_both_sides_get_the_same_arrivals() -> None:
    with small_server() as url:
        run = run_services_duet(plan(url, url, per_second=200.0), SYSTEM_CLOCK)
    assert [pair.calls_per_epoch for pair in run.records[0].pairs] == [20] * 7
    assert [pair.base.calls for pair in run.records[0].pairs] == [2 * 20] * 7
    assert run.records[0].doubts == ()


def test_a_candidate_that_fails_more_often_has_no_good_verdict() -> None:
    with small_server() as base, small_server() as candidate:
        run = run_services_duet(plan(base + HEAVY, candidate + "/fails/2"), SYSTEM_CLOCK)
    suite = judge_duets(run.records)
    (result,) = suite.results
    assert result.verdict is Verdict.INCONCLUSIVE  # it is much faster, for it fails
    assert [(finding.code, finding.serious) for finding in result.findings] == [("candidate-fails-more", True)]
    (error_rate,) = [change for change in result.changes if change.quantity == ERROR_RATE]
    assert error_rate.estimate == pytest.approx(0.5, abs=0.1)
    assert exit_code_of_duets(suite, {}) is ExitCode.NO_VERDICT
    deciding = judge_duets(run.records, primary=ERROR_RATE)
    assert deciding.results[0].verdict is Verdict.REGRESSED
    assert not deciding.results[0].findings


def test_a_candidate_of_which_every_call_fails_was_not_compared() -> None:
    with small_server() as base, small_server() as candidate:
        run = run_services_duet(plan(base + LIGHT, candidate + "/fails/1"), SYSTEM_CLOCK)
    suite = judge_duets(run.records)
    assert suite.results[0].discarded[0] == "pair 1: every call of the candidate failed"
    assert exit_code_of_duets(suite, {}) is ExitCode.NO_VERDICT


def test_a_load_that_did_not_arrive_leaves_nothing_proven_equal() -> None:
    # One connection carries 50 answers a second of 20 ms: 200 were asked for.
    with small_server() as url:
        target = HttpTarget(url + "/slow", connections=1)
        asked = replace(plan(url, url, per_second=200.0), base=target, candidate=target, window_s=0.05)
        run = run_services_duet(asked, SYSTEM_CLOCK)
    (record,) = run.records
    assert [doubt for doubt in record.doubts if doubt.startswith("load-not-delivered")] == [
        f"load-not-delivered in {windows} of {windows} windows of the {role}"
        for role, windows in (("base", 14), ("candidate", 14), ("control", 7))
    ]
    suite = judge_duets(run.records)
    assert suite.results[0].verdict is Verdict.INCONCLUSIVE
    assert [finding.code for finding in suite.results[0].findings if finding.serious] == ["duet-in-doubt"]
    assert exit_code_of_duets(suite, {}) is ExitCode.NO_VERDICT


class Once:
    """An observer that ends the duet after its first pair."""

    def pair(self, done: int, planned: int, lost: int) -> None:
        del done, planned, lost
        raise KeyboardInterrupt


def test_an_outage_of_one_window_is_a_doubt() -> None:
    with small_server() as base, small_server() as candidate:
        asked = replace(plan(base, candidate + "/outage/20/0.5"), window_s=0.7)
        (record,) = run_services_duet(asked, SYSTEM_CLOCK, Once()).records
    assert "outage in 1 of 2 windows of the candidate" in record.doubts
    assert record.pairs[0].candidate.errors > record.pairs[0].base.errors == 0


@contextmanager
def busy_interpreter() -> Iterator[None]:
    """Another thread that holds the interpreter for as long as it may: the generator comes 5 ms late to everything."""
    ended = threading.Event()

    def spin() -> None:
        while not ended.is_set():
            sum(range(1_000))

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_generator_that_is_late_is_a_doubt() -> None:
    with small_server() as url, busy_interpreter():
        run = run_services_duet(replace(plan(url, url, per_second=1_000.0), window_s=0.2), SYSTEM_CLOCK, Once())
    (record,) = run.records
    assert [doubt for doubt in record.doubts if doubt.startswith("generator-saturated")] == [
        f"generator-saturated in {windows} of {windows} {'windows' if windows > 1 else 'window'} of the {role}"
        for role, windows in (("base", 2), ("candidate", 2), ("control", 1))
    ]
    assert any(notice.startswith("candidate, generator-saturated: ") for notice in run.notices)


def test_a_ctrl_c_keeps_the_pairs_that_are_done() -> None:
    with small_server() as url:
        run = run_services_duet(plan(url, url), SYSTEM_CLOCK, Stopping())
    assert isinstance(run.stopped_by, KeyboardInterrupt)
    (record,) = run.records
    assert len(record.pairs) == 2
    assert record.metadata == {"build": 5}


def test_a_service_that_goes_away_in_the_middle_is_named() -> None:
    class Ending:
        def pair(self, done: int, planned: int, lost: int) -> None:
            if done == 1:
                server.__exit__(None, None, None)

    server = small_server()
    candidate = server.__enter__()
    with small_server() as base, pytest.raises(MeasurementError, match="candidate: nobody listens"):
        run_services_duet(plan(base, candidate), SYSTEM_CLOCK, Ending())
