"""What a report says about a database: statements, what their time was spent on, plans, the server's counters."""

from collections.abc import Iterator

from paceline.core.units import NS_PER_MS, NS_PER_S, counted, format_count, format_ms
from paceline.judge.result import TestResult
from paceline.records.database import (
    CALLS,
    EXECUTING_MS,
    TEMPORARY_PAGES,
    DatabaseRecord,
    Plan,
    PlanNode,
    ServerCounters,
)
from paceline.records.latency import Latency
from paceline.report.layout import LABEL_WIDTH, WIDTH, labelled, share_text, squeezed

_NAME_WIDTH = 40
_MOST_STATEMENTS = 20
_ENDINGS = {
    "commit": "each attempt is committed",
    "rollback": "each attempt is rolled back",
    "nothing": "no transaction: it only reads",
}


def database_lines(result: TestResult) -> Iterator[str]:
    """What only runs on databases have."""
    database = result.record.database
    if database is None:
        return
    yield from labelled("database", _where(database))
    if database.statements:
        yield from _statements(database, result.record.elapsed_ns)
    spent = [
        f"{name} {_median_and_tail(latency)}"
        for name, latency in (("connection", database.waiting), *_phases(database), ("ending", database.ended))
        if latency.moments.count
    ]
    if spent:
        yield from labelled("time in", ", ".join(spent))
    happened = [
        counted(count, what)
        for count, what in ((database.retries, "repetition"), (database.reconnects, "reconnect"))
        if count
    ]
    if happened:
        yield from labelled("", ", ".join(happened))
    for plan in database.plans:
        name = f"{squeezed(plan.statement, _NAME_WIDTH)}: " if len(database.plans) > 1 else ""
        yield from labelled("plan", f"{name}{_plan(plan)}")
    if database.counters is not None:
        yield from labelled("server", _counters(database.counters))
    for each in database.statements:
        if each.server is not None:
            name = f"{squeezed(each.name, _NAME_WIDTH)}: " if len(database.statements) > 1 else ""
            yield from labelled("", f"{name}{_counted_for(each.server)}")


def _where(database: DatabaseRecord) -> str:
    server = database.server or "a database"
    parts = [f"{server} through {database.driver}" if database.driver else server]
    if database.pool:
        opened = database.connecting
        took = f" ({format_ms(opened.quantile_ns(0.5) / NS_PER_MS)} each to open)" if opened.moments.count else ""
        parts.append(f"{counted(database.pool, 'connection')}{took}")
    if database.isolation:
        parts.append(database.isolation.lower())
    if database.transaction:
        parts.append("an attempt is all statements")
    if database.ending:
        parts.append(_ENDINGS.get(database.ending, database.ending))
    return ", ".join(parts)


def _phases(database: DatabaseRecord) -> Iterator[tuple[str, Latency]]:
    if len(database.statements) == 1:
        (statement,) = database.statements
        yield "execution", statement.executing
        yield "rows", statement.fetching


def _statements(database: DatabaseRecord, elapsed_ns: int) -> Iterator[str]:
    yield _row("statements", "count", "median", "p95", "p99", "rows each", "rows/s", "errors")
    most_first = sorted(database.statements, key=lambda each: -(each.executions + each.errors))
    for each in most_first[:_MOST_STATEMENTS]:
        figures = (format_ms(each.latency.quantile_ns(q) / NS_PER_MS) for q in (0.5, 0.95, 0.99))
        made, rows = each.executions + each.errors, each.rows or each.affected
        # Who only watches an engine sees no rows: nothing was fetched before its eyes.
        counted_rows = bool(each.executions and (rows or each.fetching.moments.maximum))
        if len(most_first) > 1:  # the only one is the test's name, or stands beside its plan
            yield f"{'':<{LABEL_WIDTH}}  {squeezed(each.name, WIDTH - LABEL_WIDTH - 2)}"
        yield _row(
            "",
            _short(made),
            *(figures if each.executions else ("–", "–", "–")),
            _short(rows / each.executions) if counted_rows else "–",
            _short(rows * NS_PER_S / elapsed_ns) if counted_rows and elapsed_ns else "–",
            share_text(each.errors / made) if made else "–",
        )
    if len(most_first) > _MOST_STATEMENTS:
        yield from labelled("", f"and {len(most_first) - _MOST_STATEMENTS} more, less often")


def _short(count: float) -> str:
    """A count in at most five characters: ``12.3k``."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if count >= limit:
            scaled = count / (1e3 if unit == "k" else limit)
            return f"{scaled:.3g}{unit}" if scaled < 999.5 else f"{scaled:.0f}{unit}"  # noqa: PLR2004  # three digits
    return f"{count:.0f}" if count >= 100 or count == int(count) else f"{count:.3g}"  # noqa: PLR2004


def _row(label: str, *figures: str) -> str:
    count, median, p95, p99, rows, rate, errors = figures
    return f"{label:<{LABEL_WIDTH}} {count:>8} {median:>9} {p95:>8} {p99:>8} {rows:>10} {rate:>8} {errors:>7}"


def _plan(plan: Plan) -> str:
    if not plan.steps:
        return f"none: {plan.reason}"
    scans = [step for step in plan.walk() if step.full_scan]
    told = "; ".join(_scan(step) for step in scans)
    return f"{plan.text}; {told}" if told else plan.text


def _scan(step: PlanNode) -> str:
    rows = "" if step.table_rows is None else f" (about {step.table_rows:,} rows)"
    return f"every row of {step.table}{rows} is read"


def _counters(counters: ServerCounters) -> str:
    if counters.reason:
        return f"counters unknown: {counters.reason}"
    told = [] if counters.hit_ratio is None else [f"{share_text(counters.hit_ratio)} of pages from memory"]
    told += [
        f"{format_count(each.change)} {each.name}" for each in counters.counters if not each.name.startswith("pages")
    ]
    return f"{', '.join(told)} ({counters.source}, all clients)"


def _counted_for(server: ServerCounters) -> str:
    """What a server counted for one statement."""
    calls = server.change(CALLS)
    if server.reason or not calls:
        return f"not counted: {server.reason or f'no execution is known to {server.source}'}"
    told = [
        f"{format_count(calls)} executions of {format_ms(server.change(EXECUTING_MS) / calls)}, mean",
        f"{_short(server.change('rows') / calls)} rows each",
    ]
    if server.hit_ratio is not None:
        told.append(f"{share_text(server.hit_ratio)} of pages from memory")
    if pages := server.change(TEMPORARY_PAGES):
        told.append(f"{format_count(pages)} temporary pages")
    return f"{', '.join(told)} ({server.source}, all clients)"


def _median_and_tail(latency: Latency) -> str:
    median = format_ms(latency.quantile_ns(0.5) / NS_PER_MS)
    if latency.moments.count == 1:
        return median
    return f"{median} (p99 {format_ms(latency.quantile_ns(0.99) / NS_PER_MS)})"
