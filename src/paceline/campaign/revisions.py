"""Two revisions of a repository beside each other, in folders that are gone afterwards, whatever happens."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from paceline.campaign.lockstep.guard import guard
from paceline.core.errors import ConfigurationError, MeasurementError, OutputError
from paceline.core.redaction import redact

# Of equal length: the length of a path moves what lies in memory behind it.
_BASE, _TWIN, _CANDIDATE = "base-1", "base-2", "change"
_LAST_WORDS = 2_000
# Runs a command line when a line has come: by then somebody sees to its end, whatever becomes of this process.
_WHEN_WATCHED = 'read -r go && exec </dev/null && exec sh -c "$1"'
_NO_COMMIT = re.compile(r"'(.+?)/?' does not have a commit checked out")  # git's words, in its own language
_NO_HOOKS = ("-c", "core.hooksPath=/dev/null")

# Waits for the end of its standard input, which comes when its parent has gone, however it went; then the worktrees
# go. Several tries, as a process that was killed a moment ago may still be writing.
_REMOVER = """
trap '' INT TERM HUP
cat >/dev/null
for try in 1 2 3 4 5; do
  for tree in "$1"/*/; do git -C "$2" worktree remove --force "$tree" 2>/dev/null; done
  rm -rf -- "$1" 2>/dev/null && break
  sleep 0.2
done
# Those whose folder a test has removed itself.
for entry in "$(git -C "$2" rev-parse --path-format=absolute --git-common-dir)"/worktrees/*/; do
  case "$(cat "$entry/gitdir" 2>/dev/null)" in "$1"/*) rm -rf -- "$entry" ;; esac
done
"""


@dataclass(frozen=True)
class Revisions:
    """Where the two sides lie.

    Attributes:
        checkout: root of the user's own working tree.
        base, twin: the base revision, twice.
        candidate: what the user's working tree holds, without what git ignores.
        base_commit, candidate_commit: in full.
        changes: id of the tree of the working tree, where that differs from its last commit; else empty.
        below: the user's current folder within the checkout.
        replaced: tests that the base has too, but other ones: it runs the candidate's.
        dirty_submodules: those of the working tree with changes that are not committed in them, which no copy has.
    """

    checkout: Path
    base: Path
    twin: Path
    candidate: Path
    base_commit: str
    candidate_commit: str
    changes: str
    below: Path
    replaced: tuple[str, ...] = ()
    dirty_submodules: tuple[str, ...] = ()

    @property
    def copies(self) -> tuple[Path, Path, Path]:
        """All folders."""
        return self.base, self.twin, self.candidate


@contextmanager
def revisions(base_revision: str, folder: Path, tests: Sequence[Path] = ()) -> Iterator[Revisions]:
    """Worktrees of ``base_revision`` and of what the working tree around ``folder`` holds now.

    Uncommitted changes and new files are the candidate's. The user's working tree, index and branches are not
    touched: what is not committed is written to a store of objects of its own.

    Args:
        base_revision: anything git understands.
        folder: within the working tree.
        tests: files and folders that the base takes from the candidate, so that both run the same tests.

    Raises:
        ConfigurationError: no git, no repository, no such revision, no such tests.
        OutputError: the worktrees cannot be written.
    """
    checkout = Path(_git(folder, "rev-parse", "--show-toplevel", what=f"{folder} is in no git repository"))
    base_commit = _commit(checkout, base_revision)
    head = _git(checkout, "rev-parse", "--verify", "HEAD^{commit}", what="the repository has no commit yet")
    try:
        room = Path(tempfile.mkdtemp(prefix="paceline-duet-")).resolve()
    except OSError as error:
        raise OutputError(f"no folder for the worktrees: {error.strerror or error}; TMPDIR says where") from error
    remover = subprocess.Popen(  # noqa: S603  # the lines above
        ["sh", "-c", _REMOVER, "sh", str(room), str(checkout)],  # noqa: S607
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for name, commit in ((_BASE, base_commit), (_TWIN, base_commit), (_CANDIDATE, head)):
            _git(checkout, *_NO_HOOKS, "worktree", "add", "--detach", "--force", str(room / name), commit)
        made = Revisions(
            checkout=checkout,
            base=room / _BASE,
            twin=room / _TWIN,
            candidate=room / _CANDIDATE,
            base_commit=base_commit,
            candidate_commit=head,
            changes=_take_changes(checkout, room / _CANDIDATE, room),
            below=folder.resolve().relative_to(checkout.resolve()),
            dirty_submodules=_dirty_submodules(checkout),
        )
        replaced = tuple(str(path) for path in tests if _take_tests(made, path))
        yield replace(made, replaced=replaced)
    finally:
        assert remover.stdin is not None
        remover.stdin.close()
        remover.wait()


def set_up(made: Revisions, command: str) -> None:
    """Run a shell command in each copy, such as one that builds the project.

    Raises:
        MeasurementError: it failed; the message has its last lines.
    """
    with guard() as watcher:
        for copy in made.copies:
            try:
                running = subprocess.Popen(  # noqa: S603  # a command line of the user's is what was asked for
                    ["sh", "-c", _WHEN_WATCHED, "sh", command],  # noqa: S607
                    cwd=copy / made.below,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise MeasurementError(f"--setup cannot be run in {copy.name}: {error.strerror or error}") from error
            try:
                watcher.watch(running.pid)
                said, _ = running.communicate(b"\n")
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)
                running.wait()
                raise
            finally:
                watcher.watch()
            if running.returncode:
                words = said[-_LAST_WORDS:].decode(errors="replace").strip()
                side = "the candidate" if copy == made.candidate else "the base"
                raise MeasurementError(
                    redact(f"--setup failed for {side} with exit code {running.returncode}:\n{words}")
                )


def _commit(checkout: Path, revision: str) -> str:
    hint = ""
    if _git(checkout, "rev-parse", "--is-shallow-repository") == "true":
        hint = "; this is a shallow clone, and 'git fetch --unshallow' gets the rest"
    what = f"there is no revision {revision!r} in {checkout}{hint}"
    return _git(checkout, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}", what=what)


def _take_changes(checkout: Path, copy: Path, room: Path) -> str:
    """Bring ``copy`` to what ``checkout`` holds; the id of that, empty where it is what was last committed."""
    objects = room / "objects"
    objects.mkdir()
    store = _git(checkout, "rev-parse", "--path-format=absolute", "--git-path", "objects")
    others = os.environ.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", "")
    apart = {
        "GIT_OBJECT_DIRECTORY": str(objects),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(filter(None, (store, others))),
    }
    # An index of its own from the start, not a copy of the user's: that one may say of a file that it is unchanged
    # because it was told so (--assume-unchanged), or because it trusts a time that a copy has lost.
    with_index = {**apart, "GIT_INDEX_FILE": str(room / "index")}
    _git(checkout, "read-tree", "HEAD", environment=with_index)
    try:
        _git(checkout, "add", "--all", environment=with_index)
    except OutputError as error:
        if nested := _NO_COMMIT.search(str(error)):
            raise ConfigurationError(
                f"{nested[1]} in {checkout} is a repository of its own that has no commit, which git cannot take "
                "along: commit in it, move it away, or let git ignore it (.gitignore, .git/info/exclude)"
            ) from error
        raise
    tree = _git(checkout, "write-tree", environment=with_index)
    if tree == _git(checkout, "rev-parse", "HEAD^{tree}"):
        return ""
    _git(copy, "read-tree", "--reset", "-u", tree, environment=apart)
    return tree


def _dirty_submodules(checkout: Path) -> tuple[str, ...]:
    if not (checkout / ".gitmodules").exists():
        return ()
    asked = ("status", "--porcelain=v2", "-z", "--untracked-files=no", "--ignore-submodules=none")
    # Without optional locks: the index is the user's, and not to be refreshed.
    lines = _git(checkout, "--no-optional-locks", *asked).split("\0")
    changed = [line.split(" ", 8) for line in lines if line.startswith("1 ")]
    # '1 XY S<c><m><u> mode mode mode hash hash path'; of another commit (c) the candidate's copy knows.
    return tuple(path for _, _, kind, *_, path in changed if kind.startswith("S") and kind[2:] != "..")


def _take_tests(made: Revisions, path: Path) -> bool:
    """Give the base the candidate's ``path``; whether it had another file there."""
    absolute = (made.checkout / made.below / path).resolve()
    try:
        relative = absolute.relative_to(made.checkout.resolve())
    except ValueError:
        raise ConfigurationError(f"{path} is not in the repository {made.checkout}") from None
    source = made.candidate / relative
    if not source.exists():
        raise ConfigurationError(f"{path} is not in the working tree, or git ignores it")
    base = made.base / relative
    is_other = source.is_file() and base.is_file() and source.read_bytes() != base.read_bytes()
    for copy in (made.base, made.twin):
        target = copy / relative
        if target.is_dir():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy2(source, target)
    return is_other


def _git(folder: Path, *words: str, environment: Mapping[str, str] | None = None, what: str = "") -> str:
    """Output of a git command.

    Raises:
        ConfigurationError: git is not there, or the command failed and ``what`` says what that means.
        OutputError: it failed otherwise.
    """
    clean = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *words],  # noqa: S607
            env={**clean, "LC_ALL": "C", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise ConfigurationError("a duet of revisions needs git, and there is none") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        if what:
            raise ConfigurationError(f"{what} (git: {said.splitlines()[-1] if said else done.returncode})")
        raise OutputError(redact(f"git {words[0]} failed in {folder}: {said}"))
    return done.stdout.decode(errors="surrogateescape").removesuffix("\n")  # one: a folder's name may end in others


# Set when this runs inside a git hook; they would point git at another repository than the folder says.
_OF_A_HOOK = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"})
