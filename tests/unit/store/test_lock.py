"""The lock: one holder at a time, nothing left behind, nobody held up by the dead."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paceline.core.errors import OutputError
from paceline.store.baselines import load_baseline
from paceline.store.lock import locked
from tests.fakes import ManualClock

WRITERS = 8
SESSIONS_EACH = 3
WRITER = """
import sys
from pathlib import Path
from paceline.judge.result import judge
from paceline.store.baselines import save_baseline
from tests.fakes import make_record

result = judge(make_record())
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    save_baseline(Path(sys.argv[1]), [result], f"session-{sys.argv[2]}-{number}", "2026-11-22T18:00:00Z")
"""


def test_eight_processes_lose_no_session(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(writer), str(SESSIONS_EACH)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"},
        )
        for writer in range(WRITERS)
    ]
    for process in writers:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in writers:
        process.communicate(b"go\n")
    assert [process.returncode for process in writers] == [0] * WRITERS
    sessions = load_baseline(path)["checkout"]
    assert len(sessions) == WRITERS * SESSIONS_EACH
    assert {session.session_id for session in sessions} == {
        f"session-{writer}-{number}" for writer in range(WRITERS) for number in range(SESSIONS_EACH)
    }
    assert [each.name for each in tmp_path.iterdir()] == ["baseline.json"]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with locked(tmp_path / "baseline.json"):
        assert [each.name for each in tmp_path.iterdir()] == [".baseline.json.lock"]
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind_by_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path / "baseline.json"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_second_holder_waits_and_gives_up(tmp_path: Path) -> None:
    path, clock = tmp_path / "baseline.json", ManualClock(tick_s=20.0)
    with (
        locked(path),
        pytest.raises(OutputError, match=r"another process has held .*\.baseline\.json\.lock for 30 s"),
        locked(path, clock=clock.as_clock()),
    ):
        pytest.fail("two holders")
    with locked(path, timeout_s=0):
        pass


def test_a_second_holder_gets_it_when_the_first_is_done(tmp_path: Path) -> None:
    path, clock = tmp_path / "baseline.json", ManualClock()
    first = locked(path)
    first.__enter__()
    readings = iter(range(3))

    def now_s() -> float:
        if next(readings) == 1:
            first.__exit__(None, None, None)
        return 0.0

    clock.now_s = now_s  # type: ignore[method-assign]
    with locked(path, clock=clock.as_clock()):
        assert (tmp_path / ".baseline.json.lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_one_lock_by_whichever_link(tmp_path: Path) -> None:
    real, link = tmp_path / "baseline.json", tmp_path / "link.json"
    link.symlink_to(real)
    with locked(link), pytest.raises(OutputError), locked(real, timeout_s=0):
        pytest.fail("two holders")


def test_a_lock_file_left_by_the_dead_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / ".baseline.json.lock").write_bytes(b"")
    with locked(tmp_path / "baseline.json", timeout_s=0):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("replaced", [True, False])
def test_a_lock_on_a_file_that_lost_its_name_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, replaced: bool
) -> None:
    lock_path = tmp_path / ".baseline.json.lock"
    taken: list[int] = []
    flock = fcntl.flock

    def after_another_finished(descriptor: int, operation: int) -> None:
        if not taken:
            lock_path.unlink()
            if replaced:
                lock_path.write_bytes(b"")
        taken.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", after_another_finished)
    with locked(tmp_path / "baseline.json"):
        holding = os.fstat(taken[-1])
        assert os.path.samestat(holding, lock_path.stat())
    assert len(taken) == 2


def test_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot lock .*baseline\.json"), locked(tmp_path / "gone" / "baseline.json"):
        pass


def test_lock_path_that_is_a_link_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"keep")
    (tmp_path / ".baseline.json.lock").symlink_to(tmp_path / "a")
    with pytest.raises(OutputError, match="cannot lock"), locked(tmp_path / "baseline.json"):
        pass
    (tmp_path / ".other.json.lock").mkdir()
    with pytest.raises(OutputError, match="Is a directory"), locked(tmp_path / "other.json"):
        pass
    assert (tmp_path / "a").read_bytes() == b"keep"


def test_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_flock(*_: Any) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_flock)
    with (
        pytest.raises(OutputError, match=r"cannot lock .*: Function not implemented"),
        locked(tmp_path / "baseline.json"),
    ):
        pass


def test_errors_of_the_body_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "baseline.json"):
        (tmp_path / "gone").read_bytes()


def test_the_lock_file_is_removed_while_it_is_still_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed later, it could be another's, and a third would find no lock."""
    unlink = os.unlink
    removed: list[str] = []

    def watched(path: Path) -> None:
        with path.open("rb") as stream, pytest.raises(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        removed.append(path.name)
        unlink(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", watched)
        with locked(tmp_path / "baseline.json"):
            pass
    assert removed == [".baseline.json.lock"]
