"""What is known of a load's legs while it runs."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from paceline.engine.child_process import LegNow
from paceline.engine.leg_seen import LegSeen, SeenByAll, now_together, together
from paceline.engine.request import LegsNow
from paceline.records.histogram import Histogram
from paceline.records.increments import Teller
from paceline.records.load import Arrivals, LoadRecord
from paceline.records.summing import RunSum
from paceline.records.time_series import TimeSeries, TimeSlice
from paceline.workload.legs import Leg
from paceline.workload.models import ConstantRate, FixedIterations, Workload
from tests.fakes import MS, S, make_load, make_record


def leg(number: int, per_second: float | None, **known: Any) -> LegSeen:
    now = None
    if per_second is not None:
        now = LegNow(0.5, 100, 3.0 + number, per_second, errors=2, in_flight=5, cpu_percent=10.0 * (number + 1))
    return LegSeen(Leg(number, 3), cast("Any", None), 0.0, now=now, **known)


def told(*latencies_ms: int) -> RunSum:
    """By as many legs, ten attempts of such a length in each of four seconds."""
    found = RunSum()
    for number, latency_ms in enumerate(latencies_ms):
        histogram = Histogram.of(np.array([latency_ms * MS] * 10))
        pieces = tuple(TimeSlice(place, ok=10, histogram=histogram) for place in range(4))
        found.add(number, Teller().tell(make_record(series=TimeSeries(S, pieces))))
    return found


def test_they_are_told_as_one_and_the_slowest_is_named() -> None:
    now = now_together([leg(0, 100.0), leg(1, 50.0), leg(2, 70.0)], told(1, 2, 3))
    assert now is not None
    assert (now.per_second, now.errors, now.in_flight, now.cpu_percent, now.elapsed_s) == (220.0, 6, 15, 30.0, 5.0)
    assert now.latency.moments.count == 30  # of the newest second that is whole
    assert now.legs == LegsNow(of=3, alive=3, slowest=2, slowest_per_second=50.0)


def test_what_a_lost_one_said_last_is_not_what_it_does_now() -> None:
    now = now_together([leg(0, 100.0), leg(1, 50.0, lost="was killed"), leg(2, 70.0)], told(1, 3))
    assert now is not None
    assert (now.per_second, now.errors, now.in_flight) == (170.0, 6, 10)
    assert now.legs == LegsNow(of=3, alive=2, slowest=3, slowest_per_second=70.0)
    ended = now_together([leg(0, 100.0), leg(1, 50.0, is_over=True), leg(2, 70.0)], told(1, 3))
    assert ended is not None
    assert ended.legs is not None
    assert ended.legs == LegsNow(of=3, alive=2, slowest=3, slowest_per_second=70.0)  # it has not said how it ended
    assert (ended.per_second, ended.in_flight) == (170.0, 10)


def test_before_anybody_has_said_anything() -> None:
    assert now_together([leg(0, None), leg(1, None)], RunSum()) is None


class Judged:
    """Three legs that tell of an attempt a second; each look gives the seconds that are new."""

    def __init__(self) -> None:
        self.legs = [leg(number, None) for number in range(3)]
        self._tellers = [Teller() for _ in self.legs]
        self._sum = RunSum()
        self._seen = SeenByAll(self._sum, parts=False)

    def tell(self, number: int, seconds: int) -> None:
        pieces = tuple(TimeSlice(place, ok=1, histogram=Histogram.of(np.array([MS]))) for place in range(seconds))
        record = replace(make_record(series=TimeSeries(S, pieces)), elapsed_ns=seconds * S)
        increment = self._tellers[number].tell(record)
        self._sum.add(number, increment)
        self.legs[number].standing = increment.standing

    def look(self) -> list[tuple[int, int]] | None:
        seen = self._seen.look(self.legs)
        return None if seen is None else [(piece.position, piece.ok) for piece in seen.series.slices]


def test_what_is_judged_waits_for_those_that_will_tell_more() -> None:
    judged = Judged()
    judged.tell(0, 2)
    judged.tell(1, 2)
    assert judged.look() is None
    judged.tell(2, 1)
    assert judged.look() == [(0, 3)]
    judged.tell(0, 3)
    assert judged.look() == []


@pytest.mark.parametrize("came_to", [{"is_over": True}, {"lost": "said nothing"}, {"has_ended": True, "is_over": True}])
def test_nothing_waits_for_one_that_is_lost_or_has_ended(came_to: dict[str, Any]) -> None:
    judged = Judged()
    for number in range(3):
        judged.tell(number, 1)
    assert judged.look() == [(0, 3)]
    vars(judged.legs[1]).update(came_to)
    judged.tell(0, 3)
    judged.tell(2, 4)
    assert judged.look() == [(1, 2), (2, 2)]


def test_nothing_waits_for_one_that_was_lost_before_it_told_anything() -> None:
    judged = Judged()
    judged.tell(0, 2)
    judged.tell(2, 2)
    judged.legs[1].is_over = True
    assert judged.look() == [(0, 2), (1, 2)]


def test_all_have_ended() -> None:
    judged = Judged()
    for number in range(3):
        judged.tell(number, number + 1)
        judged.legs[number].has_ended = True
    assert judged.look() == [(0, 3), (1, 2), (2, 1)]


@pytest.mark.parametrize("workload", [FixedIterations(300, workers=3), ConstantRate(100.0, 3.0)])
@pytest.mark.parametrize(("iterations", "made"), [(None, 60), (25, 25)])
def test_of_a_lost_one_is_told_what_it_made_of_its_share(workload: Workload, iterations: int | None, made: int) -> None:
    """Of a scenario, whose attempts are several an iteration, iterations are what was planned."""
    arrivals = Arrivals(planned=60) if isinstance(workload, ConstantRate) else None
    seen, lost = RunSum(), leg(0, None, lost="was killed")
    increment = Teller().tell(make_load([MS] * 60, load=LoadRecord(arrivals=arrivals, iterations=iterations)))
    seen.add(0, increment)
    lost.standing = increment.standing
    record = together([lost], seen, workload, 0.0)
    assert record is not None
    assert record.load is not None
    (run,) = record.load.legs
    assert run.delivered == made / 100
    assert run.planned == (None if arrivals is None else 100)
