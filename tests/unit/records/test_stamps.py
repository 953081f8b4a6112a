from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.records.error_log import ErrorGroup, ErrorLog
from paceline.records.outcome import AttemptEnd, Outcome
from paceline.records.stamps import Stamps
from tests.strategies import Attempt, attempts_of_a_worker, stamps_of


def test_marks_name_the_latest_attempt() -> None:
    stamps, errors = Stamps(), ErrorLog()
    for outcome in (None, Outcome.hit(), None, Outcome.miss(), Outcome.error("503"), ValueError("bad")):
        stamps.starts_s.append(0.0)
        stamps.ends_s.append(1.0)
        if isinstance(outcome, Exception):
            stamps.mark_exception(outcome, errors)
        elif outcome is not None:
            stamps.mark(outcome, errors)
    assert stamps.marked == [1, 3, 4, 5]
    assert stamps.marks == [AttemptEnd.HIT, AttemptEnd.MISS, AttemptEnd.ERROR, AttemptEnd.ERROR]
    assert {(group.kind, group.count) for group in errors.groups()} == {("503", 1), ("ValueError", 1)}


def test_a_hit_is_no_error() -> None:
    stamps, errors = Stamps(), ErrorLog()
    stamps.ends_s.append(1.0)
    stamps.mark(Outcome.hit(), errors)
    assert errors.groups() == ()
    stamps.mark_exception(KeyError("k"), errors)
    assert [(group.kind, group.message) for group in errors.groups()] == [("KeyError", "'k'")]
    assert isinstance(errors.groups()[0], ErrorGroup)


def test_a_timeout_is_marked_and_is_no_error() -> None:
    stamps = stamps_of([Attempt(0, 5, AttemptEnd.OK), Attempt(5, 9, AttemptEnd.OK)])
    stamps.mark_timeout()
    assert (stamps.marked, stamps.marks) == ([1], [AttemptEnd.TIMEOUT])


def test_what_has_no_partner_does_not_count() -> None:
    stamps = Stamps()
    assert len(stamps) == 0
    stamps.starts_s += [1.0, 2.0]
    stamps.ends_s += [1.5]
    assert len(stamps) == 1
    stamps.ends_s += [2.5, 3.5]
    assert len(stamps) == 2


def test_taking_empties_the_same_lists_and_keeps_what_is_not_complete() -> None:
    stamps = stamps_of([Attempt(0, 5, AttemptEnd.OK), Attempt(5, 9, AttemptEnd.HIT)])
    stamps.starts_s.append(7.0)  # under way
    stamps.untimed_ok, stamps.excluded_s = 3, 0.5
    starts_s, ends_s, marked, marks = stamps.starts_s, stamps.ends_s, stamps.marked, stamps.marks
    taken = stamps.take()
    assert (len(taken), taken.marked, taken.marks) == (2, [1], [AttemptEnd.HIT])
    assert taken.starts_s == [0.0, 5e-9]
    assert taken.ends_s == [5e-9, 9e-9]
    assert (taken.untimed_ok, taken.excluded_s) == (3, 0.5)
    assert (stamps.starts_s, stamps.ends_s, stamps.marked, stamps.marks) == ([7.0], [], [], [])
    assert stamps.starts_s is starts_s
    assert stamps.ends_s is ends_s
    assert stamps.marked is marked
    assert stamps.marks is marks
    assert (stamps.untimed_ok, stamps.excluded_s) == (0, 0.0)
    assert stamps.take().last_value is None


def test_a_copy_goes_its_own_way() -> None:
    stamps = stamps_of([Attempt(0, 5, AttemptEnd.MISS)])
    stamps.untimed_ok, stamps.excluded_s = 2, 0.25
    copied = stamps.copy()
    stamps.starts_s.append(1.0)
    stamps.ends_s.append(2.0)
    stamps.marked.append(1)
    stamps.marks.append(AttemptEnd.ERROR)
    assert (len(copied), copied.marked, copied.marks) == (1, [0], [AttemptEnd.MISS])
    assert (copied.untimed_ok, copied.excluded_s) == (2, 0.25)
    assert len(stamps) == 2


@pytest.mark.parametrize(("most", "marked"), [(None, [1, 2]), (3, [1, 2]), (2, [1]), (1, []), (0, [])])
def test_a_copy_may_be_of_the_first_attempts_only(most: int | None, marked: list[int]) -> None:
    ends = (AttemptEnd.OK, AttemptEnd.HIT, AttemptEnd.ERROR)
    copied = stamps_of([Attempt(number, number + 1, end) for number, end in enumerate(ends)]).copy(most)
    assert len(copied) == (3 if most is None else most)
    assert copied.marked == marked
    assert copied.marks == [ends[position] for position in marked]


@given(attempts_of_a_worker(), st.data())
def test_however_often_it_is_taken_nothing_is_lost(attempts: list[Attempt], data: st.DataObject) -> None:
    whole, stamps, collected = stamps_of(attempts), Stamps(), Stamps()
    for attempt in attempts:
        one = stamps_of([attempt])
        stamps.starts_s += one.starts_s
        stamps.ends_s += one.ends_s
        if one.marks:
            stamps.marked.append(len(stamps.ends_s) - 1)
            stamps.marks += one.marks
        if data.draw(st.booleans()):
            _append(collected, stamps.take())
    _append(collected, stamps.take())
    assert (collected.starts_s, collected.ends_s) == (whole.starts_s, whole.ends_s)
    assert (collected.marked, collected.marks) == (whole.marked, whole.marks)


@given(attempts_of_a_worker(), st.data())
def test_however_often_it_is_packed_nothing_is_lost(attempts: list[Attempt], data: st.DataObject) -> None:
    whole, stamps, packed = stamps_of(attempts), Stamps(), Stamps.packed()
    starts_s, ends_s = stamps.starts_s, stamps.ends_s
    for attempt in attempts:
        one = stamps_of([attempt])
        starts_s += one.starts_s
        ends_s += one.ends_s
        if one.marks:
            stamps.marked.append(len(ends_s) - 1)
            stamps.marks += one.marks
        if data.draw(st.booleans()):
            stamps.move_to(packed)
            assert not len(stamps)
    stamps.move_to(packed)
    taken = packed.take()
    assert (list(taken.starts_s), list(taken.ends_s)) == (whole.starts_s, whole.ends_s)
    assert (taken.marked, taken.marks) == (whole.marked, whole.marks)
    assert not len(packed)


def test_packed_readings_take_eight_bytes_each() -> None:
    packed = Stamps.packed()
    stamps_of([Attempt(0, 5, AttemptEnd.OK)] * 100).move_to(packed)
    for readings in (packed.starts_s, packed.ends_s):
        assert isinstance(readings, array)
        assert len(readings) * readings.itemsize == 800


def test_packing_leaves_an_attempt_under_way_and_moves_what_surrounds_it() -> None:
    stamps, packed = Stamps(), Stamps.packed()
    stamps.starts_s += [1.0, 2.0]
    stamps.ends_s.append(1.5)
    stamps.untimed_ok, stamps.excluded_s = 3, 0.25
    stamps.move_to(packed)
    stamps.move_to(packed)
    assert (list(packed.starts_s), list(packed.ends_s)) == ([1.0], [1.5])
    assert (packed.untimed_ok, packed.excluded_s) == (3, 0.25)
    assert stamps.starts_s == [2.0]
    assert (stamps.untimed_ok, stamps.excluded_s) == (0, 0.0)


def _append(collected: Stamps, taken: Stamps) -> None:
    collected.marked += [len(collected.ends_s) + position for position in taken.marked]
    collected.marks += taken.marks
    collected.starts_s += taken.starts_s
    collected.ends_s += taken.ends_s
