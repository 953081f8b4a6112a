"""Stalls that a closed loop hides, and long tails that are none; drawn with fixed seeds."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from paceline.core.findings import Finding
from paceline.judge.diagnosis import diagnose
from paceline.judge.stalls import hidden_stall
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.load import LoadRecord, Probe
from paceline.records.metrics import metrics_of
from paceline.records.run_record import RunRecord
from tests.fakes import MS, S, make_arrivals, make_latency, make_load

USERS = 10


def frozen_for(pause_ns: int, window_ns: int, typical_ns: int, seed: int = 0) -> list[int]:
    """Latencies of users in a closed loop with a server that stands still once."""
    draw = random.Random(seed)
    samples = [pause_ns] * USERS
    left = USERS * (window_ns - pause_ns)
    while left > 0:
        samples.append(int(draw.expovariate(1 / typical_ns)))
        left -= samples[-1]
    return samples


def _codes(record: RunRecord, threshold: PerformanceThreshold | None = None) -> dict[str, Finding]:
    return {finding.code: finding for finding in diagnose(record, metrics_of(record), threshold)}


@pytest.mark.parametrize("typical_ns", [3 * MS, 10 * MS, 40 * MS])
def test_a_second_of_frozen_server_in_ten_is_seen(typical_ns: int) -> None:
    record = make_load(frozen_for(S, 10 * S, typical_ns))
    finding = _codes(record)["coordinated-omission"]
    assert finding.seen.startswith("The longest attempt took 1 s, the p99 is ")
    assert "sends nothing while it waits" in finding.why
    assert "--rate" in finding.advice
    assert "ConstantRate" in finding.advice
    assert not finding.serious


def test_the_share_of_moments_is_that_of_arrivals_that_would_have_waited() -> None:
    samples = frozen_for(S, 10 * S, 3 * MS)
    stall = hidden_stall(make_latency(samples, keep_samples=False), USERS, sum(samples) // USERS)
    assert stall is not None
    # One arrival a millisecond: those in the pause wait for what is left of it, the others for next to nothing.
    waits = [max(S - number * MS, 0) for number in range(10_000)]
    assert stall.share == pytest.approx(sum(wait > stall.beyond_ns for wait in waits) / len(waits), rel=0.02)
    assert stall.share_waiting(S // 2) == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize(
    ("pause_ns", "seen"), [(S, True), (S // 2, True), (150 * MS, True), (80 * MS, False), (20 * MS, False)]
)
def test_a_hundredth_of_the_window_is_the_border(pause_ns: int, *, seen: bool) -> None:
    record = make_load(frozen_for(pause_ns, 10 * S, 3 * MS))
    assert ("coordinated-omission" in _codes(record)) == seen


def test_a_pause_that_the_p99_shows_is_not_hidden() -> None:
    # 60 ms an answer: ten stalled of some 1,500. With 250 ms they are more than a hundredth.
    slow = make_load(frozen_for(S, 10 * S, 250 * MS))
    assert slow.latency.quantile_ns(0.99) >= 0.9 * S
    assert "coordinated-omission" not in _codes(slow)


def test_limits_that_hold_only_because_nobody_arrived_make_it_serious() -> None:
    record = make_load(frozen_for(S, 10 * S, 3 * MS))

    def serious(**limits: Any) -> bool:
        return _codes(record, PerformanceThreshold(**limits))["coordinated-omission"].serious

    assert serious(max_p99_ms=100)
    assert serious(max_p95_ms=100)  # of ten seconds nine tenths of one: 9 % would have waited longer
    assert not serious(max_p50_ms=100)
    assert not serious(max_p99_ms=950)  # half a percent would have
    assert not serious(max_p99_ms=1)  # broken as it is
    assert not serious(max_mean_ms=100)
    finding = _codes(record, PerformanceThreshold(max_p99_ms=100))["coordinated-omission"]
    assert "max_p99_ms would not hold for users who arrive by themselves." in finding.why


def test_in_a_dry_run_nobody_could_arrive() -> None:
    samples = frozen_for(S, 10 * S, 3 * MS)
    assert "coordinated-omission" in _codes(make_load(samples, LoadRecord()))
    assert "coordinated-omission" not in _codes(make_load(samples, LoadRecord(dry=True)))


def test_only_closed_loops_for_a_duration_omit() -> None:
    samples = frozen_for(S, 10 * S, 3 * MS)
    assert "coordinated-omission" not in _codes(make_load(samples, LoadRecord(arrivals=make_arrivals())))
    record = make_load(samples)
    counted = replace(record, definition=replace(record.definition, iterations=len(samples), duration_s=None))
    assert "coordinated-omission" not in _codes(counted)


@pytest.mark.parametrize("count", [0, 1, 99])
def test_of_few_attempts_nothing_is_said(count: int) -> None:
    assert hidden_stall(make_latency([MS] * (count - 1) + [S] * min(count, 1)), 1, S) is None


def test_a_window_without_length_has_no_moments() -> None:
    assert hidden_stall(make_latency([MS] * 200), 1, 0) is None


# False alarms: what happens to healthy servers, some hundred runs of each.

DRAWS: dict[str, Callable[[random.Random], float]] = {
    "exponential": lambda draw: draw.expovariate(1 / (20 * MS)),
    "lognormal": lambda draw: draw.lognormvariate(0, 1) * 20 * MS,
    "normal": lambda draw: abs(draw.gauss(20, 2)) * MS,
}


def drawn(kind: str, count: int, seed: int) -> list[int]:
    draw = random.Random(f"{kind} {seed}")
    return [int(DRAWS[kind](draw)) for _ in range(count)]


def false_alarms(code: str, made: Sequence[RunRecord]) -> float:
    return sum(code in _codes(record) for record in made) / len(made)


@pytest.mark.parametrize("count", [300, 1_000, 5_000])
@pytest.mark.parametrize("kind", list(DRAWS))
def test_long_tails_are_no_stalls(kind: str, count: int) -> None:
    runs = [drawn(kind, count, seed) for seed in range(200)]
    stalls = [hidden_stall(make_latency(run, keep_samples=False), 1, sum(run)) for run in runs]
    # The worst is 1,000 draws of a lognormal: 1.4 of 100 in 4,000 simulated runs. It is a note, not a warning.
    assert sum(stall is not None for stall in stalls) <= (6 if kind == "lognormal" else 0)


@pytest.mark.parametrize("probes", [200, 500, 1_000])
@pytest.mark.parametrize("kind", list(DRAWS))
def test_a_probe_of_the_same_server_agrees(kind: str, probes: int) -> None:
    made = [
        make_load(
            drawn(kind, 3_000, seed),
            LoadRecord(probe=_probe(drawn(kind, probes, -seed - 1))),
        )
        for seed in range(60)
    ]
    assert false_alarms("probe-disagrees", made) <= (0.02 if kind == "lognormal" else 0)
    assert false_alarms("probe-waits-longer", made) <= (0.02 if kind == "lognormal" else 0)


@pytest.mark.parametrize("probes", [500, 1_000])
def test_a_generator_that_makes_answers_three_times_as_slow_is_found(probes: int) -> None:
    for seed in range(20):
        load = [3 * value for value in drawn("lognormal", 3_000, seed)]
        probe = _probe(drawn("lognormal", probes, -seed - 1))
        assert "probe-disagrees" in _codes(make_load(load, LoadRecord(probe=probe)))


@pytest.mark.parametrize("kind", list(DRAWS))
def test_healthy_closed_loops_obey_littles_law(kind: str) -> None:
    for seed in range(20):
        samples = drawn(kind, 2_000, seed)
        # Each user goes on until the deadline; the window ends with the last answer.
        users: list[int] = [0] * USERS
        for sample in samples:
            users[users.index(min(users))] += sample + 20_000  # between two requests 20 us
        record = make_load(samples, duration_s=min(users) / S, elapsed_ns=max(users))
        assert "littles-law" not in _codes(record)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_server_that_keeps_up_is_not_said_to_fall_behind(share: float) -> None:
    # One connection, Poisson arrivals, exponential service: the queue that a busy server has all along.
    for seed in range(30):
        draw = random.Random(f"queue {seed}")
        due = free = 0.0
        waits, services, responses, end = [], [], [], 0.0
        while due < 10 * S:
            service = draw.expovariate(1 / (2 * MS))
            written = max(due, free)
            free = written + service
            waits.append(int(written - due))
            services.append(int(service))
            responses.append(int(free - due))
            end = free
            due += draw.expovariate(share / (2 * MS))
        arrivals = make_arrivals([0] * len(waits), waits, services)
        record = make_load(responses, LoadRecord(arrivals=arrivals), duration_s=10.0, elapsed_ns=int(end))
        assert "load-not-delivered" not in _codes(record)


def _probe(latencies_ns: Any) -> Probe:
    seen = make_latency(latencies_ns, keep_samples=False)
    return Probe(100.0, latency=seen, service=seen)
