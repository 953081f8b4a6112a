"""Counts garbage collections and their pauses while a window is open."""

import gc
from collections.abc import Callable
from typing import Literal

from paceline.core.units import NS_PER_S
from paceline.records.run_record import MOST_PAUSES, Collections, Pause


class CollectionsWatch:
    """Listens to the collector between :meth:`start` and :meth:`stop`. Costs nothing between collections."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._begun_s = 0.0
        self._opened_s = 0.0
        self._pauses_s: list[tuple[float, float]] = []  # how long, and when they began

    def start(self) -> None:
        """Listen, beginning anew."""
        self._pauses_s = []
        self._opened_s = self._now_s()
        gc.callbacks.append(self._on_event)

    def stop(self) -> Collections:
        """Stop listening and say what was heard."""
        if self._on_event in gc.callbacks:
            gc.callbacks.remove(self._on_event)
        longest_first = sorted(self._pauses_s, reverse=True)
        kept = sorted((begun_s - self._opened_s, lasted_s) for lasted_s, begun_s in longest_first[:MOST_PAUSES])
        return Collections(
            count=len(longest_first),
            total_ns=round(sum(lasted_s for lasted_s, _ in longest_first) * NS_PER_S),
            longest_ns=round(longest_first[0][0] * NS_PER_S) if longest_first else 0,
            pauses=tuple(Pause(round(at_s * NS_PER_S), round(lasted_s * NS_PER_S)) for at_s, lasted_s in kept),
        )

    def _on_event(self, phase: Literal["start", "stop"], _: dict[str, int]) -> None:
        if phase == "start":
            self._begun_s = self._now_s()
        else:
            self._pauses_s.append((self._now_s() - self._begun_s, self._begun_s))
