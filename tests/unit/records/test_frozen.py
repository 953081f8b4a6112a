"""What was seen cannot be changed afterwards."""

import importlib
import pkgutil
from dataclasses import is_dataclass

import pytest

import paceline.core
import paceline.judge
import paceline.records
import paceline.stats
import paceline.targets
import paceline.workload

_ROOMS = (
    paceline.core,
    paceline.stats,
    paceline.records,
    paceline.judge,
    paceline.workload,
    paceline.targets,
)


def _data_types() -> list[type]:
    found = set()
    for room in _ROOMS:
        for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            members = vars(importlib.import_module(module.name)).values()
            own = {member for member in members if isinstance(member, type) and is_dataclass(member)}
            found |= {member for member in own if member.__module__.startswith(f"{room.__name__}.")}
    return sorted(found, key=lambda kind: kind.__qualname__)


@pytest.mark.parametrize("kind", _data_types())
def test_data_is_frozen(kind: type) -> None:
    assert vars(kind)["__dataclass_params__"].frozen


def test_there_is_something_to_look_at() -> None:
    assert {"RunRecord", "Moments", "Limit", "Clock"} <= {kind.__qualname__ for kind in _data_types()}
