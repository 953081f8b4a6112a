"""Arbitrary duets for Hypothesis: whatever could be measured, times that do not exist and hostile texts included."""

import math

from hypothesis import strategies as st

from paceline.records.duet import DuetRecord, Epochs, Pair, Side, Subject
from paceline.records.fingerprint import Fingerprint
from tests.unit.store.arbitrary import amounts, metadata, naturals, texts

times = st.floats(1e-3, 1e15) | st.sampled_from([0.0, -1.0, math.nan])
names = st.lists(texts, max_size=3).map(tuple)
sides = st.builds(Side, texts, texts, names, texts)


def epochs(count: int) -> st.SearchStrategy[Epochs]:
    """Mostly so many; now and then another number of them."""
    lengths = st.sampled_from([count, count, count, 0, count + 1])
    return st.builds(
        Epochs,
        epoch_ns=lengths.flatmap(lambda length: st.tuples(*[times] * length)),
        mean_ns=times,
        p95_ns=st.none() | amounts,
        p99_ns=st.none() | amounts,
        calls=naturals,
        errors=naturals,
        throughput_per_s=st.none() | amounts,
        peak_rss_bytes=st.none() | naturals,
    )


pairs = st.builds(
    Pair,
    number=naturals,
    seed=naturals,
    calls_per_epoch=naturals,
    base=epochs(2),
    candidate=epochs(2),
    null=st.none() | epochs(1),
    planted=st.none() | epochs(1),
    core=st.none() | naturals,
)
duet_records = st.builds(
    DuetRecord,
    name=texts,
    started_at=texts,
    subject=st.sampled_from(Subject),
    base=sides,
    candidate=sides,
    pairs=st.lists(pairs, max_size=12).map(tuple),
    discarded=names,
    looks=st.sets(st.integers(1, 50), min_size=1, max_size=3).map(lambda looks: tuple(sorted(looks))),
    appended=st.lists(st.integers(-1, 15), max_size=3).map(tuple),
    doubts=names,
    seed=naturals,
    planted_effect=st.floats(0.001, 1),
    fingerprint=st.builds(Fingerprint, cpu_model=texts, cpu_count=st.none() | naturals, python=texts),
    metadata=metadata,
)
