"""The first screen: the verdict in words, the worst offenders, and what is slow, since when, and what to do next."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from paceline.core.units import counted, format_ms, format_percent
from paceline.judge.change import Verdict
from paceline.judge.result import TestResult, TestStatus
from paceline.judge.thresholds import Violation
from paceline.judge.trend import HistoryTrend
from paceline.report.baseline_text import verdict_line
from paceline.report.comparison_text import amount
from paceline.report.document import Document
from paceline.report.html.tiles import held_limits
from paceline.report.layout import shortened, squeezed

_MOST_OFFENDERS = 8
_NAME_WIDTH = 80
_TEXT_WIDTH = 400
_NEAR = 0.8  # of a limit
_TWICE = 2
_UNKNOWN = (math.inf, False)  # how far beyond a limit, and whether that is a lower one
_SPEED = {"ms", "per second"}  # units of limits that are broken by being slow
# Findings that say when in a run it began, the plainest first.
_BEGAN = ("outage", "error-onset", "cpu-saturation", "recovery", "latency-creep")
# Findings about what was measured rather than about the measurement: what they advise mends it.
_OF_THE_TARGET = frozenset(
    {
        *_BEGAN, "queueing", "leak", "repeated-statement", "full-scan", "large-result", "waited-for-connection",
        "connections-lost", "server-closes-connections", "evictions", "cache-stampede", "no-hits", "cache-restarted",
    }
)  # fmt: skip
_COMPUTES, _WAITS = 80.0, 40.0  # percent of a core: from and up to which that is what a single caller's time is


@dataclass(frozen=True)
class Named:
    """A sentence about a test: ``text`` goes on right after its name, which is empty where it is about none.

    Attributes:
        name, anchor: of the test.
        text: the rest of the sentence, or all of it.
        before: what is said before the name.
    """

    name: str
    anchor: str
    text: str
    before: str = ""


@dataclass(frozen=True)
class Offender:
    """A test that failed or is in doubt.

    Attributes:
        name, anchor: of the test.
        status: ``failed`` or ``warning``.
        figure: that broke, with its value; empty where none did.
        reason: in one line.
        more: how many further reasons there are.
    """

    name: str
    anchor: str
    status: str
    figure: str
    reason: str
    more: int


@dataclass(frozen=True)
class Overview:
    """What stands at the top.

    Attributes:
        status: of the session: that of its worst test.
        verdict: a sentence.
        offenders: the worst first.
        untold: how many offenders there are beyond those.
        slow, since, advice: the answers to the three questions.
    """

    status: str
    verdict: str
    offenders: tuple[Offender, ...]
    untold: int
    slow: Named
    since: Named
    advice: Named


def overview(document: Document, anchor_of: Mapping[int, str], trends: Sequence[HistoryTrend]) -> Overview:
    """The top of the report.

    Args:
        document: the report.
        anchor_of: the anchors of its results by ``id()``.
        trends: histories of its tests.
    """
    bad = [result for result in document.worst_first if result.status is not TestStatus.PASSED]
    bad.sort(key=lambda result: (result.status is not TestStatus.FAILED, -_excess(result)))
    return Overview(
        status=_status(document),
        verdict=_verdict(document),
        offenders=tuple(_offender(result, anchor_of[id(result)]) for result in bad[:_MOST_OFFENDERS]),
        untold=max(len(bad) - _MOST_OFFENDERS, 0),
        slow=_slow(document, bad, anchor_of),
        since=_since(document, bad, anchor_of, trends),
        advice=_advice(document, bad, anchor_of),
    )


def _status(document: Document) -> str:
    totals = document.totals
    return "failed" if totals.failed else "warning" if totals.warnings or not totals.tests else "passed"


def _verdict(document: Document) -> str:
    totals = document.totals
    if not totals.tests:
        return "No test was measured."
    warned = f", {totals.warnings} in doubt" if totals.warnings else ""
    if totals.failed:
        of_all = f"{totals.failed} of {counted(totals.tests, 'test')}" if totals.tests > 1 else "The test"
        return f"{of_all} failed{warned}."
    if totals.warnings:
        held = "The test broke no limit" if totals.tests == 1 else f"None of {totals.tests} tests failed"
        return f"{held}, but {totals.warnings} {'is' if totals.warnings == 1 else 'are'} in doubt."
    limited = any(held_limits(result) for result in document.results)
    if totals.tests == 1:
        return "The test held its limits." if limited else "The test ran without an error worth a warning."
    return f"All {totals.tests} tests held{' their limits' if limited else ''}."


def _excess(result: TestResult) -> float:
    """How far beyond its worst limit; no attempt ok is the worst."""
    if not result.record.counts.ok:
        return math.inf
    return max((held.share or 0.0 for _, held in held_limits(result) if held.broken), default=0.0)


def reasons(result: TestResult) -> list[tuple[str, str]]:
    """Why a test failed: the figure that broke (or empty), and a sentence; the worst first."""
    shares = _shares(result)
    told = [
        (_figure(*shares.get(each.source, _UNKNOWN)), each.message)
        for each in broken_first(result.broken_limits, shares)
    ]
    if result.comparison is not None and result.comparison.verdict is Verdict.REGRESSED:
        changes = result.comparison.changes
        figure = f"{changes[0].quantity.label} {amount(changes[0]).partition(' [')[0]}" if changes else ""
        told.append((figure, verdict_line("against the baseline", result.comparison)))
    return told


def broken_first(broken: Sequence[Violation], shares: Mapping[str, tuple[float, bool]]) -> list[Violation]:
    """Limits that did not hold, the one that was missed by most first."""
    return sorted(broken, key=lambda each: -shares.get(each.source, _UNKNOWN)[0])


def _shares(result: TestResult) -> dict[str, tuple[float, bool]]:
    """How far beyond each limit, as the user wrote it, and whether that is a lower one."""
    return {limit.source: (held.share or 0.0, limit.sign.startswith(">")) for limit, held in held_limits(result)}


def _figure(share: float, is_lower: bool) -> str:  # noqa: FBT001  # of the pair above
    """By how much a limit was missed; empty where that is no number."""
    if not math.isfinite(share) or share <= 1:
        return ""
    if is_lower:
        percent = 100 / share
        return f"{percent:.0f} % of its limit" if percent >= 1 else "less than 1 % of its limit"
    if share >= _TWICE:
        return f"{share:.3g} x its limit"
    percent = round(100 * (share - 1))
    return f"{percent} % over" if percent else "just over"


def _offender(result: TestResult, anchor: str) -> Offender:
    every = reasons(result) + [("", f"{each.seen} {each.why}") for each in result.findings if each.serious]
    every = every or [("", "in doubt")]
    figure, reason = every[0]
    reason = shortened(reason, _TEXT_WIDTH)
    return Offender(_name(result), anchor, result.status.value, figure, reason, len(every) - 1)


def _slow(document: Document, bad: Sequence[TestResult], anchor_of: Mapping[int, str]) -> Named:
    broken = [
        (shares.get(each.source, _UNKNOWN)[0], result, each.message)
        for result in bad
        for shares in [_shares(result)]
        for each in result.broken_limits
        if each.unit in _SPEED and result.record.counts.ok
    ]
    if broken:
        _, result, message = max(broken, key=lambda each: each[0])
        return Named(_name(result), anchor_of[id(result)], f": {shortened(message, _TEXT_WIDTH)}")
    near = [
        (held.share or 0.0, result, limit)
        for result in document.results
        for limit, held in held_limits(result)
        if limit.metric.unit in _SPEED
    ]
    if near:
        share, result, limit = max(near, key=lambda each: each[0])
        text = f" comes nearest to its limit: {limit.metric.label} is {format_percent(share, 0)} of it"
        before = "" if share >= _NEAR else "No limit on speed was broken. "
        return Named(_name(result), anchor_of[id(result)], f"{text}.", before)
    known = [result for result in document.results if not math.isnan(result.metrics.median_time_ms)]
    if not known:
        return Named("", "", "Nothing was ok, so there is no latency to speak of.")
    slowest = max(known, key=lambda result: result.metrics.median_time_ms)
    longest = format_ms(slowest.metrics.median_time_ms)
    text = f" takes longest, {longest} in the median. No limit on speed was set, so none was broken."
    return Named(_name(slowest), anchor_of[id(slowest)], text)


def _since(
    document: Document, bad: Sequence[TestResult], anchor_of: Mapping[int, str], trends: Sequence[HistoryTrend]
) -> Named:
    by_name = {result.metrics.test_name: anchor_of[id(result)] for result in document.results}
    worse = [(trend, change) for trend in trends for change in trend.changes[-1:] if change.worse]
    if worse:
        trend, change = max(worse, key=lambda each: each[1].point.started_at)
        where = f", commit {change.point.commit[:12]}" if change.point.commit else ""
        text = f" got worse on {change.point.started_at[:16].replace('T', ' ')}{where}, and stayed so"
        return Named(squeezed(trend.series.test, _NAME_WIDTH), by_name.get(trend.series.test, ""), text)
    regressed = [each for each in document.compared if each.comparison and each.comparison.verdict is Verdict.REGRESSED]
    if regressed:
        result = regressed[0]
        assert result.comparison is not None
        changes = result.comparison.changes
        how = f": {changes[0].quantity.label} {amount(changes[0])}" if changes else ""
        evidence = counted(result.comparison.sessions, "stored session")
        return Named(_name(result), anchor_of[id(result)], f" is slower than {evidence} before{how}")
    began = [
        (_BEGAN.index(each.code), result, each) for result in bad for each in result.findings if each.code in _BEGAN
    ]
    if began:
        _, result, finding = min(began, key=lambda each: each[0])
        return Named(_name(result), anchor_of[id(result)], f": {shortened(finding.seen, _TEXT_WIDTH)}")
    if trends:
        return Named("", "", f"The history of {counted(len(trends), 'test')} shows no change for the worse at the end.")
    if document.compared:
        return Named("", "", _unproven(document))
    kept = "--save-baseline FILE keeps this session for the next one, --history all of them"
    return Named("", "", f"Not known: nothing was compared. {kept}.")


def _unproven(document: Document) -> str:
    comparisons = [each.comparison for each in document.compared if each.comparison is not None]
    settled = sum(each.is_settled for each in comparisons)
    if settled:
        return f"No test is proven slower than its baseline ({settled} of {len(comparisons)} could be told)."
    return f"Not known yet: {comparisons[0].reason.partition('; ')[0]}."


def _advice(document: Document, bad: Sequence[TestResult], anchor_of: Mapping[int, str]) -> Named:
    if bad:
        return Named(_name(bad[0]), anchor_of[id(bad[0])], f": {shortened(_advice_on(bad[0]), _TEXT_WIDTH)}")
    if not document.totals.tests:
        return Named("", "", "Name tests that measure something.")
    if document.compared:
        return Named("", "", "Nothing has to be mended.")
    return Named("", "", "Nothing has to be mended. A baseline lets the next session tell whether it got slower.")


def _advice_on(result: TestResult) -> str:
    worst = broken_first(result.broken_limits, _shares(result))
    # What cannot be trusted comes first, then what can be mended.
    findings = sorted(result.findings, key=lambda each: (not each.serious, each.code not in _OF_THE_TARGET))
    if result.metrics.errors and (not result.record.counts.ok or (worst and worst[0].unit == "share")):
        group = result.metrics.errors[0]
        kind = squeezed(f"{group.kind}: {group.message}" if group.message else group.kind, _NAME_WIDTH)
        away = next((f". {each.advice}" for each in findings if each.code == "outage"), "")
        return f"mend its errors first; most are {kind}{away}"
    if not result.record.counts.attempts:
        return "find out why no attempt ended"
    weighty = [each for each in findings if each.serious or each.code in {*_OF_THE_TARGET, "host-busy"}]
    if weighty:
        return weighty[0].advice
    if spent := _where_time_goes(result):
        return spent
    if findings:
        return findings[0].advice
    return "see which of CPU, memory, disk and collections moves when its latency does: its time axis lines them up"


def _where_time_goes(result: TestResult) -> str:
    """What one caller in this process did with its time; empty where that cannot be told."""
    record = result.record
    cpu = record.usage.process.cpu_percent
    if cpu is None or record.load is not None or record.usage.targets or record.definition.workers != 1:
        return ""
    if cpu.mean >= _COMPUTES:
        return (
            f"it computes rather than waits (CPU {cpu.mean:.0f} %): a profiler such as py-spy or cProfile shows where"
        )
    if cpu.mean <= _WAITS:
        return f"it waits rather than computes (CPU {cpu.mean:.0f} %): look at what it calls, sleeps on or is locked by"
    return ""


def _name(result: TestResult) -> str:
    return squeezed(result.metrics.test_name, _NAME_WIDTH)


def status_counts(document: Document) -> Iterator[tuple[str, str, int]]:
    """Status, word and number, for the filters."""
    totals = document.totals
    yield "failed", "failed", totals.failed
    yield "warning", "in doubt", totals.warnings
    yield "passed", "passed", totals.passed
