"""Did the run settle? The finding ``not-steady``, from raw samples and from slices, from both sides of its borders."""

from collections.abc import Sequence

import numpy as np
import pytest

from paceline.core.findings import Finding
from paceline.judge.diagnosis import diagnose
from paceline.records.histogram import Histogram
from paceline.records.metrics import metrics_of
from paceline.records.run_record import Definition, RunRecord
from paceline.records.time_series import TimeSeries, TimeSlice
from tests.fakes import MS, make_record


def _not_steady(record: RunRecord) -> Finding | None:
    found = [finding for finding in diagnose(record, metrics_of(record), None) if finding.code == "not-steady"]
    assert len(found) <= 1
    return found[0] if found else None


def _stairs(levels_ns: Sequence[float], each: int = 10) -> list[int]:
    return [round(level) for level in levels_ns for _ in range(each)]


def _line(change: float) -> list[float]:
    """Ten levels in a line around 1 ms whose ends are ``change`` of the median apart."""
    return [MS * (1 + change * (number - 4.5) / 9) for number in range(10)]


@pytest.mark.parametrize(
    ("levels_ns", "seen"),
    [
        (_line(0.0), None),
        (_line(0.099), None),
        ([10_000 * (171 + 2 * number) for number in range(10)], "rose in"),  # exactly
        (_line(0.101), "rose in the course of the run: the median of its first tenth is 950 us, of its last 1.05 ms."),
        (_line(-0.5), "fell in the course of the run: the median of its first tenth is 1.25 ms, of its last 750 us."),
        # Six swaps of neighbours, of ten in order: the p-value is 0.0091 with 8 of 45 pairs reversed, 0.0143 with 9.
        ([MS * (1 + level / 9) for level in (1, 0, 3, 2, 5, 4, 7, 6, 9, 8)], "rose in"),
        ([MS * (1 + level / 9) for level in (4, 0, 1, 2, 3, 9, 5, 6, 7, 8)], "rose in"),  # 8 reversed
        ([MS * (1 + level / 9) for level in (4, 0, 1, 3, 2, 9, 5, 6, 7, 8)], None),  # 9 reversed
        ([MS] * 5 + [9 * MS] + [MS] * 4, None),  # an outlier
    ],
)
def test_not_steady(levels_ns: list[float], seen: str | None) -> None:
    finding = _not_steady(make_record(_stairs(levels_ns)))
    assert (finding is not None) is (seen is not None)
    if finding is not None:
        assert finding.seen.startswith(f"Latency {seen}")
        assert not finding.serious


@pytest.mark.parametrize(("count", "found"), [(99, False), (100, True), (105, True), (1_234, True)])
def test_not_steady_needs_ten_samples_a_block(count: int, found: bool) -> None:  # noqa: FBT001
    finding = _not_steady(make_record([MS + number * MS // count for number in range(count)]))
    assert (finding is not None) is found


def test_not_steady_says_block_medians_per_call() -> None:
    record = make_record(_stairs(_line(0.5), each=11), definition=Definition(iterations=110, calls_per_sample=5))
    finding = _not_steady(record)
    assert finding is not None
    assert finding.seen.endswith("tenth is 150 us, of its last 250 us.")


def _sliced(levels_ns: Sequence[float], each: int = 10, calls: int = 1) -> RunRecord:
    slices = tuple(
        TimeSlice(position, ok=each, histogram=Histogram.of(np.full(each, round(level), dtype=np.int64)))
        for position, level in enumerate(levels_ns)
    )
    return make_record(
        _stairs(levels_ns, each=each),
        keep_samples=False,
        series=TimeSeries(slices=slices),
        definition=Definition(iterations=None, duration_s=5, calls_per_sample=calls),
    )


@pytest.mark.parametrize(
    ("record", "seen"),
    [
        (_sliced(_line(0.5)), "tenth is 750 us, of its last 1.25 ms."),
        (_sliced(_line(0.5), calls=5), "tenth is 150 us, of its last 250 us."),
        (_sliced(_line(0.5), each=9), None),  # too few in each slice
        (_sliced(_line(0.5)[:4] + [MS] * 0), None),  # too few slices
        (_sliced(_line(0.05)), None),
        (_sliced([]), None),
        # 25 slices are twelve blocks of two; the last slice is of no block.
        (
            _sliced([MS * (1 + number / 10) for number in range(24)] + [50 * MS]),
            "tenth is 1.05 ms, of its last 3.25 ms.",
        ),
        # 19 slices are not two of anything: a block each.
        (_sliced([MS * (1 + number / 10) for number in range(19)]), "tenth is 1 ms, of its last 2.8 ms."),
        (_sliced([MS * (1 + number / 10) for number in range(20)]), "tenth is 1.05 ms, of its last 2.85 ms."),
    ],
)
def test_not_steady_without_raw_samples_looks_at_slices(record: RunRecord, seen: str | None) -> None:
    finding = _not_steady(record)
    assert (finding is not None) is (seen is not None)
    assert finding is None or finding.seen.endswith(str(seen))
