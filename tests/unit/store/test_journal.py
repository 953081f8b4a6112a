"""The journal: what was reported finished is on the disk, and a torn line costs itself alone."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import FileFormatError, OutputError
from paceline.judge.result import TestResult, TestStatus, judge
from paceline.records.run_record import Circumstances, Definition, RunRecord
from paceline.store.codec import encode
from paceline.store.journal import Journal, JournalContent, new_journal, newest_journal, read_journal
from tests.fakes import MS, ManualClock, make_record
from tests.unit.judge.duets import make_duet, slower_by, with_side
from tests.unit.store.arbitrary import results
from tests.unit.store.test_files import calls_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def a_result(name: str = "checkout") -> TestResult:
    return judge(make_record([MS] * 5, name=name))


def a_slice(name: str = "soak", seen: int = 5, started_at: str = "2026-11-22T19:00:00.000000Z") -> RunRecord:
    interrupted = Circumstances(interruption="still running")
    return make_record([MS] * seen, name=name, started_at=started_at, circumstances=interrupted)


def journal_of(path: Path, *names: str) -> bytes:
    journal = Journal(path, "call app:work")
    for name in names:
        journal.add(a_result(name))
    journal.close()
    return path.read_bytes()


def names_of(content: JournalContent) -> list[str]:
    return [result.metrics.test_name for result in content.results]


class TestAdding:
    def test_written_and_read(self, path: Path) -> None:
        journal_of(path, "a", "b")
        assert read_journal(path) == JournalContent("call app:work", (a_result("a"), a_result("b")), None, ())

    def test_duets_stand_beside_results(self, path: Path) -> None:
        journal_of(path, "a")
        whole = make_duet(slower_by(0.1), name="whole", metadata={"build": 5})
        lost = with_side(make_duet(slower_by(0.1)), 2, "base", epoch_ns=(math.nan,) * 4, mean_ns=math.nan)
        journal = Journal(path)
        for record in (whole, lost):
            journal.add_duet(record)
        journal.close()
        content = read_journal(path)
        assert names_of(content) == ["a"]
        assert content.notices == ()
        assert content.duets[0] == whole
        assert math.isnan(content.duets[1].pairs[2].base.mean_ns)
        with path.open("ab") as file:
            file.write(b'{"schema": "paceline/journal/1", "duet": {"name": 5}}\n')
        (notice,) = read_journal(path).notices
        assert "`$.name`" in notice

    @given(st.lists(results(), max_size=3))
    def test_whatever_is_added_is_read(
        self, tmp_path_factory: pytest.TempPathFactory, given_: list[TestResult]
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "arbitrary.jsonl"
        path.unlink(missing_ok=True)
        journal = Journal(path)
        for result in given_:
            journal.add(result)
        journal.close()
        assert [each.to_dict() for each in read_journal(path).results] == [each.to_dict() for each in given_]

    def test_is_synced_before_add_returns(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        journal = Journal(path)
        assert calls_of(lambda: journal.add(a_result()), monkeypatch) == ["write file", "fsync file"]
        journal.close()

    def test_a_new_file_is_synced_with_its_folder(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[Journal] = []
        calls = calls_of(lambda: made.append(Journal(path)), monkeypatch)
        assert calls == ["fsync folder", "write file", "fsync file"]
        made[0].close()

    def test_a_slice_is_replaced_whole(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        journal = Journal(path)
        calls = calls_of(lambda: journal.add_partial(a_slice()), monkeypatch)
        assert calls == ["write file", "fsync file", "replace", "fsync folder"]
        journal.close()

    def test_opened_again_it_goes_on(self, path: Path) -> None:
        journal_of(path, "a")
        again = Journal(path)
        again.add(a_result("b"))
        again.close()
        content = read_journal(path)
        assert (content.command, names_of(content), content.notices) == ("call app:work", ["a", "b"], ())

    def test_writes_that_take_only_a_part(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write = os.write
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:100]))
            journal_of(path, "a", "b")
        assert names_of(read_journal(path)) == ["a", "b"]

    def test_after_close_nothing_is_written_anywhere(self, path: Path, tmp_path: Path) -> None:
        journal = Journal(path)
        journal.close()
        journal.close()
        with (tmp_path / "other").open("wb"), pytest.raises(OutputError, match="Bad file descriptor"):
            journal.add(a_result())  # the other file has the number that was the journal's
        assert (tmp_path / "other").read_bytes() == b""

    def test_removed_after_a_clean_end(self, path: Path, tmp_path: Path) -> None:
        journal = Journal(path)
        journal.add_partial(a_slice())
        journal.close(remove=True)
        assert list(tmp_path.iterdir()) == []


class TestTorn:
    def test_at_every_byte_of_the_last_line(self, path: Path) -> None:
        whole = journal_of(path, "a")
        data = journal_of(path, "b")
        begin = data.rindex(b"\n", 0, -1) + 1
        assert len(whole) < begin
        for length in reversed(range(begin + 1, len(data) - 1)):
            os.truncate(path, length)
            content = read_journal(path)
            assert names_of(content) == ["a"]
            (notice,) = content.notices
            assert notice.startswith(f"skipped a line that cannot be read, as a crash leaves it: {path}, line 4: ")

    def test_only_the_line_end_missing(self, path: Path) -> None:
        path.write_bytes(journal_of(path, "a", "b").rstrip())
        assert names_of(read_journal(path)) == ["a", "b"]
        journal_of(path, "c")
        assert names_of(read_journal(path)) == ["a", "b", "c"]

    def test_appended_to_it_is_not_joined(self, path: Path) -> None:
        path.write_bytes(journal_of(path, "a", "b")[:-50])
        journal_of(path, "c")
        content = read_journal(path)
        assert names_of(content) == ["a", "c"]
        assert len(content.notices) == 1

    def test_first_line_torn_at_every_byte(self, path: Path) -> None:
        header = journal_of(path)
        for length in range(len(header) - 1):
            path.unlink()
            path.write_bytes(header[:length])
            if length < len(header) - 2:
                with pytest.raises(FileFormatError, match="no line of it was written to its end"):
                    read_journal(path)
            journal_of(path, "a")
            assert names_of(read_journal(path)) == ["a"]
            assert read_journal(path).command == "call app:work"

    @pytest.mark.parametrize(
        "damage", [b"\x00" * 4_000, b"\xff\xfe", b"[]", b"{}", b'{"schema":"paceline/journal/9"}', b"[" * 9_000]
    )
    def test_a_line_destroyed_in_the_middle(self, path: Path, damage: bytes) -> None:
        lines = journal_of(path, "a", "b", "c").splitlines()
        lines[2] = damage
        path.write_bytes(b"\n".join(lines) + b"\n")
        content = read_journal(path)
        assert names_of(content) == ["a", "c"]
        assert f"{path}, line 3: " in content.notices[0]

    def test_an_interrupt_in_the_middle_of_a_line(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        journal = Journal(path)
        write = os.write

        def interrupted(descriptor: int, data: Any) -> int:
            write(descriptor, bytes(data)[:50])
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", interrupted)
            with pytest.raises(KeyboardInterrupt):
                journal.add(a_result("a"))
        journal.add(a_result("b"))
        journal.close()
        assert names_of(read_journal(path)) == ["b"]


NO_ROOM = """
import resource, sys
from pathlib import Path
from paceline.core.errors import OutputError
from paceline.judge.result import judge
from paceline.store.journal import Journal
from tests.fakes import MS, make_record

path = Path(sys.argv[1])
journal = Journal(path)
journal.add(judge(make_record([MS] * 5, name="a")))
size = path.stat().st_size
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 200, most))
for name in ("b", "c"):
    try:
        journal.add(judge(make_record([MS] * 5, name=name)))
    except OutputError as error:
        print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
journal.add(judge(make_record([MS] * 5, name="d")))
"""


def test_no_room_in_the_middle_of_a_line(path: Path) -> None:
    """The system itself cuts the write short: 200 bytes of the line are written, then none."""
    ended = subprocess.run(
        [sys.executable, "-c", NO_ROOM, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    said = ended.stdout.splitlines()
    assert said == [f"cannot write the journal {path}: File too large; the results before are safe in it"] * 2
    content = read_journal(path)
    assert names_of(content) == ["a", "d"]
    assert len(content.notices) == 1


class TestRefused:
    def test_folder_missing_parent_and_loop(self, tmp_path: Path) -> None:
        (tmp_path / "loop").symlink_to("loop")
        for path in (tmp_path, tmp_path / "gone" / "j.jsonl", tmp_path / "loop", tmp_path / "nul\0nul"):
            with pytest.raises(OutputError, match="cannot write the journal"):
                Journal(path)

    def test_devices_and_pipes(self, tmp_path: Path) -> None:
        # A pipe would take some results and then wait for ever.
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "full").symlink_to("/dev/full")
        for path in (tmp_path / "pipe", tmp_path / "full", Path("/dev/null")):
            with pytest.raises(OutputError, match="it is no regular file"):
                Journal(path)

    @pytest.mark.parametrize(
        "data",
        [b"\n", b"name,mean\n", b'{"schema": "paceline/results/1"}', b'{"schema":"paceline/journal/2"}\n', b"\x00"],
    )
    def test_a_file_of_something_else_is_left_as_it_is(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)
        with pytest.raises(OutputError, match="the file is no journal of 'paceline/journal/1'; it was left as it is"):
            Journal(path)
        with pytest.raises(FileFormatError, match="is no journal; expected a journal"):
            read_journal(path)
        assert path.read_bytes() == data

    def test_no_descriptor_is_left_open(self, path: Path, tmp_path: Path) -> None:
        path.write_bytes(b"something else")
        probe = os.open(tmp_path, os.O_RDONLY)
        os.close(probe)
        with pytest.raises(OutputError):
            Journal(path)
        again = os.open(tmp_path, os.O_RDONLY)
        os.close(again)
        assert again == probe


class TestReading:
    def test_no_file(self, path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            read_journal(path)

    def test_empty(self, path: Path) -> None:
        path.write_bytes(b"")
        with pytest.raises(FileFormatError, match="no line of it was written to its end; no result was finished"):
            read_journal(path)

    def test_head_only(self, path: Path) -> None:
        journal_of(path)
        assert read_journal(path) == JournalContent("call app:work", (), None, ())

    def test_folder_and_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path, tmp_path / "pipe"):
            with pytest.raises(FileFormatError, match="is no regular file"):
                read_journal(path)

    def test_a_result_that_contradicts_itself(self, path: Path) -> None:
        lines = journal_of(path, "a", "b").splitlines()
        content = json.loads(lines[1])
        content["result"]["record"]["elapsed_ns"] = -1
        content["result"]["comparison"] = None
        lines[1] = json.dumps(content).encode()
        path.write_bytes(b"\n".join(lines))
        read = read_journal(path)
        assert names_of(read) == ["b"]
        assert f"{path}, line 2: the record of 'a' contradicts itself" in read.notices[0]

    @given(st.binary(max_size=60))
    def test_arbitrary_bytes(self, tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
        path = tmp_path_factory.getbasetemp() / "arbitrary-bytes.jsonl"
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        with pytest.raises(FileFormatError):
            read_journal(path)
        assert path.read_bytes() == data


class TestSlices:
    def test_the_latest_counts(self, path: Path) -> None:
        journal = Journal(path)
        journal.add(a_result("a"))
        for seen in (5, 10):
            journal.add_partial(a_slice(seen=seen))
        journal.close()
        content = read_journal(path)
        assert names_of(content) == ["a"]
        assert content.unfinished is not None
        assert content.unfinished.metrics.iterations == 10
        assert content.unfinished.status is TestStatus.WARNING
        assert "interrupted" in [finding.code for finding in content.unfinished.findings]

    def test_a_night_of_slices_takes_the_room_of_one(self, path: Path) -> None:
        journal = Journal(path)
        for seen in range(100):
            journal.add_partial(a_slice(seen=seen + 1))
        journal.close()
        total = sum(each.stat().st_size for each in path.parent.iterdir())
        assert total < 2 * len(encode(a_slice(seen=100)))

    def test_none_after_its_run_finished(self, path: Path) -> None:
        journal = Journal(path)
        journal.add_partial(a_slice("a"))
        journal.add(a_result("a"))
        journal.close()
        assert read_journal(path).unfinished is None
        assert list(path.parent.iterdir()) == [path]

    def test_runs_at_once_have_one_each(self, path: Path) -> None:
        journal = Journal(path)
        for name, seen in (("a", 5), ("b", 6), ("a", 7), ("c", 8)):
            journal.add_partial(a_slice(name, seen=seen))
        journal.add(a_result("b"))
        journal.add(a_result("short"))  # had none
        content = read_journal(path)
        assert names_of(content) == ["b", "short"]
        assert content.unfinished is not None
        found = [(each.metrics.test_name, each.metrics.iterations) for each in (content.unfinished, *content.beside)]
        assert found == [("a", 7), ("c", 8)]
        journal.add_partial(a_slice("d"))  # in the place of b's
        assert len(read_journal(path).beside) == 2
        journal.close(remove=True)
        assert list(path.parent.iterdir()) == []

    def test_none_when_the_process_died_before_it_was_removed(self, path: Path) -> None:
        journal = Journal(path)
        journal.add(a_result("a"))
        journal.add_partial(a_slice("a", started_at=a_result().record.started_at))
        journal.close()
        assert read_journal(path).unfinished is None

    def test_of_a_second_run_of_that_name(self, path: Path) -> None:
        journal = Journal(path)
        journal.add(a_result("a"))
        journal.add_partial(a_slice("a"))
        journal.close()
        assert read_journal(path).unfinished is not None

    @pytest.mark.parametrize("data", [b"", b"[]", b'{"schema":"paceline/journal/1"}', b"\x00\x00"])
    def test_one_that_cannot_be_read_is_a_notice(self, path: Path, data: bytes) -> None:
        journal_of(path, "a")
        path.with_name("journal.jsonl.slice").write_bytes(data)
        content = read_journal(path)
        assert names_of(content) == ["a"]
        assert content.unfinished is None
        assert content.notices[0].startswith("skipped the slice of an unfinished run: ")

    def test_of_another_version(self, path: Path) -> None:
        journal_of(path, "a")
        later = {"schema": "paceline/journal/2", "partial": a_slice()}
        path.with_name("journal.jsonl.slice").write_bytes(encode(later))
        assert "schema is 'paceline/journal/2'" in read_journal(path).notices[0]

    def test_one_that_no_run_could_have_left(self, path: Path) -> None:
        journal_of(path, "a")
        impossible = replace(make_record(), definition=Definition(calls_per_sample=0))
        path.with_name("journal.jsonl.slice").write_bytes(
            encode({"schema": "paceline/journal/1", "partial": impossible})
        )
        assert "contradicts itself" in read_journal(path).notices[0]

    def test_one_that_cannot_be_removed(self, path: Path) -> None:
        journal = Journal(path)
        path.with_name("journal.jsonl.slice").mkdir()
        with pytest.raises(OutputError, match=r"cannot remove .*\.slice"):
            journal.add(a_result("a"))
        journal.close()
        path.with_name("journal.jsonl.slice").rmdir()
        assert names_of(read_journal(path)) == ["a"]


class TestFolder:
    def test_made_and_ignored_by_git(self, tmp_path: Path) -> None:
        journal = new_journal(ManualClock().as_clock(), "demo", tmp_path / "deep" / ".paceline")
        journal.close()
        assert (tmp_path / "deep" / ".paceline" / ".gitignore").read_text() == "*\n"
        assert journal.path.name == f"journal-20261122T235958.000000-{os.getpid()}.jsonl"
        assert read_journal(journal.path).command == "demo"

    def test_a_gitignore_of_the_users_own_stays(self, tmp_path: Path) -> None:
        (tmp_path / ".gitignore").write_text("journal-*\n")
        new_journal(ManualClock().as_clock(), "demo", tmp_path).close()
        assert (tmp_path / ".gitignore").read_text() == "journal-*\n"

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
    def test_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        for folder in (tmp_path / "file", tmp_path / "file" / "deeper", Path("/proc/.paceline"), tmp_path / "nul\0"):
            with pytest.raises(OutputError, match=r"cannot (make the folder|write)"):
                new_journal(ManualClock().as_clock(), "demo", folder)

    def test_newest_of_the_command(self, tmp_path: Path) -> None:
        clock = ManualClock()
        for command, name in (("run a", "old"), ("run a", "new"), ("run b", "other")):
            journal = new_journal(clock.as_clock(), command, tmp_path)
            journal.add(a_result(name))
            journal.close()
            clock.advance(1)
        (tmp_path / "journal-9.jsonl").write_bytes(b"something else")
        found = newest_journal("run a", tmp_path)
        assert found is not None
        assert names_of(found[1]) == ["new"]
        assert newest_journal("run c", tmp_path) is None
        assert newest_journal("run a", tmp_path / "gone") is None


class TestInUse:
    def test_a_second_writer_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.jsonl"
        first = Journal(path)
        with pytest.raises(OutputError, match="another process is writing to it"):
            Journal(path)
        first.close()
        Journal(path).close()

    def test_a_journal_that_is_being_written_is_not_gone_on_with(self, tmp_path: Path) -> None:
        running = new_journal(ManualClock().as_clock(), "call it", tmp_path)
        assert newest_journal("call it", tmp_path) is None
        running.close()
        assert newest_journal("call it", tmp_path) is not None
