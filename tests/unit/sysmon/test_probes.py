"""Real processes are observed: this one, its children, and those named by their pid."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from paceline import ConfigurationError, PerformanceTestFramework, TestStatus, TestType
from paceline.core.clock import SYSTEM_CLOCK
from paceline.records.metrics import system_metrics_of
from paceline.sysmon.probes import HostProbe, ProcessProbe, Reading, peak_rss_bytes
from paceline.sysmon.sampler import Sampler
from tests.fakes import ManualClock
from tests.runs import Work, codes, make_framework

# SURFACE: the host bare, then the process tree; each is a number also in a window of microseconds.
NAMES = [
    prefix + name
    for prefix in ("", "process_")
    for name in (
        "cpu_percent",
        "cpu_percent_min",
        "cpu_percent_max",
        "memory_percent",
        "memory_mb",
        "memory_mb_max",
        "cpu_seconds",
        "disk_io_read_mb",
        "disk_io_write_mb",
        "context_switches",
    )
]


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for its end."""
    waiting = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()  # it is up
        yield started
        started.kill()


@pytest.mark.parametrize("iterations", [1, 2_000])
def test_system_metrics_of_a_short_window(iterations: int) -> None:
    framework = PerformanceTestFramework()
    result = framework.run_benchmark("checkout", TestType.API_ENDPOINT, int, iterations, 0)
    metrics = result.system_metrics
    assert {name for name in NAMES if not isinstance(metrics.get(name), int | float)} == set()
    assert metrics["cpu_count"] == os.cpu_count()
    assert metrics["sampler_samples"] == 0  # the window was shorter than the sampler's interval
    assert isinstance(metrics["sampler_cpu_percent"], float)
    memory = metrics["process_memory_mb"]
    assert isinstance(memory, float)
    assert 5 < memory < 5_000


def test_this_process_is_read() -> None:
    reading = ProcessProbe(os.getpid(), SYSTEM_CLOCK.now_s).read(at_end=True)
    assert reading.cpu_s is not None
    assert reading.cpu_s > 0
    assert reading.memory_bytes is not None
    assert reading.memory_percent == pytest.approx(100 * reading.memory_bytes / psutil.virtual_memory().total)


def test_the_host_is_read() -> None:
    reading = HostProbe(SYSTEM_CLOCK.now_s).read(at_end=True)
    assert reading.cpu_s is not None
    assert 0 < reading.cpu_s <= sum(psutil.cpu_times())
    assert reading.memory_percent is not None
    assert 0 < reading.memory_percent < 100
    assert reading.switches is not None
    assert HostProbe(SYSTEM_CLOCK.now_s).read(at_end=False).switches is None  # dear: only at the ends


@pytest.mark.real
class TestChildren:
    def test_children_count(self, child: subprocess.Popen[bytes]) -> None:
        probe = ProcessProbe(os.getpid(), SYSTEM_CLOCK.now_s)
        alone = ProcessProbe(os.getpid(), SYSTEM_CLOCK.now_s, without=[child.pid])
        root, tree = alone.read(at_end=True), probe.read(at_end=True)
        assert tree.memory_bytes is not None
        assert root.memory_bytes is not None
        assert tree.memory_bytes > root.memory_bytes + 1_000_000
        assert child.poll() is None

    def test_the_list_of_children_is_a_second_old_at_most(self, child: subprocess.Popen[bytes]) -> None:
        clock = ManualClock()
        probe = ProcessProbe(os.getpid(), clock.now_s)
        probe.read(at_end=True)
        child.kill()
        child.wait()
        clock.advance(0.9)
        assert child.pid in {each.pid for each in probe._children.get(fresh=False)}  # among whatever else there is
        clock.advance(0.2)
        assert child.pid not in {each.pid for each in probe._children.get(fresh=False)}

    def test_one_that_ended_meanwhile_is_left_out(self, child: subprocess.Popen[bytes]) -> None:
        clock = ManualClock()
        probe = ProcessProbe(os.getpid(), clock.now_s)
        probe.read(at_end=True)
        child.kill()
        child.wait()
        assert probe.read(at_end=False).cpu_s is not None  # the remembered children are a second old at most


@pytest.mark.real
class TestTargets:
    def test_a_target_is_measured(self, child: subprocess.Popen[bytes]) -> None:
        framework = PerformanceTestFramework()
        result = framework.run_benchmark("checkout", TestType.API_ENDPOINT, int, target_pids=[child.pid, os.getpid()])
        metrics: dict[str, Any] = result.system_metrics
        assert metrics["target_pid"] == child.pid
        assert metrics["target_memory_mb"] > 1
        assert metrics["target_cpu_seconds"] == 0.0
        assert metrics["target_2_pid"] == os.getpid()
        assert metrics["target_2_memory_mb"] > metrics["target_memory_mb"]
        assert f"pid {child.pid}" in " ".join(framework.generate_report().split())

    def test_one_that_ends_within_the_window_is_a_finding(self, child: subprocess.Popen[bytes]) -> None:
        def operation() -> None:
            child.kill()
            child.wait()

        result = make_framework().run_benchmark(
            "checkout", TestType.API_ENDPOINT, operation, 5, 0, target_pids=[child.pid]
        )
        assert "target-not-observed" in codes(result)
        assert result.system_metrics["target_cpu_percent"] is None
        assert result.status is TestStatus.PASSED

    def test_one_that_is_gone_is_refused_before_anything_runs(self, child: subprocess.Popen[bytes]) -> None:
        child.kill()
        child.wait()
        work, setup = Work(), Work()
        with pytest.raises(ConfigurationError, match=f"there is no process {child.pid}"):
            make_framework().run_benchmark(
                "checkout", TestType.API_ENDPOINT, work, setup=setup, target_pids=[child.pid]
            )
        assert work.calls == setup.calls == 0


@pytest.mark.parametrize("pids", [[0], [-1], [True], ["1"], [1.0], 7, None, "12", [2**70]], ids=repr)
def test_wrong_pids(pids: Any) -> None:
    with pytest.raises(ConfigurationError, match="target_pids"):
        Sampler(SYSTEM_CLOCK, pids)


def test_a_process_that_may_not_be_looked_at_reads_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = ProcessProbe(os.getpid(), SYSTEM_CLOCK.now_s)

    def refuse(*_: object, **__: object) -> None:
        raise psutil.AccessDenied(os.getpid())

    monkeypatch.setattr(psutil.Process, "children", refuse)
    assert probe.read(at_end=True) == Reading()


def test_a_system_without_disk_counters_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(psutil.Process, "io_counters", refuse)
    monkeypatch.setattr(psutil, "disk_io_counters", lambda **_: None)
    sampler = Sampler(SYSTEM_CLOCK)
    sampler.start()
    flat = system_metrics_of(sampler.stop())
    assert flat["process_disk_io_read_mb"] is flat["disk_io_write_mb"] is None
    assert flat["process_cpu_seconds"] is not None


PEAK = """
import mmap, psutil
from paceline.sysmon.probes import peak_rss_bytes
untouched = mmap.mmap(-1, 400_000_000)
now = psutil.Process().memory_info().rss
print(peak_rss_bytes() / now, now)
"""


@pytest.mark.real
def test_peak_memory_is_that_of_the_program_not_of_who_started_it() -> None:
    ballast = bytearray(200_000_000)
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            PEAK,
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    share, now = told.split()
    assert 0.9 < float(share) < 1.3  # the kernel counts pages in batches
    assert int(now) < len(ballast) / 2
    own = peak_rss_bytes()
    assert own is not None
    assert own > len(ballast)
