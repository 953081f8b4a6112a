"""The HTML report: rendering it, and opening it in a browser."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.figure import Figure
from bench.pairing import Spread, repeated, timed
from paceline.judge.result import TestResult
from paceline.report.document import Document
from paceline.report.html.page import render_html
from tests.functional.chromium import chromium
from tests.unit.report import cases, html_cases
from tests.unit.report.test_html import document_about

_FEW, _MANY = 100, 1_000
_OPENINGS = 7
# From the beginning of the navigation to the end of the page's own script: filters, sorting and anchors work then.
_READY = "() => performance.getEntriesByName('paceline-ready')[0].startTime / 1000"

# A wheel turned fast: 1,200 pixels a frame. How long each frame took, in ms.
_SCROLLED = """
() => new Promise((done) => {
  const gaps = []; let last;
  const step = (now) => {
    if (last !== undefined) gaps.push(now - last);
    last = now;
    const before = scrollY;
    scrollBy(0, 1200);
    if (scrollY === before) done(gaps); else requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})
"""


def figures() -> Iterator[Figure]:
    """Results with series: time to render, size, time to open."""
    few, many = (_session(count) for count in (_FEW, _MANY))
    yield Figure("HTML of 100 results with series", repeated(timed(lambda: render_html(few)), 5), "s", at_most=1)
    yield Figure("HTML of 1,000 results with series", repeated(timed(lambda: render_html(many)), 3), "s", at_most=5)
    page = render_html(few)
    size = len(page.encode()) / 1e3
    yield Figure("its size for 100 results", Spread(size, size, size), "kB", at_most=950)
    large = render_html(many)
    size = len(large.encode()) / 1e3
    yield Figure("its size for 1,000 results", Spread(size, size, size), "kB", at_most=8_150)
    for name, text, at_most in (("100", page, 1.0), ("1,000", large, None)):
        yield Figure(f"opened in Chromium, {name} results: until it answers", _openings(text), "s", at_most=at_most)
    median, longest = _scrolling(large)
    yield Figure("scrolled from its top to its end, 1,000 results: a frame", median, "ms", at_most=34)
    yield Figure("  its longest frame", longest, "ms")


def _session(count: int) -> Document:
    kinds = [
        html_cases.timed(),
        *(_with_series(each) for each in (cases.passed(), cases.closed_loop(), cases.open_loop())),
    ]
    return document_about([_numbered(kinds[number % len(kinds)], number) for number in range(count)])


def _with_series(result: TestResult) -> TestResult:
    return replace(result, record=html_cases.with_series(result.record))


def _numbered(result: TestResult, number: int) -> TestResult:
    name = f"{result.metrics.test_name} {number}"
    return replace(result, metrics=replace(result.metrics, test_name=name))


def _openings(text: str) -> Spread:
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        file = Path(folder, "page.html")
        file.write_text(text)
        seconds = []
        for _ in range(_OPENINGS + 1):
            tab = browser.new_page()
            tab.goto(file.as_uri())
            seconds.append(float(tab.evaluate(_READY)))
            tab.close()
    return Spread.of(seconds[1:])


def _scrolling(text: str) -> tuple[Spread, Spread]:
    """The frames of a walk over the whole page as it is opened, three tests of it unfolded: all, and the longest."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        file = Path(folder, "page.html")
        file.write_text(text)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(file.as_uri())
        closed = sorted(tab.evaluate(_SCROLLED))
        tab.close()
    return Spread.of(closed), Spread(closed[-1], closed[-1], closed[-1])
