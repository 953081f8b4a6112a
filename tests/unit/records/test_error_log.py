from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.records.error_log import MOST_GROUPS, OTHER_KIND, ErrorGroup, ErrorLog


class OutOfStockError(Exception):
    pass


class HostileError(Exception):
    """Breaks whoever wants to know what it says."""

    def __str__(self) -> str:
        raise RuntimeError("no")


class EndlessError(Exception):
    def __str__(self) -> str:
        return str(self)


class NumberError(Exception):
    def __str__(self) -> str:
        text: Any = 5
        return text  # type: ignore[no-any-return]


def _raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001
        return caught


def _only(log: ErrorLog) -> ErrorGroup:
    (group,) = log.groups()
    return group


def test_equal_errors_are_one_group_with_the_first_traceback() -> None:
    log = ErrorLog()
    first = _raised(ValueError("bad"))
    log.add_exception(first)
    log.add_exception(ValueError("bad"))  # never raised: it has no traceback
    group = _only(log)
    assert (group.kind, group.message, group.count) == ("ValueError", "bad", 2)
    assert "in _raised" in group.traceback
    assert group.traceback.endswith("ValueError: bad\n")


def test_groups_are_told_apart_by_kind_and_message_and_the_most_frequent_comes_first() -> None:
    log = ErrorLog()
    for kind, message in [("a", "x"), ("b", "x"), ("a", "y"), ("b", "x"), ("a", "y"), ("a", "y")]:
        log.add(kind, message)
    assert log.groups() == (ErrorGroup("a", "y", 3), ErrorGroup("b", "x", 2), ErrorGroup("a", "x", 1))


def test_an_error_without_an_exception_has_no_traceback() -> None:
    log = ErrorLog()
    log.add("503")
    assert _only(log) == ErrorGroup(kind="503", message="", count=1, traceback="")


@pytest.mark.parametrize(
    ("error", "kind"),
    [(KeyError("k"), "KeyError"), (OutOfStockError(), f"{__name__}.OutOfStockError"), (SystemExit(1), "SystemExit")],
)
def test_foreign_exceptions_are_named_with_their_module(error: BaseException, kind: str) -> None:
    log = ErrorLog()
    log.add_exception(error)
    assert _only(log).kind == kind


@pytest.mark.parametrize(
    ("error", "broken"),
    [(HostileError(), "RuntimeError"), (EndlessError(), "RecursionError"), (NumberError(), "TypeError")],
)
def test_a_hostile_message_is_counted_and_said_not_hidden(error: Exception, broken: str) -> None:
    log = ErrorLog()
    log.add_exception(_raised(error))
    log.add_exception(error)
    group = _only(log)
    assert group.message == f"<message unavailable: its __str__ raised {broken}>"
    assert group.count == 2
    assert group.traceback


def _loop_of_the_engine(operation: Callable[[], object]) -> BaseException:
    """What ``operation`` raises through a frame that looks like one of the timing loop's own."""
    code = "def time_calls(operation):\n    return operation()\n"
    namespace: dict[str, Any] = {"__name__": "paceline.engine.made_up"}
    exec(compile(code, "made_up.py", "exec"), namespace)
    with pytest.raises((ValueError, TypeError)) as caught:
        namespace["time_calls"](operation)
    assert caught.tb.tb_next is not None
    return caught.value.with_traceback(caught.tb.tb_next)  # from the loop on


def test_a_traceback_begins_with_the_operation_not_with_the_timing_loop() -> None:
    def operation() -> None:
        raise ValueError("bad")

    log = ErrorLog(own_frames="paceline.engine.")
    log.add_exception(_loop_of_the_engine(operation))
    text = _only(log).traceback
    assert "in operation" in text
    assert "time_calls" not in text


def test_an_error_of_the_timing_loop_itself_keeps_its_traceback() -> None:
    not_callable: Any = 5
    log = ErrorLog(own_frames="paceline.engine.")
    log.add_exception(_loop_of_the_engine(not_callable))
    assert "in time_calls" in _only(log).traceback


def test_a_traceback_that_cannot_be_formatted_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[str]:
        raise MemoryError

    monkeypatch.setattr("paceline.records.error_log.traceback.format_exception", broken)
    log = ErrorLog()
    log.add_exception(ValueError("bad"))
    assert _only(log).traceback == "<traceback unavailable: formatting it raised MemoryError>"


@pytest.mark.parametrize(("kinds", "groups"), [(99, 99), (100, 100), (101, 101), (5_000, 101)])
def test_memory_is_bounded_and_nothing_is_lost(kinds: int, groups: int) -> None:
    assert MOST_GROUPS == 100
    log = ErrorLog()
    for number in range(kinds):
        log.add(f"kind {number}")
    log.add("kind 0")
    found = log.groups()
    assert len(found) == groups
    assert sum(group.count for group in found) == kinds + 1
    assert ErrorGroup("kind 0", "", 2) in found
    other = [group for group in found if group.kind == OTHER_KIND]
    rest = ErrorGroup(OTHER_KIND, "errors beyond the first 100 kinds", kinds - 100)
    assert other == ([rest] if kinds > 100 else [])


@pytest.mark.parametrize("length", [499, 500, 501, 100_000])
def test_long_messages_are_cut(length: int) -> None:
    log = ErrorLog()
    log.add("k" * length, "m" * length)
    assert _only(log) == ErrorGroup("k" * min(length, 500), "m" * min(length, 500), 1)


def test_a_long_traceback_keeps_both_ends() -> None:
    log = ErrorLog()
    log.add_exception(_raised(ValueError("x" * 20_000 + "end")))
    text = _only(log).traceback
    assert text.startswith("Traceback (most recent call last):")
    assert text.endswith("xend\n")
    assert text[4_000:4_007] == "\n[...]\n"
    assert len(text) == 8_007


@pytest.mark.parametrize(("length", "cut"), [(8_000, False), (8_001, True)])
def test_a_traceback_is_cut_only_beyond_its_limit(length: int, cut: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    monkeypatch.setattr("paceline.records.error_log.traceback.format_exception", lambda *_: ["x" * length])
    log = ErrorLog()
    log.add_exception(ValueError())
    assert ("[...]" in _only(log).traceback) is cut


def test_credentials_are_in_no_part_of_a_group() -> None:
    log = ErrorLog()
    log.add_exception(_raised(ConnectionError("cannot reach db://app:hunter2@host")))
    log.add("password=hunter2", "token=hunter2")
    assert "hunter2" not in repr(log.groups())
    assert log.groups()[0].message == "cannot reach db://***@host"


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=30))
def test_every_error_is_counted_once(kinds: list[str]) -> None:
    log = ErrorLog()
    for kind in kinds:
        log.add(kind)
    assert {group.kind: group.count for group in log.groups()} == {kind: kinds.count(kind) for kind in set(kinds)}
    assert [group.count for group in log.groups()] == sorted((kinds.count(kind) for kind in set(kinds)), reverse=True)
