"""Duets as text: golden, at most 80 columns, harmless whatever tests and sides are called."""

import difflib
import math
from dataclasses import replace

import pytest
from hypothesis import given

from paceline.judge.change import Verdict
from paceline.judge.duet import judge_duets
from paceline.records.duet import DuetRecord, Side
from paceline.records.quantities import THROUGHPUT
from paceline.report.duet_text import render_duets
from paceline.report.layout import NARROWEST, page
from tests.unit.judge.duets import make_duet, slower_by, with_all, with_side
from tests.unit.report import duet_cases
from tests.unit.report.test_text import HOSTILE, check
from tests.unit.store.arbitrary_duets import duet_records


def rendered(*records: DuetRecord, left_out: dict[str, str] | None = None) -> str:
    text = render_duets(judge_duets(records), left_out or {})
    check(text)
    return text


def flat(text: str) -> str:
    return " ".join(text.split())


def test_golden() -> None:
    text = duet_cases.text()
    check(text)
    golden = duet_cases.GOLDEN.read_text()
    difference = difflib.unified_diff(golden.splitlines(), text.splitlines(), "golden", "now", lineterm="")
    assert "\n".join(difference) == ""


def test_the_golden_text_has_every_verdict() -> None:
    assert {result.verdict for result in judge_duets(duet_cases.records()).results} == set(Verdict)


@pytest.mark.parametrize("name", HOSTILE, ids=lambda text: repr(text)[:20])
def test_hostile_texts_drive_no_terminal(name: str) -> None:
    side = Side(name, name, (name,), name)
    record = make_duet(slower_by(0.1), name=name, base=side, candidate=side, discarded=(name,))
    text = render_duets(judge_duets([record]), {name: name}, (name,))
    check(text)
    assert "1 duet: 1 regressed, 1 not compared" in text


def test_no_pairs() -> None:
    text = rendered(make_duet([]))
    assert "no figure inconclusive: 0 usable pairs: at least 7 are needed" in flat(text)
    assert "a call" not in text
    assert "also" not in text
    assert "controls" not in text


def test_too_few_pairs() -> None:
    text = rendered(make_duet(slower_by(0.1, 3)))
    assert "inconclusive: 3 usable pairs: at least 7 are needed at this level (3 pairs)" in flat(text)


def test_no_duets() -> None:
    assert rendered() == "nothing was measured\n"
    assert rendered(left_out={"f": "base: it is missing"}).startswith("nothing could be compared: 1 not compared\n")


def test_the_verdict_comes_first_and_of_several_a_line_each() -> None:
    one = rendered(make_duet(slower_by(0.1)), left_out={"f": "base: it is missing"})
    assert one.startswith("1 duet: 1 regressed, 1 not compared\n(a change is")
    assert one.count("1 duet: ") == 1
    records = [make_duet(slower_by(0.1 * n), name=f"shop.prices:total_of_a_basket_{n}") for n in range(3)]
    with page(NARROWEST):
        narrow = rendered(*records)
    for text in (rendered(*records), narrow):
        first, table = text.split("\n\n")[:2]
        assert first.startswith("3 duets: 2 regressed, 1 unchanged\n")
        assert [line.split()[0] for line in table.splitlines() if "%" in line] == [
            "regressed",
            "regressed",
            "unchanged",
        ]
        assert text.endswith("\n3 duets: 2 regressed, 1 unchanged\n")
    assert max(map(len, narrow.split("\n\n")[1].splitlines())) <= NARROWEST


def test_controls_are_told_where_there_are_any() -> None:
    equal = slower_by(0.0)
    assert "controls" not in rendered(make_duet(equal))
    with_null = flat(rendered(make_duet(equal, null=equal)))
    assert "controls the base against itself +0.2 %" in with_null
    assert "planted" not in with_null
    with_planted = flat(rendered(make_duet(equal, planted=slower_by(0.05))))
    assert "controls a planted +5 % found, as +5.2 %" in with_planted
    assert "itself" not in with_planted
    assert "a planted +5 % NOT found" in flat(rendered(make_duet(equal, planted=equal)))


def test_times_that_do_not_exist_are_left_out_of_the_sides() -> None:
    record = with_side(make_duet(slower_by(0.1, 21)), 0, "base", mean_ns=math.nan, epoch_ns=(math.inf,) * 4)
    text = flat(rendered(record))
    assert "base main: 1.03 us a call" in text
    assert "1 of 21 pairs were discarded; the first: pair 1: an epoch of the base has no time." in text
    nothing = with_all(record, "base", epoch_ns=(math.nan,) * 4)
    assert "base main candidate" in flat(rendered(nothing))


def test_what_never_differs_is_not_shown() -> None:
    record = make_duet(slower_by(0.1))
    assert "error rate" not in rendered(record)
    assert "error rate +1.0 points" in flat(rendered(with_all(record, "candidate", errors=10)))


def test_the_worst_stands_first_also_where_more_is_better() -> None:
    names = {0.1: "small", 0.5: "large", -0.2: "faster"}
    records = [make_duet(slower_by(share), name=name) for share, name in names.items()]
    for text in (rendered(*records), render_duets(judge_duets(records, primary=THROUGHPUT), {})):
        assert text.index("large") < text.index("small") < text.index("faster")


def test_a_number_stays_a_number_of_the_side() -> None:
    text = flat(rendered(replace(make_duet(slower_by(0.1)), base=Side("main", "CPython 3.11.7", detail="6e8bc43b1a"))))
    assert "base main (6e8bc43b1a, CPython 3.11.7): 1.02 us a call" in text


@given(record=duet_records)
def test_any_record_has_a_report(record: DuetRecord) -> None:
    rendered(record)
