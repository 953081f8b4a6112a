"""Looking at the workers of a cluster before they make a load: version, limits, company, clock."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.core.units import NS_PER_S
from paceline.core.version import __version__
from paceline.engine import station
from paceline.engine.child_process import OWN_FILES
from paceline.engine.patience import all_within, within
from paceline.records.load import BeforeStart
from paceline.workload.legs import Leg

ANSWER_S = 10.0  # for any question before the start
_LOOK_S = 0.5
_LOOKS_AT_A_CLOCK = 5
_VERSION = "__import__('paceline.core.version', fromlist=['version']).__version__"

Ask = Callable[..., Any]  # (worker, function, *arguments): what the function returns there


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of a worker.

    Attributes:
        ahead_s: how far the clock of its legs is ahead of this machine's.
        before: for the record.
    """

    ahead_s: float
    before: BeforeStart


def examined(ask: Ask, workers: Sequence[str], clock: Clock) -> dict[str, Examined]:
    """Look at each of ``workers``.

    Raises:
        MeasurementError: one does not answer, has no Paceline or another version, or a clock that cannot be read.
    """
    looks: dict[str, station.Look] = {}
    answers = all_within(ANSWER_S + _LOOK_S, {worker: partial(_look, ask, worker) for worker in workers})
    for worker, answer in answers.items():
        if isinstance(answer, MeasurementError):
            raise answer
        if isinstance(answer, Exception):
            raise _silent(worker, answer) from answer
        looks[worker] = answer
    # One after the other: answers that wait for each other would say little about a clock.
    found = {}
    for worker, look in looks.items():
        try:
            found[worker] = within(ANSWER_S, partial(_with_clock, ask, worker, look, clock))
        except MeasurementError:
            raise
        except Exception as error:
            raise _silent(worker, error) from error
    return found


def check_open_files(places: Mapping[Leg, str], found: Mapping[str, Examined], connections: int) -> None:
    """Refuse a load that a machine has too few descriptors for.

    Args:
        places: the worker of each leg.
        found: what is known of workers.
        connections: of all legs together.

    Raises:
        ConfigurationError: naming the worker, its limit, and how many it needs.
    """
    for leg, worker in places.items():
        limit = found[worker].before.open_files
        share = leg.share(connections)
        if limit is not None and share + OWN_FILES > limit:
            raise ConfigurationError(
                f"{share:,} connections of worker {worker} need {share + OWN_FILES:,} open files, and a process "
                f"there may have {limit:,}: raise the limit with 'ulimit -n' where it is started, ask for fewer, "
                "or add workers"
            )


def _silent(worker: str, error: Exception) -> MeasurementError:
    return MeasurementError(
        f"worker {worker} does not answer ({type(error).__name__}: {error}): it may be frozen, or have left the "
        "cluster; end it, or start it anew"
    )


def _look(ask: Ask, worker: str) -> station.Look:
    # By a built-in function: a worker that lacks the package could not even be asked by one of ours.
    try:
        version = ask(worker, eval, _VERSION)
    except ModuleNotFoundError as error:
        raise MeasurementError(f"worker {worker} has no paceline: install version {__version__} there") from error
    if version != __version__:
        raise MeasurementError(
            f"worker {worker} has paceline {version}, this is {__version__}: install the same on both"
        )
    look = ask(worker, station.look, _LOOK_S)
    assert isinstance(look, station.Look)
    return look


def _with_clock(ask: Ask, worker: str, look: station.Look, clock: Clock) -> Examined:
    """How far its clock is ahead of this one; the quickest of a few answers says it best."""
    best_s, ahead_s, day_ahead_s = math.inf, 0.0, 0.0
    for _ in range(_LOOKS_AT_A_CLOCK):
        before_s, day_s = clock.now_s(), clock.utc_now().timestamp()
        there_s, there_day_s = ask(worker, station.clocks)
        took_s = clock.now_s() - before_s
        if not (math.isfinite(there_s) and math.isfinite(there_day_s)):
            raise MeasurementError(
                f"worker {worker} has a clock that reads {there_s} and {there_day_s}: no start can be agreed with it"
            )
        if took_s < best_s:
            best_s = took_s
            ahead_s, day_ahead_s = there_s - before_s - took_s / 2, there_day_s - day_s - took_s / 2
    machine, company = look.machine, look.company
    limit = machine.open_files if machine.open_files_most is None else machine.open_files_most
    before = BeforeStart(
        clock_ahead_ns=round(day_ahead_s * NS_PER_S),
        clock_error_ns=round(best_s / 2 * NS_PER_S),
        cores=machine.cores_online,
        busy_cores=None if company.others_cores is None else company.others_cores + look.own_cores,
        busy_with=tuple(other.name for other in company.others),
        stolen_share=company.stolen_share,
        load_1min=machine.load_1min,
        open_files=limit,
    )
    return Examined(ahead_s, before)
