"""Ctrl-C in a process of its own: whatever drives the operation, what was measured is kept and the process ends."""

import signal
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.real

DEADLINE_S = 20.0

# Says that it is running in the twentieth call, and would go on for ever.
CHILD = """
import asyncio, signal, sys, threading

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell had it ignored

if {without_uvloop}:
    sys.modules["uvloop"] = None

from paceline import PerformanceTestFramework, TestStatus, TestType

calls, gate = 0, threading.Event()


def count():
    global calls
    calls += 1
    if calls == 20:
        print("running", flush=True)


def operation():
    count()
    gate.wait(0.001)


async def coroutine():
    count()
    await asyncio.sleep(0.001)


framework = PerformanceTestFramework()


def show():
    (result,) = framework.results
    (finding,) = [finding for finding in result.findings if finding.code == "interrupted"]
    assert result.status is TestStatus.WARNING, result.status
    assert finding.serious
    assert "interrupted" in framework.generate_report()
    print("kept", result.metrics.iterations, result.record.circumstances.event_loop, flush=True)


def sync_caller():
    framework.run_benchmark("checkout", TestType.API_ENDPOINT, operation, 10**6)


def threads():
    framework.run_concurrent_benchmark("load", operation, [4], 10**6)


def own_loop():
    framework.run_benchmark("checkout", TestType.API_ENDPOINT, coroutine, 10**6)


def tasks():
    framework.run_concurrent_benchmark("load", coroutine, [4], 10**6)


def callers_loop():
    asyncio.run(framework.arun_benchmark("checkout", TestType.API_ENDPOINT, coroutine, 10**6))


def beside_the_callers_loop():
    asyncio.run(framework.arun_benchmark("checkout", TestType.API_ENDPOINT, operation, 10**6))


try:
    {way}()
except KeyboardInterrupt:
    show()
"""

WAYS = {
    "sync caller": ("sync_caller", False),
    "threads": ("threads", False),
    "own loop": ("own_loop", True),
    "own loop, uvloop": ("own_loop", False),
    "tasks": ("tasks", True),
    "tasks, uvloop": ("tasks", False),
    "caller's loop": ("callers_loop", True),
    "beside the caller's loop": ("beside_the_callers_loop", True),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_measured_is_kept(way: str) -> None:
    function, without_uvloop = WAYS[way]
    if not without_uvloop:
        pytest.importorskip("uvloop")
    program = textwrap.dedent(CHILD).replace("{way}", function).replace("{without_uvloop}", str(without_uvloop))
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "running\n"
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=DEADLINE_S)
        finally:
            child.kill()
    assert err == ""
    assert child.returncode == 0
    word, count, event_loop = out.split()
    assert word == "kept"
    # Ten of the twenty calls were warm-up; workers may be within one each, and the signal takes its time.
    assert 5 <= int(count) < 10**6
    if function in {"own_loop", "tasks"}:
        assert event_loop.startswith("asyncio" if without_uvloop else "uvloop")
