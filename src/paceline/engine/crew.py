"""Threads that stay from the warm-up to the measured window: what an operation keeps per thread stays warm.

A connection in a ``threading.local`` is the usual case. With new threads for the window, each would connect
inside it, and a warm-up would warm nothing.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Crew:
    """Numbered threads, started when they first have something to do.

    They are daemons: an attempt that never returns must not keep the process alive.
    """

    def __init__(self) -> None:
        self._members: dict[int, SimpleQueue[Callable[[], None] | None]] = {}

    def put_to_work(self, number: int, work: Callable[[], None]) -> None:
        """Have the thread ``number`` call ``work``, which must not raise.

        Raises:
            RuntimeError: the system gives no more threads.
        """
        if number not in self._members:
            queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
            threading.Thread(target=_serve, args=(queue,), name=f"paceline-worker-{number}", daemon=True).start()
            self._members[number] = queue
        self._members[number].put(work)

    def forget(self, number: int) -> None:
        """Leave a thread behind in what it is doing; its number is served by a new one."""
        self._members.pop(number).put(None)

    def dismiss(self) -> None:
        """Let every thread end when it has done what it is doing."""
        for number in list(self._members):
            self.forget(number)


def _serve(queue: "SimpleQueue[Callable[[], None] | None]") -> None:
    while (work := queue.get()) is not None:
        work()
