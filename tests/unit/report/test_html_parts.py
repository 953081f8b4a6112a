"""What the page is made of: samples drawn true, axes that hold what is on them, sentences that say what broke."""

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.findings import Finding
from paceline.judge.change import Change, Verdict
from paceline.judge.result import TestResult, judge
from paceline.judge.scalability import scalabilities
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.baseline import BaselineSession
from paceline.records.error_log import ErrorGroup
from paceline.records.histogram import Histogram
from paceline.records.load import LegRun, LoadRecord
from paceline.records.quantities import MEDIAN, THROUGHPUT
from paceline.records.recorder import Counts
from paceline.records.resources import Gauge
from paceline.records.run_record import Definition, RunRecord
from paceline.report.document import document_of
from paceline.report.html.charts import charts_of, plain_charts
from paceline.report.html.detail import details_for
from paceline.report.html.legs import legs_table
from paceline.report.html.overview import Overview, overview
from paceline.report.html.page import render_html
from paceline.report.html.picture import Forest, Scale
from paceline.report.html.sampling import bars, percentile_curve, slices
from paceline.report.html.stores import database_tables
from paceline.report.html.sweeps import Sweep, sweeps
from paceline.report.html.tiles import Tile, held_limits, tiles
from paceline.report.svg import render_svg
from paceline.stats.order import quantile_shares
from tests import strategies
from tests.fakes import MS, S, make_latency, make_record
from tests.unit.report import cases, html_cases, scalability_cases

samples = st.lists(st.integers(0, 10 * S), min_size=1, max_size=300)


class TestHistogramInBulk:
    @given(samples)
    def test_middles_and_ranks_are_those_of_the_quantiles(self, values: list[int]) -> None:
        histogram = Histogram.of(np.array(values, dtype=np.int64))
        middles = histogram.middles_ns()
        assert all(low <= middle <= high for middle, (low, high, _) in zip(middles, histogram.buckets(), strict=True))
        ranks = np.arange(len(values), dtype=np.float64)
        places = np.searchsorted(histogram.indices, histogram.bucket_at(ranks))
        exact = [histogram.quantile(rank / max(len(values) - 1, 1)) for rank in range(len(values))]
        assert middles[places] == pytest.approx(exact)


class TestSamples:
    @given(samples)
    def test_no_latency_gets_lost_in_the_bars(self, values: list[int]) -> None:
        seen = bars(make_latency(values))
        if seen is None:
            assert max(*values, 1) == max(min(values), 1)
        else:
            assert sum(seen.counts) == len(values)
            assert 10 ** (seen.start + seen.step * len(seen.counts)) * MS >= max(values) * 0.999

    @given(samples)
    def test_the_percentile_curve_rises_and_ends_at_what_was_seen(self, values: list[int]) -> None:
        curve = [each for each in percentile_curve(make_latency(values)) if each is not None]
        assert curve == sorted(curve)
        assert curve[0] == pytest.approx(min(values) / MS, rel=1e-3)
        assert curve[-1] <= max(values) / MS * 1.001

    def test_what_was_dropped_has_no_latency(self) -> None:
        latency = replace(make_latency((MS,) * 90), dropped=10)
        curve = percentile_curve(latency)
        assert curve[:10] == (1.0,) * 10
        assert curve[11:] == (None,) * (len(curve) - 11)

    def test_slices_are_merged_into_as_many_as_are_drawn(self) -> None:
        record = html_cases.with_series(make_record())
        fine, coarse = slices(record, 200), slices(record, 30)
        assert fine is not None
        assert coarse is not None
        assert (fine.interval_s, fine.count) == (0.1, 100)
        assert (coarse.interval_s, coarse.count) == (0.4, 25)
        assert sum(fine.errors) == sum(coarse.errors)
        assert coarse.ok_per_s[0] == pytest.approx((200 + 199 + 198 + 197) / 0.4)

    def test_a_rate_over_next_to_nothing_is_not_shown(self) -> None:
        record = replace(html_cases.with_series(make_record()), elapsed_ns=99 * S // 10 + 1)
        seen = slices(record, 200)
        assert seen is not None
        assert seen.ok_per_s[-1] is None

    def test_batches_have_no_percentiles_of_calls(self) -> None:
        charts = charts_of(cases.in_doubt(), 50)
        assert charts.percentiles == ()
        assert "percentiles" not in plain_charts(charts)


class TestIntervals:
    def test_of_a_quantile(self) -> None:
        assert quantile_shares(10_000, 0.5) == pytest.approx((0.4902, 0.5098), abs=1e-4)
        assert quantile_shares(100, 0.95) is None

    def test_it_covers(self) -> None:
        random = np.random.default_rng(1)
        covered = 0
        shares = quantile_shares(2_000, 0.95)
        assert shares is not None
        for _ in range(1_000):
            low, high = np.quantile(random.exponential(size=2_000), shares)
            covered += low <= -math.log(0.05) <= high
        assert 930 <= covered <= 970


def test_who_only_watches_statements_sees_no_rows() -> None:
    database = html_cases.timed().record.database
    assert database is not None
    watched = replace(database.statements[0], rows=0, fetching=make_latency((0,)))
    for statement, rows in ((database.statements[0], "10"), (watched, "–")):
        (table, *_) = database_tables(replace(database, statements=(statement,)), S)
        assert table.rows[0][5] == rows


class TestForest:
    def test_worse_is_to_the_right_whatever_is_better(self) -> None:
        slower = Change(MEDIAN, Verdict.REGRESSED, "", 0.1, 0.05, 0.15)
        fewer = Change(THROUGHPUT, Verdict.REGRESSED, "", -0.1, -0.15, -0.05)
        forest = Forest.over([slower, fewer], 0.05)
        for change in (slower, fewer):
            row = forest.row(change)
            assert row.low is not None
            assert row.estimate is not None
            assert row.high is not None
            assert forest.width / 2 < row.low < row.estimate < row.high <= forest.width

    def test_one_of_the_tenfold_does_not_flatten_the_others(self) -> None:
        small = [Change(MEDIAN, Verdict.UNCHANGED, "", 0.01, -0.02, 0.03) for _ in range(9)]
        huge = Change(MEDIAN, Verdict.REGRESSED, "", 9.0, 8.0, 10.0)
        forest = Forest.over([*small, huge], 0.05)
        assert forest.span < 0.2
        assert forest.row(huge).beyond == 1
        assert forest.row(small[0]).beyond == 0

    @pytest.mark.parametrize("estimate", [None, math.nan, math.inf, -1.0])
    def test_no_figure_is_no_error(self, estimate: float | None) -> None:
        change = Change(MEDIAN, Verdict.INCONCLUSIVE, "", estimate)
        Forest.over([change], None).row(change)


class TestScale:
    def test_it_holds_every_latency_and_limit(self) -> None:
        scale = Scale.over(html_cases.document().results)
        assert scale is not None
        assert 0 <= scale.at(1e-9) <= scale.at(1.0) <= scale.at(math.inf) <= scale.width
        assert [at for at, _ in scale.ticks] == sorted(at for at, _ in scale.ticks)
        assert len(scale.ticks) <= 6

    def test_without_latencies_there_is_none(self) -> None:
        assert Scale.over([cases.nothing()]) is None


class TestOverview:
    @pytest.mark.parametrize(
        ("names", "verdict"),
        [
            ((), "No test was measured."),
            (("passed",), "The test held its limits."),
            (("failed",), "The test failed."),
            (("passed", "failed"), "1 of 2 tests failed."),
            (("passed", "in_doubt"), "None of 2 tests failed, but 1 is in doubt."),
            (("failed", "in_doubt", "passed"), "1 of 3 tests failed, 1 in doubt."),
            (("passed", "passed"), "All 2 tests held their limits."),
        ],
    )
    def test_the_verdict_in_words(self, names: tuple[str, ...], verdict: str) -> None:
        results = [getattr(cases, name)() for name in names]
        document = document_of(results, cases.MACHINE, cases.TIMESTAMP)
        assert overview(document, {id(each): "t" for each in results}, ()).verdict == verdict

    def test_the_worst_comes_first_with_what_broke(self) -> None:
        results = html_cases.document().results
        shown = overview(html_cases.document(), {id(each): "t" for each in results}, [html_cases.trend()])
        assert [each.name for each in shown.offenders[:3]] == [
            "never", "search_with_a_name_that_is_too_long_for_its_column", "checkout"
        ]  # fmt: skip
        assert shown.offenders[2].figure == "19.6 x its limit"
        assert shown.offenders[2].reason.startswith("error rate 1.96 % > limit")
        assert shown.offenders[1].figure == "less than 1 % of its limit"
        assert "got worse on 2026-01-21" in shown.since.text
        assert shown.slow.name.startswith("search_with")

    def test_where_nothing_broke_the_nearest_limit_is_named(self) -> None:
        result = judge(make_record((90 * MS,) * 200), PerformanceThreshold(max_p95_ms=100, max_p99_ms=200))
        document = document_of([result], cases.MACHINE, cases.TIMESTAMP)
        shown = overview(document, {id(result): "t"}, ())
        assert (shown.slow.before, shown.slow.text) == ("", " comes nearest to its limit: p95 latency is 90 % of it.")
        assert "nothing was compared" in shown.since.text
        roomy = _shown(judge(make_record((MS,) * 200), PerformanceThreshold(max_p95_ms=100)))
        assert roomy.slow.before == "No limit on speed was broken. "

    def test_an_outage_says_since_when_and_where_to_look(self) -> None:
        record = make_record((MS,) * 200, errors_counted=20, errors=(ErrorGroup("status", "HTTP 503", 20, ""),))
        result = judge(record, PerformanceThreshold(max_error_rate=0.01))
        shown = _shown(replace(result, findings=(*result.findings, _finding("outage", serious=True))))
        assert shown.since.text == ": outage was seen."
        assert shown.advice.text == ": mend its errors first; most are status: HTTP 503. Mend outage."
        assert shown.slow.before == ""

    @pytest.mark.parametrize(
        ("findings", "advised"),
        [
            ((("host-busy", False), ("repeated-statement", False)), "Mend repeated-statement."),
            ((("generator-saturated", True), ("repeated-statement", False)), "Mend generator-saturated."),
            ((("generator-saturated", True), ("no-hits", True)), "Mend no-hits."),
            ((("few-samples", False), ("host-busy", False)), "Mend host-busy."),
        ],
    )
    def test_what_mends_the_target_is_advised_before_what_mends_the_measurement(
        self, findings: tuple[tuple[str, bool], ...], advised: str
    ) -> None:
        result = judge(make_record((MS,) * 200), PerformanceThreshold(max_p95_ms=0.1))
        made = tuple(_finding(code, serious=serious) for code, serious in findings)
        assert _shown(replace(result, findings=made)).advice.text == f": {advised}"

    @pytest.mark.parametrize(
        ("percent", "workers", "advised"),
        [
            (97.0, 1, "it computes rather than waits (CPU 97 %)"),
            (12.0, 1, "it waits rather than computes (CPU 12 %)"),
            (60.0, 1, "Mend few-samples."),
            (97.0, 2, "Mend few-samples."),
        ],
    )
    def test_without_a_finding_about_it_its_cpu_says_what_it_does(
        self, percent: float, workers: int, advised: str
    ) -> None:
        record = make_record((MS,) * 200, definition=Definition(iterations=200, workers=workers))
        process = replace(record.usage.process, cpu_percent=Gauge(percent, percent, percent))
        record = replace(record, usage=replace(record.usage, process=process, targets=()))
        result = judge(record, PerformanceThreshold(max_p95_ms=0.1))
        shown = _shown(replace(result, findings=(_finding("few-samples", serious=False),)))
        assert shown.advice.text.startswith(f": {advised}")


def _shown(result: TestResult) -> Overview:
    return overview(document_of([result], cases.MACHINE, cases.TIMESTAMP), {id(result): "t"}, ())


def _finding(code: str, *, serious: bool) -> Finding:
    return Finding(code, f"{code} was seen.", "It matters.", f"Mend {code}.", serious)


def _tiles(result: TestResult) -> list[Tile]:
    return tiles(result, held_limits(result))


class TestTiles:
    def test_limits_stand_with_their_figures(self) -> None:
        made = {tile.label: tile for tile in _tiles(html_cases.timed())}
        assert [limit.bound for limit in made["median latency"].limits] == ["<= 10 ms"]
        assert made["p95 latency"].broken
        assert made["p95 latency"].interval.startswith("95 %: ")
        assert "p50 latency" not in made
        assert re.fullmatch(r"95 %: [\d.]+ to [\d.]+ ms", made["median latency"].interval)  # a unit said once

    def test_a_limit_without_a_figure_of_its_own_gets_one(self) -> None:
        result = judge(make_record((MS,) * 200), PerformanceThreshold(expressions=("max<5",)))
        tile = _tiles(result)[-1]
        assert (tile.label, tile.value, tile.broken) == ("maximum latency", "1 ms", False)


@given(record=strategies.records(), threshold=strategies.thresholds, sessions=st.lists(strategies.sessions, max_size=3))
def test_any_record_has_a_page_and_a_picture(
    record: RunRecord, threshold: PerformanceThreshold | None, sessions: list[BaselineSession]
) -> None:
    document = document_of([judge(record, threshold, sessions)], cases.MACHINE, cases.TIMESTAMP)
    assert render_html(document).encode()
    assert render_svg(document).encode()


class TestSweeps:
    def test_levels_are_put_in_order(self) -> None:
        (found,) = found_in([html_cases.level(20), html_cases.level(1), html_cases.level(5)])
        assert found.name == "api"
        assert found.plain["workers"] == [1, 5, 20]
        assert [row[0] for row in found.table.rows] == ["1", "5", "20"]

    def test_a_name_alone_is_no_level(self) -> None:
        record = make_record(name="api_concurrency_5")
        assert found_in([judge(record), html_cases.level(1)]) == []

    def test_a_few_levels_have_no_law_and_the_reason(self) -> None:
        (found,) = found_in([html_cases.level(20), html_cases.level(1), html_cases.level(5)])
        assert found.law is None
        assert "law" not in found.plain
        assert found.notes[0][0] == "No law"

    def test_the_curve_goes_through_the_levels_and_beyond_the_peak(self) -> None:
        (found,) = found_in(scalability_cases.bent())
        assert found.law is not None
        assert "peak at" in [row[0] for row in found.law.rows]
        law: Any = found.plain["law"]
        assert set(found.plain["workers"]) <= set(law["workers"])  # type: ignore[call-overload]  # a list of numbers
        assert law["workers"] == sorted(law["workers"])
        assert len(law["throughput"]) == len(law["workers"])
        peak, low, high = law["peak"]
        assert low < peak < high < law["workers"][-1]
        assert max(law["throughput"]) == pytest.approx(law["throughput"][_nearest(law["workers"], peak)], rel=0.01)


def found_in(results: list[TestResult]) -> list[Sweep]:
    return sweeps(results, scalabilities(results))


def _nearest(values: list[float], to: float) -> int:
    return min(range(len(values)), key=lambda place: abs(values[place] - to))


class TestLegs:
    def test_each_has_its_figures_and_bars(self) -> None:
        made = legs_table(cases.together().record.load, details_for(1)[0])
        assert made is not None
        assert made.caption == (
            "3 processes together, started within 1.4 ms, 1 lost; bars: attempts above, CPU of one core below"
        )
        here, there, lost = (dict(zip(made.columns, row.cells, strict=True)) for row in made.rows)
        assert [row.name for row in made.rows] == ["1", "2, tcp://10.0.0.6:9000", "3, tcp://10.0.0.7:9000"]
        assert here == {
            "attempts": "1,200",
            "errors": "0",
            "CPU": "38 %",
            "CPU in its busiest second": "41 %",
            "memory": "52 MB",
            "lag p99": "55 us",
            "late start": "210 us",
            "machine's CPU": "–",
            "made of its share": "100.0 %",
        }
        assert there["machine's CPU"] == "130 of 400 %"
        assert (lost["attempts"], lost["errors"], lost["made of its share"]) == ("600", "10", "50.0 %")
        assert [(row.made, row.cpu, row.lost) for row in made.rows] == [
            (120, 45.6, ""),
            (120, 45.6, ""),
            (60, 45.6, "was killed by SIGKILL"),
        ]

    def test_the_lost_are_the_last_to_be_left_out(self) -> None:
        load = cases.together().record.load
        assert load is not None
        few = replace(load, legs=(*load.legs[:1] * 30, *load.legs[2:]))
        made = legs_table(few, details_for(1)[0])
        assert made is not None
        assert len(made.rows) == 20
        assert made.rows[-1].name.startswith("31")
        assert made.caption.endswith("(11 more in the results file)")

    def test_one_process_needs_no_table(self) -> None:
        assert legs_table(cases.open_loop().record.load, details_for(1)[0]) is None
        assert legs_table(None, details_for(1)[0]) is None

    def test_calls_without_figures_leave_columns_out(self) -> None:
        made = legs_table(LoadRecord(legs=(LegRun(Counts(ok=3)), LegRun(Counts()))), details_for(1)[0])
        assert made is not None
        assert made.columns == ("attempts", "late start")
        assert [row.cells for row in made.rows] == [("3", "–"), ("0", "–")]

    def test_they_stand_in_the_page(self) -> None:
        page = render_html(document_of([cases.together()], cases.MACHINE, cases.TIMESTAMP))
        assert '<tr class="lost"><th>3, tcp://10.0.0.7:9000 <small>was killed by SIGKILL</small>' in page
        assert '<path class="made" d="M0 5H60.0"/>' in page
