"""Duets in results files: what was written is what is read, and a file that is wrong is refused with its place."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import FileFormatError
from paceline.judge.change import DUET, Rule, Verdict
from paceline.judge.duet import judge_duets
from paceline.records.duet import DuetRecord
from paceline.records.fingerprint import Fingerprint
from paceline.records.quantities import P99, QUANTITIES, THROUGHPUT
from paceline.store.codec import encode_results, read_results
from paceline.store.duets import StoredDuets, duets_to_plain, read_duets
from tests.unit.judge.duets import make_duet, slower_by, with_side
from tests.unit.store.arbitrary import texts
from tests.unit.store.arbitrary_duets import duet_records

shares = st.floats(0.001, 0.5)
stored_duets = st.builds(
    StoredDuets,
    records=st.lists(duet_records, max_size=2).map(tuple),
    rule=st.tuples(shares, shares).map(lambda sizes: Rule(min(sizes), max(sizes))),
    primary=st.sampled_from(sorted(QUANTITIES)),
    left_out=st.dictionaries(texts, texts, max_size=2),
    notices=st.lists(texts, max_size=2).map(tuple),
)
SLOWER = make_duet(slower_by(0.1), null=slower_by(0.0), planted=slower_by(0.05), metadata={"build": 5})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("duets") / "results.json"


def write(path: Path, stored: StoredDuets) -> dict[str, Any]:
    path.write_bytes(encode_results((), Fingerprint(), "2026-11-22T18:00:00Z", duets_to_plain(stored)))
    written = json.loads(path.read_text())
    assert isinstance(written, dict)
    return written


def reread(path: Path, stored: StoredDuets) -> StoredDuets:
    write(path, stored)
    again = read_duets(path)
    assert again is not None
    return again


@given(stored=stored_duets)
def test_what_was_written_is_read(path: Path, stored: StoredDuets) -> None:
    again = reread(path, stored)
    assert repr(again) == repr(stored)  # NaN equals NaN here
    assert repr(again.judged()) == repr(stored.judged())
    assert read_results(path) == ()


def test_verdicts_stand_beside_for_other_readers(path: Path) -> None:
    told = write(path, StoredDuets((SLOWER, make_duet([], name="nothing"))))["duets"]["verdicts"]
    assert [(each["name"], each["verdict"], each["pairs"]) for each in told] == [
        ("get_record", "regressed", 20),
        ("nothing", "inconclusive", 0),
    ]
    first = told[0]["changes"][0]
    assert (first["quantity"]["key"], first["gates"]) == ("median", True)
    assert first["low"] < first["estimate"] < first["high"]
    assert (told[0]["planted"]["verdict"], told[1]["planted"], told[1]["null_z"]) == ("regressed", None, None)


def test_they_are_judged_anew_by_the_rule_and_the_quantity_they_were_judged_by(path: Path) -> None:
    lenient = StoredDuets((make_duet(slower_by(0.1)),), rule=Rule(0.2, 0.3), primary=THROUGHPUT.key)
    result = reread(path, lenient).judged().results[0]
    assert (result.verdict, result.primary.quantity) == (Verdict.UNCHANGED, THROUGHPUT)
    assert reread(path, StoredDuets((SLOWER,))).judged() == judge_duets([SLOWER], rule=DUET)


@pytest.mark.parametrize("time_ns", [math.nan, math.inf])
@pytest.mark.parametrize("arm", ["base", "candidate", "null", "planted"])
def test_times_that_do_not_exist_are_null_and_cost_what_they_cost_before(path: Path, arm: str, time_ns: float) -> None:
    length = len(getattr(SLOWER.pairs[2], arm).epoch_ns)
    record = with_side(SLOWER, 2, arm, epoch_ns=(time_ns,) * length, mean_ns=time_ns)
    stored = StoredDuets((record,))
    assert write(path, stored)["duets"]["records"][0]["pairs"][2][arm]["epoch_ns"] == [None] * length
    (again,) = reread(path, stored).records
    assert all(map(math.isnan, (*getattr(again.pairs[2], arm).epoch_ns, getattr(again.pairs[2], arm).mean_ns)))
    before, after = (judge_duets([each]).results[0] for each in (record, again))
    assert after.changes == before.changes
    assert after.discarded == before.discarded
    assert bool(after.discarded) == (arm in {"base", "candidate"})


@pytest.mark.parametrize(
    "record",
    [
        with_side(SLOWER, 0, "candidate", epoch_ns=(1.0,)),
        with_side(SLOWER, 0, "base", epoch_ns=()),
        with_side(SLOWER, 0, "base", epoch_ns=(-1.0, 0.0, 1.0, 1.0)),
        with_side(SLOWER, 0, "candidate", calls=5, errors=9),
    ],
)
def test_a_pair_that_contradicts_itself_is_discarded(path: Path, record: DuetRecord) -> None:
    result = reread(path, StoredDuets((record,))).judged().results[0]
    assert result.pairs == 19
    assert result.discarded[0].startswith("pair 1: ")
    assert result.verdict is Verdict.REGRESSED


@pytest.mark.parametrize("record", [replace(SLOWER, seed=-1), replace(SLOWER, planted_effect=-1.0)])
def test_what_cannot_be_judged_says_which_file_it_is_of(record: DuetRecord) -> None:
    with pytest.raises(FileFormatError, match=r"^results\.json: the duets contradict themselves: "):
        StoredDuets((record,)).judged("results.json")


def test_a_file_from_before_runs_were_appended_and_doubted(path: Path) -> None:
    written = write(path, StoredDuets((SLOWER,)))
    for new in ("appended", "doubts"):
        del written["duets"]["records"][0][new]
    path.write_text(json.dumps(written))
    again = read_duets(path)
    assert again is not None
    assert again.records == (SLOWER,)


def test_a_quantity_that_is_none(path: Path) -> None:
    write(path, StoredDuets((SLOWER,)))
    path.write_text(path.read_text().replace('"primary": "median"', '"primary": "mode"'))
    stored = read_duets(path)
    assert stored is not None
    with pytest.raises(FileFormatError, match=r"results.json: there is no quantity 'mode' - at `\$.duets.primary`"):
        stored.judged("results.json")


def test_a_quantity_that_not_every_pair_tells(path: Path) -> None:
    few = with_side(SLOWER, 0, "base", p99_ns=None)
    assert reread(path, StoredDuets((few,), primary=P99.key)).judged().results[0].verdict is Verdict.INCONCLUSIVE


def test_a_file_without_duets(path: Path) -> None:
    path.write_bytes(encode_results((), Fingerprint(), "2026-11-22T18:00:00Z"))
    assert read_duets(path) is None
    path.write_text('{"schema": "paceline/results/1", "duets": null}')
    assert read_duets(path) is None


@pytest.mark.parametrize(
    ("duets", "place"),
    [
        ("[]", "`$.duets`"),
        ('"none"', "`$.duets`"),
        ('{"records": 5}', "`$.duets.records`"),
        ('{"records": [7]}', "`$.duets.records[0]`"),
        ('{"records": [{"name": "f", "started_at": "", "subject": "moon"}]}', "`$.duets.records[0].subject`"),
        ('{"records": [{"pairs": [7]}]}', "`$.duets.records[0]"),
        ('{"records": [{"pairs": [{"base": {"epoch_ns": {}, "mean_ns": "one"}}]}]}', "`$.duets.records[0]"),
        ('{"rule": {"min_effect": null, "margin": 0.05}}', "`$.duets.rule.min_effect`"),
        ('{"rule": {"min_effect": 0.1, "margin": 0.05}}', "10 %, must not be above the margin, 5 %"),
        ('{"rule": {"min_effect": 0.02, "margin": 1.5}}', "`$.duets.rule`"),
        ('{"rule": {"min_effect": 0, "margin": 0.05}}', "must be between 0 and 100 %, not 0 % and 5 %"),
        ('{"left_out": ["f"]}', "`$.duets.left_out`"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_place(path: Path, duets: str, place: str) -> None:
    path.write_text(f'{{"schema": "paceline/results/1", "duets": {duets}}}')
    with pytest.raises(FileFormatError) as refused:
        read_duets(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert place in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"duets": {}}', "[" * 100_000])
def test_what_is_no_results_file(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(FileFormatError, match=r"results\.json: "):
        read_duets(path)
