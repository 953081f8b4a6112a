"""The trend of a test as text: a sparkline, the newest figure, and each change with its commit."""

from collections.abc import Iterator, Sequence
from statistics import median

from paceline.core.units import BYTES_PER_MB, NS_PER_MS, counted, format_count, format_ms
from paceline.judge.change import Change, Verdict
from paceline.judge.trend import LEAST_SESSIONS, HistoryTrend, LevelChange
from paceline.records.history import Series, SeriesSize, TestSummary
from paceline.records.quantities import Quantity
from paceline.records.revision import UNCOMMITTED
from paceline.report.comparison_text import amount
from paceline.report.layout import WIDTH, labelled, printable, share_text, shortened, squeezed

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-:=+*#"
_SPARKLINE_WIDTH = 56
_COMMIT_DIGITS = 12
_MOST_OTHERS = 3


def render_trend(trend: HistoryTrend, *, unicode: bool = True) -> str:
    """What ``trend`` found, ending in a newline.

    Args:
        trend: the finished judgement.
        unicode: whether the reader's screen has block characters.
    """
    return "\n".join(_lines(trend, _BLOCKS if unicode else _ASCII)) + "\n"


def render_tests(tests: Sequence[TestSummary]) -> str:
    """The tests of a history, ending in a newline."""
    if not tests:
        return "The history holds no session.\n"
    lines = [f"{'':<32} {'sessions':>9} {'branches':>9} {'machines':>9}  newest"]
    for test in tests:
        counts = f"{test.sessions:>9,} {test.branches:>9,} {test.machines:>9,}"
        lines.append(f"{squeezed(test.test, 32):<32} {counts}  {_moment(test.newest)}")
        if test.newest_commit.endswith(UNCOMMITTED):
            lines.append(f"{'':<32} newest: {_commit(test.newest_commit)}")
    return "\n".join(lines) + "\n"


def _lines(trend: HistoryTrend, blocks: str) -> Iterator[str]:
    series, quantity = trend.series, trend.series.quantity
    yield shortened(f"{series.test}: {quantity.label}, {_branch(series.key.branch)}", WIDTH)
    yield from labelled("sessions", _sessions(trend))
    yield from labelled("machine", f"{_machine(series)} ({series.key.machine})")
    yield from labelled("not shown", text) if (text := _not_shown(trend)) else ()
    if trend.level is None:
        yield from labelled("trend", f"no session has a {quantity.label}")
        return
    values = [point.value for point in series.points]
    low, high = value_text(quantity, min(values)), value_text(quantity, max(values))
    yield from labelled("trend", f"{sparkline(values, _SPARKLINE_WIDTH, blocks)}  {low} to {high}")
    yield from labelled("newest", _newest(trend))
    around = f"{counted(len(values), 'session')} around one level of {value_text(quantity, trend.level)}"
    if len(values) < LEAST_SESSIONS:
        yield from labelled("changes", f"too few to look for changes (needs {LEAST_SESSIONS}): {around}")
    elif not trend.changes:
        yield from labelled("changes", f"none: {around}")
    for number, change in enumerate(trend.changes):
        yield from labelled("changes" if number == 0 else "", _change(series, change))
    if trend.withheld:
        yield from labelled(
            "withheld",
            f"{counted(trend.withheld, 'further change')}: successive sessions resemble each other (correlation "
            f"{trend.correlation:.2f}), and such a series wanders that far without any. A duet of the two commits "
            "tells whether one is real",
        )


def sparkline(values: Sequence[float], width: int, blocks: str = _BLOCKS) -> str:
    """``values`` in at most ``width`` characters, each the median of as many of them as it stands for."""
    columns = min(width, len(values))
    edges = [round(column * len(values) / columns) for column in range(columns + 1)]
    levels = [median(values[edges[column] : edges[column + 1]]) for column in range(columns)]
    low, high = min(levels), max(levels)
    if high <= low:
        return blocks[len(blocks) // 2] * columns
    top = len(blocks) - 1
    return "".join(blocks[round((level - low) / (high - low) * top)] for level in levels)


def _sessions(trend: HistoryTrend) -> str:
    points = trend.series.points
    if not points:
        return "none that can be shown"
    first, last = points[0].started_at[:10], points[-1].started_at[:10]
    return f"{counted(len(points), 'session')}, {first}" + (f" to {last}" if last != first else "")


def _machine(series: Series) -> str:
    facts = series.machine_facts
    cores = f"{facts['cpu_count']} x " if facts.get("cpu_count") else ""
    return f"{facts.get('python', 'unknown')}, {cores}{facts.get('cpu_model', 'unknown')}"


def _not_shown(trend: HistoryTrend) -> str:
    series = trend.series
    parts = [
        (series.doubtful, "whose figures are in doubt"),
        (series.missing + trend.unusable, f"without a {series.quantity.label}"),
    ]
    told = [f"{counted(count, 'session')} {why}" for count, why in parts if count]
    told += [_other(series, other) for other in series.others[:_MOST_OTHERS]]
    if rest := series.others[_MOST_OTHERS:]:
        told.append(f"{counted(sum(other.sessions for other in rest), 'session')} of {len(rest)} further series")
    return "; ".join(told)


def _other(series: Series, other: SeriesSize) -> str:
    differences = [
        text
        for differs, text in (
            (other.key.branch != series.key.branch, _branch(other.key.branch)),
            (other.key.machine != series.key.machine, f"machine {other.key.machine}"),
            (other.key.definition != series.key.definition, "another definition (iterations, workers, ...)"),
        )
        if differs
    ]
    return f"{counted(other.sessions, 'session')} of {', '.join(differences)} (newest {other.newest[:10]})"


def _newest(trend: HistoryTrend) -> str:
    quantity, point, newest = trend.series.quantity, trend.series.points[-1], trend.newest
    text = f"{value_text(quantity, point.value)}, {_moment(point.started_at)}, {_commit(point.commit)}"
    if newest is None:
        return f"{text}; too few sessions on this level to say what was to be expected"
    expected = f"the {newest.foreseen_by} before lead one to expect {value_text(quantity, newest.low)} to "
    expected += value_text(quantity, newest.high)
    if not newest.outside:
        return f"{text}; as expected: {expected}"
    change = amount(Change(quantity, Verdict.INCONCLUSIVE, "", estimate=newest.change))
    which = "it is" if newest.outside == 1 else f"the newest {newest.outside} are"
    return f"{text}; {which} {'worse' if newest.worse else 'better'} than expected ({change}): {expected}"


def _change(series: Series, change: LevelChange) -> str:
    quantity = series.quantity
    verdict = Verdict.REGRESSED if change.worse else Verdict.IMPROVED
    size = amount(Change(quantity, verdict, "", estimate=change.change))
    branch = series.key.branch or "no branch"
    return (
        f"{_moment(change.point.started_at)}  {_commit(change.point.commit)}  {branch}  {size}  {verdict.value}: "
        f"{value_text(quantity, change.before)} before ({counted(change.sessions_before, 'session')}), "
        f"{value_text(quantity, change.after)} since ({change.sessions_after})"
    )


def _branch(name: str) -> str:
    return f"branch {printable(name)}" if name else "no branch known"


def _commit(commit: str) -> str:
    if not commit:
        return "no commit known"
    digits = printable(commit.removesuffix(UNCOMMITTED))[:_COMMIT_DIGITS]
    return f"{digits} (uncommitted changes)" if commit.endswith(UNCOMMITTED) else digits


def _moment(started_at: str) -> str:
    return started_at[:16].replace("T", " ")


def value_text(quantity: Quantity, value: float) -> str:
    """A value of ``quantity`` with its unit."""
    match quantity.unit:
        case "ns":
            return format_ms(value / NS_PER_MS)
        case "1/s":
            return f"{format_count(value)}/s"
        case "bytes":
            return f"{value / BYTES_PER_MB:,.1f} MB"
        case _:
            return share_text(value)
