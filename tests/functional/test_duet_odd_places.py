"""Duets where the repository or the interpreters lie oddly: names that end in a newline, repositories within it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.repository import FAST, QUICK, Repository

pytestmark = pytest.mark.real


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_folders_and_files_whose_names_end_in_a_newline(shop: Repository) -> None:
    odd = shop.root.with_name("shop\n")
    shop.root.rename(odd)
    shop.root = odd
    shop.write({"bench\n/totals.py": FAST, "more.py\n": "", "deep\n/here.txt": ""})
    words = ("--call", "../bench\n/totals.py:total", "--tests", "../more.py\n")
    done = shop.duet("main", *words, *QUICK, folder="deep\n")
    assert done.returncode == 4
    assert "there is no folder deep\n in the base" in done.stderr
    shop.commit()
    done = shop.duet("main", *words, *QUICK, folder="deep\n")
    assert "1 duet: " in done.stdout, done.stdout + done.stderr


def test_a_repository_without_commits_inside_is_named(shop: Repository) -> None:
    shop.write({"parts/nested/a.txt": ""})
    subprocess.run(["git", "init", "-q", str(shop.root / "parts" / "nested")], check=True)
    done = shop.duet("main", "--call", "prices:total", *QUICK)
    assert done.returncode == 4
    assert f"parts/nested in {shop.root} is a repository of its own that has no commit" in done.stderr


def test_submodules_come_by_setup(shop: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.file.allow")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "always")
    (tmp_path / "library").mkdir()
    library = Repository(tmp_path / "library")
    shop.git("submodule", "-q", "add", str(library.root), "vendor")
    shop.write({"bench.py": "from vendor.prices import total\n"})
    shop.commit()
    words = ("main", "--call", "bench:total", *QUICK)
    without = shop.duet(*words)
    assert without.returncode == 6  # neither side can be measured: that is no pass
    assert "No module named 'vendor.prices'" in without.stdout
    assert "uncommitted changes, which neither side has" not in without.stdout
    shop.write({"vendor/prices.py": FAST + "MORE = 1\n"})
    done = shop.duet(*words, "--setup", "git submodule update --init")
    assert "1 duet: " in done.stdout, done.stdout + done.stderr
    assert "the submodule vendor has uncommitted changes, which neither side has" in " ".join(done.stdout.split())


def test_two_names_of_one_interpreter_are_no_two_sides(shop: Repository, tmp_path: Path) -> None:
    names = []
    for name in ("one", "two"):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / name)], check=True)
        names += [tmp_path / name / "bin" / "python", tmp_path / name / "bin" / "python3"]
    python, python3, other, _ = map(str, names)
    done = shop.duet("--base-python", python, "--candidate-python", python3, "--call", "prices:total", *QUICK)
    assert done.returncode == 4
    assert f"both sides are {python} and {python3}, one interpreter of one environment" in done.stderr
    done = shop.duet("--base-python", python, "--candidate-python", other, "--call", "prices:total", *QUICK)
    assert "1 duet: " in done.stdout, done.stdout + done.stderr
