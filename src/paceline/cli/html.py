"""The page for browsers: what the commands that write one have in common."""

from collections.abc import Sequence
from pathlib import Path

from paceline.campaign.trends import trends_of
from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.errors import ConfigurationError
from paceline.judge.capacity import CapacityResult
from paceline.judge.result import TestResult
from paceline.report.document import Document, document_of
from paceline.store.duets import StoredDuets
from paceline.store.files import check_writable
from paceline.sysmon.fingerprint import this_machine


def checked(html: Path | None, json_file: Path | None) -> Path | None:
    """The absolute path of a page that can be written, beside a JSON file.

    Raises:
        ConfigurationError: both have one path.
        OutputError: it cannot be written.
    """
    if html is None:
        return None
    if json_file is not None and json_file.absolute() == html.absolute():
        raise ConfigurationError(f"--json and --html both name {html}: give each its own file")
    check_writable(html)
    return html.absolute()


def page_of(results: Sequence[TestResult], duets: StoredDuets | None = None, history: str | None = None) -> bytes:
    """The page about what was just measured; with the histories of its tests, if there is one at ``history``."""
    document = document_of(results, this_machine(), utc_text(SYSTEM_CLOCK.utc_now()))
    return page_about(document, duets, history)


def page_about(
    document: Document,
    duets: StoredDuets | None,
    history: str | None = None,
    source: str = "these duets",
    capacities: Sequence[CapacityResult] = (),
) -> bytes:
    """The page about a session, its duets and its history.

    Raises:
        ConfigurationError, FileFormatError: the history cannot be read, or the duets of ``source`` cannot be judged.
    """
    from paceline.report.html.page import render_html

    trends = () if history is None else trends_of(history, document.worst_first)
    if duets is None:
        return render_html(document, trends=trends, capacities=capacities).encode()
    text = render_html(
        document,
        duets=duets.judged(source),
        left_out=duets.left_out,
        notices=duets.notices,
        rule=duets.rule,
        trends=trends,
        capacities=capacities,
    )
    return text.encode()
