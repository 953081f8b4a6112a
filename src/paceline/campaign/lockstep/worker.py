"""One process of a duet: walks a list of tests and measures what it is told, when it is told.

Imported from its folder by whatever interpreter a side has (a script would be compiled anew in each process): it needs
Python 3.8 and the standard library, and no Paceline of the version that started it. That is why it imports nothing of
the rest and reads the clock itself. A test session takes part by a function that ``serve`` names, which uses what is
here: it is called with the channel, the orders, its arguments and what pins it, and speaks as :func:`main` does.

Messages are lines of JSON. The process speaks first: ``hello``, then ``list`` (names of its tests, and why others
could not be listed), or ``refused``. For each test that it is sent to (``open``, and which one is ``next``): ``ready``
with the name of what it measures, or ``left_out`` with the reason; then an answer to each ``calibrate`` and ``epoch``,
until ``close``; then ``ready`` once more where the test goes on to measure something else, or ``closed``, with
``left_out`` where the test failed after all, or was ``skipped``. It ends with its orders.
"""

from __future__ import annotations

import binascii
import builtins
import gc
import importlib
import json
import os
import sys
import sysconfig
import time
import types
from itertools import repeat

TYPE_CHECKING = False  # typing itself would be a tenth of the start
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator  # noqa: UP035  # for Python 3.8

PROTOCOL = 3
_CALIBRATION_NS = 2_000_000
_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE
_PREPARING = 8
_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalVM"}
_POOL_BYTES, _PAGE_BYTES = 16_384, 4_096  # of Python's allocator (4,096 before 3.10, of which it is a multiple)
_BYTES_HEADER = sys.getsizeof(b"")
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
        before: called before each call, outside its time; calls are timed singly then, however short they are.
        between: called before each epoch, outside its time.
    """

    def __init__(
        self,
        operation: Callable[[], Any],
        run: Callable[[Any], Any] | None = None,
        before: Callable[[], Any] | None = None,
        between: Callable[[], Any] | None = None,
    ) -> None:
        self.between = between
        self._operation = operation
        self._run = run if is_asynchronous(operation) else None
        self._before = before

    def calibrate(self) -> float:
        """Nanoseconds a call, after enough of them to have warmed up.

        Raises:
            TypeError: a call only makes a coroutine, which nobody awaits.
            RuntimeError: the first call returned that it failed.
        """
        if self._before is not None:
            return self._calibrate_singly()
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

    def _calibrate_singly(self) -> float:
        """A call whose preparation takes longer than itself counts as long as an eighth of both: epochs are to end."""
        start = time.perf_counter_ns()
        least, calls, errors = 0, 0, 0
        while time.perf_counter_ns() - start < 4 * _CALIBRATION_NS:
            took, errors = self._singly(1, 0.0)
            least = took[0] if not calls else min(least, took[0])
            calls += 1
        if errors:
            raise RuntimeError("it returned an error")
        return max(least, (time.perf_counter_ns() - start) / calls / _PREPARING)

    def epoch(self, calls: int, planted: float, *, singly: bool) -> tuple[int, list[int] | None, int]:
        """Total nanoseconds of ``calls`` calls, of each if they are timed ``singly``, and how many returned an error.

        With ``planted`` above 0 the time is made longer by that share, with work inside the window. What calls return
        is looked at only where they are timed singly: elsewhere a look takes as long as a call.
        """
        if singly or self._before is not None:
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
        operation, clock, before = self._operation, time.perf_counter_ns, self._before
        samples, errors = [0] * calls, 0
        for number in range(calls):
            if before is not None:
                before()
            start = clock()
            returned = operation()
            end = clock()
            samples[number] = _longer(start, end, planted) - start
            errors += returned is not None and _is_error(returned)
        return samples, errors

    async def _singly_coroutines(self, calls: int, planted: float) -> tuple[list[int], int]:
        operation, clock, before = self._operation, time.perf_counter_ns, self._before
        samples, errors = [0] * calls, 0
        for number in range(calls):
            if before is not None:
                prepared = before()
                if hasattr(prepared, "__await__"):
                    await prepared
            start = clock()
            returned = await operation()
            end = clock()
            samples[number] = _longer(start, end, planted) - start
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


def _longer(start: int, end: int, share: float) -> int:
    """When a call would have ended that takes longer by ``share``: by work, unless that is shorter than a reading.

    Asked of every call, so that what surrounds them is the same with and without.
    """
    if not share or end - start < _SHORTEST_SINGLE_NS:
        return start + round((end - start) * (1 + share))
    _spin(start, end, share)
    return time.perf_counter_ns()


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
            if performer.between is not None:
                performer.between()
            gc.collect()
            total, samples, errors = performer.epoch(order["calls"], order["planted"], singly=order["singly"])
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001  # the user's, an exit or pytest.fail too: told to whoever compares
            channel.say(failed=_text_of(error))
        else:
            channel.say(total_ns=total, samples_ns=samples, errors=errors)


def hello(channel: Channel) -> None:
    """Say what this process is."""
    channel.say(
        protocol=PROTOCOL,
        # As 'platform' says it, which takes 5 ms to import.
        python=sys.version.split()[0],
        implementation=_IMPLEMENTATIONS.get(sys.implementation.name, sys.implementation.name),
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
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:  # noqa: PTH123  # pathlib takes 5 ms to import
            file.write("5")
    except OSError:
        return  # not Linux, or not allowed: then it is the most that the process held so far


def peak_rss_bytes() -> int | None:
    """The most memory this process held, since :func:`forget_peak` where that is possible."""
    try:  # Linux carries the figure of getrusage over from the process that started this one
        with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123  # likewise
            for line in file:
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
    the folders that editable finders map a package to; by ``PYTHONPATH`` also for what the tests start themselves, such
    as a server.
    """
    from pathlib import Path

    inside = os.path.realpath(checkout) + os.sep
    installed = _installed()

    def moved(path: str) -> str:
        real = os.path.realpath(path) + os.sep
        if not real.startswith(inside) or any(real.startswith(folder) for folder in installed):
            return path  # an environment inside the checkout, as .venv is, stays what it is
        return str(Path(copy, real[len(inside) :]))

    entries = [moved(entry) if entry else entry for entry in sys.path]
    own = [entry for entry, before in zip(entries, sys.path) if entry != before]  # noqa: B905  # for Python 3.8
    sys.path[:] = entries
    for finder in sys.meta_path:
        mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", None)
        for source in mapping.values() if isinstance(mapping, dict) else ():
            parent = str(Path(moved(str(source))).parent)
            if parent != str(Path(source).parent) and parent not in sys.path:
                sys.path.insert(1, parent)
                own.append(parent)
    given = [moved(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if own or given:
        os.environ["PYTHONPATH"] = os.pathsep.join([*given, *(entry for entry in own if entry not in given)])


def load(reference: str) -> Callable[[], Any]:
    """The callable ``module:function`` or ``path/to/file.py:function``."""
    module_name, _, path = reference.rpartition(":")
    if module_name.endswith(".py"):
        from importlib.util import module_from_spec, spec_from_file_location
        from pathlib import Path

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


_kept: list[bytes] = []


def move_heap(seed: int) -> None:
    """Take a part of the memory that Python gives out next, as large as ``seed`` says, and keep it.

    Where objects lie decides which of them displace each other from the caches. An edit moves all that is made after
    it, in each process alike: functions that it does not touch took 2 % longer in every pair, which no interval over
    pairs can tell from a change of theirs. Moved by another amount in each pair it is as often in the way as out of it
    (Curtsinger and Berger, STABILIZER, doi:10.1145/2451116.2451141). All processes of a pair have the same amount,
    so that equal code still lies alike.
    """
    for size in range(48, 513, 16):  # the classes of sizes that have pools of their own, but those of the smallest
        seed = (seed * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        _kept.extend([bytes(size - _BYTES_HEADER) for _ in range((seed >> 33) % (_POOL_BYTES // size))])
    _kept.append(bytes((seed >> 33) % _PAGE_BYTES // 16 * 16 + 512))  # larger ones come one after the other


def _text_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def pin(core: int | None) -> None:
    """Stay on ``core`` with all threads there are; None for anywhere. A session does so once it has started."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        return
    tasks = "/proc/self/task"
    for thread in map(int, os.listdir(tasks)) if os.path.isdir(tasks) else [0]:  # noqa: PTH112, PTH208  # likewise
        try:
            os.sched_setaffinity(thread, [core])
        except ProcessLookupError:
            continue  # it has ended


def _prepare(config: dict[str, Any]) -> None:
    if not config.get("serve"):
        pin(config["core"])
    sys.path[0] = config["folder"]  # not this file's: that is nobody's first place to import from
    os.chdir(config["folder"])
    if config.get("checkout"):
        move_paths(config["checkout"], config["copy"])


def rebuilt(data: bytes) -> Any:  # noqa: ANN401  # whatever was pickled
    """What cloudpickle made of functions. Importing it only to rebuild them would be a third of the start."""
    import io
    import pickle

    class Rebuilding(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401  # whatever is called that
            found = REBUILDING.get(name) if module == "cloudpickle.cloudpickle" else None
            return super().find_class(module, name) if found is None else found

    return Rebuilding(io.BytesIO(data)).load()


def _make_function(code: Any, namespace: dict[str, Any], name: str, defaults: Any, closure: Any) -> Any:  # noqa: ANN401
    namespace["__builtins__"] = builtins.__dict__
    return types.FunctionType(code, namespace, name, defaults, closure)


def _fill_function(function: Any, state: Any) -> None:  # noqa: ANN401
    attributes, others = state
    function.__dict__.update(attributes)
    function.__globals__.update(others.pop("__globals__"))
    others.pop("_cloudpickle_submodules")  # imported by now
    for own, filled in zip(function.__closure__ or (), others.pop("__closure__") or ()):  # noqa: B905  # for Python 3.8
        try:
            own.cell_contents = filled.cell_contents
        except ValueError:
            continue  # it was empty
    for name, value in others.items():
        setattr(function, name, value)


# By cloudpickle's names for them; ``targets/handover.py`` sees to it that a pickle needs no others.
REBUILDING: dict[str, Any] = {
    "_make_function": _make_function,
    "_function_setstate": _fill_function,
    "_builtin_type": lambda name: getattr(types, name),
    "_make_empty_cell": types.CellType,
    "_make_cell": types.CellType,
    "subimport": importlib.import_module,
}


def _operations(item: dict[str, Any]) -> list[Callable[[], Any] | None]:
    """What is called, and before and after it: by name, or as it was pickled."""
    if "functions" in item:
        return list(rebuilt(binascii.a2b_base64(item["functions"])))
    if "pickled" in item:
        import pickle

        loaded = pickle.loads(binascii.a2b_base64(item["pickled"]))  # noqa: S301  # from the process that started this
        return list(loaded)
    return [load(item[key]) if item.get(key) else None for key in ("call", "setup", "teardown")]


def _serve_session(config: dict[str, Any], orders: Iterator[dict[str, Any]], channel: Channel) -> None:
    """Leave the tests to a session of its own."""
    try:
        spoken = importlib.import_module("paceline.campaign.lockstep.worker").PROTOCOL
        serve: Any = load(config["serve"])
    except (ImportError, AttributeError) as error:
        channel.say(refused=f"{sys.executable} has no Paceline that can take part in a duet of a suite ({error})")
        return
    if spoken != PROTOCOL:
        channel.say(
            refused=f"the Paceline of {sys.executable} speaks version {spoken} of the protocol, this one {PROTOCOL}: "
            "install the same version on both sides"
        )
        return
    serve(channel, orders, config["arguments"], lambda: pin(config["core"]))


def main(reading: int, writing: int) -> None:
    """Serve the tests that the first order names."""
    channel = Channel(reading, writing)
    orders = channel.orders()
    config = next(orders)
    move_heap(config["layout"])
    _prepare(config)
    hello(channel)
    if config.get("serve"):
        _serve_session(config, orders, channel)
        return
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


def say_closed(
    channel: Channel,
    name: str,
    defined_in: list[str],
    teardown_error: str | None = None,
    left_out: str | None = None,
    *,
    skipped: bool = False,
) -> None:
    """Say at the end of a test what it held and where its code came from."""
    channel.say(
        closed=name,
        peak_rss_bytes=peak_rss_bytes(),
        files=first_party_files(),
        installed=installed_packages(),
        defined_in=defined_in,
        teardown_error=teardown_error,
        left_out=left_out,
        skipped=skipped,
    )


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
    say_closed(channel, item["name"], file_of(operation), error_text)
