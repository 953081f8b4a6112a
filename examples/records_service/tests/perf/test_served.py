"""The service as its users have it: a process of its own, over sockets. The limits are its SLA, in pyproject.toml."""

import pytest

from paceline import ClosedLoop, ConstantRate, HttpRequest, HttpTarget
from paceline.pytest_plugin import Perf

Served = tuple[str, int]
YEAR = "/reports/revenue?from=2026-01-01&to=2026-12-31"
NEW = {"customer_id": 1, "category": "food", "quantity": 2, "unit_price_cents": 500, "created_on": "2026-01-31"}
MIX = (
    HttpRequest("/records/{{number}}", name="record", weight=70),
    HttpRequest("/records?limit=20", name="page", weight=20),
    HttpRequest("/records/search?q=urgent+heavy&limit=20", name="search", weight=9),
    HttpRequest(YEAR, name="report", weight=1),
)
NUMBERS = [{"number": str(1 + 37 * number % 20_000)} for number in range(5_000)]


@pytest.fixture(scope="module")
def reading(served: Served, token: str) -> HttpTarget:
    return HttpTarget(served[0], requests=MIX, rows=NUMBERS, bearer=token, connections=20)


def test_reads_at_100_a_second(perf: Perf, served: Served, reading: HttpTarget) -> None:
    """Users who do not wait for each other: latency counts from when a request was due."""
    perf.run_load(perf.name, reading, ConstantRate(100, duration_s=5), target_pids=[served[1]])


def test_reads_by_10_clients(perf: Perf, served: Served, reading: HttpTarget) -> None:
    """How much gets through when each client asks again as soon as it has its answer."""
    perf.run_load(perf.name, reading, ClosedLoop(10, duration_s=5), target_pids=[served[1]])


def test_writes_at_20_a_second(perf: Perf, served: Served, token: str) -> None:
    writing = HttpTarget(f"{served[0]}/records", "POST", json=NEW, bearer=token, connections=5)
    perf.run_load(perf.name, writing, ConstantRate(20, duration_s=3), target_pids=[served[1]])
