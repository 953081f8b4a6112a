"""The report as one HTML file. Finished verdicts in, text out: no clock, no network, no file but the package's own."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from paceline.judge.capacity import CapacityResult
from paceline.judge.change import DUET, Rule, Verdict
from paceline.judge.comparison import Comparison
from paceline.judge.duet import SuiteVerdict
from paceline.judge.trend import HistoryTrend
from paceline.records.fingerprint import Fingerprint
from paceline.report.document import Document
from paceline.report.html.capacity import capacity_views
from paceline.report.html.changes import comparison_table, duet_table, duet_views, quantities_table
from paceline.report.html.fitting import HOLE, filled
from paceline.report.html.markup import anchors, environment, json_block
from paceline.report.html.overview import overview, status_counts
from paceline.report.html.picture import Scale
from paceline.report.html.sweeps import sweeps
from paceline.report.html.trends import trend_view
from paceline.report.html.view import test_row
from paceline.report.layout import squeezed

SCHEMA = "paceline/report/1"
_NOTHING: Mapping[str, str] = MappingProxyType({})
_NAME_WIDTH = 100
_VERDICTS = (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.IMPROVED, Verdict.UNCHANGED)


def render_html(
    document: Document,
    *,
    duets: SuiteVerdict | None = None,
    left_out: Mapping[str, str] = _NOTHING,
    notices: Sequence[str] = (),
    rule: Rule = DUET,
    trends: Sequence[HistoryTrend] = (),
    capacities: Sequence[CapacityResult] = (),
) -> str:
    """The whole report.

    Args:
        document: results of a session.
        duets: finished judgement of its duets.
        left_out: why other tests were not compared in a duet, by name.
        notices: what else a person should know of the duets.
        rule: by which the duets were judged.
        trends: histories of its tests.
        capacities: its searches for the highest load.
    """
    names = [result.metrics.test_name for result in document.results]
    duet_names = [] if duets is None else [each.record.name for each in duets.results]
    ids = anchors([*names, *(f"duet {name}" for name in duet_names)])
    anchor_of = {id(result): anchor for result, anchor in zip(document.results, ids, strict=False)}
    by_name = dict(zip(names, ids, strict=False))
    scale = Scale.over(document.results)
    rows = [test_row(result, anchor_of[id(result)], scale) for result in document.worst_first]
    by_duet = dict(zip(duet_names, ids[len(names) :], strict=True))
    frame = environment().get_template("report.html").render(
        title=_title(document, duets, capacities),
        document=document,
        environment=_machine(document.environment),
        overview=overview(document, anchor_of, trends),
        counts=list(status_counts(document)),
        tests=rows,
        details=HOLE,
        scale=scale,
        sweeps=sweeps(document.results, document.sweeps),
        compared=comparison_table(
            [(each.metrics.test_name, each.comparison) for each in document.compared if each.comparison], by_name
        ),
        trends=[trend_view(trend) for trend in trends],
        duets=None if duets is None else list(duet_views(duets, rule, by_duet)),
        duet_table=None if duets is None else duet_table(duets, rule, by_duet),
        duet_sentence="" if duets is None else _tally([each.verdict for each in duets.results], "duet"),
        duet_status="" if duets is None else _duet_status(duets, left_out),
        left_out=left_out,
        notices=notices,
        capacities=capacity_views(capacities),
        head=_head(document),
        json=json_block,
    )  # fmt: skip
    return filled(frame, list(zip(document.worst_first, rows, strict=True)), len(ids))


def render_comparison_html(
    compared: Mapping[str, Comparison],
    base: str,
    candidate: str,
    timestamp: str,
    *,
    only_base: Sequence[str] = (),
    only_candidate: Sequence[str] = (),
) -> str:
    """Two files of results, test by test.

    Args:
        compared: tests that both have.
        base, candidate: names of the files.
        timestamp: of the page, ISO 8601, UTC.
        only_base, only_candidate: tests that one of them lacks.
    """
    ids = dict(zip(compared, anchors(compared), strict=True))
    verdicts = [each.verdict for each in compared.values()]
    settled = bool(compared) and all(each.is_settled for each in compared.values())
    status = "failed" if Verdict.REGRESSED in verdicts else "passed" if settled else "warning"
    return environment().get_template("comparison.html").render(
        title="Paceline comparison",
        sentence=_tally(verdicts, "test") if compared else "The two files have no test in common.",
        status=status,
        base=base,
        candidate=candidate,
        timestamp=timestamp,
        table=comparison_table(list(compared.items()), ids),
        tests=[
            (squeezed(name, _NAME_WIDTH), ids[name], each, quantities_table(each)) for name, each in compared.items()
        ],
        missing=[(base, only_base), (candidate, only_candidate)],
        head={
            "schema": SCHEMA,
            "title": "Paceline comparison",
            "timestamp": timestamp,
            "base": base,
            "candidate": candidate,
            "compared": [
                {
                    "name": name,
                    "verdict": each.verdict.value,
                    "reason": each.reason,
                    "median_change_pct": each.median_change_pct,
                    "ci_low_pct": each.ci_low_pct,
                    "ci_high_pct": each.ci_high_pct,
                }
                for name, each in compared.items()
            ],
        },
        json=json_block,
    )  # fmt: skip


def _title(document: Document, duets: SuiteVerdict | None, capacities: Sequence[CapacityResult]) -> str:
    if capacities and not document.results and duets is None:
        return "Paceline capacity report"
    if duets is not None and not document.results:
        return "Paceline duet report"
    failed, doubt = document.totals.failed, document.totals.warnings
    state = f"{failed} failed" if failed else f"{doubt} in doubt" if doubt else f"{document.totals.tests} passed"
    return f"{state} · Paceline report"


def _duet_status(suite: SuiteVerdict, left_out: Mapping[str, str]) -> str:
    if suite.regressed:
        return "failed"
    return "warning" if suite.inconclusive or left_out or not suite.results else "passed"


def _tally(verdicts: Iterable[Verdict], noun: str) -> str:
    """A sentence such as ``1 of 3 duets regressed; 1 inconclusive, 1 unchanged``."""
    every = list(verdicts)
    if not every:
        return f"No {noun} could be judged."
    counts = [(verdict, every.count(verdict)) for verdict in _VERDICTS if every.count(verdict)]
    if len(counts) == 1:
        return (
            f"All {len(every)} {noun}s {counts[0][0].value}."
            if len(every) > 1
            else f"The {noun}: {counts[0][0].value}."
        )
    (first, number), *rest = counts
    return (
        f"{number} of {len(every)} {noun}s {first.value}; {', '.join(f'{count} {each.value}' for each, count in rest)}."
    )


def _machine(fingerprint: Fingerprint) -> list[tuple[str, str]]:
    facts = [
        ("CPU", f"{fingerprint.cpu_count or '?'} x {fingerprint.cpu_model}"),
        ("memory", f"{fingerprint.memory_gib} GiB" if fingerprint.memory_gib else "unknown"),
        ("system", f"{fingerprint.system}, kernel {fingerprint.kernel}, {fingerprint.architecture}"),
        ("interpreter", fingerprint.python),
        ("Paceline", fingerprint.paceline),
        ("machine key", fingerprint.key),
    ]
    if fingerprint.cpu_count:
        facts.append(("100 % of CPU", f"is one core: all of this machine are {100 * fingerprint.cpu_count} %"))
    return facts


def _head(document: Document) -> dict[str, object]:
    environment_facts = document.environment
    return {
        "schema": SCHEMA,
        "title": "Paceline report",
        "timestamp": document.timestamp,
        "environment": {
            "cpu_model": environment_facts.cpu_model,
            "cpu_count": environment_facts.cpu_count,
            "memory_gib": environment_facts.memory_gib,
            "system": environment_facts.system,
            "kernel": environment_facts.kernel,
            "python": environment_facts.python,
            "paceline": environment_facts.paceline,
            "key": environment_facts.key,
        },
        "tests": document.totals.tests,
        "passed": document.totals.passed,
        "failed": document.totals.failed,
        "warnings": document.totals.warnings,
    }
