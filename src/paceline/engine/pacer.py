"""Wakes the event loop at a moment, to some 50 us.

The timers of uvloop tick in milliseconds: at 10,000 arrivals a second half of them would be 0.5 ms late. On Linux a
timerfd wakes the loop through a descriptor instead, by the kernel's high-resolution timers and without their slack.
"""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from typing import Protocol

from paceline.core.units import NS_PER_S

_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK = os.O_NONBLOCK
_TFD_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_LEAST_S = 1e-9  # 0 would disarm the timer


class Pacer(Protocol):
    """Calls back at a moment, once for each time it is armed."""

    def arm(self, delay_s: float) -> None:
        """Call back in so many seconds; what was armed before is forgotten."""

    def disarm(self) -> None:
        """Forget what was armed."""

    def close(self) -> None:
        """Never call back again."""


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerfdPacer:
    """By a timerfd. Linux only.

    Raises:
        OSError: the system has none.
    """

    def __init__(self, callback: Callable[[], None]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._settime = libc.timerfd_settime
        self._fd = libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        self._spec = _Itimerspec()
        self._reference = ctypes.byref(self._spec)
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._wake)

    def arm(self, delay_s: float) -> None:
        """Setting a timer anew also takes back that it has expired, which saves reading it."""
        value = self._spec.value
        if delay_s < 1:
            value.seconds = 0
            value.nanoseconds = int(max(delay_s, _LEAST_S) * NS_PER_S)
        else:
            value.seconds = int(delay_s)
            value.nanoseconds = int((delay_s - value.seconds) * NS_PER_S)
        self._settime(self._fd, 0, self._reference, None)

    def _wake(self) -> None:
        self._callback()

    def disarm(self) -> None:
        """Forget what was armed."""
        self._spec.value.seconds = self._spec.value.nanoseconds = 0
        self._settime(self._fd, 0, self._reference, None)

    def close(self) -> None:
        """Give the descriptor back."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


class LoopPacer:
    """By the event loop's own timers: to a millisecond on uvloop, to 0.1 ms on asyncio's."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def arm(self, delay_s: float) -> None:
        """Call back in so many seconds."""
        self.close()
        self._timer = self._loop.call_later(max(delay_s, 0.0), self._callback)

    def disarm(self) -> None:
        """Forget what was armed."""
        self.close()

    def close(self) -> None:
        """Never call back again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def best_pacer(callback: Callable[[], None]) -> Pacer:
    """The finest this system has."""
    if sys.platform == "linux":
        try:
            return TimerfdPacer(callback)
        except (OSError, AttributeError):
            return LoopPacer(callback)
    return LoopPacer(callback)
