"""What is said of loads, and the picture of their latencies."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.judge.result import judge
from paceline.records.load import BeforeStart, LegRun, LoadRecord, Part, Probe, Traffic
from paceline.records.recorder import Counts
from paceline.records.run_record import Circumstances, Definition, Execution, RunRecord
from paceline.report.document import document_of
from paceline.report.layout import WIDTH
from paceline.report.load_text import distribution, how_load, load_lines
from paceline.report.text import render_text
from tests.fakes import MS, S, make_arrivals, make_latency, make_load, make_record
from tests.strategies import durations_ns
from tests.unit.report.cases import MACHINE, TIMESTAMP

TARGET = "api_endpoint: GET http://localhost:8000/records/7, "
LOST = "1 reconnect, 5 closed by the server, 2 requests sent again"


def picture(record: RunRecord) -> list[str]:
    return list(distribution(judge(record)))


def lines(load: LoadRecord, **changes: Any) -> str:
    return " ".join(" ".join(load_lines(judge(make_load(load=load, **changes)))).split())


class TestPicture:
    def test_only_of_loads_of_a_hundred_and_more(self) -> None:
        samples = [MS, 2 * MS] * 50
        assert picture(make_load(samples)) != []
        assert picture(make_load(samples[:99])) == []
        assert picture(make_record(samples)) == []
        assert picture(make_load([MS] * 200)) == []  # one row says nothing

    def test_rows_have_shares_bars_and_marks(self) -> None:
        assert picture(make_load([MS] * 60 + [2 * MS] * 30 + [10 * MS] * 10)) == [
            "from             1 ms  ████████████████████████████████████ 60.0 %  p50",
            "               1.6 ms  ██████████████████                   30.0 %",
            "               2.5 ms",
            "                 4 ms",
            "               6.3 ms",
            "                10 ms  ██████                               10.0 %  p95 p99",
        ]

    def test_what_was_dropped_is_a_row_beyond_all(self) -> None:
        rows = picture(make_load([MS] * 60 + [2 * MS] * 40, LoadRecord(arrivals=make_arrivals()), dropped=90))
        assert rows[-1].split() == ["dropped", "█" * 36, "47.4", "%", "p95", "p99"]
        assert "p50" in rows[-2]

    @given(st.lists(durations_ns, min_size=2, max_size=60), st.integers(0, 3))
    def test_every_latency_is_in_a_row(self, samples: list[int], dropped: int) -> None:
        record = make_load(samples * 50, dropped=dropped)
        rows = picture(record)
        assert all(len(row) <= WIDTH for row in rows)
        shares = [float(row[: row.index(" %")].split()[-1].strip("<")) for row in rows if " %" in row]
        assert not rows or sum(shares) == pytest.approx(100, abs=0.1 * len(rows))
        if rows and math.log10(max(*samples, 1) / max(min(samples), 1)) < 8:
            assert len(rows) <= 11
            assert sum(row.count("p99") for row in rows) == 1

    @pytest.mark.parametrize("decades", [0.05, 0.2, 0.5, 1, 2, 3, 4, 6])
    def test_it_has_few_rows_however_wide_and_enough(self, decades: float) -> None:
        samples = np.geomspace(137_000, 137_000 * 10**decades, 500).astype(int).tolist()
        assert (2 if decades < 0.2 else 4) <= len(picture(make_load(samples))) <= 10


class TestPlan:
    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            (
                {"plan": "10 users for 10 s"},
                f"{TARGET}10 users for 10 s; 2,000 attempts in 200 ms",
            ),
            (
                {"plan": "500/s for 10 s", "load": LoadRecord(arrivals=make_arrivals())},
                f"{TARGET}500/s for 10 s over 10 connections; 2,000 attempts in 200 ms",
            ),
            (
                {"plan": "10 users for 10 s", "circumstances": Circumstances(warmup_attempts=50)},
                f"{TARGET}10 users for 10 s; 2,000 attempts in 200 ms, after 1 s of warm-up (50 attempts)",
            ),
            (
                {
                    "circumstances": Circumstances(warmup_attempts=5, warmup_cut_ns=312 * MS),
                    "plan": "10 users for 10 s",
                },
                f"{TARGET}10 users for 10 s; 2,000 attempts in 200 ms, ended after 312 ms of its warm-up (5 attempts)",
            ),
            (
                {
                    "definition": Definition(workers=4, execution=Execution.TASKS),
                    "circumstances": Circumstances(warmup_attempts=5),
                },
                "api_endpoint: 4 workers; 2,000 attempts in 200 ms, after 5 of warm-up",
            ),
            (
                {"definition": Definition(workers=4, execution=Execution.CONNECTIONS)},
                "api_endpoint: 4 connections; 2,000 attempts in 200 ms",
            ),
            (
                {"load": LoadRecord(iterations=500), "plan": "5 users for 1 s", "execution": Execution.USERS},
                f"{TARGET}5 users for 1 s; 500 iterations of 2,000 attempts in 200 ms",
            ),
        ],
        ids=["closed", "open", "warmed", "cut", "tasks", "connections", "scenario"],
    )
    def test_says_what_was_run_on_what(self, changes: dict[str, Any], text: str) -> None:
        assert how_load(judge(make_load(**changes))) == text


class TestLines:
    def test_nothing_is_said_of_what_was_not_seen(self) -> None:
        assert lines(LoadRecord()) == ""
        assert lines(LoadRecord(traffic=Traffic()), elapsed_ns=0) == ""
        assert list(load_lines(judge(make_record()))) == []

    def test_arrivals(self) -> None:
        arrivals = make_arrivals((50_000,) * 98 + (MS,) * 2, (0,) * 98 + (2 * MS,) * 2, (MS,) * 100)
        assert lines(LoadRecord(arrivals=arrivals)) == (
            "service median 1 ms, p95 1 ms, p99 1 ms, max 1 ms; from when sent "
            "lag median 50 us, p99 3 ms, max 3 ms; 2 of 100 more than 1 ms late (2.0 %) "
            "p99 by cause: generator 1 ms, free connection 2 ms"
        )
        in_time = make_arrivals((50_000,) * 100, None, ())
        assert lines(LoadRecord(arrivals=in_time), dropped=3) == (
            "lag median 50 us, p99 50 us, max 50 us; 0 of 100 more than 1 ms late, 3 dropped "
            "p99 by cause: generator 50 us, free connection 0 ns"
        )
        assert lines(LoadRecord(arrivals=make_arrivals((), None, ()))) == ""

    @pytest.mark.parametrize(
        ("traffic", "text"),
        [
            (Traffic(200, 2_000, connections=1), "sent 100 B/s, received 1.0 kB/s over 1 connection"),
            (
                Traffic(10**9, 2 * 10**6, connections=2, reconnects=1, closed_by_server=5, resent=2),
                f"sent 500.0 MB/s, received 1.0 MB/s over 2 connections, {LOST}",
            ),
        ],
    )
    def test_traffic_is_a_second(self, traffic: Traffic, text: str) -> None:
        assert lines(LoadRecord(traffic=traffic), elapsed_ns=2 * S) == f"traffic {text}"

    def test_phases_that_took_place(self) -> None:
        traffic = Traffic(dns=make_latency([MS]), tls=make_latency([2 * MS] * 5))
        assert lines(LoadRecord(traffic=traffic), elapsed_ns=0) == "phases DNS 1 ms, TLS 2 ms (p99 2 ms)"

    def test_the_parts_most_often_asked_for_come_first(self) -> None:
        parts = tuple(Part(f"GET /{number}", Counts(ok=number), make_latency(())) for number in range(25))
        text = lines(LoadRecord(parts=parts))
        assert text.startswith("requests count median p95 p99 errors GET /24 24 – – – 0 % GET /23 23")
        assert text.endswith("GET /5 5 – – – 0 % and 5 more, less often")
        nothing = lines(LoadRecord(parts=parts[:1]))
        assert nothing.endswith("GET /0 0 – – – –")

    def test_a_part_is_a_line_whatever_its_name(self) -> None:
        part = Part("\x1b[2J\n" * 50, Counts(ok=10**11, errors=1), make_latency([10**17]))
        record = make_load(load=LoadRecord(parts=(part,)))
        (_, row) = load_lines(judge(record))
        assert row.isprintable()
        assert len(row) <= WIDTH

    @pytest.mark.parametrize(
        ("probe", "text"),
        [
            (Probe(100.0), "100/s: no answer"),
            (Probe(20.0, part="GET /items"), "20/s GET /items: no answer"),
            (
                Probe(100.0, Counts(ok=9, errors=1), make_latency([MS] * 9)),
                "100/s: median 1 ms, p95 1 ms, p99 1 ms, max 1 ms; 1 of 10 requests failed",
            ),
        ],
    )
    def test_the_probe(self, probe: Probe, text: str) -> None:
        assert lines(LoadRecord(probe=probe)) == f"probe {text}"

    def test_the_generator(self) -> None:
        assert lines(LoadRecord((20.0, 40.0))) == "generator CPU 30 % of a core, 40 % in its busiest second"
        assert lines(LoadRecord((20.0,), own_process=True)).endswith("second; a process of its own")
        legs = (LegRun(Counts(ok=7)), LegRun(Counts(ok=7)))
        text = lines(LoadRecord((20.0,), own_process=True, legs=legs))
        assert "in its busiest second; the busiest of 2 processes processes 2 together 1: 7" in text

    @pytest.mark.parametrize(
        ("leg", "text"),
        [
            (LegRun(Counts(ok=7)), "1: 7 attempts"),
            (LegRun(Counts(ok=7), memory_bytes=45_100_000), "7 attempts, 45.1 MB"),
            (LegRun(Counts(ok=7), machine="tcp://a:1"), "7 attempts, on tcp://a:1"),
            (
                LegRun(
                    Counts(ok=7),
                    machine="tcp://a:1",
                    host_cpu_percent=134.0,
                    host_cores=2,
                    host_memory_percent=31.2,
                    before=BeforeStart(clock_ahead_ns=5 * S, clock_error_ns=MS),
                ),
                "7 attempts, on tcp://a:1 (CPU 1.3 of 2 cores, memory 31 %, clock 5 s ahead)",
            ),
            (
                LegRun(
                    Counts(ok=7), machine="tcp://a:1", before=BeforeStart(clock_ahead_ns=-2 * MS, clock_error_ns=MS)
                ),
                "7 attempts, on tcp://a:1 (clock 2 ms behind)",
            ),
            (
                LegRun(
                    Counts(),
                    machine="tcp://a:1",
                    lost="froze",
                    before=BeforeStart(clock_ahead_ns=MS, clock_error_ns=MS),
                ),
                "0 attempts, on tcp://a:1 (clock right); froze",
            ),
        ],
    )
    def test_legs(self, leg: LegRun, text: str) -> None:
        assert lines(LoadRecord(legs=(leg,))).endswith(text)

    def test_a_leg_that_sent_nothing_was_not_late(self) -> None:
        leg = LegRun(Counts(), generator_lag_p99_ns=float("inf"), lost="was killed")
        assert lines(LoadRecord(legs=(leg,))) == "processes 1 1: 0 attempts; was killed"

    def test_of_many_legs_the_lost_and_the_busiest(self) -> None:
        legs = [LegRun(Counts(ok=7), busiest_percent=number % 50) for number in range(1000)]
        legs[3] = replace(legs[3], lost="was killed")
        text = lines(LoadRecord(legs=tuple(legs), cpu_percent=(50.0,)))
        assert text.count("attempts") == 20
        assert "4: 7 attempts, CPU 3 % in its busiest second; was killed 50: 7 attempts, CPU 49 %" in text
        assert text.endswith("and 980 more: shown are those lost and the busiest")


def test_a_percentile_among_what_was_dropped_is_told_as_infinite() -> None:
    record = make_load([MS] * 100, LoadRecord(arrivals=make_arrivals()), dropped=3)
    text = render_text(document_of([judge(replace(record, name="x"))], MACHINE, TIMESTAMP))
    assert "p90 1 ms, p95 1 ms, p99 ∞, p99.9 ∞, max 1 ms" in text
