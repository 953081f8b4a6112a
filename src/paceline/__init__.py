"""Performance tests you can trust, from one function call to a fleet.

The names below are resolved on first use (PEP 562), so that ``import paceline`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from paceline.core.version import __version__

if TYPE_CHECKING:
    from paceline.core.errors import (
        BaselineError,
        ConfigurationError,
        FileFormatError,
        MeasurementError,
        OutputError,
        PacelineError,
        PacelineWarning,
    )
    from paceline.core.findings import Finding
    from paceline.engine.cluster import Cluster
    from paceline.framework import PerformanceTestFramework
    from paceline.judge.capacity import CapacityResult
    from paceline.judge.change import Verdict
    from paceline.judge.duet import DuetResult
    from paceline.judge.result import TestResult, TestStatus
    from paceline.judge.thresholds import PerformanceThreshold, Threshold
    from paceline.records.metrics import PerformanceMetrics
    from paceline.records.outcome import Outcome
    from paceline.records.run_record import TestType
    from paceline.scenario.answer import Answer
    from paceline.scenario.failure import RequestFailed
    from paceline.scenario.model import Scenario
    from paceline.scenario.user import User
    from paceline.targets.asgi import AsgiTarget
    from paceline.targets.cache import CacheTarget
    from paceline.targets.cache_client import CacheClientTarget
    from paceline.targets.http import HttpTarget
    from paceline.targets.http_check import HttpCheck
    from paceline.targets.http_request import HttpRequest
    from paceline.targets.sql.statement import Drawn, SqlStatement
    from paceline.targets.sql.target import SqlTarget
    from paceline.targets.sql.watch import SqlWatch
    from paceline.targets.wsgi import WsgiTarget
    from paceline.workload.keys import Gaussian, Sequential, Uniform, Zipf
    from paceline.workload.models import ClosedLoop, ConstantRate, Poisson, Stages

__all__ = [
    "Answer",
    "AsgiTarget",
    "BaselineError",
    "CacheClientTarget",
    "CacheTarget",
    "CapacityResult",
    "ClosedLoop",
    "Cluster",
    "ConfigurationError",
    "ConstantRate",
    "Drawn",
    "DuetResult",
    "FileFormatError",
    "Finding",
    "Gaussian",
    "HttpCheck",
    "HttpRequest",
    "HttpTarget",
    "MeasurementError",
    "Outcome",
    "OutputError",
    "PacelineError",
    "PacelineWarning",
    "PerformanceMetrics",
    "PerformanceTestFramework",
    "PerformanceThreshold",
    "Poisson",
    "RequestFailed",
    "Scenario",
    "Sequential",
    "SqlStatement",
    "SqlTarget",
    "SqlWatch",
    "Stages",
    "TestResult",
    "TestStatus",
    "TestType",
    "Threshold",
    "Uniform",
    "User",
    "Verdict",
    "WsgiTarget",
    "Zipf",
    "__version__",
]

_HOMES = {
    "Answer": "scenario.answer",
    "AsgiTarget": "targets.asgi",
    "BaselineError": "core.errors",
    "CacheClientTarget": "targets.cache_client",
    "CacheTarget": "targets.cache",
    "CapacityResult": "judge.capacity",
    "ClosedLoop": "workload.models",
    "Cluster": "engine.cluster",
    "ConfigurationError": "core.errors",
    "ConstantRate": "workload.models",
    "Drawn": "targets.sql.statement",
    "DuetResult": "judge.duet",
    "FileFormatError": "core.errors",
    "Finding": "core.findings",
    "Gaussian": "workload.keys",
    "HttpCheck": "targets.http_check",
    "HttpRequest": "targets.http_request",
    "HttpTarget": "targets.http",
    "MeasurementError": "core.errors",
    "Outcome": "records.outcome",
    "OutputError": "core.errors",
    "PacelineError": "core.errors",
    "PacelineWarning": "core.errors",
    "PerformanceMetrics": "records.metrics",
    "PerformanceTestFramework": "framework",
    "PerformanceThreshold": "judge.thresholds",
    "Poisson": "workload.models",
    "RequestFailed": "scenario.failure",
    "Scenario": "scenario.model",
    "Sequential": "workload.keys",
    "SqlStatement": "targets.sql.statement",
    "SqlTarget": "targets.sql.target",
    "SqlWatch": "targets.sql.watch",
    "Stages": "workload.models",
    "TestResult": "judge.result",
    "TestStatus": "judge.result",
    "TestType": "records.run_record",
    "Threshold": "judge.thresholds",
    "Uniform": "workload.keys",
    "User": "scenario.user",
    "Verdict": "judge.change",
    "WsgiTarget": "targets.wsgi",
    "Zipf": "workload.keys",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
