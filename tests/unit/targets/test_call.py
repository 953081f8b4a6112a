import functools
import math
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from paceline.core.errors import ConfigurationError
from paceline.targets.call import CallTarget, returns_awaitable


def sync() -> int:
    return 5


async def asynchronous() -> int:
    return 5


def greedy(key: str) -> str:
    return key


def pair(key: str, other: str) -> str:
    return key + other


async def asynchronous_greedy(key: str) -> str:
    return key


def generator() -> Iterator[int]:
    yield 5


async def asynchronous_generator() -> AsyncIterator[int]:
    yield 5


class Service:
    def read(self) -> int:
        return 5

    async def fetch(self) -> int:
        return 5

    @staticmethod
    async def fetch_static() -> int:
        return 5


class Callable5:
    def __call__(self) -> int:
        return 5


class AsyncCallable5:
    async def __call__(self) -> int:
        return 5


@pytest.mark.parametrize(
    ("function", "awaited"),
    [
        (sync, False),
        (lambda: 5, False),
        (functools.partial(greedy, "k"), False),
        (Service().read, False),
        (Callable5(), False),
        (Service, False),
        (dict, False),
        (asynchronous, True),
        (functools.partial(asynchronous_greedy, "k"), True),
        (functools.partial(functools.partial(asynchronous_greedy), "k"), True),
        (Service().fetch, True),
        (Service.fetch_static, True),
        (AsyncCallable5(), True),
        (functools.partial(AsyncCallable5()), True),
    ],
)
def test_every_kind_of_callable_is_taken_for_what_it_is(function: Callable[[], Any], awaited: bool) -> None:  # noqa: FBT001
    assert returns_awaitable(function) is awaited
    assert CallTarget(function).is_async is awaited


@pytest.mark.parametrize("role", ["operation", "setup", "teardown", "setup_each"])
@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (5, "must be callable, not int"),
        ("sync", "must be callable, not str"),
        (greedy, "is called without arguments, but greedy needs some (missing a required argument: 'key')"),
        (functools.partial(pair, "k"), "is called without arguments, but functools.partial("),
        (lambda _: 5, "wrap it, for example with functools.partial or a lambda"),
        (generator, "is a generator function: calling it runs none of its body, so there is nothing to measure"),
        (asynchronous_generator, "is a generator function"),
        (functools.partial(generator), "is a generator function"),
    ],
)
def test_what_cannot_be_called_without_arguments_is_refused(role: str, value: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(complaint)) as caught:
        CallTarget(**({"operation": sync} | {role: value}))
    assert str(caught.value).startswith(f"{role} ")


def test_a_coroutine_object_is_refused_and_leaves_no_warning() -> None:
    coroutine: Any = asynchronous()
    with pytest.raises(ConfigurationError, match="operation is a coroutine object, which can run only once"):
        CallTarget(coroutine)
    assert coroutine.cr_frame is None  # closed: nobody complains that it was never awaited


def around(role: str, function: Callable[[], Any]) -> dict[str, Any]:
    return {role: function}


@pytest.mark.parametrize("role", ["setup", "teardown", "setup_each"])
def test_around_a_function_everything_is_a_function(role: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{role} is a coroutine function but operation is not: make both"):
        CallTarget(sync, **around(role, asynchronous))
    target = CallTarget(sync, **around(role, sync))
    assert getattr(target, role) is sync


@pytest.mark.parametrize("role", ["setup", "teardown", "setup_each"])
@pytest.mark.parametrize("function", [sync, asynchronous])
def test_around_a_coroutine_function_both_are_welcome(role: str, function: Callable[[], Any]) -> None:
    assert CallTarget(asynchronous, **around(role, function)).is_async


def test_nothing_is_called_on_the_way() -> None:
    def never() -> None:
        raise AssertionError

    target = CallTarget(never, setup=never, teardown=never, setup_each=never)
    assert target == CallTarget(never, never, never, never)
    assert CallTarget(never) == CallTarget(never, setup=None, teardown=None, setup_each=None)


@pytest.mark.parametrize("builtin", [dict, math.hypot, max, functools.partial(max, (1, 2))])
def test_a_builtin_whose_signature_is_not_told_gets_the_benefit_of_the_doubt(builtin: Callable[[], Any]) -> None:
    assert CallTarget(builtin).operation is builtin
