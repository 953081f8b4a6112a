"""Duets as Markdown, JUnit XML and annotations: golden, valid, and harmless whatever tests and sides are called."""

import difflib
import re
from collections.abc import Callable

import pytest
from hypothesis import given, reject

from paceline.judge.duet import judge_duets
from paceline.records.duet import DuetRecord, Side
from paceline.report.duet_junit import render_duets_junit
from paceline.report.duet_markdown import render_duets_markdown
from paceline.report.github import render_duet_annotations
from paceline.report.markdown_parts import MOST_BYTES
from tests.unit.judge.duets import make_duet, slower_by
from tests.unit.report import duet_cases
from tests.unit.report.test_formats import HOSTILE_NAMES, check_junit, names, outside_code
from tests.unit.store.arbitrary_duets import duet_records

SUITE = judge_duets(duet_cases.records())
GOLDEN: dict[str, Callable[[], str]] = {
    "duets.md": lambda: render_duets_markdown(SUITE, duet_cases.LEFT_OUT, duet_cases.NOTICES),
    "duets.xml": lambda: render_duets_junit(SUITE, duet_cases.LEFT_OUT).decode(),
    "duet_annotations.txt": lambda: render_duet_annotations(SUITE, duet_cases.LEFT_OUT),
}
EQUAL = slower_by(0.0)


def hostile(text: str) -> tuple[DuetRecord, dict[str, str], tuple[str, ...]]:
    """A regression, a test left out and a notice that all say ``text``."""
    side = Side(text, text, (text,), text)
    return make_duet(slower_by(0.1), name=text, base=side, candidate=side, discarded=(text,)), {text: text}, (text,)


@pytest.mark.parametrize("name", list(GOLDEN))
def test_golden(name: str) -> None:
    now = GOLDEN[name]()
    golden = (duet_cases.GOLDEN.parent / name).read_text()
    difference = difflib.unified_diff(golden.splitlines(), now.splitlines(), "golden", "now", lineterm="")
    assert "\n".join(difference) == ""


class TestMarkdown:
    @pytest.mark.parametrize(
        ("shares", "left_out", "head"),
        [
            ([0.1, 0.0], {}, "### ❌ Performance: 1 of 2 tests regressed; 1 unchanged"),
            ([-0.1, 0.0], {}, "### ✅ Performance: 2 tests compared, none regressed; 1 improved, 1 unchanged"),
            ([0.0], {"f": "gone"}, "### ⚠️ Performance: 1 test compared, none regressed; 1 unchanged, 1 not compared"),
            ([], {"f": "gone"}, "### Performance: nothing could be compared"),
            ([], {}, "### Performance: nothing was measured"),
        ],
    )
    def test_the_verdict_is_the_first_line(self, shares: list[float], left_out: dict[str, str], head: str) -> None:
        records = [make_duet(slower_by(share), null=EQUAL, name=str(share)) for share in shares]
        assert render_duets_markdown(judge_duets(records), left_out).splitlines()[0] == head

    def test_what_proves_nothing_is_no_plain_pass(self) -> None:
        text = render_duets_markdown(judge_duets([make_duet(slower_by(0.0, spread=12.0), null=EQUAL)]), {})
        assert text.startswith("### ⚠️ Performance: 1 test compared, none regressed; 1 inconclusive\n")
        assert "  ? median" in text

    @given(text=names)
    def test_whatever_it_is_called_is_code(self, text: str) -> None:
        def lines(name: str) -> list[str]:
            record, left_out, notices = hostile(name)
            rest = outside_code(render_duets_markdown(judge_duets([record]), left_out, notices))
            return [line for line in rest.splitlines() if line]

        assert lines(text) == lines("a")

    def test_at_most_so_many_bytes_and_the_worst_are_there(self) -> None:
        records = [make_duet(EQUAL, null=EQUAL, name=f"{number}{'x' * 3_000}") for number in range(200)]
        suite = judge_duets([*records, make_duet(slower_by(0.5), null=EQUAL, name="the bad one")])
        for most in (MOST_BYTES, MOST_BYTES // 2):
            text = render_duets_markdown(suite, {"y" * 9_000: "z" * 9_000}, most_bytes=most)
            assert len(text.encode()) <= most
            assert "`the bad one`" in text


class TestJunit:
    def test_a_regression_fails_and_what_was_left_out_is_skipped(self) -> None:
        root = check_junit(render_duets_junit(SUITE, duet_cases.LEFT_OUT))
        assert (root.get("tests"), root.get("failures")) == ("10", "3")
        failed = [suite.get("name") for suite in root if suite.find("testcase/failure") is not None]
        assert failed == [result.record.name for result in SUITE.regressed]
        skipped = {suite.get("name"): case.get("message") for suite in root for case in suite.iter("skipped")}
        assert skipped == duet_cases.LEFT_OUT

    @pytest.mark.parametrize("text", HOSTILE_NAMES, ids=lambda text: repr(text)[:20])
    def test_any_name_is_valid(self, text: str) -> None:
        record, left_out, _ = hostile(text)
        assert len(check_junit(render_duets_junit(judge_duets([record]), left_out))) == 2


class TestAnnotations:
    def test_the_file_of_a_test_is_named(self) -> None:
        suite = judge_duets([make_duet(slower_by(0.1), null=EQUAL, name="tests/perf/test_a.py::test_b")])
        assert render_duet_annotations(suite, {}).startswith("::error file=tests/perf/test_a.py,title=")

    def test_what_holds_needs_none(self) -> None:
        assert render_duet_annotations(judge_duets([make_duet(EQUAL, null=EQUAL)]), {}) == ""

    @given(text=names)
    def test_a_line_is_a_line(self, text: str) -> None:
        record, left_out, _ = hostile(text)
        for line in render_duet_annotations(judge_duets([record]), left_out).splitlines():
            command, _, _ = line[2:].partition("::")
            assert re.fullmatch(r"(error|warning) (file=[^:,]*,)?title=[^:,]*", command)


@given(record=duet_records)
def test_any_record_has_each_format(record: DuetRecord) -> None:
    try:
        suite = judge_duets([record])
    except (ArithmeticError, LookupError, ValueError):
        reject()  # what contradicts itself is refused when its file is read
    check_junit(render_duets_junit(suite, {}))
    assert len(render_duets_markdown(suite, {}).encode()) <= MOST_BYTES
    render_duet_annotations(suite, {}).encode()


if __name__ == "__main__":
    for name, render in GOLDEN.items():
        (duet_cases.GOLDEN.parent / name).write_text(render())
