"""The fixture ``benchmark``: what pytest-benchmark's users call, and what they read from it."""

import asyncio
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError
from paceline.pytest_plugin.drop_in.calls import Call, arguments_of, check_numbers, is_async
from paceline.pytest_plugin.drop_in.options import Asked
from paceline.pytest_plugin.drop_in.rounds import MOST_PREPARED, Rounds, Taken, calibrated, counted, timer_step_s
from paceline.pytest_plugin.drop_in.stats import Stats

if TYPE_CHECKING:
    from paceline.pytest_plugin.measurer import Measurer

_NOTHING = (None, None)
_steps_s: dict[object, float] = {}  # of each timer, found once


class FixtureAlreadyUsed(ConfigurationError):  # noqa: N818  # pytest-benchmark's name
    """A test measures one thing: the second has no name of its own."""


class Measured:
    """A benchmark with its figures; ``benchmark.stats``. A figure is an attribute, an item, or one of ``stats``.

    Attributes:
        name, fullname: of the test; the latter is its node ID.
        group: that it belongs to, or None.
        param, params: id and values of its parameters, or None.
        extra_info: the user's.
        iterations: calls in a round.
        options: how it was measured.
        stats: the figures, see :class:`Stats`.
        has_error: whether the operation raised; such a benchmark is not saved.
        taken: the rounds as they were measured.
        started_at: ISO 8601, UTC.
    """

    def __init__(self, fixture: "BenchmarkFixture", asked: Asked, taken: Taken) -> None:
        self.name, self.fullname, self.group = fixture.name, fixture.fullname, fixture.group
        self.param, self.params = fixture.param, fixture.params
        self.extra_info = fixture.extra_info
        self.iterations = taken.calls
        self.options = asked
        self.stats = Stats([each / taken.calls for each in taken.durations_s], iterations=taken.calls)
        self.has_error = fixture.has_error
        self.taken = taken
        self.started_at = fixture.started_at

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401  # of each figure its own type
        try:
            return getattr(self, key)
        except AttributeError as error:
            raise KeyError(key) from error

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # likewise
        if name.startswith("_") or name == "stats":
            raise AttributeError(name)
        return getattr(self.stats, name)

    def get(self, key: str, default: object = None) -> Any:  # noqa: ANN401  # likewise
        """A figure, or ``default`` where there is none of that name."""
        return getattr(self, key, default)


class BenchmarkFixture:
    """What the fixture ``benchmark`` is. It measures once a test.

    Args:
        name, fullname: of the test.
        asked: by options and marker.
        timer: returns seconds.
        disabled: whether operations are called once and not measured.
        done: takes what was measured.
        params: id and values of the test's parameters.
        walk: where this process is one side of a duet: who measures instead.
        earlier: what a session that was cut off measured here, and when: it is not measured again.

    Attributes:
        group, extra_info: may be set by the test.
        stats: what was measured, None before.
    """

    __test__ = False

    def __init__(
        self,
        name: str,
        fullname: str,
        asked: Asked,
        timer: Callable[[], float],
        *,
        disabled: bool,
        done: Callable[[Measured], None],
        params: tuple[str | None, Mapping[str, Any] | None] = _NOTHING,
        walk: "Measurer | None" = None,
        earlier: tuple[Taken, str] | None = None,
    ) -> None:
        self.name, self.fullname = name, fullname
        self.param, self.params = params
        self.group = asked.group
        self.extra_info: dict[str, Any] = {}
        self.disabled = disabled
        self.has_error = False
        self.stats: Measured | None = None
        self.started_at = ""
        self._asked, self._timer, self._done = asked, timer, done
        # Names that some suites set; pytest-benchmark's own does.
        self._min_time = asked.min_time
        self._mode = ""
        self._walk, self._earlier = walk, earlier

    @property
    def enabled(self) -> bool:
        """Whether it measures."""
        return not self.disabled

    @property
    def was_used(self) -> bool:
        """Whether the test called it."""
        return bool(self._mode)

    def __call__(self, function_to_benchmark: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Measure ``function_to_benchmark(*args, **kwargs)`` in as many rounds as there is time for.

        Returns:
            What a further call returned. Of a coroutine function: what awaiting it returned; inside a running event
            loop an awaitable of that, for ``await benchmark(fetch, url)``.

        Raises:
            FixtureAlreadyUsed: this test measured already.
            Exception: whatever the function raises; the rest is not measured.
        """
        __tracebackhide__ = True
        self._use("benchmark(...)")
        call = Call(function_to_benchmark, lambda: (args, kwargs))
        self._forget_other(calls=None, rounds=None)
        return self._measured(call, lambda asked, step_s, taken: calibrated(asked, step_s, _now_s(), taken), again=True)

    def pedantic(
        self,
        target: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        setup: Callable[[], Any] | None = None,
        teardown: Callable[..., Any] | None = None,
        rounds: int | None = 1,
        warmup_rounds: int = 0,
        iterations: int | None = 1,
    ) -> Any:  # noqa: ANN401  # whatever the target returns
        """Measure ``target`` in so many ``rounds`` of so many calls.

        Args:
            target: function or coroutine function.
            args, kwargs: what it is called with.
            setup: called before each call, outside its time; may return ``(args, kwargs)`` for it.
            teardown: called after each round with the arguments of its calls, outside their time.
            rounds, iterations: numbers, or both None: as many as the calibration finds. With ``setup`` a number of
                iterations is 1; None works with it, too.
            warmup_rounds: made before, not measured.

        Returns:
            What the last call returned, as :meth:`__call__`.

        Raises:
            ValueError, TypeError: an argument is wrong.
            Exception: whatever one of the functions raises.
        """
        __tracebackhide__ = True
        self._use("benchmark.pedantic(...)")
        check_numbers(rounds, iterations, warmup_rounds, has_setup=setup is not None)
        call = Call(target, arguments_of(setup, args, kwargs), setup is not None, teardown)
        self._forget_other(calls=iterations, rounds=rounds)

        def plan(asked: Asked, step_s: float, taken: Taken) -> Rounds:
            if rounds is None or iterations is None:
                return calibrated(asked, step_s, _now_s(), taken, MOST_PREPARED if setup or teardown else None)
            return counted(rounds, iterations, warmup_rounds, taken)

        return self._measured(call, plan, again=iterations != 1)

    def weave(self, *_: object, **__: object) -> None:
        """Refused.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(
            "benchmark.weave is not to be had here: it replaces functions of the code under test (by aspectlib). "
            "Call benchmark(function, ...) on the function itself, or install pytest-benchmark[aspect]"
        )

    patch = weave

    def _use(self, mode: str) -> None:
        if self._mode:
            self.has_error = True
            __tracebackhide__ = True
            raise FixtureAlreadyUsed(f"Fixture can only be used once. Previously it was used in {self._mode} mode.")
        self._mode = mode

    def _measured(self, call: "Call", plan: Callable[[Asked, float, Taken], Rounds], *, again: bool) -> Any:  # noqa: ANN401
        __tracebackhide__ = True
        if not is_async(call.target):
            return self._in_this_thread(call, plan, again=again)
        work = self._awaited(call, plan, again=again)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(work)
        return work

    def _in_this_thread(self, call: "Call", plan: Callable[[Asked, float, Taken], Rounds], *, again: bool) -> Any:  # noqa: ANN401
        __tracebackhide__ = True
        if self._walk is not None:
            self._walk.perform(*call.singly())
            return call.once()
        if self.disabled or self._is_resumed():
            return call.once()
        with self._measuring(plan) as (rounds, time_of):
            calls = next(rounds, None)
            while calls is not None:
                calls = _next(rounds, call.round(calls, time_of, collect=not self._asked.disable_gc))
        return call.once() if again else call.returned

    async def _awaited(self, call: "Call", plan: Callable[[Asked, float, Taken], Rounds], *, again: bool) -> Any:  # noqa: ANN401
        __tracebackhide__ = True
        if self._walk is not None:
            await self._walk.aperform(*call.singly())
            return await call.aonce()
        if self.disabled or self._is_resumed():
            return await call.aonce()
        with self._measuring(plan) as (rounds, time_of):
            calls = next(rounds, None)
            while calls is not None:
                calls = _next(rounds, await call.around(calls, time_of, collect=not self._asked.disable_gc))
        return await call.aonce() if again else call.returned

    def _forget_other(self, *, calls: int | None, rounds: int | None) -> None:
        """Earlier figures are those of this benchmark only if they were asked for alike."""
        if self._earlier is not None:
            taken, _ = self._earlier
            asked = (calls, rounds)
            was = (None, None) if taken.is_calibrated else (taken.calls, len(taken.durations_s))
            self._earlier = self._earlier if asked == was else None

    def _is_resumed(self) -> bool:
        """Take the earlier figures for this benchmark's, if there are some."""
        if self._earlier is None:
            return False
        taken, self.started_at = self._earlier
        self.stats = Measured(self, replace(self._asked, min_time=self._min_time, group=self.group), taken)
        self._done(self.stats)
        return True

    @contextmanager
    def _measuring(
        self, plan: Callable[[Asked, float, Taken], Rounds]
    ) -> Generator[tuple[Rounds, Callable[[], float]], None, None]:
        """Around the rounds: no tracer or profiler in their time, and whatever ends them, what they took is kept."""
        timer = self._timer
        asked, taken = replace(self._asked, min_time=self._min_time, group=self.group), Taken()
        if timer not in _steps_s:
            _steps_s[timer] = timer_step_s(timer, _now_s())
        self.started_at = _started_at()
        try:
            with _unobserved():
                yield plan(asked, _steps_s[timer], taken), timer
        except BaseException:
            self.has_error = True
            raise
        finally:
            if taken.durations_s:
                self.stats = Measured(self, asked, taken)
                self._done(self.stats)


def _next(rounds: Rounds, took_s: float) -> int | None:
    try:
        return rounds.send(took_s)
    except StopIteration:
        return None


@contextmanager
def _unobserved() -> Generator[None, None, None]:
    """Without the tracer and the profiler of this thread: a coverage tool would be what is measured."""
    tracer, profiler = sys.gettrace(), sys.getprofile()
    sys.settrace(None)
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
        sys.setprofile(profiler)


def _now_s() -> Callable[[], float]:
    return SYSTEM_CLOCK.now_s


def _started_at() -> str:
    from paceline.core.clock import utc_text

    return utc_text(SYSTEM_CLOCK.utc_now())
