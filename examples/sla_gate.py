"""A gate for CI: measure, hold against an SLA, write the report, end with an exit code that a pipeline understands."""

import sqlite3
import sys
from contextlib import closing

from paceline import PerformanceTestFramework, PerformanceThreshold, TestStatus, TestType

ROWS = 10_000


def main() -> int:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE records (id INTEGER PRIMARY KEY, note TEXT)")
        connection.executemany("INSERT INTO records (note) VALUES (?)", ((f"note {n}",) for n in range(ROWS)))

        def get_record() -> object:
            return connection.execute("SELECT note FROM records WHERE id = ?", (ROWS // 2,)).fetchone()

        framework = PerformanceTestFramework()
        framework.run_benchmark(
            "get_record",
            TestType.DATABASE_QUERY,
            get_record,
            iterations=2_000,
            threshold=PerformanceThreshold(max_p95_ms=20, max_error_rate=0, expressions=["p(99)<50ms"]),
            metadata={"rows": ROWS},
        )
        print(framework.generate_report())
        return int(any(result.status is TestStatus.FAILED for result in framework.results))


if __name__ == "__main__":
    sys.exit(main())
