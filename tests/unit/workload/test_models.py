import math
import re
from typing import Any

import pytest

from paceline.core.errors import ConfigurationError
from paceline.workload.models import MOST_WORKERS, ClosedLoop, FixedIterations, positive_seconds, whole_number

_SECONDS = "duration_s must be a finite number of seconds above 0 and at most 1,000,000,000"


@pytest.mark.parametrize(
    "values",
    [
        {"iterations": 1},
        {"iterations": 1, "warmup_iterations": 0, "workers": 1},
        {"iterations": 10**9, "workers": MOST_WORKERS},
        {"iterations": 5, "batch": "auto"},
        {"iterations": 5, "batch": 1},
        {"iterations": 5, "batch": 2**30},
    ],
)
def test_fixed_iterations_in_range(values: dict[str, Any]) -> None:
    workload = FixedIterations(**values)
    assert {name: getattr(workload, name) for name in values} == values


def test_what_is_not_said_is_one_worker_without_warm_up() -> None:
    assert FixedIterations(7) == FixedIterations(iterations=7, warmup_iterations=0, workers=1, batch=None)
    assert ClosedLoop(3, 1.5) == ClosedLoop(users=3, duration_s=1.5, warmup_iterations=0)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"iterations": 0}, "iterations must be a whole number of at least 1, not 0"),
        ({"iterations": -5}, "iterations must be a whole number of at least 1, not -5"),
        ({"iterations": 1.5}, "iterations must be a whole number of at least 1, not 1.5"),
        ({"iterations": "9"}, "iterations must be a whole number of at least 1, not '9'"),
        ({"iterations": True}, "iterations must be a whole number of at least 1, not True"),
        ({"iterations": None}, "iterations must be a whole number of at least 1, not None"),
        ({"warmup_iterations": -1}, "warmup_iterations must be a whole number of at least 0, not -1"),
        ({"workers": 0}, "workers must be a whole number of at least 1 and at most 10000, not 0"),
        ({"workers": 10_001}, "workers must be a whole number of at least 1 and at most 10000, not 10001"),
        ({"batch": 0}, "batch must be a whole number of at least 1 and at most 1073741824, not 0"),
        (
            {"batch": 2**30 + 1},
            "batch must be a whole number of at least 1 and at most 1073741824, not 1073741825",
        ),
        ({"batch": True}, "batch must be a whole number of at least 1 and at most 1073741824, not True"),
        ({"batch": 2.0}, "batch must be a whole number of at least 1 and at most 1073741824, not 2.0"),
        ({"batch": "lots"}, "batch must be 'auto', a whole number or None, not 'lots'"),
        ({"batch": "auto", "workers": 2}, "batches are for one worker: several workers are timed call by call"),
        ({"batch": 10, "workers": 2}, "batches are for one worker"),
    ],
)
def test_fixed_iterations_out_of_range(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{re.escape(complaint)}"):
        FixedIterations(**({"iterations": 100} | values))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"users": 0}, "users must be a whole number of at least 1 and at most 10000, not 0"),
        ({"users": 10_001}, "users must be a whole number of at least 1 and at most 10000, not 10001"),
        ({"warmup_iterations": -1}, "warmup_iterations must be a whole number of at least 0, not -1"),
        ({"duration_s": 0}, f"{_SECONDS}, not 0"),
        ({"duration_s": -0.1}, f"{_SECONDS}, not -0.1"),
        ({"duration_s": 1_000_000_000.5}, f"{_SECONDS}, not 1000000000.5"),
        ({"duration_s": math.nan}, f"{_SECONDS}, not nan"),
        ({"duration_s": math.inf}, f"{_SECONDS}, not inf"),
        ({"duration_s": True}, f"{_SECONDS}, not True"),
        ({"duration_s": "10s"}, f"{_SECONDS}, not '10s'"),
    ],
)
def test_closed_loop_out_of_range(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{re.escape(complaint)}$"):
        ClosedLoop(**({"users": 2, "duration_s": 1.0} | values))


def test_values_in_range_are_returned() -> None:
    assert ClosedLoop(MOST_WORKERS, 1e-9).users == MOST_WORKERS
    assert [whole_number("n", value, at_least=-1, at_most=1) for value in (-1, 0, 1)] == [-1, 0, 1]
    assert positive_seconds("s", 1_000_000_000) == 1e9
    seconds = positive_seconds("s", 5)
    assert (seconds, type(seconds)) == (5.0, float)
