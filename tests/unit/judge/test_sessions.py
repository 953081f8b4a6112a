"""Which sessions count, and as how many."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.judge.sessions import (
    GATE_DAYS,
    GATE_SESSIONS,
    days_of,
    differences,
    is_complete,
    moment_of,
    separate,
    stored_for,
    with_reference,
)
from paceline.records.baseline import BaselineSession
from paceline.records.run_record import Definition, Execution
from tests.strategies import sessions
from tests.unit.judge.stored import ELSEWHERE, HERE, at, daily, session


class TestSeparate:
    @pytest.mark.parametrize(
        ("hours", "kept"),
        [
            ([0], [0]),
            ([0, 5.99], [0]),
            ([0, 6], [0, 6]),
            ([0, 3, 6, 9, 12], [0, 6, 12]),  # from one that counts to the next, not from any to any
            ([0, 24, 25, 48], [0, 24, 48]),
            ([10, 0], [10, 0]),
        ],
    )
    def test_six_hours(self, hours: list[float], kept: list[float]) -> None:
        stored = [session(1.0, each) for each in hours]
        assert [each.session_id for each in separate(stored)] == [f"s{each:g}" for each in kept]

    def test_a_reboot_is_as_good(self) -> None:
        stored = [session(1.0, 0, booted_at=at(-9)), session(1.0, 1, booted_at=at(0.9)), session(1.0, 2)]
        assert len(separate(stored[:2])) == 2
        assert len(separate(stored)) == 2  # a boot that is not known may be the same

    def test_the_time_of_a_boot_moves_with_the_clock(self) -> None:
        stored = [session(1.0, 0, booted_at=at(-9)), session(1.0, 1, booted_at=at(-9 + 59 / 3600))]
        assert len(separate(stored)) == 1

    def test_two_machines_that_take_turns_are_one_group_each(self) -> None:
        boots = [at(-9), at(-5)] * 3
        stored = [session(1.0, hour, booted_at=boot) for hour, boot in enumerate(boots)]
        assert [each.session_id for each in separate(stored)] == ["s0", "s1"]

    def test_sessions_without_a_time_are_one(self) -> None:
        assert len(separate([session(1.0, saved_at=text) for text in ("", "never", "")])) == 1

    @given(st.lists(st.floats(0, 200), max_size=25))
    def test_those_kept_are_six_hours_apart_and_every_other_is_near_one(self, hours: list[float]) -> None:
        stored = [session(1.0, each) for each in hours]
        kept = [moment_of(each.saved_at) for each in separate(stored)]
        assert len(kept) == len(separate(separate(stored)))
        for each in stored:
            moment = moment_of(each.saved_at)
            assert moment is not None
            assert any(other is not None and abs((moment - other).total_seconds()) < 6 * 3600 for other in kept)


class TestReference:
    def test_it_grows_until_it_is_enough_for_a_verdict(self) -> None:
        marked = with_reference(daily([1.0] * 15))
        assert [each.reference for each in marked] == [True] * GATE_SESSIONS + [False] * 5

    def test_ten_sessions_of_too_few_days_are_not_enough(self) -> None:
        stored = [session(1.0, 8.0 * place) for place in range(20)]  # three a day
        reference = [each for each in with_reference(stored) if each.reference]
        assert len(reference) == 12  # the first day has two
        assert days_of(reference) == GATE_DAYS
        assert is_complete(reference)
        assert not is_complete(reference[:-1])

    def test_what_is_marked_stays(self) -> None:
        stored = daily([1.0] * 15)
        stored[7] = replace(stored[7], reference=True)
        assert with_reference(stored) == tuple(stored)

    def test_sessions_before_the_reference_are_of_another_level(self) -> None:
        stored = [replace(each, reference=place >= 5) for place, each in enumerate(daily([2.0] * 5 + [1.0] * 3))]
        found = stored_for(session(1.0, 300), stored)
        assert [each.metrics["median_time_ms"] for each in found.reference] == [1.0] * 3
        assert found.later == ()

    def test_later_sessions_are_kept_apart(self) -> None:
        found = stored_for(session(1.0, 900), daily([1.0] * 14))
        assert (len(found.reference), len(found.later)) == (10, 4)

    def test_other_machines_serve_where_there_are_none_of_this_one(self) -> None:
        foreign = [session(2.0, 0, fingerprint=""), *daily([1.0] * 3, fingerprint=ELSEWHERE)]
        found = stored_for(session(1.0, 99), foreign)
        assert not found.same_machine
        assert len(found.reference) == 3
        own = stored_for(session(1.0, 99), [*foreign, session(1.0, 98)])
        assert own.same_machine
        assert len(own.reference) == 1

    def test_other_definitions_are_left_out_and_told(self) -> None:
        now, then = Definition(iterations=200), Definition(iterations=100, workers=4)
        found = stored_for(session(1.0, 99, definition=now), daily([1.0] * 3, definition=then))
        assert found.reference == ()
        assert found.other_definition == ("iterations 100 -> 200", "workers 4 -> 1")
        mixed = [*daily([1.0] * 3, definition=then), session(1.0, 80, definition=now)]
        found = stored_for(session(1.0, 99, definition=now), mixed)
        assert (len(found.reference), found.other_definition) == (1, ())

    def test_a_clock_that_went_backwards_is_seen(self) -> None:
        stored = daily([1.0] * 4)
        assert not stored_for(session(1.0, 200), stored).went_backwards
        stored[2] = replace(stored[2], saved_at=at(1))
        found = stored_for(session(1.0, 200), stored)
        assert found.went_backwards
        assert [each.session_id for each in found.reference] == ["s0", "s24", "s72"]

    @given(st.lists(sessions, max_size=25))
    def test_machines_are_never_mixed(self, stored: list[BaselineSession]) -> None:
        if not stored:
            return
        found = stored_for(session(1.0), stored)
        assert len({each.fingerprint for each in (*found.reference, *found.later)}) <= 1
        assert all(each.fingerprint == HERE for each in found.reference) or not found.same_machine


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (None, Definition(), ()),
        (Definition(), Definition(), ()),
        (Definition(iterations=5), Definition(), ("iterations 100 -> 5",)),
        (Definition(execution=Execution.TASKS), Definition(), ("execution caller -> tasks",)),
        (Definition(target="GET /"), Definition(), ("target nothing -> GET /",)),
        (Definition(think_time_s=1.0), Definition(), ()),
        (Definition(calls_per_sample=512), Definition(calls_per_sample=2), ()),  # calibrated
        (Definition(calls_per_sample=8), Definition(), ("calls_per_sample 1 -> 8",)),
    ],
)
def test_definitions_differ_by_name(one: Definition | None, other: Definition | None, told: tuple[str, ...]) -> None:
    assert differences(one, other) == told


@pytest.mark.parametrize("text", ["", None, "yesterday", "9999-99-99"])
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert moment_of(text) is None


def test_a_time_without_zone_is_utc() -> None:
    assert moment_of("2026-01-05T09:00:00") == moment_of("2026-01-05T10:00:00+01:00") == moment_of(at(0))
