"""``paceline history``: sessions kept over months, and where they changed."""

import re
import sys
from collections.abc import Callable
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click

from paceline.cli.display import show
from paceline.cli.exit_codes import ExitCode
from paceline.cli.options import FILE, duration, with_options
from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.core.redaction import redact
from paceline.core.units import counted
from paceline.judge.trend import HistoryTrend, judge_trend
from paceline.records.quantities import MEDIAN, QUANTITIES
from paceline.report.text import printable
from paceline.report.trend_text import render_tests, render_trend
from paceline.store.codec import encode
from paceline.store.files import check_writable, write_atomically
from paceline.store.history import DEFAULT_URL, TREND_SESSIONS, History, opened
from paceline.store.imports import sessions_in
from paceline.sysmon.revision import current_revision

TREND_SCHEMA = "paceline/trend/1"

_Command = TypeVar("_Command", bound=Callable[..., Any])
_STDOUT = Path("-")
_DAYS = re.compile(r"(\d{1,6})d")
_HOURS_PER_DAY = 24


def _age(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """Callback of an option such as ``90d``, or any other duration: seconds."""
    days = _DAYS.fullmatch(text or "")
    return duration(context, parameter, f"{_HOURS_PER_DAY * int(days[1])}h" if days else text)


def _options(command: _Command) -> _Command:
    return with_options(
        command,
        click.option(
            "--db", "url", metavar="URL", default=DEFAULT_URL, envvar="PACELINE_HISTORY", show_default=True,
            help="The history: a file of SQLite, or any address SQLAlchemy knows, such as postgresql+psycopg://HOST/NAME."
            " Also: PACELINE_HISTORY in the environment.",
        ),
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
    )  # fmt: skip


@click.group("history")
def command() -> None:
    """Keep the sessions of months, and find where a test became slower."""


@command.command("import")
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--branch", help="Branch that was measured; by default git's, or the build server's.")
@click.option("--commit", help="Commit that was measured; by default git's, or the build server's.")
@_options
def import_files(files: tuple[Path, ...], branch: str | None, commit: str | None, url: str, debug: bool) -> int:
    """Add the results of FILES: written by --json or export_json, journals, JSON of pytest-benchmark or pyperf.

    What is there stays as it is. A branch and a commit that such JSON names go before those of the current folder.

    A file that cannot be read is named and passed over; the others are imported, and the exit code is 4.
    """
    del debug  # read by main()
    here = current_revision(Path.cwd())
    failed = False
    with opened(url, write=True, create=True) as history:
        for file in files:
            try:
                found = sessions_in(file, branch=branch, commit=commit, otherwise=here)
            except FileFormatError as error:
                click.echo(f"paceline: {printable(redact(str(error)))}; nothing of it was added", err=True)
                failed = True
                continue
            if found.is_assumed and here.commit:
                told = (
                    f"{file} does not say which commit was measured: taken is that of this folder, {here.commit[:12]}"
                )
                click.echo(f"paceline: {printable(redact(told))}; --commit says another", err=True)
            done = history.add(found.sessions)
            known = f", {counted(done.known, 'session')} already there" if done.known else ""
            show(f"{printable(str(file))}: {counted(done.added, 'session')} added{known}\n")
    return ExitCode.USAGE if failed else ExitCode.HELD


@command.command("list")
@_options
def list_tests(url: str, debug: bool) -> int:
    """Show which tests there are, how many sessions of each, and when the newest was."""
    del debug  # read by main()
    with opened(url) as history:
        show(_as_shown(render_tests(history.tests())))
    return ExitCode.HELD


@command.command("trend")
@click.argument("test")
@click.option("--branch", help="By default that of the newest session.")
@click.option(
    "--metric", type=click.Choice(list(QUANTITIES)), default=MEDIAN.key, show_default=True, help="What is looked at."
)
@click.option(
    "--last", type=click.IntRange(min=1), default=TREND_SESSIONS, show_default=True, help="How many sessions at most."
)
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write it to FILE instead ('-': stdout).")
@_options
def trend(test: str, branch: str | None, metric: str, last: int, json_file: Path | None, url: str, debug: bool) -> int:
    """Show how TEST went, and at which commits its level changed."""
    del debug  # read by main()
    if json_file is not None and json_file != _STDOUT:
        check_writable(json_file)
    with opened(url) as history:
        series = history.series(test, QUANTITIES[metric], branch=branch, last=last)
        if series is None:
            raise ConfigurationError(_no_sessions(history, test, branch))
    found = judge_trend(series)
    if json_file is None:
        show(_as_shown(render_trend(found, unicode=_has_blocks())))
    elif json_file == _STDOUT:
        show(document(found))
    else:
        write_atomically(json_file, document(found))
    return ExitCode.HELD


@command.command("prune")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="Keep the newest N sessions of each series.")
@click.option("--older-than", callback=_age, metavar="AGE", help="Remove sessions older than this, such as 90d or 12h.")
@_options
def prune(keep: int | None, older_than: float | None, url: str, debug: bool) -> int:
    """Remove old sessions. A series is what trend shows: one test, branch, machine and definition."""
    del debug  # read by main()
    if keep is None and older_than is None:
        raise ConfigurationError("say what is to be removed: --keep N, --older-than 90d, or both")
    before = None
    if older_than is not None:
        try:
            before = utc_text(SYSTEM_CLOCK.utc_now() - timedelta(seconds=older_than))
        except OverflowError as error:
            raise ConfigurationError("--older-than reaches back beyond the calendar; nothing is that old") from error
    with opened(url, write=True) as history:
        show(f"{counted(history.prune(keep=keep, before=before), 'session')} removed\n")
    return ExitCode.HELD


def document(found: HistoryTrend) -> bytes:
    """What ``trend --json`` writes; ``docs/files.md`` shows it."""
    return encode({"schema": TREND_SCHEMA, "trend": found}) + b"\n"


def _no_sessions(history: History, test: str, branch: str | None) -> str:
    names = [summary.test for summary in history.tests()]
    if test in names:
        return f"there is no session of {test!r} on branch {branch!r}; leave --branch out for that of the newest"
    close = get_close_matches(test, names) or names[:5]
    there = ", ".join(map(repr, close)) if close else "none at all"
    return f"there is no session of {test!r}; 'paceline history list' shows all tests, such as {there}"


def _has_blocks() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "").startswith("utf")


def _as_shown(text: str) -> str:
    """``text`` with escapes for what the screen does not have."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
