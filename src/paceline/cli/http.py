"""``paceline http``: load an HTTP endpoint."""

import click

from paceline.campaign.load import load_request
from paceline.cli.display import Progress
from paceline.cli.http_options import RequestOptions, request_options
from paceline.cli.load_options import DEFAULT_CONNECTIONS, LoadOptions, load_options
from paceline.cli.measuring import measure
from paceline.cli.options import OutputOptions, output_options
from paceline.cli.sweep_options import SweepOptions, sweep_options
from paceline.framework import PerformanceTestFramework
from paceline.judge.thresholds import PerformanceThreshold


@click.command("http")
@click.argument("url")
@click.option(
    "-c", "--connections", type=int, help=f"Kept open, one request in flight on each.  [default: {DEFAULT_CONNECTIONS}]"
)
@sweep_options
@click.option(
    "--dry",
    is_flag=True,
    help="Ask no server: each request is answered at once from memory. What can this generator make at all?",
)
@load_options
@request_options
@output_options
def command(
    url: str,
    connections: int | None,
    sweep: SweepOptions,
    load: LoadOptions,
    request: RequestOptions,
    thresholds: tuple[str, ...],
    output: OutputOptions,
    dry: bool,
    debug: bool,
) -> int:
    """Put a load on an HTTP/1.1 endpoint and say what it does under it.

    \b
    paceline http http://localhost:8000/records -c 50 -d 30s -t 'p(99)<200ms' -t 'error_rate<1%'
    paceline http http://localhost:8000/records --rate 500/s -c 100
    paceline http 'http://localhost:8000/records/{{id}}' --rows ids.csv --stage 30s:500/s
    paceline http http://localhost/ --dry -c 50 --processes auto

    Connections are a closed loop: each sends its next request when the last is answered, so a slow server gets less
    load. --rate is an open loop: requests are due at their time, and latency counts from then; -c says how many can be
    under way at once. Errors count in error_rate, not in latency.

    --dry leaves out the server, the kernel and the network: its figures are the generator's own, and no baseline takes
    them.

    Exit codes: 0 all held, 1 a limit is broken or every attempt failed, 2 interrupted, 3 could not run, 4 wrong use,
    6 the run supports no verdict.
    """  # noqa: D301  # \b is the character that keeps click from joining the lines
    del debug  # read by main(), before the command is known
    sweep.check("--connections", connections)
    target = request.target(url, connections, load.seed, dry=dry)
    run = load_request(
        target.part_names[0] if request.name is None else request.name,
        target,
        load.workload(connections),
        {},
        warmup_s=load.warmup_or_default_s,
        target_pids=load.target_pids,
        processes=load.processes,
        cluster=load.where,
        tolerated_loss=load.tolerated_loss,
        probe=False if request.no_probe else None,
    )
    requests = sweep.requests(run)
    threshold = PerformanceThreshold(expressions=thresholds) if thresholds else None

    def work(framework: PerformanceTestFramework, progress: Progress) -> None:
        progress.announce(f"{target.text}: connecting and warming up")
        sweep.run(framework, progress, requests, threshold, load.seed)

    return measure(output, work)
