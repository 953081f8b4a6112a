"""One process of a duet: walks a list of tests and measures what it is told, when it is told.

Imported from its folder by whatever interpreter a side has (a script would be compiled anew in each process): it needs
Python 3.8 and the standard library, and no Paceline of the version that started it. That is why it imports nothing of
the rest and reads the clock itself. A test session that wants to take part in a duet imports :class:`Channel` and
:func:`perform`.

Messages are lines of JSON. The process speaks first: ``hello``, then ``list`` (names of its tests). For each test that
it is sent to (``open``): ``ready``, or ``left_out`` with the reason; then an answer to each ``calibrate`` and
``epoch``, until ``close``. It ends with its orders.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import platform
import sys
import sysconfig
import time
from itertools import repeat
from pathlib import Path

TYPE_CHECKING = False  # typing itself would be a tenth of the start
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator  # noqa: UP035  # for Python 3.8

PROTOCOL = 1
_CALIBRATION_NS = 2_000_000
_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE
_SHORTEST_SINGLE_NS = 10_000  # below it two readings of the clock are more than 1 % of a call


class Channel:
    """Lines of JSON over two descriptors.

    Args:
        reading, writing: open descriptors; they are this channel's from now on.
    """

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = os.fdopen(reading, "r", encoding="utf-8")
        self._writing = os.fdopen(writing, "w", encoding="utf-8")

    def say(self, **message: Any) -> None:  # noqa: ANN401  # whatever JSON can hold
        """Send a message, and who sends it: what an operation forks has this channel too."""
        message["pid"] = os.getpid()
        self._writing.write(json.dumps(message) + "\n")
        self._writing.flush()

    def orders(self) -> Iterator[dict[str, Any]]:
        """What comes, until the other side has gone."""
        for line in self._reading:
            yield json.loads(line)

    def close(self) -> None:
        """Give back both descriptors."""
        self._reading.close()
        self._writing.close()


class Performer:
    """Calls an operation as often as it is told.

    Args:
        operation: function or coroutine function without arguments.
        run: what makes a coroutine's result, such as ``loop.run_until_complete``; needed for a coroutine function.
    """

    def __init__(self, operation: Callable[[], Any], run: Callable[[Any], Any] | None = None) -> None:
        self._operation = operation
        self._run = run if is_asynchronous(operation) else None

    def calibrate(self) -> float:
        """Nanoseconds a call, after enough of them to have warmed up.

        Raises:
            TypeError: a call only makes a coroutine, which nobody awaits.
            RuntimeError: the first call returned that it failed.
        """
        returned = self._operation()
        if self._run is not None:
            returned = self._run(returned)
        elif type(returned).__name__ == "coroutine":
            returned.close()  # nobody is told that it was never awaited
            raise TypeError("it returns a coroutine and is no coroutine function: make it 'async def'")
        if _is_error(returned):
            raise RuntimeError(f"it returned {returned!r}")
        calls, spent = 1, 0
        while True:
            total = self._batch(calls)
            spent += total
            if total >= _CALIBRATION_NS or spent >= 4 * _CALIBRATION_NS:
                return total / calls
            calls *= 2

    def epoch(self, calls: int, planted: float, *, singly: bool) -> tuple[int, list[int] | None, int]:
        """Total nanoseconds of ``calls`` calls, of each if they are timed ``singly``, and how many returned an error.

        With ``planted`` above 0 the time is made longer by that share, with work inside the window. What calls return
        is looked at only where they are timed singly: elsewhere a look takes as long as a call.
        """
        if singly:
            samples, errors = self._singly(calls, planted)
            return sum(samples), samples, errors
        return self._batch(calls, planted), None, 0

    def _batch(self, calls: int, planted: float = 0.0) -> int:
        if self._run is not None:
            return int(self._run(self._batch_of_coroutines(calls, planted)))
        operation, clock = self._operation, time.perf_counter_ns
        start = clock()
        for _ in repeat(None, calls):
            operation()
        if planted:
            _spin(start, clock(), planted)
        return clock() - start

    async def _batch_of_coroutines(self, calls: int, planted: float) -> int:
        operation, clock = self._operation, time.perf_counter_ns
        start = clock()
        for _ in repeat(None, calls):
            await operation()
        if planted:
            _spin(start, clock(), planted)
        return clock() - start

    def _singly(self, calls: int, planted: float) -> tuple[list[int], int]:
        if self._run is not None:
            samples, errors = self._run(self._singly_coroutines(calls, planted))
            return samples, errors
        operation, clock = self._operation, time.perf_counter_ns
        samples, errors = [0] * calls, 0
        for number in range(calls):
            start = clock()
            returned = operation()
            if planted:
                _spin(start, clock(), planted)
            samples[number] = clock() - start
            errors += returned is not None and _is_error(returned)
        return samples, errors

    async def _singly_coroutines(self, calls: int, planted: float) -> tuple[list[int], int]:
        operation, clock = self._operation, time.perf_counter_ns
        samples, errors = [0] * calls, 0
        for number in range(calls):
            start = clock()
            returned = await operation()
            if planted:
                _spin(start, clock(), planted)
            samples[number] = clock() - start
            errors += returned is not None and _is_error(returned)
        return samples, errors


def is_asynchronous(operation: Callable[[], Any]) -> bool:
    """Whether calls of it are to be awaited."""
    code = getattr(operation, "__code__", None)
    if code is not None:
        return bool(code.co_flags & _CO_COROUTINE)
    import inspect  # seldom needed, and a quarter of the start

    call = getattr(operation, "__call__", None)  # noqa: B004  # of an object with an async __call__
    return inspect.iscoroutinefunction(operation) or inspect.iscoroutinefunction(call)


def _is_error(returned: object) -> bool:
    """Whether a call said that it failed, as ``paceline.Outcome.error(...)`` does, of whatever version."""
    kind = type(returned)
    return kind.__name__ == "Outcome" and getattr(getattr(returned, "end", None), "name", "") == "ERROR"


def _spin(start: int, end: int, share: float) -> None:
    until = start + round((end - start) * (1 + share))
    while time.perf_counter_ns() < until:
        pass


def perform(orders: Iterator[dict[str, Any]], channel: Channel, performer: Performer) -> None:
    """Measure by order until the test is closed; whatever the operation raises is told, and ends the test."""
    for order in orders:
        kind = order["do"]
        if kind == "close":
            return
        try:
            if kind == "calibrate":
                channel.say(call_ns=performer.calibrate())
                continue
            gc.collect()
            total, samples, errors = performer.epoch(order["calls"], order["planted"], singly=order["singly"])
        except Exception as error:  # noqa: BLE001  # the user's: told to whoever compares
            channel.say(failed=_text_of(error))
        else:
            channel.say(total_ns=total, samples_ns=samples, errors=errors)


def hello(channel: Channel) -> None:
    """Say what this process is."""
    channel.say(
        protocol=PROTOCOL,
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        executable=os.path.realpath(sys.executable),
        shortest_single_ns=_SHORTEST_SINGLE_NS,
    )


def _installed() -> list[str]:
    paths = sysconfig.get_paths()
    return [os.path.realpath(paths[key]) + os.sep for key in ("stdlib", "platstdlib", "purelib", "platlib")]


def first_party_files() -> list[str]:
    """Files of all modules that belong neither to Python nor to what is installed."""
    installed = _installed()
    own = os.path.realpath(__file__)
    files = set()
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if isinstance(name, str):
            path = os.path.realpath(name)
            if path != own and not any(path.startswith(folder) for folder in installed):
                files.add(path)
    return sorted(files)


def installed_packages() -> dict[str, str]:
    """File of each top-level module that was imported from where installations go."""
    paths = sysconfig.get_paths()
    places = [os.path.realpath(paths[key]) + os.sep for key in ("purelib", "platlib")]
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if "." not in name and isinstance(file, str):
            path = os.path.realpath(file)
            if any(path.startswith(place) for place in places):
                found[name] = path
    return found


def file_of(operation: object) -> list[str]:
    """The file that an operation was defined in, wherever that is."""
    while True:
        inner = getattr(operation, "__wrapped__", None) or (
            getattr(operation, "func", None) if type(operation).__name__ == "partial" else None
        )
        if inner is None:
            break
        operation = inner
    code = getattr(operation, "__code__", None) or getattr(type(operation).__call__, "__code__", None)
    module = sys.modules.get(getattr(operation, "__module__", None) or "")
    file = getattr(module, "__file__", None) if code is None else code.co_filename
    return [os.path.realpath(file)] if isinstance(file, str) and os.path.exists(file) else []  # noqa: PTH110


def forget_peak() -> None:
    """Let the peak begin anew: it is to be a test's, not that of the process."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return  # not Linux, or not allowed: then it is the most that the process held so far


def peak_rss_bytes() -> int | None:
    """The most memory this process held, since :func:`forget_peak` where that is possible."""
    try:  # Linux carries the figure of getrusage over from the process that started this one
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def move_paths(checkout: str, copy: str) -> None:
    """Let every import from below ``checkout`` come from ``copy`` instead.

    That holds for plain entries of ``sys.path`` (``PYTHONPATH``, ``.pth`` files of editable installations) and for
    the folders that editable finders map a package to.
    """
    inside = os.path.realpath(checkout) + os.sep
    installed = _installed()

    def moved(path: str) -> str:
        real = os.path.realpath(path) + os.sep
        if not real.startswith(inside) or any(real.startswith(folder) for folder in installed):
            return path  # an environment inside the checkout, as .venv is, stays what it is
        return str(Path(copy, real[len(inside) :]))

    sys.path[:] = [moved(entry) if entry else entry for entry in sys.path]
    for finder in sys.meta_path:
        mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", None)
        for source in mapping.values() if isinstance(mapping, dict) else ():
            parent = str(Path(moved(str(source))).parent)
            if parent != str(Path(source).parent) and parent not in sys.path:
                sys.path.insert(1, parent)


def load(reference: str) -> Callable[[], Any]:
    """The callable ``module:function`` or ``path/to/file.py:function``."""
    module_name, _, path = reference.rpartition(":")
    if module_name.endswith(".py"):
        from importlib.util import module_from_spec, spec_from_file_location

        stem = Path(module_name).stem
        spec = spec_from_file_location(stem, module_name)
        if spec is None or spec.loader is None:
            raise ImportError(f"{module_name} is no Python file")
        found: Any = module_from_spec(spec)
        sys.modules[stem] = found
        spec.loader.exec_module(found)
    else:
        found = importlib.import_module(module_name)
    for name in path.split("."):
        found = getattr(found, name)
    if not callable(found):
        raise TypeError(f"{reference} is {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]  # callable, as just checked


def _text_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _prepare(config: dict[str, Any]) -> None:
    if config.get("core") is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [config["core"]])
    sys.path[0] = config["folder"]  # not this file's: that is nobody's first place to import from
    os.chdir(config["folder"])
    if config.get("checkout"):
        move_paths(config["checkout"], config["copy"])


def _operations(item: dict[str, Any]) -> list[Callable[[], Any] | None]:
    """What is called, and before and after it: by name, or as it was pickled."""
    if "pickled" in item:
        import base64
        import pickle

        loaded = pickle.loads(base64.b64decode(item["pickled"]))  # noqa: S301  # from the process that started this
        return list(loaded)
    return [load(item[key]) if item.get(key) else None for key in ("call", "setup", "teardown")]


def main(reading: int, writing: int) -> None:
    """Serve the tests that the first order names."""
    channel = Channel(reading, writing)
    orders = channel.orders()
    config = next(orders)
    _prepare(config)
    hello(channel)
    channel.say(list=[item["name"] for item in config["items"]])
    items = {item["name"]: item for item in config["items"]}
    loop: list[Any] = []

    def run(coroutine: Any) -> Any:  # noqa: ANN401  # whatever it gives
        if not loop:
            import asyncio

            loop.append(asyncio.new_event_loop())
        return loop[0].run_until_complete(coroutine)

    for order in orders:
        _serve(items[order["open"]], orders, channel, run)


def _serve(item: dict[str, Any], orders: Iterator[dict[str, Any]], channel: Channel, run: Callable[[Any], Any]) -> None:
    forget_peak()
    try:
        operation, setup, teardown = _operations(item)
        assert operation is not None
        if setup is not None:
            run(setup()) if is_asynchronous(setup) else setup()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's: told to whoever compares
        channel.say(left_out=_text_of(error))
        return
    gc.collect()
    gc.freeze()  # what was imported lives on: looking through it before each epoch would take longer than the epoch
    channel.say(ready=item["name"])
    perform(orders, channel, Performer(operation, run))
    error_text = None
    if teardown is not None:
        try:
            run(teardown()) if is_asynchronous(teardown) else teardown()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # likewise
            error_text = _text_of(error)
    channel.say(
        closed=item["name"],
        peak_rss_bytes=peak_rss_bytes(),
        files=first_party_files(),
        installed=installed_packages(),
        defined_in=file_of(operation),
        teardown_error=error_text,
    )
