"""Around the runs of every measuring command: check paths first, journal, save, show, choose the exit code."""

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from paceline.campaign.suite import is_whole
from paceline.cli.display import Progress, show_report
from paceline.cli.exit_codes import exit_code_of
from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.errors import OutputError, PacelineWarning
from paceline.core.redaction import redact
from paceline.core.units import counted
from paceline.framework import PerformanceTestFramework
from paceline.judge.result import TestResult
from paceline.store.codec import encode_results
from paceline.store.files import check_writable
from paceline.store.journal import FOLDER, Journal, new_journal, newest_journal
from paceline.sysmon.fingerprint import this_machine

_STDOUT = Path("-")
# What may differ between a command that was cut off and the one that goes on with it.
_NOT_PART_OF_THE_WORK = frozenset({"--resume", "-q", "--quiet", "--no-color", "--debug"})


@dataclass(frozen=True)
class OutputOptions:
    """Where results go; the fields are the options of the same names."""

    baseline: Path | None = None
    save_baseline: Path | None = None
    json_file: Path | None = None
    strict: bool = False
    resume: bool = False
    quiet: bool = False
    no_color: bool = False
    folder: Path = FOLDER


def measure(options: OutputOptions, work: Callable[[PerformanceTestFramework, Progress], None]) -> int:
    """Let ``work`` make its runs, then save and show what came of them.

    Args:
        options: where results go.
        work: makes the runs with the framework it is given.

    Returns:
        The exit code.

    Raises:
        OutputError: an output path cannot be written; found before ``work`` is called.
        BaselineError: the baseline is none.
    """
    for path in (options.save_baseline, options.json_file):
        if path is not None and path != _STDOUT:
            check_writable(path)
    progress = Progress(quiet=options.quiet)
    command = " ".join(redact(word) for word in sys.argv[1:] if word not in _NOT_PART_OF_THE_WORK)
    journal, finished = _journal(command, options)
    framework = PerformanceTestFramework(
        journal=journal,
        observer=progress,
        finished=finished,
        # A session that is gone on with is still the same one: a baseline must not get its figures twice.
        session_id=None if journal is None else journal.path.stem,
    )
    interrupted = clean = False
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.simplefilter("always", PacelineWarning)
        try:
            if options.baseline is not None:
                framework.load_baseline(options.baseline)
            try:
                work(framework, progress)
            except KeyboardInterrupt:
                interrupted = True
            finally:
                progress.clear()
            _save_and_show(framework, options)
            clean = not interrupted
        finally:
            _close(journal, framework, clean=clean)
    return exit_code_of(framework.results, interrupted=interrupted, strict=options.strict)


def _journal(command: str, options: OutputOptions) -> tuple[Journal | None, tuple[TestResult, ...]]:
    if options.resume:
        broken_off = newest_journal(command, options.folder)
        if broken_off is not None:
            path, content = broken_off
            for notice in content.notices:
                _say(notice)
            finished = sum(is_whole(result) for result in content.results)
            _say(f"going on after {counted(finished, 'finished result')} of {path}")
            return Journal(path), content.results
        _say("nothing to resume: there is no journal of this command; starting anew")
    try:
        return new_journal(SYSTEM_CLOCK, command, options.folder), ()
    except OutputError as error:
        # A read-only folder is no reason not to measure; a crash would cost the results, and that is said.
        _say(f"measuring without a journal: {error}")
        return None, ()


def _save_and_show(framework: PerformanceTestFramework, options: OutputOptions) -> None:
    if options.json_file is not None:
        if options.json_file == _STDOUT:
            content = encode_results(framework.results, this_machine(), utc_text(SYSTEM_CLOCK.utc_now()))
            click.echo(content, nl=False)
        else:
            framework.export_json(options.json_file)
    if options.save_baseline is not None:
        framework.save_baseline(options.save_baseline)
    if not options.quiet and options.json_file != _STDOUT:
        show_report(framework.generate_report(), no_color=options.no_color)


def _close(journal: Journal | None, framework: PerformanceTestFramework, *, clean: bool) -> None:
    if journal is None:
        return
    keep = not clean and bool(framework.results)
    journal.close(remove=not keep)
    if keep:
        _say(f"what was measured is in {journal.path}: 'paceline report {journal.path}' shows it, --resume goes on")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _say(str(message))


def _say(text: str) -> None:
    click.echo(f"paceline: {redact(text)}", err=True)
