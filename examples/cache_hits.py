"""An operation may say how it went: hits and misses become a hit rate, which a threshold can judge."""

import random

from paceline import Outcome, PerformanceTestFramework, PerformanceThreshold, TestType

KEYS = 1_000
chosen = random.Random(1)  # noqa: S311  # not for secrets


def main() -> None:
    cache: dict[int, str] = {}

    def read() -> Outcome:
        key = min(int(chosen.expovariate(1 / 100)), KEYS)  # a few keys are asked for most of the time
        if key in cache:
            return Outcome.hit()
        cache[key] = f"value of {key}"
        return Outcome.miss()

    framework = PerformanceTestFramework()
    result = framework.run_benchmark(
        "read_through_cache",
        TestType.CACHE_OPERATION,
        read,
        iterations=20_000,
        threshold=PerformanceThreshold(min_hit_rate=0.9),
    )
    print(f"{result.status.value}: hit rate {result.metrics.hit_rate:.1%}")


if __name__ == "__main__":
    main()
