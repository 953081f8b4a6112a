"""pytest within pytest, with the plugin loaded whether or not Paceline is installed with its entry point.

A run in this process forgets the modules it imported, and NumPy can be imported only once: what a run imports when it
measures is imported here.
"""

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import sqlalchemy.dialects.postgresql
import sqlalchemy.dialects.sqlite

import paceline.pytest_plugin
from paceline import TestType
from paceline.framework import PerformanceTestFramework
from paceline.pytest_plugin import finish, fixture, outcome, summary, tracing, travel
from paceline.store import history, history_database, history_schema

IMPORTED = (
    np,
    scipy,
    sqlalchemy,
    history,
    history_database,
    history_schema,
    TestType,
    PerformanceTestFramework,
    finish,
    fixture,
    outcome,
    summary,
    tracing,
    travel,
)

IS_INSTALLED = any(each.name == "paceline" for each in entry_points(group="pytest11"))
LOADED: Sequence[str] = () if IS_INSTALLED else ("-p", "paceline.pytest_plugin")

WORK = """\
import pytest
from paceline import ClosedLoop, ConfigurationError, PerformanceThreshold, TestStatus, TestType

calls = []

def work():
    calls.append(1)
    return sum(range(200))

"""


def suite(pytester: pytest.Pytester, source: str, name: str = "test_it") -> Path:
    """A file of tests: ``source`` below what all of them use."""
    return pytester.makepyfile(**{name: WORK + dedent(source)})


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """In this process; what is a warning here is one there, and no error as in this project's own tests."""
    plugins = () if IS_INSTALLED else (paceline.pytest_plugin,)
    quiet = ("-p", "no:cacheprovider", "-W", "always::paceline.PacelineWarning")
    return pytester.runpytest_inprocess(*quiet, *arguments, plugins=plugins)


def run_apart(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """In a process of its own."""
    return pytester.runpytest_subprocess(*LOADED, *arguments, timeout=60)
