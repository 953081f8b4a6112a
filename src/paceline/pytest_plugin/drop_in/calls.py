"""One operation called in rounds: its arguments, its time, what it returned."""

import functools
import gc
import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any

Arguments = tuple[Sequence[Any], Mapping[str, Any]]


class Call:
    """One operation, called in rounds."""

    def __init__(
        self,
        target: Callable[..., Any],
        arguments: Callable[[], Arguments],
        each: bool = False,  # noqa: FBT001, FBT002  # whether every call has arguments of its own
        teardown: Callable[..., Any] | None = None,
    ) -> None:
        self.target, self.returned = target, None
        self._arguments, self._each, self._teardown = arguments, each, teardown

    def round(self, calls: int, timer: Callable[[], float], *, collect: bool) -> float:
        """Seconds that so many calls took."""
        __tracebackhide__ = True
        target, prepared = self.target, self._prepared(calls)
        collecting = gc.isenabled()
        if not collect:
            gc.disable()
        try:
            if self._each:
                begun = timer()
                for args, kwargs in prepared:
                    value = target(*args, **kwargs)
                ended = timer()
            elif calls == 1:
                args, kwargs = prepared[0]
                begun = timer()
                value = target(*args, **kwargs)
                ended = timer()
            else:
                args, kwargs = prepared[0]
                loop = range(calls)
                begun = timer()
                for _ in loop:
                    value = target(*args, **kwargs)
                ended = timer()
        finally:
            if collecting:
                gc.enable()
        self.returned = value
        self._tear_down(prepared)
        return ended - begun

    async def around(self, calls: int, timer: Callable[[], float], *, collect: bool) -> float:
        """The same, each call awaited."""
        __tracebackhide__ = True
        target, prepared = self.target, self._prepared(calls)
        every = prepared if self._each else repeat(prepared[0], calls)
        collecting = gc.isenabled()
        if not collect:
            gc.disable()
        try:
            begun = timer()
            for args, kwargs in every:
                value = await target(*args, **kwargs)
            ended = timer()
        finally:
            if collecting:
                gc.enable()
        self.returned = value
        self._tear_down(prepared)
        return ended - begun

    def once(self) -> Any:  # noqa: ANN401  # whatever the target returns
        """A call that is not measured."""
        __tracebackhide__ = True
        (prepared,) = self._prepared(1)
        value = self.target(*prepared[0], **prepared[1])
        self._tear_down([prepared])
        return value

    async def aonce(self) -> Any:  # noqa: ANN401  # likewise
        """The same, awaited."""
        __tracebackhide__ = True
        (prepared,) = self._prepared(1)
        value = await self.target(*prepared[0], **prepared[1])
        self._tear_down([prepared])
        return value

    def singly(self) -> tuple[Callable[[], Any], Callable[[], None] | None, None, Callable[[], None] | None]:
        """A function for one call, what is to be called before each, nothing for before all, and what after them."""
        if not self._each and self._teardown is None:
            args, kwargs = self._arguments()
            return functools.partial(self.target, *args, **kwargs), None, None, None
        made: list[Arguments] = []

        def tear_down() -> None:
            self._tear_down(made)
            made.clear()

        def before() -> None:
            tear_down()
            made.append(self._arguments())

        def call() -> Any:  # noqa: ANN401  # whatever the target returns
            args, kwargs = made[0]
            return self.target(*args, **kwargs)

        async def acall() -> Any:  # noqa: ANN401  # likewise
            args, kwargs = made[0]
            return await self.target(*args, **kwargs)

        return acall if is_async(self.target) else call, before, None, tear_down

    def _prepared(self, calls: int) -> list[Arguments]:
        return [self._arguments() for _ in range(calls if self._each else 1)]

    def _tear_down(self, prepared: list[Arguments]) -> None:
        if self._teardown is not None:
            for args, kwargs in prepared:
                self._teardown(*args, **kwargs)


def arguments_of(
    setup: Callable[[], Any] | None, args: Sequence[Any], kwargs: Mapping[str, Any] | None
) -> Callable[[], Arguments]:
    """What makes the arguments of a call: ``setup`` where it returns some, else those given.

    Raises:
        TypeError: when called: both are there.
    """
    given: Arguments = (args, kwargs or {})

    def made() -> Arguments:
        if setup is None:
            return given
        own = setup()
        if not own:
            return given
        if given[0] or given[1]:
            raise TypeError("Can't use `args` or `kwargs` if `setup` returns the arguments.")
        positional, named = own
        return positional, named

    return made


def check_numbers(rounds: object, iterations: object, warmup_rounds: object, *, has_setup: bool) -> None:
    """Refuse numbers that ``pedantic`` cannot use.

    Raises:
        ValueError: one is none, or they do not go together.
    """
    for name, value, least in (
        ("iterations", iterations, 1),
        ("rounds", rounds, 1),
        ("warmup_rounds", warmup_rounds, 0),
    ):
        if value is None and name != "warmup_rounds":
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"Must have positive int for `{name}`, not {value!r}.")
    if (rounds is None) != (iterations is None):
        raise ValueError("`rounds` and `iterations` are both numbers, or both None: then the calibration finds them.")
    if iterations is not None and iterations != 1 and has_setup:
        raise ValueError(
            "Can't use more than 1 `iterations` with a `setup` function: say rounds=None, iterations=None, and each "
            "call of a round has its setup before the round begins."
        )


def is_async(target: object) -> bool:
    """Whether its calls are awaited: a coroutine function, a partial of one, an object with ``async def __call__``."""
    if inspect.iscoroutinefunction(inspect.unwrap(target) if callable(target) else target):
        return True
    inner = getattr(target, "func", None)
    if inner is not None:
        return inspect.iscoroutinefunction(inner)
    return callable(target) and inspect.iscoroutinefunction(type(target).__call__)
