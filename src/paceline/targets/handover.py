"""How what is measured gets to another process: by name, or pickled with what it refers to."""

import functools
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.machinery import PathFinder
from pathlib import Path
from pickletools import genops
from types import ModuleType
from typing import Any

from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.core.redaction import redact
from paceline.targets.call import CallTarget
from paceline.targets.reference import load_reference

_SHOWN_CHARACTERS = 200
_OF_PYTHON = ".py"
_ITS_MODULE = "cloudpickle.cloudpickle"
_KNOWN_VERSION = "3.1."  # whose pickles the tests rebuild
# What it writes of functions, their cells and the modules they use.
REBUILT = frozenset(
    {"_make_function", "_function_setstate", "_builtin_type", "_make_empty_cell", "_make_cell", "subimport"}
)
_MOST_LOOKED_AT = 1_000_000  # bytes: looking through data would take longer than it saves


@dataclass(frozen=True, slots=True)
class ReferredCall:
    """A :class:`CallTarget` by names such as ``package.module:function``, to be loaded wherever it is called.

    Attributes:
        operation, setup, teardown: what it is made of.
        files: what stands in the files among them, by their paths, where they travel.
    """

    operation: str
    setup: str | None = None
    teardown: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def __call__(self) -> CallTarget:
        """Load it here.

        Raises:
            ConfigurationError: a name leads nowhere, or to what cannot be called without arguments.
        """
        return CallTarget(
            load_reference(self.operation),
            load_reference(self.setup) if self.setup else None,
            load_reference(self.teardown) if self.teardown else None,
        )

    def packed(self) -> "ReferredCall":
        """The same, carrying its files; modules, and what files import, have to be on the other machine.

        Raises:
            MeasurementError: a file cannot be read.
        """
        names = [reference.rpartition(":")[0] for reference in self._references]
        files = {name: Path(name) for name in names if name.endswith(_OF_PYTHON)}
        try:
            return replace(self, files={name: path.read_bytes() for name, path in files.items()})
        except OSError as error:
            raise MeasurementError(f"{error.filename} cannot be read: {error.strerror or error}") from error

    def unpacked(self, folder: Path) -> "ReferredCall":
        """The same, with its files in ``folder``."""
        there = {name: folder / f"{number}" / Path(name).name for number, name in enumerate(self.files)}
        for name, path in there.items():
            path.parent.mkdir()
            path.write_bytes(self.files[name])

        def moved(reference: str | None) -> str | None:
            name, colon, function = (reference or "").rpartition(":")
            return f"{there[name]}{colon}{function}" if name in there else reference

        return ReferredCall(moved(self.operation) or "", moved(self.setup), moved(self.teardown))

    @property
    def _references(self) -> list[str]:
        return [each for each in (self.operation, self.setup, self.teardown) if each]


def pickled(whole: object, parts: Mapping[str, object]) -> bytes:
    """``whole`` for another process: functions of modules by name, local ones and those of ``__main__`` by value.

    Args:
        whole: what is pickled, in one piece: what two functions share they share there too.
        parts: what of it is the user's, by the names of the arguments, to say which one is to blame.

    Raises:
        ConfigurationError: something in it belongs to this process; the message names the argument.
    """
    import cloudpickle

    with ExitStack() as by_value:
        for module in {_module_of(part) for part in parts.values()}:
            if module is not None and not _is_found_elsewhere(module):
                cloudpickle.register_pickle_by_value(module)
                by_value.callback(cloudpickle.unregister_pickle_by_value, module)
        try:
            return bytes(cloudpickle.dumps(whole))
        except Exception as error:
            raise ConfigurationError(_blame(parts, error)) from error


def is_of_functions(data: bytes) -> bool:
    """Whether a pickle of :func:`pickled` needs nothing of cloudpickle but what rebuilds functions.

    That can be had without importing it (``campaign/lockstep/worker.py``), which would be a third of a process's start.
    A name that is none of cloudpickle's may look like one: then the answer is no, and it is imported.
    """
    import cloudpickle

    is_known = cloudpickle.__version__.startswith(_KNOWN_VERSION) and sys.implementation.name == "cpython"
    if not is_known or len(data) > _MOST_LOOKED_AT:
        return False
    words = {word for _, word, _ in genops(data) if isinstance(word, str)}
    module = vars(cloudpickle.cloudpickle)
    others = {name for name in words - REBUILT if getattr(module.get(name), "__module__", None) == _ITS_MODULE}
    return not any(name.startswith("_") or name == "dynamic_subimport" for name in others)


def _module_of(part: object) -> ModuleType | None:
    name = getattr(inspect.unwrap(part) if callable(part) else part, "__module__", None)
    return sys.modules.get(name) if isinstance(name, str) and name != "__main__" else None


def _is_found_elsewhere(module: ModuleType) -> bool:
    """Whether another interpreter with this ``sys.path`` imports the same; pytest and ``exec`` make some it cannot."""
    file = getattr(module, "__file__", None)
    if file is None:
        return True  # built in, or a namespace
    path: Any = None
    names = module.__name__.split(".")
    for depth in range(1, len(names) + 1):
        spec = PathFinder.find_spec(".".join(names[:depth]), path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return spec is not None and spec.origin == file


def _blame(parts: Mapping[str, object], whole_error: Exception) -> str:
    for name, part in parts.items():
        error = _failure(part)
        if error is None:
            continue
        holder = next((text for text, value in _held(part) if _failure(value) is not None), "")
        reason = redact(str(error))[:_SHOWN_CHARACTERS]
        return (
            f"{name} cannot be handed to a fresh process: {holder}{type(error).__name__}: {reason}; "
            "make what belongs to one process (a connection, a lock, an open file) in setup=, which is called there"
        )
    return f"the run cannot be handed to a fresh process: {type(whole_error).__name__}: {redact(str(whole_error))}"


def _failure(part: object) -> Exception | None:
    import cloudpickle

    try:
        cloudpickle.dumps(part)
    except Exception as error:  # noqa: BLE001  # of somebody's __reduce__: whatever it is, it says why
        return error
    return None


def _held(part: object) -> Iterator[tuple[str, object]]:
    """What a function holds on to, each with words for it."""
    function: Any = part
    while isinstance(function, functools.partial):
        for place, value in (*enumerate(function.args, start=1), *function.keywords.items()):
            yield f"its argument {place}, of type {type(value).__name__}: ", value
        function = function.func
    if inspect.ismethod(function):
        yield f"its object, of type {type(function.__self__).__name__}: ", function.__self__
        function = function.__func__
    if inspect.isfunction(function):
        variables = inspect.getclosurevars(function)
        for name, value in {**variables.globals, **variables.nonlocals}.items():
            yield f"its variable {name!r}, of type {type(value).__name__}: ", value
