"""The same threads make the warm-up and the window; one that hangs is replaced."""

import threading

from paceline.engine.crew import Crew
from tests.runs import PATIENCE_S, make_framework


def test_what_is_kept_per_thread_in_the_warm_up_is_there_in_the_window() -> None:
    kept = threading.local()
    opened: list[int] = []
    meet = threading.Barrier(4)

    def operation() -> None:
        if not hasattr(kept, "connection"):
            kept.connection = True
            opened.append(threading.get_ident())
            meet.wait(PATIENCE_S)  # each of the four threads has its share of the warm-up

    (result,) = make_framework().run_concurrent_benchmark("threads", operation, [4], 100, warmup_iterations=4)
    assert result.metrics.iterations == 100
    assert len(opened) == 4


def test_a_thread_that_was_left_behind_is_replaced() -> None:
    crew, hang, seen = Crew(), threading.Event(), threading.Event()

    def hangs() -> None:
        hang.wait(PATIENCE_S)

    crew.put_to_work(0, hangs)
    crew.forget(0)
    crew.put_to_work(0, seen.set)
    assert seen.wait(PATIENCE_S)
    hang.set()
    crew.dismiss()
