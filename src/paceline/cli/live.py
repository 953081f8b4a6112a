"""The lines that a terminal shows of a run under way. Pure: figures in, lines out."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from paceline.cli.colours import Paint
from paceline.cli.sparkline import History, sparkline
from paceline.core.units import NS_PER_MS, format_count, format_ms
from paceline.engine.request import LoadNow
from paceline.report.layout import squeezed

_LABEL_WIDTH = 11
_VALUE_WIDTH = 10
_MOST_SPARKLINE = 120
_PEAK_FROM = 64  # columns from which there is room for the highest value
_PEAK_WIDTH = 16
_LEAST_BAR, _MOST_BAR = 6, 40
_LONGEST_S = 1e6
_BUSY_PERCENT = 90.0  # of a core: from here on the generator may be what is measured
_SLOWEST = "slowest"
_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))

Format = Callable[[float], str]


def bar(share: float, width: int) -> str:
    """``share`` of a line ``width`` characters long."""
    done = int(min(max(share, 0.0), 1.0) * width)
    return "━" * done + "╌" * (width - done)


def bar_line(share: float, text: str, columns: int) -> str:
    """A bar with ``text`` behind it, on one line; on a narrow one the text comes first."""
    width = min(columns - len(text) - 3, _MOST_BAR)
    return f"{bar(share, width)}  {text}" if width >= _LEAST_BAR else text[: columns - 1]


def span_text(seconds: float) -> str:
    """How long something takes, as a person says it."""
    whole = round(seconds)
    if whole < 100:  # noqa: PLR2004
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def remaining_s(elapsed_s: float, share: float) -> float | None:
    """How long the rest takes at the pace so far; None where nothing says, or nobody would wait for it."""
    if share <= 0 or elapsed_s <= 0:
        return None
    left_s = elapsed_s * (1 - share) / share
    return left_s if left_s < _LONGEST_S else None


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known of a run at one moment.

    Attributes:
        at_s: clock reading.
        share: of the plan that is done, in [0, 1].
        attempts: so far.
        load: of a load over lanes.
    """

    at_s: float
    share: float
    attempts: int
    load: LoadNow | None


class RunView:
    """One run on the screen, from its first moment on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._first: Moment | None = None
        self._now: Moment | None = None
        self._errors = 0
        self._slowest = 0
        self._series: dict[str, tuple[History, Format]] = {}

    def add(self, moment: Moment) -> None:
        """What is known now."""
        for label, value, form in self._figures(moment):
            self._series.setdefault(label, (History(), form))[0].add(value)
        self._first = self._first or moment
        self._now = moment
        if moment.load is not None:
            self._errors = moment.load.errors

    def is_followed_by(self, name: str, attempts: int) -> bool:
        """Whether what comes next is another run: of another name, or one that has begun anew."""
        return name != self.name or (self._now is not None and attempts < self._now.attempts)

    def progress_text(self) -> str:
        """``12 s of 30 s, 18 s left``; of a number of attempts ``42 %, 4,200 attempts, 12 s left``."""
        now = self._now
        if now is None:
            return ""
        left_s = self._left_s()
        left = "" if left_s is None else f", {span_text(left_s)} left"
        if now.load is None:
            return f"{now.share:.0%}, {format_count(now.attempts)} attempts{left}".replace("%", " %")
        if left_s is None:
            return span_text(now.load.elapsed_s)
        elapsed, whole = int(now.load.elapsed_s), round(now.load.elapsed_s + left_s)
        return f"{span_text(elapsed)} of {span_text(whole)}, {span_text(whole - elapsed)} left"

    def log_text(self) -> str:
        """All that a line of a log says: progress, rate, and of a load p99 and errors."""
        parts = [self.progress_text(), _rate(self._last("rate"))]
        if self._now is not None and self._now.load is not None:
            parts += [f"p99 {format_ms(self._last('p99'))}", f"errors {self._errors:,}"]
        return "  ".join(parts)

    def lines(self, columns: int, paint: Paint) -> list[str]:
        """The block for a terminal of so many columns."""
        share = 0.0 if self._now is None else self._now.share
        head = [paint.name(squeezed(self.name, columns - 1)), bar_line(share, self.progress_text(), columns)]
        return head + [self._row(label, columns, paint) for label in self._series]

    def _left_s(self) -> float | None:
        now, first = self._now, self._first
        assert now is not None
        assert first is not None
        if now.load is not None:
            return remaining_s(now.load.elapsed_s, now.share)
        # Of what was left at the first look, which came when the run was under way already.
        done = (now.share - first.share) / (1 - first.share) if first.share < 1 else 1.0
        return remaining_s(now.at_s - first.at_s, done)

    def _last(self, label: str) -> float:
        return self._series[label][0].last if label in self._series else math.nan

    def _figures(self, moment: Moment) -> Iterator[tuple[str, float, Format]]:
        load, before = moment.load, self._now
        if load is None:
            if before is not None and moment.at_s > before.at_s:
                rate = (moment.attempts - before.attempts) / (moment.at_s - before.at_s)
                yield "rate", rate, _rate
            return
        yield "rate", load.per_second, _rate
        for label, q in _QUANTILES:
            yield label, load.latency.quantile_ns(q) / NS_PER_MS, format_ms
        yield "errors", load.errors - self._errors, _count
        yield "in flight", load.in_flight, _count
        yield "generator", math.nan if load.cpu_percent is None else load.cpu_percent, _percent
        if load.legs is not None:
            of = load.legs.of
            yield "processes", load.legs.alive, lambda alive: f"{alive:.0f} of {of}"
            if load.legs.slowest is not None:
                self._slowest = load.legs.slowest
                yield _SLOWEST, load.legs.slowest_per_second, _rate
        for pid, percent in load.targets_cpu_percent:
            yield f"pid {pid}", math.nan if percent is None else percent, _percent

    def _row(self, label: str, columns: int, paint: Paint) -> str:
        history, form = self._series[label]
        # Errors are told from the beginning on; the picture shows when they came.
        value = form(self._errors if label == "errors" else history.last)
        told = f"{value:>{_VALUE_WIDTH}}"
        if label == "errors" and self._errors:
            told = paint.bad(told)
        elif (label == "generator" and history.last >= _BUSY_PERCENT) or (
            label == "processes" and history.last < history.highest
        ):
            told = paint.doubtful(told)
        has_peak = columns >= _PEAK_FROM and label != "errors"
        room = columns - _LABEL_WIDTH - _VALUE_WIDTH - 4 - (_PEAK_WIDTH if has_peak else 0)
        line = f"{label:<{_LABEL_WIDTH}} {told}  {sparkline(history.values(), min(room, _MOST_SPARKLINE))}"
        peak = f"most {form(history.highest)}" if has_peak and not math.isnan(history.highest) else ""
        if label == _SLOWEST and has_peak:
            peak = f"process {self._slowest}"
        return f"{line}  {paint.aside(peak)}" if peak else line


def _rate(per_second: float) -> str:
    return f"{_count(per_second, _VALUE_WIDTH - len('/s'))}/s"


def _count(value: float, width: int = _VALUE_WIDTH) -> str:
    """In at most ``width`` characters, without digits that nobody reads while they change."""
    text = format_count(round(value) if value >= 10 else round(value, 2))  # noqa: PLR2004
    if len(text) <= width:
        return text
    return f"{value / 1e6:.4g} M" if value < 1e10 else f"{value:.2g}"  # noqa: PLR2004


def _percent(percent: float) -> str:
    return "–" if math.isnan(percent) else f"{percent:.0f} %"
