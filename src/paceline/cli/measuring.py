"""Around the runs of every measuring command: check paths first, journal, save, show, choose the exit code."""

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from paceline.campaign.suite import is_whole
from paceline.cli.display import Progress, report_width, show, show_report
from paceline.cli.exit_codes import exit_code_of
from paceline.cli.options import OutputOptions
from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.errors import ConfigurationError, OutputError, PacelineError, PacelineWarning
from paceline.core.redaction import HIDDEN, redact
from paceline.core.units import counted
from paceline.framework import PerformanceTestFramework
from paceline.judge.result import TestResult
from paceline.records.run_record import RunRecord
from paceline.report.document import document_of
from paceline.report.layout import page, printable
from paceline.store.baselines import load_own_baseline
from paceline.store.codec import encode_results
from paceline.store.files import check_writable, write_atomically
from paceline.store.history import append, opened
from paceline.store.journal import Journal, new_journal, newest_journal
from paceline.sysmon.fingerprint import this_machine
from paceline.sysmon.revision import current_revision

_STDOUT = Path("-")
# What may differ between a command that was cut off and the one that goes on with it.
_NOT_PART_OF_THE_WORK = frozenset({"--resume", "-q", "--quiet", "--no-color", "--debug"})

# Options whose values are credentials, or may be: user and password, token, headers.
_BEFORE_CREDENTIALS = re.compile(r"--user|--bearer|--header|-[A-Za-z]*[uH]")
_ATTACHED = re.compile(r"(?:--user|--bearer|--header)=|-[uH](?=.)")


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
    options = _checked(options)
    folder = Path.cwd()  # of the code that is measured, which may go elsewhere
    progress = Progress(quiet=options.quiet, no_color=options.no_color)
    command = " ".join(without_credentials(word for word in sys.argv[1:] if word not in _NOT_PART_OF_THE_WORK))
    journal, finished, begun = _journal(command, options)
    framework = PerformanceTestFramework(
        journal=journal,
        observer=progress,
        finished=finished,
        begun=begun,
        # A session that is gone on with is still the same one: a baseline must not get its figures twice.
        session_id=None if journal is None else journal.path.stem,
    )
    stopped_by: BaseException | None = None
    clean = False
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.simplefilter("always", PacelineWarning)
        try:
            try:
                if options.baseline is not None and options.baseline.exists():
                    framework.load_baseline(options.baseline)
                elif options.baseline is not None:
                    _say(f"there is no baseline {options.baseline} yet: --save-baseline {options.baseline} makes it")
                if options.save_baseline is not None:
                    framework.calibrate()
                work(framework, progress)
            except (KeyboardInterrupt, PacelineError) as error:
                stopped_by = error
            finally:
                progress.clear(interrupted=isinstance(stopped_by, KeyboardInterrupt))
            # Whatever ended the work: what was measured is shown and saved. Where nothing was, files stay as they are.
            if framework.results:
                _show_and_save(framework, options, folder)
            elif isinstance(stopped_by, KeyboardInterrupt):
                _say("interrupted before anything was measured")
            clean = stopped_by is None
        finally:
            measured = any(result.metrics.iterations for result in (*framework.results, *finished))
            _close(journal, measured=measured, clean=clean)
    if isinstance(stopped_by, PacelineError):
        raise stopped_by
    return exit_code_of(framework.results, interrupted=stopped_by is not None, strict=options.strict)


def without_credentials(words: Iterable[str]) -> Iterator[str]:
    """The words of a command line as they may stand in a file."""
    hides_next = False
    for word in words:
        attached = _ATTACHED.match(word)
        if hides_next:
            yield HIDDEN
        elif attached is not None:
            yield f"{attached[0]}{HIDDEN}"
        else:
            yield redact(word)
        hides_next = not hides_next and _BEFORE_CREDENTIALS.fullmatch(word) is not None


def _checked(options: OutputOptions) -> OutputOptions:
    """The options with absolute paths, for the operation may change the folder; nothing is left to fail later.

    Raises:
        OutputError: a file or the history cannot be written.
        BaselineError: the file to add to is no baseline.
        FileFormatError: the history is none.
        ConfigurationError: two outputs have one path.
    """
    to_stdout = options.json_file == _STDOUT
    baseline, saved, results, html, junit = (
        None if path is None else Path(os.path.abspath(path))  # noqa: PTH100  # links are followed when written
        for path in (
            options.baseline,
            options.save_baseline,
            None if to_stdout else options.json_file,
            options.html,
            options.junit,
        )
    )
    written: dict[Path, str] = {}
    for option, path in (("--json", results), ("--html", html), ("--junit", junit), ("--save-baseline", saved)):
        if path is None:
            continue
        if path in written:
            raise ConfigurationError(f"{written[path]} and {option} both name {path}: give each a file of its own")
        written[path] = option
        check_writable(path)
    if saved is not None and saved.exists():
        load_own_baseline(saved)
    history = options.history
    if history is not None and "://" not in history:
        history = os.path.abspath(history)  # noqa: PTH100  # likewise
    if history is not None:
        with opened(history, write=True, create=True):
            pass  # that it can be written shows before anything is measured
    return replace(
        options,
        baseline=baseline,
        save_baseline=saved,
        json_file=options.json_file if to_stdout else results,
        html=html,
        junit=junit,
        history=history,
    )


def _journal(
    command: str, options: OutputOptions
) -> tuple[Journal | None, tuple[TestResult, ...], tuple[RunRecord, ...]]:
    if options.resume:
        broken_off = newest_journal(command)
        if broken_off is not None:
            path, content = broken_off
            for notice in content.notices:
                _say(notice)
            finished = sum(is_whole(result) for result in content.results)
            repeats = f" and {counted(len(content.repeats), 'run')} of a sweep" if content.repeats else ""
            _say(f"going on after {counted(finished, 'finished result')}{repeats} of {path}")
            return Journal(path), content.results, content.repeats
        _say("nothing to resume: there is no journal of this command; starting anew")
    try:
        return new_journal(SYSTEM_CLOCK, command), (), ()
    except OutputError as error:
        # A read-only folder is no reason not to measure; a crash would cost the results, and that is said.
        _say(f"measuring without a journal: {error}")
        return None, (), ()


def _show_and_save(framework: PerformanceTestFramework, options: OutputOptions, folder: Path) -> None:
    if not options.quiet and options.json_file != _STDOUT:
        with page(report_width()):
            text = framework.generate_report()
        show_report(text, no_color=options.no_color)
    if options.json_file == _STDOUT:
        now = utc_text(SYSTEM_CLOCK.utc_now())
        show(encode_results(framework.results, this_machine(), now, revision=current_revision(folder)))
    elif options.json_file is not None:
        framework.export_json(options.json_file)
    if options.junit is not None:
        from paceline.report.junit import render_junit

        document = document_of(framework.results, this_machine(), utc_text(SYSTEM_CLOCK.utc_now()))
        write_atomically(options.junit, render_junit(document))
    if options.save_baseline is not None:
        framework.save_baseline(options.save_baseline)
    if options.history is not None:
        revision = current_revision(folder)
        added = append(options.history, framework.results, branch=revision.branch, commit=revision.commit)
        if not options.quiet:
            _say(f"{counted(added.added, 'session')} added to the history; 'paceline history trend TEST' shows it")
    if options.html is not None:  # after the history, which it shows
        from paceline.cli.html import page_of

        write_atomically(options.html, page_of(framework.results, history=options.history))


def _close(journal: Journal | None, *, measured: bool, clean: bool) -> None:
    if journal is None:
        return
    keep = not clean and measured
    journal.close(remove=not keep)
    if keep:
        _say(f"what was measured is in {journal.path}: 'paceline report {journal.path}' shows it, --resume goes on")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _say(str(message))


def _say(text: str) -> None:
    click.echo(f"paceline: {printable(redact(text))}", err=True)
