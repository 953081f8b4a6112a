"""Callables by name: ``package.module:function``, or ``path/to/file.py:function``."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from paceline.core.errors import ConfigurationError


def load_reference(reference: str) -> Callable[[], Any]:
    """The callable that ``reference`` names; the current folder is searched first, as ``python -m`` does.

    Raises:
        ConfigurationError: no such module or name, the import fails, or it is not callable.
    """
    module_name, colon, path = reference.rpartition(":")
    if not colon or not module_name or not path:
        raise ConfigurationError(
            f"{reference!r} names no function: write MODULE:FUNCTION, as in mypackage.queries:get_record"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    found: Any = _module_of_file(Path(module_name)) if module_name.endswith(".py") else _module(module_name)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            offered = sorted(each for each in vars(found) if callable(getattr(found, each)) and each[0] != "_")
            hint = f"; it has {', '.join(offered[:8])}" if offered else ""
            raise ConfigurationError(f"{module_name} has no {path!r}{hint}") from error
    if not callable(found):
        raise ConfigurationError(f"{reference} is {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]  # callable, as just checked


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigurationError(
                f"there is no module {name!r}: it is looked for in the current folder and where Python finds modules"
            ) from error
        raise ConfigurationError(f"{name} cannot be imported: it needs the module {error.name!r}") from error
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigurationError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[path.stem]
        raise ConfigurationError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module
