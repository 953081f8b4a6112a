"""Waiting for other processes in functional tests: by looking until a deadline, never for a fixed time."""

import threading
import time
from collections.abc import Callable

import pytest

DEADLINE_S = 20.0
_LOOK_S = 0.01


def wait_for(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Return when ``condition`` holds; fail the test when it does not within ``deadline_s``."""
    end_s = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end_s:
            pytest.fail(f"waited {deadline_s:g} s in vain")
        threading.Event().wait(_LOOK_S)
