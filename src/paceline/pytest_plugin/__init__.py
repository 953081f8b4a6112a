"""Paceline in pytest: the fixture ``perf``, the marker ``perf`` and the options ``--perf-*``.

pytest takes its hooks from here, by the entry point ``paceline`` or by ``-p paceline.pytest_plugin``.
"""

from paceline.pytest_plugin.plugin import (
    perf,
    pytest_addhooks,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_call,
    pytest_runtest_makereport,
)

__all__ = [
    "perf",
    "pytest_addhooks",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
]
