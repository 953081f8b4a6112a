"""Whatever is passed for an argument, it is accepted or refused in words; nothing is called before that is clear."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline import ConfigurationError, PerformanceThreshold, TestType
from tests.examples import thorough
from tests.runs import Work, make_framework

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.just(object()),
    st.just(TestType),
)


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 10**9


def needs_one(argument: object) -> None:
    """Cannot be called without arguments."""


def generates() -> Any:
    yield


async def generates_too() -> Any:
    yield


async def coroutine_function() -> None:
    """Does not go together with a synchronous operation."""


uncallable = anything.filter(lambda value: not callable(value)) | st.sampled_from(
    [needs_one, generates, generates_too, lambda a, *, b: (a, b)]
)
around = uncallable.filter(lambda value: value is not None) | st.just(coroutine_function)
wrong_pids = st.one_of(
    anything.filter(lambda value: not isinstance(value, list | dict | str | bytes | tuple)),
    st.text(min_size=1, max_size=3),
    st.lists(anything.filter(lambda value: not is_whole(value) or value <= 0), min_size=1, max_size=3),
)
wrong_metadata = st.one_of(
    anything.filter(lambda value: value is not None and not isinstance(value, dict)),
    st.dictionaries(st.integers(), st.integers(), min_size=1, max_size=2),
    st.dictionaries(st.text(max_size=3), st.just(object()), min_size=1, max_size=2),
)
COMMON = {
    "test_name": anything.filter(lambda value: not isinstance(value, str) or not value.strip()),
    "operation": uncallable,
    "warmup_iterations": anything.filter(lambda value: not is_whole(value) or value < 0),
    "threshold": anything.filter(lambda value: value is not None),
    "metadata": wrong_metadata,
    "setup": around,
    "teardown": around,
    "timeout_s": anything.filter(lambda value: value is not None and not is_seconds(value)),
    "target_pids": wrong_pids,
}
count = anything.filter(lambda value: not is_whole(value) or value < 1)
BENCHMARK = {
    **COMMON,
    "test_type": anything.filter(lambda value: value is not None),
    "iterations": count,
    "setup_each": around,
    "batch": anything.filter(lambda value: value is not None and (not is_whole(value) or value < 1)),
}
CONCURRENT = {
    **COMMON,
    "iterations_per_level": count,
    "concurrency_levels": st.one_of(
        anything.filter(lambda value: not isinstance(value, list | dict)), st.lists(count, max_size=3)
    ),
}


@st.composite
def one_wrong(draw: st.DrawFn, arguments: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    """At least one wrong argument, often more."""
    names = draw(st.sets(st.sampled_from(sorted(arguments)), min_size=1, max_size=3))
    return {name: draw(arguments[name]) for name in sorted(names)}


@thorough(500)
@given(wrong=one_wrong(BENCHMARK))
def test_run_benchmark(wrong: dict[str, Any]) -> None:
    work = Work()
    right = {"test_name": "my_test", "test_type": TestType.API_ENDPOINT, "operation": work, "iterations": 2}
    with pytest.raises(ConfigurationError):
        make_framework().run_benchmark(**{**right, **wrong})
    assert work.calls == 0


@thorough(500)
@given(wrong=one_wrong(CONCURRENT))
def test_run_concurrent_benchmark(wrong: dict[str, Any]) -> None:
    work = Work()
    right = {"test_name": "load", "operation": work, "concurrency_levels": [1, 2], "iterations_per_level": 2}
    with pytest.raises(ConfigurationError):
        make_framework().run_concurrent_benchmark(**{**right, **wrong})
    assert work.calls == 0


@thorough(300)
@given(
    name=st.sampled_from(["max_p95_ms", "max_mean_ms", "min_throughput_ops", "max_error_rate", "expressions"]),
    value=anything,
)
def test_thresholds_are_made_or_refused(name: str, value: Any) -> None:
    try:
        threshold = PerformanceThreshold(**{name: value})
    except ConfigurationError:
        return
    made = getattr(threshold, name)
    assert made is None or made == value or (name == "expressions" and made == ())
    threshold.limits()


@pytest.mark.parametrize(
    ("operation", "complaint"),
    [
        (needs_one, "called without arguments, but needs_one needs some"),
        (generates, "is a generator function"),
        (generates_too, "is a generator function"),
        (7, "operation must be callable, not int"),
    ],
)
def test_what_is_wrong_with_an_operation(operation: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        make_framework().run_benchmark("my_test", TestType.API_ENDPOINT, operation)


def test_a_coroutine_object_is_refused_and_closed() -> None:
    once = coroutine_function()
    with pytest.raises(ConfigurationError, match="can run only once: pass the function itself"):
        make_framework().run_benchmark("my_test", TestType.API_ENDPOINT, once)  # type: ignore[arg-type]
    assert inspect.getcoroutinestate(once) == inspect.CORO_CLOSED  # nobody is told that it was never awaited


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"batch": 2, "timeout_s": 1.0}, "batch does not go together with timeout_s"),
        ({"batch": 2, "setup_each": Work()}, "batch does not go together with setup_each"),
        ({"batch": "auto", "operation": coroutine_function}, "batch does not go together with a coroutine function"),
        ({"batch": "automatic"}, "batch must be 'auto', a whole number or None"),
        ({"setup": coroutine_function}, "setup is a coroutine function but operation is not"),
        ({"timeout_s": math.inf}, "timeout_s must be a finite number of seconds above 0"),
        ({"timeout_s": 10**400}, "timeout_s must be a finite number"),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], complaint: str) -> None:
    right = {"test_name": "my_test", "test_type": TestType.API_ENDPOINT, "operation": Work()}
    with pytest.raises(ConfigurationError, match=complaint):
        make_framework().run_benchmark(**{**right, **options})


@pytest.mark.parametrize("method", ["run_benchmark", "run_concurrent_benchmark"])
def test_a_missing_argument_is_pythons_own_error(method: str) -> None:
    measure: Callable[..., Any] = getattr(make_framework(), method)
    with pytest.raises(TypeError, match="missing"):
        measure("my_test")
