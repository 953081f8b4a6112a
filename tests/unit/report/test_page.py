"""The text report on pages of all widths."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.core.units import format_ms
from paceline.judge.result import judge
from paceline.report.document import document_of
from paceline.report.layout import NARROWEST, WIDEST, WIDTH, heading, page, page_width
from paceline.report.text import render_text
from tests.fakes import make_record
from tests.unit.report.cases import GOLDEN, MACHINE, TIMESTAMP


@pytest.mark.parametrize("name", GOLDEN)
@settings(max_examples=20)
@given(width=st.integers(NARROWEST, WIDEST))
def test_lines_fit_and_figures_stay(name: str, width: int) -> None:
    document = GOLDEN[name]()
    with page(width):
        text = render_text(document)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    told = text.replace("\n  ", " ")
    for result in document.results:
        assert format_ms(result.metrics.p99_time_ms) in told
        assert any(line.endswith(("FAILED", "WARNING", "passed")) for line in lines if not line.startswith("──"))


def test_a_wide_page_shows_names_whole() -> None:
    name = "orders.checkout with a basket of fifty items and a voucher"
    document = document_of([judge(make_record(name=name))], MACHINE, TIMESTAMP)
    assert name not in _table(render_text(document))
    with page(WIDEST):
        assert name in _table(render_text(document))


def _table(report: str) -> str:
    return report.partition("──")[0]


def test_a_page_ends_and_knows_its_bounds() -> None:
    assert page_width() == WIDTH
    for width, kept in ((1, NARROWEST), (100, 100), (10_000, WIDEST)):
        with page(width):
            assert page_width() == kept
            assert len(heading("x", "passed")) == kept
    assert page_width() == WIDTH
