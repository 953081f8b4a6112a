"""The public surface: exactly these names, cheap to import, and the same objects by either path."""

import importlib
import pkgutil
import subprocess
import sys
from importlib import resources

import pytest

import infrastructure
import paceline
from infrastructure import performance_testing

NAMES = [
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
SPECIFIED = [
    "Outcome",
    "PerformanceMetrics",
    "PerformanceTestFramework",
    "PerformanceThreshold",
    "TestResult",
    "TestStatus",
    "TestType",
]
DEAR = [
    "click",
    "filelock",
    "hiredis",
    "httptools",
    "msgspec",
    "numpy",
    "psutil",
    "rich",
    "scipy",
    "sqlalchemy",
    "uvloop",
    "asyncio",
]


def test_all_is_exactly_this() -> None:
    assert paceline.__all__ == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_name_resolves(name: str) -> None:
    assert getattr(paceline, name) is not None
    assert name in dir(paceline)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'paceline' has no attribute 'Percentile'"):
        paceline.Percentile  # noqa: B018


def in_a_fresh_interpreter(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


@pytest.mark.parametrize("statement", ["import paceline", "from paceline import __version__, ConfigurationError"])
def test_importing_loads_nothing_dear(statement: str) -> None:
    loaded = in_a_fresh_interpreter(f"import sys; {statement}; print(*sorted(sys.modules))").split()
    assert "paceline" in loaded
    assert [name for name in DEAR if name in loaded] == []


def test_the_framework_itself_loads_neither_numpy_nor_psutil() -> None:
    program = "import sys; from paceline import PerformanceTestFramework as F; F(); print(*sorted(sys.modules))"
    loaded = in_a_fresh_interpreter(program).split()
    assert [name for name in ("numpy", "psutil", "scipy", "rich", "click", "uvloop") if name in loaded] == []


def test_the_specifications_path_is_a_namespace_package_with_the_same_objects() -> None:
    assert getattr(infrastructure, "__file__", None) is None
    assert [module.name for module in pkgutil.iter_modules(infrastructure.__path__)] == ["performance_testing"]
    assert performance_testing.__all__ == SPECIFIED
    for name in SPECIFIED:
        assert getattr(performance_testing, name) is getattr(paceline, name)


def test_no_public_class_is_taken_for_a_test() -> None:
    # pytest collects what is called Test*, and what inherits from it; the framework's others are listed in the surface.
    tested = ["PerformanceTestFramework", "PerformanceThreshold", "PerformanceMetrics"]
    for name in [*tested, *(name for name in NAMES if name.startswith("Test"))]:
        assert getattr(paceline, name).__test__ is False, name


def test_no_module_shows_pytest_a_class_that_looks_like_a_test() -> None:
    for module in pkgutil.walk_packages(paceline.__path__, "paceline."):
        if module.name.endswith("__main__") or module.name.startswith("paceline.demo"):
            continue  # the demo needs its extra
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, type) and name.startswith("Test"):
                assert value.__test__ is False, f"{module.name}.{name}"  # type: ignore[attr-defined]


def test_typing_information_is_shipped() -> None:
    assert (resources.files(paceline) / "py.typed").is_file()


def test_errors_are_a_small_tree() -> None:
    for name in ("ConfigurationError", "MeasurementError", "FileFormatError", "BaselineError", "OutputError"):
        assert issubclass(getattr(paceline, name), paceline.PacelineError)
    # Whoever does not know ours catches Python's.
    assert issubclass(paceline.ConfigurationError, ValueError)
    assert issubclass(paceline.MeasurementError, RuntimeError)
    assert issubclass(paceline.OutputError, OSError)
    assert issubclass(paceline.PacelineWarning, UserWarning)
