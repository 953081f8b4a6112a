"""A picture of a session's latencies for READMEs and build artifacts: plain SVG, no script, light and dark."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from paceline.core.units import counted, format_count, format_ms
from paceline.judge.result import TestResult, TestStatus
from paceline.report.document import Document
from paceline.report.html.picture import Scale, latency_range
from paceline.report.html.sampling import Bars, bars
from paceline.report.layout import printable, squeezed

_WIDTH = 860
_ROW = 26
_TOP = 74
_NAME_WIDTH, _FIGURES_WIDTH = 230, 190
_PLOT = _WIDTH - _NAME_WIDTH - _FIGURES_WIDTH - 30
_NAME_LENGTH = 30
_MOST_ROWS = 40
_DISTRIBUTION = 150
_MARKS = {TestStatus.FAILED: "✕", TestStatus.WARNING: "!", TestStatus.PASSED: "✓"}
# Neutral enough for either ground; where the viewer says which it has, the inks follow.
_STYLE = """
text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:#52616f}
.ink{fill:#17212b;font-weight:600}.title{font-size:16px}.end{text-anchor:end}.mid{text-anchor:middle}
.wide{stroke:#0b5a8a;stroke-width:2;opacity:.6}.body{stroke:#0b5a8a;stroke-width:9}.bar{fill:#0b5a8a}
.tick{stroke:#17212b;stroke-width:2}.grid{stroke:#8a99a6;stroke-opacity:.3}
.limit{stroke:#52616f;stroke-width:1.5;stroke-dasharray:3 2}.broken{stroke:#b3261e;stroke-width:2;stroke-dasharray:none}
.failed{fill:#b3261e}.warning{fill:#8a5300}.passed{fill:#1b6e43}
@media(prefers-color-scheme:dark){text{fill:#9aabb9}.ink{fill:#e4eaef}.wide,.body{stroke:#74c0ee}.bar{fill:#74c0ee}
.tick{stroke:#e4eaef}.limit{stroke:#9aabb9}.broken{stroke:#ff9186}.failed{fill:#ff9186}.warning{fill:#f2b55c}
.passed{fill:#6fce9c}}
"""


def render_svg(document: Document) -> str:
    """All tests on one logarithmic axis, the worst first; of a single test its distribution as well."""
    shown = document.worst_first[:_MOST_ROWS]
    lines = [*_head(document, len(shown)), *_rows(shown)]
    height = _TOP + _ROW * len(shown) + 24
    if len(document.results) == 1 and (seen := _distribution(document.results[0], height)):
        lines += seen
        height += _DISTRIBUTION + 46
    title = escape(_title(document))
    wide, high = _WIDTH + 20, height + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 -4 {wide} {high}" width="{wide}" height="{high}" '
        f'role="img" aria-label="{title}"><title>{title}</title><style>{_STYLE}</style>\n'
        + "\n".join(lines)
        + "\n</svg>\n"
    )


def _title(document: Document) -> str:
    totals = document.totals
    parts = [(totals.failed, "failed"), (totals.warnings, "in doubt"), (totals.passed, "passed")]
    told = ", ".join(f"{number} {word}" for number, word in parts if number)
    return f"{counted(totals.tests, 'test')}: {told}" if told else "No test was measured"


def _head(document: Document, shown: int) -> Iterator[str]:
    yield f'<text x="0" y="20" class="ink title">{escape(_title(document))}</text>'
    machine = (
        f"{document.environment.python}, {document.environment.cpu_count or '?'} x {document.environment.cpu_model}"
    )
    left = f"; {document.totals.tests - shown} more are not shown" if document.totals.tests > shown else ""
    yield _text(0, 40, f"{document.timestamp[:10]}, {machine}{left}")
    if document.totals.tests:
        right = _WIDTH - 2
        yield f'<text x="{right - 100}" y="{_TOP - 10}" class="end">p95</text>'
        yield f'<text x="{right}" y="{_TOP - 10}" class="end">ops/s</text>'


def _rows(results: Sequence[TestResult]) -> Iterator[str]:
    scale = Scale.over(results, _PLOT)
    bottom = _TOP + _ROW * len(results)
    for at, value_ms in scale.ticks if scale else ():
        x = _NAME_WIDTH + at
        yield f'<path class="grid" d="M{x:.1f} {_TOP - 4}V{bottom}"/>'
        yield f'<text x="{x:.1f}" y="{_TOP - 10}" class="mid">{format_ms(value_ms)}</text>'
    for place, result in enumerate(results):
        y = _TOP + _ROW * place + _ROW // 2
        metrics = result.metrics
        name = escape(squeezed(metrics.test_name, _NAME_LENGTH))
        yield f'<text x="0" y="{y + 4}" class="{result.status.value}">{_MARKS[result.status]}</text>'
        yield f'<text x="18" y="{y + 4}" class="ink">{name}</text>'
        seen = latency_range(result, scale)
        if seen is not None:
            yield (
                f'<g transform="translate({_NAME_WIDTH} {y})"><path class="wide" d="M{seen.low} 0H{seen.p99}"/>'
                f'<path class="body" d="M{seen.median} 0H{seen.p95}"/><path class="tick" d="M{seen.median} -6v12"/>'
                + "".join(
                    f'<path class="limit{" broken" if broken else ""}" d="M{at} -9v18"/>' for at, broken in seen.limits
                )
                + "</g>"
            )
        told = metrics.p95_time_ms if not math.isnan(metrics.p95_time_ms) else metrics.median_time_ms
        yield f'<text x="{_WIDTH - 102}" y="{y + 4}" class="end">{format_ms(told)}</text>'
        yield f'<text x="{_WIDTH - 2}" y="{y + 4}" class="end">{format_count(metrics.throughput_ops_per_sec)}</text>'
    if results:
        yield _text(0, bottom + 18, "From the fastest attempt to p99; thick from median to p95; dashed: a limit.")


def _distribution(result: TestResult, top: int) -> list[str]:
    seen = bars(result.record.latency, result.record.definition.calls_per_sample)
    if seen is None:
        return []
    base = top + _DISTRIBUTION + 14
    wide = _WIDTH / len(seen.counts)
    most = max(seen.counts)
    steps = "".join(
        f"M{place * wide:.1f} {base}v{-count / most * _DISTRIBUTION:.1f}h{max(wide - 0.6, 0.5):.1f}V{base}z"
        for place, count in enumerate(seen.counts)
        if count
    )
    return [f'<path class="bar" d="{steps}"/>', *_ticks(seen, base)]


def _ticks(seen: Bars, base: int) -> Iterator[str]:
    end = seen.start + seen.step * len(seen.counts)
    steps = (1, 2, 5) if end - seen.start < 2 else (1,)  # noqa: PLR2004  # decades
    for power in range(math.floor(seen.start), math.ceil(end) + 1):
        for step in steps:
            share = (power + math.log10(step) - seen.start) / (end - seen.start)
            if 0 <= share <= 1:
                anchor = "end" if share > 0.95 else "mid" if share > 0.05 else ""  # noqa: PLR2004  # within the picture
                text = format_ms(step * 10.0**power)
                yield f'<text x="{share * _WIDTH:.1f}" y="{base + 16}" class="{anchor}">{text}</text>'


def _text(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}">{escape(printable(text))}</text>'
