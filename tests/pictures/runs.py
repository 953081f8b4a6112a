"""What the pictures show: real runs, each with something to be found in it."""

import subprocess
import sys
from pathlib import Path

import sqlalchemy

from paceline import ConstantRate, HttpTarget, PerformanceTestFramework, PerformanceThreshold, SqlWatch, TestType
from tests.functional.small_server import small_server_process

_RATE, _LENGTH_S = 400.0, 20.0
_OUT_FROM_S, _OUT_FOR_S = 9.0, 3.0
_CUSTOMERS, _ORDERS_EACH = 200, 25


def demo(folder: Path) -> Path:
    """``paceline demo``: its page. Beside it are its results."""
    run = (sys.executable, "-m", "paceline.cli.main", "demo", "-q", "-o", str(folder / "demo"))
    if subprocess.run(run, check=False, cwd=folder).returncode:
        raise RuntimeError("the demo broke its limits, which no picture is to show: take them when nothing else runs")
    return folder / "demo" / "report.html"


def picture(folder: Path, into: Path) -> None:
    """``paceline report --svg`` of the demo's results."""
    run = (sys.executable, "-m", "paceline.cli.main", "report", "demo/results.json", "--svg", str(into))
    subprocess.run(run, check=True, cwd=folder)


def outage(folder: Path) -> Path:
    """A rate of arrivals, in whose middle the service answers 503 for some seconds."""
    with small_server_process() as (url, pid):
        framework = PerformanceTestFramework()
        framework.run_load(
            "GET /orders",
            HttpTarget(f"{url}/outage/{_RATE * _OUT_FROM_S:.0f}/{_OUT_FOR_S:g}"),
            ConstantRate(_RATE, _LENGTH_S),
            threshold=PerformanceThreshold(max_p95_ms=50, max_error_rate=0.01),
            target_pids=[pid],
        )
    return _page(framework, folder / "outage.html")


def n_plus_one(folder: Path) -> Path:
    """A list of orders, and then each order by itself."""
    engine = sqlalchemy.create_engine(f"sqlite:///{folder / 'shop.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INT, state TEXT)")
        connection.exec_driver_sql("CREATE INDEX by_customer ON orders (customer)")
        rows = [(number, number % _CUSTOMERS, "open") for number in range(_CUSTOMERS * _ORDERS_EACH)]
        connection.exec_driver_sql("INSERT INTO orders VALUES (?, ?, ?)", rows)
    keys, order = (
        sqlalchemy.text(text)
        for text in ("SELECT id FROM orders WHERE customer = :customer", "SELECT * FROM orders WHERE id = :id")
    )

    def orders_of_a_customer() -> None:
        with engine.connect() as connection:
            for key in connection.execute(keys, {"customer": 7}).scalars().all():
                connection.execute(order, {"id": key}).all()

    framework = PerformanceTestFramework()
    framework.run_benchmark(
        "orders_of_a_customer",
        TestType.DATABASE_QUERY,
        SqlWatch(orders_of_a_customer, engine),
        iterations=3_000,
        threshold=PerformanceThreshold(max_p95_ms=1),
    )
    engine.dispose()
    return _page(framework, folder / "n_plus_one.html")


def _page(framework: PerformanceTestFramework, file: Path) -> Path:
    framework.generate_report(file)
    return file
