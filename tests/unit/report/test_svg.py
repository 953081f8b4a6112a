"""Pictures: well-formed, harmless whatever tests are called, and nothing in them loads or runs."""

from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from paceline.report.document import document_of
from paceline.report.svg import render_svg
from tests.unit.report import cases, html_cases
from tests.unit.report.test_html import MARKUP

_SVG = "{http://www.w3.org/2000/svg}"


def _texts(picture: str) -> Iterator[str]:
    return (each.text or "" for each in ET.fromstring(picture).iter(f"{_SVG}text"))


def test_every_test_has_a_row() -> None:
    said = list(_texts(render_svg(html_cases.document())))
    assert "11 tests: 4 failed, 2 in doubt, 5 passed" in said
    assert {"checkout", "get_record", "never"} <= set(said)
    assert "150 ms" in said


@pytest.mark.parametrize("text", [MARKUP, "a & b <c>", "]]>", "\x00\x1b\ufffe"])
def test_names_stay_text(text: str) -> None:
    results = [html_cases.poisoned(each, text) for each in html_cases.document().results]
    picture = render_svg(document_of(results, html_cases.poisoned(cases.MACHINE, text), cases.TIMESTAMP))
    calm = render_svg(html_cases.document())
    assert [each.tag for each in ET.fromstring(picture).iter()] == [each.tag for each in ET.fromstring(calm).iter()]
    assert picture.encode()


def test_of_one_test_there_is_the_distribution() -> None:
    one = document_of([html_cases.timed()], cases.MACHINE, cases.TIMESTAMP)
    assert 'class="bar"' in render_svg(one)
    assert 'class="bar"' not in render_svg(html_cases.document())


def test_many_are_cut_and_that_is_said() -> None:
    result = cases.passed()
    many = [replace(result, metrics=replace(result.metrics, test_name=f"test {number}")) for number in range(50)]
    said = list(_texts(render_svg(document_of(many, cases.MACHINE, cases.TIMESTAMP))))
    assert any("10 more are not shown" in text for text in said)
    assert "test 39" in said
    assert "test 40" not in said


def test_nothing_measured() -> None:
    assert "No test was measured" in render_svg(document_of([], cases.MACHINE, cases.TIMESTAMP))


def test_nothing_is_loaded() -> None:
    tree = ET.fromstring(render_svg(html_cases.document()))
    names = {name for each in tree.iter() for name in each.attrib}
    assert not {name for name in names if name.endswith("href") or name.startswith("on") or name == "src"}
    assert not list(tree.iter(f"{_SVG}script"))
