"""``paceline duet``: base and candidate side by side, on this machine."""

import sys
from dataclasses import replace
from pathlib import Path

import click

from paceline.campaign.duet import DuetPlan, DuetRun, run_duet
from paceline.campaign.duet_http import ServicesPlan, run_services_duet
from paceline.campaign.duet_sides import items_of, sides_in_interpreters, sides_in_revisions
from paceline.campaign.lockstep.pairs import size_of
from paceline.campaign.revisions import revisions, set_up
from paceline.cli.display import DuetProgress, report_width, show_report
from paceline.cli.duet_files import DuetFiles, duet_files, encoded
from paceline.cli.duet_journal import DuetJournal
from paceline.cli.duet_options import (
    AmountOptions,
    JudgeOptions,
    SideOptions,
    amount_options,
    judge_options,
    side_options,
)
from paceline.cli.duet_suite import Suite
from paceline.cli.exit_codes import exit_code_of_duets
from paceline.cli.http_options import header
from paceline.cli.options import FILE, display_options
from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.core.redaction import redact
from paceline.records.duet import DuetRecord, Side
from paceline.report.duet_text import render_duets
from paceline.report.layout import page
from paceline.store.duets import StoredDuets, read_duets
from paceline.targets.http import HttpTarget

_SHORT = 10  # digits of a commit
_CONNECTIONS = 10
_WINDOW_S = 0.5
_ANSWER_S = 30.0


@click.command("duet")
@click.argument("words", nargs=-1, metavar="[BASE_REVISION] [-- TESTS [PYTEST_OPTIONS]]")
@side_options
@amount_options
@judge_options
@click.option("--append", type=FILE, metavar="FILE", help="Go on with the pairs that --json wrote to FILE.")
@duet_files
@display_options
def command(
    words: tuple[str, ...],
    sides: SideOptions,
    amount: AmountOptions,
    judging: JudgeOptions,
    append: Path | None,
    files: DuetFiles,
    quiet: bool,
    no_color: bool,
    debug: bool,
) -> int:
    """Measure base and candidate together, and say whether the candidate is slower.

    The base is BASE_REVISION of this git repository, the candidate its working tree with all that is not committed.
    Both run from copies; your checkout is left alone. TESTS are walked by pytest on both sides, as the candidate has
    them: each test that takes the fixture 'perf' or 'benchmark' is compared.

    \b
    paceline duet main -- tests/perf
    paceline duet main -- tests/perf -k "orders and not slow"
    paceline duet main --call shop.prices:total
    paceline duet v1.4 --call bench/prices.py:total --setup 'make extension'
    paceline duet --base-python .venv311/bin/python --candidate-python .venv313/bin/python --call shop.prices:total
    paceline duet --base-url http://localhost:8000/items --candidate-url http://localhost:8001/items
    """  # noqa: D301  # \b is the character that keeps click from joining the lines
    del debug  # read by main(), before the command is known
    base_revision, suite = sides.split(words)
    sides.check(base_revision, suite)
    earlier = _earlier(append, sides, amount)
    files = files.checked()
    progress = DuetProgress(quiet=quiet, no_color=no_color)
    journal = DuetJournal(SYSTEM_CLOCK, lambda run: encoded(_stored(run, judging)))
    is_saved = False
    ended: DuetRun | None = None
    try:
        try:
            run = ended = _measured(base_revision, suite, sides, amount, earlier, progress, journal)
        finally:
            progress.clear(interrupted=ended is None or ended.stopped_by is not None)
        stored = _stored(run, judging)
        verdict = stored.judged()
        files.write(run, stored, verdict)
        is_saved = run.stopped_by is None or files.keep_pairs
    finally:
        journal.close(remove=is_saved)
    if not quiet and not files.takes_stdout:
        with page(report_width()):
            text = render_duets(verdict, run.left_out, run.notices)
        show_report(text, no_color=no_color)
    return exit_code_of_duets(
        verdict, run.left_out, run.broken, interrupted=run.stopped_by is not None, strict=judging.strict
    )


def _stored(run: DuetRun, judging: JudgeOptions) -> StoredDuets:
    return StoredDuets(run.records, judging.rule, judging.metric, run.left_out, run.notices)


def _earlier(append: Path | None, sides: SideOptions, amount: AmountOptions) -> tuple[DuetRecord, ...]:
    """The pairs to go on with.

    Raises:
        FileFormatError: the file cannot be read.
        ConfigurationError: it has none, or of another --epochs; or services are compared: their windows belong to one
            session.
    """
    if append is None:
        return ()
    if sides.base_url is not None:
        raise ConfigurationError("--append is for functions: services are measured anew")
    try:
        stored = read_duets(append)
    except FileNotFoundError:
        raise FileFormatError(f"there is no file {append}") from None
    if stored is None or not stored.records:
        raise ConfigurationError(f"{append} holds no duets to go on with")
    names = [record.name for record in stored.records]
    if sides.calls and sorted(names) != sorted(sides.calls):
        raise ConfigurationError(f"{append} holds duets of {', '.join(names)}: name those with --call, and no others")
    for record in stored.records:
        _check_epochs(record, amount)
    return stored.records


def _check_epochs(record: DuetRecord, amount: AmountOptions) -> None:
    if amount.epochs is None or not record.pairs:
        return  # what is not asked for is as it was
    pair = record.pairs[0]
    # Slow calls have fewer than were asked for; a call at the border may have been this or that.
    call_ns = max(1.0, pair.base.mean_ns, pair.candidate.mean_ns)  # 1 where a file has no means
    allowed = {size_of(factor * call_ns, amount.pair.epochs).epochs for factor in (0.5, 1.0, 2.0)}
    if len(pair.base.epoch_ns) not in allowed:
        raise ConfigurationError(
            f"the pairs to go on with have {len(pair.base.epoch_ns)} epochs each, not those of --epochs "
            f"{amount.epochs}: leave it out, or measure {record.name} anew"
        )


def _measured(
    revision: str | None,
    suite: Suite | None,
    sides: SideOptions,
    amount: AmountOptions,
    earlier: tuple[DuetRecord, ...],
    progress: DuetProgress,
    journal: DuetJournal,
) -> DuetRun:
    looks, seed = amount.looks, amount.seed()
    if sides.base_url is not None and sides.candidate_url is not None:
        amount.check_services()
        urls = sides.base_url, sides.candidate_url
        return run_services_duet(_services(sides, urls, looks, seed, amount.limit_s), SYSTEM_CLOCK, progress)
    items, here = items_of(sides.calls, sides.before, sides.after), Path.cwd()
    guest = None if suite is None else suite.guest
    around = {
        "setup": sides.setup,
        "before": sides.before,
        "after": sides.after,
        "pytest": suite.text if suite else None,
    }
    metadata = {name: redact(value) for name, value in around.items() if value is not None}
    if revision is None:
        base, candidate = sides.base_python or sys.executable, sides.candidate_python or sys.executable
        arms = sides_in_interpreters(base, candidate, items, here, guest)
        plan = DuetPlan(arms, Side(base), Side(candidate), looks, seed, amount.pair, metadata=metadata, earlier=earlier)
        return run_duet(plan, SYSTEM_CLOCK, progress, journal.keep)
    scripts = [Path(name) for name in (call.rpartition(":")[0] for call in sides.calls) if name.endswith(".py")]
    progress.announce(f"checking out {revision} and the working tree")
    with revisions(revision, here, [*sides.tests, *scripts, *(suite.files(here) if suite else ())]) as made:
        if sides.setup:
            progress.announce(f"running {sides.setup!r} in each copy")
            set_up(made, sides.setup)
        # The id says for good what was measured: of the same content it is the same.
        uncommitted = f" with uncommitted changes {made.changes[:_SHORT]}" if made.changes else ""
        plan = DuetPlan(
            sides_in_revisions(made, items, guest),
            Side(revision, detail=made.base_commit[:_SHORT]),
            Side("working tree", detail=made.candidate_commit[:_SHORT] + uncommitted),
            looks,
            seed,
            amount.pair,
            made.checkout,
            metadata,
            earlier,
        )
        run = run_duet(plan, SYSTEM_CLOCK, progress, journal.keep)
        other = [f"{name} is not the same on both sides: both ran the candidate's" for name in made.replaced]
        other += [
            f"the submodule {path} has uncommitted changes, which neither side has" for path in made.dirty_submodules
        ]
        return replace(run, notices=(*other, *run.notices))


def _services(
    sides: SideOptions, urls: tuple[str, str], looks: tuple[int, ...], seed: int, limit_s: float | None
) -> ServicesPlan:
    connections = sides.connections or _CONNECTIONS
    labels = [redact(url) for url in urls]
    targets = [
        HttpTarget(
            url if "://" in url else f"http://{url}",
            headers=[header(line) for line in sides.headers],
            connections=connections if sides.per_second is None else sides.connections,
            insecure=sides.insecure,
            timeout_s=limit_s or _ANSWER_S,
        )
        for url in urls
    ]
    return ServicesPlan(
        name=labels[1],
        base=targets[0],
        candidate=targets[1],
        base_side=Side(labels[0]),
        candidate_side=Side(labels[1]),
        connections=connections,
        per_second=sides.per_second,
        window_s=sides.window_s or _WINDOW_S,
        looks=looks,
        seed=seed,
    )
