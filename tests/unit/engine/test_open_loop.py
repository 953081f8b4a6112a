"""An open loop in virtual time: what is due is begun or waits, and is timed from when it was due."""

import asyncio
import functools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.engine.drive import Load
from paceline.engine.lanes_drive import LanesDrive, load_now
from paceline.engine.open_loop import OpenLoopDrive
from paceline.records.load import Arrivals
from paceline.records.outcome import AttemptEnd
from paceline.workload.arrivals import arrivals
from paceline.workload.models import ConstantRate
from tests.fakes import MS, ManualClock, S
from tests.virtual_time import FakeLanes, FakePacer, run_virtually

FREEZE = (5.0, 6.0)


def open_loop(
    clock: ManualClock,
    lanes: FakeLanes,
    offsets_s: Sequence[float],
    *,
    count: int = 1,
    duration_s: float = 1.0,
    max_in_flight: int | None = None,
    late_s: float = 0.0,
) -> OpenLoopDrive:
    """A drive that has come to its end."""
    drive = make_drive(clock, lanes, offsets_s, count, duration_s, max_in_flight, late_s)
    run_virtually(clock, drive_of(drive))
    return drive


def make_drive(
    clock: ManualClock,
    lanes: FakeLanes,
    offsets_s: Sequence[float],
    count: int = 1,
    duration_s: float = 1.0,
    max_in_flight: int | None = None,
    late_s: float = 0.0,
) -> OpenLoopDrive:
    return OpenLoopDrive(
        lanes,
        list(lanes.opened(count)),
        Load(duration_s=duration_s, workers=count),
        clock.as_clock(),
        offsets_s=iter(offsets_s),
        max_in_flight=max_in_flight,
        pacer=functools.partial(FakePacer, late_s=late_s),
    )


async def drive_of(drive: LanesDrive) -> None:
    await drive.run()


def arrivals_of(drive: OpenLoopDrive) -> Arrivals:
    found = drive.load_record().arrivals
    assert found is not None
    return found


def frozen(now_s: float) -> float:
    """A server that answers within a millisecond, and stands still for the fifth second."""
    return FREEZE[1] - now_s + 0.001 if FREEZE[0] <= now_s < FREEZE[1] else 0.001


def test_each_attempt_begins_when_it_is_due() -> None:
    clock = ManualClock(origin_s=100.0)
    lanes = FakeLanes(clock)
    drive = open_loop(clock, lanes, [0.0, 0.25, 0.5, 0.5], count=4)
    assert [due_s for _, due_s in lanes.begun] == [100.0, 100.25, 100.5, 100.5]
    assert drive.recorder.counts.ok == 4
    assert drive.recorder.latency.quantile_ns(1.0) == pytest.approx(MS, rel=1e-6)
    assert arrivals_of(drive).lag.moments.maximum == 0
    assert drive.window() == (1.0, 4)  # of the planned length, although the last answer came earlier
    assert drive.in_flight == 0


def test_lanes_take_turns_so_that_no_connection_is_left_idle() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock)
    open_loop(clock, lanes, [0.1 * at for at in range(6)], count=3)
    numbers = [number for number, _ in lanes.begun]
    assert sorted(numbers[:3]) == sorted(set(numbers))
    assert numbers[3:] == numbers[:3]


def test_a_late_arrival_is_timed_from_when_it_was_due() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: 0.3)
    drive = open_loop(clock, lanes, [0.0, 0.1, 0.2], duration_s=0.3)
    # One after the other on the only lane: 0.3, 0.6 and 0.9 s, less what they were due at.
    assert drive.snapshot().latency.moments.maximum == pytest.approx(0.7 * S)
    assert drive.recorder.latency.moments.total == pytest.approx(1.5 * S)
    found = arrivals_of(drive)
    assert found.late == 2
    assert found.lag.moments.total == pytest.approx((0.2 + 0.4) * S)
    assert found.connection_wait.moments.total == found.lag.moments.total
    assert found.generator_lag.moments.maximum == 0
    assert found.service.moments.maximum == found.service.moments.minimum == pytest.approx(0.3 * S)
    assert drive.window() == pytest.approx((0.9, 3))


def test_lag_is_what_the_generator_and_what_the_connections_take() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: 0.05)
    drive = open_loop(clock, lanes, [0.1 * at for at in range(10)], late_s=0.003)
    found = arrivals_of(drive)
    assert found.generator_lag.moments.maximum == pytest.approx(3 * MS, rel=1e-3)
    assert found.lag.moments.total == found.generator_lag.moments.total + found.connection_wait.moments.total
    assert found.connection_wait.moments.maximum == 0
    assert found.late == 9  # the first is begun with the window


def test_what_waits_longest_goes_first() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda now_s: 0.5 if now_s < 0.1 else 0.01)
    offsets_s = [0.0, 0.0, 0.1, 0.11, 0.12, 0.13]
    open_loop(clock, lanes, offsets_s, count=2)
    assert [due_s for _, due_s in lanes.begun] == offsets_s


def test_a_frozen_server_shows_as_theory_says() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, frozen)
    drive = open_loop(clock, lanes, list(arrivals(ConstantRate(1_000, 10.0))), count=50, duration_s=10.0)
    latency = drive.recorder.latency
    assert drive.recorder.counts.ok == 10_000
    # 1,000 arrivals fall into the second, evenly: a tenth of them, a hundredth of all, waited longer than 0.9 s.
    assert latency.quantile_ns(0.99) == pytest.approx(0.9 * S, rel=0.005)
    assert latency.quantile_ns(0.999) == pytest.approx(0.99 * S, rel=0.005)
    assert latency.quantile_ns(0.89) == pytest.approx(MS, rel=0.01)
    found = arrivals_of(drive)
    assert found.generator_lag.moments.maximum < MS / 1_000
    assert found.late > 900


def test_dropping_brings_the_omission_back() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, frozen)
    offsets_s = list(arrivals(ConstantRate(1_000, 10.0)))
    drive = open_loop(clock, lanes, offsets_s, count=50, duration_s=10.0, max_in_flight=50)
    counts = drive.recorder.counts
    assert 900 < counts.dropped < 1_000
    assert counts.attempts == 10_000 - counts.dropped
    assert arrivals_of(drive).planned == 10_000
    assert drive.recorder.latency.quantile_ns(0.99) == float("inf")  # what was dropped counts as never answered
    # In the second in which the server stood still, and in no other.
    series = drive.recorder.series
    per_slice = {piece.position * series.interval_ns / S: piece.dropped for piece in series.slices if piece.dropped}
    assert sum(per_slice.values()) == counts.dropped
    assert FREEZE[0] - 0.1 < min(per_slice) <= max(per_slice) <= FREEZE[1]


def test_lanes_that_can_become_more_do() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: 0.5, most=3)
    drive = open_loop(clock, lanes, [0.0, 0.1, 0.2, 0.3])
    assert lanes.most_busy == 3
    assert arrivals_of(drive).connection_wait.moments.maximum == pytest.approx(0.2 * S)


def test_failures_do_not_hold_arrivals_up() -> None:
    clock = ManualClock()
    ends = [AttemptEnd.ERROR, None, AttemptEnd.TIMEOUT, AttemptEnd.HIT, AttemptEnd.MISS]
    lanes = FakeLanes(clock, lambda _: 0.04, ends=ends, pauses=True)
    drive = open_loop(clock, lanes, [0.05 * at for at in range(10)], duration_s=0.5)
    counts = drive.recorder.counts
    assert (counts.ok, counts.errors, counts.timeouts, counts.hits, counts.misses) == (7, 2, 1, 1, 1)
    assert {group.kind for group in drive.error_groups()} == {"error", "LookupError", "timeout"}
    assert arrivals_of(drive).connection_wait.moments.maximum == 0


def test_what_never_ends_is_given_up_after_the_grace() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda now_s: 0.1 if now_s < 0.25 else float("inf"), grace_s=3.0)
    drive = open_loop(clock, lanes, [0.1 * at for at in range(10)], count=2)
    counts = drive.recorder.counts
    assert counts.timeouts == 7
    assert counts.attempts == 10
    assert 4.0 <= clock.now_s() < 4.2
    kinds = {group.message: group.count for group in drive.error_groups()}
    assert kinds == {"given up": 2, "never sent: no connection was free until 3 s after the end": 5}
    # Timed until they were given up: at least what they would have taken.
    assert drive.recorder.latency.quantile_ns(1.0) >= 3 * S


def test_parts_are_told_also_of_what_was_never_sent() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: float("inf"), part_names=("a", "b"))
    drive = open_loop(clock, lanes, [0.0, 0.1, 0.2])
    late = {part.name: part.counts.timeouts for part in drive.load_record().parts}
    assert late == {"a": 1, "b": 0, "(never sent)": 2}  # which request an arrival would have sent, nobody knows


def test_a_lane_that_got_lost_does_not_hold_the_run_up() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock)
    drive = make_drive(clock, lanes, [0.0, 0.1, 0.2])
    lanes.lanes[0]._end = lambda: None  # type: ignore[method-assign]
    lanes.lanes[0].give_up = lambda: None  # type: ignore[method-assign]
    run_virtually(clock, drive.run())
    assert clock.now_s() < 4.0
    assert drive.recorder.counts.timeouts == 2


def test_an_interrupt_keeps_what_was_measured() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock)
    drive = make_drive(clock, lanes, [0.1 * at for at in range(100)], duration_s=10.0)

    async def interrupted() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(1.05, task.cancel)
        await drive.run()

    run_virtually(clock, interrupted())
    assert isinstance(drive.stopped_by, asyncio.CancelledError)
    assert drive.recorder.counts.ok == 11
    assert arrivals_of(drive).planned == 11
    assert drive.window() == pytest.approx((1.001, 11))  # not the 10 s that were planned
    assert clock.now_s() < 1.1


def test_one_that_has_seen_nothing_is_made_of_a_stopped_warmup() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: 0.01, ends=[AttemptEnd.ERROR])
    warmup = open_loop(clock, lanes, [0.1 * at for at in range(10)], duration_s=1.5)
    fresh = warmup.unstarted()
    record = fresh.load_record()
    assert record.arrivals == Arrivals(lag=arrivals_of(fresh).lag, generator_lag=arrivals_of(fresh).generator_lag,
                                       connection_wait=arrivals_of(fresh).connection_wait,
                                       service=arrivals_of(fresh).service)  # fmt: skip
    assert record.cpu_percent == ()
    assert fresh.recorder.counts.attempts == 0
    assert fresh.error_groups() == ()
    assert warmup.recorder.counts.attempts == 10
    assert warmup.load_record().cpu_percent


def test_the_second_of_two_drives_over_the_same_lanes_counts_anew() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, part_names=("a", "b"))
    ready = lanes.opened(2)
    pacer = functools.partial(FakePacer, late_s=0.0)

    def drive(offsets_s: list[float]) -> OpenLoopDrive:
        load = Load(duration_s=1.0, workers=2)
        return OpenLoopDrive(lanes, list(ready), load, clock.as_clock(), offsets_s=iter(offsets_s), pacer=pacer)

    async def both() -> OpenLoopDrive:
        await drive([0.0, 0.1, 0.2]).run()
        second = drive([0.0, 0.5])
        await second.run()
        return second

    second = run_virtually(clock, both())
    assert second.recorder.counts.ok == 2
    assert arrivals_of(second).planned == 2
    assert sum(part.counts.ok for part in second.load_record().parts) == 2
    assert second.load_record().traffic is not None
    assert second.exchanges.first_byte.moments.count == 2
    assert second.origin_s >= 0.2


def test_whoever_watches_sees_it_as_it_goes() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: 0.25)
    seen: list[tuple[float, float, int, int]] = []

    def look(drive: object) -> None:
        assert isinstance(drive, OpenLoopDrive)
        now = load_now(drive, clock.now_s())
        assert now is not None
        seen.append((now.elapsed_s, now.per_second, now.in_flight, drive.attempts_made))

    drive = OpenLoopDrive(
        lanes,
        list(lanes.opened(4)),
        Load(duration_s=5.0, workers=4),
        clock.as_clock(),
        look,
        offsets_s=arrivals(ConstantRate(10, 5.0)),
        pacer=functools.partial(FakePacer, late_s=0.0),
    )
    run_virtually(clock, drive.run())
    assert all(0 <= in_flight <= 4 for _, _, in_flight, _ in seen)
    assert any(per_second == pytest.approx(10, abs=1.1) for _, per_second, _, _ in seen)
    made = [attempts for *_, attempts in seen]
    assert made == sorted(made)
    assert made[-1] <= 50
    assert 225 <= len(seen) <= 300  # fifty times a second


@st.composite
def schedules(draw: st.DrawFn) -> list[float]:
    gaps = draw(st.lists(st.sampled_from([0.0, 1e-6, 1e-4, 0.01, 0.1, 0.7]), max_size=80))
    offsets_s, now_s = [], 0.0
    for gap in gaps:
        now_s += gap
        offsets_s.append(now_s)
    return [offset_s for offset_s in offsets_s if offset_s < 5.0]


@given(
    schedules(),
    st.lists(st.sampled_from([0.0, 0.001, 0.2, 3.0, float("inf")]), min_size=1, max_size=10),
    st.lists(st.sampled_from([AttemptEnd.OK, AttemptEnd.ERROR, AttemptEnd.TIMEOUT, AttemptEnd.HIT, None]), max_size=80),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(1, 6)),
    st.integers(0, 8),
    st.sampled_from([0.0, 0.0005, 0.02]),
    st.booleans(),
)
def test_every_arrival_is_accounted_for(
    offsets_s: list[float],
    services_s: list[float],
    ends: list[AttemptEnd | None],
    count: int,
    max_in_flight: int | None,
    most: int,
    late_s: float,
    several: bool,  # noqa: FBT001
) -> None:
    clock = ManualClock(origin_s=10.0)
    lanes = FakeLanes(
        clock,
        lambda now_s: services_s[int(now_s * 1_000) % len(services_s)],
        ends=ends,
        pauses=True,
        part_names=("a", "b") if several else ("a",),
        most=most,
    )
    drive = open_loop(clock, lanes, offsets_s, count=count, duration_s=5.0, max_in_flight=max_in_flight, late_s=late_s)
    counts, found = drive.recorder.counts, arrivals_of(drive)
    assert found.planned == len(offsets_s)
    assert counts.attempts == len(offsets_s) - counts.dropped
    assert sum(piece.dropped for piece in drive.recorder.series.slices) == counts.dropped
    assert not counts.dropped or max_in_flight is not None
    assert lanes.most_busy <= max(count, most)
    assert max_in_flight is None or lanes.most_busy <= max_in_flight
    assert found.lag.moments.count == counts.attempts
    assert found.late <= counts.attempts
    assert found.lag.moments.total == pytest.approx(
        found.generator_lag.moments.total + found.connection_wait.moments.total, abs=2 * counts.attempts + 1
    )
    begun = [due_s for _, due_s in lanes.begun]
    assert begun == sorted(begun)
    assert found.service.moments.count == drive.recorder.latency.moments.count == counts.ok + counts.timeouts
    assert sum(group.count for group in drive.error_groups()) == counts.errors + counts.timeouts
    if several:
        parts = drive.load_record().parts
        assert sum(part.counts.attempts for part in parts) == counts.attempts
    assert clock.now_s() < 10.0 + 5.0 + 2.0 + 3.0 + 0.3  # the length, the grace, one service, a tick
    assert drive.in_flight == 0
