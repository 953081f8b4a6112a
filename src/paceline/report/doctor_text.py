"""Whether a machine is fit, on one screen: the verdict, what it rests on, what to do."""

import math
from collections.abc import Iterator, Sequence

from paceline.core.findings import Finding
from paceline.core.units import NS_PER_MS, counted, format_count, format_ms
from paceline.judge.change import Verdict
from paceline.judge.fitness import Fitness, Grade, Suitability
from paceline.records.doctor import CoreWatch
from paceline.records.machine import Company, Machine
from paceline.report.layout import labelled, printable, squeezed, wrapped
from paceline.stats.detection import CONFIDENCE
from paceline.stats.power import POWER

_NAME_WIDTH = 12
_SAME = {Verdict.REGRESSED: "SLOWER", Verdict.IMPROVED: "FASTER", Verdict.UNCHANGED: "unchanged"}
_MOST_CORES = 8


def render_doctor(fitness: Fitness, advice: Sequence[Finding]) -> str:
    """The report, ending in a newline.

    Args:
        fitness: the finished judgement.
        advice: what is to be said beside it, the most important first.
    """
    sections = [list(section) for section in (_verdict(fitness), _workloads(fitness), _around(fitness))]
    sections.append(list(_advice(advice)))
    return "\n".join("\n".join(lines) + "\n" for lines in sections if lines)


def percent(share: float) -> str:
    """A share of any size, in percent with the digits that matter."""
    return f"{100 * share:.3g} %" if math.isfinite(share) else "none"


def _verdict(fitness: Fitness) -> Iterator[str]:
    effect = percent(fitness.record.effect)
    if fitness.grade is None:
        yield from wrapped(f"no verdict: {fitness.reason}", "")
        return
    size = f"{effect} and more" if fitness.grade is Grade.FIT else effect
    yield from wrapped(f"{fitness.grade.value} for changes of {size}: {fitness.reason}", "")


def _workloads(fitness: Fitness) -> Iterator[str]:
    if fitness.grade is None or not fitness.workloads:
        return
    effect = f"+{percent(fitness.record.effect)}"
    yield _row("", "a call", "spread", "visible", "same code", effect, f"power [{100 * CONFIDENCE:.0f} %]", "")
    for workload in fitness.workloads:
        yield _row(*_cells(workload))
    visible = f"the smallest change that {100 * POWER:.0f} % of duets find"
    yield from wrapped(f"visible: {visible}; power: the share of duets that find {effect}", "")


def _cells(workload: Suitability) -> tuple[str, ...]:
    call = format_ms(workload.call_ns / NS_PER_MS)
    spread = "–" if workload.spread is None else f"{100 * workload.spread:.1f} %"
    visible = f"{100 * workload.smallest_visible:.1f} %" if math.isfinite(workload.smallest_visible) else "none"
    same = _SAME.get(workload.duet.verdict, "unclear")
    power = workload.power
    shares = f"{100 * power.share:.0f} % [{100 * power.low:.0f}, {100 * power.high:.0f}]"
    name = squeezed(workload.name, _NAME_WIDTH)
    return name, call, spread, visible, same, "found" if workload.found else "MISSED", shares, workload.grade.value


def _row(name: str, call: str, spread: str, visible: str, same: str, effect: str, power: str, grade: str) -> str:
    return (
        f"{name:<{_NAME_WIDTH}} {call:>7} {spread:>7} {visible:>8} {same:>9} {effect:>7} {power:>15}  {grade}".rstrip()
    )


def _around(fitness: Fitness) -> Iterator[str]:
    record = fitness.record
    step, cost = (format_ms(ns / NS_PER_MS) for ns in (record.clock.resolution_ns, record.clock.cost_ns))
    backwards = sum(core.backwards for core in record.cores)
    went = f"went BACKWARDS {backwards:,} times" if backwards else "never backwards"
    source = record.machine.clock_source or "source unknown"
    yield from labelled("clock", f"{source}, steps of {step}, {cost} a reading, {went}")
    if record.cores:
        yield from labelled("cores", _cores(record.cores))
    yield from labelled("machine", _machine(record.machine))
    yield from labelled("system", _system(record.machine))
    yield from labelled("frequency", _frequency(record.machine, record.company))
    yield from labelled("meanwhile", _meanwhile(record.company))


def _cores(cores: Sequence[CoreWatch]) -> str:
    shown = sorted(cores, key=lambda core: -core.lost_share)[:_MOST_CORES]
    lost = ", ".join(f"{100 * core.lost_share:.2g} %" for core in shown)
    longest = format_ms(max(core.longest_ns for core in cores) / NS_PER_MS)
    wait_ns = max(core.wait_p999_ns for core in cores)
    wait = format_ms(wait_ns / NS_PER_MS) if wait_ns else "nothing"
    more = f" (the worst of {len(cores)})" if len(cores) > len(shown) else ""
    return f"away {lost}{more} of the time, {longest} at most; p99.9 of waits {wait}"


def _machine(machine: Machine) -> str:
    virtual = {None: "virtual or not: unknown", "none": "bare metal"}.get(machine.hypervisor)
    container = {None: "in a container or not: unknown", "none": "no container"}.get(machine.container)
    shared = {None: "SMT unknown", True: "two threads a core", False: "one thread a core"}[machine.threads_share_cores]
    cores = "cores unknown"
    if machine.cores_online is not None:
        usable = machine.cores_online if machine.cores_usable is None else machine.cores_usable
        cores = f"{usable} of {counted(machine.cores_online, 'core')}"
    isolated = f", isolated: {', '.join(map(str, machine.cores_isolated))}" if machine.cores_isolated else ""
    return ", ".join(
        (
            virtual or f"guest of {machine.hypervisor}",
            container or f"container: {machine.container}",
            f"{cores}{isolated}",
            shared,
        )
    )


def _system(machine: Machine) -> str:
    quota = {None: "CPU quota unknown", False: "no CPU quota"}.get(machine.has_cpu_quota)
    if quota is None:
        quota = f"CPU quota of {machine.cpu_quota_cores or math.nan:.3g} cores"
    files = "unlimited" if machine.open_files is None else f"{machine.open_files:,}"
    swap = "unknown" if machine.swap_used_bytes is None else f"{machine.swap_used_bytes / 1e6:,.0f} MB"
    load = "unknown" if machine.load_1min is None else f"{machine.load_1min:.2f}"
    return f"{quota}, open files {files}, swap in use {swap}, load before {load}"


def _frequency(machine: Machine, company: Company) -> str:
    governors = "governor unknown" if machine.governors is None else f"governor {', '.join(machine.governors)}"
    boost = {None: "boost unknown", True: "boost on", False: "boost off"}[machine.boost]
    if not company.frequency_mhz:
        return f"unknown, {governors}, {boost}"
    low, high = (f"{limit(company.frequency_mhz):,.0f}" for limit in (min, max))
    return f"{low if low == high else f'{low} to {high}'} MHz, {governors}, {boost}"


def _meanwhile(company: Company) -> str:
    others = "others unknown"
    if company.others_cores is not None:
        names = ", ".join(f"{each.name} {100 * each.cores:.0f} %" for each in company.others)
        others = f"others used {100 * company.others_cores:.0f} % of a core" + (f" ({names})" if names else "")
    switches = "unknown" if company.switches_per_s is None else f"{format_count(round(company.switches_per_s))}/s"
    swapped = "unknown" if company.swapped_pages is None else counted(company.swapped_pages, "page")
    return ", ".join(
        (
            others,
            f"stolen {_share(company.stolen_share)}",
            f"throttled {_share(company.throttled_share)}",
            f"waits for memory {_share(company.memory_stalled_share)}",
            f"switches {switches}",
            f"swapped {swapped}",
        )
    )


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.2g} %"


def _advice(advice: Sequence[Finding]) -> Iterator[str]:
    if not advice:
        return
    yield "what to do"
    for number, finding in enumerate(advice, 1):
        yield from wrapped(f"{printable(str(finding))} [{finding.code}]", f"{number:>2}. ")
