"""Asking what may never answer: in threads that can be left behind."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import TypeVar

_Key = TypeVar("_Key")
_Answer = TypeVar("_Answer")


def within(seconds: float, ask: Callable[[], _Answer]) -> _Answer:
    """What ``ask`` returns; what it raises is raised here.

    Raises:
        TimeoutError: it did neither within so many seconds.
    """
    answer = all_within(seconds, {None: ask})[None]
    if isinstance(answer, Exception):
        raise answer
    return answer


def all_within(seconds: float, asks: Mapping[_Key, Callable[[], _Answer]]) -> dict[_Key, _Answer | Exception]:
    """What each of ``asks``, all asked at once, returns or raises; a TimeoutError of those that take longer."""
    answers: dict[_Key, Future[_Answer]] = {}
    for key, ask in asks.items():
        answers[key] = Future()
        threading.Thread(target=_hear, args=(ask, answers[key]), name="paceline-ask", daemon=True).start()
    wait(answers.values(), timeout=seconds)
    told: dict[_Key, _Answer | Exception] = {}
    for key, answer in answers.items():
        try:
            told[key] = answer.result(0) if answer.done() else TimeoutError(f"no answer within {seconds:g} s")
        except Exception as error:  # noqa: BLE001  # see above
            told[key] = error
    return told


def _hear(ask: Callable[[], _Answer], answer: "Future[_Answer]") -> None:
    try:
        answer.set_result(ask())
    except Exception as error:  # noqa: BLE001  # handed to whoever waits
        answer.set_exception(error)
