"""What is done with stamps afterwards: folding, merging, and the memory that it takes."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import psutil

from bench.figure import Figure
from bench.pairing import Spread, repeated, worked
from paceline.core.units import BYTES_PER_MB, NS_PER_S
from paceline.records.histogram import Histogram
from paceline.records.recorder import Recorder
from paceline.records.stamps import Stamps

_STRETCH = 16_384  # stamps a fold, as workers in threads and tasks hand them over
_SAMPLES = 10_000_000
_SEED = 7
_US = 1e-6
_MS = 1e-3


def stretches(seed: int, samples: int, typical_s: float) -> Iterator[Stamps]:
    """Attempts of one worker with lognormal latencies around ``typical_s``, one after the other."""
    numbers = np.random.default_rng(seed)
    begun_s = 1e5  # a clock reading on a machine that was started yesterday
    for _ in range(0, samples, _STRETCH):
        durations_s = numbers.lognormal(np.log(typical_s), 0.5, _STRETCH)
        ends_s = begun_s + np.cumsum(durations_s)
        begun_s = float(ends_s[-1])
        stamps = Stamps()
        stamps.starts_s, stamps.ends_s = (ends_s - durations_s).tolist(), ends_s.tolist()
        yield stamps


def growth_mb(typical_s: float) -> float:
    """The most memory at any time of recording, above what it was after a first, small recording."""
    process = psutil.Process()

    def record(samples: int) -> int:
        recorder, most = Recorder(1e5, sample_limit=100_000), 0
        for stamps in stretches(_SEED, samples, typical_s):
            recorder.fold(stamps)
            most = max(most, process.memory_info().rss)
        assert recorder.counts.ok >= samples
        return most

    record(10 * _STRETCH)
    before = process.memory_info().rss
    return (record(_SAMPLES) - before) / BYTES_PER_MB


def growth_in_own_process(typical_s: float) -> Spread:
    """:func:`growth_mb` where nothing else has touched the memory before."""
    code = f"from bench.recorder import growth_mb; print(growth_mb({typical_s}))"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    grown = float(printed)
    return Spread(grown, grown, grown)


def folding_ns(typical_s: float) -> Spread:
    """Nanoseconds a value of folding one stretch into a recorder that has seen some."""
    recorder = Recorder(1e5)
    supply = stretches(_SEED, 160 * _STRETCH, typical_s)

    def fold_next() -> float:
        stamps = next(supply)
        return worked(lambda: recorder.fold(stamps))()

    return repeated(fold_next, 150).per(_STRETCH / NS_PER_S)


def figures() -> Iterator[Figure]:
    """Folding, merging, memory."""
    yield Figure("folding, of 0.2 us attempts", folding_ns(0.2 * _US), "ns/value", at_most=40)
    yield Figure("folding, of 100 us attempts", folding_ns(100 * _US), "ns/value", at_most=40)
    numbers = np.random.default_rng(_SEED)
    histograms = [Histogram.of(numbers.lognormal(np.log(2e6), 0.5, 10_000).astype(np.int64)) for _ in range(100)]
    merging = repeated(worked(lambda: Histogram.merged(histograms)), 50).per(_MS)
    yield Figure("merging 100 histograms of 10,000 values", merging, "ms", at_most=20)
    for typical_s, length in ((0.2 * _US, "2 s"), (100 * _US, "19 min"), (360 * _US, "68 min")):
        grown = growth_in_own_process(typical_s)
        yield Figure(f"memory growth, 10 million samples in {length}", grown, "MB", at_most=40)
