"""Repeats of a level as one record: nothing is lost, their figures stay apart, what the machine did is that of all."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from paceline.records.load import LoadRecord, Probe
from paceline.records.merging import figures_of, processes_merged, repeats_merged
from paceline.records.recorder import Counts
from paceline.records.repeats import Repeat, Repetition
from paceline.records.resources import Gauge, ResourceSeries, ResourceUsage, SamplerCost, SystemUsage
from paceline.records.run_record import Circumstances, Definition, RunRecord
from paceline.records.usage_merging import usages_merged
from tests import strategies
from tests.fakes import MS, S, make_latency, make_record


def repeat(number: int, samples_ns: list[int], asked: int = 3) -> RunRecord:
    record = make_record(samples_ns, definition=Definition(iterations=len(samples_ns), repeats=asked))
    made = Repeat(number, 10 - number, record.started_at, record.elapsed_ns, figures_of(record))
    return replace(record, repetition=Repetition(7, (made,)))


@given(st.lists(strategies.samples_ns, min_size=1, max_size=4))
def test_merging_is_that_of_processes_and_keeps_each_ones_figures(split: list[list[int]]) -> None:
    runs = [repeat(number, piece, len(split)) for number, piece in enumerate(split)]
    merged, alike = repeats_merged(runs, "broken off"), processes_merged(runs)
    assert (merged.latency, merged.counts, merged.series) == (alike.latency, alike.counts, alike.series)
    assert merged.repetition is not None
    assert [each.number for each in merged.repetition.repeats] == list(reversed(range(len(split))))  # by their place
    assert {each.number: each.figures for each in merged.repetition.repeats} == {
        number: figures_of(run) for number, run in enumerate(runs)
    }
    assert merged.circumstances.interruption is None


def test_of_too_few_it_is_said_why() -> None:
    runs = [repeat(0, [MS]), repeat(1, [MS])]
    assert repeats_merged(runs, "broken off").circumstances.interruption == "broken off"
    cut = replace(make_record([MS], definition=Definition(repeats=3)), circumstances=Circumstances("KeyboardInterrupt"))
    merged = repeats_merged([*runs, cut], "broken off")
    assert merged.circumstances.interruption == "KeyboardInterrupt"
    assert merged.counts.ok == 3
    assert merged.repetition is not None
    assert len(merged.repetition.repeats) == 2
    assert repeats_merged([cut], "").repetition is None


def test_probes_are_one_client() -> None:
    probe = Probe(100.0, Counts(ok=2), make_latency([MS, 2 * MS]), make_latency([MS]), make_latency([MS]))
    runs = [replace(repeat(number, [MS]), load=LoadRecord(probe=probe)) for number in range(2)]
    load = repeats_merged(runs).load
    assert load is not None
    assert load.probe is not None
    assert load.probe.counts.ok == 4
    assert load.probe.latency.moments.count == 4


def usage(cpu: float, memory: float, *, pid: int | None = 7) -> SystemUsage:
    subject = ResourceUsage(
        "target",
        pid,
        cpu_s=cpu,
        cpu_percent=Gauge(cpu, cpu + 1, cpu + 2),
        memory_bytes=Gauge(memory, memory, memory),
        disk_read_bytes=10,
        disk_write_bytes=None,
        context_switches=3,
        series=ResourceSeries((0.0, 500.0), (None, cpu), (1, 2), (0, 10), (None, None)),
    )
    return SystemUsage(subject, subject, (subject,), 2, SamplerCost(2, 100, 1.0))


def test_what_was_used_is_added_and_levels_are_averaged_over_time() -> None:
    merged = usages_merged([(usage(1.0, 50.0), S), (usage(5.0, 90.0), 3 * S)])
    for subject in (merged.host, merged.process, *merged.targets):
        assert subject.cpu_s == 6.0
        assert subject.cpu_percent == Gauge(1.0, 5.0, 7.0)
        assert subject.memory_bytes == Gauge(50.0, 80.0, 90.0)
        assert (subject.disk_read_bytes, subject.disk_write_bytes, subject.context_switches) == (20, None, 6)
        assert subject.series.offset_ms == (0.0, 500.0, 1_000.0, 1_500.0)
        assert subject.series.disk_read_bytes == (0, 10, 10, 20)
    assert merged.sampler == SamplerCost(4, 200, 1.0)
    assert len(merged.targets) == 1


def test_what_one_window_cannot_tell_is_not_told_of_all() -> None:
    blind = replace(usage(1.0, 50.0), host=ResourceUsage("host"))
    merged = usages_merged([(blind, S), (usage(1.0, 50.0), S)])
    assert (merged.host.cpu_s, merged.host.cpu_percent, merged.host.disk_read_bytes) == (None, None, None)
    assert usages_merged([(usage(1.0, 2.0), 0), (usage(3.0, 2.0), 0)]).host.cpu_percent == Gauge(1.0, 3.0, 5.0)
