"""Counts garbage collections and their pauses while a window is open."""

import gc
from collections.abc import Callable
from typing import Literal

from paceline.core.units import NS_PER_S
from paceline.records.run_record import Collections


class CollectionsWatch:
    """Listens to the collector between :meth:`start` and :meth:`stop`. Costs nothing between collections."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._begun_s = 0.0
        self._pauses_s: list[float] = []

    def start(self) -> None:
        """Listen, beginning anew."""
        self._pauses_s = []
        gc.callbacks.append(self._on_event)

    def stop(self) -> Collections:
        """Stop listening and say what was heard."""
        if self._on_event in gc.callbacks:
            gc.callbacks.remove(self._on_event)
        return Collections(
            count=len(self._pauses_s),
            total_ns=round(sum(self._pauses_s) * NS_PER_S),
            longest_ns=round(max(self._pauses_s, default=0.0) * NS_PER_S),
        )

    def _on_event(self, phase: Literal["start", "stop"], _: dict[str, int]) -> None:
        if phase == "start":
            self._begun_s = self._now_s()
        else:
            self._pauses_s.append(self._now_s() - self._begun_s)
