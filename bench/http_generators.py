"""Load generators, each run in a process of its own: wrk, Locust and Paceline."""

import json
import os
import pty
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.http_servers import pinned

_US_PER_S = 1e6
_GRACE_S = 20.0  # for start, warm-up, 10,000 connects and the end of a generator, beyond its time of load
_LOCUST = Path(__file__).parents[1] / ".venv-locust" / "bin" / "locust"
_BLOCKED = Path(__file__).parent / "without_uvloop"
_LOCUST_WARMUP_S = 1


class GeneratorError(Exception):
    """A generator could not run, or what it says cannot be used."""


@dataclass(frozen=True)
class Seen:
    """What one run of a generator came to.

    Attributes:
        rate: answers a second.
        cpu_us: CPU time of the generator for each.
    """

    rate: float
    cpu_us: float


def wrk(url: str, connections: int, seconds: int, core: int) -> Seen:
    """One thread of wrk.

    Raises:
        GeneratorError: it is not installed, or some answers were none.
    """
    printed, cpu_s = finished(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url], seconds, core)
    if "Socket errors" in printed or "Non-2xx" in printed:
        raise GeneratorError(f"wrk saw errors: {printed}")
    rate = re.search(r"Requests/sec:\s*([\d.]+)", printed)
    total = re.search(r"(\d+) requests in", printed)
    assert rate is not None
    assert total is not None
    return Seen(float(rate[1]), cpu_s / int(total[1]) * _US_PER_S)


def locust(url: str, connections: int, seconds: int, core: int) -> Seen:
    """One process of Locust with FastHttpUser; users start within the first second, which does not count.

    Raises:
        GeneratorError: it is not installed, or some answers were none.
    """
    if not _LOCUST.exists():
        raise GeneratorError(f"{_LOCUST} is missing: 'make bench-http' makes it")
    command = [
        str(_LOCUST), "-f", str(Path(__file__).with_name("http_locustfile.py")), "--headless", "--json",
        "--reset-stats", "--loglevel", "ERROR", "--host", url.rstrip("/"),
        "-u", str(connections), "-r", str(connections), "-t", f"{seconds + _LOCUST_WARMUP_S}s",
    ]  # fmt: skip
    printed, cpu_s = finished(command, seconds, core)
    (stats,) = json.loads(printed)
    if stats["num_failures"]:
        raise GeneratorError(f"Locust saw {stats['num_failures']} failures")
    window_s = stats["last_request_timestamp"] - stats["start_time"]
    # Its CPU time is that of the whole process, importing included: a little too much for it, and only shown.
    return Seen(stats["num_requests"] / window_s, cpu_s / stats["num_requests"] * _US_PER_S)


def finished(command: list[str], seconds: float, core: int) -> tuple[str, float]:
    """Run ``command`` on ``core``: what it printed and the CPU seconds that it and its children took.

    Raises:
        GeneratorError: it is not installed, failed, or did not end.
    """
    before_s = _children_cpu_s()
    try:
        with pinned(core):
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=seconds + _GRACE_S,
                check=False,
                stdin=subprocess.DEVNULL,
            )
    except FileNotFoundError as error:
        raise GeneratorError(f"{command[0]} is not installed: run 'make bench-http', which says how") from error
    except subprocess.TimeoutExpired as error:
        raise GeneratorError(f"{command[0]} did not end {_GRACE_S:g} s after its time") from error
    if done.returncode:
        raise GeneratorError(f"{Path(command[0]).name}: {_last_line(done.stderr) or _last_line(done.stdout)}")
    return done.stdout, _children_cpu_s() - before_s


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of those that have ended: one at a time here
    return used.ru_utime + used.ru_stime


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


@dataclass(frozen=True)
class Told:
    """What Paceline says of one run; the fields are those of ``bench.http_paceline.told``."""

    rate: float
    attempts: int
    not_ok: int
    p99_ms: float
    cpu_us: float
    lags_us: Mapping[str, float]
    findings: tuple[str, ...]

    @property
    def seen(self) -> Seen:
        """Rate and cost."""
        return Seen(self.rate, self.cpu_us)


def bare_arrivals_us(url: str, per_second: float, seconds: int, core: int, connections: int) -> Mapping[str, float]:
    """Lag p50 and p99 of ``bare_arrivals.c``, in microseconds; empty where there is no C compiler.

    Raises:
        GeneratorError: it failed, or did not end.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        return {}
    source = Path(__file__).with_name("bare_arrivals.c")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "bare_arrivals"
        numbers = (urlsplit(url).port, per_second, seconds, core, connections)
        try:
            subprocess.run([compiler, "-O2", "-o", str(program), str(source)], check=True, capture_output=True)
            done = subprocess.run(
                [str(program), *map(str, numbers)], check=True, capture_output=True, timeout=seconds + _GRACE_S
            )
        except subprocess.SubprocessError as error:
            raise GeneratorError(f"bare_arrivals: {error}") from error
    lags: Mapping[str, float] = json.loads(done.stdout)
    return lags


def paceline(
    load: str,
    arguments: Mapping[str, object],
    core: int,
    *,
    uvloop: bool = True,
    watch: Callable[[psutil.Process, float], None] | None = None,
) -> Told:
    """One run of Paceline: function ``load`` of ``bench.http_paceline``.

    Args:
        arguments: its keyword arguments; ``duration_s`` is one of them.
        core: where the load's process runs; its parent, which samples and judges, is left on the others.
        uvloop: False hides uvloop from it, so that it takes asyncio's default loop.
        watch: called with the process while it runs and the seconds that this may take; returns when it has ended.

    Raises:
        GeneratorError: it failed, did not end, or some attempts were not ok.
    """
    seconds = float(str(arguments["duration_s"]))
    environment = dict(os.environ)
    if not uvloop:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_BLOCKED), environment.get("PYTHONPATH"))))
    # By -c, so that the functions live in a module with a name that Paceline's child can import, too.
    code = "from bench.http_paceline import main; main()"
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", code, load, json.dumps(arguments), str(core)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment,
        )  # fmt: skip
        with ended_with(process):
            if watch is not None:
                watch(psutil.Process(process.pid), seconds + _GRACE_S)
            try:
                printed, _ = process.communicate(timeout=seconds + _GRACE_S)
            except subprocess.TimeoutExpired as error:
                raise GeneratorError(f"Paceline did not end {_GRACE_S:g} s after its time") from error
        errors.seek(0)
        if process.returncode:
            raise GeneratorError(f"Paceline: {_last_line(errors.read())}")
    fields = json.loads(_last_line(printed))
    told = Told(**{**fields, "findings": tuple(fields["findings"])})
    if told.not_ok:
        raise GeneratorError(f"Paceline: {told.not_ok} of {told.attempts} attempts were not ok")
    return told


class ended_with:  # noqa: N801  # reads as a statement
    """Leave no process behind: neither ``process`` nor what it started."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            family = [*_children(psutil.Process(self._process.pid)), psutil.Process(self._process.pid)]
            for member in family:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
            self._process.wait()


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@dataclass
class Watched:
    """The generating process of a run, looked at from outside twice a second.

    Attributes:
        rss: seconds since it was first seen, and bytes of memory, by pid.
        files: the most open files, by pid.
        cpu_s: CPU seconds, by pid.
    """

    rss: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    files: dict[int, int] = field(default_factory=dict)
    cpu_s: dict[int, float] = field(default_factory=dict)

    def __call__(self, process: psutil.Process, at_most_s: float) -> None:
        """Look until it ends."""
        begun_s: dict[int, float] = {}
        ends_s = time.monotonic() + at_most_s
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < ends_s:
            for member in (process, *_children(process)):
                with suppress(psutil.Error):
                    now_s, times = time.monotonic(), member.cpu_times()
                    since_s = now_s - begun_s.setdefault(member.pid, now_s)
                    self.rss.setdefault(member.pid, []).append((since_s, member.memory_info().rss))
                    self.files[member.pid] = max(self.files.get(member.pid, 0), member.num_fds())
                    self.cpu_s[member.pid] = times.user + times.system
            time.sleep(0.5)

    @property
    def generator(self) -> int:
        """The pid of the process that worked most: the load is driven at full speed."""
        return max(self.cpu_s, key=lambda pid: self.cpu_s[pid])

    def most_rss(self) -> int:
        """The most memory that the generator had."""
        return max(held for _, held in self.rss[self.generator])

    def growth_after(self, seconds: float) -> int:
        """How far its memory rose above what it was after ``seconds``."""
        later = [held for since_s, held in self.rss[self.generator] if since_s >= seconds]
        return max(later) - later[0]


def command_lag_us(url: str, per_second: int, duration_s: int, *, terminal: bool) -> float:
    """The p99 of lag that ``paceline http`` reports, shown on a terminal or piped; on any core, as people run it.

    Raises:
        GeneratorError: it failed or did not end.
    """
    with tempfile.TemporaryDirectory(prefix="paceline-bench-") as folder:
        results = Path(folder) / "results.json"
        command = [
            str(Path(sys.executable).with_name("paceline")), "http", url, "--rate", str(per_second),
            "--duration", f"{duration_s}s", "--connections", "50", "--json", str(results),
        ]  # fmt: skip
        reader, writer = pty.openpty() if terminal else os.pipe()
        if terminal:
            termios.tcsetwinsize(writer, (40, 120))
        shown: list[bytes] = []
        drain = threading.Thread(target=_drain, args=(reader, shown))
        drain.start()
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, cwd=folder, text=True,
                env={**os.environ, "TERM": "xterm-256color"},
            )  # fmt: skip
            os.close(writer)
            with ended_with(process):
                try:
                    process.wait(duration_s + _GRACE_S)
                except subprocess.TimeoutExpired as error:
                    raise GeneratorError(f"paceline http did not end {_GRACE_S:g} s after its time") from error
        finally:
            drain.join(_GRACE_S)
            os.close(reader)
        if not results.exists():
            told = _last_line(b"".join(shown).decode(errors="replace"))
            raise GeneratorError(f"paceline http, exit code {process.returncode}: {told}")
        (result,) = json.loads(results.read_text())["results"]
        return float(result["metrics"]["lag_p99_ms"]) * 1_000


def _drain(reader: int, into: list[bytes]) -> None:
    with suppress(OSError):  # how a terminal tells that nobody writes to it any more
        while read := os.read(reader, 65_536):
            into.append(read)
