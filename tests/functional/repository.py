"""A git repository for duets, and the command run in it; nothing of it is touched or left."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.functional import commands

FAST = "def total():\n    return sum(range(200))\n"
SLOW = "def total():\n    return sum(range(800))\n"
QUICK = ("--pairs", "7", "--epochs", "2")


class Repository:
    """A repository with one commit, and the command run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "shop"
        self.temporary = root / "temporary"
        self.root.mkdir()
        self.temporary.mkdir()
        self.git("init", "-q", "-b", "main", ".")
        self.write({"prices.py": FAST, ".gitignore": "ignored/\n__pycache__/\n"})
        self.commit()

    @property
    def index_ns(self) -> int:
        return (self.root / ".git" / "index").stat().st_mtime_ns

    def git(self, *words: str) -> str:
        identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *words], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout

    def write(self, files: Mapping[str, str]) -> None:
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "as it is")

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "paceline.cli.main", "duet"]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.temporary), "LC_ALL": "C.UTF-8"}

    def duet(
        self, *words: str, folder: str = ".", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        # Interpreters are compared in the working tree itself, where Python keeps what it compiles.
        compiles_here = any(word.endswith("-python") for word in words)
        before = self.state(but_compiled=compiles_here)
        env = {**self.environment, **(environment or {})}
        done = commands.paceline(self.root / folder, "duet", *words, env=env, timeout_s=120.0)
        assert self.state(but_compiled=compiles_here) == before  # the checkout is untouched
        self.assert_clean()
        return done

    def state(self, *, but_compiled: bool = False) -> tuple[str, str, str]:
        status = self.git("status", "--porcelain", "--ignored")  # where the journal was says nothing about the rest
        status = status.replace("!! .paceline/\n", "")
        if but_compiled:
            status = status.replace("!! __pycache__/\n", "")
        return status, self.git("branch", "-a", "-v"), self.git("stash", "list")

    def assert_clean(self) -> None:
        assert self.git("worktree", "list", "--porcelain").count("\nHEAD ") == 1
        assert not list(self.temporary.glob("paceline-duet-*"))
