"""What databases add to the records of several runs, merged."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from itertools import chain

from paceline.records.database import (
    HITS,
    READS,
    Counter,
    DatabaseRecord,
    ServerCounters,
    StatementRecord,
    hit_ratio,
)
from paceline.records.latency import Latency


def databases_merged(records: Sequence[DatabaseRecord]) -> DatabaseRecord:
    """All of ``records``, which are of the same run in several windows; plans are those of the first."""
    by_name: dict[str, StatementRecord] = {}
    for statement in chain.from_iterable(each.statements for each in records):
        earlier = by_name.get(statement.name)
        by_name[statement.name] = statement if earlier is None else _statement(earlier, statement)
    counters = [each.counters for each in records if each.counters is not None]
    return replace(
        records[0],
        pool=max(each.pool for each in records),
        statements=tuple(by_name.values()),
        waiting=_latency([each.waiting for each in records]),
        ended=_latency([each.ended for each in records]),
        connecting=_latency([each.connecting for each in records]),
        retries=sum(each.retries for each in records),
        reconnects=sum(each.reconnects for each in records),
        counters=_counters(counters) if counters else None,
    )


def _latency(parts: Sequence[Latency]) -> Latency:
    return reduce(Latency.merge, parts)


def _statement(one: StatementRecord, other: StatementRecord) -> StatementRecord:
    return replace(
        one,
        executions=one.executions + other.executions,
        errors=one.errors + other.errors,
        rows=one.rows + other.rows,
        affected=one.affected + other.affected,
        operations=one.operations + other.operations,
        most_in_operation=max(one.most_in_operation, other.most_in_operation),
        repeated=one.repeated + other.repeated,
        latency=one.latency.merge(other.latency),
        executing=one.executing.merge(other.executing),
        fetching=one.fetching.merge(other.fetching),
        server=_counters(counted) if (counted := [each for each in (one.server, other.server) if each]) else None,
    )


def _counters(parts: Sequence[ServerCounters]) -> ServerCounters:
    reasons = dict.fromkeys(each.reason for each in parts if each.reason)
    if reasons:  # the sum of some windows would be taken for that of all
        return ServerCounters(next((each.source for each in parts if each.source), ""), reason="; ".join(reasons))
    sums: dict[str, float] = {}
    for counter in chain.from_iterable(each.counters for each in parts):
        sums[counter.name] = sums.get(counter.name, 0.0) + counter.change
    merged = replace(parts[0], counters=tuple(Counter(*pair) for pair in sums.items()))
    return replace(merged, hit_ratio=hit_ratio(merged.change(HITS), merged.change(READS)))
