"""A callable as target."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paceline.core.errors import ConfigurationError
from paceline.targets.witness import Witness


@dataclass(frozen=True, slots=True)
class CallTarget:
    """An operation with what belongs around it.

    Attributes:
        operation: called with no arguments, once an attempt.
        setup: called once before the warm-up.
        teardown: called once after the run, whatever happened in it.
        setup_each: called before each attempt, outside its time and outside the throughput window.
        witness: adds to the record what the target itself saw.
        text: what it is, for people and in the definition of a benchmark; empty for a callable.

    Raises:
        ConfigurationError: something is not callable, needs arguments, or is asynchronous where it cannot be.
    """

    operation: Callable[[], Any]
    setup: Callable[[], Any] | None = None
    teardown: Callable[[], Any] | None = None
    setup_each: Callable[[], Any] | None = None
    witness: Witness | None = None
    text: str = ""

    def __post_init__(self) -> None:
        callable_without_arguments("operation", self.operation)
        for name in ("setup", "teardown", "setup_each"):
            function = getattr(self, name)
            if function is None:
                continue
            callable_without_arguments(name, function)
            if not self.is_async and returns_awaitable(function):
                raise ConfigurationError(
                    f"{name} is a coroutine function but operation is not: make both async, or neither"
                )

    @property
    def is_async(self) -> bool:
        """Whether the operation is awaited."""
        return returns_awaitable(self.operation)


def returns_awaitable(function: Callable[[], Any]) -> bool:
    """Whether ``function`` is a coroutine function, a partial or method of one, or an object called as one."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004  # the function itself is asked, not whether there is one
    )


def callable_without_arguments(name: str, function: object) -> None:
    """That ``function``, which the user calls ``name``, does its work when it is called with nothing.

    Raises:
        ConfigurationError: it does not.
    """
    if inspect.iscoroutine(function):
        function.close()  # it will never be awaited: no second complaint about that
        raise ConfigurationError(f"{name} is a coroutine object, which can run only once: pass the function itself")
    if not callable(function):
        raise ConfigurationError(f"{name} must be callable, not {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigurationError(
            f"{name} is a generator function: calling it runs none of its body, so there is nothing to measure"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # some builtins tell no signature; a wrong call shows in the first attempt
    try:
        signature.bind()
    except TypeError as error:
        raise ConfigurationError(
            f"{name} is called without arguments, but {getattr(function, '__name__', function)!s} needs some "
            f"({error}): wrap it, for example with functools.partial or a lambda"
        ) from error
