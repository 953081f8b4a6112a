"""``paceline call``: benchmark a callable by name."""

from pathlib import Path

import click

from paceline.campaign.sweep import checked_levels, level_requests
from paceline.cli.display import Progress
from paceline.cli.measuring import OutputOptions, measure
from paceline.cli.options import duration, output_options, whole_numbers
from paceline.core.errors import ConfigurationError
from paceline.engine.request import RunRequest
from paceline.framework import PerformanceTestFramework
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.run_record import TestType
from paceline.targets.call import CallTarget
from paceline.targets.reference import load_reference
from paceline.workload.models import AUTO, ClosedLoop, FixedIterations

_ITERATIONS = 100


@click.command("call")
@click.argument("reference", metavar="MODULE:FUNCTION")
@click.option("-n", "--iterations", type=int, help=f"Measured calls in all.  [default: {_ITERATIONS}]")
@click.option(
    "-d",
    "--duration",
    "duration_s",
    callback=duration,
    metavar="TIME",
    help="Call for so long instead, as 30s or 1m30s.",
)
@click.option(
    "-c",
    "--concurrency",
    callback=whole_numbers,
    metavar="N,...",
    help="Workers at once; several levels as 1,5,10.",
)
@click.option("-w", "--warmup", type=int, default=10, show_default=True, help="Calls before that do not count.")
@click.option("--batch", metavar="auto|N", help="Calls a sample, for functions shorter than about 10 us.")
@click.option("--timeout", "timeout_s", callback=duration, metavar="TIME", help="Limit of one call.")
@click.option("--setup", metavar="MODULE:FUNCTION", help="Called once before.")
@click.option("--teardown", metavar="MODULE:FUNCTION", help="Called once afterwards.")
@click.option("--target-pid", "target_pids", type=int, multiple=True, help="Process to observe. Repeatable.")
@click.option(
    "--type",
    "test_type",
    type=click.Choice([each.value for each in TestType]),
    default=TestType.API_ENDPOINT.value,
    show_default=True,
    help="What kind of thing it is, for the report.",
)
@output_options
def command(
    reference: str,
    iterations: int | None,
    duration_s: float | None,
    concurrency: tuple[int, ...] | None,
    warmup: int,
    batch: str | None,
    timeout_s: float | None,
    setup: str | None,
    teardown: str | None,
    target_pids: tuple[int, ...],
    test_type: str,
    thresholds: tuple[str, ...],
    baseline: Path | None,
    save_baseline: Path | None,
    json_file: Path | None,
    strict: bool,
    resume: bool,
    quiet: bool,
    no_color: bool,
    debug: bool,
) -> int:
    """Benchmark a callable that needs no arguments; coroutine functions are awaited.

    \b
    paceline call mypackage.queries:get_record -n 1000 -t 'p(95)<20ms'
    paceline call bench.py:lookup --batch auto
    paceline call mypackage.api:fetch -c 1,5,10,20 -d 10s
    """  # noqa: D301  # \b is the character that keeps click from joining the lines
    del debug  # read by main(), before the command is known
    if iterations is not None and duration_s is not None:
        raise ConfigurationError("--iterations and --duration exclude each other: name one")
    threshold = PerformanceThreshold(expressions=thresholds) if thresholds else None
    target = CallTarget(
        load_reference(reference),
        load_reference(setup) if setup else None,
        load_reference(teardown) if teardown else None,
    )
    workload = _workload(iterations, duration_s, warmup, batch)
    requests = _requests(reference, TestType(test_type), target, workload, concurrency, timeout_s, target_pids)

    def work(framework: PerformanceTestFramework, _: Progress) -> None:
        for request in requests:
            framework.run(request, threshold)

    options = OutputOptions(baseline, save_baseline, json_file, strict, resume, quiet, no_color)
    return measure(options, work)


def _workload(
    iterations: int | None, duration_s: float | None, warmup: int, batch: str | None
) -> FixedIterations | ClosedLoop:
    if duration_s is not None:
        if batch is not None:
            raise ConfigurationError("--batch goes with --iterations, not with --duration")
        return ClosedLoop(1, duration_s, warmup)
    calls: int | str | None = batch
    if batch is not None and batch != AUTO:
        if not batch.isdecimal():
            raise ConfigurationError(f"--batch is 'auto' or a whole number, not {batch!r}")
        calls = int(batch)
    return FixedIterations(_ITERATIONS if iterations is None else iterations, warmup, batch=calls)


def _requests(
    name: str,
    test_type: TestType,
    target: CallTarget,
    workload: FixedIterations | ClosedLoop,
    concurrency: tuple[int, ...] | None,
    timeout_s: float | None,
    target_pids: tuple[int, ...],
) -> list[RunRequest]:
    if concurrency is None:
        return [RunRequest(name, test_type, target, workload, {}, timeout_s, target_pids)]
    if isinstance(workload, FixedIterations) and workload.batch is not None:
        raise ConfigurationError("--batch is for one worker: leave --concurrency out")
    levels = checked_levels(concurrency)
    return list(level_requests(name, target, levels, workload, {}, timeout_s, target_pids))
