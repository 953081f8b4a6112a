"""What is measured, in another process: a real interpreter loads what was handed over."""

import functools
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from paceline.core.errors import ConfigurationError
from paceline.targets.handover import ReferredCall, pickled

_THERE = "import sys, pickle; sys.path[:] = sys.argv[1:]; print(pickle.load(sys.stdin.buffer)())"


def there(operation: Callable[[], Any], parts: dict[str, object] | None = None) -> str:
    """What ``operation`` returns in a fresh interpreter."""
    order = pickled(operation, {"operation": operation} if parts is None else parts)
    ended = subprocess.run(
        [sys.executable, "-c", _THERE, *sys.path], input=order, capture_output=True, check=True, timeout=60
    )
    return ended.stdout.decode().strip()


class Counter:
    def __init__(self, count: int) -> None:
        self.count = count
        self.lock: Any = None

    def twice(self) -> int:
        return 2 * self.count


def of_this_module() -> str:
    return __name__


def test_closures_arguments_and_methods() -> None:
    number = 41
    assert there(lambda: number + 1) == "42"
    assert there(functools.partial(divmod, 7, 2)) == "(3, 1)"
    assert there(Counter(4).twice) == "8"


def test_functions_of_a_module() -> None:
    assert there(of_this_module) == __name__


@pytest.mark.parametrize("name", ["made_by_hand", "loaded_from_a_file"])
def test_functions_of_a_module_that_nobody_else_finds(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType(name)
    module.__file__ = str(tmp_path / "elsewhere.py")
    exec("LIMIT = 5\ndef helper(): return LIMIT\ndef operation(): return helper() + 1", vars(module))
    monkeypatch.setitem(sys.modules, name, module)
    assert there(module.operation) == "6"


@pytest.mark.parametrize(
    ("blamed", "said"),
    [
        (lambda lock: lambda: lock, "its variable 'lock', of type lock: "),
        (lambda lock: functools.partial(print, lock), "its argument 1, of type lock: "),
        (lambda lock: functools.partial(print, end=lock), "its argument end, of type lock: "),
    ],
)
def test_who_is_to_blame(blamed: Callable[[Any], Callable[[], Any]], said: str) -> None:
    operation = blamed(threading.Lock())
    with pytest.raises(ConfigurationError) as error:
        pickled((len, operation), {"setup": len, "teardown": None, "operation": operation})
    assert str(error.value).startswith(f"operation cannot be handed to a fresh process: {said}TypeError: ")
    assert "make what belongs to one process (a connection, a lock, an open file) in setup=" in str(error.value)


def test_a_method_of_what_cannot_be_pickled() -> None:
    counter = Counter(4)
    counter.lock = threading.Lock()
    with pytest.raises(ConfigurationError, match=r"setup cannot be handed.*its object, of type Counter"):
        pickled(counter.twice, {"operation": len, "setup": counter.twice})


def test_what_is_no_function_has_no_variables() -> None:
    database = sqlite3.connect(":memory:")
    with pytest.raises(ConfigurationError, match="operation cannot be handed to a fresh process: TypeError"):
        pickled(database, {"operation": database})
    database.close()


def test_nobody_to_blame() -> None:
    with pytest.raises(ConfigurationError, match="the run cannot be handed to a fresh process: TypeError"):
        pickled(threading.Lock(), {"operation": len})


def test_credentials_do_not_get_into_the_message() -> None:
    class Connection:
        def __reduce__(self) -> str:
            raise TypeError("cannot pickle postgres://ann:s3cret@db/records")

    connection = Connection()
    with pytest.raises(ConfigurationError) as error:
        pickled(lambda: connection, {"operation": lambda: connection})
    assert "s3cret" not in str(error.value)


def test_by_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "names.py").write_text("def one(): return 1\ndef two(): return 2\ndef three(): return 3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    target = ReferredCall("names.py:one", "names.py:two", "names.py:three")()
    monkeypatch.delitem(sys.modules, "names")
    assert target.setup is not None
    assert target.teardown is not None
    assert (target.operation(), target.setup(), target.teardown()) == (1, 2, 3)
    assert ReferredCall("builtins:list")().setup is None
    with pytest.raises(ConfigurationError, match="no 'nothing'"):
        ReferredCall("builtins:nothing")()
