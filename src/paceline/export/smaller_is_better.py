"""The JSON ``customSmallerIsBetter`` of github-action-benchmark: a list of names, units and values."""

import json
import math
from collections.abc import Iterator, Sequence

from paceline.judge.result import TestResult
from paceline.records.metrics import PerformanceMetrics

_TIMES = {"median": "median_time_ms", "p95": "p95_time_ms", "p99": "p99_time_ms"}


def to_smaller_is_better(results: Sequence[TestResult]) -> bytes:
    """An entry for the median, p95, p99 and error rate of each result, as far as it has them.

    ``range`` is the standard deviation. Throughput is left out: of that, larger is better.
    """
    entries = [entry for result in results for entry in _entries(result.metrics)]
    return json.dumps(entries, indent=1, ensure_ascii=True).encode() + b"\n"


def _entries(metrics: PerformanceMetrics) -> Iterator[dict[str, object]]:
    name = metrics.test_name.encode(errors="backslashreplace").decode()  # half a character has no place in JSON
    for label, field in _TIMES.items():
        value = getattr(metrics, field)
        if not math.isfinite(value):
            continue
        entry: dict[str, object] = {"name": f"{name} / {label}", "unit": "ms", "value": value}
        if label == "median" and math.isfinite(metrics.std_dev_ms):
            entry["range"] = f"± {metrics.std_dev_ms:.4g}"
        yield entry
    if metrics.iterations:
        yield {"name": f"{name} / error rate", "unit": "%", "value": 100 * metrics.error_rate}
