import pickle

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from paceline.core.errors import FileFormatError
from paceline.records.histogram import Histogram
from paceline.stats.summary import quantile_of_sorted
from tests.strategies import durations_ns, histograms, quantiles, samples_ns

LARGEST = 2**63 - 1
LAST_INDEX = 63 * 1024 + 1  # of 2**63, where float64 rounds the largest int64 to


def _of(values: list[int]) -> Histogram:
    return Histogram.of(np.array(values, dtype=np.int64))


@given(samples_ns, quantiles)
@example([LARGEST], 1.0)
@example([0], 0.5)
@example([0, 1, 2, 3], 0.5)
@example([2_047, 2_048, 2_049, 2_050], 0.5)
def test_a_quantile_is_within_a_thousandth_of_the_exact_one(values: list[int], q: float) -> None:
    exact = quantile_of_sorted(sorted(values), q)
    assert _of(values).quantile(q) == pytest.approx(exact, rel=0.0005, abs=1e-9)


@given(st.lists(st.integers(0, 2_047), min_size=1, max_size=100), quantiles)
def test_below_2048_ns_every_integer_has_its_own_bucket(values: list[int], q: float) -> None:
    assert _of(values).quantile(q) == pytest.approx(quantile_of_sorted(sorted(values), q))


@given(samples_ns, quantiles, quantiles)
def test_quantiles_rise_with_q(values: list[int], one: float, other: float) -> None:
    histogram = _of(values)
    assert histogram.quantile(min(one, other)) <= histogram.quantile(max(one, other)) * (1 + 1e-12)


@settings(max_examples=10)  # the oracle is slow
@given(st.lists(st.integers(1, 3_600_000_000_000), min_size=1, max_size=60), st.sampled_from([50.0, 90.0, 99.0]))
def test_hdrhistogram_sees_the_same(values: list[int], percentile: float) -> None:
    oracle = HdrHistogram(1, 3_600_000_000_000, 3)
    for value in values:
        oracle.record_value(value)
    # It does not interpolate: it names the value of the nearest rank, halves rounded up.
    ranked = sorted(values)[max(1, int(percentile * len(values) / 100 + 0.5)) - 1]
    mine = _of([ranked]).quantile(0.5)
    assert mine == pytest.approx(oracle.get_value_at_percentile(percentile), rel=0.002)


@given(st.lists(st.lists(durations_ns, max_size=20), max_size=5))
def test_merging_is_concatenating(parts: list[list[int]]) -> None:
    merged = Histogram.merged(_of(part) for part in parts)
    assert merged == _of([value for part in parts for value in part])
    assert merged.count == sum(map(len, parts))


@given(histograms)
def test_what_files_contain_makes_the_same_histogram_again(histogram: Histogram) -> None:
    plain = histogram.__plain__()
    assert Histogram(plain["indices"], plain["counts"]) == histogram
    assert all(type(number) is int for numbers in plain.values() for number in numbers)


@given(samples_ns)
def test_buckets_hold_their_values_and_ascend(values: list[int]) -> None:
    buckets = list(_of(values).buckets())
    assert sum(count for _, _, count in buckets) == len(values)
    for lower, upper, count in buckets:
        assert count == sum(lower <= float(value) < upper for value in values)
        assert upper - lower <= max(1.0, lower / 1024)
    assert [lower for lower, _, _ in buckets] == sorted(lower for lower, _, _ in buckets)


@pytest.mark.parametrize(
    ("value", "index", "lower", "upper"),
    [
        (0, 0, 0.0, 1.0),
        (1, 1, 1.0, 1.0009765625),
        (2, 1_025, 2.0, 2.001953125),
        (1_024, 10_241, 1_024.0, 1_025.0),
        (2_047, 11_264, 2_047.0, 2_048.0),
        (2_048, 11_265, 2_048.0, 2_050.0),
        (2_049, 11_265, 2_048.0, 2_050.0),
        (LARGEST, LAST_INDEX, 2.0**63, 2.0**63 * (1 + 1 / 1024)),
    ],
)
def test_the_layout_of_files_never_changes(value: int, index: int, lower: float, upper: float) -> None:
    histogram = _of([value])
    assert histogram.indices.tolist() == [index]
    assert list(histogram.buckets()) == [(lower, upper, 1)]


@pytest.mark.parametrize(
    ("value", "middle"),
    [
        (0, 0),
        (1, 1),
        (2, 2),
        (1_023, 1_023),
        (2_047, 2_047),
        (2_048, 2_048.5),
        (4_097, 4_097.5),
        (2**20, 2**20 + 511.5),
    ],
)
def test_a_bucket_answers_with_the_middle_of_its_integers(value: int, middle: float) -> None:
    assert _of([value]).quantile(0.5) == middle


def test_a_bucket_without_an_integer_answers_with_the_next_one() -> None:
    assert Histogram([2], [1]).quantile(0.5) == 2.0  # 1.00098 to 1.00195: no measured value falls there


def test_an_empty_histogram_is_the_neutral_one() -> None:
    empty, some = Histogram(), _of([1, 5])
    assert empty.count == 0
    assert list(empty.buckets()) == []
    assert _of([]) == empty == Histogram.merged([]) == Histogram.merged([empty, empty])
    assert Histogram.merged([empty, some]) is some
    assert Histogram.merged([some]) is some


def test_counts_beyond_32_bits_do_not_wrap() -> None:
    huge = Histogram([1, 1_025], [2**40, 2**40])
    assert Histogram.merged([huge, huge]).counts.tolist() == [2**41, 2**41]
    assert huge.count == 2**41
    assert (huge.quantile(0.25), huge.quantile(0.75)) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("indices", "counts", "complaint"),
    [
        ([1, 2], [1], "has 2 indices but 1 counts"),
        ([-1], [1], f"index out of range 0 to {LAST_INDEX}"),
        ([5, LAST_INDEX + 1], [1, 1], f"index out of range 0 to {LAST_INDEX}"),
        ([LAST_INDEX + 1], [1], f"index out of range 0 to {LAST_INDEX}"),
        ([2, 1], [1, 1], "must ascend"),
        ([1, 1], [1, 1], "must ascend"),
        ([1], [0], "counts be at least 1"),
        ([1], [-5], "counts be at least 1"),
        ([2**63], [1], "not 64-bit integers"),
        ([1], [2**63], "not 64-bit integers"),
        ([1.5], [1], "not 64-bit integers"),
        (["1"], [1], "not 64-bit integers"),
        ([None], [1], "not 64-bit integers"),
        (5, [1], "not 64-bit integers"),
    ],
)
def test_damaged_buckets_are_refused(indices: list[int], counts: list[int], complaint: str) -> None:
    with pytest.raises(FileFormatError, match=complaint):
        Histogram(indices, counts)


def test_the_outermost_buckets_are_accepted() -> None:
    assert Histogram([0, LAST_INDEX], [1, 1]).count == 2
    assert Histogram([7], [1]).count == 1
    assert Histogram([7, 8], [1, 1]).count == 2  # neighbours


def test_equality_looks_at_every_bucket() -> None:
    one = Histogram([1, 5], [2, 3])
    assert one == Histogram((1, 5), (2, 3))
    assert one != Histogram([1, 5], [2, 4])
    assert one != Histogram([1, 6], [2, 3])
    assert one != "a histogram"
    assert one.__eq__("a histogram") is NotImplemented  # the other side may know
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


@pytest.mark.parametrize(
    ("count", "bits"), [(1, 8), (255, 8), (256, 16), (2**16 - 1, 16), (2**16, 32), (2**32 - 1, 32), (2**32, 64)]
)
def test_counts_are_kept_as_small_as_they_are(count: int, bits: int) -> None:
    histogram = Histogram([1, LAST_INDEX], [1, count])
    assert histogram._counts.dtype.itemsize * 8 == bits
    assert (histogram.indices.tolist(), histogram.counts.tolist()) == ([1, LAST_INDEX], [1, count])


def test_arrays_are_64_bit() -> None:
    arrays: list[NDArray[np.int64]] = [_of([1]).indices, _of([1]).counts, Histogram([1], [1]).indices]
    assert {array.dtype for array in arrays} == {np.dtype(np.int64)}


@pytest.mark.parametrize(
    ("buckets", "widest", "most"), [(0, 1, 1), (3, 40, 1), (1_500, 15, 15), (1_500, 40, 300), (1_100, 5, 2**40)]
)
def test_pickled_and_back(buckets: int, widest: int, most: int) -> None:
    random = np.random.default_rng(7)
    indices, counts = random.integers(1, widest + 1, buckets).cumsum(), random.integers(1, most + 1, buckets)
    histogram = Histogram(indices.tolist(), counts.tolist())
    packed = pickle.dumps(histogram)
    back = pickle.loads(packed)
    assert back == histogram
    assert Histogram.merged((back, back)) == Histogram.merged((histogram, histogram))
    assert len(packed) < 200 + (1.2 if widest < 16 and most < 16 else 12) * buckets
