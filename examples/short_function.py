"""A function of nanoseconds: timed call by call the clock is part of the figure, in batches it is not."""

from paceline import PerformanceTestFramework, TestType

TABLE = {number: number * number for number in range(1_000)}


def lookup() -> int:
    return TABLE[500]


def main() -> None:
    framework = PerformanceTestFramework()
    single = framework.run_benchmark("lookup", TestType.CACHE_OPERATION, lookup, iterations=10_000)
    batched = framework.run_benchmark("lookup in batches", TestType.CACHE_OPERATION, lookup, batch="auto")
    for result in (single, batched):
        print(f"{result.metrics.test_name:<18} median {result.metrics.median_time_ms * 1e6:6.1f} ns")
        for finding in result.findings:
            print(f"  {finding.code}: {finding.seen} {finding.advice}")


if __name__ == "__main__":
    main()
