"""The end of a session: whatever ended it, what was measured is written, and the exit code says what came of it."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.errors import PacelineError, PacelineWarning
from paceline.core.units import counted
from paceline.judge.duet import judge_duets
from paceline.judge.result import TestResult
from paceline.pytest_plugin.outcome import supports_no_verdict
from paceline.pytest_plugin.session import PerfSession
from paceline.records.duet import DuetRecord
from paceline.report.document import document_of
from paceline.report.duet_junit import duet_suites
from paceline.report.junit import suites_as_xml, suites_of
from paceline.store.files import write_atomically
from paceline.sysmon.fingerprint import this_machine

_OK, _USAGE_ERROR, _NOTHING, _NO_VERDICT = 0, 4, 5, 6


def finish(session: PerfSession, exit_code: int, *, broken_off: bool) -> int:
    """Write what was asked for.

    Args:
        session: of this process, in which something was measured or about to be.
        exit_code: pytest's.
        broken_off: whether tests were left out that would have been run.

    Returns:
        The exit code.
    """
    results = session.framework.results
    has_measured = bool(results or session.framework.duets)
    if session.options.only and not has_measured and exit_code == _OK:
        exit_code = _NOTHING
    written = True
    if has_measured:
        try:
            _write(session)
        except PacelineError as error:
            session.notices.append(str(error))
            written = False
            exit_code = _USAGE_ERROR if exit_code == _OK else exit_code
    _close(session, keep=broken_off or bool(session.skipped) or not written)
    if exit_code == _OK and session.is_strict and supports_no_verdict(session):
        exit_code = _NO_VERDICT
    return exit_code


def _write(session: PerfSession) -> None:
    options, framework = session.options, session.framework
    if options.json is not None:
        framework.export_json(options.json)
    if options.junit is not None:
        document = document_of(framework.results, this_machine(), utc_text(SYSTEM_CLOCK.utc_now()))
        suites = [*suites_of(document), *duet_suites(judge_duets(framework.duets), {})]
        write_atomically(options.junit, suites_as_xml(suites))
    if options.save_baseline is not None:
        _save_baseline(session, options.save_baseline)
    baseline = framework.baseline_metrics
    measured = {result.metrics.test_name for result in framework.results}
    if baseline and measured and not measured & set(baseline):
        known = ", ".join(sorted(baseline)[:3])
        session.notices.append(
            f"the baseline has none of the {counted(len(measured), 'test')} measured; it has {known}: "
            "is it another project's?"
        )
    if session.settings.history is not None:
        _add_to_history(session, session.settings.history)
    if options.html is not None:  # after the history, which it shows
        write_atomically(options.html, _page(session))


def _page(session: PerfSession) -> bytes:
    from paceline.campaign.trends import trends_of
    from paceline.judge.duet import judge_duets
    from paceline.report.html.page import render_html

    framework = session.framework
    document = document_of(framework.results, this_machine(), utc_text(SYSTEM_CLOCK.utc_now()))
    history = session.settings.history
    return render_html(
        document,
        duets=judge_duets(framework.duets) if framework.duets else None,
        trends=() if history is None else trends_of(history, document.worst_first),
    ).encode()


def _save_baseline(session: PerfSession, path: Path) -> None:
    """Save what was measured, less the results of tests that failed: what does the wrong thing is no reference."""
    framework = session.framework
    unfit = {each.metrics.test_name for nodeid in session.failed for each in session.results.get(nodeid, ())}
    results = framework.results
    kept = list(results)
    results[:] = [each for each in kept if each.metrics.test_name not in unfit]
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", PacelineWarning)
            saved = framework.save_baseline(path)
    finally:
        results[:] = kept
    session.notices += [f"{name} was not saved to {path}: its test failed" for name in sorted(unfit)]
    session.notices += [str(each.message) for each in caught]
    session.notices.append(f"{counted(len(saved.saved), 'test')} saved to {saved.path}")


def _add_to_history(session: PerfSession, url: str) -> None:
    from paceline.store.history import append
    from paceline.sysmon.revision import current_revision

    here = current_revision(session.folder)
    added = append(url, session.framework.results, branch=here.branch, commit=here.commit)
    session.notices.append(f"{counted(added.added, 'session')} added to the history")


def _names(results: Sequence[TestResult], duets: Sequence[DuetRecord]) -> set[str]:
    return {result.metrics.test_name for result in results} | {duet.name for duet in duets}


def _close(session: PerfSession, *, keep: bool) -> None:
    journal = session.journal
    if journal is None:
        return
    measured = _names(session.framework.results, session.framework.duets)
    left = _names(session.finished, session.finished_duets) - measured
    keep = (keep and bool(measured)) or bool(left)
    session.close(remove=not keep)
    if keep:
        session.notices.append(
            f"what was measured is in {journal.path}: 'paceline report {journal.path}' shows it, --perf-resume goes on"
        )
