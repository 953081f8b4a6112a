"""Writing whole or not at all, and reading within bounds."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paceline.core.errors import FileFormatError, OutputError
from paceline.store.files import check_writable, read_bounded, sync_folder, write_atomically

NOBODY = 65534


@pytest.fixture
def users_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of an ordinary user, who is who runs the test: root may write anywhere."""
    if os.geteuid() != 0:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="paceline-test-") as folder:
        os.chown(folder, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield Path(folder)
        finally:
            os.setresuid(0, 0, 0)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestWhatIsWritten:
    def test_new_file(self, tmp_path: Path) -> None:
        write_atomically(tmp_path / "results.json", b"new")
        assert (tmp_path / "results.json").read_bytes() == b"new"
        assert names_in(tmp_path) == ["results.json"]

    def test_replaces_what_stood_there(self, tmp_path: Path) -> None:
        path = tmp_path / "results.json"
        path.write_bytes(b"old and longer")
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new"

    def test_a_reader_that_opened_the_old_file_reads_it_to_its_end(self, tmp_path: Path) -> None:
        path = tmp_path / "results.json"
        path.write_bytes(b"old and longer")
        with path.open("rb") as reader:
            write_atomically(path, b"new")
            assert reader.read() == b"old and longer"

    def test_new_files_follow_the_umask(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            write_atomically(tmp_path / "results.json", b"new")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "results.json").stat().st_mode) == 0o640

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
    def test_permissions_are_kept(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "results.json"
        path.write_bytes(b"old")
        path.chmod(mode)
        write_atomically(path, b"new")
        assert stat.S_IMODE(path.stat().st_mode) == mode

    def test_a_private_file_is_never_readable_meanwhile(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "results.json"
        path.write_bytes(b"old")
        path.chmod(0o600)
        modes: list[int] = []
        open_ = os.open

        def watched(name: Any, flags: int, mode: int = 0o777) -> int:
            descriptor = open_(name, flags, mode)
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
            return descriptor

        with monkeypatch.context() as patch:
            patch.setattr(os, "open", watched)
            write_atomically(path, b"new")
        assert modes[0] == 0o600

    def test_a_symbolic_link_is_followed_and_stays(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        real, link = tmp_path / "real" / "results.json", tmp_path / "link.json"
        real.write_bytes(b"old")
        link.symlink_to(Path("real") / "results.json")
        write_atomically(link, b"new")
        assert real.read_bytes() == b"new"
        assert link.is_symlink()
        assert names_in(tmp_path / "real") == ["results.json"]

    def test_a_link_to_nothing_yet_makes_its_target(self, tmp_path: Path) -> None:
        (tmp_path / "link.json").symlink_to(tmp_path / "results.json")
        write_atomically(tmp_path / "link.json", b"new")
        assert (tmp_path / "results.json").read_bytes() == b"new"
        assert (tmp_path / "link.json").is_symlink()

    @pytest.mark.parametrize("most", [1, 2, 3, 1000])
    def test_writes_that_take_only_a_part(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:most]))
        write_atomically(tmp_path / "results.json", b"abcdefg")
        monkeypatch.undo()
        assert (tmp_path / "results.json").read_bytes() == b"abcdefg"

    @pytest.mark.parametrize("length", [255, 250, 120])
    def test_names_as_long_as_the_file_system_takes(self, tmp_path: Path, length: int) -> None:
        path = tmp_path / ("x" * length)
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new"

    def test_a_name_of_long_characters(self, tmp_path: Path) -> None:
        path = tmp_path / ("\N{SNAIL}" * 60)  # 240 bytes
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new"


class TestOrder:
    """``kill -9`` cannot show a missing fsync, for the page cache survives it. The order of the calls can."""

    def test_data_are_synced_before_the_rename_and_the_folder_after_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert calls_of(lambda: write_atomically(tmp_path / "results.json", b"new"), monkeypatch) == [
            "write file",
            "fsync file",
            "replace",
            "fsync folder",
        ]


def calls_of(action: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lasting calls that ``action`` makes, in order."""
    calls: list[str] = []

    def kind(descriptor: int) -> str:
        return "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"

    def watch(patch: pytest.MonkeyPatch, name: str, described: Any) -> None:
        real = getattr(os, name)

        def watched(*arguments: Any) -> Any:
            calls.append(described(*arguments))
            return real(*arguments)

        patch.setattr(os, name, watched)

    with monkeypatch.context() as patch:
        watch(patch, "write", lambda descriptor, _: f"write {kind(descriptor)}")
        watch(patch, "fsync", lambda descriptor: f"fsync {kind(descriptor)}")
        watch(patch, "replace", lambda *_: "replace")
        action()
    return calls


class TestWhatCannotBeWritten:
    def test_folder(self, tmp_path: Path) -> None:
        self.refused_by_both(tmp_path, "it is a folder")

    def test_missing_parent(self, tmp_path: Path) -> None:
        self.refused_by_both(tmp_path / "gone" / "results.json", "there is no folder .*gone; make it: mkdir -p .*gone")

    def test_parent_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        self.refused_by_both(tmp_path / "file" / "results.json", "Not a directory")

    def test_loop_of_links(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to(tmp_path / "b")
        (tmp_path / "b").symlink_to(tmp_path / "a")
        self.refused_by_both(tmp_path / "a", "symbolic links")
        assert (tmp_path / "a").is_symlink()

    @pytest.mark.parametrize("name", ["nul\0nul", "surrogate\ud800"], ids=ascii)
    def test_what_can_be_no_path(self, tmp_path: Path, name: str) -> None:
        self.refused_by_both(tmp_path / name, "cannot write")

    def test_name_too_long(self, tmp_path: Path) -> None:
        self.refused_by_both(tmp_path / ("x" * 256), "too long")

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
    def test_file_system_that_takes_no_files(self) -> None:
        self.refused_by_both(Path("/proc/results.json"), "cannot write")

    def test_read_only_file(self, users_folder: Path) -> None:
        path = users_folder / "baseline.json"
        path.write_bytes(b"old")
        path.chmod(0o444)
        self.refused_by_both(path, "it is read-only")
        assert path.read_bytes() == b"old"

    def test_read_only_folder(self, users_folder: Path) -> None:
        (users_folder / "results.json").write_bytes(b"old")
        users_folder.chmod(0o555)
        try:
            self.refused_by_both(users_folder / "results.json", "Permission denied")
        finally:
            users_folder.chmod(0o755)
        assert (users_folder / "results.json").read_bytes() == b"old"

    @staticmethod
    def refused_by_both(path: Path, reason: str) -> None:
        with pytest.raises(OutputError, match=reason) as early:
            check_writable(path)
        with pytest.raises(OutputError, match=reason) as late:
            write_atomically(path, b"new")
        assert str(path) in str(early.value)
        assert str(path) in str(late.value)


class TestFailuresMidway:
    @pytest.mark.parametrize("call", ["write", "fsync", "replace", "fchmod"])
    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
    def test_the_old_file_stays_and_nothing_is_left(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
    ) -> None:
        path = tmp_path / "results.json"
        path.write_bytes(b"old")
        path.chmod(0o644)

        def fail(*_: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises(OutputError if isinstance(error, OSError) else KeyboardInterrupt) as seen:
                write_atomically(path, b"new")
        if isinstance(error, OSError):
            assert "No space left on device; what stood there is unchanged" in str(seen.value)
        assert path.read_bytes() == b"old"
        assert names_in(tmp_path) == ["results.json"]

    def test_a_folder_that_fails_to_sync_is_reported_as_that(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fail_to_sync_folders(monkeypatch, errno.EIO)
        with pytest.raises(OutputError, match="was written, but a power cut may undo it"):
            write_atomically(tmp_path / "results.json", b"new")
        assert (tmp_path / "results.json").read_bytes() == b"new"

    @pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
    def test_a_file_system_that_cannot_sync_folders(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        fail_to_sync_folders(monkeypatch, number)
        write_atomically(tmp_path / "results.json", b"new")

    def test_a_folder_that_may_be_written_but_not_read(self, users_folder: Path) -> None:
        users_folder.chmod(0o333)
        try:
            write_atomically(users_folder / "results.json", b"new")
        finally:
            users_folder.chmod(0o755)
        assert (users_folder / "results.json").read_bytes() == b"new"


def fail_to_sync_folders(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)


class TestWhatIsNoRegularFile:
    def test_full_device(self) -> None:
        check_writable(Path("/dev/full"))
        with pytest.raises(OutputError, match="No space left on device"):
            write_atomically(Path("/dev/full"), b"new")
        assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)

    def test_null_device(self) -> None:
        write_atomically(Path("/dev/null"), b"new")
        assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)

    @pytest.mark.parametrize("template", ["/dev/fd/{}", "/proc/self/fd/{}"])
    def test_pipe_by_descriptor(self, template: str) -> None:
        # What a shell hands over for >(...), and what /dev/stdout is in a pipeline: a link to no path at all.
        reader, writer = os.pipe()
        try:
            path = Path(template.format(writer))
            check_writable(path)
            write_atomically(path, b"new")
            assert os.read(reader, 10) == b"new"
        finally:
            os.close(reader)
            os.close(writer)

    def test_redirected_file_is_gone_on_with(self, tmp_path: Path) -> None:
        # Opened anew, or replaced, it would lose what 'command > file' had written before and writes after.
        with (tmp_path / "out").open("wb", buffering=0) as stream:
            stream.write(b"before ")
            write_atomically(Path(f"/dev/fd/{stream.fileno()}"), b"new")
            stream.write(b" after")
        assert (tmp_path / "out").read_bytes() == b"before new after"

    def test_standard_output(self, capfd: pytest.CaptureFixture[str]) -> None:
        check_writable(Path("/dev/stdout"))
        write_atomically(Path("/dev/stdout"), b"to stdout")
        write_atomically(Path("/dev/../dev/stderr"), b"to stderr")
        assert capfd.readouterr() == ("to stdout", "to stderr")

    def test_descriptor_that_is_not_open(self) -> None:
        for act in (check_writable, lambda path: write_atomically(path, b"new")):
            with pytest.raises(OutputError, match="Bad file descriptor"):
                act(Path("/dev/fd/999999"))

    def test_named_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        try:
            check_writable(tmp_path / "pipe")
            write_atomically(tmp_path / "pipe", b"new")
            assert os.read(reader, 10) == b"new"
        finally:
            os.close(reader)
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


class TestCheckWritable:
    def test_leaves_no_trace(self, tmp_path: Path) -> None:
        check_writable(tmp_path / "results.json")
        assert names_in(tmp_path) == []

    def test_leaves_a_file_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "results.json"
        path.write_bytes(b"old")
        before = path.stat()
        check_writable(path)
        assert path.read_bytes() == b"old"
        assert path.stat().st_mtime_ns == before.st_mtime_ns

    def test_relative_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        check_writable(Path("results.json"))
        with pytest.raises(OutputError, match="it is a folder"):
            check_writable(Path())


class TestReadBounded:
    def test_whole_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"12345")
        assert read_bounded(tmp_path / "file", most_bytes=5) == b"12345"

    def test_larger_than_allowed(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"123456")
        with pytest.raises(FileFormatError, match="file has 6 bytes; at most 5 are read"):
            read_bounded(tmp_path / "file", most_bytes=5)

    def test_huge_file_is_refused_unread(self, tmp_path: Path) -> None:
        with (tmp_path / "file").open("wb") as stream:
            stream.truncate(1 << 40)  # sparse: it takes no room
        with pytest.raises(FileFormatError, match=r"has 1,099,511,627,776 bytes; at most 536,870,912 are read"):
            read_bounded(tmp_path / "file")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            read_bounded(tmp_path / "file")

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(FileFormatError, match="is no regular file"):
            read_bounded(tmp_path)

    def test_pipe_without_writer_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileFormatError, match="is no regular file"):
            read_bounded(tmp_path / "pipe")

    @pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
    def test_device(self, device: str) -> None:
        with pytest.raises(FileFormatError, match="is no regular file"):
            read_bounded(Path(device))

    def test_loop_of_links(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("a")
        with pytest.raises(FileFormatError, match=r"cannot be read: .*symbolic links"):
            read_bounded(tmp_path / "a")

    @pytest.mark.parametrize("name", ["nul\0nul", "surrogate\ud800"], ids=ascii)
    def test_what_can_be_no_path(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(FileFormatError, match="cannot be read"):
            read_bounded(tmp_path / name)

    def test_unreadable_file(self, users_folder: Path) -> None:
        (users_folder / "file").write_bytes(b"secret")
        (users_folder / "file").chmod(0)
        with pytest.raises(FileFormatError, match="cannot be read: Permission denied"):
            read_bounded(users_folder / "file")

    def test_no_descriptor_is_left_open(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"123456")
        os.mkfifo(tmp_path / "pipe")
        probe = os.open(tmp_path, os.O_RDONLY)
        os.close(probe)
        read_bounded(tmp_path / "file")
        for path in (tmp_path, tmp_path / "pipe"):
            with pytest.raises(FileFormatError):
                read_bounded(path)
        again = os.open(tmp_path, os.O_RDONLY)
        os.close(again)
        assert again == probe  # the lowest number that is free


def test_sync_folder_of_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "gone")
