"""``run_duet`` of the library: callables of this process, handed to fresh ones."""

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paceline import ConfigurationError, MeasurementError, PerformanceTestFramework, TestType, Verdict
from paceline.campaign.duet import DuetPlan, run_duet
from paceline.campaign.duet_sides import sides_of_callables
from paceline.campaign.lockstep.pairs import Plan
from paceline.core.clock import SYSTEM_CLOCK
from paceline.records.duet import Side

pytestmark = pytest.mark.real

QUICK: dict[str, Any] = {"pairs": 7, "seed": 7}


def counting(to: int) -> Callable[[], int]:
    """A closure, which no other process finds by a name."""
    return lambda: sum(range(to))


def test_closures_and_what_is_written_of_them(tmp_path: Path) -> None:
    framework = PerformanceTestFramework()
    log = tmp_path / "log"

    def leave_a_mark() -> None:
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")

    result = framework.run_duet(
        "total",
        counting(500),
        counting(2_000),
        {"build": 5, "url": "http://ann:s3cret@db/"},
        setup=leave_a_mark,
        teardown=leave_a_mark,
        **QUICK,
    )
    assert result.verdict is Verdict.REGRESSED
    assert result.pairs == len(result.record.pairs) == 7
    assert result.primary.estimate is not None
    assert 1.5 < result.primary.estimate < 5  # four times the work, and some of a call is not
    assert result.planted is not None
    assert result.record.metadata == {"build": 5, "url": "http://***@db/"}
    assert result.record.seed == 7
    pids = log.read_text().split()
    assert len(pids) == 2 * len(set(pids)) == 2 * 3 * 7  # base, candidate and control of each pair, before and after
    assert str(os.getpid()) not in pids
    assert framework.duets == [result.record]
    text = framework.generate_report(tmp_path / "report.txt")
    assert text == (tmp_path / "report.txt").read_text()
    assert "1 duet: 1 regressed" in text
    assert "Summary" not in text  # of no other test
    framework.export_json(tmp_path / "results.json")
    stored = json.loads((tmp_path / "results.json").read_text())
    assert (stored["results"], stored["duets"]["verdicts"][0]["verdict"]) == ([], "regressed")
    framework.run_benchmark("other", TestType.API_ENDPOINT, counting(10), iterations=5, warmup_iterations=0)
    both = framework.generate_report()
    assert both.index("Summary") < both.index("1 duet: 1 regressed")


def test_memory_is_moved_by_as_much_in_all_processes_of_a_pair_and_by_another_amount_in_each_pair(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"

    def tell() -> None:
        kept = sum(map(len, sys.modules["worker"]._kept))
        with log.open("a") as file:
            file.write(f"{os.environ['PYTHONHASHSEED']} {kept}\n")

    PerformanceTestFramework().run_duet("nothing", int, int, setup=tell, **QUICK)
    told = Counter(log.read_text().splitlines())
    assert list(told.values()) == [3] * 7
    assert len({line.split()[1] for line in told}) == 7


def test_coroutine_functions_run_on_one_loop() -> None:
    loops = []

    class Shop:  # here, so that it goes along: by name the other process would import this module and pytest with it
        async def __call__(self) -> int:
            await asyncio.sleep(0)
            return sum(range(500))

    async def open_it() -> None:
        loops.append(asyncio.get_running_loop())

    async def total() -> int:
        assert loops == [asyncio.get_running_loop()]
        await asyncio.sleep(0)
        return sum(range(20_000))

    result = PerformanceTestFramework().run_duet("total", total, Shop(), setup=open_it, **QUICK)
    assert result.verdict is Verdict.IMPROVED
    assert not loops  # of the copies, not of this one


def test_a_module_that_was_loaded_by_path_goes_along(tmp_path: Path) -> None:
    path = tmp_path / "loaded_by_path.py"
    path.write_text("N = 500\ndef base():\n    return sum(range(N))\ndef candidate():\n    return sum(range(4 * N))\n")
    spec = importlib.util.spec_from_file_location("loaded_by_path", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["loaded_by_path"] = module
    try:
        spec.loader.exec_module(module)
        result = PerformanceTestFramework().run_duet("total", module.base, module.candidate, **QUICK)
    finally:
        del sys.modules["loaded_by_path"]
    assert result.verdict is Verdict.REGRESSED


def needs_one(argument: object) -> object:
    return argument


def generates() -> Any:
    yield


def refuse() -> None:
    raise AssertionError("it was called")


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"pairs": 3}, "pairs must be a whole number from 7, not 3"),
        ({"pairs": True}, "pairs must be a whole number from 7, not True"),
        ({"pairs": "20"}, "pairs must be a whole number from 7, not '20'"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"test_name": " "}, "test_name must be a text that is not empty"),
        ({"base": 7}, "base must be callable, not int"),
        ({"candidate": None}, "candidate must be callable, not NoneType"),
        ({"candidate": needs_one}, "candidate is called without arguments, but needs_one needs some"),
        ({"base": generates}, "base is a generator function"),
        ({"setup": 7}, "setup must be callable"),
        ({"teardown": needs_one}, "teardown is called without arguments"),
        ({"metadata": {"a": object()}}, "metadata"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_measured(wrong: dict[str, Any], complaint: str) -> None:
    framework = PerformanceTestFramework()
    right = {"test_name": "total", "base": refuse, "candidate": refuse, **QUICK}
    with pytest.raises(ConfigurationError, match=complaint):
        framework.run_duet(**{**right, **wrong})
    assert not framework.duets


@pytest.mark.parametrize("side", ["base", "candidate"])
def test_what_belongs_to_one_process_is_refused(side: str) -> None:
    with socket.socket() as connection:
        operations: dict[str, Any] = {"base": refuse, "candidate": refuse, side: connection.fileno}
        with pytest.raises(ConfigurationError, match=f"{side} cannot be handed to a fresh process.*in setup="):
            PerformanceTestFramework().run_duet("total", **operations, **QUICK)


def fails() -> None:
    raise ValueError("postgres://ann:s3cret@db/x")


def makes_a_coroutine() -> object:
    return asyncio.sleep(0)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"base": fails}, "total cannot be compared: base: ValueError"),
        ({"candidate": fails}, "candidate: ValueError"),
        ({"setup": fails}, "both sides: ValueError"),
        ({"candidate": makes_a_coroutine}, "candidate: TypeError: it returns a coroutine .*async def"),
        ({"candidate": lambda: os._exit(9)}, "candidate: its process ended with exit code 9"),
    ],
)
def test_what_fails_is_named_and_not_compared(wrong: dict[str, Any], complaint: str) -> None:
    framework = PerformanceTestFramework()
    with pytest.raises(MeasurementError, match=complaint) as caught:
        framework.run_duet(**{"test_name": "total", "base": counting(10), "candidate": counting(10), **QUICK, **wrong})
    assert "s3cret" not in str(caught.value)
    assert not framework.duets


def test_a_ctrl_c_ends_it_and_nothing_is_kept(tmp_path: Path) -> None:
    here, once = os.getpid(), tmp_path / "pressed"

    def press() -> None:
        with contextlib.suppress(FileExistsError):
            once.touch(exist_ok=False)
            os.kill(here, signal.SIGINT)

    framework = PerformanceTestFramework()
    with pytest.raises(KeyboardInterrupt):
        framework.run_duet("total", counting(10), press, pairs=200)
    assert not framework.duets
    assert framework.generate_report()


class Stopping:
    """An observer at whose second pair somebody presses Ctrl-C."""

    def pair(self, done: int, planned: int, lost: int) -> None:
        assert (planned, lost) == (20, 0)
        if done == 2:
            raise KeyboardInterrupt


def test_a_duet_that_was_interrupted_has_its_pairs() -> None:
    arms = sides_of_callables("total", counting(10), counting(10), None, None)
    run = run_duet(DuetPlan(arms, Side("base"), Side("candidate"), pair=Plan(epochs=2)), SYSTEM_CLOCK, Stopping())
    assert isinstance(run.stopped_by, KeyboardInterrupt)
    (record,) = run.records
    assert len(record.pairs) == 2
    assert all(len(pair.base.epoch_ns) == len(pair.candidate.epoch_ns) == 2 for pair in record.pairs)


def test_adaptive_looks_are_recorded_and_the_first_that_proves_something_ends_it() -> None:
    result = PerformanceTestFramework().run_duet("total", counting(200), counting(4_000), adaptive=True, seed=7)
    assert (result.record.looks, result.pairs) == ((12, 24, 48), 12)
    assert result.verdict is Verdict.REGRESSED
