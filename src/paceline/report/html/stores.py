"""What a page says of databases and caches: statements and plans, hits and misses, what the server counted."""

from collections.abc import Iterator, Sequence

from paceline.core.units import BYTES_PER_MB, NS_PER_MS, NS_PER_S, counted, format_count, format_ms
from paceline.judge.comparison import Comparison
from paceline.records.cache import CacheRecord, CacheServer
from paceline.records.database import DatabaseRecord, Plan, ServerCounters
from paceline.records.latency import Latency
from paceline.report.html.facts import Facts, Table, quantiles
from paceline.report.layout import share_text, shortened, squeezed

_MOST_ROWS = 20
_NAME_WIDTH = 100
_TEXT_WIDTH = 300


def database_facts(database: DatabaseRecord) -> Facts:
    """The server, and what time was spent on beside the statements."""
    return Facts("Database", tuple(_database(database)))


def _database(database: DatabaseRecord) -> Iterator[tuple[str, str]]:
    if database.server or database.driver:
        through = f" through {database.driver}" if database.driver else ""
        yield "server", f"{database.server or 'not known'}{through}"
    if database.pool:
        yield "pool", counted(database.pool, "connection")
    if database.ending:
        each = "all statements, then " if database.transaction else ""
        level = f" at {database.isolation.lower()}" if database.isolation else ""
        yield "an attempt", f"{each}{database.ending}{level}"
    for name, latency in (
        ("waiting for a connection", database.waiting),
        ("connecting", database.connecting),
        ("ending", database.ended),
    ):
        if latency.moments.count:
            yield name, quantiles(latency)
    if database.retries or database.reconnects:
        yield "on the way", f"{counted(database.retries, 'repetition')}, {counted(database.reconnects, 'reconnect')}"
    if database.counters is not None:
        yield "counted by the server", _counters(database.counters)
    for statement in database.statements[:_MOST_ROWS]:
        if statement.server is not None:
            yield f"counted for {squeezed(statement.name, _NAME_WIDTH)}", _counters(statement.server)


def _counters(counters: ServerCounters) -> str:
    if counters.reason:
        return f"not known: {counters.reason}"
    told = [] if counters.hit_ratio is None else [f"{share_text(counters.hit_ratio)} of pages from memory"]
    told += [f"{format_count(each.change)} {each.name}" for each in counters.counters[:_MOST_ROWS]]
    return f"{', '.join(told)} ({counters.source}, all clients)"


def database_tables(database: DatabaseRecord, elapsed_ns: int) -> Iterator[Table]:
    """The statements and their plans."""
    if database.statements:
        yield _statements(database, elapsed_ns)
    if database.plans:
        rows = tuple((squeezed(plan.statement, _NAME_WIDTH), *_plan(plan)) for plan in database.plans[:_MOST_ROWS])
        yield Table("Plans", ("statement", "plan", "read as a whole"), rows, words=True)


def _statements(database: DatabaseRecord, elapsed_ns: int) -> Table:
    most_first = sorted(database.statements, key=lambda each: -(each.executions + each.errors))
    rows = []
    for each in most_first[:_MOST_ROWS]:
        made, touched = each.executions + each.errors, each.rows or each.affected
        # Who only watches an engine sees no rows: nothing was fetched before its eyes.
        counted_rows = bool(each.executions and (touched or each.fetching.moments.maximum))
        rows.append(
            (
                squeezed(each.name, _NAME_WIDTH),
                format_count(made),
                *_times(each.latency),
                format_count(touched / each.executions) if counted_rows else "–",
                format_count(touched * NS_PER_S / elapsed_ns) if counted_rows and elapsed_ns else "–",
                share_text(each.errors / made) if made else "–",
            )
        )
    left = len(most_first) - len(rows)
    caption = "Statements" + (f" ({left} more, less often, are not shown)" if left else "")
    return Table(caption, ("statement", "count", "median", "p95", "p99", "rows", "rows/s", "errors"), tuple(rows))


def _times(latency: Latency) -> Sequence[str]:
    if not latency.moments.count:
        return ("–", "–", "–")
    return [format_ms(latency.quantile_ns(q) / NS_PER_MS) for q in (0.5, 0.95, 0.99)]


def _plan(plan: Plan) -> tuple[str, str]:
    if not plan.steps:
        return (f"none: {shortened(plan.reason, _TEXT_WIDTH)}", "–")
    scans = [
        step.table + ("" if step.table_rows is None else f" (about {step.table_rows:,} rows)")
        for step in plan.walk()
        if step.full_scan
    ]
    return (shortened(plan.text, _TEXT_WIDTH), shortened(", ".join(scans), _TEXT_WIDTH) or "nothing")


def changed_plans(comparison: Comparison) -> Iterator[Table]:
    """Statements that the newest stored session executed by another plan."""
    if comparison.plan_changes:
        rows = tuple(
            (
                squeezed(each.statement, _NAME_WIDTH),
                shortened(each.before, _TEXT_WIDTH),
                shortened(each.after, _TEXT_WIDTH),
            )
            for each in comparison.plan_changes[:_MOST_ROWS]
        )
        yield Table("Plans that changed since the baseline", ("statement", "before", "now"), rows, words=True)


def cache_facts(cache: CacheRecord) -> Facts:
    """What was loaded, and what the server counted."""
    return Facts("Cache", tuple(_cache(cache)))


def _cache(cache: CacheRecord) -> Iterator[tuple[str, str]]:
    if cache.prefilled is not None:
        yield "put in before", f"{share_text(cache.prefilled)} of the keys"
    if cache.pipeline > 1:
        yield "pipeline", f"{cache.pipeline} commands in flight on each connection"
    if cache.loads is not None:
        loads = cache.loads
        yield "loads under way at once", f"{loads.overlapping:,} of a key that was being loaded already"
    if cache.server is not None:
        yield from _server(cache.server)


def _server(server: CacheServer) -> Iterator[tuple[str, str]]:
    yield "server", server.name + (f", {server.policy}" if server.policy else "")
    before, after = (
        f"{size / BYTES_PER_MB:,.1f} MB" for size in (server.memory_before_bytes, server.memory_after_bytes)
    )
    limit = f", at most {server.most_memory_bytes / BYTES_PER_MB:,.1f} MB" if server.most_memory_bytes else ""
    yield "memory", f"{before} before, {after} after{limit}"
    yield "keys", f"{server.keys_before:,} before, {server.keys_after:,} after"
    yield "removed", f"{server.evicted:,} evicted, {server.expired:,} expired"
    if server.restarted:
        yield "in between", "the server was started anew"


def cache_tables(cache: CacheRecord) -> Iterator[Table]:
    """Hits, misses and loads beside each other."""
    kinds = [("hits", cache.hit), ("misses", cache.miss)]
    if cache.loads is not None:
        kinds.append(("the loader alone", cache.loads.latency))
    rows = tuple((name, f"{each.moments.count:,}", *_times(each)) for name, each in kinds if each.moments.count)
    if rows:
        yield Table("Hits and misses", ("", "count", "median", "p95", "p99"), rows)
