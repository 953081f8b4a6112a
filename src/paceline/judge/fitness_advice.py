"""What disturbs measurements on a machine, as far as it was seen, and what its owner can do about it."""

import math
from collections.abc import Iterator, Sequence

from paceline.core.findings import Finding
from paceline.core.units import NS_PER_MS, format_ms
from paceline.judge.change import Verdict
from paceline.judge.fitness import Fitness, Grade, Suitability
from paceline.records.doctor import DoctorRecord
from paceline.records.machine import Company
from paceline.stats.power import POWER

_MOST_PAIRS = 200  # worth advising: ten times as long as usual
_LOST = 0.01  # of a core's time, or of all cores'
_LONG_GAP_NS = 10_000_000
_BUSY_CORES = 0.1
_FREQUENCY_MOVED = 0.05
_SLOW_CLOCK_NS = 250.0  # a vDSO read takes 20 to 60 ns, a system call this much and more
_COARSE_CLOCK_NS = 1_000.0
_FEW_FILES = 4_096


def advice_of(fitness: Fitness) -> tuple[Finding, ...]:
    """What was seen to go wrong and to disturb first, then settings that may."""
    record, is_fit = fitness.record, fitness.grade is Grade.FIT
    findings = [*_clock(record), *(_alarm(each) for each in fitness.workloads if each.alarms)]
    findings += [] if fitness.null is None else [fitness.null]
    findings += [*_left_out(record), *_company(record), *_cores(record), *_missed(fitness)]
    findings += [*_settings(record), *([] if is_fit else _surroundings(record))]
    return tuple(findings)


def _clock(record: DoctorRecord) -> Iterator[Finding]:
    clock, source = record.clock, record.machine.clock_source or "unknown"
    backwards = sum(core.backwards for core in record.cores)
    if backwards:
        yield Finding(
            code="clock-backwards",
            seen=f"The clock went backwards {backwards:,} times (source: {source}).",
            why="No duration on this machine means anything.",
            advice="Look for 'clocksource' in the kernel's log; choose another source, or another machine.",
            serious=True,
        )
    if clock.cost_ns > _SLOW_CLOCK_NS or clock.resolution_ns > _COARSE_CLOCK_NS:
        step, cost = (format_ms(ns / NS_PER_MS) for ns in (clock.resolution_ns, clock.cost_ns))
        yield Finding(
            code="clock-slow",
            seen=f"The clock steps by {step} and takes {cost} to read (source: {source}).",
            why="Short calls are timed with that on top.",
            advice="Where 'tsc' is offered as a clock source of the kernel, choose it; else measure in batches.",
        )


def _alarm(workload: Suitability) -> Finding:
    change = workload.duet.primary
    estimate = 100 * (change.estimate or 0.0)
    called = "slower" if workload.duet.verdict is Verdict.REGRESSED else "faster"
    return Finding(
        code="same-code-differs",
        seen=f"With {workload.name} a duet called the same code {called} ({estimate:+.1f} %): a FALSE ALARM.",
        why="At most 1 in 100 duets should. If it happens again, verdicts on this machine cannot be believed.",
        advice="Run paceline doctor again. If it stays so, use another machine, and please report it.",
        serious=True,
    )


def _left_out(record: DoctorRecord) -> Iterator[Finding]:
    for name, reason in record.left_out.items():
        yield Finding(
            code="workload-failed",
            seen=f"The workload '{name}' could not be measured: {reason}.",
            why="Without it nothing is known of that part of the machine.",
            advice="Make what it needs available: about 200 MB of memory, and pipes.",
            serious=True,
        )


def _missed(fitness: Fitness) -> Iterator[Finding]:
    """How many pairs would do, where those there were do not."""
    pairs = fitness.record.pairs
    weak = [
        each for each in fitness.workloads if each.power.share < POWER or each.smallest_visible > fitness.record.effect
    ]
    if not weak or fitness.grade is None:
        return
    wanted = [each.pairs_for_effect for each in weak]
    enough = max((each for each in wanted if each is not None), default=0)
    effect = f"{100 * fitness.record.effect:.3g} %"
    shares = "; ".join(_reliability(each) for each in weak)
    if None in wanted or enough > _MOST_PAIRS:
        advice = "More pairs will not do: quieten the machine, or take another."
    else:
        enough = max(enough, -(-pairs * 3 // 2))
        advice = f"More pairs see more: paceline duet --pairs {enough}. A quieter machine does it in less time."
    yield Finding(
        code="change-missed",
        seen=f"A change of {effect} is not found reliably: {shares}.",
        why=f"A duet of {pairs} pairs would call many such regressions inconclusive.",
        advice=advice,
        serious=True,
    )


def _reliability(workload: Suitability) -> str:
    visible = workload.smallest_visible
    from_on = f"{100 * visible:.2f} % in 80 %" if math.isfinite(visible) else "no change in 80 %"
    return f"with {workload.name} in {100 * workload.power.share:.0f} % of runs ({from_on})"


def _company(record: DoctorRecord) -> Iterator[Finding]:
    company = record.company
    for is_seen, finding in (
        (_above(company.others_cores, _BUSY_CORES), _busy),
        (_above(company.stolen_share, _LOST), _stolen),
        (_above(company.throttled_share, _LOST), _throttled),
        (_above(company.swapped_pages, 0) or _above(company.memory_stalled_share, _LOST), _short_of_memory),
        (_moved(company.frequency_mhz) > _FREQUENCY_MOVED, _frequency),
    ):
        if is_seen:
            yield finding(company)


def _above(value: float | None, limit: float) -> bool:
    return value is not None and value > limit


def _busy(company: Company) -> Finding:
    cores = 100 * (company.others_cores or 0.0)
    names = ", ".join(f"{each.name} {100 * each.cores:.0f} %" for each in company.others)
    named = f"; the busiest: {names}" if names else ""
    return Finding(
        code="others-busy",
        seen=f"Other processes used {cores:.0f} % of a core meanwhile{named}.",
        why="They take cores and caches away, for moments that differ from run to run.",
        advice="Measure when nothing else runs: stop them, or take a runner of your own.",
        serious=True,
    )


def _stolen(company: Company) -> Finding:
    return Finding(
        code="time-stolen",
        seen=f"The hypervisor gave {100 * (company.stolen_share or 0.0):.1f} % of the time to other guests.",
        why="It takes whole milliseconds out of measurements, at its own times.",
        advice="Take a dedicated machine, or a kind of instance that is not oversold.",
        serious=True,
    )


def _throttled(company: Company) -> Finding:
    return Finding(
        code="cpu-throttled",
        seen=f"A control group held its processes up for {100 * (company.throttled_share or 0.0):.1f} % of the time.",
        why="Once the CPU time of a period is used up everything stands still until the next, up to 100 ms.",
        advice="Raise the limit (docker run --cpus, limits.cpu), or leave it out and give whole cores (--cpuset-cpus).",
        serious=True,
    )


def _short_of_memory(company: Company) -> Finding:
    stalled = 100 * (company.memory_stalled_share or 0.0)
    return Finding(
        code="memory-short",
        seen=f"{company.swapped_pages or 0:,} pages were swapped; tasks waited for memory {stalled:.1f} % of the time.",
        why="A page that has to come from a disk takes a thousand times as long as one in memory.",
        advice="Free memory, or measure on a machine with more of it.",
        serious=True,
    )


def _frequency(company: Company) -> Finding:
    low, high = min(company.frequency_mhz), max(company.frequency_mhz)
    return Finding(
        code="frequency-moved",
        seen=f"The cores ran at {low:,.0f} to {high:,.0f} MHz.",
        why="The same code takes longer at a lower frequency. A duet cancels most of it, sessions do not.",
        advice="Fix it: cpupower frequency-set -g performance, and turn boost off.",
    )


def _moved(frequency_mhz: Sequence[float]) -> float:
    return max(frequency_mhz) / min(frequency_mhz) - 1 if frequency_mhz else 0.0


def _cores(record: DoctorRecord) -> Iterator[Finding]:
    disturbed = [core for core in record.cores if core.lost_share > _LOST or core.longest_ns > _LONG_GAP_NS]
    if not disturbed:
        return
    worst = max(disturbed, key=lambda core: core.lost_share)
    name = "The core" if worst.core is None else f"Core {worst.core}"
    quiet = [core.core for core in record.cores if core not in disturbed and core.core is not None]
    rest = f"taskset -c {','.join(map(str, quiet))} keeps to the quiet cores. " if quiet else ""
    yield Finding(
        code="cores-disturbed",
        seen=f"{name} was taken away from a loop for {100 * worst.lost_share:.1f} % of "
        f"{format_ms(worst.elapsed_ns / NS_PER_MS)}, at most {format_ms(worst.longest_ns / NS_PER_MS)} at once.",
        why="What happens to that loop happens to every call that is measured.",
        advice=f"{rest}Stop what else runs; on a machine of your own, isolate a core (isolcpus=) for measuring.",
    )


def _settings(record: DoctorRecord) -> Iterator[Finding]:
    machine = record.machine
    governors = [each for each in machine.governors or () if each != "performance"]
    if governors:
        yield Finding(
            code="governor",
            seen=f"Frequency scaling is governed by '{', '.join(governors)}'.",
            why="The frequency then follows the load: short measurements run at another one than long ones.",
            advice="cpupower frequency-set -g performance",
        )
    if machine.boost:
        yield Finding(
            code="boost",
            seen="Cores may run above their nominal frequency (boost).",
            why="How far depends on temperature and on what other cores do. It matters between sessions.",
            advice="echo 0 > /sys/devices/system/cpu/cpufreq/boost, or 1 > .../intel_pstate/no_turbo, as root.",
        )
    if machine.has_cpu_quota and machine.cpu_quota_cores is not None:
        yield Finding(
            code="cpu-quota",
            seen=f"A control group limits the CPU time to {machine.cpu_quota_cores:.3g} cores.",
            why="Whoever uses it up stands still until the next period, up to 100 ms.",
            advice="Leave the limit out and give whole cores instead (docker run --cpuset-cpus).",
        )
    if machine.open_files is not None and machine.open_files < _FEW_FILES:
        yield Finding(
            code="open-files",
            seen=f"This process may have {machine.open_files:,} files open.",
            why="Each connection of a load is one. Duets do not care.",
            advice=f"ulimit -n {machine.open_files_most or 65_536}",
        )


def _surroundings(record: DoctorRecord) -> Iterator[Finding]:
    """What nobody needs to know of a machine that is fit."""
    machine = record.machine
    if machine.threads_share_cores:
        yield Finding(
            code="threads-share-cores",
            seen="Two threads share a core (SMT).",
            why="What the other one does takes up to half of it, and the system does not count that as waiting.",
            advice="Measure with every second one idle: echo off > /sys/devices/system/cpu/smt/control, as root.",
        )
    if machine.hypervisor not in {None, "none"}:
        yield Finding(
            code="virtual-machine",
            seen=f"This is a virtual machine ({machine.hypervisor}).",
            why="Neighbours share caches, memory and frequency, and leave no trace in any counter.",
            advice="If nothing else helps, measure on bare metal or a dedicated host.",
        )
    if machine.cores_usable == 1:
        yield Finding(
            code="one-core",
            seen="There is one core to use.",
            why="Everything else the machine does takes turns with what is measured, Paceline included.",
            advice="Give it two cores or more.",
        )
