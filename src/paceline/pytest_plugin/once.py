"""``--perf-disable``: each operation is called once, as a unit test would, and nothing is kept."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from paceline.framework import PerformanceTestFramework
from paceline.judge.result import TestResult
from paceline.targets.call import CallTarget, returns_awaitable
from paceline.targets.operation import Measured, measured


def once(arguments: Mapping[str, Any]) -> TestResult | list[TestResult]:
    """What the method of the framework with these ``arguments`` returns, of a single call.

    What the operation raises is raised. The test of a duet is skipped when both of its sides were called: they have
    no verdict.
    """
    if "operation" not in arguments:
        for side in ("base", "candidate"):
            _called({**arguments, "operation": arguments[side]})
        pytest.skip("--perf-disable: base and candidate were called once and not compared")
    return _told(_called(arguments), arguments)


async def aonce(arguments: Mapping[str, Any]) -> TestResult | list[TestResult]:
    """:func:`once` on the running event loop."""
    watched = _Watched(arguments)
    return _told(watched.checked(await PerformanceTestFramework().arun_benchmark(**watched.arguments)), arguments)


def _called(arguments: Mapping[str, Any]) -> TestResult:
    watched = _Watched(arguments)
    return watched.checked(PerformanceTestFramework().run_benchmark(**watched.arguments))


def _told(result: TestResult, arguments: Mapping[str, Any]) -> TestResult | list[TestResult]:
    levels = arguments.get("concurrency_levels")
    return result if levels is None else [result for _ in levels]


class _Watched:
    """An operation whose exception is kept: the framework counts it, a unit test fails with it."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        around = {name: arguments.get(name) for name in ("setup", "teardown", "setup_each")}
        what = measured(arguments["operation"], **around)
        if isinstance(what.target, CallTarget):
            what = Measured(replace(what.target, operation=self._watching(what.target.operation)))
        self._error: BaseException | None = None
        self.arguments: dict[str, Any] = {
            "test_name": arguments["test_name"],
            "test_type": arguments.get("test_type"),
            "operation": what,
            "iterations": 1,
            "warmup_iterations": 0,
        }

    def checked(self, result: TestResult) -> TestResult:
        if self._error is not None:
            raise self._error
        if not result.record.counts.ok:
            told = "; ".join(f"{group.kind}: {group.message}" for group in result.metrics.errors)
            pytest.fail(f"the one call of --perf-disable failed: {told}", pytrace=False)
        return result

    def _watching(self, operation: Callable[[], Any]) -> Callable[[], Any]:
        if returns_awaitable(operation):

            async def acall() -> Any:  # noqa: ANN401  # whatever the operation returns
                try:
                    return await operation()
                except BaseException as error:
                    self._error = error
                    raise

            return acall

        def call() -> Any:  # noqa: ANN401  # likewise
            try:
                return operation()
            except BaseException as error:
                self._error = error
                raise

        return call
