import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.records.latency import Latency
from paceline.stats.summary import moments_of
from tests.fakes import make_latency
from tests.strategies import durations_ns, quantiles, samples_ns


@given(samples_ns, quantiles)
def test_raw_samples_give_numpys_quantile_and_the_histogram_is_close(values: list[int], q: float) -> None:
    exact = float(np.quantile(np.array(values, dtype=np.float64), q))
    assert make_latency(values).quantile_ns(q) == pytest.approx(exact, rel=1e-12, abs=1e-6)
    assert make_latency(values, keep_samples=False).quantile_ns(q) == pytest.approx(exact, rel=0.001, abs=1e-6)


@given(samples_ns, quantiles)
def test_a_bucket_never_reaches_beyond_the_known_extremes(values: list[int], q: float) -> None:
    latency = make_latency(values, keep_samples=False)
    assert min(values) <= latency.quantile_ns(q) <= max(values)


def test_the_outermost_quantiles_of_a_histogram_are_exact() -> None:
    # 1,000,001 lies in a bucket of 512 integers, whose middle is neither.
    latency = make_latency([1_000_001, 5_000_003], keep_samples=False)
    assert (latency.quantile_ns(0.0), latency.quantile_ns(1.0)) == (1_000_001, 5_000_003)


@pytest.mark.parametrize("keep_samples", [True, False])
def test_nothing_measured_has_no_quantile(keep_samples: bool) -> None:  # noqa: FBT001
    assert math.isnan(make_latency([], keep_samples=keep_samples).quantile_ns(0.5))
    assert math.isnan(Latency().quantile_ns(0.5))


@pytest.mark.parametrize("q", [-0.001, 1.001, 95.0, math.nan])
def test_a_quantile_lies_between_0_and_1(q: float) -> None:
    with pytest.raises(ConfigurationError, match=r"a quantile lies in \[0, 1\], not"):
        make_latency([1]).quantile_ns(q)


@given(st.lists(durations_ns, max_size=20), st.lists(durations_ns, max_size=20))
def test_merging_is_concatenating(left: list[int], right: list[int]) -> None:
    assert make_latency(left).merge(make_latency(right)) == make_latency(left + right)


@pytest.mark.parametrize(("left", "right"), [(False, True), (True, False), (False, False)])
def test_raw_samples_survive_a_merge_only_where_both_sides_have_them(left: bool, right: bool) -> None:  # noqa: FBT001
    merged = make_latency([1, 2], keep_samples=left).merge(make_latency([3], keep_samples=right))
    assert merged == make_latency([1, 2, 3], keep_samples=False)


def test_samples_stay_in_the_order_they_ended() -> None:
    latency = make_latency([3, 1, 2])
    assert latency.quantile_ns(0.5) == 2
    assert latency.samples_ns == (3, 1, 2)
    assert latency.moments == moments_of(np.array([1, 2, 3]))
