"""The hooks of pytest-benchmark that a ``conftest.py`` may have: those that change what is saved and shown."""

from typing import Any

import pytest


@pytest.hookspec(firstresult=True)
def pytest_benchmark_generate_machine_info(config: pytest.Config) -> dict[str, Any] | None:
    """Return what stands for the machine instead."""


@pytest.hookspec
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Change what is told of the machine, in place."""


@pytest.hookspec(firstresult=True)
def pytest_benchmark_generate_commit_info(config: pytest.Config) -> dict[str, Any] | None:
    """Return what stands for the commit instead."""


@pytest.hookspec
def pytest_benchmark_update_commit_info(config: pytest.Config, commit_info: dict[str, Any]) -> None:
    """Change what is told of the commit, in place."""


@pytest.hookspec(firstresult=True)
def pytest_benchmark_generate_json(
    config: pytest.Config,
    benchmarks: list[Any],
    include_data: bool,  # noqa: FBT001  # as pytest-benchmark has it
    machine_info: dict[str, Any],
    commit_info: dict[str, Any],
) -> dict[str, Any] | None:
    """Return what is written instead; a wrapper may change the benchmarks before that is made."""


@pytest.hookspec
def pytest_benchmark_update_json(config: pytest.Config, benchmarks: list[Any], output_json: dict[str, Any]) -> None:
    """Change what is written, in place."""


@pytest.hookspec(firstresult=True)
def pytest_benchmark_group_stats(config: pytest.Config, benchmarks: list[Any], group_by: str) -> Any:  # noqa: ANN401
    """Return pairs of a group's name and its benchmarks instead."""
