import struct
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paceline.records.histogram import Histogram
from paceline.records.outcome import AttemptEnd
from paceline.records.recorder import SAMPLE_LIMIT, Counts, Recorder
from paceline.records.stamps import Stamps
from paceline.records.time_series import FINEST_INTERVAL_NS, TimeSeries
from paceline.stats.summary import moments_of
from tests.fakes import MS, S
from tests.strategies import Attempt, attempts_of_a_worker, counts, stamps_of

OK, HIT, MISS, ERROR, TIMEOUT = AttemptEnd


def _recorded(attempts: list[Attempt], **options: float | None) -> Recorder:
    recorder = Recorder(0.0, **options)  # type: ignore[arg-type]  # a few options by name
    recorder.fold(stamps_of(attempts))
    return recorder


def _seen(recorder: Recorder) -> tuple[object, ...]:
    return recorder.counts, recorder.latency, recorder.series, recorder.last_start_s, recorder.last_end_s


def _durations(attempts: list[Attempt], but: AttemptEnd = ERROR) -> list[int]:
    return [attempt.end_ns - attempt.start_ns for attempt in attempts if attempt.end is not but]


@given(counts, counts)
def test_counts_add_up(one: Counts, other: Counts) -> None:
    merged = one.merge(other)
    for kind in ("ok", "errors", "timeouts", "hits", "misses", "attempts"):
        assert getattr(merged, kind) == getattr(one, kind) + getattr(other, kind)
    assert one.attempts == one.ok + one.errors + one.timeouts
    assert Counts() == Counts(ok=0, errors=0, timeouts=0, hits=0, misses=0)


@given(attempts_of_a_worker())
def test_one_fold_sees_what_was_written_down(attempts: list[Attempt]) -> None:
    recorder = _recorded(attempts)
    ends = [attempt.end for attempt in attempts]
    assert recorder.counts == Counts(
        ok=ends.count(OK) + ends.count(HIT) + ends.count(MISS),
        errors=ends.count(ERROR),
        timeouts=ends.count(TIMEOUT),
        hits=ends.count(HIT),
        misses=ends.count(MISS),
    )
    durations = np.array(_durations(attempts), dtype=np.int64)
    assert recorder.latency.samples_ns == tuple(durations)
    assert recorder.latency.moments == moments_of(durations)
    assert recorder.latency.histogram == Histogram.of(durations)
    assert recorder.last_start_s == max((attempt.start_ns / S for attempt in attempts), default=0.0)
    assert recorder.last_end_s == max((attempt.end_ns / S for attempt in attempts), default=0.0)
    assert recorder.last_end_s - recorder.last_start_s <= 3


@given(attempts_of_a_worker())
@example([Attempt(0, 1, OK), Attempt(2, S, OK), Attempt(S, 10 * S, ERROR), Attempt(10 * S, 11 * S, TIMEOUT)])
def test_each_attempt_belongs_to_the_interval_it_ended_in(attempts: list[Attempt]) -> None:
    series = _recorded(attempts).series
    for piece in series.slices:
        begin_ns = piece.position * series.interval_ns
        inside = [attempt for attempt in attempts if begin_ns <= attempt.end_ns < begin_ns + series.interval_ns]
        ends = [attempt.end for attempt in inside]
        assert (piece.errors, piece.timeouts) == (ends.count(ERROR), ends.count(TIMEOUT))
        assert piece.ok == len(ends) - piece.errors - piece.timeouts
        assert piece.histogram == Histogram.of(np.array(_durations(inside), dtype=np.int64))
    assert sum(piece.ok + piece.errors + piece.timeouts for piece in series.slices) == len(attempts)


@given(attempts_of_a_worker(), st.lists(st.integers(0, 40), max_size=6), st.integers(0, 30))
@example([Attempt(0, 5, OK), Attempt(5, 10 * S, OK), Attempt(10 * S, 11 * S, OK)], [2], 0)
def test_any_split_into_stretches_is_one_fold(attempts: list[Attempt], cuts: list[int], sample_limit: int) -> None:
    whole, split = (Recorder(0.0, sample_limit=sample_limit) for _ in range(2))
    whole.fold(stamps_of(attempts))
    for begin, beyond in zip([0, *sorted(cuts)], [*sorted(cuts), None], strict=True):
        split.fold(stamps_of(attempts[begin:beyond]))
    assert _seen(split) == _seen(whole)
    for moment_s in {attempt.end_ns / S for attempt in attempts[-1:]}:
        assert split.work_until(moment_s) == whole.work_until(moment_s) == whole.counts.ok


@given(st.lists(attempts_of_a_worker(most=12), min_size=1, max_size=4), st.data())
def test_how_workers_take_turns_does_not_matter(workers: list[list[Attempt]], data: st.DataObject) -> None:
    stretches = [[worker[:5], worker[5:]] for worker in workers]
    in_turn, mixed = (Recorder(0.0, workers=len(workers), sample_limit=0) for _ in range(2))
    for first, second in stretches:
        in_turn.fold(stamps_of(first))
        in_turn.fold(stamps_of(second))
    for stretch in data.draw(st.permutations([part for parts in stretches for part in parts])):
        mixed.fold(stamps_of(stretch))
    assert _seen(mixed) == _seen(in_turn)


@given(st.lists(attempts_of_a_worker(most=15), min_size=1, max_size=5))
def test_work_until_the_last_start_is_counting_one_by_one(workers: list[list[Attempt]]) -> None:
    # With nothing to do after the last start, each worker ends at most the attempt it is in.
    recorder = Recorder(0.0, workers=len(workers))
    for worker in workers:
        recorder.fold(stamps_of(worker[:7]))
    for worker in workers:
        recorder.fold(stamps_of(worker[7:]))
    last_start_ns = max((attempt.start_ns for worker in workers for attempt in worker), default=0)
    late = [[attempt for attempt in worker if attempt.end_ns > last_start_ns] for worker in workers]
    assert all(len(attempts) <= 1 for attempts in late)
    by_hand = sum(
        1
        if attempt.end_ns <= last_start_ns
        else (last_start_ns - attempt.start_ns) / (attempt.end_ns - attempt.start_ns)
        for worker in workers
        for attempt in worker
        if attempt.end in {OK, HIT, MISS}
    )
    assert recorder.work_until(recorder.last_start_s) == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize(
    ("workers", "at_s", "work"),
    [
        (3, 0.0, 0),
        (3, 0.5, 0.5 + 0.5 / 2 + 0.5 / 3),
        (3, 1.0, 1 + 1 / 2 + 1 / 3),
        (3, 2.5, 2 + 2.5 / 3),
        (3, 3.0, 3),
        (1, 0.5, 2 + 0.5 / 3),  # one worker is in one attempt: the others had ended
        (1, 3.0, 3),
    ],
)
def test_an_attempt_counts_by_the_share_of_its_time(workers: int, at_s: float, work: float) -> None:
    attempts = [Attempt(0, second * S, OK) for second in (1, 2, 3)]
    assert _recorded(attempts, workers=workers).work_until(at_s) == pytest.approx(work)


def test_work_that_had_not_begun_counts_nothing() -> None:
    assert _recorded([Attempt(2 * S, 3 * S, OK)]).work_until(1.0) == 0


def test_what_lasts_its_limit_is_a_timeout_whatever_it_returned() -> None:
    attempts = [
        Attempt(0, 10 * MS - 1, OK),
        Attempt(0, 10 * MS, OK),
        Attempt(0, 10 * MS + 1, HIT),
        Attempt(0, 50 * MS, MISS),
        Attempt(0, 50 * MS, ERROR),
        Attempt(0, 1, TIMEOUT),
    ]
    recorder = _recorded(attempts, timeout_s=0.01)
    assert recorder.counts == Counts(ok=1, errors=1, timeouts=4)
    assert recorder.latency.samples_ns == (10 * MS - 1, 10 * MS, 10 * MS + 1, 50 * MS, 1)
    assert recorder.work_until(0.0) == 0
    assert _recorded(attempts).counts == Counts(ok=4, errors=1, timeouts=1, hits=1, misses=1)


def test_a_batch_counts_for_its_calls_and_a_failed_one_once() -> None:
    stamps = stamps_of([Attempt(0, 5, OK), Attempt(5, 9, ERROR), Attempt(9, 12, TIMEOUT)])
    stamps.untimed_ok = 7
    recorder = Recorder(0.0, calls_per_sample=100)
    recorder.fold(stamps)
    assert recorder.counts == Counts(ok=107, errors=1, timeouts=1)
    assert recorder.latency.moments.count == 2
    assert [(piece.ok, piece.errors, piece.timeouts) for piece in recorder.series.slices] == [(100, 1, 1)]


def test_a_clock_that_steps_back_makes_no_negative_time() -> None:
    recorder = _recorded([Attempt(9, 5, OK)])
    assert recorder.latency.samples_ns == (0,)
    assert recorder.latency.histogram == Histogram.of(np.array([0]))


def test_an_end_before_the_window_belongs_to_its_first_interval() -> None:
    recorder = Recorder(100.0)
    recorder.fold(stamps_of([Attempt(0, 5, OK), Attempt(5, S, OK)], origin_s=99.5))
    assert [piece.position for piece in recorder.series.slices] == [0, 5]


def test_ends_out_of_order_are_counted_all_the_same() -> None:
    recorder = _recorded([Attempt(0, S, OK), Attempt(0, S // 2, OK), Attempt(0, 2 * S, OK)])
    assert [(piece.position, piece.ok) for piece in recorder.series.slices] == [(10, 2), (20, 1)]
    assert recorder.last_end_s == 2.0


def test_what_has_no_partner_does_not_count() -> None:
    stamps = stamps_of([Attempt(0, 5, OK), Attempt(5, 9, OK)])
    stamps.starts_s.append(1.0)
    recorder = Recorder(0.0)
    recorder.fold(stamps)
    assert (recorder.counts, recorder.last_start_s) == (Counts(ok=2), 5e-9)
    stamps = stamps_of([Attempt(0, 5, ERROR), Attempt(5, 9, ERROR)])
    stamps.starts_s.pop()
    recorder.fold(stamps)
    assert recorder.counts == Counts(ok=2, errors=1)


@given(attempts_of_a_worker(), attempts_of_a_worker())
def test_folds_in_steps_may_overlap(one: list[Attempt], other: list[Attempt]) -> None:
    overlapping, in_turn = Recorder(0.0), _recorded(one)
    in_turn.fold(stamps_of(other))
    steps = [overlapping.folding(stamps_of(one)), overlapping.folding(stamps_of(other))]
    while steps:
        steps = [fold for fold in steps if next(fold, steps) is not steps]
    for recorder in (overlapping, in_turn):
        assert recorder.counts.attempts == len(one) + len(other)
    assert (overlapping.counts, overlapping.series) == (in_turn.counts, in_turn.series)
    assert overlapping.latency.moments == in_turn.latency.moments
    assert overlapping.last_end_s == in_turn.last_end_s


def test_nothing_counts_before_the_last_step() -> None:
    recorder = Recorder(0.0)
    steps = recorder.folding(stamps_of([Attempt(0, MS, OK)]))
    next(steps)
    assert _seen(recorder) == _seen(Recorder(0.0))
    assert list(steps)
    assert recorder.counts == Counts(ok=1)


def test_nothing_to_fold_changes_nothing() -> None:
    recorder = _recorded([Attempt(5, 9, OK)])
    before = _seen(recorder)
    recorder.fold(Stamps())
    assert _seen(recorder) == before
    fresh = Recorder(3.5)
    assert (fresh.last_start_s, fresh.last_end_s, fresh.counts) == (3.5, 3.5, Counts())
    assert (fresh.series, fresh.latency.samples_ns) == (TimeSeries(), ())


@pytest.mark.parametrize(("count", "limit", "kept"), [(10, 10, True), (11, 10, False), (1, 0, False)])
def test_raw_samples_are_kept_up_to_the_limit(count: int, limit: int, kept: bool) -> None:  # noqa: FBT001
    recorder = _recorded([Attempt(0, 5, OK)] * count, sample_limit=limit)
    assert (recorder.latency.samples_ns is not None) is kept
    recorder.fold(stamps_of([Attempt(0, 5, ERROR)]))
    assert (recorder.latency.samples_ns is not None) is kept
    assert recorder.latency.moments.count == count


def test_a_hundred_thousand_samples_are_kept_unless_told_otherwise() -> None:
    assert SAMPLE_LIMIT == 100_000
    stamps = Stamps()
    stamps.starts_s, stamps.ends_s = [0.0] * 100_000, [0.001] * 100_000
    recorder = Recorder(0.0)
    recorder.fold(stamps)
    assert len(recorder.latency.samples_ns or ()) == 100_000
    recorder.fold(stamps_of([Attempt(0, 1, OK)]))
    assert recorder.latency.samples_ns is None


def test_slices_are_bounded_in_a_run_of_a_day() -> None:
    recorder = Recorder(0.0)
    for hour in range(24):
        recorder.fold(stamps_of([Attempt(0, (3_600 * hour + second) * S, OK) for second in range(0, 3_600, 30)]))
        assert len(recorder.series.slices) <= 3_600
    assert recorder.series.interval_ns == 1_000 * FINEST_INTERVAL_NS
    assert sum(piece.ok for piece in recorder.series.slices) == 24 * 120


def test_a_copy_goes_its_own_way() -> None:
    recorder = _recorded([Attempt(0, 5, OK)], workers=2)
    copied = recorder.copy()
    assert _seen(copied) == _seen(recorder)
    copied.fold(stamps_of([Attempt(5, 9, OK)]))
    recorder.fold(stamps_of([Attempt(5, 9, ERROR), Attempt(9, 11, MISS)]))
    assert copied.latency.samples_ns == (5, 4)
    assert recorder.latency.samples_ns == (5, 2)
    assert (copied.counts, recorder.counts) == (Counts(ok=2), Counts(ok=2, errors=1, misses=1))
    without = _recorded([Attempt(0, 5, OK)], sample_limit=0).copy()
    assert without.latency.samples_ns is None


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=20))
def test_durations_are_the_differences_of_the_readings_to_a_nanosecond(ends_s: list[float]) -> None:
    stamps = Stamps()
    stamps.starts_s, stamps.ends_s = [0.0] * len(ends_s), ends_s
    recorder = Recorder(0.0)
    recorder.fold(stamps)
    for duration_ns, end_s in zip(recorder.latency.samples_ns or (), ends_s, strict=True):
        exact_ns = Fraction(end_s) * S
        assert abs(exact_ns - duration_ns) <= 1 + exact_ns / 2**50


@given(attempts_of_a_worker())
def test_packed_stamps_are_folded_as_lists_are(attempts: list[Attempt]) -> None:
    packed, recorder = Stamps.packed(), Recorder(0.0)
    stamps_of(attempts).move_to(packed)
    recorder.fold(packed)
    assert _seen(recorder) == _seen(_recorded(attempts))


def test_a_reading_that_is_no_number_is_refused() -> None:
    stamps = stamps_of([Attempt(0, 5, OK)])
    stamps.ends_s[0] = "5"  # type: ignore[call-overload]
    with pytest.raises(struct.error):
        Recorder(0.0).fold(stamps)


@given(attempts_of_a_worker(), st.lists(st.integers(0, 300 * S), min_size=1, max_size=20))
def test_what_was_dropped_is_in_the_interval_in_which_that_was_decided(
    attempts: list[Attempt], dropped_ns: list[int]
) -> None:
    recorder, without = Recorder(0.0), _recorded(attempts)
    recorder.drop([moment_ns / S for moment_ns in dropped_ns])
    recorder.fold(stamps_of(attempts))
    recorder.drop([])
    series = recorder.series
    expected = Counter(moment_ns // series.interval_ns for moment_ns in dropped_ns)
    assert {piece.position: piece.dropped for piece in series.slices if piece.dropped} == expected
    assert recorder.counts == without.counts.merge(Counts(dropped=len(dropped_ns)))
    assert recorder.latency.histogram == without.latency.histogram
    assert recorder.latency.dropped == len(dropped_ns)
    assert [piece.position for piece in series.slices] == sorted({piece.position for piece in series.slices})
