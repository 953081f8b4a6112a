"""The trend as text: what a person reads of each outcome, on screens with and without block characters."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.judge.trend import HistoryTrend, LevelChange, Newest, judge_trend
from paceline.records.history import HistoryPoint, Series, SeriesKey, SeriesSize, TestSummary
from paceline.records.quantities import ERROR_RATE, MEDIAN, PEAK_RSS, QUANTITIES, THROUGHPUT, Quantity
from paceline.report.layout import WIDTH
from paceline.report.trend_text import render_tests, render_trend, sparkline

KEY = SeriesKey("main", "e898e3121028", "584cc9cc")
MACHINE = {"cpu_count": 2, "cpu_model": "Example CPU", "python": "CPython 3.11.7"}
POINT = HistoryPoint("2026-11-20T18:00:00.000000Z", "3f2a9c1d0e12aaaa-dirty", 1.1e6)
CHANGE = LevelChange(1, POINT, 1e6, 1.1e6, 40, 12, 0.1, worse=True)


def trend_of(quantity: Quantity = MEDIAN, **changes: object) -> HistoryTrend:
    points = tuple(HistoryPoint(f"2026-11-{day:02}T18:00:00.000000Z", f"c{day}", 1e6) for day in range(1, 21))
    series = Series("checkout", quantity, KEY, points, MACHINE)
    newest = Newest(0.95e6, 1.05e6, 16, 0, 0.0, worse=False)
    trend = HistoryTrend(series, 1e6, (), 0, 0.0, newest, 0)
    return replace(trend, **changes)  # type: ignore[arg-type]


def flat(trend: HistoryTrend, *, unicode: bool = True) -> str:
    text = render_trend(trend, unicode=unicode)
    assert text.endswith("\n")
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    return " ".join(text.split())


def test_without_a_change_one_line_says_so() -> None:
    text = flat(trend_of())
    assert "checkout: median, branch main" in text
    assert "20 sessions, 2026-11-01 to 2026-11-20" in text
    assert "CPython 3.11.7, 2 x Example CPU (e898e3121028)" in text
    assert "changes none: 20 sessions around one level of 1 ms" in text
    assert "newest 1 ms, 2026-11-20 18:00, c20; as expected: the 16 before lead one to expect 950 us to 1.05 ms" in text


@pytest.mark.parametrize(("count", "told"), [(11, "too few to look for changes (needs 12): 11 "), (12, "none: 12 ")])
def test_below_two_levels_nothing_was_looked_for(count: int, told: str) -> None:
    series = trend_of().series
    assert f"changes {told}sessions around one level of 1 ms" in flat(
        judge_trend(replace(series, points=series.points[:count]))
    )


def test_a_change_has_its_date_commit_branch_size_and_levels() -> None:
    text = flat(trend_of(changes=(CHANGE,)))
    assert "2026-11-20 18:00 3f2a9c1d0e12 (uncommitted changes) main +10.0 % regressed: 1 ms before" in text
    assert "1 ms before (40 sessions), 1.1 ms since (12)" in text
    assert "improved" in flat(trend_of(changes=(replace(CHANGE, worse=False),)))


@pytest.mark.parametrize(
    ("quantity", "before", "after", "change", "told"),
    [
        (THROUGHPUT, 500.0, 250.0, -0.5, "-50.0 % regressed: 500/s before (40 sessions), 250/s since"),
        (ERROR_RATE, 0.0, 0.02, 0.02, "+2.0 points regressed: 0 % before (40 sessions), 2.0 % since"),
        (PEAK_RSS, 50e6, 60e6, 10e6, "+10.0 MB regressed: 50.0 MB before (40 sessions), 60.0 MB since"),
    ],
)
def test_each_quantity_is_told_in_its_unit(
    quantity: Quantity, before: float, after: float, change: float, told: str
) -> None:
    each = replace(CHANGE, before=before, after=after, change=change)
    assert told in flat(trend_of(quantity, changes=(each,)))


def test_an_unexpected_newest_is_told_with_what_was_expected() -> None:
    one = Newest(0.95e6, 1.05e6, 16, 1, 0.2, worse=True)
    assert "it is worse than expected (+20.0 %): the 16 before lead one to expect 950 us to 1.05 ms" in flat(
        trend_of(newest=one)
    )
    assert "the newest 3 are better than expected" in flat(trend_of(newest=replace(one, outside=3, worse=False)))
    assert "too few sessions on this level" in flat(trend_of(newest=None))


def test_what_wandering_withheld_is_told_with_the_way_out() -> None:
    text = flat(trend_of(withheld=6, correlation=0.83))
    assert "withheld 6 further changes: successive sessions resemble each other (correlation 0.83)" in text
    assert "A duet of the two commits" in text


def test_what_is_not_shown_is_counted() -> None:
    trend = trend_of(unusable=1)
    others = (
        SeriesSize(replace(KEY, branch="feature"), 40, "2026-11-19T00:00:00.000000Z"),
        SeriesSize(replace(KEY, branch="", machine="0123"), 1, "2026-11-18T00:00:00.000000Z"),
        SeriesSize(replace(KEY, definition="other"), 7, "2026-11-17T00:00:00.000000Z"),
        *(SeriesSize(replace(KEY, branch=f"b{number}"), 2, "2026-11-16T00:00:00.000000Z") for number in range(3)),
    )
    text = flat(replace(trend, series=replace(trend.series, doubtful=3, missing=2, others=others)))
    assert (
        "not shown 3 sessions whose figures are in doubt; 3 sessions without a median; "
        "40 sessions of branch feature (newest 2026-11-19); 1 session of no branch known, machine 0123 "
        "(newest 2026-11-18); 7 sessions of another definition (iterations, workers, ...) (newest 2026-11-17); "
        "6 sessions of 3 further series"
    ) in text


def test_nothing_to_show_is_said() -> None:
    text = flat(judge_trend(Series("checkout", MEDIAN, KEY, (), {}, {}, missing=4)))
    assert "none that can be shown" in text
    assert "no session has a median" in text


def test_unusable_points_are_not_drawn() -> None:
    points = tuple(HistoryPoint("2026-11-01T18:00:00.000000Z", "", value) for value in (0.0, 5.0, 6.0))
    assert "5/s to 6/s" in flat(judge_trend(Series("checkout", THROUGHPUT, KEY, points, MACHINE)))


def test_names_cannot_drive_a_terminal() -> None:
    series = replace(trend_of().series, test="a\x1b[31mb", key=replace(KEY, branch="x\x07"), others=())
    text = render_trend(trend_of(series=series, changes=(CHANGE,)))
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_screen_without_unicode_gets_ascii() -> None:
    assert render_trend(trend_of(changes=(CHANGE,)), unicode=False).isascii()


@given(st.lists(st.floats(0, 1e300), min_size=1, max_size=400), st.integers(1, 60))
def test_a_sparkline_has_its_width_and_its_extremes(values: list[float], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(width, len(values))
    if len(values) <= width and min(values) < max(values):
        assert {line[values.index(min(values))], line[values.index(max(values))]} == {"▁", "█"}


@given(st.lists(st.floats(0, 1e12), max_size=40), st.sampled_from(list(QUANTITIES.values())))
def test_any_trend_can_be_shown(values: list[float], quantity: Quantity) -> None:
    points = tuple(HistoryPoint("2026-11-01T18:00:00.000000Z", "c" * 40, value) for value in values)
    flat(judge_trend(Series("checkout", quantity, KEY, points, MACHINE)))


def test_the_list_of_tests() -> None:
    summary = TestSummary("checkout", 1_200, 2, 3, 1, "2026-01-01T00:00:00.000000Z", "2026-11-22T18:30:00.000000Z")
    assert render_tests([summary]).splitlines()[1].split() == ["checkout", "1,200", "2", "3", "2026-11-22", "18:30"]
    assert render_tests([]) == "The history holds no session.\n"
