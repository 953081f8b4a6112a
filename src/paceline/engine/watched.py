"""The process of a leg, watched from outside: what it uses is not its own to find out while it makes a load."""

import threading
from collections.abc import Callable, Iterator

from paceline.core.clock import SYSTEM_CLOCK
from paceline.engine.child_process import Child, Failed, LegEnded, Message, Slice, Window
from paceline.sysmon.leg_watch import LegWatch, watch_leg


class WatchedChild(Child):
    """A child that also says what it and its machine have used, as often as it tells what it has seen."""

    _watch: LegWatch | None = None
    _hearing: threading.Thread | None = None

    def messages(self) -> Iterator[Message]:
        """What it says up to its last word; from its window on with what was used."""
        for message in super().messages():
            if isinstance(message, Window) and message.is_open:
                self._watch = watch_leg(self.pid, SYSTEM_CLOCK.now_s)
            elif self._watch is not None and isinstance(message, Window | Slice):
                yield self._watch.read()
            yield message
            if isinstance(message, LegEnded | Failed):
                return  # whatever keeps it alive is not waited for

    def hear(self, take: Callable[[Message | None], None]) -> None:
        """From now on call ``take`` with each message, from another thread, and with None after the last."""

        def hear() -> None:
            try:
                for message in self.messages():
                    take(message)
            finally:
                self._messages.close()
                take(None)

        self._hearing = threading.Thread(target=hear, name=f"paceline-leg-{self.pid}", daemon=True)
        self._hearing.start()

    def _hear_no_longer(self) -> None:
        if self._hearing is None:
            super()._hear_no_longer()
        # Else that thread closes the pipe: under its reading, the number of the descriptor may be another file's.
