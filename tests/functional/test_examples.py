"""Every example runs as it stands, and every Python block of the README and docs does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from paceline.cli.run import command
from tests.functional.small_server import small_server

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{path.name}-{number}")
    for path in DOCUMENTS
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL), start=1)
]

pytestmark = pytest.mark.real


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_runs(path: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


def test_the_scenario_file_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with small_server() as url:
        monkeypatch.setenv("SHOP_URL", url)
        ended = CliRunner().invoke(command, [str(ROOT / "examples" / "shop.toml")], standalone_mode=False)
    assert ended.exception is None
    assert "browse" in ended.stdout
    assert "order" in ended.stdout


def test_each_example_is_listed() -> None:
    listed = re.findall(r"`(\w+\.(?:py|toml))`", (ROOT / "examples" / "README.md").read_text())
    assert sorted(listed) == sorted(path.name for path in [*EXAMPLES, *(ROOT / "examples").glob("*.toml")])


@pytest.mark.parametrize("block", BLOCKS)
def test_documented_code_runs(block: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_every_finding_is_documented() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    written = set(re.findall(r'(?:code=|_CODE = )"([a-z-]+)"', source))
    documented = dict(
        re.findall(r"^\| `([a-z-]+)` \| (yes|no) \|", (ROOT / "docs" / "findings.md").read_text(), re.MULTILINE)
    )
    assert written == set(documented)


def test_links_lead_somewhere() -> None:
    for document in [*DOCUMENTS, ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
