"""``paceline compare`` and ``paceline baseline`` as a shell sees them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paceline.judge.result import judge
from paceline.records.baseline import BaselineSession
from paceline.records.fingerprint import Fingerprint
from paceline.records.run_record import Definition
from paceline.store.codec import encode, write_results
from paceline.store.journal import Journal
from tests.fakes import MS, make_record
from tests.functional.commands import paceline
from tests.unit.judge.stored import STEADY, daily

HERE = Fingerprint(cpu_model="Example CPU")
DEFINITION = Definition(iterations=200)

pytestmark = pytest.mark.real


def write_baseline(path: Path, **tests: Sequence[BaselineSession]) -> None:
    path.write_bytes(encode({"schema": "paceline/baseline/1", "tests": tests}))


def stored(factor: float = 10.0, count: int = 10, **changes: Any) -> list[BaselineSession]:
    known: dict[str, Any] = {"fingerprint": HERE.key, "definition": DEFINITION} | changes
    return [replace(each, **known) for each in daily([factor * each for each in STEADY[:count]])]


def write_run(path: Path, **medians_ms: float) -> None:
    records = [
        make_record([int(median * MS)] * 200, name=name, fingerprint=HERE, started_at="2026-02-01T09:00:00Z")
        for name, median in medians_ms.items()
    ]
    write_results(path, [judge(record) for record in records], HERE, "2026-02-01T09:00:00Z")


class TestCompare:
    @pytest.mark.parametrize(
        ("median", "verdict", "code", "strict"),
        [(11.5, "regressed", 1, 1), (10.0, "unchanged", 0, 0), (8.5, "improved", 0, 0), (10.2, "inconclusive", 0, 0)],
    )
    def test_verdicts_and_exit_codes(self, tmp_path: Path, median: float, verdict: str, code: int, strict: int) -> None:
        write_baseline(tmp_path / "base.json", get=stored(), only_there=stored())
        write_run(tmp_path / "run.json", get=median, only_here=1.0)
        ended = paceline(tmp_path, "compare", "base.json", "run.json")
        assert (ended.returncode, ended.stderr) == (code, "")
        first, *rest = ended.stdout.splitlines()
        assert first.startswith("get  ")
        assert f"]  {verdict}" in first
        assert "(10 sessions, 99 % confidence; smallest change visible: " in first
        assert rest == ["only in base.json: only_there", "only in run.json: only_here"]
        assert paceline(tmp_path, "compare", "base.json", "run.json", "--strict").returncode == strict

    def test_what_is_advice_fails_nothing(self, tmp_path: Path) -> None:
        write_baseline(tmp_path / "base.json", get=stored(count=6))
        write_run(tmp_path / "run.json", get=20.0)
        ended = paceline(tmp_path, "compare", "base.json", "run.json")
        assert ended.returncode == 0
        assert "inconclusive: advice only, looks regressed: a verdict needs 4 more sessions" in ended.stdout
        assert paceline(tmp_path, "compare", "base.json", "run.json", "--strict").returncode == 6

    def test_two_runs_the_worst_first_and_what_else_changed(self, tmp_path: Path) -> None:
        write_run(tmp_path / "a.json", same=1.0, slower=1.0)
        write_run(tmp_path / "b.json", same=1.0, slower=2.0)
        ended = paceline(tmp_path, "compare", "a.json", "b.json", "--all")
        slower, others, same, _ = ended.stdout.splitlines()
        assert slower.startswith("slower  +100.0 %  inconclusive: advice needs 4 more sessions; ")
        assert others == "    mean +100.0 %, p95 +100.0 %, p99 +100.0 %, throughput -50.0 %"
        assert same.startswith("same  +0.0 %  ")

    def test_another_metric_decides(self, tmp_path: Path) -> None:
        sessions = [
            replace(each, metrics={"median_time_ms": 10.0, "mean_time_ms": each.metrics["median_time_ms"]})
            for each in stored()
        ]
        write_baseline(tmp_path / "base.json", get=sessions)
        write_run(tmp_path / "run.json", get=11.5)
        assert paceline(tmp_path, "compare", "base.json", "run.json").returncode == 0  # the median never varied
        ended = paceline(tmp_path, "compare", "base.json", "run.json", "--metric", "mean")
        assert ended.returncode == 1
        assert ended.stdout.startswith("get (mean)  +15.")

    def test_sessions_against_sessions_as_json(self, tmp_path: Path) -> None:
        write_baseline(tmp_path / "base.json", get=stored())
        later = [replace(each, saved_at=each.saved_at.replace("-01-", "-02-")) for each in stored(11.0)]
        write_baseline(tmp_path / "new.json", get=later)
        ended = paceline(tmp_path, "compare", "base.json", "new.json", "--json", "-")
        assert ended.returncode == 1
        written = json.loads(ended.stdout)
        assert written["schema"] == "paceline/compare/1"
        assert written["compared"]["get"]["verdict"] == "regressed"
        assert written["compared"]["get"]["candidates"] == 10
        assert written["compared"]["get"]["median_change_pct"] == pytest.approx(10.0)

    def test_another_definition_is_refused(self, tmp_path: Path) -> None:
        write_baseline(tmp_path / "base.json", get=stored(definition=Definition(iterations=100)))
        write_run(tmp_path / "run.json", get=20.0)
        ended = paceline(tmp_path, "compare", "base.json", "run.json")
        assert ended.returncode == 0
        assert "no figure  inconclusive: the baseline was measured with another definition (iterations 100 -> 200)" in (
            ended.stdout
        )

    def test_a_journal_is_a_session(self, tmp_path: Path) -> None:
        write_baseline(tmp_path / "base.json", get=stored())
        journal = Journal(tmp_path / "cut-off.jsonl", "call")
        record = make_record([int(11.5 * MS)] * 200, name="get", fingerprint=HERE, started_at="2026-02-01T09:00:00Z")
        journal.add(judge(record))
        journal.close()
        assert paceline(tmp_path, "compare", "base.json", "cut-off.jsonl").returncode == 1

    def test_nothing_in_common(self, tmp_path: Path) -> None:
        write_run(tmp_path / "a.json", a=1.0)
        write_run(tmp_path / "b.json", b=1.0)
        ended = paceline(tmp_path, "compare", "a.json", "b.json")
        assert ended.returncode == 5
        assert ended.stdout.splitlines()[-1] == "a.json and b.json have no test in common"

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["none.json", "run.json"], "there is no file none.json"),
            (["run.json", "no.txt"], "a baseline, a results file or a journal was expected"),
            (["run.json", "run.json", "--metric", "speed"], "'speed' is not one of"),
            (["run.json", "run.json", "--json", "nowhere/out.json"], "there is no folder"),
        ],
    )
    def test_bad_files_are_a_sentence(self, tmp_path: Path, arguments: list[str], said: str) -> None:
        write_run(tmp_path / "run.json", get=1.0)
        (tmp_path / "no.txt").write_text("no")
        ended = paceline(tmp_path, "compare", *arguments)
        assert ended.returncode == 4
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr


class TestBaseline:
    def test_list_show_promote(self, tmp_path: Path) -> None:
        write_baseline(tmp_path / "base.json", get=stored(count=6), put=stored())
        listed = paceline(tmp_path, "baseline", "list", "base.json")
        assert listed.returncode == 0
        get, advice, put, gate = listed.stdout.splitlines()
        assert (get, put) == ("get", "put")
        assert advice == (
            f"  machine {HERE.key}: 6 sessions; reference of 6 separate sessions on 6 days: "
            "advice only: a verdict needs 4 more sessions (those count that are 6 h or a reboot apart)"
        )
        assert gate.endswith("10 sessions; reference of 10 separate sessions on 10 days: it can fail a test")
        promoted = paceline(tmp_path, "baseline", "promote", "base.json", "--test", "put", "--sessions", "2")
        assert promoted.stdout == "put: the reference is now 2 sessions, 2026-01-13 09:00Z to 2026-01-14 09:00Z\n"
        shown = paceline(tmp_path, "baseline", "show", "base.json", "put").stdout.splitlines()
        assert [line[0] for line in shown[4:14]] == [" "] * 8 + ["*"] * 2
        assert "10.1 ms" in shown[5]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["list", "none.json"], "there is no baseline none.json"),
            (["promote", "none.json"], "there is no baseline none.json"),
            (["show", "base.json", "put"], "base.json has no test 'put'; it has: get"),
            (["promote", "base.json", "--test", "put"], "base.json has no test 'put'; it has: get"),
            (["promote", "base.json", "--sessions", "0"], "0 is not in the range"),
            (["list", "no.txt"], "expected a baseline"),
        ],
    )
    def test_what_is_not_there(self, tmp_path: Path, arguments: list[str], said: str) -> None:
        write_baseline(tmp_path / "base.json", get=stored(count=6))
        (tmp_path / "no.txt").write_text("no")
        ended = paceline(tmp_path, "baseline", *arguments)
        assert ended.returncode == 4
        assert said in ended.stderr


def test_a_session_that_is_saved_and_compared_with(tmp_path: Path) -> None:
    (tmp_path / "operations.py").write_text("def fast(): return 1\n")
    call = ["call", "operations:fast", "--batch", "100", "-n", "50"]
    assert paceline(tmp_path, *call, "--save-baseline", "base.json", "-q").returncode == 0
    (session,) = json.loads((tmp_path / "base.json").read_text())["tests"]["operations:fast"]
    assert session["calibration_ns"] > 0
    assert session["booted_at"]
    assert session["reference"] is True
    assert session["metrics"]["peak_rss_bytes"] > 0
    ended = paceline(tmp_path, *call, "--baseline", "base.json", "--json", "out.json")
    assert ended.returncode == 0
    assert "inconclusive: advice needs 4 more sessions" in ended.stdout
    (result,) = json.loads((tmp_path / "out.json").read_text())["results"]
    assert result["record"]["circumstances"]["calibration_ns"] > 0
    assert result["comparison"]["changes"][0]["quantity"]["key"] == "median"
