"""CPU, memory and disk I/O of several windows as of one: what was used is added, levels are averaged over time."""

from collections.abc import Sequence
from dataclasses import replace

from paceline.records.resources import Gauge, ResourceSeries, ResourceUsage, SamplerCost, SystemUsage

_NS_PER_MS = 1e6
_Window = tuple[ResourceUsage, int]


def usages_merged(windows: Sequence[tuple[SystemUsage, int]]) -> SystemUsage:
    """Of windows one after the other, each with its length in ns; what one of them cannot tell, none of them can."""
    usages = [usage for usage, _ in windows]
    lengths = [length for _, length in windows]
    targets = zip(*(usage.targets for usage in usages), strict=False)  # the same pids in each
    return SystemUsage(
        host=_merged([usage.host for usage in usages], lengths),
        process=_merged([usage.process for usage in usages], lengths),
        targets=tuple(_merged(each, lengths) for each in targets),
        cpu_count=usages[0].cpu_count,
        sampler=SamplerCost(
            samples=sum(usage.sampler.samples for usage in usages),
            cpu_ns=sum(usage.sampler.cpu_ns for usage in usages),
            core_percent=_mean([usage.sampler.core_percent for usage in usages], lengths),
        ),
    )


def _merged(usages: Sequence[ResourceUsage], lengths: Sequence[int]) -> ResourceUsage:
    return replace(
        usages[0],
        cpu_s=_sum([each.cpu_s for each in usages]),
        cpu_percent=_gauge([each.cpu_percent for each in usages], lengths),
        memory_bytes=_gauge([each.memory_bytes for each in usages], lengths),
        memory_percent=_gauge([each.memory_percent for each in usages], lengths),
        disk_read_bytes=_whole_sum([each.disk_read_bytes for each in usages]),
        disk_write_bytes=_whole_sum([each.disk_write_bytes for each in usages]),
        context_switches=_whole_sum([each.context_switches for each in usages]),
        series=_series(usages, lengths),
    )


def _gauge(gauges: Sequence[Gauge | None], lengths: Sequence[int]) -> Gauge | None:
    known = [gauge for gauge in gauges if gauge is not None]
    if len(known) < len(gauges):
        return None
    return Gauge(
        minimum=min(gauge.minimum for gauge in known),
        mean=_mean([gauge.mean for gauge in known], lengths),
        maximum=max(gauge.maximum for gauge in known),
    )


def _mean(values: Sequence[float], lengths: Sequence[int]) -> float:
    weights = lengths if sum(lengths) else [1] * len(lengths)
    return sum(value * weight for value, weight in zip(values, weights, strict=True)) / sum(weights)


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _whole_sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _series(usages: Sequence[ResourceUsage], lengths: Sequence[int]) -> ResourceSeries:
    """One behind the other, as the time series of attempts is; disk counters go on from where they were."""
    joined = ResourceSeries()
    passed_ms, read, written = 0.0, 0, 0
    for usage, length in zip(usages, lengths, strict=True):
        series = usage.series
        joined = ResourceSeries(
            (*joined.offset_ms, *(passed_ms + each for each in series.offset_ms)),
            (*joined.cpu_percent, *series.cpu_percent),
            (*joined.memory_bytes, *series.memory_bytes),
            (*joined.disk_read_bytes, *(None if each is None else read + each for each in series.disk_read_bytes)),
            (*joined.disk_write_bytes, *(None if each is None else written + each for each in series.disk_write_bytes)),
        )
        passed_ms += length / _NS_PER_MS
        read += usage.disk_read_bytes or 0
        written += usage.disk_write_bytes or 0
    return joined
