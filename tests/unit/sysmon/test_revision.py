"""Branch and commit: of git where there is a repository, of the build server where git has no branch."""

import subprocess
from pathlib import Path

import pytest

from paceline.records.revision import Revision
from paceline.sysmon.revision import current_revision, working_folder


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    return tmp_path


def test_of_a_repository(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "-a", "v1", "-m", "a tag is no commit")
    (repository / "below").mkdir()
    assert current_revision(repository / "below", {"GITHUB_REF_NAME": "no"}) == Revision("main", head)


def test_uncommitted_changes_are_said(repository: Path) -> None:
    (repository / "file").write_text("two")
    assert current_revision(repository, {}).commit == f"{git(repository, 'rev-parse', 'HEAD')}-dirty"


@pytest.mark.parametrize(
    ("environment", "branch"),
    [
        ({}, ""),
        ({"GITHUB_HEAD_REF": "", "GITHUB_REF_NAME": "release"}, "release"),
        ({"GITHUB_HEAD_REF": "feature", "GITHUB_REF_NAME": "7/merge"}, "feature"),
        ({"CI_COMMIT_BRANCH": "main"}, "main"),
    ],
)
def test_a_detached_head_has_the_branch_of_the_build_server(
    repository: Path, environment: dict[str, str], branch: str
) -> None:
    git(repository, "checkout", "--quiet", "--detach")
    found = current_revision(repository, environment)
    assert (found.branch, len(found.commit)) == (branch, 40)


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert current_revision(tmp_path, {}) == Revision("main", "")


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert current_revision(tmp_path, {}) == Revision()
    monkeypatch.setenv("PATH", "")
    said = {"CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": "abc"}
    assert current_revision(tmp_path, said) == Revision("main", "abc")
    assert current_revision(tmp_path / "nowhere", {}) == Revision()


def test_a_folder_that_was_removed_has_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    assert working_folder() == gone
    gone.rmdir()
    assert current_revision(working_folder(), {}) == Revision()
