"""Options of ``paceline duet``: what stands on the two sides, how much is measured, by what it is judged."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from paceline.campaign.duet import ADAPTIVE_LOOKS, FEWEST_PAIRS, PAIRS
from paceline.campaign.lockstep.pairs import Plan
from paceline.cli.duet_suite import Suite
from paceline.cli.load_options import rate
from paceline.cli.options import FILE, duration, packed, percentage
from paceline.core.errors import ConfigurationError
from paceline.judge.change import DUET, Rule
from paceline.records.quantities import MEDIAN, QUANTITIES
from paceline.workload.models import MOST_SEED

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class SideOptions:
    """What is compared; the fields are the options of the same names."""

    calls: tuple[str, ...]
    setup: str | None
    tests: tuple[Path, ...]
    before: str | None
    after: str | None
    base_python: str | None
    candidate_python: str | None
    base_url: str | None
    candidate_url: str | None
    headers: tuple[str, ...]
    insecure: bool
    connections: int | None
    per_second: float | None
    window_s: float | None

    def split(self, words: Sequence[str]) -> tuple[str | None, Suite | None]:
        """The base's revision and the suite that the words of the command line name.

        Raises:
            ConfigurationError: they name no tests that are there.
        """
        is_named = self.base_python is not None or self.base_url is not None
        # Beside an option that names the base, what is there under that name is a test, and anything else a revision.
        begins_with_tests = not words or words[0].startswith("-") or Path(words[0].partition("::")[0]).exists()
        if is_named and begins_with_tests:
            return None, Suite(tuple(words)) if words else None
        return (words[0], Suite(tuple(words[1:])) if words[1:] else None) if words else (None, None)

    def check(self, revision: str | None, suite: Suite | None = None) -> None:
        """That exactly one way of naming two sides was taken, and nothing of another.

        Raises:
            ConfigurationError: it was not; the message says what is missing or too much.
        """
        ways = {"BASE_REVISION": revision, "--base-python": self.base_python, "--base-url": self.base_url}
        taken = [way for way, value in ways.items() if value is not None]
        if len(taken) != 1:
            raise ConfigurationError(
                "name what to compare with: a revision of this repository, --base-python or --base-url"
                + (f"; {' and '.join(taken)} exclude each other" if taken else "")
            )
        belongs = {
            "TESTS": (suite, {"BASE_REVISION", "--base-python"}),
            "--call": (self.calls, {"BASE_REVISION", "--base-python"}),
            "--setup": (self.setup, {"BASE_REVISION"}),
            "--tests": (self.tests, {"BASE_REVISION"}),
            "--before": (self.before, {"BASE_REVISION", "--base-python"}),
            "--after": (self.after, {"BASE_REVISION", "--base-python"}),
            "--candidate-python": (self.candidate_python, {"--base-python"}),
            "--candidate-url": (self.candidate_url, {"--base-url"}),
            "--header": (self.headers, {"--base-url"}),
            "--insecure": (self.insecure or None, {"--base-url"}),
            "--connections": (self.connections, {"--base-url"}),
            "--rate": (self.per_second, {"--base-url"}),
            "--window": (self.window_s, {"--base-url"}),
        }
        for option, (value, owners) in belongs.items():
            if value not in {None, ()} and taken[0] not in owners:
                raise ConfigurationError(f"{option} goes with {' or '.join(sorted(owners))}, not with {taken[0]}")
        if self.base_url is not None and self.candidate_url is None:
            raise ConfigurationError("--base-url needs --candidate-url beside it")
        if self.base_url is None and not self.calls and suite is None:
            if revision is not None and Path(revision.partition("::")[0]).exists():
                raise ConfigurationError(
                    f"{revision} is no revision to compare with: name one before it, as in: duet HEAD -- {revision}"
                )
            raise ConfigurationError(
                "nothing to measure: name tests, as in '-- tests/perf', or a function, as in --call shop.prices:total"
            )
        if suite is not None:
            for option, value in {"--call": self.calls, "--before": self.before, "--after": self.after}.items():
                if value:
                    raise ConfigurationError(f"{option} is for functions, and tests are named: say one or the other")


def side_options(command: _Command) -> _Command:
    """What is compared; ``command`` gets it as ``sides``, a :class:`SideOptions`."""
    return packed(
        command, "sides", SideOptions,
        click.option("--call", "calls", multiple=True, metavar="MODULE:FUNCTION", help="What is called. Repeatable."),
        click.option("--setup", metavar="CMD", help="Shell command that builds the project, run in each copy."),
        click.option("--tests", type=FILE, multiple=True, metavar="PATH",
                     help="Taken from the candidate on both sides, as the FILE.py of a --call is. Repeatable."),
        click.option("--before", metavar="MODULE:FUNCTION", help="Called once before each function, in each process."),
        click.option("--after", metavar="MODULE:FUNCTION", help="Called once after each function, in each process."),
        click.option("--base-python", metavar="PATH", help="Interpreter of the base, in place of BASE_REVISION."),
        click.option("--candidate-python", metavar="PATH", help="Interpreter of the candidate.  [default: this one]"),
        click.option("--base-url", metavar="URL", help="Service that is the base, in place of BASE_REVISION."),
        click.option("--candidate-url", metavar="URL", help="Service that is the candidate."),
        click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'",
                     help="Sent to both services. Repeatable."),
        click.option("-k", "--insecure", is_flag=True, help="Trust any certificate of theirs."),
        click.option("-c", "--connections", type=click.IntRange(min=1), help="To a service.  [default: 10]"),
        click.option("--rate", "per_second", callback=rate, metavar="N/s",
                     help="Arrivals at a service, such as 500/1s.  [default: as fast as it answers]"),
        click.option("--window", "window_s", callback=duration, metavar="TIME",
                     help="Length of an epoch of a service.  [default: 500ms]"),
    )  # fmt: skip


@dataclass(frozen=True)
class AmountOptions:
    """How much is measured; the fields are the options of the same names."""

    pairs: int | None
    adaptive: bool
    epochs: int | None
    drawn_from: int | None
    no_pin: bool
    limit_s: float | None

    @property
    def looks(self) -> tuple[int, ...]:
        """After how many pairs it is judged.

        Raises:
            ConfigurationError: that was said twice.
        """
        if self.pairs is not None and self.adaptive:
            raise ConfigurationError("--pairs and --adaptive exclude each other: name one")
        return ADAPTIVE_LOOKS if self.adaptive else (self.pairs or PAIRS,)

    def check_services(self) -> None:
        """That nothing is asked of services which only processes have.

        Raises:
            ConfigurationError: it is.
        """
        for option, value in {"--epochs": self.epochs, "--no-pin": self.no_pin or None}.items():
            if value is not None:
                raise ConfigurationError(f"{option} goes with processes that are started, not with --base-url")

    def seed(self) -> int:
        """What everything random follows from."""
        return secrets.randbits(32) if self.drawn_from is None else self.drawn_from

    @property
    def pair(self) -> Plan:
        """How one pair of processes is measured."""
        usual = Plan()
        epochs = usual.epochs if self.epochs is None else self.epochs // 2 * 2
        return Plan(epochs, not self.no_pin, usual.limit_s if self.limit_s is None else self.limit_s)


def amount_options(command: _Command) -> _Command:
    """How much is measured; ``command`` gets it as ``amount``, an :class:`AmountOptions`."""
    return packed(
        command, "amount", AmountOptions,
        click.option("--pairs", type=click.IntRange(min=FEWEST_PAIRS), help=f"[default: {PAIRS}]"),
        click.option("--adaptive", is_flag=True, help="Look after 12, 24 and 48 pairs, and stop when it is decided."),
        click.option("--epochs", type=click.IntRange(min=2),
                     help=f"Of each side in a pair of processes.  [default: {Plan().epochs}]"),
        click.option("--seed", "drawn_from", type=click.IntRange(0, MOST_SEED),
                     help="Of order, core and layout.  [default: drawn, recorded]"),
        click.option("--no-pin", is_flag=True, help="Use all cores: for functions with threads of their own."),
        click.option("--timeout", "limit_s", callback=duration, metavar="TIME",
                     help="Longest wait for an answer of a process or service.  [default: 60s; 30s]"),
    )  # fmt: skip


@dataclass(frozen=True)
class JudgeOptions:
    """By what it is judged; the fields are the options of the same names."""

    metric: str
    min_effect: float | None
    margin: float | None
    strict: bool

    def __post_init__(self) -> None:
        """Check them before anything is measured.

        Raises:
            ConfigurationError: the sizes contradict each other, or mean nothing for this metric.
        """
        _ = self.rule
        for option, size in {"--min-effect": self.min_effect, "--margin": self.margin}.items():
            if size is not None and not QUANTITIES[self.metric].is_ratio:
                raise ConfigurationError(
                    f"{option} is a share of the base, and --metric {self.metric} is judged by the difference: leave "
                    "it out"
                )

    @property
    def rule(self) -> Rule:
        """The sizes of a change that matter."""
        return Rule(
            DUET.min_effect if self.min_effect is None else self.min_effect,
            DUET.margin if self.margin is None else self.margin,
        )


def judge_options(command: _Command) -> _Command:
    """By what it is judged; ``command`` gets it as ``judging``, a :class:`JudgeOptions`."""
    return packed(
        command, "judging", JudgeOptions,
        click.option("--metric", type=click.Choice(list(QUANTITIES)), default=MEDIAN.key, show_default=True,
                     help="What decides; the others are shown."),
        click.option("--min-effect", callback=_percentage_if_any, metavar="PERCENT",
                     help=f"Smallest change worth an alarm.  [default: {DUET.min_effect:.0%}]"),
        click.option("--margin", callback=_percentage_if_any, metavar="PERCENT",
                     help=f"Within it 'unchanged' is proven.  [default: {DUET.margin:.0%}]"),
        click.option("--strict", is_flag=True, help="An inconclusive verdict, or a test left out, is exit code 6."),
    )  # fmt: skip


def _percentage_if_any(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    return None if text is None else percentage(context, parameter, text)
