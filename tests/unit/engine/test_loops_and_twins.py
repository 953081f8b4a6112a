"""On whose event loop coroutines run, and what is said when a caller's loop had to stand still."""

import asyncio
import threading

import pytest

from paceline import ConfigurationError, TestStatus, TestType
from tests.fakes import ManualClock
from tests.runs import Work, awaited, codes, make_framework


class Witness:
    """A coroutine function that remembers where it ran."""

    def __init__(self) -> None:
        self.loops: set[asyncio.AbstractEventLoop] = set()
        self.threads: set[threading.Thread] = set()

    async def __call__(self) -> None:
        self.loops.add(asyncio.get_running_loop())
        self.threads.add(threading.current_thread())
        await asyncio.sleep(0)


def test_the_async_twin_measures_on_the_callers_loop() -> None:
    framework, witness = make_framework(), Witness()

    async def main() -> None:
        result = await framework.arun_benchmark("checkout", TestType.API_ENDPOINT, witness, 20)
        assert result.metrics.iterations == 20
        assert "caller-loop-waited" not in codes(result)
        results = await framework.arun_concurrent_benchmark("load", witness, [1, 3], 40)
        assert [each.metrics.metadata["concurrency"] for each in results] == [1, 3]
        assert witness.loops == {asyncio.get_running_loop()}
        assert witness.threads == {threading.current_thread()}

    asyncio.run(main())
    assert [each.metrics.test_name for each in framework.results] == [
        "checkout",
        "load_concurrency_1",
        "load_concurrency_3",
    ]


def test_the_callers_loop_goes_on_beside_an_async_twin() -> None:
    framework = make_framework()

    async def main() -> None:
        # The operation is answered by a task on the same loop: it would wait for ever if that stood still.
        questions: asyncio.Queue[asyncio.Future[int]] = asyncio.Queue()

        async def server() -> None:
            while True:
                (await questions.get()).set_result(42)

        async def operation() -> None:
            answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            await questions.put(answer)
            assert await answer == 42

        serving = asyncio.create_task(server())
        result = await framework.arun_benchmark("checkout", TestType.API_ENDPOINT, operation, 20)
        assert result.metrics.error_count == 0
        serving.cancel()

    asyncio.run(main())


def test_the_async_twin_of_a_synchronous_operation_leaves_the_loop_free() -> None:
    framework = make_framework()
    threads: set[threading.Thread] = set()

    async def main() -> None:
        loop_goes_on = threading.Event()

        def operation() -> None:
            threads.add(threading.current_thread())
            assert loop_goes_on.wait(20.0)

        asyncio.get_running_loop().call_soon(loop_goes_on.set)
        result = await framework.arun_benchmark("checkout", TestType.API_ENDPOINT, operation, 20)
        assert result.metrics.iterations == 20
        assert result.metrics.error_count == 0
        assert threading.current_thread() not in threads

    asyncio.run(main())


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_the_sync_form_in_a_running_loop_says_that_the_loop_stood_still(asynchronous: bool) -> None:  # noqa: FBT001
    framework, witness = make_framework(), Witness()

    async def main() -> None:
        operation = witness if asynchronous else Work()
        result = framework.run_benchmark("checkout", TestType.API_ENDPOINT, operation, 20)
        assert result.metrics.iterations == 20
        assert "caller-loop-waited" in codes(result)
        assert result.status is TestStatus.PASSED
        assert asyncio.get_running_loop() not in witness.loops

    asyncio.run(main())
    assert len(witness.loops) == int(asynchronous)


def test_what_goes_wrong_in_the_other_thread_is_raised_here() -> None:
    async def setup() -> None:
        raise OSError("no database")

    async def main() -> None:
        with pytest.raises(RuntimeError, match="setup raised OSError: no database"):
            make_framework().run_benchmark("checkout", TestType.API_ENDPOINT, awaited(Work()), setup=setup)

    asyncio.run(main())


def test_outside_a_loop_nothing_is_said() -> None:
    result = make_framework().run_benchmark("checkout", TestType.API_ENDPOINT, Witness(), 20)
    assert "caller-loop-waited" not in codes(result)


def test_the_twins_refuse_what_the_sync_forms_refuse() -> None:
    async def main() -> None:
        with pytest.raises(ConfigurationError, match="iterations"):
            await make_framework(ManualClock()).arun_benchmark("checkout", TestType.API_ENDPOINT, Work(), 0)
        with pytest.raises(ConfigurationError, match="concurrency_levels"):
            await make_framework().arun_concurrent_benchmark("load", Work(), [])

    asyncio.run(main())
