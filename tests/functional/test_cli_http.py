"""``paceline http`` as a process, against a small real server: exit codes, files, secrets, the terminal."""

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paceline.engine.child_process import usable_cores
from tests.functional import commands
from tests.functional.small_server import small_server
from tests.waiting import wait_for

pytestmark = pytest.mark.real

SECRETS = ("s3cretword", "t0kenword", "h3aderword", "b0dyword", "urlw0rd")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_server() as found:
        yield found


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "paceline.cli.main", "http", *arguments]


def paceline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.paceline(folder, "http", *arguments)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["{url}/", "-d", "100ms", "-w", "0"]),
        (0, ["{host}/", "-n", "50", "-c", "3", "-w", "0", "-t", "error_rate<1%"]),
        (0, ["{url}/", "--rate", "500/s", "-d", "100ms", "-w", "10ms", "-t", "dropped<1"]),
        (0, ["{url}/", "--rate", "500", "--poisson", "-d", "200ms", "-w", "0"]),
        (0, ["{url}/", "--stage", "100ms:1000/s", "-w", "0"]),
        (0, ["{url}/", "--stage", "0s:2", "--stage", "100ms:2", "-w", "0"]),
        (0, ["{url}/", "-d", "100ms", "--think", "10ms", "-w", "0"]),
        (1, ["{url}/", "-n", "20", "-w", "0", "-t", "p(50)<1ns"]),
        (3, ["http://127.0.0.1:1/", "-d", "1s"]),
        (4, ["ftp://127.0.0.1/"]),
        (4, ["{url}/", "-n", "5", "--rate", "5"]),
        (4, ["{url}/", "--rate", "fast"]),
        (4, ["{url}/", "-c", "5", "--stage", "1s:5"]),
        (4, ["{url}/", "-n", "0"]),
        (4, ["{url}/", "-t", "p(95)<"]),
        (4, ["{url}/{{nothing}}", "-n", "5"]),
        (4, ["{url}/", "--data", "a", "--form", "a=b"]),
        (4, ["{url}/", "-u", "nobody"]),
        (4, []),
    ],
)
def test_exit_codes(tmp_path: Path, url: str, code: int, arguments: list[str]) -> None:
    host = url.removeprefix("http://")
    given = [each.replace("{url}", url).replace("{host}", host) for each in arguments]
    done = paceline(tmp_path, *given)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert bool(done.stdout) == (code in {0, 1})
    assert bool(done.stderr) == (code in {3, 4})


def test_figures_in_the_file_are_exact(tmp_path: Path, url: str) -> None:
    assert paceline(tmp_path, f"{url}/", "-n", "123", "-w", "0", "-c", "4", "--json", "r.json").returncode == 0
    assert paceline(tmp_path, f"{url}/", "--rate", "500", "-d", "0.2s", "-w", "0", "--json", "o.json").returncode == 0
    (fixed,) = json.loads((tmp_path / "r.json").read_text())["results"]
    (opened,) = json.loads((tmp_path / "o.json").read_text())["results"]
    assert fixed["record"]["counts"]["ok"] == 123
    assert fixed["record"]["load"]["traffic"]["statuses"] == [{"code": 200, "count": 123}]
    assert opened["record"]["load"]["arrivals"]["planned"] == opened["record"]["counts"]["ok"] == 100


def test_ctrl_c_shows_what_was_measured(tmp_path: Path, url: str) -> None:
    # Without a terminal there is no progress to wait for: until the journal is there and the server is asked.
    listening = socket.create_server(("127.0.0.1", 0))
    with listening, subprocess.Popen(
        command(f"http://127.0.0.1:{listening.getsockname()[1]}/", "-d", "600s", "-w", "0", "-c", "1", "--no-probe"),
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        connection, _ = listening.accept()
        with connection:
            for _ in range(20):
                assert connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            assert connection.recv(65_536)
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=20.0)
    assert process.returncode == 2
    assert "interrupted" in out.lower()
    assert "Traceback" not in err
    assert "paceline report" in err
    del url


def test_no_secret_is_shown_or_kept(tmp_path: Path, url: str) -> None:
    given = [
        f"{url.replace('://', '://ann:urlw0rd@')}/?token=t0kenword", "-H", "X-Api-Key: h3aderword",
        "--data", "password=b0dyword", "--json", "r.json", "-w", "0",
    ]  # fmt: skip
    done = paceline(tmp_path, *given, "-n", "5")
    assert done.returncode == 0, done.stderr
    bearer = paceline(tmp_path, f"{url}/", "--bearer", "t0kenword", "-n", "5", "-w", "0", "--json", "b.json")
    basic = paceline(tmp_path, f"{url}/", "-u", "ann:s3cretword", "-n", "5", "-w", "0", "--json", "c.json")
    shown = "".join(each.stdout + each.stderr for each in (done, bearer, basic))
    never = "http://ann:urlw0rd@127.0.0.1:1/?token=t0kenword"
    refused = paceline(tmp_path, never, "-u", "ann:s3cretword", "--bearer", "t0kenword")
    shown += refused.stdout + refused.stderr + paceline(tmp_path, never, "-d", "1s", "--debug").stderr
    for secret in SECRETS:
        assert secret not in shown
        for file in tmp_path.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), file


def _holds_something(folder: Path) -> bool:
    return any(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_no_secret_is_in_the_journal_of_a_run_under_way(tmp_path: Path, url: str) -> None:
    common = ["-d", "600s", "-w", "0", "-H", "X-Api-Key: h3aderword", "--data", "password=b0dyword"]
    in_url = [f"{url.replace('://', '://ann:urlw0rd@')}/", *common]
    for arguments in (in_url, [f"{url}/", "-u", "ann:s3cretword", *common]):
        journals = tmp_path / ".paceline"
        shutil.rmtree(journals, ignore_errors=True)  # of the run before
        with subprocess.Popen(command(*arguments), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True) as process:  # fmt: skip
            wait_for(functools.partial(_holds_something, journals))
            kept = b"".join(file.read_bytes() for file in journals.rglob("*") if file.is_file())
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=20.0)[0]
        kept += b"".join(file.read_bytes() for file in journals.rglob("*") if file.is_file())
        for secret in SECRETS:
            assert secret.encode() not in kept
            assert secret not in said


def test_a_dry_run_asks_nobody_and_is_no_reference(tmp_path: Path) -> None:
    limits = ("-t", "throughput>1", "--save-baseline", "base.json", "--json", "dry.json")
    told = paceline(tmp_path, "http://no-such-host.invalid/", "--dry", "-d", "200ms", "-w", "0", "-c", "5", *limits)
    assert told.returncode == 6, told.stderr
    assert "dry: no server is asked" in " ".join(told.stdout.split())
    assert "no-server-asked" in told.stdout
    assert "generator-saturated" not in told.stdout
    (result,) = json.loads((tmp_path / "dry.json").read_text())["results"]
    assert result["record"]["load"]["dry"] is True
    assert result["record"]["counts"]["ok"] > 1_000
    assert "no-server-asked" in told.stderr  # why it is not saved
    assert not (tmp_path / "base.json").exists()


def test_a_dry_run_of_several_processes(tmp_path: Path) -> None:
    told = paceline(
        tmp_path, "localhost/{{n}}", "--dry", "--rate", "2000/s", "-d", "500ms", "-w", "0", "--processes", "2"
    )
    assert told.returncode == 0, told.stderr
    assert "1,000 attempts" in told.stdout
    assert "no-server-asked" in told.stdout


def test_a_process_for_each_core(tmp_path: Path, url: str) -> None:
    told = paceline(tmp_path, f"{url}/{{{{n}}}}", "-n", "400", "-c", "100", "-w", "0", "--processes", "auto")
    assert told.returncode == 0, told.stderr
    assert "400 attempts" in told.stdout
    if (cores := len(usable_cores())) > 1:
        assert f"processes     {cores} together" in told.stdout
