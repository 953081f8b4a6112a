"""The specification's import path: re-exports the framework's names, and nothing else lives here.

``infrastructure`` is a namespace package (it has no ``__init__.py``), so a project with a regular
``infrastructure`` package of its own shadows it and imports from ``paceline`` instead.
"""

from paceline import (
    Outcome,
    PerformanceMetrics,
    PerformanceTestFramework,
    PerformanceThreshold,
    TestResult,
    TestStatus,
    TestType,
)

__all__ = [
    "Outcome",
    "PerformanceMetrics",
    "PerformanceTestFramework",
    "PerformanceThreshold",
    "TestResult",
    "TestStatus",
    "TestType",
]
