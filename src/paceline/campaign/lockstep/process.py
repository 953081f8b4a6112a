"""The other end of a worker: starts it, tells it what to do, hears what it saw, and ends it whatever happens."""

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paceline.campaign.lockstep import worker
from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.core.redaction import redact

# By its folder, for the package need not be there; the folder's place in the path is the test's own afterwards.
_START = "import sys; sys.path.insert(0, sys.argv[1]); import worker; worker.main(int(sys.argv[2]), int(sys.argv[3]))"
_FOLDER = str(Path(worker.__file__).parent)
_CHUNK = 1 << 16
_END_S = 2.0  # for a process to end whose orders have ended
_LAST_WORDS = 2_000  # bytes of standard error that are told


class WorkerLost(MeasurementError):  # noqa: N818  # named by what happened, like a signal
    """A process of a duet died, or does not answer.

    Attributes:
        role: of the process.
        test: that it was at; empty before the first.
        names: of the tests that were to be walked.
    """

    def __init__(self, role: str, text: str) -> None:
        super().__init__(f"{role}: {text}")
        self.role = role
        self.test = ""
        self.names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Item:
    """A test, as a worker is told it.

    Attributes:
        name: of the test.
        order: what the worker loads it from: ``call``, ``setup``, ``teardown`` by name, or ``pickled``.
    """

    name: str
    order: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a process cannot compare a test.

    Attributes:
        text: what happened.
        is_skip: whether that is as the test wants it.
    """

    text: str
    is_skip: bool = False


@dataclass(frozen=True)
class Guest:
    """A test session that takes part in a duet, and has the list of its tests itself.

    Attributes:
        serve: ``module:function`` that a worker hands its orders to.
        arguments: of the session.
    """

    serve: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Arm:
    """One of the processes of a pair.

    Attributes:
        role: what it is called in messages, such as 'candidate'.
        python: its interpreter.
        folder: its current folder.
        items: what it is to walk; none where a guest knows it.
        checkout, copy: imports from below the first come from the second instead; None for no such thing.
        environment: variables set for it beside this process's own.
        guest: the session whose tests are walked.
    """

    role: str
    python: str
    folder: Path
    items: tuple[Item, ...]
    checkout: Path | None = None
    copy: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    guest: Guest | None = None


@dataclass(frozen=True)
class Hello:
    """What a worker says it is.

    Attributes:
        python, implementation, executable: its interpreter.
        shortest_single_ns: from which length on calls are timed singly.
        names: of its tests.
        not_listed: why it could not list others, by file.
    """

    python: str
    implementation: str
    executable: str
    shortest_single_ns: float
    names: tuple[str, ...]
    not_listed: Mapping[str, str]


class Worker:
    """A process that measures by order.

    Args:
        arm: what it is.
        layout: environment variables drawn for its pair.
        core: the only core it may use; None for all.
        clock: for time limits.
        limit_s: how long an answer may take.

    Raises:
        WorkerLost: the process cannot be started.
    """

    def __init__(self, arm: Arm, layout: Mapping[str, str], core: int | None, clock: Clock, limit_s: float) -> None:
        self.role = arm.role
        self.pid = 0  # as it says itself: an interpreter may be a script that starts another
        self._copy = "" if arm.copy is None else f"{arm.copy}{os.sep}"
        self._clock = clock
        self._limit_s = limit_s
        self._unread = b""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # its standard error, told if it is lost; closed at its end
        orders_read, self._orders = os.pipe()
        self._answers, answers_write = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603  # the interpreter that was asked for
                [arm.python, "-c", _START, _FOLDER, str(orders_read), str(answers_write)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # what the user's code prints is no part of the comparison
                stderr=self._said,
                pass_fds=(orders_read, answers_write),
                cwd=arm.folder,
                env={**os.environ, **arm.environment, **layout},
                start_new_session=True,  # a Ctrl-C is the parent's to deal with
            )
        except OSError as error:
            self._close()
            raise WorkerLost(arm.role, f"{arm.python} cannot be run: {error.strerror or error}") from error
        finally:
            os.close(orders_read)
            os.close(answers_write)
        try:
            self._say(
                core=core,
                layout=int(layout["PYTHONHASHSEED"]),
                folder=str(arm.folder),
                checkout=str(arm.checkout) if arm.checkout else None,
                copy=str(arm.copy) if arm.copy else None,
                items=[{"name": item.name, **item.order} for item in arm.items],
                serve=arm.guest.serve if arm.guest else None,
                arguments=arm.guest.arguments if arm.guest else (),
            )
        except BaseException:
            self.kill()  # nobody else knows of it yet
            raise

    def hello(self) -> Hello:
        """What it is, and what it has.

        Raises:
            WorkerLost: it speaks another version of the protocol, or does not answer.
            ConfigurationError: it cannot take part; the message says why.
        """
        said = self._hear("protocol")
        self.pid = said["pid"]
        if said.get("protocol") != worker.PROTOCOL:
            raise WorkerLost(
                self.role,
                f"its process speaks version {said.get('protocol')} of the protocol, this one "
                f"{worker.PROTOCOL}: install the same version of Paceline on both sides",
            )
        listed = self._hear("list", "refused")
        if "refused" in listed:
            told = ": ".join(filter(None, (listed["refused"], self._last_words("error"))))
            raise ConfigurationError(f"{self.role}: {self.told(told)}")
        return Hello(
            said["python"],
            said["implementation"],
            said["executable"],
            said["shortest_single_ns"],
            tuple(listed["list"]),
            {file: self.told(reason) for file, reason in listed.get("not_listed", {}).items()},
        )

    def open(self, name: str, following: str | None) -> dict[str, Any]:
        """Let it prepare a test, and say which one comes after it; ``ready`` with what it measures, or ``left_out``."""
        self._say(open=name, next=following)
        return self._hear("ready", "left_out")

    def trouble_in(self, said: Mapping[str, Any]) -> Trouble | None:
        """What an answer says of why a test cannot be compared."""
        text = said.get("left_out") or said.get("failed")
        return None if text is None else Trouble(self.told(text), bool(said.get("skipped")))

    def ask(self, expected: str, **order: Any) -> dict[str, Any]:  # noqa: ANN401  # whatever JSON can hold
        """Give an order; the answer, which has ``expected``, or ``failed`` where the operation raised."""
        self._say(**order)
        return self._hear(expected, "failed")

    def go_on(self) -> dict[str, Any]:
        """Let it leave what it measures; ``ready`` with what the test measures next, or ``closed`` at its end."""
        self._say(do="close")
        return self._hear("ready", "closed")

    def close_test(self, said: dict[str, Any]) -> dict[str, Any]:
        """Let it leave a test, of which it ``said`` the last so far; what it says at the end of it."""
        while "ready" in said:
            said = self.go_on()
        return said

    def told(self, text: str) -> str:
        """What the user's code said, for people: no credentials, and no place that is gone afterwards."""
        return redact(text.replace(self._copy, "") if self._copy else text)

    @property
    def group(self) -> int:
        """Of processes, which it leads."""
        return self._process.pid

    def let_end(self) -> None:
        """Give no more orders, upon which the process ends."""
        os.close(self._orders)
        self._orders = -1

    def end(self) -> None:
        """Wait for the end of the process; kill it and what it started if it does not come."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self.kill()

    def kill(self) -> None:
        """End the process and all of its group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._close()

    def _close(self) -> None:
        for descriptor in (self._orders, self._answers):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._orders = self._answers = -1
        self._said.close()

    def _say(self, **message: Any) -> None:  # noqa: ANN401  # whatever JSON can hold
        data = json.dumps(message).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._orders, data) :]
        except BrokenPipeError:
            raise self._lost() from None

    def _hear(self, *expected: str) -> dict[str, Any]:
        """The next message, which has one of ``expected`` and comes from the process itself."""
        until_s = self._clock.now_s() + self._limit_s
        poller = select.poll()
        poller.register(self._answers, select.POLLIN)
        while b"\n" not in self._unread:
            left_s = until_s - self._clock.now_s()
            if left_s <= 0 or not poller.poll(left_s * 1000):
                raise WorkerLost(
                    self.role, f"no answer for {self._limit_s:g} s; calls that take so long need a longer --timeout"
                )
            data = os.read(self._answers, _CHUNK)
            if not data:
                raise self._lost()
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        try:
            said = json.loads(line)
        except ValueError as error:
            raise WorkerLost(self.role, f"its process said what is no message: {line[:80]!r}") from error
        if not isinstance(said, dict) or not any(each in said for each in expected):
            raise WorkerLost(self.role, f"its process answered out of turn: {line[:80]!r}")
        if self.pid and said.get("pid") != self.pid:
            raise WorkerLost(self.role, "a process that the test forked went on in its place: end it with os._exit()")
        return said

    def _lost(self) -> WorkerLost:
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            how = "closed its pipes"
        else:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        words = self._last_words()
        return WorkerLost(self.role, redact(f"its process {how}" + (f": {words}" if words else "")))

    def _last_words(self, about: str = "") -> str:
        """The last line of its standard error, if there is one the last that has ``about`` in it."""
        self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, self._said.tell() - _LAST_WORDS))
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        telling = [line for line in lines if about in line.lower()]
        return (telling or lines or [""])[-1].strip()


def start_all(
    arms: Sequence[Arm], layout: Mapping[str, str], core: int | None, clock: Clock, limit_s: float
) -> tuple[Worker, ...]:
    """A worker for each arm, or none.

    Raises:
        WorkerLost: one cannot be started.
    """
    started: list[Worker] = []
    try:
        started.extend(Worker(arm, layout, core, clock, limit_s) for arm in arms)
    except BaseException:
        for each in started:
            each.kill()
        raise
    return tuple(started)
