"""The lines of a run under way, for screens of all widths."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.cli.colours import Paint
from paceline.cli.live import Moment, RunView, bar_line, span_text
from paceline.engine.request import LegsNow, LoadNow
from tests.fakes import MS, make_latency

PLAIN = Paint(is_on=False)


def load(elapsed_s: float = 3.0, **changes: object) -> LoadNow:
    figures: dict[str, object] = {
        "per_second": 10_234.4,
        "errors": 0,
        "in_flight": 50,
        "latency": make_latency([MS] * 97 + [20 * MS] * 3, keep_samples=False),
        "cpu_percent": 43.2,
        "targets_cpu_percent": ((4711, 87.0),),
    }
    return LoadNow(elapsed_s=elapsed_s, **(figures | changes))  # type: ignore[arg-type]


def test_a_load_says_all_its_figures() -> None:
    view = RunView("GET /")
    view.add(
        Moment(2.0, 0.2, 9_000, load(2.0, per_second=5_000.0, cpu_percent=None, targets_cpu_percent=((4711, None),)))
    )
    view.add(Moment(3.0, 0.3, 19_000, load(errors=12)))
    assert view.lines(80, PLAIN) == [
        "GET /",
        "━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  3 s of 10 s, 7 s left",
        "rate          10,234/s  ▄█  most 10,234/s",
        "p50               1 ms  ██  most 1 ms",
        "p95               1 ms  ██  most 1 ms",
        "p99              20 ms  ██  most 20 ms",
        "errors              12  ▁█",
        "in flight           50  ██  most 50",
        "generator         43 %   █  most 43 %",
        "pid 4711          87 %   █  most 87 %",
    ]
    assert view.log_text() == "3 s of 10 s, 7 s left  10,234/s  p99 20 ms  errors 12"


def test_processes_that_make_it_together_are_counted_and_the_slowest_is_named() -> None:
    view = RunView("GET /")
    view.add(Moment(2.0, 0.2, 9_000, load(2.0, legs=LegsNow(3, 3, 2, 900.0), targets_cpu_percent=())))
    view.add(Moment(3.0, 0.3, 19_000, load(3.0, legs=LegsNow(3, 2, 1, 450.0), targets_cpu_percent=())))
    assert view.lines(80, PLAIN)[-2:] == [
        "processes       2 of 3  █▆  most 3 of 3",
        "slowest          450/s  █▅  process 1",
    ]
    assert "\x1b" in view.lines(80, Paint(is_on=True))[-2]
    alone = RunView("GET /")
    alone.add(Moment(2.0, 0.2, 9_000, load(2.0, legs=LegsNow(1, 1), targets_cpu_percent=())))
    assert alone.lines(80, PLAIN)[-1].startswith("processes       1 of 1")


def test_fixed_work_says_how_much_is_left() -> None:
    view = RunView("lookup")
    view.add(Moment(10.0, 0.1, 100, None))
    assert view.lines(80, PLAIN)[1:] == ["━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  10 %, 100 attempts"]
    view.add(Moment(12.0, 0.2, 200, None))
    assert view.lines(80, PLAIN)[1:] == [
        "━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  20 %, 200 attempts, 16 s left",
        "rate              50/s  █  most 50/s",
    ]
    assert view.log_text() == "20 %, 200 attempts, 16 s left  50/s"


def test_another_run_of_the_same_name_begins_anew() -> None:
    view = RunView("lookup")
    view.add(Moment(1.0, 0.9, 90, None))
    assert not view.is_followed_by("lookup", 95)
    assert view.is_followed_by("lookup", 10)
    assert view.is_followed_by("other", 95)


NAMES = st.one_of(st.text(), st.just("\x1b[31mred\x1b]0;title\x07\r\n\x9b2J"), st.just("long" * 200))


@given(NAMES, st.integers(30, 400), st.integers(1, 300), st.floats(0, 1), st.floats(0, 1e9), st.integers(0, 10**12))
def test_lines_fit_every_width_and_no_name_drives_the_terminal(
    name: str, columns: int, moments: int, share: float, rate: float, errors: int
) -> None:
    view = RunView(name)
    for number in range(moments):
        view.add(Moment(number, share, number, load(number, per_second=rate, errors=errors)))
    for line in view.lines(columns, PLAIN):
        assert len(line) < columns
        assert line.isprintable()


def test_what_matters_has_a_colour() -> None:
    view = RunView("GET /")
    view.add(Moment(1.0, 0.1, 9, load(errors=1, cpu_percent=95.0)))
    lines = view.lines(80, Paint(is_on=True))
    assert "\x1b[31m\x1b[1m         1\x1b[0m" in next(line for line in lines if line.startswith("errors"))
    assert "\x1b[33m\x1b[1m      95 %\x1b[0m" in next(line for line in lines if line.startswith("generator"))
    assert "\x1b[31m" not in next(line for line in lines if line.startswith("rate"))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.4, "0 s"),
        (99.4, "99 s"),
        (100, "1 min 40 s"),
        (3_599, "59 min 59 s"),
        (3_600, "1 h 00 min"),
        (9e4, "25 h 00 min"),
    ],
)
def test_spans_are_told_as_people_do(seconds: float, told: str) -> None:
    assert span_text(seconds) == told


def test_a_second_without_an_answer_is_a_gap() -> None:
    view = RunView("GET /")
    view.add(Moment(1.0, 0.1, 9, load(latency=make_latency([], keep_samples=False))))
    view.add(Moment(2.0, 0.2, 9, load()))
    assert view.lines(80, PLAIN)[5] == "p99              20 ms   █  most 20 ms"


@pytest.mark.parametrize(
    ("rate", "told"),
    [(7.25, "7.25/s"), (72.5, "72/s"), (999_999, "999,999/s"), (1_234_567, "1.235 M/s"), (8e9, "8000 M/s")],
)
def test_large_rates_get_a_larger_unit(rate: float, told: str) -> None:
    view = RunView("GET /")
    view.add(Moment(1.0, 0.1, 9, load(per_second=rate)))
    assert view.lines(80, PLAIN)[2].split("  █")[0].removeprefix("rate").strip() == told


def test_a_bar_gives_way_to_its_text() -> None:
    assert bar_line(0.5, "12345", 14) == "━━━╌╌╌  12345"
    assert bar_line(0.5, "12345", 13) == "12345"
    assert bar_line(math.inf, "x", 10) == "━━━━━━  x"
