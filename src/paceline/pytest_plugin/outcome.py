"""What measured results mean for the test that measured them, in words its author can act on."""

from collections.abc import Iterator, Mapping, Sequence

from paceline.core.units import counted, format_count, format_ms
from paceline.judge.change import Verdict
from paceline.judge.comparison import Comparison
from paceline.judge.duet import judge_duets
from paceline.judge.result import TestResult, TestStatus
from paceline.pytest_plugin.session import PerfSession
from paceline.report.baseline_text import verdict_line
from paceline.report.comparison_text import describe
from paceline.report.layout import printable, shortened

_TOLD_FINDINGS = 2
_TOLD_ERRORS = 3
_TOLD_LINES = 6  # of a traceback
_WIDTH = 400


def broken(nodeid: str, results: Sequence[TestResult]) -> str:
    """Why ``nodeid`` fails by its limits; empty where they hold."""
    return "\n".join(line for each in results if each.broken_limits for line in _about_broken(nodeid, each))


def _about_broken(nodeid: str, result: TestResult) -> Iterator[str]:
    yield from (_line(violation.message) for violation in result.broken_limits)
    name = result.metrics.test_name
    yield f"  test: {shortened(name if name != nodeid else nodeid, _WIDTH)}"
    yield f"  measured: {_figures(result)}"
    for group in result.metrics.errors[:_TOLD_ERRORS]:
        yield f"  error: {group.count:,} x {_line(f'{group.kind}: {group.message}')}"
        if not result.record.counts.ok:
            yield from (f"    {_line(line)}" for line in group.traceback.rstrip().splitlines()[-_TOLD_LINES:])
    for finding in result.findings[:_TOLD_FINDINGS]:  # the serious ones come first
        yield f"  {'serious' if finding.serious else 'note'}: {_line(str(finding))} [{finding.code}]"


def _figures(result: TestResult) -> str:
    metrics = result.metrics
    attempts = counted(metrics.iterations, "attempt")
    if not result.record.counts.ok:
        return f"{attempts}, none of them ok"
    times = ", ".join(
        f"{name} {format_ms(value)}"
        for name, value in (
            ("median", metrics.median_time_ms),
            ("mean", metrics.mean_time_ms),
            ("p95", metrics.p95_time_ms),
            ("p99", metrics.p99_time_ms),
            ("max", metrics.max_time_ms),
        )
    )
    return f"{attempts}, {times}, {format_count(metrics.throughput_ops_per_sec)} ok/s"


def doubts(session: PerfSession, nodeid: str) -> Iterator[str]:
    """What should be known of results that break no limit: serious findings, and that a comparison proves nothing."""
    for result in session.results.get(nodeid, ()):
        if result.status is TestStatus.FAILED:
            continue
        yield from (f"{_line(str(each))} [{each.code}]" for each in result.findings if each.serious)
        if result.comparison is not None and not result.comparison.is_settled and not is_advice(result.comparison):
            yield f"inconclusive against the baseline: {_line(result.comparison.reason)}"
    names = session.duets.get(nodeid)
    for duet in judge_duets(session.framework.duets).results if names else ():
        if duet.record.name in (names or ()) and duet.verdict is Verdict.INCONCLUSIVE:
            yield f"inconclusive duet: {_line(duet.primary.reason)}"


def is_advice(comparison: Comparison) -> bool:
    """Whether it is the baseline that proves nothing, for every test alike: that is said once a session."""
    return not comparison.is_settled and comparison.sessions > 0 and not comparison.gates


def regressions(session: PerfSession) -> Mapping[str, str]:
    """By node id, what got slower when all of the session is judged together."""
    told: dict[str, list[str]] = {}
    settled = {result.metrics.test_name: result for result in session.framework.results}
    for nodeid, results in session.results.items():
        results[:] = [settled.get(each.metrics.test_name, each) for each in results]
        for result in results:
            if result.comparison is not None and result.comparison.verdict is Verdict.REGRESSED:
                line = verdict_line(result.metrics.test_name, result.comparison)
                told.setdefault(nodeid, []).append(f"slower than the baseline: {_line(line)}")
    slower = {result.record.name: result for result in judge_duets(session.framework.duets).regressed}
    for nodeid, names in session.duets.items():
        for duet in (slower[name] for name in names if name in slower):
            line = describe(duet.record.name, duet.primary, counted(duet.pairs, "pair"))
            told.setdefault(nodeid, []).append(f"slower than its base: {_line(line)}")
    return {nodeid: "\n".join(lines) for nodeid, lines in told.items()}


def supports_no_verdict(session: PerfSession) -> bool:
    """Whether a strict session may not end well: a WARNING, an inconclusive comparison, or a test left out."""
    results, duets = session.framework.results, judge_duets(session.framework.duets)
    return bool(
        duets.inconclusive
        or session.skipped
        or any(
            result.status is TestStatus.WARNING or (result.comparison is not None and not result.comparison.is_settled)
            for result in results
        )
    )


def _line(text: str) -> str:
    return shortened(printable(text), _WIDTH)
