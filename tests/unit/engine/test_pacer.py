"""Pacers call back once when it is time, and leave nothing. No test measures how exactly."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from paceline.core.clock import SYSTEM_CLOCK
from paceline.engine import pacer
from paceline.engine.pacer import LoopPacer, Pacer, TimerfdPacer, best_pacer

PATIENCE_S = 20.0
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="timerfd is of Linux")
PACERS = [pytest.param(TimerfdPacer, marks=linux_only), LoopPacer]


def descriptors() -> set[str]:
    return {each.name for each in Path("/dev/fd").iterdir()}


class Woken:
    """Counts, and tells who waits. A pacer's descriptor stays ready until it is set anew, so each call disarms."""

    def __init__(self, kind: Callable[[Callable[[], None]], Pacer]) -> None:
        self.at_s: list[float] = []
        self.event = asyncio.Event()
        self.pacer = kind(self._wake)

    def _wake(self) -> None:
        self.at_s.append(SYSTEM_CLOCK.now_s())
        self.pacer.disarm()
        self.event.set()

    async def once(self) -> float:
        self.event.clear()
        async with asyncio.timeout(PATIENCE_S):
            await self.event.wait()
        return self.at_s[-1]


@pytest.mark.parametrize("kind", PACERS)
def test_it_calls_once_and_not_before_it_is_time(kind: Callable[[Callable[[], None]], Pacer]) -> None:
    async def work() -> None:
        woken = Woken(kind)
        for delay_s in (0.0, 1e-10, 5e-5, 0.02):
            armed_s = SYSTEM_CLOCK.now_s()
            woken.pacer.arm(delay_s)
            assert await woken.once() >= armed_s + delay_s - 1e-6  # kinds of loop round to their grain
        assert len(woken.at_s) == 4
        woken.pacer.close()

    asyncio.run(work())


@pytest.mark.parametrize("kind", PACERS)
def test_arming_again_forgets_what_was_armed(kind: Callable[[Callable[[], None]], Pacer]) -> None:
    async def work() -> None:
        woken, other = Woken(kind), Woken(kind)
        woken.pacer.arm(0.001)
        woken.pacer.arm(3_600.5)
        other.pacer.arm(0.01)
        await other.once()
        assert woken.at_s == []
        woken.pacer.arm(1e-4)
        await woken.once()
        assert len(woken.at_s) == 1
        woken.pacer.arm(0.001)
        woken.pacer.disarm()
        other.pacer.arm(0.01)
        await other.once()
        assert len(woken.at_s) == 1
        woken.pacer.close()
        other.pacer.close()

    asyncio.run(work())


@pytest.mark.parametrize("kind", PACERS)
def test_closing_leaves_no_descriptor_and_no_call(kind: Callable[[Callable[[], None]], Pacer]) -> None:
    async def work() -> None:
        other = Woken(kind)
        before = descriptors()
        woken = Woken(kind)
        woken.pacer.arm(0.001)
        woken.pacer.close()
        assert descriptors() == before
        other.pacer.arm(0.01)
        await other.once()
        assert woken.at_s == []
        other.pacer.close()

    asyncio.run(work())


def test_the_finest_there_is_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_: Callable[[], None]) -> Pacer:
        raise OSError

    async def kind_now() -> type[Pacer]:
        found = best_pacer(lambda: None)
        found.close()
        return type(found)

    if sys.platform == "linux":
        assert asyncio.run(kind_now()) is TimerfdPacer
    monkeypatch.setattr(pacer, "TimerfdPacer", refuses)
    assert asyncio.run(kind_now()) is LoopPacer
    monkeypatch.setattr(sys, "platform", "darwin")
    assert asyncio.run(kind_now()) is LoopPacer
