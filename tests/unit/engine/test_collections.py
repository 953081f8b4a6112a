"""Garbage collections of the measured window are counted, with their pauses."""

import gc
from collections.abc import Iterator

import pytest

from paceline.engine.collections_watch import CollectionsWatch
from paceline.records.run_record import MOST_PAUSES
from tests.fakes import ManualClock
from tests.runs import Work, record_of, request


@pytest.fixture
def clock() -> Iterator[ManualClock]:
    """A clock that moves by 0.5 s within each collection; none happens unasked."""
    manual = ManualClock()

    def take_time(phase: str, _: dict[str, int]) -> None:
        if phase == "stop":
            manual.advance(0.5)

    gc.disable()
    gc.callbacks.insert(0, take_time)
    yield manual
    gc.callbacks.remove(take_time)
    gc.enable()


def test_those_of_the_window_are_counted(clock: ManualClock) -> None:
    asked = request(
        Work(on_call=lambda number: gc.collect() if number >= 2 else None),
        5,
        2,
        setup=gc.collect,
        teardown=gc.collect,
    )
    seen = record_of(asked, clock).collections
    assert (seen.count, seen.total_ns, seen.longest_ns) == (5, 2_500_000_000, 500_000_000)
    assert [each.lasted_ns for each in seen.pauses] == [500_000_000] * 5
    assert [each.offset_ns for each in seen.pauses] == [0, 500_000_000, 1_000_000_000, 1_500_000_000, 2_000_000_000]


def test_of_many_the_longest_are_kept_in_their_order() -> None:
    manual = ManualClock()
    watch = CollectionsWatch(manual.now_s)
    watch.start()
    watch.stop()
    for number in range(MOST_PAUSES + 50):
        watch._on_event("start", {})
        manual.advance(0.001 + 0.001 * (number >= 50))
        watch._on_event("stop", {})
    seen = watch.stop()
    assert (seen.count, len(seen.pauses)) == (MOST_PAUSES + 50, MOST_PAUSES)
    assert {each.lasted_ns for each in seen.pauses} == {2_000_000}
    assert [each.offset_ns for each in seen.pauses] == sorted(each.offset_ns for each in seen.pauses)


def test_none(clock: ManualClock) -> None:
    seen = record_of(request(Work(), 5), clock).collections
    assert (seen.count, seen.total_ns, seen.longest_ns) == (0, 0, 0)


def test_the_watch_leaves_nothing_behind() -> None:
    before = list(gc.callbacks)
    watch = CollectionsWatch(lambda: 0.0)
    watch.start()
    assert gc.callbacks != before
    watch.stop()
    watch.stop()  # also when it is stopped twice
    assert gc.callbacks == before


def test_a_run_that_cannot_be_made_leaves_nothing_behind() -> None:
    before = list(gc.callbacks)

    async def nobody_awaits() -> None:
        """Never runs."""

    with pytest.raises(ValueError, match="nobody awaited"):
        record_of(request(lambda: nobody_awaits(), 1))  # noqa: PLW0108
    assert gc.callbacks == before
