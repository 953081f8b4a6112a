"""An examination of this machine: its clock, its cores, and duets of the same code that ought to find nothing.

In each duet the planted arm carries the change that is to be found: whether it is found is measured, not computed.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paceline.campaign.duet import PAIRS, DuetPlan, Observer, checked_pairs, run_duet, usable_cores
from paceline.campaign.lockstep.pairs import PLANTED, Plan
from paceline.campaign.lockstep.process import Arm, Item
from paceline.core.clock import Clock, measure_clock, utc_text
from paceline.core.errors import ConfigurationError
from paceline.core.units import format_percent
from paceline.judge.change import DUET
from paceline.records.doctor import DoctorRecord
from paceline.records.duet import Side
from paceline.sysmon.company import CompanyWatch
from paceline.sysmon.fingerprint import this_machine
from paceline.sysmon.jitter import watch_cores
from paceline.sysmon.machine import read_machine

QUICK_PAIRS = 12
CORES_S = 4.0  # for all together: beyond eight of them each is watched for less
_LONGEST_CORE_S = 0.5
_CLOCK_READINGS = 4_000
_MODULE = "paceline.campaign.doctor_workloads"
_WORKLOADS = {  # called, before, after
    "CPU": ("arithmetic", None, None),
    "memory": ("walk_memory", "fill_memory", "free_memory"),
    "system calls": ("system_calls", "open_pipe", "close_pipe"),
}


@dataclass(frozen=True)
class DoctorPlan:
    """What is examined.

    Attributes:
        effect: the change that is to be found, as a share; above the smallest that the rule of the duet calls one.
        pairs: that a duet has.
        cores_s: for how long cores are watched, all together.
        seed: that everything random follows from.

    Raises:
        ConfigurationError: one of them is out of range.
    """

    effect: float = PLANTED
    pairs: int = PAIRS
    cores_s: float = CORES_S
    seed: int = 0

    def __post_init__(self) -> None:
        checked_pairs(self.pairs)
        if not DUET.min_effect < self.effect <= 1:
            raise ConfigurationError(
                f"the effect must be above {format_percent(DUET.min_effect, 0)} and at most 100 %, not "
                f"{100 * self.effect:.4g} %: smaller changes are never called one"
            )


class _Watching:
    """An observer of the duet that also looks around between two pairs."""

    def __init__(self, company: CompanyWatch, observer: Observer | None) -> None:
        self._company = company
        self._observer = observer

    def pair(self, done: int, planned: int, lost: int) -> None:
        self._company.look()
        if self._observer is not None:
            self._observer.pair(done, planned, lost)


def examine(plan: DoctorPlan, clock: Clock, observer: Observer | None = None, root: Path = Path("/")) -> DoctorRecord:
    """Examine this machine; nothing is changed on it.

    A Ctrl-C during the duets ends them; what was seen is in what it returns.

    Args:
        plan: what is examined.
        clock: is itself examined.
        observer: is shown how the duets get on.
        root: below which the system's files are.

    Raises:
        MeasurementError: no pair could be measured.
        KeyboardInterrupt: it was interrupted before the duets.
    """
    started_at = utc_text(clock.utc_now())
    machine = read_machine(root)
    company = CompanyWatch(clock, root)
    cores = usable_cores()
    seen = watch_cores(cores, clock.now_s, min(_LONGEST_CORE_S, plan.cores_s / max(len(cores), 1)))
    side = Side("this machine")
    run = run_duet(
        DuetPlan(_arms, side, side, (plan.pairs,), plan.seed, Plan(planted=plan.effect)),
        clock,
        _Watching(company, observer),
    )
    return DoctorRecord(
        started_at=started_at,
        effect=plan.effect,
        pairs=plan.pairs,
        clock=measure_clock(clock.now_s, _CLOCK_READINGS),
        machine=machine,
        cores=seen,
        company=company.stop(),
        duets=run.records,
        left_out=run.left_out,
        fingerprint=this_machine(),
        interrupted=run.stopped_by is not None,
    )


def _arms(_: int) -> Sequence[Arm]:
    """The same three workloads on all sides."""
    items = tuple(
        Item(name, {key: call and f"{_MODULE}:{call}" for key, call in zip(_KEYS, calls, strict=True)})
        for name, calls in _WORKLOADS.items()
    )
    # The folder that this package is in is where its processes import from first: they need no installation.
    folder = Path(__file__).resolve().parents[2]
    return tuple(Arm(role, sys.executable, folder, items) for role in ("base", "candidate", "control"))


_KEYS = ("call", "setup", "teardown")
