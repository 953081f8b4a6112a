"""pytest as one side of a duet: its tests are walked by order, and what they measure is measured in lock-step.

Started by ``paceline duet REVISION -- TESTS`` in a process of each side; nothing is judged or written here.
"""

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Collection, Generator, Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from paceline.campaign.lockstep import worker
from paceline.core.redaction import redact
from paceline.engine.request import checked_name
from paceline.pytest_plugin.names import name_of
from paceline.pytest_plugin.session import perf_session

if TYPE_CHECKING:
    from paceline.judge.result import TestResult
    from paceline.targets.call import CallTarget

_MEASURING = frozenset({"perf", "benchmark"})
_ONE_AT_A_TIME = (
    "it measures while it measures, and in a duet the two sides take turns with one thing after the other: let the "
    "first come to its end"
)
_CALLS_ONLY = "a duet of a suite compares calls one after the other: loads, levels and duets have commands of their own"
_Function = Callable[[], Any]


class Walk:
    """The tests of one process, one at a time, as they are asked for.

    Args:
        channel: to whoever compares.
        orders: what comes from there.
        pin: keeps the process on the core it is to measure on; starting needs none.
    """

    def __init__(self, channel: worker.Channel, orders: Iterator[dict[str, Any]], pin: Callable[[], None]) -> None:
        self._channel, self._orders, self._pin = channel, orders, pin
        self._not_listed: dict[str, str] = {}
        self._reports: list[pytest.TestReport] = []
        self._name = ""
        self._measured: set[str] = set()  # names of what the test under way measured
        self._is_measuring = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.has_listed = False

    # Hooks. The first two turn off what would be measured or in the way; an option that nobody reads is harmless.

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> Generator[None, object, object]:
        """Without pytest-cov, which begins here."""
        early_config.known_args_namespace.no_cov = True
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, object, object]:
        """Without workers of pytest-xdist, and without an end at the first failure."""
        option = config.option
        option.maxfail = 0
        option.numprocesses, option.dist, option.tx, option.no_cov = 0, "no", [], True
        return (yield)

    def pytest_configure(self, config: pytest.Config) -> None:
        """The fixtures measure by order."""
        perf_session(config).walk = self

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember what could not be collected."""
        if report.failed:
            self._not_listed[report.nodeid] = f"it cannot be collected: {_told(report)}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember how the test under way fares."""
        self._reports.append(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Walk in the order that is asked for, in place of pytest's own."""
        items = {name_of(item)[0]: item for item in session.items if _measures(item)}
        self.has_listed = True
        self._pin()
        self._channel.say(list=list(items), not_listed=self._not_listed)
        for order in self._orders:
            self._name = order["open"]
            self._serve(items[self._name], items.get(order["next"]))
        return True

    def _serve(self, item: pytest.Item, following: pytest.Item | None) -> None:
        self._measured.clear()
        self._reports.clear()
        worker.forget_peak()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        why, teardown_error = _verdict(self._reports)
        is_skip = any(report.skipped for report in self._reports)
        if not self._measured:
            self._channel.say(left_out=why or "it measured nothing", skipped=is_skip or not why)
        else:
            # Where the operation was defined is no sign here: it may be of Python's library, on both sides.
            worker.say_closed(self._channel, self._name, [], teardown_error, why, skipped=is_skip)

    # What fixtures call.

    def measured(self, arguments: Mapping[str, Any]) -> "TestResult":
        """Measure by order; what a method of the framework with these ``arguments`` returns."""
        target = _target(arguments)
        between = _fold_of(target)
        name = self._name_of(arguments)
        self._perform(self._run, name, target.operation, target.setup_each, target.setup, target.teardown, between)
        return _Later(arguments)  # type: ignore[return-value]  # it becomes one when it is looked at

    async def ameasured(self, arguments: Mapping[str, Any]) -> "TestResult":
        """The same on the running event loop."""
        target = _target(arguments)
        between = _fold_of(target)
        name = self._name_of(arguments)
        await self._aperform(name, target.operation, target.setup_each, target.setup, target.teardown, between)
        return _Later(arguments)  # type: ignore[return-value]  # likewise

    def perform(
        self,
        operation: _Function,
        before: _Function | None = None,
        setup: _Function | None = None,
        teardown: _Function | None = None,
    ) -> None:
        """Measure ``operation`` until whoever compares has enough of it."""
        self._perform(self._run, self._name, operation, before, setup, teardown)

    async def aperform(
        self,
        operation: _Function,
        before: _Function | None = None,
        setup: _Function | None = None,
        teardown: _Function | None = None,
    ) -> None:
        """The same beside the running event loop."""
        await self._aperform(self._name, operation, before, setup, teardown)

    async def _aperform(self, name: str, operation: _Function, *around: _Function | None) -> None:
        """It waits for orders in a thread; coroutines run on the loop."""
        loop = asyncio.get_running_loop()

        def run(work: Awaitable[Any]) -> Any:  # noqa: ANN401  # whatever it gives
            return asyncio.run_coroutine_threadsafe(_awaited(work), loop).result()

        await asyncio.to_thread(self._perform, run, name, operation, *around)

    def _name_of(self, arguments: Mapping[str, Any]) -> str:
        """The test's, which leads to its file; behind it what the test itself calls this.

        Raises:
            ConfigurationError: that is no name.
        """
        given = checked_name(arguments["test_name"])
        return self._name if given == self._name else f"{self._name}#{redact(given)}"

    def _perform(
        self,
        run: Callable[[Any], Any],
        name: str,
        operation: _Function,
        before: _Function | None,
        setup: _Function | None,
        teardown: _Function | None,
        between: _Function | None = None,
    ) -> None:
        if self._is_measuring:
            pytest.fail(_ONE_AT_A_TIME, pytrace=False)
        self._is_measuring = True
        try:
            self._measure(run, name, (setup, teardown), worker.Performer(operation, run, before, between))
        finally:
            self._is_measuring = False

    def _measure(
        self,
        run: Callable[[Any], Any],
        name: str,
        around: tuple[_Function | None, _Function | None],
        performer: worker.Performer,
    ) -> None:
        setup, teardown = around
        earlier = {}
        if self._measured:  # the peak up to here is that of what came before
            earlier = {"peak_rss_bytes": worker.peak_rss_bytes()}
            worker.forget_peak()
        _call(setup, run)
        try:
            gc.collect()
            gc.freeze()  # what was imported lives on: looking through it before each epoch would take longer than it
            name = _numbered(name, self._measured)
            self._measured.add(name)
            self._channel.say(ready=name, **earlier)
            worker.perform(self._orders, self._channel, performer)
        finally:
            _call(teardown, run)

    def _run(self, work: Awaitable[Any]) -> Any:  # noqa: ANN401  # whatever it gives
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(work)


class _Later:
    """A result, of a run of its own that is made when a test looks at it: most do not."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # of each attribute its own type
        if name.startswith("__"):
            raise AttributeError(name)
        if "result" not in self.__dict__:
            from paceline.framework import PerformanceTestFramework

            self.__dict__["result"] = PerformanceTestFramework().run_benchmark(**self._arguments)
        return getattr(self.__dict__["result"], name)


def serve(
    channel: worker.Channel, orders: Iterator[dict[str, Any]], arguments: list[str], pin: Callable[[], None]
) -> None:
    """Run pytest with ``arguments``, its tests walked by ``orders``."""
    walk = Walk(channel, orders, pin)
    # pytest-benchmark would measure by itself; without it the drop-in is there, which measures by order.
    around = ["--rootdir=.", "-p", "no:cacheprovider", "-p", "no:benchmark", "--continue-on-collection-errors"]
    code = pytest.main([*around, *arguments], plugins=[walk])
    if not walk.has_listed:
        channel.say(refused=f"pytest ended with exit code {int(code)} before its first test")


def _measures(item: pytest.Item) -> bool:
    return not _MEASURING.isdisjoint(getattr(item, "fixturenames", ()))


def _numbered(name: str, taken: Collection[str]) -> str:
    """The name, or where it is taken the first of ``name#2``, ``name#3``, ... that is not."""
    numbered = (f"{name}#{number}" for number in count(2))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _target(arguments: Mapping[str, Any]) -> "CallTarget":
    from paceline.core.clock import SYSTEM_CLOCK
    from paceline.targets.one_lane import called
    from paceline.targets.operation import measured

    if "operation" not in arguments or not arguments.keys().isdisjoint({"workload", "concurrency_levels"}):
        pytest.skip(_CALLS_ONLY)
    around = {name: arguments.get(name) for name in ("setup", "teardown", "setup_each")}
    return called(measured(arguments["operation"], **around), SYSTEM_CLOCK)


def _fold_of(target: "CallTarget") -> _Function | None:
    """What takes up what ``target`` notes of its own calls: it is not to grow, as memory is compared."""
    from paceline.targets.witness import Expecting

    if target.witness is None:
        return None
    if isinstance(target.witness, Expecting):
        target.witness.expect(1)
    return target.witness.fold


def _call(function: _Function | None, run: Callable[[Any], Any]) -> None:
    if function is not None:
        returned = function()
        if hasattr(returned, "__await__"):
            run(returned)


async def _awaited(work: Awaitable[Any]) -> Any:  # noqa: ANN401  # whatever it gives
    return await work


def _verdict(reports: list[pytest.TestReport]) -> tuple[str | None, str | None]:
    """Why a test cannot be compared, if it failed or was skipped; what its teardown raised."""
    why = teardown_error = None
    for report in reports:
        if report.when == "teardown":
            teardown_error = _told(report) if report.failed else None
        elif report.failed:
            why = why or (f"its {report.when} failed: " if report.when != "call" else "it fails: ") + _told(report)
        elif report.skipped:
            why = why or f"it is skipped: {_told(report)}"
    return why, teardown_error


def _told(report: pytest.TestReport | pytest.CollectReport) -> str:
    """What went wrong, in a line."""
    longrepr: Any = report.longrepr
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None:
        # The side's own copy is the current folder: its path says nothing, and is gone afterwards.
        place = os.path.relpath(crash.path)
        text = crash.message.removeprefix("Failed: ").partition("\n")[0]
        text += "" if place.startswith(os.pardir) else f" ({place}:{crash.lineno})"
    elif isinstance(longrepr, tuple):  # of a skip: file, line, reason
        text = str(longrepr[2]).removeprefix("Skipped: ")
    else:
        lines = [line for line in str(longrepr).splitlines() if line.strip()]
        text = next((line for line in reversed(lines) if line.startswith("E ")), lines[-1] if lines else "")
    return redact(" ".join(text.removeprefix("E ").split()))
