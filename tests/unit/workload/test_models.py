import math
import pickle
import re
from typing import Any

import pytest

from paceline.core.errors import ConfigurationError
from paceline.workload.models import (
    MOST_WORKERS,
    ClosedLoop,
    ConstantRate,
    FixedIterations,
    Poisson,
    Ramp,
    Stages,
    Workload,
    has_arrivals,
    positive_seconds,
    whole_number,
)

_SECONDS = "duration_s must be a finite number of seconds above 0 and at most 1,000,000,000"
_THINK = "think_time_s must be a finite number of seconds of at least 0 and at most 1,000,000,000"
_RATE = "per_second must be a finite number above 0 and at most 1,000,000"
_IN_FLIGHT = "max_in_flight must be a whole number of at least 1 and at most 1000000"
_SEED = "seed must be a whole number of at least 0 and at most 9223372036854775807"
_PAIRS = "stages must be 1 to 10,000 pairs such as [(10, 100), (60, 100)], each (duration_s, target)"
_ORDER = "a stage is (duration_s, target)"
_TARGET = "target of stages[0] must be"

_ALL: list[Workload] = [
    FixedIterations(5),
    ClosedLoop(2, 1.0, think_time_s=0.5),
    ConstantRate(10, 1),
    Poisson(10, 1, seed=2),
    Stages([(1, 10), (0, 5), (2, 5)], seed=1),
    Stages([(1, 10)], of="users"),
]


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
        ({"think_time_s": -0.5}, f"{_THINK}, not -0.5"),
        ({"think_time_s": math.nan}, f"{_THINK}, not nan"),
        ({"think_time_s": math.inf}, f"{_THINK}, not inf"),
        ({"think_time_s": True}, f"{_THINK}, not True"),
        ({"think_time_s": None}, f"{_THINK}, not None"),
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


@pytest.mark.parametrize("workload", _ALL, ids=repr)
def test_workloads_are_plain_values(workload: Workload) -> None:
    copy = pickle.loads(pickle.dumps(workload))
    assert copy == workload
    assert hash(copy) == hash(workload)
    assert not hasattr(workload, "__dict__")


def test_open_loops_are_told_from_closed_ones() -> None:
    assert [has_arrivals(workload) for workload in _ALL] == [False, False, True, True, True, False]


@pytest.mark.parametrize("kind", [ConstantRate, Poisson])
@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"per_second": 0}, f"{_RATE}, not 0"),
        ({"per_second": -1}, f"{_RATE}, not -1"),
        ({"per_second": 1_000_001}, f"{_RATE}, not 1000001"),
        ({"per_second": math.nan}, f"{_RATE}, not nan"),
        ({"per_second": math.inf}, f"{_RATE}, not inf"),
        ({"per_second": True}, f"{_RATE}, not True"),
        ({"per_second": "500/s"}, f"{_RATE}, not '500/s'"),
        ({"duration_s": 0}, f"{_SECONDS}, not 0"),
        ({"duration_s": math.inf}, f"{_SECONDS}, not inf"),
        ({"max_in_flight": 0}, f"{_IN_FLIGHT}, not 0"),
        ({"max_in_flight": 1_000_001}, f"{_IN_FLIGHT}, not 1000001"),
        ({"max_in_flight": 2.5}, f"{_IN_FLIGHT}, not 2.5"),
        ({"per_second": 0.05}, "per_second=0.05 makes no arrival within duration_s=10: raise one of them"),
    ],
)
def test_rates_out_of_range(kind: type[ConstantRate | Poisson], values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{re.escape(complaint)}$"):
        kind(**({"per_second": 100, "duration_s": 10} | values))


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, "x"])
def test_seeds_out_of_range(seed: Any) -> None:
    for make in (lambda: Poisson(10, 1, seed), lambda: Stages([(1, 10)], seed=seed)):
        with pytest.raises(ConfigurationError, match=f"^{re.escape(_SEED)}, not "):
            make()


def test_what_is_not_said_of_an_open_loop() -> None:
    assert ConstantRate(10, 2) == ConstantRate(per_second=10.0, duration_s=2.0, max_in_flight=None)
    assert Poisson(10, 2) == Poisson(per_second=10.0, duration_s=2.0, seed=0, max_in_flight=None)
    assert Stages([(1, 10)]) == Stages(((1.0, 10.0),), of="rate", start=0.0, seed=None, max_in_flight=None)
    assert Poisson(1_000_000, 1_000_000_000, 2**63 - 1, 1_000_000).seed == 2**63 - 1
    assert [type(value) for value in (ConstantRate(10, 2).per_second, Poisson(10, 2).duration_s)] == [float, float]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"stages": []}, f"{_PAIRS}, not []"),
        ({"stages": "10:100"}, f"{_PAIRS}, not '10:100'"),
        ({"stages": None}, f"{_PAIRS}, not None"),
        ({"stages": {10: 100}}, f"{_PAIRS}, not {{10: 100}}"),
        ({"stages": [(1, 1)] * 10_001}, f"{_PAIRS}, not [(1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1), ...]"),
        ({"stages": (10, 100)}, "stages[0] must be a pair (duration_s, target), not 10"),
        ({"stages": [(1, 1), (1, 2, 3)]}, "stages[1] must be a pair (duration_s, target), not (1, 2, 3)"),
        ({"stages": ["ab"]}, "stages[0] must be a pair (duration_s, target), not 'ab'"),
        (
            {"stages": [(1, 1), (-1, 5)]},
            f"{_THINK.replace('think_time_s', 'duration_s of stages[1]')}, not -1",
        ),
        ({"stages": [(1, -5)]}, f"{_TARGET} a finite number of at least 0 and at most 1,000,000, not -5"),
        ({"stages": [(1, math.nan)]}, f"{_TARGET} a finite number of at least 0 and at most 1,000,000, not nan"),
        ({"stages": [(1, 1_000_001)]}, f"{_TARGET} a finite number of at least 0 and at most 1,000,000, not 1000001"),
        ({"stages": [(1, "9")]}, f"{_TARGET} a finite number of at least 0 and at most 1,000,000, not '9'"),
        ({"stages": [(0, 5)]}, "stages must last more than 0 and at most 1,000,000,000 seconds in all, not 0"),
        (
            {"stages": [(1e9, 5)] * 2},
            "stages must last more than 0 and at most 1,000,000,000 seconds in all, not 2e+09",
        ),
        ({"start": -1}, "start must be a finite number of at least 0 and at most 1,000,000, not -1"),
        ({"start": None}, "start must be a finite number of at least 0 and at most 1,000,000, not None"),
        ({"of": "threads"}, "of must be 'rate' or 'users', not 'threads'"),
        ({"of": None}, "of must be 'rate' or 'users', not None"),
        ({"max_in_flight": 0}, f"{_IN_FLIGHT}, not 0"),
        (
            {"stages": [(10, 0.1)]},
            f"stages make no load: ((10.0, 0.1),) from 0 comes to 0.5 arrivals; {_ORDER}",
        ),
        (
            {"stages": [(10, 0), (0, 5)], "of": "users"},
            f"stages make no load: {((10.0, 0.0), (0.0, 5.0))} from 0 comes to 0 user-seconds; {_ORDER}",
        ),
        (
            {"stages": [(1, 10_001)], "of": "users"},
            f"{_TARGET} a whole number of users of at least 0 and at most 10,000, not 10001",
        ),
        ({"stages": [(1, 1.5)], "of": "users"}, f"{_TARGET} a whole number of users, not 1.5"),
        ({"start": 0.5, "of": "users"}, "start must be a whole number of users, not 0.5"),
        ({"of": "users", "seed": 0}, "seed is for stages of='rate': users wait for their answers; leave it out"),
        (
            {"of": "users", "max_in_flight": 5},
            "max_in_flight is for stages of='rate': users wait for their answers; leave it out",
        ),
    ],
)
def test_stages_out_of_range(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{re.escape(complaint)}$"):
        Stages(**({"stages": [(10, 100)]} | values))


def test_stages_on_the_time_line() -> None:
    stages = Stages([(0, 4), (2, 6), (0, 1), (0, 3), (0.5, 3), (0, 99)], start=50)
    assert list(stages.ramps()) == [Ramp(0, 2, 2, 4, 6), Ramp(2, 2.5, 0.5, 3, 3)]
    assert [(ramp.mean, ramp.area) for ramp in stages.ramps()] == [(5, 10), (3, 1.5)]
    assert stages.duration_s == 2.5


@pytest.mark.parametrize(
    ("stages", "most"),
    [
        (Stages([(1, 10), (1, 30), (1, 0)]), 30),
        (Stages([(1, 10)], start=40), 40),
        (Stages([(0, 10), (1, 10)], start=40), 10),
        (Stages([(1, 10), (0, 90)]), 10),
        (Stages([(1, 10), (0, 90), (1, 0)], of="users"), 90),
    ],
)
def test_the_most_is_what_lasts(stages: Stages, most: float) -> None:
    assert stages.most == most
