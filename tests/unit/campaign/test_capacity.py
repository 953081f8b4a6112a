"""The search for the highest load, on services in virtual time: well-behaved ones and others."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from paceline.campaign.capacity import search
from paceline.campaign.capacity_plan import Asked
from paceline.campaign.capacity_probing import PROBES
from paceline.core.errors import MeasurementError
from paceline.judge.capacity import Answer, CapacityResult, judge_capacity
from paceline.records.capacity import CapacityProbe, Ending, LimitedBy, Of, Phase, Reading
from tests.queues import capacity_per_s, m_d_1, m_m_c
from tests.virtual_capacity import ERROR_LIMIT, VirtualTime, latency_limit, plan, queue, world_of

SERVICE = m_m_c(1, 1.0)
LIMITS = (latency_limit(95, 15.0),)
TRUTH = capacity_per_s(SERVICE, 0.95, 15.0)  # 800.3/s


def steady(ms_at: Callable[[float], float]) -> Callable[[float, int], NDArray[np.float64]]:
    """A service without noise: every request of a load takes as long."""
    return lambda load, count: np.full(count, ms_at(load) / 1e3)


def judged(record_of: object) -> CapacityResult:
    return judge_capacity(record_of.record)  # type: ignore[attr-defined]


def test_a_queue_s_capacity_is_found_with_its_interval() -> None:
    searched = search(plan(LIMITS), world_of(queue(SERVICE, np.random.default_rng(4)), LIMITS))
    result = judged(searched)
    assert result.answer is Answer.INTERVAL
    assert result.low is not None
    assert result.high is not None
    assert result.low < TRUTH < result.high
    assert result.capacity == pytest.approx(TRUTH, rel=0.05)
    assert (result.limited_by, result.broke_first) == (LimitedBy.SERVER, "p(95)<15")
    assert searched.record.ended is Ending.PRECISE


def test_the_same_seed_asks_for_the_same_probes_in_the_same_order() -> None:
    first, again, other = (
        search(plan(LIMITS, seed=seed), world_of(queue(SERVICE, np.random.default_rng(1)), LIMITS)).record.probes
        for seed in (1, 1, 2)
    )
    assert first == again
    assert [probe.load for probe in first] != [probe.load for probe in other]


def test_the_probes_of_a_round_come_in_no_order() -> None:
    record = search(plan(LIMITS), world_of(queue(SERVICE, np.random.default_rng(1)), LIMITS)).record
    loads = [probe.load for probe in record.probes if probe.phase is Phase.WINDOW][:PROBES]
    assert len(set(loads)) == PROBES
    assert loads not in (sorted(loads), sorted(loads, reverse=True))


def test_what_always_holds_stops_at_the_bound() -> None:
    result = judged(search(plan(LIMITS, high=500.0), world_of(steady(lambda _: 1.0), LIMITS)))
    assert (result.answer, result.capacity, result.limited_by) == (Answer.AT_LEAST, 500.0, LimitedBy.BOUND)
    assert result.high is None


def test_what_never_holds_says_so_after_a_second_look() -> None:
    searched = search(plan(LIMITS), world_of(steady(lambda _: 20.0), LIMITS))
    result = judged(searched)
    assert (result.answer, result.capacity, result.broke_first) == (Answer.BROKEN, None, "p(95)<15")
    assert [probe.load for probe in searched.record.probes] == [10.0, 10.0]


def test_it_keeps_to_its_time() -> None:
    for budget_s in (30.0, 60.0, 120.0):
        record = search(
            plan(LIMITS, budget_s=budget_s), world_of(queue(SERVICE, np.random.default_rng(3)), LIMITS)
        ).record
        assert record.elapsed_s <= budget_s + 1  # of cooling down
        assert record.ended in {Ending.BUDGET, Ending.PRECISE}


def test_an_interrupt_leaves_the_bracket_so_far() -> None:
    def interrupt(asked: Asked, probe: CapacityProbe, _: VirtualTime) -> CapacityProbe:
        if asked.number == 9:
            raise KeyboardInterrupt
        return probe

    searched = search(plan(LIMITS), world_of(queue(SERVICE, np.random.default_rng(1)), LIMITS, changed=interrupt))
    result = judged(searched)
    assert isinstance(searched.stopped_by, KeyboardInterrupt)
    assert searched.record.ended is Ending.INTERRUPTED
    assert (result.answer, result.low) == (Answer.BRACKET, 640.0)
    assert result.high is not None
    assert 640 < result.high <= 1280


def errors_from(per_second: float) -> Callable[[float], float]:
    return lambda load: 0.05 if load > per_second else 0.0


def test_errors_have_an_interval_of_what_held_and_what_broke() -> None:
    limits = (LIMITS[0], ERROR_LIMIT)
    searched = search(plan(limits), world_of(steady(lambda _: 1.0), limits, errors=errors_from(300)))
    result = judged(searched)
    assert (result.answer, result.broke_first) == (Answer.INTERVAL, "error_rate<1%")
    assert result.low is not None
    assert result.high is not None
    assert result.low <= 300 < result.high <= 1.12 * result.low
    assert result.confidence == pytest.approx(0.954, abs=1e-3)
    assert searched.record.ended is Ending.PRECISE
    assert not result.findings


def test_errors_have_a_bracket_where_there_is_no_time_for_more() -> None:
    limits = (LIMITS[0], ERROR_LIMIT)
    world = world_of(steady(lambda _: 1.0), limits, errors=errors_from(300))
    result = judged(search(plan(limits, budget_s=60.0), world))
    assert (result.answer, result.broke_first, result.confidence) == (Answer.BRACKET, "error_rate<1%", None)
    assert result.low is not None
    assert result.high is not None
    assert result.low <= 300 < result.high <= 1.2 * result.low
    assert [finding.code for finding in result.findings] == ["bracket-only"]


def wandering(scatter: float, rng: np.random.Generator) -> Callable[[float, int], NDArray[np.float64]]:
    """One server of 1,000/s at the median, of another speed in each probe, as on a machine with other work."""

    def responses(load: float, count: int) -> NDArray[np.float64]:
        fast = m_d_1(float(np.exp(scatter * rng.standard_normal())))
        return queue(fast, rng)(load, count)

    return responses


@pytest.mark.parametrize("scatter", [0.0, 0.02, 0.05])
def test_a_service_at_its_edge_on_a_machine_that_is_not_steady_has_an_interval(scatter: float) -> None:
    limits = (latency_limit(95, 100.0),)  # 99.9 % busy: below it nothing is seen of it
    world = world_of(wandering(scatter, np.random.default_rng(8)), limits)
    searched = search(plan(limits), world)
    result = judged(searched)
    assert result.answer is Answer.INTERVAL
    assert result.low is not None
    assert result.high is not None
    assert result.low <= 1_000 <= result.high
    assert result.capacity == pytest.approx(1_000, rel=0.07)


def test_locating_an_edge_takes_few_probes_and_little_of_the_time() -> None:
    world = world_of(queue(m_d_1(1 / 5.3), np.random.default_rng(3)), LIMITS)
    record = search(plan(LIMITS), world).record
    locating = [probe for probe in record.probes if probe.phase is Phase.LOCATING]
    # 10 to 10,240/s by doubling; then what it answered while overloaded, 5,300/s.
    assert [round(probe.load) for probe in locating[:11]] == [10 * 2**power for power in range(11)]
    assert locating[11].load < 1.2 * 5_300
    assert len(locating) <= 13
    assert sum(probe.length_s + probe.settle_s for probe in locating) < 0.15 * record.budget_s


def test_closing_in_ends_for_the_window_where_each_look_takes_long() -> None:
    looks: Counter[float] = Counter()

    def changed(asked: Asked, probe: CapacityProbe, time: VirtualTime) -> CapacityProbe:
        time.pass_by(10.0)  # of starting
        looks[asked.load] += 1
        is_busy = asked.phase is Phase.LOCATING and not probe.held and looks[asked.load] < 3
        return replace(probe, limited_by=LimitedBy.GENERATOR, why="it was busy") if is_busy else probe

    world = world_of(steady(lambda load: 1.0 if load < 4_050 else 100.0), LIMITS, changed=changed)
    record = search(plan(LIMITS, low=1_000.0), world).record
    window = [probe for probe in record.probes if probe.phase is Phase.WINDOW]
    assert window
    assert window[0].began_s < 0.4 * record.budget_s


def test_what_held_beside_a_late_generator_counts_where_only_outcomes_do() -> None:
    limits = (LIMITS[0], ERROR_LIMIT)

    def late(_: Asked, probe: CapacityProbe, __: VirtualTime) -> CapacityProbe:
        return replace(probe, limited_by=LimitedBy.GENERATOR, why="it was late") if probe.held else probe

    world = world_of(steady(lambda _: 1.0), limits, errors=errors_from(300), changed=late)
    result = judged(search(plan(limits), world))
    assert result.answer is Answer.INTERVAL
    assert result.low is not None
    assert result.high is not None
    assert result.low <= 300 < result.high


def test_the_limit_that_breaks_at_the_lowest_load_is_named() -> None:
    limits = (latency_limit(99, 200.0), latency_limit(50, 5.0))
    result = judged(search(plan(limits), world_of(queue(SERVICE, np.random.default_rng(2)), limits)))
    assert result.broke_first == "p(50)<5"
    assert result.capacity == pytest.approx(capacity_per_s(SERVICE, 0.5, 5.0), rel=0.05)


def limited_above(load: float, by: LimitedBy = LimitedBy.GENERATOR, times: int = 1_000) -> Callable[..., CapacityProbe]:
    seen: list[float] = []

    def changed(asked: Asked, probe: CapacityProbe, _: VirtualTime) -> CapacityProbe:
        if asked.load <= load or len(seen) >= times:
            return probe
        seen.append(asked.load)
        broken = tuple(Reading(1e3, held=False) for _ in probe.readings)
        return replace(probe, readings=broken, limited_by=by, why="the load generator was busy")

    return changed


@pytest.mark.parametrize("by", [LimitedBy.GENERATOR, LimitedBy.NETWORK])
def test_a_generator_that_cannot_is_never_a_number_about_the_server(by: LimitedBy) -> None:
    world = world_of(steady(lambda _: 1.0), LIMITS, changed=limited_above(200, by))
    result = judged(search(plan(LIMITS), world))
    assert (result.answer, result.capacity, result.high) == (Answer.AT_LEAST, 160.0, None)
    assert result.limited_by is by
    assert result.findings[0].code == "generator-limit"


def test_a_generator_that_stumbles_once_is_asked_again() -> None:
    world = world_of(queue(SERVICE, np.random.default_rng(1)), LIMITS, changed=limited_above(100, times=1))
    assert judged(search(plan(LIMITS), world)).answer is Answer.INTERVAL


def test_a_window_in_which_the_generator_fails_is_no_window() -> None:
    def changed(asked: Asked, probe: CapacityProbe, _: VirtualTime) -> CapacityProbe:
        is_late = asked.phase is Phase.WINDOW
        return replace(probe, limited_by=LimitedBy.GENERATOR, why="it was busy") if is_late else probe

    searched = search(plan(LIMITS), world_of(queue(SERVICE, np.random.default_rng(1)), LIMITS, changed=changed))
    assert searched.record.ended is Ending.GENERATOR
    assert judged(searched).answer is not Answer.INTERVAL


def dying_above(load: float, for_s: float) -> Callable[..., CapacityProbe]:
    died: list[float] = []

    def changed(asked: Asked, probe: CapacityProbe, time: VirtualTime) -> CapacityProbe:
        if asked.load > load:
            died.append(time())
        if died and time() - died[-1] < for_s:
            raise MeasurementError("nobody listens")
        return probe

    return changed


def test_a_service_that_does_not_come_back_is_named() -> None:
    world = world_of(steady(lambda _: 1.0), LIMITS, changed=dying_above(100, for_s=1e9))
    searched = search(plan(LIMITS), world)
    result = judged(searched)
    assert searched.record.ended is Ending.DIED
    assert (result.answer, result.low, result.high) == (Answer.BRACKET, 80.0, 160.0)
    assert result.limited_by is LimitedBy.SERVER
    assert "80/s held before 160/s came" in result.findings[0].seen
    assert result.findings[0].code == "service-died"


def test_a_service_that_comes_back_is_searched_on() -> None:
    world = world_of(steady(lambda _: 1.0), LIMITS, changed=dying_above(100, for_s=2.0))
    searched = search(plan(LIMITS), world)
    assert searched.record.ended is not Ending.DIED
    result = judged(searched)
    assert result.low is not None
    assert result.high is not None
    assert 80 <= result.low <= 100 < result.high <= 160


def test_what_cannot_even_begin_is_an_error() -> None:
    world = world_of(steady(lambda _: 1.0), LIMITS, changed=dying_above(0, for_s=1e9))
    with pytest.raises(MeasurementError, match="nobody listens"):
        search(plan(LIMITS), world)


def test_a_higher_load_that_holds_above_one_that_broke_is_told() -> None:
    def ms_at(load: float) -> float:
        return 60.0 if 380 < load < 400 or load > 450 else 5.0

    result = judged(search(plan(LIMITS), world_of(steady(ms_at), LIMITS)))
    assert result.answer is not Answer.INTERVAL
    assert "not-monotone" in {finding.code for finding in result.findings}
    assert result.low is not None
    assert result.low <= 380


def test_users_are_whole_and_their_line_is_one_of_logarithms() -> None:
    # A closed loop on one server of 10 ms without think time: so many users, so many times 10 ms.
    limits = (latency_limit(95, 333.0),)

    def ms_at(users: float) -> float:
        assert users == round(users)
        return 10.0 * users

    wanted = plan(limits, of=Of.USERS, low=1.0, high=1_000.0)
    result = judged(search(wanted, world_of(steady(ms_at), limits)))
    assert result.answer is Answer.INTERVAL
    assert result.capacity == pytest.approx(33.3, rel=0.01)
    assert result.capacity_ops_per_sec is None


def test_an_abrupt_edge_lies_in_the_answer() -> None:
    result = judged(search(plan(LIMITS), world_of(steady(lambda load: 2.0 if load < 333 else 100.0), LIMITS)))
    assert result.low is not None
    assert result.high is not None
    assert result.low <= 333 <= result.high * 1.0001


def test_errors_that_nobody_limits_are_told() -> None:
    world = world_of(steady(lambda _: 1.0), LIMITS, errors=lambda load: 0.3 if load > 100 else 0.0)
    result = judged(search(plan(LIMITS, high=200.0), world))
    (finding,) = result.findings
    assert (finding.code, finding.serious) == ("errors-unjudged", True)
    assert "30.0 % of the attempts failed at 160/s" in finding.seen
    limited = judged(
        search(plan((*LIMITS, ERROR_LIMIT), high=80.0), world_of(steady(lambda _: 1.0), (*LIMITS, ERROR_LIMIT)))
    )
    assert not limited.findings
