"""Paceline in pytest: the fixture ``perf``, the marker ``perf`` and the options ``--perf-*``.

pytest takes its hooks from here, by the entry point ``paceline`` or by ``-p paceline.pytest_plugin``. ``Perf`` is what
the fixture is, for the annotations of typed tests; it is resolved on first use (PEP 562), as pytest must not start
slower.
"""

from typing import TYPE_CHECKING

from paceline.pytest_plugin.plugin import (
    perf,
    pytest_addhooks,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_call,
    pytest_runtest_makereport,
)

if TYPE_CHECKING:
    from paceline.pytest_plugin.fixture import Perf

__all__ = [
    "Perf",
    "perf",
    "pytest_addhooks",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
]


def __getattr__(name: str) -> object:
    if name != "Perf":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from paceline.pytest_plugin.fixture import Perf

    return Perf
