"""The fixture ``perf``: the session's framework as one test sees it."""

import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypedDict, TypeVar, Unpack, cast

import pytest

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError
from paceline.framework import Measurable, Operation, PerformanceTestFramework
from paceline.judge.duet import DuetResult
from paceline.judge.result import TestResult
from paceline.judge.thresholds import PerformanceThreshold
from paceline.pytest_plugin.marker import Marked, marked
from paceline.pytest_plugin.names import name_of
from paceline.pytest_plugin.once import aonce, once
from paceline.pytest_plugin.quick import quickened
from paceline.pytest_plugin.session import PerfSession
from paceline.pytest_plugin.thresholds import threshold_from
from paceline.records.run_record import TestType
from paceline.targets.call import returns_awaitable

if TYPE_CHECKING:
    from paceline.pytest_plugin.measurer import Measurer

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Method = Callable[Concatenate[PerformanceTestFramework, _P], _R]
Limits = PerformanceThreshold | str | Sequence[str] | Mapping[str, Any]


# Parameters of the framework's methods that marker and settings fill in, and what they are called there.
_FILLED_IN = {
    "iterations": "iterations",
    "iterations_per_level": "iterations",
    "warmup_iterations": "warmup_iterations",
    "runs": "runs",
}


_NOT_KEPT = frozenset({"self", "test_type"})


class BenchmarkOptions(TypedDict, total=False):
    """What ``perf(operation)`` takes besides: arguments of ``run_benchmark``, and what it makes of ``threshold``."""

    iterations: int | None
    warmup_iterations: int | None
    threshold: Limits | None
    metadata: Mapping[str, object] | None
    setup: Operation | None
    teardown: Operation | None
    setup_each: Operation | None
    timeout_s: float | None
    batch: int | str | None
    target_pids: Sequence[int]
    runs: int | None
    epochs: int
    seed: int | None


def _through(method: _Method[_P, _R]) -> "Callable[Concatenate[Perf, _P], _R]":
    """``method`` of the session's framework, with what marker, settings and options say."""
    signature = inspect.signature(method)

    def through(self: "Perf", /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        __tracebackhide__ = True
        try:
            arguments = self.prepared(signature, args, kwargs)
            if self.walk is not None:
                return cast("_R", self.walk.measured(arguments))
            if self.is_disabled:
                return cast("_R", once(arguments))
            with self.measuring(arguments) as framework:
                return self.noted(method(framework, **arguments))  # type: ignore[call-arg]  # they have its names
        except ConfigurationError as error:
            raise _without_our_part(error) from None

    functools.update_wrapper(through, method)
    return through


def _athrough(method: _Method[_P, Awaitable[_R]]) -> "Callable[Concatenate[Perf, _P], Awaitable[_R]]":
    """The same on the running event loop."""
    signature = inspect.signature(method)

    async def through(self: "Perf", /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        __tracebackhide__ = True
        try:
            arguments = self.prepared(signature, args, kwargs)
            if self.walk is not None:
                return cast("_R", await self.walk.ameasured(arguments))
            if self.is_disabled:
                return cast("_R", await aonce(arguments))
            with self.measuring(arguments) as framework:
                return self.noted(await method(framework, **arguments))  # type: ignore[call-arg]  # they have its names
        except ConfigurationError as error:
            raise _without_our_part(error) from None

    functools.update_wrapper(through, method)
    return through


def _without_our_part(error: ConfigurationError) -> ConfigurationError:
    """What the caller wrote is wrong, and the message says what: the way to it through our modules helps nobody."""
    return error.with_traceback(None)


class Perf:
    """What the fixture ``perf`` is.

    ``perf(operation, ...)`` measures under the test's node id. The methods of :class:`PerformanceTestFramework` are
    there too, with the arguments they have there; where these leave out limits and numbers, the marker ``perf`` and
    ``[tool.paceline]`` fill them in.

    Args:
        session: of pytest.
        item: the test.

    Attributes:
        name: what ``perf(operation)`` is called in reports and baselines.
        returned: what the last call returned, where ``keep_returned`` asked for it.
    """

    __test__ = False

    def __init__(self, session: PerfSession, item: pytest.Item) -> None:
        self._session = session
        self._nodeid = item.nodeid
        self.name, self._about_name = name_of(item)
        self._marked = marked(item) or Marked()
        self.returned: Any = None

    def __call__(
        self,
        operation: Measurable | Callable[..., Any],
        *args: object,
        name: str | None = None,
        test_type: TestType | None = None,
        keep_returned: bool = False,
        **options: Unpack[BenchmarkOptions],
    ) -> TestResult:
        """Measure ``operation(*args)`` as :meth:`PerformanceTestFramework.run_benchmark` does.

        Args:
            operation: function, coroutine function or target.
            args: what it is called with.
            name: instead of the node id; no other test may have it.
            test_type: what kind of thing it is, for the report, which is silent of it where it is None.
            keep_returned: put what the last call returned into ``returned``; that costs about 0.1 us a call.
            options: those of ``run_benchmark``. ``threshold`` may be an expression such as ``'p(95)<100ms'``, a list
                of them, or a mapping of the fields of a :class:`PerformanceThreshold`, too.

        Returns:
            The result. Where a limit is broken, the test fails when it has come to its end.

        Raises:
            ConfigurationError: an argument is wrong, or nothing may be measured here; nothing was.
            MeasurementError: the run could not be made.
        """
        __tracebackhide__ = True
        if not (args or keep_returned) and _is_what_was_returned(operation):
            from paceline.pytest_plugin.written import meant_by

            meant = meant_by(sys._getframe(1))  # noqa: SLF001  # of the test, which wrote it
            raise ConfigurationError(f"operation must be callable, not {type(operation).__name__}: write {meant}")
        call = self._call(operation, args, options, keep_returned=keep_returned)
        return self.run_benchmark(self._named(name), test_type, call, **cast("Any", options))

    async def arun(
        self,
        operation: Measurable | Callable[..., Any],
        *args: object,
        name: str | None = None,
        test_type: TestType | None = None,
        keep_returned: bool = False,
        **options: Unpack[BenchmarkOptions],
    ) -> TestResult:
        """Calling the fixture, on the running event loop; a synchronous operation runs in a thread meanwhile."""
        __tracebackhide__ = True
        call = self._call(operation, args, options, keep_returned=keep_returned)
        return await self.arun_benchmark(self._named(name), test_type, call, **cast("Any", options))

    run_benchmark = _through(PerformanceTestFramework.run_benchmark)
    run_concurrent_benchmark = _through(PerformanceTestFramework.run_concurrent_benchmark)
    run_load = _through(PerformanceTestFramework.run_load)
    run_duet = _through(PerformanceTestFramework.run_duet)
    arun_benchmark = _athrough(PerformanceTestFramework.arun_benchmark)
    arun_concurrent_benchmark = _athrough(PerformanceTestFramework.arun_concurrent_benchmark)
    arun_load = _athrough(PerformanceTestFramework.arun_load)

    @property
    def walk(self) -> "Measurer | None":
        """Who measures instead, where this process is one side of a duet."""
        return self._session.walk

    @property
    def is_disabled(self) -> bool:
        """Whether operations are called once and not measured."""
        return self._session.options.disable

    def prepared(self, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a method of the framework by their names, with what marker, settings and options add."""
        bound = signature.bind(None, *args, **kwargs).arguments
        known = signature.parameters
        given = {name: value for name, value in bound.items() if name not in _NOT_KEPT and value is not None}
        if "test_type" in known:
            given["test_type"] = bound["test_type"]  # which may be None
        if "threshold" in known:
            given["threshold"] = self._limits(given.get("threshold"))
        for name, key in _FILLED_IN.items():
            if name in known and (value := self._said(key)) is not None:
                given.setdefault(name, value)
        if self._marked.group is not None:
            given["metadata"] = {"group": self._marked.group, **given.get("metadata", {})}
        return quickened(given, known) if self._session.options.quick else given

    @contextmanager
    def measuring(self, arguments: Mapping[str, Any]) -> Iterator[PerformanceTestFramework]:
        """The framework, for a run with these ``arguments``: is it allowed, and how long does it take?

        Raises:
            ConfigurationError: it is not.
        """
        session, name = self._session, arguments.get("test_name")
        framework = session.framework
        if session.is_over_budget:
            session.skipped.append(self._nodeid)
            pytest.skip(
                f"the {session.settings.budget_s:g} s set aside for measuring are used up: --perf-resume goes on"
            )
        if isinstance(name, str):  # what is none is refused by the framework
            session.claim(name, self._nodeid)
        began_s = SYSTEM_CLOCK.now_s()
        session.noted = self._about_name if name == self.name else ()
        try:
            yield framework
        finally:
            session.noted = ()
            session.measuring_s += SYSTEM_CLOCK.now_s() - began_s

    def noted(self, measured: _R) -> _R:
        """Keep for the end of the test what was ``measured``."""
        for each in measured if isinstance(measured, list) else (measured,):
            if isinstance(each, TestResult):
                self._session.record(self._nodeid, each)
            elif isinstance(each, DuetResult):
                self._session.record_duet(self._nodeid, each.record.name)
        return measured

    def _said(self, key: str) -> int | None:
        """What the marker says, else what ``[tool.paceline]`` does."""
        marked: int | None = getattr(self._marked, key)
        general: int | None = getattr(self._session.settings, key)
        return general if marked is None else marked

    def _named(self, name: str | None) -> str:
        return self.name if name is None else name

    def _limits(self, given: object) -> PerformanceThreshold | None:
        if given is not None:
            return threshold_from(given)
        own = self._marked.read_threshold()
        return self._session.settings.threshold_of(self._nodeid) if own is None else own

    def _call(
        self,
        operation: Any,  # noqa: ANN401  # any callable
        args: Sequence[object],
        options: BenchmarkOptions,
        *,
        keep_returned: bool,
    ) -> Any:  # noqa: ANN401  # likewise
        __tracebackhide__ = True
        if args:
            if not callable(operation):
                raise ConfigurationError(f"{type(operation).__name__} takes no arguments: only functions do")
            operation = functools.partial(operation, *args)
        if not keep_returned:
            return operation
        if not callable(operation):
            raise ConfigurationError(f"keep_returned is for functions: {type(operation).__name__} returns nothing")
        if (options.get("runs") or self._said("runs") or 1) > 1 or options.get("epochs", 1) > 1:
            raise ConfigurationError("keep_returned is for runs=1: in fresh processes what is returned stays there")
        self.returned = None
        return self._keeping(operation)

    def _keeping(self, operation: Callable[[], Any]) -> Callable[[], Any]:
        if returns_awaitable(operation):

            async def akept() -> Any:  # noqa: ANN401  # whatever the operation returns
                self.returned = returned = await operation()
                return returned

            return akept

        def kept() -> Any:  # noqa: ANN401  # likewise
            self.returned = returned = operation()
            return returned

        return kept


def _is_what_was_returned(operation: object) -> bool:
    """Whether it can be nothing to measure: no function, no target of ours or of anybody's, no coroutine."""
    kind = type(operation)
    is_target = kind.__module__.partition(".")[0] == "paceline" or hasattr(kind, "lanes")
    return not (callable(operation) or is_target or inspect.iscoroutine(operation))
