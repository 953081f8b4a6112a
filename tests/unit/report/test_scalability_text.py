"""What a text report says of sweeps: golden, within its columns, and only where it was asked for."""

import difflib

import pytest

from paceline.report.document import document_of
from paceline.report.layout import NARROWEST, WIDTH, page
from paceline.report.text import render_text
from tests.unit.report import cases, html_cases
from tests.unit.report.scalability_cases import GOLDEN, bent, document, sections, sweep, usl


def test_golden() -> None:
    difference = difflib.unified_diff(GOLDEN.read_text().splitlines(), sections().splitlines(), "golden", "now")
    assert "\n".join(difference) == ""


@pytest.mark.parametrize("width", [NARROWEST, WIDTH, 120])
def test_no_line_is_too_long(width: int) -> None:
    with page(width):
        assert max(map(len, sections().splitlines())) <= width


def test_a_report_has_the_section_between_summary_and_details() -> None:
    text = render_text(document())
    assert text.index("Summary") < text.index("Scalability of checkout") < text.index("── checkout_concurrency_1 ")
    assert text.count("Scalability of") == 5


def test_a_few_levels_once_each_are_tests_of_their_own() -> None:
    few = document_of([html_cases.level(1), html_cases.level(5)], cases.MACHINE, cases.TIMESTAMP)
    assert "Scalability" not in render_text(few)
    many = document_of(sweep(usl(0.1, 0.002), repeats=1), cases.MACHINE, cases.TIMESTAMP)
    assert "levels-in-order" in render_text(many)


def test_the_bar_is_as_long_as_its_throughput_and_the_mark_where_the_law_is() -> None:
    lines = render_text(document_of(bent(), cases.MACHINE, cases.TIMESTAMP)).splitlines()
    start = next(place for place, line in enumerate(lines) if "efficiency" in line)
    bars = [line[34:] for line in lines[start + 1 : start + 7]]
    lengths = [len(bar) for bar in bars]
    assert lengths[:5] == sorted(lengths[:5])
    assert all("|" in bar for bar in bars)
