"""JUnit XML, Markdown, annotations, CSV and JSON for other tools: golden, and harmless whatever tests are called."""

import csv
import difflib
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.core.findings import Finding
from paceline.export.comma_separated import to_csv
from paceline.export.smaller_is_better import to_smaller_is_better
from paceline.judge.result import TestResult, judge
from paceline.records.baseline import BaselineSession
from paceline.records.run_record import RunRecord
from paceline.report.document import Document, document_of
from paceline.report.github import MOST_OF_A_KIND, render_annotations
from paceline.report.junit import render_junit
from paceline.report.markdown import render_markdown
from paceline.report.markdown_parts import MOST_BYTES, code_span
from tests import junit, strategies
from tests.fakes import MS, make_record
from tests.unit.report.cases import MACHINE, TIMESTAMP, example
from tests.unit.report.test_text import HOSTILE

GOLDEN: dict[str, Callable[[Document], bytes]] = {
    "report.xml": render_junit,
    "report.md": lambda document: render_markdown(document).encode(),
    "annotations.txt": lambda document: render_annotations(document).encode(),
    "report.csv": lambda document: to_csv(document.results),
    "smaller_is_better.json": lambda document: to_smaller_is_better(document.results),
}
HOSTILE_NAMES = [
    *HOSTILE,
    "]]><script>alert(1)</script>&amp;&#0;",
    '"><x y="',
    "| a | b |\n|---|---|",
    "``` fence",
    "```",
    "`",
    "<!-- comment",
    "</details><img src=x onerror=alert(1)>",
    "[link](javascript:alert(1)) @everyone #1",
    "::error::planted\n::set-output name=x::y",
    "%0A::error::planted",
    "=cmd|' /C calc'!A0",
    "+1",
    "\ufffe\uffff\x7f\x85",
    "a.py::b, c: d",
    "",
    " ",
]
names = st.text() | st.sampled_from(HOSTILE_NAMES)


def documents(*results: TestResult) -> Document:
    return document_of(results, MACHINE, TIMESTAMP)


def check_junit(data: bytes) -> ET.Element:
    junit.validate(data.decode())
    return ET.fromstring(data)


@pytest.mark.parametrize("name", list(GOLDEN))
def test_golden(name: str) -> None:
    now = GOLDEN[name](example()).decode()
    golden = (Path(__file__).parents[2] / "golden" / name).read_bytes().decode()
    difference = difflib.unified_diff(golden.splitlines(), now.splitlines(), "golden", "now", lineterm="")
    assert "\n".join(difference) == ""
    assert now == golden


class TestJunit:
    def test_a_suite_with_one_case_for_each_result(self) -> None:
        root = check_junit(render_junit(example()))
        assert [suite.get("name") for suite in root] == [each.metrics.test_name for each in example().results]
        assert (root.get("tests"), root.get("failures")) == ("4", "2")
        assert [suite.get("failures") for suite in root] == ["0", "0", "1", "1"]

    def test_violations_are_one_failure_and_figures_are_properties(self) -> None:
        suite = check_junit(render_junit(example()))[2]
        failure = suite.find("testcase/failure")
        assert failure is not None
        assert failure.get("type") == "threshold"
        assert failure.text is not None
        assert failure.text.splitlines() == example().results[2].violations
        figures = {each.get("name"): each.get("value") for each in suite.iter("property")}
        assert figures["p95_time_ms"] == "150"
        assert figures["error_rate"] == "0.1"
        assert "hit_rate" not in figures

    def test_a_node_id_is_class_and_name(self) -> None:
        result = judge(make_record((MS,), name="tests/perf/test_api.py::TestApi::test_get[a::b]"))
        case = check_junit(render_junit(documents(result))).find("testsuite/testcase")
        assert case is not None
        assert case.get("classname") == "tests.perf.test_api"
        assert case.get("name") == "TestApi::test_get[a::b]"

    def test_a_regression_is_a_failure(self) -> None:
        failure = check_junit(render_junit(documents(regressed()))).find("testsuite/testcase/failure")
        assert failure is not None
        assert failure.get("type") == "regression"
        assert "the median changed by +100.0 %" in (failure.text or "")

    @given(name=names, message=names)
    def test_any_name_can_be_read_by_a_parser(self, name: str, message: str) -> None:
        root = check_junit(render_junit(documents(hostile(name, message))))
        assert len(root) == 1
        told = root.findtext("testsuite/testcase/system-out") or ""
        assert told.isprintable() or "\n" in told


def hostile(name: str, message: str) -> TestResult:
    finding = Finding("duplicate-name", message, message, message, serious=True)
    return judge(make_record((MS,) * 50, name=name, metadata={"key": message}), noted=[finding])


def regressed() -> TestResult:
    result = judge(
        make_record((MS,) * 50, name="search"),
        baseline=[BaselineSession("monday", TIMESTAMP, "elsewhere", {"mean_time_ms": 0.5, "median_time_ms": 0.5})],
    )
    assert result.comparison is not None
    verdict = type(result.comparison.verdict)("regressed")
    return replace(
        result,
        comparison=replace(result.comparison, verdict=verdict, changes=()),
        status=type(result.status)("failed"),
    )


def outside_code(text: str) -> str:
    """What of Markdown is no code: fenced blocks and spans taken out, as CommonMark reads them."""
    text = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", text)


class TestMarkdown:
    def test_verdict_first_worst_first(self) -> None:
        lines = render_markdown(example()).splitlines()
        assert lines[0] == "### ❌ Performance: 2 of 4 tests failed, 1 warning"
        rows = [line for line in lines if line.startswith(("| ❌", "| ⚠️", "| ✅"))]
        assert [row[2] for row in rows] == ["❌", "❌", "⚠", "✅"]

    def test_nothing_measured(self) -> None:
        assert render_markdown(documents()).startswith("### Performance: no test was measured")

    def test_a_regression_is_among_what_is_to_be_looked_at(self) -> None:
        assert "✗ against the baseline  +100.0 %  regressed" in render_markdown(documents(regressed()))

    @given(name=names, message=names)
    def test_whatever_it_is_called_is_code(self, name: str, message: str) -> None:
        text = render_markdown(documents(hostile(name, message)))
        rest = outside_code(text)
        for char in "<>":  # details and summary are ours
            rest = rest.replace(char, "")
        plain = outside_code(render_markdown(documents(hostile("a", "b")))).replace("<", "").replace(">", "")
        assert [line for line in rest.splitlines() if line] == [line for line in plain.splitlines() if line]

    @given(names)
    def test_a_span_is_one_cell_of_a_table(self, name: str) -> None:
        span = code_span(name)
        assert not re.search(r"(?<!\\)\|", span)
        assert "\n" not in span
        assert outside_code(span) == ""

    def test_at_most_so_many_bytes_and_the_worst_are_there(self) -> None:
        good = judge(make_record((MS,) * 20, name="x" * 3_000))
        bad = judge(make_record((), name="the bad one"))
        text = render_markdown(documents(*[good] * 2_000, bad))
        assert len(text.encode()) <= MOST_BYTES
        assert "`the bad one`" in text
        assert re.search(r"\| and [0-9,]+ more, none of them worse \|", text)
        assert "room for no more" in text
        assert len(render_markdown(documents(*[bad] * 2_000)).encode()) <= MOST_BYTES

    @settings(deadline=None, max_examples=20)
    @given(st.lists(st.tuples(names, names), min_size=1, max_size=3))
    def test_any_size_fits(self, texts: list[tuple[str, str]]) -> None:
        results = [hostile(name * 3, message * 3) for name, message in texts]
        assert len(render_markdown(documents(*results * 100)).encode()) <= MOST_BYTES


class TestAnnotations:
    def test_the_file_of_a_test_is_named(self) -> None:
        text = render_annotations(documents(judge(make_record((), name="tests/test_a.py::test_b[1,2]"))))
        assert text == (
            "::error file=tests/test_a.py,title=tests/test_a.py%3A%3Atest_b[1%2C2]"
            "::nothing was measured: no attempt ended\n"
        )

    def test_what_holds_needs_none(self) -> None:
        assert render_annotations(documents(judge(make_record((MS,) * 20)))) == ""

    def test_no_more_than_are_shown(self) -> None:
        lines = render_annotations(documents(*[judge(make_record(()))] * 25)).splitlines()
        errors = [line for line in lines if line.startswith("::error ")]
        assert len(errors) == MOST_OF_A_KIND
        assert errors[-1].endswith("::and 16 more: see the report")

    @given(name=names, message=names)
    def test_a_line_is_a_line(self, name: str, message: str) -> None:
        result = replace(hostile(name, message))
        for line in render_annotations(documents(result, judge(make_record((), name=name)))).splitlines():
            command, _, _ = line[2:].partition("::")
            assert re.fullmatch(r"(error|warning) (file=[^:,]*,)?title=[^:,]*", command)


class TestTables:
    @given(name=names)
    def test_csv_reads_back_and_calculates_nothing(self, name: str) -> None:
        rows = list(csv.DictReader(io.StringIO(to_csv([hostile(name, "")]).decode(), newline="")))
        assert len(rows) == 1
        assert not rows[0]["test_name"].startswith(("=", "+", "-", "@", "\t", "\r"))
        assert rows[0]["median_time_ms"] == "1.0"
        assert rows[0]["hit_rate"] == ""
        assert rows[0]["status"] == "warning"

    @given(name=names)
    def test_json_is_what_the_action_expects(self, name: str) -> None:
        entries = json.loads(to_smaller_is_better([hostile(name, "")]))
        assert [entry["unit"] for entry in entries] == ["ms", "ms", "ms", "%"]
        assert entries[0]["value"] == 1.0
        assert all(isinstance(entry["name"], str) and entry["name"].encode() for entry in entries)


@given(record=strategies.records(), threshold=strategies.thresholds, sessions=st.lists(strategies.sessions, max_size=3))
def test_any_result_has_each_format(record: RunRecord, threshold: Any, sessions: list[BaselineSession]) -> None:
    document = documents(judge(record, threshold, sessions))
    check_junit(render_junit(document))
    assert len(render_markdown(document).encode()) <= MOST_BYTES
    render_annotations(document).encode()
    to_csv(document.results)
    json.loads(to_smaller_is_better(document.results))


if __name__ == "__main__":
    for name, render in GOLDEN.items():
        (Path(__file__).parents[2] / "golden" / name).write_bytes(render(example()))
