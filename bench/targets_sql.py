"""SQL targets next to the bare driver, and next to pgbench."""

import os
import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle, islice, repeat
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import psycopg

from bench.figure import Figure
from bench.pairing import SEED, Spread
from paceline import ClosedLoop, Drawn, PerformanceTestFramework, SqlTarget, Uniform
from paceline.targets.call import CallTarget
from paceline.targets.witness import Expecting
from paceline.workload.keys import endless
from tests.functional.postgres import Postgres, binaries, postgres_server

_ROWS = 100_000
_BY_ID = "SELECT * FROM records WHERE id = :id"
_KEY = {"id": 5_000}
_BLOCK = 200  # calls of a side, before the other has its turn
_BLOCKS = 150
_RANGE = 25_000  # rows that the statement of the comparison with pgbench adds up: some 2 ms
_ROUNDS = 15
_SECONDS = 1


def sql() -> Iterator[Figure]:
    """The overhead of an attempt, and the agreement with pgbench."""
    yield from _on_sqlite()
    with postgres_server() as server:
        with psycopg.connect(_address(server), autocommit=True) as connection:
            connection.execute("CREATE TABLE records (id int PRIMARY KEY, customer int, note text)")
            connection.execute(
                f"INSERT INTO records SELECT i, i % 100, 'note ' || i FROM generate_series(1, {_ROWS}) AS i"
            )
            connection.execute("VACUUM ANALYZE")
        with _on_one_core(server):
            yield from _on_postgresql(server)
        yield from _next_to_pgbench(server)


def _address(server: Postgres) -> str:
    return f"host={server.folder} user=postgres dbname=postgres"


@contextmanager
def _on_one_core(server: Postgres) -> Iterator[None]:
    """This process and the server's new ones share a core.

    A server that sleeps on another core is woken in 24 or in 100 us, as the system places it, and it places the two
    connections that are compared apart.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    with psycopg.connect(_address(server)) as connection:
        parent = psutil.Process(connection.info.backend_pid).parent()
    assert parent is not None
    before = os.sched_getaffinity(0)
    for pid in (0, parent.pid):
        os.sched_setaffinity(pid, {max(before)})
    try:
        yield
    finally:
        for pid in (0, parent.pid):
            os.sched_setaffinity(pid, before)


def _on_sqlite() -> Iterator[Figure]:
    def connect() -> sqlite3.Connection:
        made = sqlite3.connect(":memory:", isolation_level=None)
        made.execute("CREATE TABLE records (id INTEGER PRIMARY KEY, customer INT, note TEXT)")
        rows = ((number, number % 100, f"note {number}") for number in range(1, 10_001))
        made.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
        return made

    bare = connect()
    yield from _overhead(
        "SQLite in memory", SqlTarget(connect, _BY_ID, _KEY), bare, _BY_ID.replace(":id", "?"), repeat((5_000,))
    )
    bare.close()


def _on_postgresql(server: Postgres) -> Iterator[Figure]:
    with psycopg.connect(_address(server), autocommit=True) as bare:
        target = SqlTarget(server.url, _BY_ID, _KEY)
        text = _BY_ID.replace(":id", "%(id)s")
        yield from _overhead("PostgreSQL over a socket", target, bare, text, repeat(_KEY))
        drawn = SqlTarget(server.url, _BY_ID, {"id": Drawn(Uniform(_ROWS))})
        # Other keys are other rows, and small ones another type to psycopg: both sides have them.
        keys = [{"id": key + 1} for key in islice(endless(Uniform(_ROWS), SEED), _BLOCK * _BLOCKS)]
        yield from _overhead("PostgreSQL, keys drawn", drawn, bare, text, cycle(keys))


def _overhead(
    where: str,
    target: SqlTarget,
    bare: sqlite3.Connection | psycopg.Connection,
    statement: str,
    arguments: Iterator[Any],  # as the driver takes them
) -> Iterator[Figure]:
    def call() -> None:
        cursor = bare.cursor()
        cursor.execute(statement, next(arguments))
        cursor.fetchall()
        cursor.close()

    made: CallTarget = target.call_target()
    witness = made.witness
    assert isinstance(witness, Expecting)
    assert made.setup is not None
    assert made.teardown is not None
    witness.expect(1)
    made.setup()
    order = random.Random(SEED)
    sides: list[Callable[[], object]] = [call, made.operation]
    differences, bare_us = [], []
    for _ in range(_BLOCKS):
        taken_us = [0.0, 0.0]
        for side in order.sample([0, 1], 2):
            taken_us[side] = _each_us(sides[side])
        witness.fold()  # between attempts, as the engine does
        differences.append(taken_us[1] - taken_us[0])
        bare_us.append(taken_us[0])
    made.teardown()
    yield Figure(f"overhead of SqlTarget over the bare call, {where}", Spread.of(differences), "us", at_most=10)
    yield Figure("  the bare call", Spread.of(bare_us), "us")


def _each_us(operation: Callable[[], object]) -> float:
    """The median of the block: one turn of another process must not stand for the call."""
    taken = []
    for _ in range(_BLOCK):
        begun_s = time.perf_counter()
        operation()
        taken.append(time.perf_counter() - begun_s)
    return 1e6 * median(taken)


def _next_to_pgbench(server: Postgres) -> Iterator[Figure]:
    command = shutil.which("pgbench", path=str(binaries())) or shutil.which("pgbench")
    assert command is not None, "there is no pgbench on this machine: run 'make bench-targets', which says how"
    statement = "SELECT sum(length(note)) FROM records WHERE id BETWEEN :first AND :first + {}"
    rounds, ours_ms = [], []
    order = random.Random(SEED)
    for _ in range(_ROUNDS):
        taken: dict[str, tuple[float, float]] = {}
        for side in order.sample(["ours", "theirs"], 2):
            if side == "ours":
                taken[side] = _paceline_ms(server, statement.format(_RANGE))
            else:
                taken[side] = _pgbench_ms(server, command, statement.format(_RANGE))
        rounds.append([ours / theirs for ours, theirs in zip(taken["ours"], taken["theirs"], strict=True)])
        ours_ms.append(taken["ours"])
    p50, p99 = (Spread.of([each[place] for each in rounds]) for place in (0, 1))
    yield Figure("p50 of paceline / pgbench -l", p50, at_least=0.9, at_most=1.1)
    yield Figure("p99 of paceline / pgbench -l", p99, at_least=0.5, at_most=2)
    yield Figure("  p50 of paceline", Spread.of([each[0] for each in ours_ms]), "ms")
    yield Figure("  p99 of paceline", Spread.of([each[1] for each in ours_ms]), "ms")


def _paceline_ms(server: Postgres, statement: str) -> tuple[float, float]:
    target = SqlTarget(server.url, statement, {"first": Drawn(Uniform(_ROWS - _RANGE))})
    result = PerformanceTestFramework().run_load("range", target, ClosedLoop(1, _SECONDS), warmup_s=0.5)
    assert not result.metrics.error_count, result.metrics.errors
    return result.metrics.median_time_ms, result.metrics.p99_time_ms


def _pgbench_ms(server: Postgres, command: str, statement: str) -> tuple[float, float]:
    with TemporaryDirectory(prefix="paceline-pgbench-") as name:
        folder = Path(name)
        script = folder / "range.sql"
        script.write_text(f"\\set first random(1, {_ROWS - _RANGE})\n{statement};\n")
        subprocess.run(
            [
                command, "-n", "-f", str(script), "-c", "1", "-T", str(_SECONDS), "-M", "prepared", "-l",
                "--log-prefix", str(folder / "log"), "-h", str(server.folder), "-U", "postgres", "postgres",
            ],
            check=True, capture_output=True, cwd=folder,
        )  # fmt: skip
        # client, transaction, latency in us, script, second, microsecond
        lines = [line.split() for log in folder.glob("log.*") for line in log.read_text().splitlines()]
    taken_ms = sorted(int(line[2]) / 1e3 for line in lines)
    return median(taken_ms), taken_ms[int(0.99 * (len(taken_ms) - 1))]
