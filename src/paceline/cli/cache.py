"""``paceline cache``: load a Redis or Valkey server."""

import click

from paceline.campaign.load import load_request
from paceline.cli.cache_options import CacheOptions, cache_options, checked_url
from paceline.cli.display import Progress
from paceline.cli.load_options import DEFAULT_CONNECTIONS, LoadOptions, load_options
from paceline.cli.measuring import measure
from paceline.cli.options import OutputOptions, output_options
from paceline.cli.sweep_options import SweepOptions, sweep_options
from paceline.framework import PerformanceTestFramework
from paceline.judge.thresholds import PerformanceThreshold


@click.command("cache")
@click.argument("url")
@click.option("-c", "--connections", type=int, help=f"Kept open.  [default: {DEFAULT_CONNECTIONS}]")
@sweep_options
@load_options
@cache_options
@output_options
def command(
    url: str,
    connections: int | None,
    sweep: SweepOptions,
    load: LoadOptions,
    cache: CacheOptions,
    thresholds: tuple[str, ...],
    output: OutputOptions,
    debug: bool,
) -> int:
    """Put a load on a Redis or Valkey server and say what it does under it.

    \b
    paceline cache redis://localhost -c 50 -d 30s -t 'p(99)<2ms'
    paceline cache redis://localhost/1 --keys 1000000 --key-pattern zipf --prefill 80% -t 'hit_rate>70%'
    paceline cache unix:///run/valkey.sock --operation get --pipeline 16 --rate 20000/s

    Keys live under a prefix of their own and are deleted afterwards; nothing else in the database is touched. What is
    done when a key is missing (get-or-fetch) takes code: CacheTarget in Python.

    Exit codes: 0 all held, 1 a limit is broken or every attempt failed, 2 interrupted, 3 could not run, 4 wrong use,
    6 the run supports no verdict.
    """  # noqa: D301  # \b is the character that keeps click from joining the lines
    del debug  # read by main(), before the command is known
    sweep.check("--connections", connections)
    target = cache.target(checked_url(url), connections, load.seed)
    run = load_request(
        f"cache {target.operation} {target.keys}" if cache.name is None else cache.name,
        target,
        load.workload(connections),
        {},
        warmup_s=load.warmup_or_default_s,
        target_pids=load.target_pids,
        processes=load.processes,
        cluster=load.where,
        tolerated_loss=load.tolerated_loss,
    )
    requests = sweep.requests(run)
    threshold = PerformanceThreshold(expressions=thresholds) if thresholds else None

    def work(framework: PerformanceTestFramework, progress: Progress) -> None:
        progress.announce(f"{target.text}: filling, connecting and warming up")
        sweep.run(framework, progress, requests, threshold, load.seed)

    return measure(output, work)
