"""``paceline report``: show a results file or a journal, or write it in other formats."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from paceline.cli.display import report_width, show, show_report
from paceline.cli.html import page_about
from paceline.cli.options import FILE
from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.judge.capacity import CapacityResult, judge_capacity
from paceline.judge.duet import SuiteVerdict
from paceline.judge.result import TestResult
from paceline.report.capacity_text import render_capacities
from paceline.report.document import Document, document_of
from paceline.report.duet_text import render_duets
from paceline.report.layout import page
from paceline.report.text import render_text
from paceline.store.capacities import read_capacities
from paceline.store.codec import read_results
from paceline.store.duets import StoredDuets, read_duets
from paceline.store.files import check_writable, write_atomically
from paceline.store.history import DEFAULT_URL
from paceline.store.journal import is_journal, read_journal
from paceline.sysmon.fingerprint import this_machine


@click.command("report")
@click.argument("file", type=FILE)
@click.option("--text", "text_file", type=FILE, metavar="OUT", help="Write the report to OUT instead of the screen.")
@click.option("--html", type=FILE, metavar="OUT", help="Write a page for browsers to OUT: one file, nothing to load.")
@click.option("--svg", type=FILE, metavar="OUT", help="Write a picture of all latencies to OUT, for a README.")
@click.option("--junit", type=FILE, metavar="OUT", help="Write JUnit XML to OUT, a suite with one case for each test.")
@click.option("--markdown", type=FILE, metavar="OUT", help="Write Markdown to OUT, for a pull-request comment.")
@click.option("--csv", "csv_file", type=FILE, metavar="OUT", help="Write the figures to OUT, a row for each test.")
@click.option(
    "--smaller-is-better", type=FILE, metavar="OUT", help="Write JSON to OUT for github-action-benchmark."
)  # fmt: skip
@click.option(
    "--history", is_flag=False, flag_value=DEFAULT_URL, metavar="[URL]", help="Show in the page how the tests went."
)  # fmt: skip
@click.option("--annotations", is_flag=True, help="Print annotations for GitHub Actions instead of the report.")
@click.option("--no-color", is_flag=True, help="No colours (also: NO_COLOR in the environment).")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(
    file: Path,
    text_file: Path | None,
    html: Path | None,
    svg: Path | None,
    junit: Path | None,
    markdown: Path | None,
    csv_file: Path | None,
    smaller_is_better: Path | None,
    history: str | None,
    annotations: bool,
    no_color: bool,
    debug: bool,
) -> int:
    """Show the report of FILE: results written by --json or export_json, or a journal in .paceline/.

    Where OUT is given, the screen stays empty. Duets are in the text, the page, JUnit, Markdown and annotations,
    searches for the highest load in the text, the page and JUnit.
    """
    del debug  # read by main()
    wanted = {
        "--text": text_file,
        "--html": html,
        "--svg": svg,
        "--junit": junit,
        "--markdown": markdown,
        "--csv": csv_file,
        "--smaller-is-better": smaller_is_better,
    }
    outputs = {option: path for option, path in wanted.items() if path is not None}
    if history is not None and html is None:
        raise ConfigurationError("--history is for the page: name its file with --html OUT")
    _check(outputs)
    content = _content(file, history)
    for option in _OF_RESULTS & outputs.keys():
        if content.duets is not None and not content.document.results:
            raise ConfigurationError(f"{file} holds duets and no results: {option} has no place for them; --json has")
    for option, path in outputs.items():
        write_atomically(path, _WRITERS[option](content))
    if annotations:
        show(_annotations(content))
    elif not outputs:
        with page(report_width()):
            text = _text(content)
        show_report(text, no_color=no_color)
    return 0


@dataclass(frozen=True)
class _Content:
    """What a file holds, judged."""

    document: Document
    duets: StoredDuets | None
    suite: SuiteVerdict
    history: str | None
    capacities: tuple[CapacityResult, ...] = ()

    @property
    def holds_results(self) -> bool:
        """Whether there is something to say of results; of a file with nothing at all that is said."""
        return bool(self.document.results) or (self.duets is None and not self.capacities)


def _check(outputs: dict[str, Path]) -> None:
    """Find out before anything is written.

    Raises:
        ConfigurationError: two outputs have one path.
        OutputError: one cannot be written.
    """
    seen: dict[Path, str] = {}
    for option, path in outputs.items():
        if path.absolute() in seen:
            raise ConfigurationError(f"{seen[path.absolute()]} and {option} both name {path}: give each its own file")
        seen[path.absolute()] = option
        check_writable(path)


def _text(content: _Content) -> str:
    parts = [render_text(content.document)] if content.holds_results else []
    if content.duets is not None:
        parts.append(render_duets(content.suite, content.duets.left_out, content.duets.notices))
    if content.capacities:
        parts.append(render_capacities(content.capacities))
    return "\n".join(parts)


def _html(content: _Content) -> bytes:
    return page_about(content.document, content.duets, content.history, capacities=content.capacities)


def _svg(content: _Content) -> bytes:
    from paceline.report.svg import render_svg

    return render_svg(content.document).encode()


def _junit(content: _Content) -> bytes:
    from paceline.report.capacity_junit import capacity_suites
    from paceline.report.duet_junit import duet_suites
    from paceline.report.junit import suites_as_xml, suites_of

    duets = duet_suites(content.suite, content.duets.left_out) if content.duets is not None else []
    return suites_as_xml([*suites_of(content.document), *duets, *capacity_suites(content.capacities)])


def _markdown(content: _Content) -> bytes:
    from paceline.report.duet_markdown import render_duets_markdown
    from paceline.report.markdown import render_markdown
    from paceline.report.markdown_parts import MOST_BYTES

    room = MOST_BYTES // 2 if content.duets is not None and content.holds_results else MOST_BYTES
    parts = [render_markdown(content.document, room)] if content.holds_results else []
    if content.duets is not None:
        parts.append(
            render_duets_markdown(content.suite, content.duets.left_out, content.duets.notices, most_bytes=room - 1)
        )
    return "\n".join(parts).encode()


def _annotations(content: _Content) -> str:
    from paceline.report.github import render_annotations, render_duet_annotations

    text = render_annotations(content.document)
    return text + (render_duet_annotations(content.suite, content.duets.left_out) if content.duets else "")


def _csv(content: _Content) -> bytes:
    from paceline.export.comma_separated import to_csv

    return to_csv(content.document.results)


def _smaller_is_better(content: _Content) -> bytes:
    from paceline.export.smaller_is_better import to_smaller_is_better

    return to_smaller_is_better(content.document.results)


# Each format's module is imported when it is asked for.
_WRITERS: dict[str, Callable[[_Content], bytes]] = {
    "--text": lambda content: _text(content).encode(),
    "--html": _html,
    "--svg": _svg,
    "--junit": _junit,
    "--markdown": _markdown,
    "--csv": _csv,
    "--smaller-is-better": _smaller_is_better,
}
_OF_RESULTS = {"--svg", "--csv", "--smaller-is-better"}


def _content(file: Path, history: str | None) -> _Content:
    results = _results(file)
    environment = results[0].record.fingerprint if results else this_machine()
    duets = _journaled(file) if is_journal(file) else read_duets(file)
    searches = (None if is_journal(file) else read_capacities(file)) or ()
    suite = SuiteVerdict(()) if duets is None else duets.judged(str(file))
    document = document_of(results, environment, utc_text(SYSTEM_CLOCK.utc_now()))
    return _Content(document, duets, suite, history, tuple(map(judge_capacity, searches)))


def _journaled(file: Path) -> StoredDuets | None:
    records = read_journal(file).duets
    return StoredDuets(records) if records else None


def _results(file: Path) -> tuple[TestResult, ...]:
    try:
        if is_journal(file):
            content = read_journal(file)
            for notice in content.notices:
                click.echo(f"paceline: {notice}", err=True)
            if content.unfinished is None:
                return content.results
            return (*content.results, content.unfinished, *content.beside)
        return read_results(file)
    except FileNotFoundError as error:
        raise FileFormatError(f"there is no file {file}") from error
