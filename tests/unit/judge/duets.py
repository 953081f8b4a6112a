"""Duets of chosen ratios."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from paceline.records.duet import DuetRecord, Epochs, Pair, Side, Subject

EPOCHS = 4
# Twenty pairs with a spread of about 1 %, in no order.
JITTER = tuple(np.random.default_rng(1).normal(0, 0.01, 60).tolist())


def make_side(epoch_ns: Sequence[float], **changes: Any) -> Epochs:
    known: dict[str, Any] = {
        "mean_ns": sum(epoch_ns) / len(epoch_ns) if epoch_ns else 1.0,
        "p95_ns": 2 * max(epoch_ns, default=1.0),
        "p99_ns": 3 * max(epoch_ns, default=1.0),
        "calls": 1_000,
        "throughput_per_s": 1e9 / max(epoch_ns, default=1.0),
        "peak_rss_bytes": 50_000_000,
    }
    return Epochs(tuple(epoch_ns), **(known | changes))


def make_pair(number: int, log_ratio: float, null: float | None = None, planted: float | None = None) -> Pair:
    """One whose candidate differs by exp(``log_ratio``), and so its arms."""
    base_ns = [1_000.0 + number + 10 * epoch for epoch in range(EPOCHS)]
    return Pair(
        number=number,
        seed=number,
        calls_per_epoch=250,
        base=make_side(base_ns),
        candidate=make_side([each * math.exp(log_ratio) for each in base_ns]),
        null=None if null is None else make_side([each * math.exp(null) for each in base_ns[0::2]]),
        planted=None if planted is None else make_side([each * math.exp(planted) for each in base_ns[1::2]]),
    )


def make_duet(
    log_ratios: Sequence[float],
    *,
    null: Sequence[float] | None = None,
    planted: Sequence[float] | None = None,
    **changes: Any,
) -> DuetRecord:
    pairs = tuple(
        make_pair(number, ratio, None if null is None else null[number], None if planted is None else planted[number])
        for number, ratio in enumerate(log_ratios)
    )
    record = DuetRecord(
        name="get_record",
        started_at="2026-11-22T12:00:00Z",
        subject=Subject.CALL,
        base=Side("main"),
        candidate=Side("working tree"),
        pairs=pairs,
    )
    return replace(record, **changes)


def slower_by(share: float, pairs: int = 20, spread: float = 1.0) -> list[float]:
    """Log ratios around a change, with a spread of ``spread`` per cent."""
    return [math.log1p(share) + spread * each for each in JITTER[:pairs]]


def swapped(record: DuetRecord) -> DuetRecord:
    """Base and candidate changed over."""
    pairs = tuple(replace(pair, base=pair.candidate, candidate=pair.base) for pair in record.pairs)
    return replace(record, base=record.candidate, candidate=record.base, pairs=pairs)


def with_side(record: DuetRecord, number: int, side: str, **changes: Any) -> DuetRecord:
    """One pair's side changed."""
    pairs = list(record.pairs)
    pairs[number] = replace(pairs[number], **{side: replace(getattr(pairs[number], side), **changes)})
    return replace(record, pairs=tuple(pairs))


def with_all(record: DuetRecord, side: str, **changes: Any) -> DuetRecord:
    """The same of every pair."""
    for number in range(len(record.pairs)):
        record = with_side(record, number, side, **changes)
    return record
