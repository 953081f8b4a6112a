"""Which branch and commit is measured: what git says of the current folder, or the build server of the job."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from paceline.records.revision import Revision

# Build servers check out a commit, not a branch. Of each server the source of a merge request comes first.
# GitHub, GitLab and Woodpecker, Jenkins, Buildkite, CircleCI, Travis, Bitbucket, Azure.
_BRANCH_NAMES = (
    "GITHUB_HEAD_REF",
    "GITHUB_REF_NAME",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
    "CI_COMMIT_BRANCH",
    "CI_COMMIT_REF_NAME",
    "CHANGE_BRANCH",
    "BRANCH_NAME",
    "GIT_BRANCH",
    "BUILDKITE_BRANCH",
    "CIRCLE_BRANCH",
    "TRAVIS_PULL_REQUEST_BRANCH",
    "TRAVIS_BRANCH",
    "BITBUCKET_BRANCH",
    "BUILD_SOURCEBRANCHNAME",
)
_COMMIT_NAMES = (
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "GIT_COMMIT",
    "BUILDKITE_COMMIT",
    "CIRCLE_SHA1",
    "TRAVIS_COMMIT",
    "BITBUCKET_COMMIT",
    "BUILD_SOURCEVERSION",
)
_PATIENCE_S = 10.0  # a repository on a network that is gone must not hold up a measurement


def working_folder() -> Path:
    """The current folder; where it was removed meanwhile, one that no repository has."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/nowhere")


def current_revision(folder: Path, environment: Mapping[str, str] | None = None) -> Revision:
    """The revision checked out in ``folder``. Without git, or outside a repository, what the build server says.

    Args:
        folder: within the working tree.
        environment: variables of a build server; by default this process's.
    """
    environment = os.environ if environment is None else environment
    branch = _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD") or _first(environment, _BRANCH_NAMES)
    # --exclude: the commit itself, also where a tag points at it. --dirty ends in what ``Revision`` calls uncommitted.
    commit = _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    return Revision(branch, commit or _first(environment, _COMMIT_NAMES))


def _git(folder: Path, *arguments: str) -> str:
    """The one line that git answers; empty when there is no git, no repository, or no answer."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=False)  # noqa: S603  # git, on a path
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.decode(errors="backslashreplace").strip() if ended.returncode == 0 else ""


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")
