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
    from paceline.framework import PerformanceTestFramework
    from paceline.judge.result import TestResult, TestStatus
    from paceline.judge.thresholds import PerformanceThreshold
    from paceline.records.metrics import PerformanceMetrics
    from paceline.records.outcome import Outcome
    from paceline.records.run_record import TestType

__all__ = [
    "BaselineError",
    "ConfigurationError",
    "FileFormatError",
    "Finding",
    "MeasurementError",
    "Outcome",
    "OutputError",
    "PacelineError",
    "PacelineWarning",
    "PerformanceMetrics",
    "PerformanceTestFramework",
    "PerformanceThreshold",
    "TestResult",
    "TestStatus",
    "TestType",
    "__version__",
]

_HOMES = {
    "BaselineError": "core.errors",
    "ConfigurationError": "core.errors",
    "FileFormatError": "core.errors",
    "Finding": "core.findings",
    "MeasurementError": "core.errors",
    "Outcome": "records.outcome",
    "OutputError": "core.errors",
    "PacelineError": "core.errors",
    "PacelineWarning": "core.errors",
    "PerformanceMetrics": "records.metrics",
    "PerformanceTestFramework": "framework",
    "PerformanceThreshold": "judge.thresholds",
    "TestResult": "judge.result",
    "TestStatus": "judge.result",
    "TestType": "records.run_record",
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
