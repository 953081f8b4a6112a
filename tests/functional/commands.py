"""``python -m NAME`` in a process of its own, without its half second of imports: forked from one that has made them.

What is tested is a real process all the same: its working directory, arguments, environment, streams, signals and exit
code are its own, and what it starts are fresh interpreters. What a fork cannot show is that the command imports what
it needs: commands that are interrupted, piped or killed start anew, as every command does in ``test_requirements``.

One process that forks for each process of tests, started when it is first needed. It ends when nobody can ask any more.
"""

import atexit
import functools
import gc
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
COMMAND = "paceline.cli.main"
# Read by the interpreter when it starts, or by the linker before that: a fork cannot obey others.
_EARLY = ("PYTHON", "LD_", "LC_ALL")
_OBEYED = {"PYTHONPATH", "PYTHONIOENCODING"}
_LOCALE = {"LC_ALL": "C.UTF-8"}
_NUMBER_BYTES = 8
_LONGEST = 1 << 20


class Asked(msgspec.Struct):
    """What is to be run."""

    words: list[str]
    folder: str
    environment: dict[str, str]


def paceline(
    folder: Path, *words: str, env: Mapping[str, str] | None = None, timeout_s: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """The command with these words, in this folder."""
    return python_m(folder, COMMAND, *words, env=env, timeout_s=timeout_s)


def python_m(
    folder: Path, *words: str, env: Mapping[str, str] | None = None, timeout_s: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """``python -m`` with these words, in this folder: as :func:`subprocess.run`, without input, with both outputs."""
    environment = {**_LOCALE, **(os.environ if env is None else env)}
    assert _early(environment) == _early({**os.environ, **_LOCALE}), "such an environment needs a fresh interpreter"
    ends_s = time.monotonic() + timeout_s
    out, out_there = os.pipe()
    err, err_there = os.pipe()
    server = _server()
    try:
        order = msgspec.json.encode(Asked(list(words), str(folder), environment))
        socket.send_fds(server, [len(order).to_bytes(_NUMBER_BYTES)], [out_there, err_there])
        server.sendall(order)
    finally:
        os.close(out_there)
        os.close(err_there)
    pid = _number(server)
    said = _read_all({out: b"", err: b""}, ends_s)
    if said is None:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(_number(server))
    if said is None:
        raise subprocess.TimeoutExpired(list(words), timeout_s)
    return subprocess.CompletedProcess(list(words), code, _text(said[out]), _text(said[err]))


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_EARLY) and name not in _OBEYED}


def _text(data: bytes) -> str:
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")


def _read_all(said: dict[int, bytes], ends_s: float) -> dict[int, bytes] | None:
    """What comes by these pipes until they are closed; None if that takes too long."""
    with selectors.DefaultSelector() as selector:
        for each in said:
            selector.register(each, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, ends_s - time.monotonic()))
            for key, _ in ready:
                if data := os.read(key.fd, _LONGEST):
                    said[key.fd] += data
                else:
                    selector.unregister(key.fd)
            if not ready:
                break
        is_whole = not selector.get_map()
    for each in said:
        os.close(each)
    return said if is_whole else None


def _number(connection: socket.socket) -> int:
    return int.from_bytes(_exactly(connection, _NUMBER_BYTES))


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


@functools.cache
def _server() -> socket.socket:
    """A connection to the process that forks."""
    ours, theirs = socket.socketpair()
    with theirs:
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.functional.commands import serve; serve()"
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # One thread: what is forked from several has the locks that the others held.
            env={**os.environ, **_LOCALE, "OPENBLAS_NUM_THREADS": "1"},
        )

    assert process.wait() == 0
    atexit.register(ours.close)
    return ours


def serve() -> None:
    """Import, then fork for each order that comes, one after the other."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    if os.fork():
        os._exit(0)  # no child of the tests', which count and measure their children
    _import()
    gc.freeze()  # what is there stays: a child that looked for garbage in it would copy it all
    while True:
        try:
            size, descriptors, _, _ = socket.recv_fds(connection, _NUMBER_BYTES, 2)
            size += _exactly(connection, _NUMBER_BYTES - len(size))
            asked = msgspec.json.decode(_exactly(connection, int.from_bytes(size)), type=Asked)
        except (EOFError, ConnectionResetError):
            return None
        pid = os.fork()
        if pid == 0:
            connection.close()
            return _become(asked, descriptors)
        for each in descriptors:
            os.close(each)
        connection.sendall(pid.to_bytes(_NUMBER_BYTES))
        connection.sendall(os.waitpid(pid, 0)[1].to_bytes(_NUMBER_BYTES))


def _import() -> None:
    """What commands import sooner or later."""
    from importlib import import_module

    from paceline.cli.main import _COMMANDS

    for module, _ in _COMMANDS.values():
        import_module(module)
    for module in ("numpy", "scipy.optimize", "scipy.special", "sqlalchemy.dialects.sqlite", "pytest"):
        import_module(module)


def _become(asked: Asked, descriptors: list[int]) -> None:
    """What was asked for. It ends as any program: by the end of the interpreter, with all that this does."""
    for number, descriptor in enumerate(descriptors, start=1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(asked.environment)
    os.chdir(asked.folder)
    module, *words = asked.words
    for name in list(sys.modules):
        # A plugin that is there already cannot be rewritten by pytest.
        if name.partition(".")[0] in ({"tests"} if module == COMMAND else {"tests", "paceline", "infrastructure"}):
            del sys.modules[name]
    given = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    # What is imported already stays importable, or the processes that a command starts would have another Paceline.
    sys.path[:] = dict.fromkeys([asked.folder, *given, *sys.path[2:]])
    sys.argv = [module, *words]
    # Anew: what these know of their files was found out when the server started.
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    sys.stdout = os.fdopen(1, "w", encoding=encoding, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding=encoding, errors="backslashreplace", closefd=False)
    if module == COMMAND:
        from paceline.cli.main import main

        main()
    else:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
