"""What a text report says of a sweep: a row for each level with the law beside it, its parameters, what follows."""

from collections.abc import Iterator

from paceline.core.units import format_count, format_percent
from paceline.judge.scalability import Scalability, estimate_text, number_text
from paceline.report.layout import WIDTH, heading, labelled, page_width
from paceline.stats.scalability import LEAST_LEVELS
from paceline.stats.scalability_law import Law

_BAR_WIDTH, _LEAST_BAR_WIDTH = 30, 8
_LAW_MARK = "|"


def is_told(scalability: Scalability) -> bool:
    """Whether it was asked for: a few levels once each are tests of their own, and stand as such."""
    repeated = scalability.seed is not None
    return repeated or len(scalability.levels) >= LEAST_LEVELS


def scalability_lines(scalability: Scalability) -> Iterator[str]:
    """The section of one sweep."""
    yield heading(f"Scalability of {scalability.name}")
    yield from labelled("runs", _how(scalability))
    yield from _chart(scalability)
    law = scalability.law
    if law is not None:
        yield from labelled("law", _law(law))
        yield from labelled("lambda", f"{estimate_text(law.per_worker_s, '/s')}: one worker alone")
        yield from labelled("sigma", f"{estimate_text(law.contention)}: contention")
        yield from labelled("kappa", f"{estimate_text(law.coherency)}: coherency")
    if scalability.refusal is not None:
        label = "no law" if law is None else "no peak"
        yield from labelled(label, f"{scalability.refusal.reason} {scalability.refusal.remedy}")
    for finding in scalability.findings:
        label = "serious" if finding.serious else "peak" if finding.code == "peak" else "note"
        yield from labelled(label, f"{finding} [{finding.code}]")


def _how(scalability: Scalability) -> str:
    counts = {len(level.runs) for level in scalability.levels}
    each = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    order = (
        "one level after the other" if scalability.seed is None else f"in an order drawn from seed {scalability.seed}"
    )
    return f"{each} at each of {len(scalability.levels)} levels, {order}"


def _law(law: Law) -> str:
    fit = f"explains {format_percent(law.r_squared, 2)} of the variance of log throughput (R2)"
    if law.misfit is not None:
        fit += f"; lack of fit p = {law.misfit.p_value:.2g}"
    return f"X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1)); {fit}; 95 % intervals in brackets"


def _chart(scalability: Scalability) -> Iterator[str]:
    """A bar for each level, and a mark where the law puts it."""
    law = scalability.law
    width = max(_BAR_WIDTH + page_width() - WIDTH, _LEAST_BAR_WIDTH)
    expected = {level.workers: None if law is None else law.at(level.workers) for level in scalability.levels}
    most = max(*(level.per_s for level in scalability.levels), *(each or 0.0 for each in expected.values())) or 1.0
    key = "" if law is None else f"{_LAW_MARK} the law"
    yield f"{'workers':>8} {'throughput':>12} {'efficiency':>10}  {key}".rstrip()[: page_width()]
    for level in scalability.levels:
        bar = "█" * round(level.per_s / most * (width - 1))
        mark = expected[level.workers]
        if mark is not None:
            place = round(mark / most * (width - 1))
            bar = f"{bar[:place]:<{place}}{_LAW_MARK}{bar[place + 1 :]}"
        rate = f"{format_count(level.per_s)}/s" if level.per_s >= 1 else f"{number_text(level.per_s)}/s"
        yield f"{level.workers:>8,} {rate:>12} {format_percent(level.efficiency, 0):>10}  {bar}"[
            : page_width()
        ].rstrip()
