"""What runs tell of themselves piece by piece, put together: bit for bit what their whole records would have made."""

import pickle
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.records.histogram import Histogram
from paceline.records.increments import Teller, added
from paceline.records.latency import Latency
from paceline.records.load import Arrivals, LoadRecord, Part, Traffic
from paceline.records.merging import legs_merged
from paceline.records.outcome import AttemptEnd
from paceline.records.recorder import SAMPLE_LIMIT, Counts, Recorder
from paceline.records.run_record import RunRecord
from paceline.records.summing import HistogramSum, RunSum, SeriesSum
from paceline.records.time_series import TimeSeries
from tests.fakes import S, make_latency, make_record
from tests.strategies import Attempt, attempts_of_a_worker, histograms, percents, stamps_of, time_series


def _load(seed: int) -> LoadRecord:
    """Drawn here once: Hypothesis would take most of its time to draw as many histograms each time."""
    random = np.random.default_rng(seed)

    def number() -> int:
        return int(random.integers(0, 1_000))

    def latency() -> Latency:
        values = random.integers(0, 10 ** int(random.integers(1, 12)), int(random.integers(0, 20)))
        return make_latency(values.tolist(), keep_samples=False)

    def part(name: str) -> Part:
        counts = Counts(ok=number(), errors=number())
        return Part(name, counts, latency(), None if seed % 2 else latency())

    return LoadRecord(
        arrivals=None if seed % 3 == 0 else Arrivals(number(), number(), latency(), latency(), latency(), latency()),
        traffic=None
        if seed % 5 == 0
        else Traffic(number(), number(), connections=number(), connect=latency(), first_byte=latency()),
        parts=tuple(part(name) for name in random.permutation(["one", "two", "three"])[: seed % 4].tolist()),
        iterations=None if seed % 7 == 0 else number(),
    )


_LOADS = [_load(seed) for seed in range(24)]


def _states(stretches: list[list[Attempt]], added_loads: list[LoadRecord], cpu: list[float]) -> list[RunRecord]:
    """A run as it is known after each of its stretches, which follow each other."""
    recorder = Recorder(0.0)
    states, load = [], LoadRecord()
    for number, (stretch, more) in enumerate(zip(stretches, added_loads, strict=False), start=1):
        recorder.fold(stamps_of(stretch))
        merged = legs_merged([replace(make_record([S]), load=each) for each in (load, more)]).load
        assert merged is not None
        load = replace(merged, cpu_percent=tuple(cpu[:number]), legs=(), probe=None)
        states.append(
            replace(
                make_record([]),
                counts=recorder.counts,
                latency=recorder.latency,
                series=recorder.series,
                elapsed_ns=round(recorder.last_end_s * S),
                window_ns=round(recorder.last_end_s * S),
                window_ok=recorder.counts.ok,
                load=load,
            )
        )
    return states


@st.composite
def _runs(draw: st.DrawFn) -> list[RunRecord]:
    attempts = draw(attempts_of_a_worker())
    cuts = sorted(draw(st.lists(st.integers(0, len(attempts)), max_size=3)))
    stretches = [attempts[a:b] for a, b in zip([0, *cuts], [*cuts, len(attempts)], strict=True)]
    more = draw(st.lists(st.sampled_from(_LOADS), min_size=len(stretches), max_size=len(stretches)))
    cpu = draw(st.lists(percents, min_size=len(stretches), max_size=len(stretches)))
    return _states(stretches, more, cpu)


@settings(max_examples=40)  # of some 30 records each
@given(st.lists(_runs(), min_size=1, max_size=3))
def test_what_is_told_in_pieces_is_the_whole(runs: list[list[RunRecord]]) -> None:
    together, tellers = RunSum(), [Teller() for _ in runs]
    for step in range(max(map(len, runs))):
        for number, (run, teller) in enumerate(zip(runs, tellers, strict=True)):
            if step < len(run):
                increment = teller.tell(run[step], is_last=step == len(run) - 1)
                together.add(number, pickle.loads(pickle.dumps(increment)))
    made, whole = together.record(), legs_merged([run[-1] for run in runs])
    assert made == whole
    for q in range(101) if whole.latency.moments.count else ():
        assert made is not None
        assert replace(made.latency, samples_ns=None).quantile_ns(q / 100) == replace(
            whole.latency, samples_ns=None
        ).quantile_ns(q / 100)
    assert together.counted() == (whole.counts, whole.latency.moments)


@settings(max_examples=30)
@given(_runs())
def test_tenths_may_be_told_as_seconds(run: list[RunRecord]) -> None:
    together, teller = RunSum(), Teller(S)
    for state in run:
        together.add(0, teller.tell(state))
    made, series = together.record(), run[-1].series
    assert made is not None
    assert made.series == (series.coarser() if series.interval_ns < S else series).bounded()
    assert made.latency.histogram == run[-1].latency.histogram


def test_a_piece_is_told_once_and_equal_ones_together() -> None:
    latency = make_record([S, 2 * S]).latency
    load = LoadRecord(cpu_percent=(10.0, 20.0))
    record = replace(make_record([S, 2 * S]), load=load)
    teller = Teller()
    first = teller.tell(record)
    assert first.samples_ns is None
    assert first.standing.record.latency.samples_ns is None
    assert first.standing.record.latency.moments == first.standing.moments == latency.moments
    assert not len(first.standing.record.latency.histogram.indices)
    assert [paths for paths, _ in first.histograms] == [(("latency", "histogram"),)]
    assert (first.cpu_since, first.cpu_percent, first.standing.busiest_percent) == (0, (10.0, 20.0), 20.0)
    assert first.standing.generator_lag_p99_ns is None
    second = teller.tell(replace(record, load=replace(load, cpu_percent=(10.0, 20.0, 5.0))))
    assert second.histograms == ()
    assert (second.cpu_since, second.cpu_percent, second.standing.busiest_percent) == (2, (5.0,), 20.0)


def test_latencies_are_those_of_the_series() -> None:
    recorder = Recorder(0.0, sample_limit=0)
    recorder.fold(stamps_of([Attempt(0, S, AttemptEnd.OK), Attempt(S, 3 * S, AttemptEnd.OK)]))
    told = Teller().tell(replace(make_record([]), latency=recorder.latency, series=recorder.series))
    assert told.as_series == (("latency", "histogram"),)
    assert told.histograms == ()


def test_first_bytes_that_come_with_the_answer_for_a_while() -> None:
    """Told as the series is, then by themselves, then as the series again; of one leg or of another."""
    together, states = RunSum(), []
    for number, apart in enumerate(((False, True, False), (False, False, True))):
        recorder, teller, first_byte = Recorder(0.0, sample_limit=0), Teller(), Latency(samples_ns=None)
        for second, differs in enumerate(apart):
            attempt = Attempt(second * S, second * S + S // (2 + number), AttemptEnd.OK)
            recorder.fold(stamps_of([attempt]))
            took_ns = attempt.end_ns - attempt.start_ns
            first_byte = first_byte.merge(make_latency([took_ns // 2 if differs else took_ns], keep_samples=False))
            load = LoadRecord(traffic=Traffic(first_byte=first_byte))
            state = replace(make_record([]), latency=recorder.latency, series=recorder.series, load=load)
            increment = teller.tell(state)
            assert (("load", "traffic", "first_byte", "histogram") in increment.as_series) is not differs
            together.add(number, increment)
        states.append(state)
    made, whole = together.record(), legs_merged(states)
    assert made is not None
    assert made.load == whole.load
    assert made.latency == whole.latency


def test_raw_samples_are_kept_as_long_as_they_are_few() -> None:
    few = RunSum()
    for number, samples in enumerate(([S, 2 * S], [3 * S])):
        few.add(number, Teller().tell(make_record(samples), is_last=True))
    record = few.record()
    assert record is not None
    assert record.latency.samples_ns == (S, 2 * S, 3 * S)
    many = RunSum()
    for number in range(2):
        many.add(number, Teller().tell(make_record([S] * (SAMPLE_LIMIT // 2 + 1)), is_last=True))
    record = many.record()
    assert record is not None
    assert record.latency.samples_ns is None
    assert RunSum().record() is None


@given(st.lists(histograms, max_size=8))
def test_a_sum_of_histograms(parts: list[Histogram]) -> None:
    total = HistogramSum()
    for part in parts * 20:
        total.add(part)
    assert total.histogram == Histogram.merged(parts * 20)


@given(st.lists(time_series(), min_size=1, max_size=4))
def test_a_sum_of_series(parts: list[TimeSeries]) -> None:
    total = SeriesSum()
    for part in parts:
        total.add(part)
    assert total.series == reduce(TimeSeries.merge, parts, TimeSeries()).bounded()


@given(time_series(), st.integers(0, 500), st.integers(0, 500))
def test_some_of_a_sum(series: TimeSeries, one: int, other: int) -> None:
    total = SeriesSum()
    total.add(series)
    whole = total.series
    from_ns, until_ns = (seconds * S for seconds in sorted((one, other)))
    wanted = [piece for piece in whole.slices if from_ns < (piece.position + 1) * whole.interval_ns <= until_ns]
    assert list(total.between(from_ns, until_ns).slices) == wanted


@given(time_series(), time_series())
def test_what_a_series_was_added_is_added_again(one: TimeSeries, more: TimeSeries) -> None:
    grown = one.merge(more)
    total = SeriesSum()
    total.add(one)
    total.add(added(grown, one))
    assert total.series == grown.bounded()


@given(histograms, histograms)
def test_what_a_histogram_was_added(one: Histogram, more: Histogram) -> None:
    assert Histogram.merged((one, more)).without(one) == more


def test_a_histogram_that_has_not_grown_out_of_the_other() -> None:
    def of(*values: int) -> Histogram:
        return Histogram.of(np.array(values, dtype=np.int64))

    for one, other in ((of(), of(1)), (of(1), of(2)), (of(1), of(1, 1)), (of(1, 3), of(2))):
        with pytest.raises(ConfigurationError, match="has not grown out of"):
            one.without(other)
