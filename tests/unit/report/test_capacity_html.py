"""Searches in the page for browsers."""

import re
from dataclasses import replace

import numpy as np
import pytest

from paceline.campaign.capacity import search
from paceline.judge.capacity import CapacityResult, judge_capacity
from paceline.records.capacity import Ending
from paceline.records.fingerprint import Fingerprint
from paceline.report.document import document_of
from paceline.report.html.capacity import capacity_views
from paceline.report.html.page import render_html
from tests.queues import m_m_c
from tests.virtual_capacity import latency_limit, plan, queue, world_of

LIMITS = (latency_limit(95, 15.0),)


@pytest.fixture(scope="module")
def result() -> CapacityResult:
    world = world_of(queue(m_m_c(1, 1.0), np.random.default_rng(1)), LIMITS)
    return judge_capacity(search(plan(LIMITS, name="<b>GET</b>", arrivals="poisson"), world).record)


def page_of(result: CapacityResult) -> str:
    return render_html(document_of((), Fingerprint(), "2026-11-22T18:00:05.000000Z"), capacities=[result])


def test_the_page_says_the_answer_and_shows_why(result: CapacityResult) -> None:
    text = page_of(result)
    assert "<title>Paceline capacity report</title>" in text
    assert text.count("is the highest load, of arrivals at random (Poisson)") == 2
    assert "&lt;b&gt;GET&lt;/b&gt;: capacity" in text
    assert "<b>GET</b>" not in text
    assert re.search(r'<polyline class="fit" points="[\d., ]+"', text)
    assert 'class="band"' in text
    assert text.count('<circle class="held"') + text.count('<circle class="broke"') >= 7
    assert "style=" not in re.sub(r"<style>.*?</style>|<script.*?</script>", "", text, flags=re.DOTALL)


def test_the_line_passes_the_limit_within_the_interval(result: CapacityResult) -> None:
    (view,) = capacity_views([result])
    assert view.curve is not None
    assert view.curve.band is not None
    points = [tuple(map(float, point.split(","))) for point in view.curve.line.split()]
    low, high = view.curve.band
    crossed = [x for x, y in points if abs(y - view.curve.limit) < 6]
    assert crossed
    assert any(low - 10 <= x <= high + 10 for x in crossed)


def test_without_probes_there_is_no_picture_and_no_number(result: CapacityResult) -> None:
    empty = judge_capacity(replace(result.record, probes=(), window=None, ended=Ending.INTERRUPTED))
    (view,) = capacity_views([empty])
    assert (view.curve, view.status, view.answer) == (None, "warning", "none")
    assert "Nothing is known" in page_of(empty)
