"""Options of commands that put a load on something, and the workload they describe."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import click

from paceline.cli.cluster_options import ClusterOptions, cluster_options
from paceline.cli.options import duration, packed
from paceline.core.errors import ConfigurationError
from paceline.core.units import parse_duration_s, parse_rate_per_s
from paceline.engine.child_process import usable_cores
from paceline.engine.cluster import Cluster
from paceline.workload.models import RATE, USERS, ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages, Workload

StageList = tuple[Literal["rate", "users"], tuple[tuple[float, float], ...]]
_Command = TypeVar("_Command", bound=Callable[..., Any])

DEFAULT_CONNECTIONS = 10
DEFAULT_DURATION_S = 10.0
DEFAULT_WARMUP_S = 1.0
_STAGE = re.compile(r"(?P<duration>[^:]+):(?P<target>[0-9]*\.?[0-9]+)(?P<rate>/s)?")


@dataclass(frozen=True)
class LoadOptions(ClusterOptions):
    """How much load, for how long; the fields are the options of the same names."""

    duration_s: float | None = None
    requests: int | None = None
    per_second: float | None = None
    poisson: bool = False
    stage_list: StageList | None = None
    think_time_s: float | None = None
    max_in_flight: int | None = None
    warmup_s: float | None = None
    seed: int = 0
    target_pids: tuple[int, ...] = ()
    processes: int = 1
    allow_public_target: bool = False

    @property
    def where(self) -> Cluster | None:
        """See there."""
        found = super().where
        return None if found is None else replace(found, allow_public_target=self.allow_public_target)

    @property
    def is_whole(self) -> bool:
        """Whether it is a load of its own, rather than a change of another's length."""
        given = (self.requests, self.per_second, self.stage_list, self.think_time_s, self.max_in_flight)
        return self.poisson or any(each is not None for each in given)

    @property
    def warmup_or_default_s(self) -> float:
        """The warm-up. A number of requests is a promise: nothing is sent beside it unless that is asked for."""
        if self.warmup_s is not None:
            return self.warmup_s
        return DEFAULT_WARMUP_S if self.requests is None else 0.0

    def workload(self, users: int | None) -> Workload:
        """The workload that the options describe.

        Raises:
            ConfigurationError: two of them contradict each other, or a value is out of range.
        """
        self._check_combination()
        lasts_s = DEFAULT_DURATION_S if self.duration_s is None else self.duration_s
        workers = DEFAULT_CONNECTIONS if users is None else users
        if self.stage_list is not None:
            of, levels = self.stage_list
            if of == USERS and users is not None:
                raise ConfigurationError(f"{users} users and stages of users exclude each other: stages say how many")
            seed = self.seed if self.poisson else None
            return Stages(levels, of=of, seed=seed, max_in_flight=self.max_in_flight)
        if self.per_second is not None and self.poisson:
            return Poisson(self.per_second, lasts_s, self.seed, self.max_in_flight)
        if self.per_second is not None:
            return ConstantRate(self.per_second, lasts_s, self.max_in_flight)
        if self.requests is not None:
            return FixedIterations(self.requests, workers=workers)
        return ClosedLoop(workers, lasts_s, think_time_s=self.think_time_s or 0.0)

    def _check_combination(self) -> None:
        chosen = self._chosen()
        if self.duration_s is not None and chosen in {"--requests", "--stage"}:
            raise ConfigurationError(f"--duration and {chosen} exclude each other: {chosen} says how long")
        if self.think_time_s is not None and chosen is not None:
            raise ConfigurationError(f"--think is for users that wait for their answers; {chosen} has none")
        has_rate = self.per_second is not None or (self.stage_list is not None and self.stage_list[0] == RATE)
        for option, is_given in (("--poisson", self.poisson), ("--max-in-flight", self.max_in_flight is not None)):
            if is_given and not has_rate:
                raise ConfigurationError(f"{option} goes with --rate, or with stages of rates such as 30s:500/s")

    def _chosen(self) -> str | None:
        """The option that says what kind of load it is, if it is not the default."""
        options = {"--requests": self.requests, "--rate": self.per_second, "--stage": self.stage_list}
        given = [name for name, value in options.items() if value is not None]
        if len(given) > 1:
            raise ConfigurationError(f"{' and '.join(given)} exclude each other: name one")
        return given[0] if given else None


def rate(_: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """Callback of an option such as ``500``, ``500/s`` or ``3000/1m``: a second."""
    if text is None:
        return None
    try:
        per_second = parse_rate_per_s(text)
    except ConfigurationError as error:
        raise click.BadParameter(str(error), param=parameter) from error
    if per_second <= 0:
        raise click.BadParameter(f"{text!r} must be more than nothing", param=parameter)
    return per_second


def stages(_: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> StageList | None:
    """Callback of a repeatable option such as ``30s:500/s`` or ``30s:50``: what the levels are, and the stages."""
    if not texts:
        return None
    found: list[tuple[float, float]] = []
    kinds: set[Literal["rate", "users"]] = set()
    for text in texts:
        match = _STAGE.fullmatch(text.strip())
        if match is None:
            raise click.BadParameter(f"{text!r} is no stage such as 30s:500/s or 30s:50", param=parameter)
        try:
            found.append((parse_duration_s(match["duration"]), float(match["target"])))
        except ConfigurationError as error:
            raise click.BadParameter(str(error), param=parameter) from error
        kinds.add(RATE if match["rate"] else USERS)
    if len(kinds) > 1:
        raise click.BadParameter("stages are all of rates (30s:500/s) or all of users (30s:50)", param=parameter)
    return kinds.pop(), tuple(found)


def processes(_: click.Context, parameter: click.Parameter, text: str) -> int:
    """Callback of an option such as ``4`` or ``auto``: how many."""
    if text.strip().lower() == "auto":
        return len(usable_cores())
    try:
        return int(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no number of processes, nor 'auto'", param=parameter) from error


def load_options(command: _Command) -> _Command:
    """How much load, for how long; ``command`` gets it as ``load``, a :class:`LoadOptions`."""
    return packed(
        command, "load", LoadOptions,
        click.option(
            "-d", "--duration", "duration_s", callback=duration, metavar="TIME",
            help="Length of the measured window, as 30s or 1m30s.  [default: 10s]",
        ),
        click.option("-n", "--requests", type=int, metavar="N", help="A number of requests instead of a duration."),
        click.option(
            "--rate", "per_second", callback=rate, metavar="RATE",
            help="Open loop: so many arrivals a second, whatever the answers take, as 500 or 3000/1m.",
        ),
        click.option("--poisson", is_flag=True, help="With --rate: arrivals at random, as those of many strangers."),
        click.option(
            "--stage", "stage_list", multiple=True, callback=stages, metavar="TIME:LEVEL",
            help="Ramp to a level, 30s:500/s (arrivals) or 30s:50 (users). Repeatable.",
        ),
        click.option(
            "--think", "think_time_s", callback=duration, metavar="TIME", help="Pause of a user between requests."
        ),
        click.option(
            "--max-in-flight", type=int, metavar="N",
            help="With --rate: drop arrivals beyond N under way, instead of letting them wait.",
        ),
        click.option(
            "-w", "--warmup", "warmup_s", metavar="TIME", callback=_warmup,
            help="The same load before that, not counted; 0 for none.  [default: 1s; none with -n]",
        ),
        click.option("--seed", type=int, default=0, show_default=True, help="Of whatever is drawn at random."),
        click.option(
            "--processes", callback=processes, default="1", metavar="N|auto",
            help="How many processes make the load together; auto: one for each core.  [default: 1]",
        ),
        *cluster_options("load"),
        click.option(
            "--allow-public-target", is_flag=True, help="With --cluster: the target may be on the public internet."
        ),
        click.option("--target-pid", "target_pids", type=int, multiple=True, help="Process to observe. Repeatable."),
    )  # fmt: skip


def _warmup(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    if text is not None and text.strip() in {"0", "0s"}:
        return 0.0
    return duration(context, parameter, text)
