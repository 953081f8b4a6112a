"""What a load writes down, folded: at once or piece by piece, it comes to the same."""

import math
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.records.error_log import ErrorLog
from paceline.records.exchanges import ExchangeRecorder, Exchanges
from paceline.records.latency import Latency
from paceline.records.outcome import AttemptEnd
from paceline.records.recorder import Recorder
from tests.fakes import MS, S, make_latency

NAMES = ("GET /a", "GET /b", "GET /c")


class Exchange(NamedTuple):
    """One attempt, in ms after the one before ended; what it waited, and what it took."""

    gap: int
    noticed: int | None
    waited: int
    service: int
    end: AttemptEnd
    part: int
    first: int | None


exchanges = st.lists(
    st.builds(
        Exchange,
        st.integers(0, 30),
        st.one_of(st.none(), st.integers(0, 5)),
        st.integers(0, 20),
        st.integers(0, 500),
        st.sampled_from(AttemptEnd),
        st.integers(0, 2),
        st.one_of(st.none(), st.integers(0, 10)),
    ),
    max_size=40,
)


def log_of(attempts: list[Exchange], begin_s: float) -> tuple[Exchanges, float]:
    log, errors, now_s = Exchanges(), ErrorLog(), begin_s
    for each in attempts:
        if each.first is not None:
            log.firsts_at.append(len(log.ends_s))
        now_s += each.gap / 1_000
        written_s = now_s - each.service / 1_000
        due_s = written_s if each.noticed is None else written_s - (each.waited + each.noticed) / 1_000
        if each.first is not None:
            log.firsts_s.append(written_s + min(each.first, each.service) / 1_000)
        log.parts.append(each.part)
        log.starts_s.append(due_s)
        log.noticed_s.append(math.nan if each.noticed is None else due_s + each.noticed / 1_000)
        log.written_s.append(written_s)
        log.ends_s.append(now_s)
        if each.end is AttemptEnd.TIMEOUT:
            log.mark_timeout()
        elif each.end is AttemptEnd.ERROR:
            log.mark_exception(ValueError(), errors)
        elif each.end is not AttemptEnd.OK:
            log.marked.append(len(log.ends_s) - 1)
            log.marks.append(each.end)
    return log, now_s


def folded(pieces: list[list[Exchange]], *, open_loop: bool) -> tuple[object, ...]:
    recorder = ExchangeRecorder(Recorder(0.0, sample_limit=0), NAMES, open_loop=open_loop)
    now_s = 100.0
    for piece in pieces:
        log, now_s = log_of(piece, now_s)
        recorder.fold(log)
    return (
        recorder.arrivals(sum(map(len, pieces))),
        recorder.first_byte,
        recorder.parts,
        recorder.recorder.counts,
        recorder.recorder.latency,
    )


@given(exchanges, st.integers(0, 40), st.booleans())
def test_in_pieces_it_is_the_same(attempts: list[Exchange], cut: int, open_loop: bool) -> None:  # noqa: FBT001
    whole = folded([attempts, []], open_loop=open_loop)
    if not attempts:
        return
    assert folded([attempts[:cut], attempts[cut:]], open_loop=open_loop) == whole


@given(exchanges.filter(len))
def test_every_attempt_is_in_the_figures_it_belongs_to(attempts: list[Exchange]) -> None:
    recorder = ExchangeRecorder(Recorder(0.0, sample_limit=0), NAMES, open_loop=True)
    recorder.fold(log_of(attempts, 100.0)[0])
    found = recorder.arrivals(len(attempts))
    assert found is not None
    arrived = [each for each in attempts if each.noticed is not None]
    answered = [each for each in attempts if each.end is not AttemptEnd.ERROR]
    assert found.planned == len(attempts)
    assert found.lag.moments.count == len(arrived)
    assert found.lag.moments.total == pytest.approx(sum((each.noticed or 0) + each.waited for each in arrived) * MS)
    assert found.generator_lag.moments.total == pytest.approx(sum(each.noticed or 0 for each in arrived) * MS)
    assert found.connection_wait.moments.total == pytest.approx(sum(each.waited for each in arrived) * MS)
    assert found.service.moments.total == pytest.approx(sum(each.service for each in answered) * MS)
    firsts = [each.service if each.first is None else min(each.first, each.service) for each in answered]
    assert recorder.first_byte.moments.total == pytest.approx(sum(firsts) * MS)
    for number, part in enumerate(recorder.parts):
        mine = [each for each in attempts if each.part == number]
        assert part.name == NAMES[number]
        assert part.counts.attempts == len(mine)
        assert part.counts.errors == sum(each.end is AttemptEnd.ERROR for each in mine)
        assert part.counts.timeouts == sum(each.end is AttemptEnd.TIMEOUT for each in mine)
        assert part.counts.hits == sum(each.end is AttemptEnd.HIT for each in mine)
        assert part.counts.misses == sum(each.end is AttemptEnd.MISS for each in mine)
        assert part.latency.moments.count == part.counts.ok + part.counts.timeouts


def test_a_closed_loop_has_no_arrivals_and_one_name_makes_no_parts() -> None:
    recorder = ExchangeRecorder(Recorder(0.0), ("GET /",), open_loop=False)
    log = Exchanges()
    log.starts_s, log.ends_s = [0.0, 1.0], [0.5, 1.25]
    recorder.fold(log)
    assert recorder.arrivals(2) is None
    assert recorder.parts == ()
    assert recorder.first_byte.moments.total == 0.75 * S


def test_names_may_come_while_attempts_are_folded() -> None:
    names = ["a"]
    recorder = ExchangeRecorder(Recorder(0.0), names, open_loop=False)
    for number in range(3):
        log = Exchanges()
        log.starts_s, log.ends_s, log.parts = [number + 0.0], [number + 0.5], [number]
        if number:
            names.append("abc"[number])
        recorder.fold(log)
    assert [(part.name, part.counts.ok) for part in recorder.parts] == [("a", 1), ("b", 1), ("c", 1)]


def test_late_is_more_than_a_millisecond_behind() -> None:
    recorder = ExchangeRecorder(Recorder(0.0), ("a",), open_loop=True)
    log = Exchanges()
    log.starts_s, log.noticed_s = [0.0] * 3, [0.0] * 3
    log.written_s, log.ends_s = [0.0009, 0.001, 0.0011], [0.5] * 3
    recorder.fold(log)
    found = recorder.arrivals(3)
    assert found is not None
    assert found.late == 1


def test_folding_in_steps_pauses_between_them() -> None:
    recorder = ExchangeRecorder(Recorder(0.0), NAMES, open_loop=True)
    log, _ = log_of([Exchange(10, 1, 1, 5, AttemptEnd.OK, 0, None)] * 10, 0.0)
    steps = recorder.folding(log)
    assert sum(1 for _ in steps) >= 8
    assert list(recorder.folding(Exchanges())) == []
    assert recorder.recorder.counts.ok == 10


def test_many_values_are_merged_on_the_way() -> None:
    recorder = ExchangeRecorder(Recorder(0.0, sample_limit=0), ("a",), open_loop=False)
    for begin in range(5):
        log = Exchanges()
        log.starts_s = [begin * 10.0 + at * 1e-3 for at in range(5_000)]
        log.ends_s = [start_s + 0.001 for start_s in log.starts_s]
        recorder.fold(log)
    assert recorder.first_byte.moments.count == 25_000
    assert recorder.first_byte.quantile_ns(0.5) == pytest.approx(MS, rel=0.002)


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=60), st.integers(0, 60), st.booleans())
def test_what_was_dropped_counts_as_infinite(samples_ns: list[int], dropped: int, keep: bool) -> None:  # noqa: FBT001
    latency = make_latency(samples_ns, keep_samples=keep)
    with_dropped = Latency(latency.moments, latency.histogram, latency.samples_ns, dropped)
    total = len(samples_ns) + dropped
    for q in (0.0, 0.25, 0.5, 0.9, 0.99, 1.0):
        found = with_dropped.quantile_ns(q)
        if q * (total - 1) > len(samples_ns) - 1:
            assert found == math.inf
        else:
            rank = math.ceil(q * (total - 1) - 1e-9)
            assert found <= sorted(samples_ns)[rank] * 1.001 + 1
    assert with_dropped.merge(with_dropped).dropped == 2 * dropped


def test_nothing_but_drops_is_infinite_and_nothing_at_all_is_unknown() -> None:
    assert Latency(dropped=3).quantile_ns(0.5) == math.inf
    assert math.isnan(Latency().quantile_ns(0.5))
    with pytest.raises(ConfigurationError, match=r"\[0, 1\]"):
        Latency().quantile_ns(1.5)
