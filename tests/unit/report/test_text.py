"""The text report: golden, at most 80 columns, and harmless whatever tests are called."""

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.findings import Finding
from paceline.judge.result import judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.baseline import BaselineSession
from paceline.records.error_log import ErrorGroup
from paceline.records.resources import Gauge, ResourceUsage, SystemUsage
from paceline.records.run_record import RunRecord, TestType
from paceline.report.document import document_of
from paceline.report.layout import WIDTH, heading, printable, shortened, squeezed
from paceline.report.text import how_run, render_text
from tests import strategies
from tests.fakes import MS, S, make_record
from tests.unit.report.cases import GOLDEN, MACHINE, TIMESTAMP


def report_of(*records: RunRecord, **options: Any) -> str:
    return render_text(document_of([judge(record, **options) for record in records], MACHINE, TIMESTAMP))


def check(text: str) -> None:
    """What holds for every report."""
    assert text.endswith("\n")
    assert [line for line in text.split("\n") if len(line) > WIDTH] == []
    assert {char for char in text if not char.isprintable()} == {"\n"}
    assert text.encode()


@pytest.mark.parametrize("name", list(GOLDEN))
def test_golden(name: str) -> None:
    text = render_text(GOLDEN[name]())
    golden = (Path(__file__).parents[2] / "golden" / name).read_text()
    difference = difflib.unified_diff(golden.splitlines(), text.splitlines(), "golden", "now", lineterm="")
    assert "\n".join(difference) == ""
    check(text)


def test_an_empty_report_says_so() -> None:
    text = report_of()
    assert "Summary: no test was measured." in text
    check(text)


HOSTILE = [
    "two\nlines\r\nor three",
    "\x1b[2J\x1b[31mred\x1b[0m \x07 bell",
    "back\x08space \x9b31m \u202e right to left \u2028 line separator",
    "half a character \ud800",
    "x" * 10_000,
    "words " * 2_000,
    "\0",
    "── heading of its own ──",
    "{braces} %s %d",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text)[:20])
def test_hostile_texts_drive_no_terminal(text: str) -> None:
    record = make_record(
        (MS,) * 50,
        name=text,
        errors_counted=3,
        errors=(ErrorGroup(text, text, 3, text),),
        metadata={text: text, "nested": {"deep": [text]}},
    )
    finding = Finding("duplicate-name", text, text, text, serious=True)
    session = BaselineSession("monday", TIMESTAMP, "elsewhere", {"mean_time_ms": 1.0})
    check(report_of(record, make_record((), name=text), baseline=[session], noted=[finding]))


@given(record=strategies.records(), threshold=strategies.thresholds, sessions=st.lists(strategies.sessions, max_size=3))
def test_any_record_has_a_report(record: RunRecord, threshold: Any, sessions: list[BaselineSession]) -> None:
    check(report_of(record, threshold=threshold, baseline=sessions))


@pytest.mark.parametrize(
    ("baseline_ms", "change"),
    [
        (1.0, "+0.0 %"),
        (0.5, "+100.0 %"),
        (2.0, "-50.0 %"),
        (0.1, "+900.0 %"),
        (0.05, "x 20"),
        (1e-9, "x 1e+09"),
        (1.000_000_1, "+0.0 %"),
        (None, "no figure"),
    ],
)
def test_changes_of_any_size_are_told(baseline_ms: float | None, change: str) -> None:
    session = BaselineSession("monday", TIMESTAMP, "elsewhere", {"median_time_ms": baseline_ms})
    text = report_of(make_record(name="checkout"), baseline=[session])
    assert f"\ncheckout  {change}  inconclusive: " in text
    check(text)


@pytest.mark.parametrize("calls", [1, 1_000_000])
def test_the_fastest_and_the_slowest_fit_their_columns(calls: int) -> None:
    fast, slow = (1,) * 20, (10**14,) * 20  # a nanosecond and a day
    records = [make_record(samples, name=str(number)) for number, samples in enumerate((fast, slow, fast + slow))]
    check(report_of(*(replace(record, window_ok=record.window_ok * calls) for record in records)))


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 10, "short"),
        ("exactly 10", 10, "exactly 10"),
        ("more than ten", 10, "more than…"),
        ("a\nb", 10, "a\\nb"),
        ("\x1b[0m", 4, "\\x1…"),
        ("", 4, ""),
        ("\n" * 50, 5, "\\n\\n…"),
    ],
)
def test_shortened(text: str, width: int, shown: str) -> None:
    assert shortened(text, width) == shown


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("exactly 10", 10, "exactly 10"),
        ("load_concurrency_50", 10, "loa…ncy_50"),
        ("load_concurrency_50", 11, "loa…ency_50"),
        ("a\nb", 10, "a\\nb"),
        ("", 10, ""),
    ],
)
def test_squeezed_keeps_the_end(text: str, width: int, shown: str) -> None:
    assert squeezed(text, width) == shown


def test_limits_are_told_and_which_broke() -> None:
    threshold = PerformanceThreshold(max_p95_ms=1, max_error_rate=0.5, expressions=["throughput>=1"])
    text = " ".join(report_of(make_record([2 * MS] * 1_000), threshold=threshold).split())
    assert "limits p95 latency <= 1 ms BROKEN, error rate <= 50 %, throughput >= 1/s" in text
    assert "limits none were set" in report_of(make_record()).replace("limits        ", "limits ")


def test_a_kind_that_was_said_is_told() -> None:
    for kind, said, begins in (
        (TestType.API_ENDPOINT, True, "api_endpoint: 5 attempts"),
        (TestType.API_ENDPOINT, False, "5 attempts"),
        (TestType.DATABASE_QUERY, False, "database_query: 5 attempts"),
    ):
        record = replace(make_record([MS] * 5), test_type=kind, kind_is_said=said)
        assert how_run(judge(record)).startswith(begins)


def test_a_window_shorter_than_the_run_is_told() -> None:
    text = " ".join(report_of(make_record(window_ns=S, elapsed_ns=2 * S)).split())
    assert "ok/s in the 1 s while there was work left to start" in text


def test_a_number_stays_with_its_unit() -> None:
    usage = ResourceUsage("host", disk_read_bytes=10**12, disk_write_bytes=10**12, memory_bytes=Gauge(0, 1e12, 1e12))
    for line in report_of(make_record(usage=SystemUsage(host=usage))).splitlines():
        assert not line.strip().startswith(("MB", "%", "ms", "us "))


@given(text=st.text(max_size=500), width=st.integers(2, 80))
def test_shortened_is_one_line_of_printable_characters(text: str, width: int) -> None:
    line = shortened(text, width)
    assert len(line) <= width
    assert line.isprintable()


@given(text=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


@given(text=st.text(max_size=200), mark=st.sampled_from(["", "passed", "WARNING"]))
def test_a_heading_fills_the_line(text: str, mark: str) -> None:
    line = heading(text, mark)
    assert len(line) == WIDTH
    assert line.endswith(mark)


def test_a_heading_keeps_the_end_of_a_name() -> None:
    """Tests of one function differ in their parameters only."""
    name = "package/testsuite/benchmarks/test_quantity.py::test_build_by_mul[kilometer]"
    assert "[kilometer] ─" in heading(name, "inconclusive")
