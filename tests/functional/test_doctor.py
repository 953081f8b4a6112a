"""The real command on this machine, whatever it is like: it ends with a verdict that follows from what it saw."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from paceline.campaign.doctor import DoctorPlan, examine
from paceline.core.clock import SYSTEM_CLOCK
from paceline.judge.fitness import judge_fitness
from paceline.judge.fitness_advice import advice_of
from paceline.report.doctor_text import render_doctor
from paceline.store.doctor import decode_doctor
from tests.functional import commands
from tests.waiting import wait_for

pytestmark = pytest.mark.real


def paceline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.paceline(folder, "doctor", *arguments, timeout_s=120.0)


def without_progress(said: str) -> list[str]:
    """What is not the line of every ten seconds."""
    return [line for line in said.splitlines() if not line.endswith(" left")]


def test_verdict_file_and_exit_code_agree(tmp_path: Path) -> None:
    ended = paceline(tmp_path, "--pairs", "7", "--effect", "20%", "--seed", "1", "--json", "doctor.json")
    assert not without_progress(ended.stderr)
    data = (tmp_path / "doctor.json").read_bytes()
    plain = json.loads(data)
    record = decode_doctor(data, "doctor.json")
    fitness = judge_fitness(record)
    assert fitness.grade is not None
    assert plain["verdict"] == fitness.grade.value
    assert ended.stdout == render_doctor(fitness, advice_of(fitness))
    assert ended.returncode == (0 if plain["verdict"] == "fit" else 6)
    assert [each.name for each in record.duets] == ["CPU", "memory", "system calls"]
    for duet in record.duets:
        assert (len(duet.pairs), duet.planted_effect, duet.seed) == (7, 0.2, 1)
    assert record.cores
    assert all(core.readings > 1_000 for core in record.cores)
    assert record.company.elapsed_s > 0


def test_json_to_stdout_is_all_there_is(tmp_path: Path) -> None:
    ended = paceline(tmp_path, "--quick", "--json", "-")
    assert not without_progress(ended.stderr)
    assert json.loads(ended.stdout)["schema"] == "paceline/doctor/1"
    assert len(decode_doctor(ended.stdout.encode(), "-").duets[0].pairs) == 12
    assert list(tmp_path.iterdir()) == []


def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    record = examine(DoctorPlan(pairs=7, cores_s=0.01), SYSTEM_CLOCK, root=tmp_path)
    assert (record.machine.clock_source, record.machine.governors, record.company.stolen_share) == (None, None, None)
    fitness = judge_fitness(record)
    assert "source unknown" in render_doctor(fitness, advice_of(fitness))


def test_an_interrupt_ends_it_and_its_children(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "paceline.cli.main", "doctor", "--pairs", "500"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    own = psutil.Process(process.pid)
    workers: set[psutil.Process] = set()

    def three_have_started() -> bool:
        workers.update(own.children())
        return len(workers) >= 3

    try:
        wait_for(three_have_started)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 2, stderr
    assert stdout.startswith("no verdict: interrupted after "), stdout
    assert "Traceback" not in stderr
    # One that was being started at that moment ends by itself, when it finds nobody to take orders from.
    wait_for(lambda: not any(map(is_alive, workers)))


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--effect", "some"], "'some' is no percentage such as 2%"),
        (["--effect", "1%"], "the effect must be above 2 % and at most 100 %, not 1 %"),
        (["--effect", "5"], "'5' is to be written as a percentage"),
        (["--pairs", "6"], "6 is not in the range x>=7"),
        (["--quick", "--pairs", "20"], "--quick and --pairs exclude each other"),
        (["--json", "no/such/folder/out.json"], "there is no folder"),
        (["--json", "."], "it is a folder"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_measured(tmp_path: Path, arguments: list[str], said: str) -> None:
    ended = paceline(tmp_path, *arguments)
    assert ended.returncode == 4
    assert said in ended.stderr
    assert ended.stdout == ""
