"""What stands on the two sides of a duet: two callables, one callable in two revisions, or under two interpreters."""

import os
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from paceline.campaign.lockstep.process import Arm, Guest, Item
from paceline.campaign.revisions import Revisions
from paceline.core.errors import ConfigurationError
from paceline.targets.call import callable_without_arguments
from paceline.targets.handover import is_of_functions, pickled

Operation = Callable[[], Any]
Arms = Callable[[int], Sequence[Arm]]

_ASK_S = 10.0  # for an interpreter to say what it is


def items_of(calls: Sequence[str], before: str | None = None, after: str | None = None) -> tuple[Item, ...]:
    """Tests that workers load by name.

    Args:
        calls: ``module:function`` or ``file.py:function`` of each.
        before, after: what is called once before and after each, likewise.

    Raises:
        ConfigurationError: one is named twice, or names no function.
    """
    for name in (*calls, before, after):
        module, colon, function = (name or "a:b").rpartition(":")
        if not (module and colon and function):
            raise ConfigurationError(f"{name!r} names no function: write MODULE:FUNCTION, as in shop.prices:total")
    if len(set(calls)) < len(calls):
        raise ConfigurationError("--call names the same function twice")
    return tuple(Item(call, {"call": call, "setup": before, "teardown": after}) for call in calls)


def sides_in_revisions(made: Revisions, items: Sequence[Item], guest: Guest | None = None) -> Arms:
    """The same tests in the base's and the candidate's copy: ``items``, or those of a ``guest``.

    Raises:
        ConfigurationError: the current folder is missing from a revision.
    """
    for copy, side in ((made.base, "the base"), (made.candidate, "the working tree")):
        if not (copy / made.below).is_dir():
            raise ConfigurationError(f"there is no folder {made.below} in {side}: start from one that both sides have")

    def arm(role: str, copy: Path) -> Arm:
        # The copies are ours: that each of many processes compiles them anew would only take time.
        environment = {"PYTHONDONTWRITEBYTECODE": ""}
        return Arm(role, sys.executable, copy / made.below, tuple(items), made.checkout, copy, environment, guest)

    def arms(number: int) -> Sequence[Arm]:
        # Which of its two copies the base runs from changes with each pair: a folder must not make a difference.
        base, twin = (made.base, made.twin) if number % 2 else (made.twin, made.base)
        return arm("base", base), arm("candidate", made.candidate), arm("control", twin)

    return arms


def sides_in_interpreters(
    base_python: str, candidate_python: str, items: Sequence[Item], folder: Path, guest: Guest | None = None
) -> Arms:
    """The same tests of the same folder under two interpreters: ``items``, or those of a ``guest``.

    Raises:
        ConfigurationError: one does not exist, or both are one.
    """
    base, candidate = (_interpreter(each) for each in (base_python, candidate_python))
    if base == candidate or _is_one_interpreter(base, candidate):
        raise ConfigurationError(
            f"both sides are {' and '.join(dict.fromkeys((base, candidate)))}, one interpreter of one environment: "
            "name two, or a revision to compare with"
        )

    def arms(_: int) -> Sequence[Arm]:
        return (
            Arm("base", base, folder, tuple(items), guest=guest),
            Arm("candidate", candidate, folder, tuple(items), guest=guest),
            Arm("control", base, folder, tuple(items), guest=guest),
        )

    return arms


def _interpreter(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ConfigurationError(f"there is no interpreter {name}: name an executable, such as .venv/bin/python")
    # Not resolved: an environment's interpreter is a link, and it is by the link's place that Python finds the rest.
    return str(Path(found).absolute())


def _is_one_interpreter(base: str, candidate: str) -> bool:
    """Whether these are two names of one, as ``python`` and ``python3`` in an environment are."""
    if _is_script(base) or _is_script(candidate):
        return False  # it starts an interpreter in a way of its own, which may be what is compared
    said = _what_it_is(base)
    return said is not None and said == _what_it_is(candidate)


def _is_script(executable: str) -> bool:
    try:
        with Path(executable).open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False  # it may be run without being read


def _what_it_is(python: str) -> tuple[str, ...] | None:
    """Place and version that an interpreter tells of itself; None where it does not: its first pair will say why."""
    ask = "import os, sys; print(os.path.realpath(sys.prefix), sys.version, sep=chr(0))"
    try:
        done = subprocess.run(  # noqa: S603  # the interpreter that was asked for
            [python, "-I", "-c", ask], stdin=subprocess.DEVNULL, capture_output=True, timeout=_ASK_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return tuple(done.stdout.decode(errors="surrogateescape").split("\0"))


def sides_of_callables(
    name: str, base: Operation, candidate: Operation, setup: Operation | None, teardown: Operation | None
) -> Arms:
    """Two callables of this process, handed to fresh ones.

    Raises:
        ConfigurationError: one cannot be called without arguments, or not be handed to another process.
    """
    for role, function in (("base", base), ("candidate", candidate), ("setup", setup), ("teardown", teardown)):
        if function is not None or role in {"base", "candidate"}:
            callable_without_arguments(role, function)
    folder = Path.cwd()
    # The same modules must be found there; cloudpickle names those it does not take along.
    environment = {"PYTHONPATH": os.pathsep.join(path or str(folder) for path in sys.path)}
    wholes = [
        _pickled(role, operation, setup, teardown) for role, operation in (("base", base), ("candidate", candidate))
    ]
    # Both sides alike: what one has imported more would be seen in its memory.
    key = "functions" if all(map(is_of_functions, wholes)) else "pickled"
    base_item, candidate_item = (Item(name, {key: b64encode(whole).decode()}) for whole in wholes)

    def arm(role: str, item: Item) -> Arm:
        return Arm(role, sys.executable, folder, (item,), environment=environment)

    def arms(_: int) -> Sequence[Arm]:
        return arm("base", base_item), arm("candidate", candidate_item), arm("control", base_item)

    return arms


def _pickled(role: str, operation: Operation, setup: Operation | None, teardown: Operation | None) -> bytes:
    parts = {role: operation, "setup": setup, "teardown": teardown}
    return pickled(tuple(parts.values()), {name: part for name, part in parts.items() if part is not None})
