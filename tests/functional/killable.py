"""What ``test_kill.py`` kills: a small suite that journals, saves a baseline and exports, over and over.

Started as a process, it imports everything once and forks a child for each line on standard input:
``{"folder": ..., "kill_at": call number or null, "mode": "before" | "after" | "middle"}``. It answers each with
``{"status": exit status, negative for a signal}``. What a run has to say is in ``said.jsonl`` in its folder.
"""

import json
import os
import signal
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, NoReturn

from paceline.core.errors import FileFormatError
from paceline.framework import PerformanceTestFramework
from paceline.judge.result import TestResult
from paceline.records.run_record import TestType
from paceline.store.journal import Journal, read_journal

NAMES = ("first", "second", "third", "fourth", "fifth")
LASTING_CALLS = ("open", "write", "fsync", "replace", "unlink")


class Executioner:
    """Counts the lasting calls of this process and ends it at one of them, as ``kill -9`` and power cuts do."""

    def __init__(self, kill_at: int | None, mode: str) -> None:
        self.calls = 0
        self._kill_at = kill_at
        self._mode = mode
        for name in LASTING_CALLS:
            self._watch(name)

    def _watch(self, name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls != self._kill_at:
                return real(*arguments, **options)
            try:
                if self._mode == "middle" and name == "write":
                    descriptor, data = arguments
                    real(descriptor, bytes(data)[: len(data) // 2])
                elif self._mode != "before":
                    real(*arguments, **options)
            finally:  # also when the call failed, such as the removal of what is not there
                die()

        setattr(os, name, call)


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


class Calls:
    """The operation: it counts how often it was called."""

    def __init__(self) -> None:
        self.made = 0

    def make(self) -> None:
        self.made += 1


def work(said: IO[str]) -> None:
    """The suite. What it says is flushed by the interpreter's own calls, which are not counted."""

    def say(**facts: object) -> None:
        print(json.dumps(facts), file=said, flush=True)

    journal = Journal(Path("journal.jsonl"), "suite")
    framework = PerformanceTestFramework(journal=journal, finished=finished_before())
    for number, name in enumerate(NAMES, start=1):
        calls = Calls()
        result = framework.run_benchmark(name, TestType.API_ENDPOINT, calls.make, iterations=3, warmup_iterations=1)
        say(finished=name, metrics=result.metrics.to_dict(), calls=calls.made)
        framework.save_baseline("baseline.json")
        say(saved=number)
        framework.export_json("results.json")
        say(exported=number)
        journal.add_partial(replace(result.record, name="long", started_at=f"slice {number}"))
        say(sliced=number)
    journal.close()


def finished_before() -> tuple[TestResult, ...]:
    try:
        return read_journal(Path("journal.jsonl")).results
    except (FileNotFoundError, FileFormatError):  # a first run, or one that died before its first line
        return ()


def child(folder: str, kill_at: int | None, mode: str) -> int:
    """One run in ``folder``, in a process of its own."""
    os.chdir(folder)
    with Path("said.jsonl").open("a", encoding="utf-8") as said:
        try:
            executioner = Executioner(kill_at, mode)
            work(said)
            print(json.dumps({"calls": executioner.calls}), file=said, flush=True)
        except BaseException:  # noqa: BLE001  # shown, and the exit status says it
            traceback.print_exc()
            return 1
    return 0


def serve() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(child(order["folder"], order["kill_at"], order["mode"]))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(json.dumps({"status": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    # Loaded before the first fork: numpy takes longer to import than the whole suite to run.
    import numpy as np

    np.zeros(1)
    serve()
