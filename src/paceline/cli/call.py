"""``paceline call``: benchmark a callable by name."""

from dataclasses import replace

import click

from paceline.campaign.sweep import level_requests
from paceline.cli.display import Progress
from paceline.cli.load_options import DEFAULT_DURATION_S
from paceline.cli.measuring import measure
from paceline.cli.options import OutputOptions, duration, output_options, whole_numbers
from paceline.cli.sharing_options import SharingOptions, sharing_options
from paceline.cli.sweep_options import SweepOptions, sweep_options
from paceline.core.errors import ConfigurationError
from paceline.engine.request import RunRequest
from paceline.framework import PerformanceTestFramework
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.run_record import TestType
from paceline.targets.call import CallTarget
from paceline.targets.handover import ReferredCall
from paceline.targets.operation import Measured
from paceline.workload.fresh_processes import fresh_processes
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
@click.option("--runs", type=int, default=1, show_default=True, help="Fresh processes, one after the other.")
@click.option("--epochs", type=int, default=1, show_default=True, help="Measured windows in each process.")
@click.option("--seed", type=int, help="Of hash seeds, and of a sweep's order.  [default: another each time]")
@click.option("--timeout", "timeout_s", callback=duration, metavar="TIME", help="Limit of one call.")
@click.option("--setup", metavar="MODULE:FUNCTION", help="Called once before.")
@click.option("--teardown", metavar="MODULE:FUNCTION", help="Called once afterwards.")
@click.option("--target-pid", "target_pids", type=int, multiple=True, help="Process to observe. Repeatable.")
@click.option(
    "--type",
    "test_type",
    type=click.Choice([each.value for each in TestType]),
    help="What kind of thing it is, for the report.  [default: api_endpoint, of which the report says nothing]",
)
@sweep_options
@sharing_options
@output_options
def command(
    reference: str,
    iterations: int | None,
    duration_s: float | None,
    concurrency: tuple[int, ...] | None,
    warmup: int,
    batch: str | None,
    runs: int,
    epochs: int,
    seed: int | None,
    timeout_s: float | None,
    setup: str | None,
    teardown: str | None,
    target_pids: tuple[int, ...],
    test_type: str | None,
    sweep: SweepOptions,
    sharing: SharingOptions,
    thresholds: tuple[str, ...],
    output: OutputOptions,
    debug: bool,
) -> int:
    """Benchmark a callable that needs no arguments; coroutine functions are awaited.

    \b
    paceline call mypackage.queries:get_record -n 1000 -t 'p(95)<20ms'
    paceline call bench.py:lookup --batch auto
    paceline call mypackage.api:fetch -c 1,5,10,20 -d 10s
    paceline call mypackage.api:fetch --sweep 1,2,4,8,16,32 -d 5s
    paceline call bench.py:lookup -n 1000 --runs 5 --epochs 4
    paceline call mypackage.queries:get_record -c 8 -d 30s --processes 4
    """  # noqa: D301  # \b is the character that keeps click from joining the lines
    del debug  # read by main(), before the command is known
    if iterations is not None and duration_s is not None:
        raise ConfigurationError("--iterations and --duration exclude each other: name one")
    threshold = PerformanceThreshold(expressions=thresholds) if thresholds else None
    is_fresh = sweep.levels is None or max(runs, epochs) > 1
    fresh = fresh_processes(runs, epochs, seed if is_fresh else None)
    remake = ReferredCall(reference, setup, teardown)
    sweep.check("--concurrency", concurrency)
    if sweep.levels is not None and iterations is None and duration_s is None:
        duration_s = DEFAULT_DURATION_S  # a hundred calls are too few for any level
    workload = _workload(iterations, duration_s, warmup, batch)
    if concurrency is None and sweep.levels is None and sharing.is_shared:
        workload = sharing.at_least_one_each(workload)
    if sweep.levels is not None:
        _refuse_batch(workload, "--sweep")
        one = RunRequest(reference, TestType.CONCURRENT_LOAD, remake(), workload, {}, timeout_s, target_pids)
        requests = sweep.requests(one)
    else:
        requests = _requests(
            reference,
            None if test_type is None else TestType(test_type),
            remake(),
            workload,
            concurrency,
            timeout_s,
            target_pids,
        )
    requests = [sharing.shared(replace(request, fresh=fresh, remake=remake)) for request in requests]

    def work(framework: PerformanceTestFramework, progress: Progress) -> None:
        if sweep.levels is not None:
            sweep.run(framework, progress, requests, threshold, seed)
            return
        for request in requests:
            framework.run(request, threshold)

    return measure(output, work)


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
    test_type: TestType | None,
    target: CallTarget,
    workload: FixedIterations | ClosedLoop,
    concurrency: tuple[int, ...] | None,
    timeout_s: float | None,
    target_pids: tuple[int, ...],
) -> list[RunRequest]:
    if concurrency is None:
        kind = TestType.API_ENDPOINT if test_type is None else test_type
        said = test_type is not None
        return [RunRequest(name, kind, target, workload, {}, timeout_s, target_pids, kind_is_said=said)]
    _refuse_batch(workload, "--concurrency")
    return level_requests(name, Measured(target), concurrency, workload, {}, timeout_s, target_pids)


def _refuse_batch(workload: FixedIterations | ClosedLoop, option: str) -> None:
    if isinstance(workload, FixedIterations) and workload.batch is not None:
        raise ConfigurationError(f"--batch is for one worker: leave {option} out")
