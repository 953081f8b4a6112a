"""``paceline demo``: the whole thing on an embedded service, database and cache."""

from pathlib import Path

import click

from paceline.cli.display import Progress, show_lines
from paceline.cli.exit_codes import ExitCode
from paceline.cli.measuring import measure
from paceline.cli.options import FILE, OutputOptions, display_options
from paceline.demo.tour import run_demo
from paceline.framework import PerformanceTestFramework

_OUTPUT = Path("paceline-demo")


@click.command("demo")
@click.option(
    "-o", "--output", type=FILE, default=_OUTPUT, show_default=True, metavar="FOLDER", help="Where the files go."
)
@click.option("--resume", is_flag=True, help="Go on where a demo was cut off.")
@display_options
def command(output: Path, resume: bool, quiet: bool, no_color: bool, debug: bool) -> int:
    """Measure a real API, a real database and a real cache on this machine, in under a minute.

    Starts a small records service, its SQLite database and a Valkey cache on loopback, measures them, prints the
    report and writes it as report.html and report.txt, with results.json and baseline.json. A second run is compared
    with the first. Needs pip install 'paceline[demo]'.
    """
    del debug  # read by main()
    summary: list[str] = []

    def work(framework: PerformanceTestFramework, progress: Progress) -> None:
        outcome = run_demo(output, framework, progress.announce)
        page, *others = outcome.files
        beside = ", ".join(path.name for path in others)
        summary.extend(
            ("", *outcome.summary, f"beside the report, in {output}: {beside}", f"open it in a browser: {page}")
        )

    code = measure(OutputOptions(resume=resume, quiet=quiet, no_color=no_color), work)
    if not quiet:
        show_lines(summary)
    # A tour is no gate: where a busy machine allows no verdict, the report says so, and that is all it has to do.
    return ExitCode.HELD if code == ExitCode.NO_VERDICT else code
