"""The import contracts hold, and each of them can fail: a tool that never complains checks nothing."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Sources and contracts, to be spoiled."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def lint(folder: Path) -> tuple[int, str]:
    """Exit code and report of lint-imports on the sources in ``folder``."""
    program = "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports_command; "
    program += "lint_imports_command(['--no-cache'])"
    ended = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def plant(folder: Path, module: str, line: str) -> None:
    """Append ``line`` to a module, which is made if there is none."""
    path = folder / "src" / module
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"\n{line}\n")


def test_all_contracts_are_kept(copy: Path) -> None:
    code, report = lint(copy)
    assert code == 0, report
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    names = [contracts[section]["name"] for section in contracts.sections() if "contract:" in section]
    assert [name for name in names if f"{name} KEPT" not in report] == []
    assert set(names) == {name for name, *_ in PLANTED}


LAYERS = "Imports point down"
CYCLES = "No cycles among siblings"
ROOMS = "Deciding and showing never reach measuring"
NO_IO = "Data and decisions know no I/O library"
NO_PYTEST = "Only the plugin knows pytest"

PLANTED = [
    (LAYERS, "paceline/stats/summary.py", "from paceline.records import outcome", "paceline.stats.summary"),
    (LAYERS, "paceline/store/codec.py", "from paceline.report import text", "paceline.store.codec"),  # siblings
    (LAYERS, "paceline/utils/__init__.py", "", "utils"),  # exhaustive: a new room has to be given its place
    (CYCLES, "paceline/core/clock.py", "from paceline.core import findings", "paceline.core"),
    (ROOMS, "paceline/judge/result.py", "from paceline.workload import models", "paceline.judge.result"),
    (ROOMS, "paceline/report/text.py", "from paceline.sysmon import sampler", "paceline.report.text"),
    (NO_IO, "paceline/records/recorder.py", "def f() -> None:\n    import psutil", "psutil"),
    (NO_IO, "paceline/core/units.py", "import rich", "rich"),
    (LAYERS, "paceline/cli/options.py", "from paceline.pytest_plugin import options", "paceline.cli"),  # siblings
    (NO_PYTEST, "paceline/framework.py", "import pytest", "pytest"),
]


@pytest.mark.parametrize(("contract", "module", "line", "named"), PLANTED)
def test_a_planted_import_breaks_its_contract(copy: Path, contract: str, module: str, line: str, named: str) -> None:
    plant(copy, module, line)
    if contract == CYCLES:
        plant(copy, "paceline/core/findings.py", "from paceline.core import clock")
    code, report = lint(copy)
    assert code == 1, report
    assert f"{contract} BROKEN" in report
    assert named in report.split("Broken contracts", 1)[1]
