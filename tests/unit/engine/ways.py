"""The ways an operation is driven: what makes an operation go that way, and what the record says about it."""

from collections.abc import Callable
from typing import Any

from paceline.records.run_record import Execution
from tests.runs import awaited

Wrapped = Callable[[Callable[[], Any]], Callable[[], Any]]


def plain(operation: Callable[[], Any]) -> Callable[[], Any]:
    """A synchronous operation stays what it is."""
    return operation


WAYS: dict[str, tuple[Wrapped, dict[str, Any], Execution]] = {
    "caller": (plain, {}, Execution.CALLER),
    "caller, prepared each time": (plain, {"setup_each": lambda: None}, Execution.CALLER),
    "threads": (plain, {"workers": 3}, Execution.THREADS),
    "one watched thread": (plain, {"timeout_s": 1e6}, Execution.THREADS),
    "one task": (awaited, {}, Execution.TASKS),
    "tasks": (awaited, {"workers": 3}, Execution.TASKS),
    "tasks with a limit": (awaited, {"workers": 3, "timeout_s": 1e6}, Execution.TASKS),
}

ONE_WORKER: dict[str, tuple[Wrapped, dict[str, Any]]] = {
    "caller": (plain, {}),
    "watched thread": (plain, {"timeout_s": 1e6}),
    "task": (awaited, {}),
    "task with a limit": (awaited, {"timeout_s": 1e6}),
}
