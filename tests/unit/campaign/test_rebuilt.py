"""Functions that cloudpickle pickled are rebuilt without it, and are what they were."""

import asyncio
import base64
import functools
import json
import pickle
import subprocess
import sys
import xml.dom.minidom
from collections import Counter
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import pytest

from paceline.campaign.duet_sides import sides_of_callables
from paceline.campaign.lockstep import worker
from paceline.targets import handover
from paceline.targets.handover import is_of_functions, pickled

LIMIT = 5
counts: Counter[str] = Counter()


def of_a_module() -> int:
    return 7


def closures() -> tuple[Callable[..., int], Callable[[], int]]:
    """Two that share a variable."""
    seen = 0

    def more(by: int = 2, *, times: int = 3) -> int:
        """Count."""
        nonlocal seen
        seen += by * times
        return seen

    return more, lambda: seen


def recursive() -> Callable[[], int]:
    def depth(left: int = LIMIT) -> int:
        return 1 + depth(left - 1) if left else 0

    return depth


def with_an_empty_cell() -> Callable[[], object]:
    def look() -> object:
        return later

    if LIMIT < 0:
        later = 1
    return look


def with_globals() -> Callable[[], object]:
    def count() -> object:
        counts["calls"] += 1
        return counts["calls"], json.dumps([LIMIT]), xml.dom.minidom.parseString("<a/>").toxml()

    return count


def coroutine() -> Callable[[], object]:
    async def wait() -> int:
        await asyncio.sleep(0)
        return LIMIT

    return wait


def with_attributes() -> Callable[[], object]:
    def named() -> object:
        return named.mark  # type: ignore[attr-defined]

    named.mark = "kept"  # type: ignore[attr-defined]
    return named


def called(function: Callable[[], Any]) -> object:
    try:
        returned = function()
    except NameError as error:
        return str(error)
    return asyncio.run(returned) if asyncio.iscoroutine(returned) else returned


@pytest.fixture(autouse=True)
def by_value() -> Any:
    """This module is taken along, as the one of a script is."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.mark.parametrize(
    "make",
    [
        lambda: lambda: sorted(range(LIMIT)),
        lambda: of_a_module,
        recursive,
        with_an_empty_cell,
        with_globals,
        coroutine,
        with_attributes,
        lambda: functools.partial(closures()[0], 4, times=1),
        lambda: functools.partial(json.loads, "[1]"),
    ],
)
def test_what_is_rebuilt_is_what_it_was(make: Callable[[], Callable[[], object]]) -> None:
    function = make()
    data = pickled(function, {"base": function})
    assert is_of_functions(data)
    ours, theirs = worker.rebuilt(data), pickle.loads(data)
    assert [called(ours), called(ours)] == [called(theirs), called(theirs)]
    for attribute in (
        "__name__",
        "__qualname__",
        "__module__",
        "__doc__",
        "__defaults__",
        "__kwdefaults__",
        "__dict__",
    ):
        mine, its = getattr(ours, attribute, None), getattr(theirs, attribute, None)
        assert set(mine or ()) == set(its or ()) if attribute == "__dict__" else mine == its


def test_what_two_functions_share_they_share_afterwards() -> None:
    pair = closures(), with_globals(), with_globals()
    for rebuild in (worker.rebuilt, pickle.loads):
        _, one, other = rebuild(pickled(pair, {}))
        assert [one()[0], other()[0]] == [1, 2]


class Local:
    def __call__(self) -> int:
        return 1


MODULE = ModuleType("made_here")


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize(
    "function", [Local(), lambda: Local.__call__, lambda: Colour.RED, lambda: MODULE, lambda: [bytes(2_000_000)]]
)
def test_what_needs_more_of_cloudpickle_is_left_to_it(function: Callable[[], object]) -> None:
    data = function() if isinstance(function(), list) else function
    assert not is_of_functions(pickled(data, {}))


def test_other_versions_are_left_to_cloudpickle(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pickled(recursive(), {})
    assert is_of_functions(data)
    monkeypatch.setattr(cloudpickle, "__version__", "4.0.0")
    assert not is_of_functions(data)


def test_the_worker_knows_what_the_parent_counts_on() -> None:
    assert set(worker.REBUILDING) == handover.REBUILT


IN_A_WORKER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import worker
operation, _, _ = worker._operations(json.loads(sys.argv[2]))
print(operation(), sorted({"cloudpickle", "pathlib", "platform", "inspect"} & set(sys.modules)))
"""


def test_a_worker_imports_little_for_functions_and_the_same_on_both_sides() -> None:
    def orders(base: Callable[[], object], candidate: Callable[[], object]) -> list[dict[str, str | None]]:
        return [dict(arm.items[0].order) for arm in sides_of_callables("x", base, candidate, None, None)(0)]

    assert [list(each) for each in orders(recursive(), Local())] == [["pickled"]] * 3
    (order, *_) = orders(recursive(), lambda: LIMIT)
    assert order["functions"] is not None
    assert base64.b64decode(order["functions"])
    command = [sys.executable, "-S", "-c", IN_A_WORKER, str(Path(worker.__file__).parent), json.dumps(order)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.stdout, said.stderr) == ("5 []\n", "")
