"""The services whose truth is known do what theory says: in virtual time, without a socket."""

import heapq
import math
from collections.abc import Iterator, Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.workload.arrivals import arrivals
from paceline.workload.models import ConstantRate, Poisson
from tests.queues import (
    Service,
    Station,
    capacity_per_s,
    locked,
    locked_throughput_per_s,
    m_d_1,
    m_m_c,
    mean_response_ms,
    response_quantile_ms,
    saturating,
    waits_probability,
)

ARRIVALS = 100_000


def responses_ms(service: Service, offsets_s: Iterator[float]) -> list[float]:
    station = Station(service)
    return [1e3 * (station.arrive(at_s).due_s - at_s) for at_s in offsets_s]


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


@given(
    st.integers(1, 4),
    st.lists(st.floats(0, 3, allow_subnormal=False), min_size=1, max_size=40),
    st.floats(0, 5, allow_subnormal=False),
)
def test_requests_are_served_in_order_by_whoever_is_free(servers: int, gaps_s: list[float], before_s: float) -> None:
    """Held against a queue that is walked through event by event."""
    service = Service(servers=servers, mean_ms=1_000.0, constant=True, before_ms=1e3 * before_s)
    station, now_s, seen = Station(service), 0.0, []
    queued_s: list[float] = []
    for gap_s in gaps_s:
        now_s += gap_s
        queued_s.append(now_s + service.before_ms / 1e3)
        seen.append(station.arrive(now_s).due_s)
    busy: list[float] = []
    for at_s, due_s in zip(queued_s, seen, strict=True):
        while busy and busy[0] <= at_s:
            heapq.heappop(busy)
        begins_s = at_s
        while len(busy) >= servers:
            begins_s = heapq.heappop(busy)
        assert due_s == pytest.approx(begins_s + 1.0)
        heapq.heappush(busy, due_s)


@pytest.mark.parametrize(
    ("service", "per_second", "tolerance"),
    # Four standard errors of the mean of so many, which depend on each other (M/M/1: 2.8 % at 80 %).
    [(m_m_c(1, 1.0, seed=5), 800, 0.12), (m_m_c(4, 4.0, seed=5), 800, 0.06), (m_d_1(1.0), 800, 0.06)],
)
def test_a_queue_answers_as_theory_says(service: Service, per_second: float, tolerance: float) -> None:
    seen = responses_ms(service, arrivals(Poisson(per_second, ARRIVALS / per_second, seed=7)))
    assert mean(seen) == pytest.approx(mean_response_ms(service, per_second), rel=tolerance)
    if not service.constant:
        median = sorted(seen)[len(seen) // 2]
        assert median == pytest.approx(response_quantile_ms(service, per_second, 0.5), rel=tolerance)


def test_theory_is_that_of_the_textbook() -> None:
    one = m_m_c(1, 1.0)
    assert waits_probability(1, 0.8) == pytest.approx(0.8)
    assert waits_probability(2, 1.6) == pytest.approx(2 * 0.8**2 / 1.8)
    assert mean_response_ms(one, 800) == pytest.approx(5.0)
    assert mean_response_ms(m_d_1(1.0), 800) == pytest.approx(3.0)
    assert response_quantile_ms(one, 800, 0.99) == pytest.approx(-math.log(0.01) / 0.2)
    assert capacity_per_s(one, 0.99, 20.0) == pytest.approx(1_000 * (1 + math.log(0.01) / 20))
    assert mean_response_ms(one, 1_000) == math.inf
    # Of the distribution's tail the integral is the mean: both formulas of M/M/4 agree.
    four = m_m_c(4, 4.0)
    steps = [response_quantile_ms(four, 800, (step + 0.5) / 2_000) for step in range(2_000)]
    assert mean(steps) == pytest.approx(mean_response_ms(four, 800), rel=2e-3)


def test_what_saturates_answers_no_more_than_it_can() -> None:
    seen = responses_ms(saturating(200, answer_ms=10.0), arrivals(ConstantRate(400, 5.0)))
    assert seen[0] == pytest.approx(15.0)
    assert len(seen) / (5.0 + seen[-1] / 1e3) == pytest.approx(200, rel=0.01)


def test_a_lock_limits_users_as_mean_value_analysis_says() -> None:
    service = locked(outside_ms=8.0, lock_ms=2.0, seed=3)
    assert locked_throughput_per_s(service, 1) == pytest.approx(100.0)
    assert locked_throughput_per_s(service, 1_000) == pytest.approx(500.0)
    station, ended_s = Station(service), [0.0] * 5
    for _ in range(40_000):  # of five users each asks again when answered
        due_s, _ = station.arrive(heapq.heappop(ended_s))
        heapq.heappush(ended_s, due_s)
    assert 40_000 / max(ended_s) == pytest.approx(locked_throughput_per_s(service, 5), rel=0.02)


def test_errors_begin_above_the_rate_and_are_what_is_too_much() -> None:
    for per_second, share in ((90, 0.0), (200, 0.5)):
        station = Station(Service(errors_above=100))
        ok = [station.arrive(at_s).ok for at_s in arrivals(ConstantRate(per_second, 10.0))]
        assert 1 - mean(ok) == pytest.approx(share, abs=0.01)


def test_what_freezes_answers_afterwards_and_what_creeps_slows_down() -> None:
    frozen = responses_ms(Service(mean_ms=1.0, freeze_at_s=2.0, freeze_s=1.0), arrivals(ConstantRate(100, 6.0)))
    assert max(frozen[:200]) < 100
    assert frozen[201] == pytest.approx(1_000, rel=0.05)
    assert max(frozen[400:]) < 100
    crept = responses_ms(Service(mean_ms=0.0, before_ms=5.0, creep_ms_per_s=0.5), arrivals(ConstantRate(10, 10.0)))
    assert crept[0] == pytest.approx(5.0)
    assert crept[-1] == pytest.approx(5.0 + 0.5 * 9.9)


def test_what_dies_stays_dead() -> None:
    station = Station(Service(dies_after=3))
    assert [station.arrive(at_s).ok for at_s in islice(arrivals(ConstantRate(10, 1.0)), 6)] == [True] * 3 + [False] * 3


@given(
    st.builds(
        Service,
        st.integers(1, 9),
        st.floats(0, 99),
        st.booleans(),
        seed=st.integers(0, 2**31),
        leak_bytes=st.integers(0, 9),
    )
)
def test_a_service_is_its_query(service: Service) -> None:
    assert Service.of(service.query) == service
