"""The data that the script draws a test's charts from, as they stand in the page (``docs/reports.md``)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paceline.core.units import NS_PER_MS
from paceline.judge.result import TestResult
from paceline.records.resources import ResourceUsage
from paceline.report.html.markup import rounded
from paceline.report.html.sampling import Bars, Slices, Values, bars, percentile_curve, resources, slices

_MOST_TARGETS = 3


@dataclass(frozen=True)
class Line:
    """One line of a panel."""

    name: str
    values: Values


@dataclass(frozen=True)
class Panel:
    """One chart over the shared time axis."""

    title: str
    unit: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Charts:
    """What is drawn for a test; a part that there is nothing for is None or empty."""

    distribution: Bars | None
    percentiles: Values
    time: Slices | None
    panels: tuple[Panel, ...]


def charts_of(result: TestResult, points: int) -> Charts:
    """Everything that can be drawn of ``result``."""
    record = result.record
    batched = record.definition.calls_per_sample > 1
    time = slices(record, points)
    return Charts(
        distribution=bars(record.latency, record.definition.calls_per_sample),
        # Of batch means there are no percentiles of calls.
        percentiles=() if batched else percentile_curve(record.latency),
        time=time,
        panels=() if time is None else tuple(_panels(result, time)),
    )


def _panels(result: TestResult, time: Slices) -> Iterable[Panel]:
    names = ("median", "p95", "p99") if result.record.definition.calls_per_sample == 1 else ("median",)
    yield Panel("Latency", "ms", tuple(Line(*each) for each in zip(names, time.quantiles_ms, strict=False)))
    yield Panel("Throughput", "/s", (Line("ok", time.ok_per_s),))
    if any(time.errors):
        yield Panel("Errors", "", (Line("errors", time.errors),))
    yield from _resource_panels(result, time)
    if pauses := result.record.collections.pauses:
        spent_ms = [0.0] * time.count
        for pause in pauses:
            spent_ms[min(int(pause.offset_ns / 1e9 / time.interval_s), time.count - 1)] += pause.lasted_ns / NS_PER_MS
        yield Panel("Garbage collections", "ms", (Line("paused", tuple(spent_ms)),))


def _resource_panels(result: TestResult, time: Slices) -> Iterable[Panel]:
    usage = result.record.usage
    subjects: list[tuple[str, ResourceUsage]] = [("host", usage.host), ("process", usage.process)]
    subjects += [(_target_name(number, each), each) for number, each in enumerate(usage.targets[:_MOST_TARGETS])]
    seen = [(name, resources(each.series, time.interval_s, time.count)) for name, each in subjects]
    watched = [(name, each) for name, each in seen if each is not None]
    yield from _panel("CPU", "%", [Line(name, each.cpu_percent) for name, each in watched])
    # The memory of a whole machine would flatten the lines that tell something.
    yield from _panel("Memory", "MB", [Line(name, each.memory_mb) for name, each in watched if name != "host"])
    disk = [(name, each) for name, each in watched if name == "host"]
    lines = [Line("read", each.read_mb_s) for _, each in disk] + [Line("written", each.write_mb_s) for _, each in disk]
    yield from _panel("Disk I/O of the host", "MB/s", [line for line in lines if any(line.values)])


def _target_name(number: int, usage: ResourceUsage) -> str:
    return f"target {usage.pid}" if usage.pid is not None else f"target {number + 1}"


def _panel(title: str, unit: str, lines: Sequence[Line]) -> Iterable[Panel]:
    known = tuple(line for line in lines if any(value is not None for value in line.values))
    if known:
        yield Panel(title, unit, known)


def plain_charts(charts: Charts) -> dict[str, object]:
    """Their form in the page."""
    plain: dict[str, object] = {}
    if charts.distribution is not None:
        bins = charts.distribution
        plain["distribution"] = {
            "log10_ms": round(bins.start, 4), "step": round(bins.step, 5), "counts": bins.counts
        }  # fmt: skip
    if charts.percentiles:
        plain["percentiles"] = {"nines_step": 0.1, "ms": _short(charts.percentiles)}
    if charts.time is not None:
        plain["time"] = {
            "interval_s": charts.time.interval_s,
            "intervals": charts.time.count,
            "panels": [_plain_panel(panel) for panel in charts.panels],
        }
    return plain


def _plain_panel(panel: Panel) -> dict[str, object]:
    return {
        "title": panel.title,
        "unit": panel.unit,
        "lines": {line.name: _short(line.values) for line in panel.lines},
    }


def _short(values: Values) -> list[float | int | None]:
    """With as many digits as are shown of them."""
    return [rounded(value, 3) for value in values]
