"""A benchmark as a record of Paceline's, so that it is in the same report, baseline and history as all else."""

from collections.abc import Sequence
from itertools import accumulate

from paceline.core.clock import SYSTEM_CLOCK, measure_clock
from paceline.core.findings import Finding
from paceline.core.units import NS_PER_S
from paceline.judge.result import TestResult, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.pytest_plugin.drop_in.fixture import Measured
from paceline.pytest_plugin.drop_in.rounds import Taken
from paceline.records.recorder import Recorder
from paceline.records.run_record import Circumstances, Definition, RunRecord, TestType
from paceline.records.stamps import Stamps
from paceline.store.codec import plain_metadata
from paceline.sysmon.fingerprint import this_machine

CALIBRATED, PEDANTIC = "benchmark", "benchmark.pedantic"  # how the rounds were asked for


def judged(
    measured: Measured,
    name: str,
    *,
    threshold: PerformanceThreshold | None,
    noted: Sequence[Finding] = (),
) -> TestResult:
    """What was measured, as a result.

    Args:
        measured: the benchmark.
        name: of the test in reports and baselines.
        threshold: limits it is held against.
        noted: findings made before.
    """
    taken = measured.taken
    # The rounds stand side by side: what was between them (setup, teardown) is no part of the window.
    ends_s = list(accumulate(taken.durations_s))
    stamps = Stamps()
    stamps.starts_s, stamps.ends_s = [0.0, *ends_s[:-1]], ends_s
    recorder = Recorder(0.0, calls_per_sample=taken.calls)
    recorder.fold(stamps)
    elapsed_ns = round(ends_s[-1] * NS_PER_S)
    record = RunRecord(
        name=name,
        test_type=TestType.API_ENDPOINT,
        definition=_definition(measured),
        started_at=measured.started_at,
        elapsed_ns=elapsed_ns,
        window_ns=elapsed_ns,
        window_ok=recorder.counts.ok,
        counts=recorder.counts,
        latency=recorder.latency,
        series=recorder.series,
        clock=measure_clock(SYSTEM_CLOCK.now_s),
        circumstances=Circumstances(
            warmup_attempts=taken.warmup_calls, interruption="the operation raised" if measured.has_error else None
        ),
        fingerprint=this_machine(),
        metadata=_metadata(measured),
    )
    return judge(record, threshold, noted=noted)


def taken_of(record: RunRecord) -> Taken | None:
    """The rounds of which :func:`judged` made ``record``; None where it has none, or did not come to its end."""
    samples_ns, definition = record.latency.samples_ns, record.definition
    if not samples_ns or definition.target not in {CALIBRATED, PEDANTIC} or record.circumstances.interruption:
        return None
    taken = Taken()
    taken.calls, taken.is_calibrated = definition.calls_per_sample, definition.target == CALIBRATED
    taken.warmup_calls = record.circumstances.warmup_attempts
    taken.durations_s = [each / NS_PER_S for each in samples_ns]
    return taken


def _definition(measured: Measured) -> Definition:
    """What was asked for. Rounds that were calibrated are no part of it: there are others in every session."""
    asked = measured.options
    if not measured.taken.is_calibrated:
        return Definition(
            iterations=len(measured.taken.durations_s),
            warmup_iterations=0,
            calls_per_sample=measured.iterations,
            target=PEDANTIC,
        )
    return Definition(
        iterations=None,
        duration_s=asked.max_time,
        warmup_iterations=0,
        calls_per_sample=measured.iterations,
        plan=f"rounds of at least {asked.min_time:g} s, at least {asked.min_rounds}",
        target=CALIBRATED,
    )


def _metadata(measured: Measured) -> dict[str, object]:
    """The user's ``extra_info``, as far as it has a form in files, and the group."""
    told: dict[str, object] = {} if measured.group is None else {"group": measured.group}
    for key, value in measured.extra_info.items():
        try:
            told |= plain_metadata({str(key): value})
        except ValueError:  # of what has none, what it looks like
            told[str(key)] = repr(value)
    return told
