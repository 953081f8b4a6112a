"""``paceline sql``: measure statements on a database."""

import click

from paceline.campaign.load import load_request
from paceline.cli.display import Progress
from paceline.cli.load_options import DEFAULT_CONNECTIONS, LoadOptions, load_options
from paceline.cli.measuring import measure
from paceline.cli.options import OutputOptions, output_options
from paceline.cli.sql_options import StatementOptions, statement_options
from paceline.cli.sweep_options import SweepOptions, sweep_options
from paceline.framework import PerformanceTestFramework
from paceline.judge.thresholds import PerformanceThreshold
from paceline.workload.models import has_arrivals


@click.command("sql")
@click.argument("url")
@click.argument("query", required=False)
@click.option(
    "-c", "--connections", type=int, help=f"Workers, each with its connection.  [default: {DEFAULT_CONNECTIONS}]"
)
@sweep_options
@load_options
@statement_options
@output_options
def command(
    url: str,
    query: str | None,
    connections: int | None,
    sweep: SweepOptions,
    load: LoadOptions,
    statement: StatementOptions,
    thresholds: tuple[str, ...],
    output: OutputOptions,
    debug: bool,
) -> int:
    """Measure statements on a database, and say by which plan it executes them.

    \b
    paceline sql sqlite:///shop.db 'SELECT * FROM orders WHERE id = :id' -p id=zipf:1-50000 -c 4
    paceline sql postgresql+psycopg://me@localhost/shop --file mix.sql -d 30s -t 'p(99)<20ms'
    paceline sql mysql+pymysql://me@localhost/shop 'UPDATE stock SET n = n - 1 WHERE id = :id' -p id=7 --commit

    URL is SQLAlchemy's. What writes is rolled back unless --commit says otherwise. Workers are a closed loop: each
    begins its next attempt when the last has ended; --rate is an open loop over -c connections.

    Exit codes: 0 all held, 1 a limit is broken or every attempt failed, 2 interrupted, 3 could not run, 4 wrong use,
    6 the run supports no verdict.
    """  # noqa: D301  # \b is the character that keeps click from joining the lines
    del debug  # read by main(), before the command is known
    sweep.check("--connections", connections)
    workload = load.workload(connections)
    target = statement.target(url, query, load.seed, connections if has_arrivals(workload) else None)
    run = load_request(
        target.name if statement.name is None else statement.name,
        target,
        workload,
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
        progress.announce(f"{target.text}: connecting and warming up")
        sweep.run(framework, progress, requests, threshold, load.seed)

    return measure(output, work)
