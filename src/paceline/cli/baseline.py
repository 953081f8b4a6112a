"""``paceline baseline``: what a baseline file holds, and which of its sessions are the reference."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from paceline.cli.display import show_lines
from paceline.cli.options import FILE
from paceline.core.errors import ConfigurationError
from paceline.core.units import NS_PER_MS, counted, format_count, format_ms
from paceline.judge.gate import gate_objections
from paceline.judge.sessions import Stored, differences, stored_for
from paceline.records.baseline import BaselineSession
from paceline.records.quantities import MEDIAN
from paceline.report.layout import printable
from paceline.store.baselines import Sessions, load_baseline, promote

_DEBUG = click.option("--debug", is_flag=True, help="Show the traceback of an error.")


@click.group("baseline")
def command() -> None:
    """Look into a baseline, or move its reference."""


@command.command("list")
@click.argument("file", type=FILE)
@_DEBUG
def list_tests(file: Path, debug: bool) -> int:
    """The tests of FILE: machines, sessions, and whether they can fail a test or only advise."""
    del debug  # read by main()
    tests = _loaded(file)
    show_lines([line for name, sessions in tests.items() for line in _summary(name, sessions)] or ["no tests"])
    return 0


@command.command("show")
@click.argument("file", type=FILE)
@click.argument("test")
@_DEBUG
def show_test(file: Path, test: str, debug: bool) -> int:
    """Each session of TEST with its figures; those of the reference have a mark."""
    del debug  # read by main()
    tests = _loaded(file)
    if test not in tests:
        raise ConfigurationError(f"{file} has no test {test!r}; it has: {', '.join(tests) or 'none'}")
    show_lines([*_summary(test, tests[test]), "", *_table(tests[test])])
    return 0


@command.command("promote")
@click.argument("file", type=FILE)
@click.option("--test", metavar="NAME", help="One test; without it all of them.")
@click.option("--sessions", type=click.IntRange(1, 30), help="So many of the newest; else as many as a verdict needs.")
@_DEBUG
def promote_newest(file: Path, test: str | None, sessions: int | None, debug: bool) -> int:
    """Make the newest sessions the reference: after a change of speed that is meant to stay."""
    del debug  # read by main()
    try:
        promoted = promote(file, test, sessions)
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no baseline {file}") from error
    show_lines(
        [f"{printable(name)}: the reference is now {_span(reference)}" for name, reference in promoted.items()]
        or ["no tests"]
    )
    return 0


def _loaded(file: Path) -> Sessions:
    try:
        return load_baseline(file)
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no baseline {file}") from error


def _summary(name: str, sessions: Sequence[BaselineSession]) -> Iterator[str]:
    yield printable(name)
    newest: dict[str, BaselineSession] = {each.fingerprint: each for each in sessions}
    for fingerprint, session in newest.items():
        own = [each for each in sessions if each.fingerprint == fingerprint]
        stored = stored_for(session, own)
        others = sum(bool(differences(session.definition, each.definition)) for each in own)
        of_others = f", {others} of them of another definition" if others else ""
        yield f"  machine {fingerprint or 'unknown'}: {counted(len(own), 'session')}{of_others}; {_standing(stored)}"


def _standing(stored: Stored) -> str:
    reference = f"reference of {counted(len(stored.reference), 'separate session')} on {counted(stored.days, 'day')}"
    objections = gate_objections(stored, lambda session: session.value(MEDIAN), is_ratio=True)
    return f"{reference}: " + (f"advice only: {'; '.join(objections)}" if objections else "it can fail a test")


def _span(sessions: Sequence[BaselineSession]) -> str:
    if not sessions:
        return "empty"
    first, last = _minute(sessions[0]), _minute(sessions[-1])
    return f"{counted(len(sessions), 'session')}, {first}" + (f" to {last}" if last != first else "")


def _table(sessions: Sequence[BaselineSession]) -> Iterator[str]:
    yield f"  {'saved':<17} {'machine':<12} {'median':>8} {'mean':>8} {'p95':>8} {'p99':>8} {'ops/s':>9} {'calibr.':>8}"
    for session in sessions:
        mark = "*" if session.reference else " "
        names = ("median_time_ms", "mean_time_ms", "p95_time_ms", "p99_time_ms")
        times = " ".join(f"{_time(session.metrics.get(name)):>8}" for name in names)
        rate = session.metrics.get("throughput_ops_per_sec")
        calibration = None if session.calibration_ns is None else session.calibration_ns / NS_PER_MS
        yield (
            f"{mark} {_minute(session):<17} {session.fingerprint:<12} {times} "
            f"{'–' if rate is None else format_count(rate):>9} {_time(calibration):>8}"
        )
    yield "* of the reference"


def _minute(session: BaselineSession) -> str:
    return printable(session.saved_at[:16].replace("T", " ")) + "Z" if session.saved_at else "unknown"


def _time(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else format_ms(milliseconds)
