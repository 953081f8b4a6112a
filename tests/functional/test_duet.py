"""Duets of revisions and interpreters: the real command on real repositories; nothing of theirs is touched or left."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional import commands
from tests.functional.repository import FAST, QUICK, SLOW, Repository
from tests.waiting import wait_for

pytestmark = pytest.mark.real


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_an_uncommitted_change_is_the_candidate(shop: Repository, tmp_path: Path) -> None:
    shop.write({"prices.py": SLOW})
    out = tmp_path / "duet.json"
    done = shop.duet(
        "main", "--call", "prices:total", *QUICK, "--seed", "7", "--json", str(out), "--html", f"{out}.html"
    )
    assert done.returncode == 1, done.stderr
    assert "regressed" in done.stdout
    assert '<h1 id="verdict">The duet: regressed.</h1>' in Path(f"{out}.html").read_text()
    assert "with uncommitted changes" in done.stdout
    stored = json.loads(out.read_text())["duets"]
    (record,) = stored["records"]
    assert len(record["pairs"]) == 7
    assert record["seed"] == 7
    assert stored["verdicts"][0]["verdict"] == "regressed"
    base, candidate = (record[side]["files"] for side in ("base", "candidate"))
    assert not set(base) & set(candidate)
    shown = commands.paceline(tmp_path, "report", str(out))
    assert shown.stdout == done.stdout


def test_files_git_does_not_know_are_the_candidates_and_ignored_ones_are_not(shop: Repository) -> None:
    shop.write({"prices.py": "from factor import N\ndef total():\n    return sum(range(N))\n", "factor.py": "N = 800"})
    shop.write({"ignored/data.txt": "not taken along"})
    done = shop.duet("main", "--call", "prices:total", *QUICK)
    assert done.returncode == 1, done.stderr + done.stdout


def test_a_committed_improvement_is_found(shop: Repository) -> None:
    shop.write({"prices.py": SLOW})
    shop.commit()
    shop.write({"prices.py": FAST})
    shop.commit()
    done = shop.duet("HEAD~1", "--call", "prices:total", *QUICK)
    assert done.returncode == 0, done.stderr
    assert "improved" in done.stdout


def test_below_the_root_and_through_a_path_that_points_into_the_checkout(
    shop: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write({"src/goods/__init__.py": "", "src/goods/stock.py": FAST, "deep/here.txt": ""})
    shop.commit()
    shop.write({"src/goods/stock.py": SLOW})
    monkeypatch.setenv("PYTHONPATH", str(shop.root / "src"))
    done = shop.duet("main", "--call", "goods.stock:total", *QUICK, folder="deep")
    assert done.returncode == 1, done.stderr + done.stdout


def test_a_benchmark_by_path_is_the_candidates_on_both_sides(shop: Repository) -> None:
    shop.write({"prices.py": SLOW, "bench/totals.py": "import prices\ndef total():\n    return prices.total()\n"})
    done = shop.duet("main", "--call", "bench/totals.py:total", *QUICK)
    assert done.returncode == 1, done.stderr + done.stdout


def test_a_folder_of_tests_is_taken_along(shop: Repository) -> None:
    shop.write({"prices.py": SLOW, "bench/__init__.py": "", "bench/totals.py": "from prices import total\n"})
    done = shop.duet("main", "--call", "bench.totals:total", "--tests", "bench", *QUICK)
    assert done.returncode == 1, done.stderr + done.stdout


def test_setup_builds_each_copy(shop: Repository) -> None:
    shop.write({"n.in": "200", "prices.py": "from built import N\ndef total():\n    return sum(range(N))\n"})
    shop.commit()
    shop.write({"n.in": "800"})
    build = "python3 -c \"print('N =', open('n.in').read())\" > built.py"
    done = shop.duet("main", "--call", "prices:total", "--setup", build, *QUICK)
    assert done.returncode == 1, done.stderr + done.stdout
    failed = shop.duet("main", "--call", "prices:total", "--setup", "echo no compiler; false", *QUICK)
    assert failed.returncode == 3
    assert "--setup failed for the base with exit code 1" in failed.stderr
    assert "no compiler" in failed.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("no-such-branch", "--call", "prices:total"), "there is no revision 'no-such-branch'"),
        (("--output=x", "--call", "prices:total"), "No such option"),
        (("main",), "nothing to measure: name tests"),
        (("--call", "prices:total"), "name what to compare with"),
        (("main", "--call", "prices"), "names no function"),
        (("main", "--call", "prices:total", "--call", "prices:total"), "twice"),
        (("main", "--call", "prices:total", "--tests", "nowhere"), "nowhere is not in the working tree"),
        (("main", "--call", "prices:total", "--pairs", "20", "--adaptive"), "exclude each other"),
        (("main", "--call", "prices:total", "--pairs", "3"), "3 is not in the range"),
        (("main", "--call", "prices:total", "--margin", "five"), "no percentage"),
        (("main", "--call", "prices:total", "--base-python", "python3"), "exclude each other"),
        (("main", "--call", "prices:total", "--rate", "5/s"), "--rate goes with --base-url"),
        (("--base-python", "no-python", "--call", "prices:total"), "there is no interpreter no-python"),
        (("--base-python", sys.executable, "--call", "prices:total"), "both sides are"),
        (("--base-url", "http://127.0.0.1:9/"), "--candidate-url"),
        (("main", "--call", "json:loads", *QUICK), "was loaded from outside the side's own copy"),
    ],
)
def test_what_cannot_be_compared_is_said_before_it_is(shop: Repository, words: tuple[str, ...], said: str) -> None:
    done = shop.duet(*words)
    assert done.returncode == 4, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_repository(tmp_path: Path) -> None:
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    done = commands.paceline(tmp_path, "duet", "main", "--call", "prices:total", env=env)
    assert done.returncode == 4
    assert "is in no git repository" in done.stderr


def test_a_function_that_one_side_lacks_or_that_fails_there_is_named_and_left_out(shop: Repository) -> None:
    shop.write(
        {
            "prices.py": SLOW
            + "def new():\n    return 1\ndef broken():\n    raise ValueError('postgres://u:pw@h/db')\nlimit = 3\n"
        }
    )
    calls = [word for name in ("total", "new", "broken", "limit") for word in ("--call", f"prices:{name}")]
    done = shop.duet("main", *calls, *QUICK)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "prices:new  base: AttributeError" in done.stdout
    assert "prices:limit  base: AttributeError" in done.stdout
    assert "1 duet: 1 regressed, 3 not compared" in done.stdout
    alone = shop.duet("main", "--call", "prices:new", *QUICK)
    assert alone.returncode == 5
    assert "nothing could be compared: 1 not compared" in alone.stdout


def test_a_candidate_that_raises_is_left_out_and_gives_away_no_credential(shop: Repository) -> None:
    shop.write({"prices.py": "def total():\n    raise ValueError('postgres://ann:s3cret@db/x')\n"})
    done = shop.duet("main", "--call", "prices:total", *QUICK)
    assert done.returncode == 6  # what the base can do and the candidate cannot is no pass
    assert "candidate: ValueError" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr


def test_a_process_that_dies_in_the_middle_costs_its_pair_and_is_counted(shop: Repository, tmp_path: Path) -> None:
    once = tmp_path / "died"
    shop.write(
        {
            "prices.py": "import os, pathlib, signal\ncalls = 0\ndef total():\n    global calls\n    calls += 1\n"
            f"    mark = pathlib.Path({str(once)!r})\n"
            "    if calls == 500 and not mark.exists():\n"
            "        mark.touch(); os.kill(os.getpid(), signal.SIGKILL)\n    return sum(range(200))\n"
        }
    )
    out = tmp_path / "duet.json"
    shop.duet("main", "--call", "prices:total", *QUICK, "--json", str(out))
    (record,) = json.loads(out.read_text())["duets"]["records"]
    assert len(record["pairs"]) == 7
    (lost,) = record["discarded"]
    assert "candidate: its process was ended by SIGKILL" in lost


def test_a_process_that_always_dies_ends_the_duet(shop: Repository) -> None:
    shop.write({"prices.py": "import os\ndef total():\n    os.write(2, b'out of luck'); os._exit(9)\n"})
    done = shop.duet("main", "--call", "prices:total", *QUICK)
    assert done.returncode == 3
    assert "candidate: its process ended with exit code 9: out of luck" in done.stderr


def test_a_call_that_does_not_return_runs_into_the_limit(shop: Repository) -> None:
    shop.write({"prices.py": "import threading\ndef total():\n    threading.Event().wait()\n"})
    done = shop.duet("main", "--call", "prices:total", *QUICK, "--timeout", "500ms")
    assert done.returncode == 3
    assert "candidate: no answer for 0.5 s" in done.stderr


def _started(shop: Repository, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*shop.command, *words],
        cwd=shop.root,
        env=shop.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _waiting_function(mark: Path) -> str:
    return (
        "import os, pathlib, threading\ndef total():\n"
        f"    pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\n    threading.Event().wait(0.01)\n"
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_nothing_is_left(shop: Repository, tmp_path: Path, how: signal.Signals) -> None:
    mark = tmp_path / "mark"
    shop.write({"prices.py": _waiting_function(mark)})
    shop.commit()
    running = _started(shop, "main", "--call", "prices:total", "--pairs", "200")
    wait_for(lambda: mark.exists() and mark.read_text())
    assert list(shop.temporary.glob("paceline-duet-*"))
    running.send_signal(how)
    out, err = running.communicate(timeout=60)
    assert running.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 2), out + err
    assert "Traceback" not in err
    wait_for(lambda: not list(shop.temporary.glob("paceline-duet-*")))
    shop.assert_clean()
    wait_for(lambda: not _lives(int(mark.read_text())))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_two_interpreters(shop: Repository, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    done = shop.duet("--base-python", str(other), "--call", "prices:total", *QUICK)
    assert done.returncode in {0, 1}, done.stderr
    assert f"base{other}" in "".join(done.stdout.split())  # a long path is broken over lines
    other.write_text("#!/bin/sh\necho not a python >&2; exit 3\n")
    failed = shop.duet("--base-python", str(other), "--call", "prices:total", *QUICK)
    assert failed.returncode == 3
    assert "its process ended with exit code 3: not a python" in failed.stderr


def test_coroutine_functions_before_and_after(shop: Repository, tmp_path: Path) -> None:
    log = tmp_path / "log"
    shop.write(
        {
            "prices.py": "import asyncio\nready = False\n"
            "async def total():\n    assert ready\n    await asyncio.sleep(0)\n"
            "async def open_it():\n    global ready\n    ready = True\n"
            f"def shut_it():\n    open({str(log)!r}, 'a').write('x')\n"
        }
    )
    shop.commit()
    done = shop.duet(
        "HEAD", "--call", "prices:total", "--before", "prices:open_it", "--after", "prices:shut_it", *QUICK
    )
    assert "1 duet: " in done.stdout, done.stdout + done.stderr
    assert log.read_text() == "x" * 7 * 3


def test_a_second_run_appends_pairs_of_the_same_code_and_of_no_other(shop: Repository, tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    words = ("HEAD", "--call", "prices:total", *QUICK)
    shop.write({"new.txt": "uncommitted"})
    shop.duet(*words, "--json", str(first))
    document = json.loads(first.read_text())
    for pair in document["duets"]["records"][0]["pairs"]:  # now this way, now that: nothing is decided
        factor = 2 if pair["number"] % 2 else 0.5
        pair["candidate"]["epoch_ns"] = [factor * each for each in pair["base"]["epoch_ns"]]
    first.write_text(json.dumps(document))
    done = shop.duet(*words, "--append", str(first), "--json", str(second))
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(second.read_text())["duets"]["records"]
    assert (len(record["pairs"]), record["looks"], record["appended"]) == (14, [7, 14], [7])
    assert [pair["number"] for pair in record["pairs"]] == list(range(14))
    shop.write({"new.txt": "and something else"})
    other = shop.duet(*words, "--append", str(first))
    assert other.returncode == 4
    assert "is to be measured anew" in other.stderr
    shorter = shop.duet(*words[:-4], "--epochs", "6", "--append", str(first))
    assert shorter.returncode == 4
    assert "have 2 epochs each, not those of --epochs 6" in " ".join(shorter.stderr.split())
    edited = tmp_path / "edited.json"
    pairs = document["duets"]["records"][0]["pairs"]
    for forged in ([], pairs * 2, [*pairs[:-1], {**pairs[-1], "calls_per_epoch": 3}]):
        document["duets"]["records"][0]["pairs"] = forged
        edited.write_text(json.dumps(document))
        refused = shop.duet(*words, "--append", str(edited))
        assert refused.returncode == 4
        assert "contradict each other" in refused.stderr
    wrong = shop.duet("HEAD", "--call", "prices:other", "--append", str(second))
    assert wrong.returncode == 4
    assert "holds duets of prices:total" in wrong.stderr
    missing = shop.duet(*words, "--append", "no-such-file")
    assert missing.returncode == 4
    assert "there is no file no-such-file" in missing.stderr


def test_what_a_call_returns_as_an_error_is_one(shop: Repository) -> None:
    shop.write({"prices.py": "from paceline import Outcome\ndef total():\n    return Outcome.error('no stock')\n"})
    done = shop.duet("main", "--call", "prices:total", *QUICK)
    assert done.returncode == 6
    assert "candidate: RuntimeError: it returned Outcome(" in " ".join(done.stdout.split())


def test_errors_that_come_later_are_counted_where_calls_are_timed_singly(shop: Repository, tmp_path: Path) -> None:
    late = (
        "from paceline import Outcome\ncalls = 0\ndef total():\n    global calls\n    calls += 1\n"
        "    sum(range(3000))\n    return Outcome.error('no stock') if calls > 3 else None\n"
    )
    shop.write({"prices.py": late.replace("Outcome.error('no stock')", "None")})
    shop.commit()
    shop.write({"prices.py": late})
    out = tmp_path / "duet.json"
    shop.duet("main", "--call", "prices:total", *QUICK, "--json", str(out))
    (record,) = json.loads(out.read_text())["duets"]["records"]
    assert all(pair["candidate"]["errors"] == pair["candidate"]["calls"] for pair in record["pairs"])


def test_a_project_that_is_installed_hides_its_copies_and_is_found_out(shop: Repository, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (installed,) = environment.glob("lib/python*/site-packages")
    (installed / "goods").mkdir()
    (installed / "goods" / "__init__.py").write_text("N = 200\n")
    shop.write(
        {"src/goods/__init__.py": "N = 200\n", "bench.py": "import goods\ndef op():\n    return range(goods.N)\n"}
    )
    shop.commit()
    shop.write({"src/goods/__init__.py": "N = 800\n"})
    with_paceline = os.pathsep.join(entry for entry in sys.path if entry)
    command = [str(environment / "bin" / "python"), "-m", "paceline.cli.main", "duet"]
    done = subprocess.run(
        [*command, "main", "--call", "bench.py:op", *QUICK],
        cwd=shop.root,
        env={**shop.environment, "PYTHONPATH": with_paceline},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"{installed}/goods/__init__.py was loaded from outside the side's own copy" in done.stderr
    shop.assert_clean()


def test_a_base_that_falls_back_into_the_checkout_is_found_out(shop: Repository, tmp_path: Path) -> None:
    """As an import hook does that knows the checkout's folder, for a package that the base does not have yet."""
    hook = tmp_path / "site"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(f"import sys\nsys.path.append({str(shop.root / 'late')!r} + '/.')\n")
    shop.write({"bench.py": "import fresh\ndef op():\n    return fresh.N\n", "late/fresh.py": "N = 1\n"})
    (hook / "fresh_hook.py").write_text("")
    done = subprocess.run(
        [*shop.command, "main", "--call", "bench.py:op", *QUICK],
        cwd=shop.root,
        env={**shop.environment, "PYTHONPATH": str(hook)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # Its path is moved like any other, so that the base simply lacks the package.
    assert done.returncode == 5, done.stdout + done.stderr
    assert "base: ModuleNotFoundError" in done.stdout


def test_a_test_that_kills_its_process_does_not_cost_the_others(shop: Repository) -> None:
    shop.write({"prices.py": FAST + "def fatal():\n    import os\n    os.abort()\n"})
    shop.commit()
    shop.write({"prices.py": SLOW + "def fatal():\n    import os\n    os.abort()\n"})
    done = shop.duet("main", "--call", "prices:fatal", "--call", "prices:total", *QUICK)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "prices:fatal  base: its process was ended by SIGABRT" in done.stdout.replace("\n", " ").replace("  ", "  ")
    assert "1 duet: 1 regressed, 1 not compared" in done.stdout


def test_interpreters_append_too(shop: Repository, tmp_path: Path) -> None:
    other, out = tmp_path / "python", tmp_path / "first.json"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    words = ("--base-python", str(other), "--call", "prices:total", *QUICK)
    shop.duet(*words, "--json", str(out))
    document = json.loads(out.read_text())
    for pair in document["duets"]["records"][0]["pairs"]:
        factor = 2 if pair["number"] % 2 else 0.5
        pair["candidate"]["epoch_ns"] = [factor * each for each in pair["base"]["epoch_ns"]]
    out.write_text(json.dumps(document))
    done = shop.duet(*words, "--append", str(out))
    assert "14 pairs" in done.stdout.replace("\n", " "), done.stdout + done.stderr
    unpinned = shop.duet(*words, "--append", str(out), "--no-pin")
    assert unpinned.returncode == 4
    assert "another --no-pin" in unpinned.stderr


def test_a_file_changed_within_the_second_of_its_commit_is_changed(shop: Repository) -> None:
    """Git may take it for what it was: its time is that of the index, its length is the same."""
    path = shop.root / "prices.py"
    path.write_text(FAST.replace("200", "900"))
    os.utime(path, ns=(shop.index_ns, shop.index_ns))
    done = shop.duet("main", "--call", "prices:total", *QUICK)
    assert done.returncode == 1, done.stdout + done.stderr


def test_a_file_that_git_was_told_to_overlook_is_changed(shop: Repository) -> None:
    shop.git("update-index", "--assume-unchanged", "prices.py")
    shop.write({"prices.py": SLOW})
    done = shop.duet("main", "--call", "prices:total", *QUICK)
    assert done.returncode == 1, done.stdout + done.stderr


def test_an_installation_from_another_sides_copy_is_found_out(shop: Repository, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    shop.write(
        {"src/goods/__init__.py": "N = 200\n", "bench.py": "import goods\ndef op():\n    return range(goods.N)\n"}
    )
    shop.commit()
    (site / "sitecustomize.py").write_text(
        f"import os, sys\np = {str(site / 'last')!r}\nif os.path.exists(p):\n    sys.path.insert(0, open(p).read())\n"
    )
    setup = f'printf %s "$PWD/src" > {site / "last"}'
    done = subprocess.run(
        [*shop.command, "main", "--call", "bench.py:op", "--setup", setup, *QUICK],
        cwd=shop.root,
        env={**shop.environment, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert "was loaded from outside the side's own copy" in done.stderr
    shop.assert_clean()


def test_what_a_test_starts_itself_imports_the_copy_too(shop: Repository, tmp_path: Path) -> None:
    log = tmp_path / "log"
    shop.write(
        {
            "src/goods.py": "import pathlib\n",
            "bench.py": "import subprocess, sys\ndef op():\n    said = subprocess.run([sys.executable, '-c',"
            " 'import goods; print(goods.__file__)'], capture_output=True, text=True).stdout\n"
            f"    open({str(log)!r}, 'a').write(said)\n",
        }
    )
    shop.commit()
    done = subprocess.run(
        [*shop.command, "HEAD", "--call", "bench.py:op", *QUICK],
        cwd=shop.root,
        env={**shop.environment, "PYTHONPATH": str(shop.root / "src")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert "1 duet" in done.stdout, done.stdout + done.stderr
    folders = {str(Path(line).parents[1].name) for line in log.read_text().splitlines()}
    assert folders == {"base-1", "base-2", "change"}


def test_a_test_that_removes_its_own_folder_leaves_no_registration(shop: Repository) -> None:
    shop.write({"prices.py": "import os, shutil\ndef total():\n    shutil.rmtree(os.getcwd(), ignore_errors=True)\n"})
    shop.commit()
    shop.duet("HEAD", "--call", "prices:total", *QUICK)  # which asserts that nothing is left


def test_a_test_that_forks_and_goes_on_in_the_child_is_told(shop: Repository) -> None:
    shop.write({"prices.py": "import os\ndone = []\ndef total():\n    if not done:\n        done.append(os.fork())\n"})
    done = shop.duet("main", "--call", "prices:total", *QUICK)
    assert done.returncode == 3
    assert "unexpected" not in done.stderr
    assert "forked" in done.stderr or "out of turn" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_setup_that_hangs_ends_with_the_command(shop: Repository, tmp_path: Path, how: signal.Signals) -> None:
    mark = tmp_path / "mark"
    running = _started(shop, "main", "--call", "prices:total", "--setup", f"echo $$ > {mark}; sleep 600; true")
    wait_for(lambda: mark.exists() and mark.read_text().strip())
    running.send_signal(how)
    running.communicate(timeout=60)
    wait_for(lambda: not _lives(int(mark.read_text())))
    wait_for(lambda: not list(shop.temporary.glob("paceline-duet-*")))


def test_a_worker_that_hangs_ends_with_a_command_that_is_killed(shop: Repository, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    hangs = (
        "import os, threading\ndef total():\n"
        f"    open({str(mark)!r}, 'w').write(str(os.getpid()))\n    threading.Event().wait()\n"
    )
    shop.write({"prices.py": hangs})
    running = _started(shop, "main", "--call", "prices:total")
    wait_for(lambda: mark.exists() and mark.read_text())
    running.kill()
    running.communicate(timeout=60)
    wait_for(lambda: not _lives(int(mark.read_text())))


def test_a_benchmark_that_differs_between_the_sides_is_told(shop: Repository) -> None:
    shop.write({"prices.py": SLOW})
    done = shop.duet("main", "--call", "prices.py:total", *QUICK)
    assert "prices.py is not the same on both sides: both ran the candidate's" in " ".join(done.stdout.split())


def test_a_partial_of_code_in_the_copies_is_no_shared_file(shop: Repository) -> None:
    shop.write(
        {"prices.py": "import functools\ndef op(n):\n    return sum(range(n))\ntotal = functools.partial(op, 200)\n"}
    )
    shop.commit()
    shop.write(
        {"prices.py": "import functools\ndef op(n):\n    return sum(range(n))\ntotal = functools.partial(op, 800)\n"}
    )
    done = shop.duet("main", "--call", "prices:total", *QUICK)
    assert done.returncode == 1, done.stdout + done.stderr
