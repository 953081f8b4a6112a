"""Hypothesis for the whole suite: the same examples in every run, and no judgement by the clock.

``make test ARGS=--hypothesis-profile=thorough`` draws four times as many.
"""

import gc
import signal

from hypothesis import HealthCheck, settings

from tests.examples import THOROUGH, USUAL

# Who starts the suite in the background of a script has interrupts ignored, and so would every command of these tests.
signal.signal(signal.SIGINT, signal.default_int_handler)

for name, most in (("repeatable", USUAL), ("thorough", THOROUGH)):
    settings.register_profile(
        name,
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=most,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
    )
settings.load_profile("repeatable")


def pytest_collection_finish() -> None:
    """Thousands of tests are a heap that lives to the end: looking through it at each collection took minutes."""
    gc.collect()
    gc.freeze()
