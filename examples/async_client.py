"""Coroutine functions are awaited as tasks on one event loop; each level of concurrency is a result."""

import asyncio

from paceline import PerformanceTestFramework


async def call_service() -> None:
    """Stands for an awaited request that takes a millisecond."""
    await asyncio.sleep(0.001)


def main() -> None:
    framework = PerformanceTestFramework()
    for result in framework.run_concurrent_benchmark("service", call_service, [1, 5, 10], iterations_per_level=500):
        workers = result.metrics.metadata["concurrency"]
        rate, p95_ms = result.metrics.throughput_ops_per_sec, result.metrics.p95_time_ms
        print(f"{workers:>3} workers: {rate:8,.0f} requests/s, p95 {p95_ms:.2f} ms")


if __name__ == "__main__":
    main()
