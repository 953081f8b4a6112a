"""What is known of a load's legs while it runs."""

from typing import Any, cast

import numpy as np

from paceline.engine.child_process import Progress
from paceline.engine.leg_seen import LegSeen, now_together
from paceline.engine.request import LegsNow, LoadNow
from paceline.records.histogram import Histogram
from paceline.records.run_record import Definition
from paceline.records.time_series import TimeSeries, TimeSlice
from paceline.workload.legs import Leg
from tests.fakes import MS, S, make_latency, make_record


def leg(number: int, per_second: float | None, **known: Any) -> LegSeen:
    now = None
    if per_second is not None:
        latency = make_latency([(number + 1) * MS] * 10, keep_samples=False)
        now = LoadNow(3.0 + number, per_second, errors=2, in_flight=5, latency=latency, cpu_percent=10.0 * (number + 1))
    return LegSeen(Leg(number, 3), cast("Any", None), 0.0, progress=Progress(0.5, 100, now), **known)


def test_they_are_told_as_one_and_the_slowest_is_named() -> None:
    now = now_together([leg(0, 100.0), leg(1, 50.0), leg(2, 70.0)])
    assert now is not None
    assert (now.per_second, now.errors, now.in_flight, now.cpu_percent, now.elapsed_s) == (220.0, 6, 15, 30.0, 5.0)
    assert now.latency.moments.count == 30
    assert now.legs == LegsNow(of=3, alive=3, slowest=2, slowest_per_second=50.0)


def test_what_a_lost_one_said_last_is_not_what_it_does_now() -> None:
    now = now_together([leg(0, 100.0), leg(1, 50.0, lost="was killed"), leg(2, 70.0)])
    assert now is not None
    assert (now.per_second, now.errors, now.in_flight) == (170.0, 6, 10)
    assert now.latency.moments.count == 20
    assert now.legs == LegsNow(of=3, alive=2, slowest=3, slowest_per_second=70.0)
    ended = now_together([leg(0, 100.0), leg(1, 50.0, is_over=True), leg(2, 70.0)])
    assert ended is not None
    assert ended.legs is not None
    assert ended.legs.alive == 2  # it has nothing more to say, and has not said how it ended


def test_of_calls_in_loops_of_their_own_the_newest_slices_tell() -> None:
    assert now_together([leg(0, None), leg(1, None)]) is None
    pieces = tuple(TimeSlice(place, ok=10 + place, histogram=Histogram.of(np.array([MS]))) for place in range(4))
    definition = Definition(iterations=None, duration_s=10.0, workers=8)
    partial = make_record(
        series=TimeSeries(S, pieces), elapsed_ns=3 * S + S // 2, errors_counted=4, definition=definition
    )
    now = now_together([leg(0, None, partial=partial), leg(1, None), leg(2, None, partial=partial)])
    assert now is not None
    assert (now.elapsed_s, now.per_second, now.errors, now.in_flight) == (3.5, 24.0, 8, 5)  # the fourth is not whole
    assert now.latency.moments.count == 2
    assert now.legs == LegsNow(of=3, alive=3, slowest=1, slowest_per_second=12.0)
