"""The way out when something is broken: one sentence, also when the modules that print are what is broken."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "broken", ["paceline.judge.result", "paceline.report", "paceline.report.layout", "paceline.core.units", "msgspec"]
)
def test_an_installation_with_a_hole_complains_in_one_line(broken: str) -> None:
    source = f"""
import sys
sys.modules[{broken!r}] = None  # as a file that is missing or cannot be read
from paceline.cli.main import main
sys.argv = ["paceline", "history", "list"]
main()
"""
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3, ended.stderr
    assert ended.stderr.startswith("paceline: unexpected ModuleNotFoundError: ")
    assert ended.stderr.count("\n") == 1
    assert "--debug shows where" in ended.stderr
