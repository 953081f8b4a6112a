"""pytest within pytest, with the plugin loaded whether or not Paceline is installed with its entry point.

A run in this process forgets the modules it imported, and NumPy can be imported only once: what a run imports when it
measures is imported here.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
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
from tests.functional import commands

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
    apart = tempfile.mkdtemp(prefix="runpytest-", dir=pytester.path)
    here = os.pathsep.join(filter(None, (str(pytester.path), os.environ.get("PYTHONPATH"))))
    begun_s = time.monotonic()
    done = pytest_m(pytester.path, f"--basetemp={apart}", *arguments, env={**os.environ, "PYTHONPATH": here})
    out, err = done.stdout.splitlines(), done.stderr.splitlines()
    sys.stdout.write(done.stdout)  # shown if the test fails, as pytester does it
    sys.stderr.write(done.stderr)
    return pytest.RunResult(done.returncode, out, err, time.monotonic() - begun_s)


def pytest_m(folder: Path, *arguments: str, env: Mapping[str, str] = os.environ) -> subprocess.CompletedProcess[str]:
    """``python -m pytest`` in a folder, with this plugin and that for several processes, and no others.

    What else is installed here would be imported by each of them.
    """
    plugins = ("-p", "paceline.pytest_plugin", "-p", "xdist.plugin")
    return commands.python_m(folder, "pytest", *plugins, *arguments, env={**env, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
