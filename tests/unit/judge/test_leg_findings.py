"""Findings about loads that were made in legs: lost, on busy machines, started apart, joined by one more."""

from dataclasses import replace
from typing import Any

import pytest

from paceline.cli.exit_codes import ExitCode, exit_code_of
from paceline.core.findings import Finding
from paceline.judge.result import judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.load import BeforeStart, LegRun, LoadRecord
from paceline.records.recorder import Counts
from tests.fakes import MS, make_load

A, B = "tcp://10.0.0.6:41231", "tcp://10.0.0.7:41231"
WHOLE = LegRun(Counts(ok=1_000))
LOST = LegRun(Counts(ok=400), delivered=0.4, lost="said nothing for 10 s and was killed", lost_at_ns=80_000_000)


def found(*legs: LegRun, **changes: Any) -> dict[str, Finding]:
    record = make_load(load=LoadRecord(cpu_percent=(40.0, 50.0), legs=legs, **changes))
    return {finding.code: finding for finding in judge(record).findings}


def on(machine: str, **before: Any) -> LegRun:
    return replace(WHOLE, machine=machine, before=BeforeStart(**before))


def test_a_whole_load_has_none() -> None:
    quiet = {"cores": 2, "busy_cores": 0.4, "stolen_share": 0.04}
    assert found(WHOLE, replace(WHOLE, start_skew_ns=49 * MS)) == {}
    assert found(on(A, **quiet), on(B, **quiet), on(B)) == {}


@pytest.mark.parametrize("tolerated", [0.0, 0.29, 0.31])
def test_what_was_lost_is_serious_unless_so_much_is_tolerated(tolerated: float) -> None:
    finding = found(WHOLE, replace(LOST, machine=A), tolerated_loss=tolerated)["legs-lost"]
    assert "1 of the 2 processes that made the load came to no end, and 30 % of the load was not made" in finding.seen
    assert f"process 2 on {A} said nothing" in finding.seen
    assert finding.serious is (tolerated < 0.3)
    assert finding.advice.endswith("and measure again." if finding.serious else "(memory, the system's log).")
    assert finding.advice.startswith("As much as 31 % was tolerated.") is (tolerated > 0.3)
    record = make_load(load=LoadRecord(legs=(WHOLE, LOST), tolerated_loss=tolerated))
    judged = judge(record, PerformanceThreshold(max_error_rate=0.5))
    assert exit_code_of([judged]) is (ExitCode.NO_VERDICT if finding.serious else ExitCode.HELD)


def test_a_machine_is_named_once() -> None:
    leg = replace(LOST, machine=A, lost=f"was lost with its worker {A}, which left the cluster")
    assert found(WHOLE, leg)["legs-lost"].seen.count(A) == 1


def test_workers_that_were_busy_before_the_start() -> None:
    busy = on(A, cores=2, busy_cores=1.6, busy_with=("cc1", "ld"))
    finding = found(busy, busy, on(B, cores=4, busy_cores=2.9))["worker-busy"]
    assert finding.seen == f"Before the start, on {A} 1.6 of 2 cores were busy (cc1, ld)."
    assert not finding.serious
    stolen = found(on(A, cores=2, busy_cores=1.6), on(B, stolen_share=0.2))["worker-busy"]
    assert f"on {B} its hypervisor gave 20 % of its time to others" in stolen.seen


def test_cores_are_shared_by_all_legs_of_a_machine() -> None:
    one, two = (f"tcp://10.0.0.6:{port}" for port in (1, 2))
    half = {"cores": 2, "busy_cores": 0.6}
    assert found(on(one, **half)) == {}
    assert "worker-busy" in found(on(one, **half), on(two, **half))


@pytest.mark.parametrize("skew_ns", [51 * MS, -51 * MS, 5_000 * MS])
def test_legs_that_did_not_start_together(skew_ns: int) -> None:
    finding = found(WHOLE, replace(WHOLE, start_skew_ns=skew_ns, machine=B))["legs-apart"]
    assert f"1 of the 2 processes did not start at the moment agreed: process 2 on {B} by" in finding.seen


def test_a_long_load_does_not_mind_a_little() -> None:
    late = replace(WHOLE, start_skew_ns=90 * MS)
    record = make_load(load=LoadRecord(legs=(WHOLE, late)), duration_s=10.0)
    assert "legs-apart" not in {finding.code for finding in judge(record).findings}


def test_who_came_too_late_is_named() -> None:
    assert f"1 worker came to the cluster after the start and took no part: {B}." in (
        found(WHOLE, WHOLE, joined_late=(B,))["worker-joined-late"].seen
    )
