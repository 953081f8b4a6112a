"""Ctrl-C and cancellation: what was measured is kept and says so, teardown runs, and the caller gets the interrupt."""

import asyncio
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from paceline import MeasurementError, TestResult, TestStatus, TestType
from paceline.engine import threads
from paceline.framework import PerformanceTestFramework
from paceline.store.journal import read_journal
from tests.fakes import ManualClock
from tests.runs import PATIENCE_S, Work, awaited, codes, make_framework, raising
from tests.unit.engine.ways import Wrapped, plain

SIGNALLED = 5  # the call in which the signal comes; there are two of warm-up


@pytest.fixture(autouse=True)
def default_handler() -> Iterator[None]:
    """Python's own: a shell that started the tests in the background had SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c() -> None:
    """A real SIGINT to the main thread, which wakes it from whatever it waits for."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def pressing(number: int) -> None:
    if number == SIGNALLED:
        press_ctrl_c()


class Torn:
    """Counts teardowns."""

    def __init__(self) -> None:
        self.down = 0

    def __call__(self) -> None:
        self.down += 1


def check(framework: PerformanceTestFramework, torn: Torn, attempts: int | None = None) -> TestResult:
    """The one result that was kept."""
    (result,) = framework.results
    assert "interrupted" in codes(result)
    assert result.status is TestStatus.WARNING
    assert torn.down == 1
    if attempts is not None:
        assert result.metrics.iterations == attempts
        assert result.metrics.mean_time_ms == 2_000.0
    assert 0 < result.metrics.iterations < 10**6
    return result


RAISED = raising(KeyboardInterrupt, on=SIGNALLED)

# Three whole attempts of 2 s, then the interrupt in the fourth.
EXACT: dict[str, tuple[Wrapped, Callable[[int], object], dict[str, Any]]] = {
    "caller": (plain, RAISED, {}),
    "caller, a real signal": (plain, pressing, {}),
    "caller, prepared each time": (plain, RAISED, {"setup_each": lambda: None}),
    "watched thread": (plain, RAISED, {"timeout_s": 1e6}),
    "task": (awaited, RAISED, {}),
    "task with a limit": (awaited, RAISED, {"timeout_s": 1e6}),
}


@pytest.mark.parametrize("way", EXACT)
def test_in_an_attempt(way: str) -> None:
    wrapped, on_call, options = EXACT[way]
    clock, torn = ManualClock(), Torn()
    framework = make_framework(clock)
    operation = wrapped(Work(clock, 2.0, on_call))
    with pytest.raises(KeyboardInterrupt):
        framework.run_benchmark("checkout", TestType.API_ENDPOINT, operation, 100, 2, teardown=torn, **options)
    result = check(framework, torn, attempts=3)
    (finding,) = (finding for finding in result.findings if finding.code == "interrupted")
    assert finding.serious
    assert "KeyboardInterrupt) after 3 of 100 iterations" in finding.seen


def test_in_a_batch() -> None:
    clock, torn = ManualClock(), Torn()
    framework = make_framework(clock)
    work = Work(clock, 2.0, raising(KeyboardInterrupt, on=9))
    with pytest.raises(KeyboardInterrupt):
        framework.run_benchmark("checkout", TestType.API_ENDPOINT, work, 100, 0, batch=4, teardown=torn)
    check(framework, torn, attempts=8)


@pytest.mark.parametrize("wrapped", [plain, awaited], ids=["threads", "tasks"])
@pytest.mark.parametrize("on_call", [RAISED, pressing], ids=["raised", "signal"])
def test_while_several_work(wrapped: Wrapped, on_call: Callable[[int], object]) -> None:
    torn = Torn()
    framework = make_framework()
    operation = wrapped(Work(on_call=on_call))
    with pytest.raises(KeyboardInterrupt):
        framework.run_concurrent_benchmark("load", operation, [4, 8], 10**6, warmup_iterations=2, teardown=torn)
    result = check(framework, torn)  # the level after it was not begun
    assert result.metrics.test_name == "load_concurrency_4"


def test_while_the_attempts_of_all_threads_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_GRACE_S", 0.01)
    torn, gate = Torn(), threading.Event()
    framework = make_framework()
    hanging: list[threading.Thread] = []

    def on_call(number: int) -> None:
        if number >= SIGNALLED:
            hanging.append(threading.current_thread())
            pressing(number)
            gate.wait()

    work = Work(on_call=on_call)
    with pytest.raises(KeyboardInterrupt):
        framework.run_concurrent_benchmark("load", work, [2], 10**6, warmup_iterations=0, teardown=torn)
    assert check(framework, torn).metrics.iterations == SIGNALLED
    gate.set()
    for thread in hanging:
        thread.join(PATIENCE_S)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_real_signal_to_a_loop_of_the_runs_own(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if loop == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    torn = Torn()
    framework = make_framework()

    async def operation() -> None:
        numbers()
        if numbers.calls > SIGNALLED:
            press_ctrl_c()
            await asyncio.Event().wait()

    numbers = Work()
    with pytest.raises(KeyboardInterrupt):
        framework.run_benchmark("checkout", TestType.API_ENDPOINT, operation, 100, 2, teardown=torn)
    assert check(framework, torn).metrics.iterations == 3


def in_a_loop(call: Callable[[], Any]) -> None:
    async def main() -> None:
        call()

    asyncio.run(main())


def test_the_sync_form_in_a_running_loop() -> None:
    torn = Torn()
    framework = make_framework()

    async def operation() -> None:
        numbers()
        if numbers.calls > SIGNALLED:
            press_ctrl_c()
            await asyncio.Event().wait()

    numbers = Work()
    measure = functools.partial(
        framework.run_benchmark, "checkout", TestType.API_ENDPOINT, operation, 100, 2, teardown=torn
    )

    def stubborn() -> None:
        # Inside asyncio.run, SIGINT cancels the main task; the plain handler is what a notebook has.
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                measure()
        finally:
            signal.signal(signal.SIGINT, handler)

    in_a_loop(stubborn)
    assert check(framework, torn).metrics.iterations == 3


class TestOnTheCallersLoop:
    def test_an_interrupt_raised_in_a_task(self) -> None:
        clock, torn = ManualClock(), Torn()
        framework = make_framework(clock)

        async def main() -> None:
            operation = awaited(Work(clock, 2.0, RAISED))
            with pytest.raises(KeyboardInterrupt):
                await framework.arun_benchmark("checkout", TestType.API_ENDPOINT, operation, 100, 2, teardown=torn)

        asyncio.run(main())
        check(framework, torn, attempts=3)

    @pytest.mark.parametrize("workers", [1, 3])
    @pytest.mark.parametrize("timeout_s", [None, 1e6])
    def test_a_cancellation(self, workers: int, timeout_s: float | None) -> None:
        torn = Torn()
        framework = make_framework()
        numbers = Work()

        async def main() -> None:
            reached = asyncio.Event()

            async def operation() -> None:
                numbers()
                if numbers.calls > SIGNALLED:
                    reached.set()
                    await asyncio.Event().wait()

            measuring = asyncio.create_task(
                framework.arun_concurrent_benchmark(
                    "load", operation, [workers, 9], 100, warmup_iterations=0, teardown=torn, timeout_s=timeout_s
                )
            )
            await reached.wait()
            measuring.cancel()
            with pytest.raises(asyncio.CancelledError):
                await measuring

        asyncio.run(main())
        result = check(framework, torn)
        assert (result.metrics.iterations, result.metrics.error_count) == (SIGNALLED, 0)

    def test_a_cancellation_in_teardown(self) -> None:
        framework = make_framework()

        async def main() -> None:
            reached = asyncio.Event()

            async def teardown() -> None:
                reached.set()
                await asyncio.Event().wait()

            measuring = asyncio.create_task(
                framework.arun_benchmark("checkout", TestType.API_ENDPOINT, awaited(Work()), 100, teardown=teardown)
            )
            await reached.wait()
            measuring.cancel()
            with pytest.raises(asyncio.CancelledError):
                await measuring

        asyncio.run(main())
        (result,) = framework.results
        assert result.metrics.iterations == 100
        assert "interrupted" in codes(result)

    def test_a_time_limit_of_the_callers_is_still_its_own(self) -> None:
        torn = Torn()
        framework = make_framework()
        numbers = Work()

        async def operation() -> None:
            numbers()
            if numbers.calls > SIGNALLED:
                await asyncio.Event().wait()

        async def main() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await framework.arun_benchmark("checkout", TestType.API_ENDPOINT, operation, 100, 0, teardown=torn)

        asyncio.run(main())
        assert check(framework, torn).metrics.iterations == SIGNALLED

    @pytest.mark.parametrize("levels", [None, [2]], ids=["caller", "threads"])
    def test_a_cancellation_ends_a_synchronous_operation_beside_the_loop(self, levels: list[int] | None) -> None:
        clock, torn, begun = ManualClock(), Torn(), threading.Event()
        framework = make_framework(clock)

        def on_call(number: int) -> None:
            if number == 2:
                begun.set()

        work = Work(clock, 0.3, on_call)  # a stretch is one attempt, then comes a checkpoint

        async def main() -> None:
            if levels is None:
                run = framework.arun_benchmark("checkout", TestType.API_ENDPOINT, work, 10**6, 0, teardown=torn)
                measuring: asyncio.Task[Any] = asyncio.create_task(run)
            else:
                measuring = asyncio.create_task(
                    framework.arun_concurrent_benchmark("load", work, levels, 10**6, warmup_iterations=0, teardown=torn)
                )
            assert await asyncio.to_thread(begun.wait, PATIENCE_S)
            measuring.cancel()
            with pytest.raises(asyncio.CancelledError):
                await measuring

        asyncio.run(main())
        check(framework, torn)


class TestAroundTheWindow:
    @pytest.mark.parametrize("wrapped", [plain, awaited])
    def test_in_the_warmup(self, wrapped: Wrapped) -> None:
        torn = Torn()
        framework = make_framework()
        operation = wrapped(Work(on_call=raising(KeyboardInterrupt, on=3)))
        with pytest.raises(KeyboardInterrupt):
            framework.run_benchmark("checkout", TestType.API_ENDPOINT, operation, 100, 10, teardown=torn)
        (result,) = framework.results
        assert result.metrics.iterations == 0
        assert result.record.circumstances.warmup_attempts == 3
        assert "interrupted" in codes(result)
        assert result.status is TestStatus.FAILED  # nothing was measured
        assert torn.down == 1

    @pytest.mark.parametrize("wrapped", [plain, awaited])
    @pytest.mark.parametrize("by_signal", [False, True], ids=["raised", "signal"])
    def test_in_teardown(self, wrapped: Wrapped, by_signal: bool) -> None:  # noqa: FBT001
        def teardown() -> None:
            if by_signal:
                press_ctrl_c()
            else:
                raise KeyboardInterrupt

        framework = make_framework()
        with pytest.raises(KeyboardInterrupt):
            framework.run_benchmark("checkout", TestType.API_ENDPOINT, wrapped(Work()), 100, teardown=wrapped(teardown))
        (result,) = framework.results
        assert result.metrics.iterations == 100
        assert "interrupted" in codes(result)

    def test_in_setup_there_is_nothing_to_keep(self) -> None:
        def setup() -> None:
            raise KeyboardInterrupt

        framework = make_framework()
        with pytest.raises(KeyboardInterrupt):
            framework.run_benchmark("checkout", TestType.API_ENDPOINT, Work(), setup=setup)
        assert framework.results == []

    def test_in_whoever_watches(self) -> None:
        class Impatient:
            def progress(self, record_name: str, share: float, attempts: int, load: object = None) -> None:
                raise KeyboardInterrupt

            def partial(self, record: object) -> None:
                """Never reached."""

        clock, torn = ManualClock(), Torn()
        framework = make_framework(clock, observer=Impatient())
        with pytest.raises(KeyboardInterrupt):
            framework.run_benchmark("checkout", TestType.API_ENDPOINT, Work(clock, 2.0), 9, 0, teardown=torn)
        check(framework, torn, attempts=1)


def test_the_journal_has_it_before_the_caller_hears_of_it(tmp_path: Path) -> None:
    clock = ManualClock()
    framework = make_framework(clock, journal=tmp_path / "journal.jsonl")
    framework.run_benchmark("first", TestType.API_ENDPOINT, Work(clock, 2.0), 5)
    with pytest.raises(KeyboardInterrupt):
        framework.run_benchmark("second", TestType.API_ENDPOINT, Work(clock, 2.0, RAISED), 100, 2)
    kept = read_journal(tmp_path / "journal.jsonl").results
    assert [(result.metrics.test_name, result.metrics.iterations) for result in kept] == [("first", 5), ("second", 3)]


def test_what_setup_each_raises_is_kept_and_raised_likewise() -> None:
    clock, torn = ManualClock(), Torn()
    framework = make_framework(clock)
    with pytest.raises(MeasurementError, match="setup_each raised ValueError: call 5"):
        framework.run_benchmark(
            "checkout",
            TestType.API_ENDPOINT,
            Work(clock, 2.0),
            100,
            2,
            setup_each=Work(on_call=raising(ValueError, on=5)),
            teardown=torn,
        )
    check(framework, torn, attempts=3)
