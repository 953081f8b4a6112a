import math
import re
import statistics
from collections.abc import Callable
from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.workload.arrivals import arrivals, expected_arrivals, users_at, warmup_of
from paceline.workload.models import (
    MOST_PER_SECOND,
    ClosedLoop,
    ConstantRate,
    FixedIterations,
    OpenLoop,
    Poisson,
    Stages,
    Workload,
)

_CLOSED = [FixedIterations(5), ClosedLoop(2, 1.0), Stages([(1, 2)], of="users")]

_seeds = st.integers(0, 2**63 - 1)
_stage_durations_s = st.one_of(st.just(0.0), st.floats(1e-3, 20), st.sampled_from([1.0, 2.5, 10.0]))
_rates = st.one_of(st.just(0.0), st.floats(0, 60), st.sampled_from([1.0, 10.0, 50.0]))


@st.composite
def _rate_stages(draw: st.DrawFn, seeds: st.SearchStrategy[int | None] = st.none()) -> Stages:  # noqa: B008
    stages = draw(st.lists(st.tuples(_stage_durations_s, _rates), max_size=6))
    # The last makes sure that there is a load.
    return Stages([*stages, (draw(st.floats(1, 10)), draw(st.floats(2, 60)))], start=draw(_rates), seed=draw(seeds))


_constant_rates = st.builds(
    lambda count, per_second: ConstantRate(per_second, count / per_second),
    st.floats(0.51, 2_000),
    st.floats(1e-3, MOST_PER_SECOND),
)
_poissons = st.builds(
    lambda count, per_second, seed: Poisson(per_second, count / per_second, seed),
    st.floats(0.51, 2_000),
    st.floats(1e-3, MOST_PER_SECOND),
    _seeds,
)
_open_loops = st.one_of(_constant_rates, _poissons, _rate_stages(), _rate_stages(_seeds))


def _integral_until(stages: Stages, offset_s: float) -> Fraction:
    """The exact integral of the rate up to ``offset_s``: the oracle."""
    total, begin, level = Fraction(0), Fraction(0), Fraction(stages.start)
    for duration_s, target in stages.stages:
        duration, goal = Fraction(duration_s), Fraction(target)
        inside = min(max(Fraction(offset_s) - begin, Fraction(0)), duration)
        if duration:
            total += level * inside + (goal - level) * inside * inside / duration / 2
        begin, level = begin + duration, goal
    return total


@given(_open_loops)
@example(Stages([(10, 0)], start=2.0))
@example(Stages([(0, 50), (10, 0)]))
@example(Stages([(5, 0), (0, 3), (1, 3), (0, 0), (5, 0)]))
@example(Stages([(3, 1), (1e-300, 9)]))
@example(Stages([(1e8, 0), (0, 1e5), (1e-3, 1e6)], seed=11))  # so late that rounding reaches the end
def test_ascending_within_the_duration_and_the_same_each_time(workload: OpenLoop) -> None:
    offsets = list(arrivals(workload))
    assert all(0 <= offset_s < workload.duration_s for offset_s in offsets)
    assert all(earlier <= later for earlier, later in pairwise(offsets))
    assert list(arrivals(workload)) == offsets


@given(_open_loops, st.integers(1, 7))
def test_legs_share_the_arrivals_without_a_word(workload: OpenLoop, legs: int) -> None:
    shares = [list(islice(arrivals(workload), leg, None, legs)) for leg in range(legs)]
    assert sorted(offset_s for share in shares for offset_s in share) == list(arrivals(workload))


@given(_open_loops, st.integers(1, 1_000))
def test_a_limit_in_flight_moves_no_arrival(workload: OpenLoop, most: int) -> None:
    values = {name: getattr(workload, name) for name in workload.__dataclass_fields__}
    limited = type(workload)(**(values | {"max_in_flight": most}))
    assert list(arrivals(limited)) == list(arrivals(workload))
    assert expected_arrivals(limited) == expected_arrivals(workload)


@pytest.mark.parametrize(
    ("per_second", "duration_s", "count"),
    [(1_000, 10, 10_000), (0.1, 10, 1), (3, 1 / 3, 1), (0.7, 10, 7), (1e6, 0.1, 100_000), (1.0, 1.4, 1), (0.6, 1, 1)],
)
def test_a_constant_rate_delivers_an_exact_count(per_second: float, duration_s: float, count: int) -> None:
    workload = ConstantRate(per_second, duration_s)
    assert len(list(arrivals(workload))) == expected_arrivals(workload) == count


def test_a_constant_rate_does_not_drift() -> None:
    offsets = list(arrivals(ConstantRate(300, 100)))
    assert offsets == [index / 300 for index in range(30_000)]
    assert offsets[-1] == pytest.approx(100 - 1 / 300, abs=1e-13)


def test_the_longest_schedule_starts_at_once_and_tells_neighbours_apart() -> None:
    workload = ConstantRate(MOST_PER_SECOND, 1e9)
    assert expected_arrivals(workload) == 1e15
    assert list(islice(arrivals(workload), 3)) == [0.0, 1e-6, 2e-6]
    last = 10**15 - 1
    assert (last - 1) / workload.per_second < last / workload.per_second < workload.duration_s


@given(_constant_rates)
def test_a_constant_rate_is_a_stage_that_is_held(workload: ConstantRate) -> None:
    held = Stages([(0, workload.per_second), (workload.duration_s, workload.per_second)])
    assert list(arrivals(held)) == list(arrivals(workload))
    assert expected_arrivals(held) == expected_arrivals(workload)


@given(_rate_stages())
@example(Stages([(10, 100)]))
@example(Stages([(10, 0)], start=100.0))
def test_arrival_k_is_where_the_integral_of_the_rate_is_k(stages: Stages) -> None:
    offsets = list(arrivals(stages))
    assert abs(len(offsets) - _integral_until(stages, stages.duration_s)) <= Fraction("0.5000001")
    assert len(offsets) == expected_arrivals(stages)
    for index, offset_s in enumerate(offsets):
        assert float(_integral_until(stages, offset_s)) == pytest.approx(index, abs=1e-6)


def test_a_ramp_from_nothing_by_hand() -> None:
    # The integral of 10 t is 5 t^2: arrival k at sqrt(k / 5).
    assert list(arrivals(Stages([(2, 20)]))) == pytest.approx([math.sqrt(index / 5) for index in range(20)])


def test_a_ramp_down_to_nothing_mirrors_it() -> None:
    offsets = list(arrivals(Stages([(2, 0)], start=20)))
    assert offsets == pytest.approx([2 - math.sqrt((20 - index) / 5) for index in range(20)])


def test_a_large_ramp_down_to_nothing_keeps_its_end() -> None:
    offsets = list(arrivals(Stages([(2, 0)], start=500_000)))
    assert len(offsets) == 500_000
    assert 2 - offsets[-1] == pytest.approx(2 * math.sqrt(1 / 500_000), rel=1e-6)


def test_jumps_take_no_time() -> None:
    offsets = list(arrivals(Stages([(0, 2), (2, 2), (0, 10), (1, 10), (0, 1), (2, 1)])))
    assert offsets == pytest.approx([0, 0.5, 1, 1.5, *(2 + tenth / 10 for tenth in range(10)), 3, 4])
    assert list(arrivals(Stages([(1, 4), (0, 99)], start=4))) == [0, 0.25, 0.5, 0.75]


def test_nothing_is_due_in_a_pause() -> None:
    paused = Stages([(5, 0), (0, 2), (1, 2), (0, 0), (5, 0), (0, 2), (1, 2)])
    assert list(arrivals(paused)) == [5.0, 5.5, 11.0, 11.5]
    seeded = Stages([(5, 0), (0, 50), (1, 50), (0, 0), (5, 0), (0, 50), (1, 50)], seed=1)
    offsets = list(arrivals(seeded))
    assert len(offsets) > 50
    assert all(5 <= offset_s < 6 or 11 <= offset_s < 12 for offset_s in offsets)


def _unchanged(offset_s: float) -> float:
    return offset_s


def _unramped(offset_s: float) -> float:
    """Time on a ramp from 0 to 2,000/s in 100 s, stretched so that the rate is 1,000/s everywhere."""
    return offset_s**2 / 100


@pytest.mark.parametrize(
    ("workload", "stretched"),
    [
        (Poisson(1_000, 100, seed=7), _unchanged),
        (Stages([(0, 1_000), (100, 1_000)], seed=7), _unchanged),
        (Stages([(100, 2_000)], seed=11), _unramped),
    ],
)
def test_poisson_counts_have_mean_and_variance_of_their_kind(
    workload: OpenLoop, stretched: Callable[[float], float]
) -> None:
    offsets = list(arrivals(workload))
    assert expected_arrivals(workload) == 100_000
    assert len(offsets) == pytest.approx(100_000, abs=4 * math.sqrt(100_000))
    counts = [0] * 1_000
    for offset_s in offsets:
        counts[int(stretched(offset_s) * 10)] += 1
    # The variance of 1,000 such counts has a standard error of 4.5 %; even spacing would have none.
    assert statistics.variance(counts) == pytest.approx(100, rel=4 * 0.045)


def test_poisson_distances_are_exponential() -> None:
    distances = [later - earlier for earlier, later in pairwise(arrivals(Poisson(100, 1_000, seed=3)))]
    assert statistics.fmean(distances) == pytest.approx(0.01, rel=0.02)
    assert statistics.stdev(distances) == pytest.approx(0.01, rel=0.02)
    # P(distance > mean) is 1/e.
    assert sum(distance > 0.01 for distance in distances) / len(distances) == pytest.approx(1 / math.e, abs=0.01)


@given(_seeds)
def test_seeds_tell_schedules_apart(seed: int) -> None:
    first, again, other = (list(arrivals(Poisson(50, 2, value))) for value in (seed, seed, seed ^ 1))
    assert first == again != other
    ramps = [list(arrivals(Stages([(2, 100)], seed=value))) for value in (seed, seed, seed ^ 1, None)]
    assert ramps[0] == ramps[1] != ramps[2]
    assert ramps[0] != ramps[3]


@given(_poissons)
def test_a_held_seeded_stage_is_poisson(workload: Poisson) -> None:
    held = Stages([(0, workload.per_second), (workload.duration_s, workload.per_second)], seed=workload.seed)
    # Rounding may move the very last across the end.
    for one, other in zip(arrivals(held), arrivals(workload), strict=False):
        assert one == pytest.approx(other)
    assert expected_arrivals(held) == pytest.approx(expected_arrivals(workload))


@pytest.mark.parametrize("workload", _CLOSED, ids=lambda workload: type(workload).__name__)
def test_closed_loops_have_no_arrivals(workload: Workload) -> None:
    complaint = f"{type(workload).__name__} is a closed loop"
    for function in (arrivals, expected_arrivals):
        with pytest.raises(ConfigurationError, match=f"^{complaint}"):
            function(workload)


@pytest.mark.parametrize(
    ("offset_s", "users"),
    [
        (-1.0, 0), (0, 0), (0.4, 0), (0.5, 1), (1.0, 1), (1.5, 2), (9.4, 9), (9.5, 10), (9.999, 10),
        (10, 10), (14.99, 10), (15, 3), (15.6, 2), (16.9, 0), (17, 0), (18, 5), (18.99, 5), (19, 0), (1e9, 0),
    ],
)  # fmt: skip
def test_users_follow_the_stages(offset_s: float, users: int) -> None:
    stages = Stages([(10, 10), (5, 10), (0, 3), (2, 0), (1, 0), (0, 5), (1, 5)], of="users")
    assert users_at(stages, offset_s) == users


@given(
    st.lists(st.tuples(_stage_durations_s, st.integers(0, 10_000)), max_size=6),
    st.integers(0, 10_000),
    st.floats(0, 1, exclude_max=True),
)
def test_users_stay_between_the_ends_of_their_stage(stages: list[tuple[float, int]], start: int, part: float) -> None:
    workload = Stages([*stages, (1.0, 7)], of="users", start=start)
    offset_s = part * workload.duration_s
    users = users_at(workload, offset_s)
    ramp = next(ramp for ramp in workload.ramps() if ramp.begin_s <= offset_s < ramp.end_s)
    assert min(ramp.level, ramp.target) <= users <= max(ramp.level, ramp.target) <= workload.most
    assert users == pytest.approx(
        ramp.level + (ramp.target - ramp.level) * (offset_s - ramp.begin_s) / ramp.duration_s, abs=0.5 + 1e-6
    )


def test_a_stage_that_starts_high_has_its_users_at_once() -> None:
    stages = Stages([(10, 0)], of="users", start=100)
    assert [users_at(stages, offset_s) for offset_s in (0, 5, 9.94, 9.96)] == [100, 50, 1, 0]


def test_rates_have_no_users() -> None:
    with pytest.raises(ConfigurationError, match="only stages of='users' have users"):
        users_at(Stages([(1, 10)]), 0)


@pytest.mark.parametrize(
    ("workload", "warmup"),
    [
        (FixedIterations(100, 10, workers=4), ClosedLoop(4, 2.0)),
        (ClosedLoop(50, 10, 5, think_time_s=0.5), ClosedLoop(50, 2.0, think_time_s=0.5)),
        (ConstantRate(500, 60, 9), ConstantRate(500, 2.0, 9)),
        (ConstantRate(0.1, 60), ConstantRate(0.5, 2.0)),
        (Poisson(500, 60, 3, 9), Poisson(500, 2.0, 3, 9)),
        (Poisson(5, 60, 3), Poisson(5, 2.0, 3)),
        (Poisson(4.9, 60, 3), ConstantRate(4.9, 2.0)),
        (Poisson(0.1, 60, 3, 9), ConstantRate(0.5, 2.0, 9)),
        (Stages([(10, 100), (60, 900)]), ConstantRate(50, 2.0)),
        (Stages([(0, 40), (10, 60)], max_in_flight=8), ConstantRate(50, 2.0, 8)),
        (Stages([(10, 100)], seed=0), Poisson(50, 2.0, 0)),
        (Stages([(10, 100)], seed=6, max_in_flight=8), Poisson(50, 2.0, 6, 8)),
        (Stages([(10, 0), (10, 100)]), ConstantRate(0.5, 2.0)),
        (Stages([(10, 100)], of="users", start=50), ClosedLoop(75, 2.0)),
        (Stages([(10, 25)], of="users"), ClosedLoop(13, 2.0)),
        (Stages([(10, 0), (10, 100)], of="users"), ClosedLoop(1, 2.0)),
    ],
)
def test_a_warm_up_is_the_same_kind_at_the_same_level(workload: Workload, warmup: Workload) -> None:
    assert warmup_of(workload, 2.0) == warmup


@given(_open_loops, st.floats(1e-6, 20))
def test_a_warm_up_is_never_empty(workload: OpenLoop, warmup_s: float) -> None:
    warmup = warmup_of(workload, warmup_s)
    assert isinstance(warmup, ConstantRate | Poisson)
    assert warmup.duration_s == warmup_s
    assert next(arrivals(warmup)) < warmup_s


@pytest.mark.parametrize(
    ("warmup_s", "complaint"),
    [
        (0, "warmup_s must be a finite number of seconds above 0"),
        (math.nan, "warmup_s must be a finite number of seconds above 0"),
        (9e-7, "warmup_s must be at least 1e-06 s, not 9e-07"),
    ],
)
def test_a_warm_up_lasts(warmup_s: float, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{re.escape(complaint)}"):
        warmup_of(ConstantRate(10, 1), warmup_s)
