"""A closed loop in virtual time: users who wait for their answers."""

import asyncio
import math
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.engine.closed_loop import ClosedLoopDrive
from paceline.engine.drive import Load
from paceline.records.outcome import AttemptEnd
from paceline.workload.arrivals import users_at
from paceline.workload.models import Stages
from tests.fakes import MS, ManualClock, S
from tests.virtual_time import FakeLanes, run_virtually


def closed_loop(
    clock: ManualClock,
    lanes: FakeLanes,
    users: int = 1,
    *,
    iterations: int | None = None,
    duration_s: float | None = None,
    think_time_s: float = 0.0,
    stages: Stages | None = None,
    stop_at_s: float | None = None,
) -> ClosedLoopDrive:
    """A drive that has come to its end."""
    drive = ClosedLoopDrive(
        lanes,
        list(lanes.opened(users)),
        Load(iterations=iterations, duration_s=duration_s, workers=users),
        clock.as_clock(),
        think_time_s=think_time_s,
        users_at=None if stages is None else partial(users_at, stages),
    )

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        if stop_at_s is not None:
            asyncio.get_running_loop().call_later(stop_at_s, task.cancel)
        await drive.run()

    run_virtually(clock, run())
    assert drive.in_flight == 0 or drive.stopped_by is not None or lanes.busy == 0
    return drive


def test_users_begin_again_until_the_end() -> None:
    clock = ManualClock(origin_s=50.0)
    lanes = FakeLanes(clock, lambda _: 0.3)
    drive = closed_loop(clock, lanes, 2, duration_s=1.0)
    assert drive.recorder.counts.ok == 8  # the last two end after the deadline, and count
    assert clock.now_s() == pytest.approx(51.2)
    assert drive.recorder.latency.moments.maximum == pytest.approx(0.3 * S)
    assert drive.load_record().arrivals is None
    assert lanes.finished


def test_a_user_who_thinks_pauses_between_attempts() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: 0.25)
    drive = closed_loop(clock, lanes, 3, duration_s=2.0, think_time_s=0.25)
    assert drive.recorder.counts.ok == 12
    assert clock.now_s() < 2.2


def test_nobody_waits_for_a_user_who_would_come_back_after_the_end() -> None:
    clock = ManualClock()
    drive = closed_loop(clock, FakeLanes(clock), 3, duration_s=1.0, think_time_s=60.0)
    assert drive.recorder.counts.ok == 3
    assert clock.now_s() < 1.2


def test_stages_let_users_come_and_go() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: 0.05)
    stages = Stages([(4.0, 8), (2.0, 8), (4.0, 0)], of="users")
    busy: list[tuple[float, int]] = []
    drive = ClosedLoopDrive(
        lanes,
        list(lanes.opened(8)),
        Load(duration_s=10.0, workers=8),
        clock.as_clock(),
        lambda _: busy.append((clock.now_s(), lanes.busy)),
        users_at=None if stages is None else partial(users_at, stages),
    )
    run_virtually(clock, drive.run())
    assert max(count for _, count in busy) == lanes.most_busy == 8
    assert all(count == 8 for now_s, count in busy if 4.2 < now_s < 5.9)
    up = [count for now_s, count in busy if now_s < 4.0]
    down = [count for now_s, count in busy if 6.2 < now_s < 10.0]
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
    assert drive.recorder.counts.ok == pytest.approx(48 / 0.05, rel=0.05)  # user-seconds over seconds
    assert 10.0 <= clock.now_s() < 10.2


def test_what_never_ends_is_given_up_after_the_grace() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: math.inf, grace_s=3.0)
    drive = closed_loop(clock, lanes, 4, duration_s=1.0)
    assert (drive.recorder.counts.timeouts, drive.recorder.counts.ok) == (4, 0)
    assert 4.0 <= clock.now_s() < 4.2
    (group,) = drive.error_groups()
    assert (group.kind, group.count) == ("timeout", 4)


def test_a_lane_that_cannot_connect_pauses() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: 0.0, ends=[AttemptEnd.ERROR] * 1_000, pauses=True)
    drive = closed_loop(clock, lanes, 1, duration_s=1.0)
    assert 9 <= drive.recorder.counts.errors <= 11  # not 10,000


def test_a_failure_that_asks_for_no_pause_makes_none() -> None:
    clock = ManualClock()
    ends = [AttemptEnd.ERROR, None, AttemptEnd.TIMEOUT] * 10
    drive = closed_loop(clock, FakeLanes(clock, lambda _: 0.01, ends=ends), iterations=30)
    counts = drive.recorder.counts
    assert (counts.ok, counts.errors, counts.timeouts) == (0, 20, 10)
    assert clock.now_s() == pytest.approx(0.3)
    (raised,) = (group for group in drive.error_groups() if group.kind == "LookupError")
    assert raised.message == "no such record"


def test_an_interrupt_keeps_what_was_measured() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: 0.1)
    drive = closed_loop(clock, lanes, 2, duration_s=100.0, think_time_s=0.1, stop_at_s=1.05)
    assert isinstance(drive.stopped_by, asyncio.CancelledError)
    assert drive.recorder.counts.ok == 10
    assert clock.now_s() == pytest.approx(1.05)
    begun = len(lanes.begun)
    assert begun == 12
    assert drive.attempts_made == 10


def test_long_logs_are_folded_on_the_way() -> None:
    clock = ManualClock()
    lanes = FakeLanes(clock, lambda _: 1e-5, part_names=("a", "b"))
    drive = closed_loop(clock, lanes, iterations=20_000)
    assert drive.recorder.counts.ok == 20_000
    assert sum(part.counts.ok for part in drive.load_record().parts) == 20_000
    assert drive.exchanges.first_byte.moments.count == 20_000
    assert drive.exchanges.first_byte.moments.maximum < 0.02 * MS
    assert drive.attempts_made == 20_000


def test_cpu_is_noted_for_each_second() -> None:
    clock = ManualClock()

    def service_s(_: float) -> float:
        clock.advance(0.0, cpu_s=0.05)
        return 0.1

    drive = closed_loop(clock, FakeLanes(clock, service_s), duration_s=3.05)
    assert drive.load_record().cpu_percent[:2] == pytest.approx((50, 50), abs=6)
    assert 3 <= len(drive.load_record().cpu_percent) <= 4


@given(
    st.integers(1, 6),
    st.integers(1, 60),
    st.lists(st.sampled_from([0.0, 0.001, 0.2, 1.5]), min_size=1, max_size=8),
    st.lists(
        st.sampled_from([AttemptEnd.OK, AttemptEnd.ERROR, AttemptEnd.TIMEOUT, AttemptEnd.MISS, None]), max_size=60
    ),
    st.booleans(),
)
def test_iterations_are_exact(
    users: int,
    iterations: int,
    services_s: list[float],
    ends: list[AttemptEnd | None],
    pauses: bool,  # noqa: FBT001
) -> None:
    clock = ManualClock()
    numbers = iter(range(1_000))
    lanes = FakeLanes(clock, lambda _: services_s[next(numbers) % len(services_s)], ends=ends, pauses=pauses)
    drive = closed_loop(clock, lanes, users, iterations=iterations)
    assert drive.recorder.counts.attempts == len(lanes.begun) == iterations
    assert lanes.most_busy <= users
    assert sum(group.count for group in drive.error_groups()) == drive.recorder.counts.errors + (
        drive.recorder.counts.timeouts
    )
    assert lanes.busy == 0


@given(
    st.integers(1, 5),
    st.lists(st.sampled_from([0.001, 0.2, 1.5, math.inf]), min_size=1, max_size=8),
    st.sampled_from([0.0, 0.1, 3.0]),
)
def test_a_duration_ends_within_its_grace(users: int, services_s: list[float], think_time_s: float) -> None:
    clock = ManualClock()
    numbers = iter(range(10_000))
    lanes = FakeLanes(clock, lambda _: services_s[next(numbers) % len(services_s)], grace_s=2.0)
    drive = closed_loop(clock, lanes, users, duration_s=1.0, think_time_s=think_time_s)
    assert drive.recorder.counts.attempts == len(lanes.begun)
    assert lanes.most_busy <= users
    assert clock.now_s() < 3.3
