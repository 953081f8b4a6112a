"""One pair: base, candidate and the control beside them walk the same tests, epoch by epoch in turn."""

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from statistics import median
from typing import Any

from paceline.campaign.lockstep.process import Arm, Hello, Trouble, Worker, WorkerLost, start_all
from paceline.core.clock import Clock
from paceline.core.units import NS_PER_S
from paceline.records.duet import Epochs, Pair
from paceline.stats.summary import quantile_of_sorted

EPOCH_NS = 4_000_000  # long against the clock and the scheduler's switch, short against what drifts
SLOW_NS = (50_000_000, 200_000_000)  # calls this long are measured in fewer epochs
PLANTED = 0.05
CANDIDATE = "candidate"
_ADDRESS = re.compile(r"0x[0-9a-f]+")
LARGEST_PADDING = 4096  # bytes of environment, which move the stack


@dataclass(frozen=True)
class Plan:
    """How pairs are measured.

    Attributes:
        epochs: of each side in a pair; even. Calls of 50 ms and more are measured in half as many, and so on.
        pinned: whether all processes of a pair share one core.
        limit_s: how long an answer of a process may take.
        planted: share that is added to the epochs of the positive control.
    """

    epochs: int = 8
    pinned: bool = True
    limit_s: float = 60.0
    planted: float = PLANTED


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a test is measured in each pair, the same on all sides.

    Attributes:
        calls: in an epoch.
        epochs: of each side.
    """

    calls: int
    epochs: int


@dataclass(frozen=True)
class LeftOut:
    """Why a test could not be compared.

    Attributes:
        reason: what happened, and on which side.
        is_broken: whether the candidate fails; where only the base does, the test is about what is new.
    """

    reason: str
    is_broken: bool = False


@dataclass
class Sources:
    """Where the code of one arm came from.

    Attributes:
        modules: files of first-party modules.
        defined_in: files that operations were defined in.
        installed: file of each top-level module that is installed.
        teardown_errors: what teardowns raised, by test.
    """

    modules: set[str] = field(default_factory=set)
    defined_in: set[str] = field(default_factory=set)
    installed: dict[str, str] = field(default_factory=dict)
    teardown_errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PairSeen:
    """What came of one walk.

    Attributes:
        hellos: what each arm said it is.
        tests: for each test that all arms have, the pair of each of its measurements, or why there is none.
        one_sided: why tests are not walked that only some arms have, by name.
        sources: where the code of each arm came from.
    """

    hellos: tuple[Hello, ...]
    tests: Mapping[str, "Measured | LeftOut"]
    one_sided: Mapping[str, LeftOut]
    sources: tuple[Sources, ...]


@dataclass
class _Heard:
    """What one arm said of one test so far."""

    totals_ns: list[int] = field(default_factory=list)
    samples_ns: list[list[int]] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)


Measured = Mapping[str, Pair | None]  # by the name of each measurement of a test; None for one that is not wanted


def run_pair(
    arms: Sequence[Arm],
    number: int,
    seed: int,
    plan: Plan,
    sizes: dict[str, Size],
    cores: Sequence[int],
    clock: Clock,
    is_walked: Callable[[str], bool] = lambda _: True,
    is_wanted: Callable[[str], bool] = lambda _: True,
    started: Callable[[Sequence[int]], None] = lambda _: None,
) -> PairSeen:
    """Start a process for each arm and walk their tests in lock-step.

    Args:
        arms: base, candidate and, where there is a control, the base once more.
        number: of the pair.
        seed: of everything that is drawn: core, layout, order.
        plan: how it is measured.
        sizes: by measurement, as the first pair found it; filled in here, so that all pairs agree.
        cores: to draw one from.
        clock: for time limits.
        is_walked: whether the test of a name is walked.
        is_wanted: whether the measurement of a name is made, where its test is walked.
        started: is told the groups of processes that live, and of none at the end.

    Raises:
        WorkerLost: a process died or does not answer: there is no such pair; it says at which test.
    """
    draw = random.Random(f"{seed}/{number}")  # noqa: S311  # an experiment's, to be repeated
    layout = {
        "PYTHONHASHSEED": str(draw.randrange(1, 2**32)),
        "PACELINE_LAYOUT": "x" * draw.randrange(LARGEST_PADDING),
    }
    core = draw.choice(list(cores)) if plan.pinned and cores else None
    workers = start_all(arms, layout, core, clock, plan.limit_s)
    at = ""
    walked: tuple[str, ...] = ()
    started([each.group for each in workers])
    try:
        hellos = [each.hello() for each in workers]
        lists = [frozenset(hello.names) for hello in hellos]
        everywhere = frozenset.intersection(*lists)
        walked = tuple(name for name in hellos[0].names if name in everywhere and is_walked(name))
        seen: dict[str, Measured | LeftOut] = {}
        sources = tuple(Sources() for _ in workers)
        for name, following in zip_longest(walked, walked[1:]):
            at = name
            walk = _Walk(workers, hellos, name, following, plan, draw)
            seen[name] = walk.measure(number, seed, core, sizes, sources, is_wanted)
        for each in workers:
            each.let_end()
        for each in workers:
            each.end()
    except BaseException as error:
        for each in workers:
            each.kill()
        if isinstance(error, WorkerLost):
            error.test, error.names = at, walked
        raise
    finally:
        started(())
    return PairSeen(tuple(hellos), seen, _one_sided([each.role for each in workers], hellos), sources)


def _one_sided(roles: Sequence[str], hellos: Sequence[Hello]) -> dict[str, LeftOut]:
    """Tests that some do not have; and files that nobody could look for tests in, as they have no other name."""
    sides = list(zip(roles, hellos, strict=True))
    reasons: dict[str, LeftOut] = {}
    for name in dict.fromkeys(name for hello in hellos for name in hello.names):
        has = [role for role, hello in sides if name in hello.names]
        lacks = [(role, _of_file(name, hello.not_listed)) for role, hello in sides if name not in hello.names]
        if not lacks:
            continue
        missing = " and ".join(role for role, _ in lacks)
        why = next((why for _, why in lacks if why), "")
        reasons[name] = LeftOut(
            f"only {' and '.join(has)} has it, {missing} has not" + (f": {why}{_hint(why)}" if why else ""),
            is_broken=any(role == CANDIDATE and why for role, why in lacks),
        )
    for file in dict.fromkeys(file for hello in hellos for file in hello.not_listed):
        if not any(_of_file(name, {file: "-"}) for name in reasons):
            failed = [(role, hello.not_listed[file]) for role, hello in sides if file in hello.not_listed]
            reasons[file] = LeftOut(
                f"{' and '.join(role for role, _ in failed)}: {failed[0][1]}",
                is_broken=any(role == CANDIDATE for role, _ in failed),
            )
    return reasons


def _hint(why: str) -> str:
    return "; --tests PATH takes along what tests import" if "No module named" in why else ""


def _of_file(name: str, reasons: Mapping[str, str]) -> str | None:
    return next(
        (why for file, why in reasons.items() if name == file or name.startswith((f"{file}::", f"{file}/"))), None
    )


class _Walk:
    """One test in one pair; which one comes after it tells a session what to leave standing."""

    def __init__(
        self,
        workers: Sequence[Worker],
        hellos: Sequence[Hello],
        name: str,
        following: str | None,
        plan: Plan,
        draw: random.Random,
    ) -> None:
        self._following = following
        self._workers = workers
        self._shortest_single_ns = max(hello.shortest_single_ns for hello in hellos)
        self._name = name
        self._plan = plan
        self._draw = draw

    def measure(
        self,
        number: int,
        seed: int,
        core: int | None,
        sizes: dict[str, Size],
        sources: Sequence[Sources],
        is_wanted: Callable[[str], bool],
    ) -> Measured | LeftOut:
        """All measurements of the test, or none: one that fails, or that a side lacks, is the test's failure."""
        said = [each.open(self._name, self._following) for each in self._workers]
        pairs: dict[str, Pair | None] = {}
        left_out = self._failure(self._troubles(said))
        while left_out is None and any("ready" in answer for answer in said):
            name, *others = [answer.get("ready") for answer in said]
            if name is None or set(others) != {name}:
                left_out = self._unlike([name, *others])
                break
            heard = self._epochs(name, sizes) if is_wanted(name) else None
            if isinstance(heard, LeftOut):
                left_out = heard if name == self._name else replace(heard, reason=f"{heard.reason} (in {name})")
                break
            said = [each.go_on() for each in self._workers]
            peaks = [answer["peak_rss_bytes"] for answer in said]
            pairs[name] = None if heard is None else _pair_of(heard, peaks, number, seed, sizes[name].calls, core)
            left_out = self._failure(self._troubles(said))
        ends = [each.close_test(answer) for each, answer in zip(self._workers, said, strict=True)]
        for known, each, end in zip(sources, self._workers, ends, strict=True):
            known.modules.update(end.get("files", ()))
            known.defined_in.update(end.get("defined_in", ()))
            known.installed.update(end.get("installed", {}))
            if end.get("teardown_error"):
                known.teardown_errors[self._name] = each.told(end["teardown_error"])
        return left_out or pairs

    def _troubles(self, said: Sequence[Mapping[str, Any]]) -> list[Trouble | None]:
        return [each.trouble_in(answer) for each, answer in zip(self._workers, said, strict=True)]

    def _unlike(self, names: Sequence[str | None]) -> LeftOut:
        """Why there is nothing to compare where each side is about to measure something else."""
        told = ", ".join(
            f"{each.role} {name or 'has come to its end'}" for each, name in zip(self._workers, names, strict=True)
        )
        return LeftOut(
            f"it does not measure the same on both sides: {told}. Each side has to make the same measurements in the "
            "same order"
        )

    def _failure(self, troubles: Sequence[Trouble | None]) -> LeftOut | None:
        """The first in the order of the arms. A test about what is new fails on the base, and nothing is broken."""
        base, candidate = troubles[:2]
        is_broken = candidate is not None and not (candidate.is_skip and base is not None)
        if base is not None and len({trouble and _ADDRESS.sub("", trouble.text) for trouble in troubles}) == 1:
            return LeftOut(f"both sides: {base.text}", is_broken)
        for each, trouble in zip(self._workers, troubles, strict=True):
            if trouble is not None:
                return LeftOut(f"{each.role}: {trouble.text}", is_broken)
        return None

    def _epochs(self, name: str, sizes: dict[str, Size]) -> list[_Heard] | LeftOut:
        """What each arm said, or what went wrong on which side."""
        calibrated = [each.ask("call_ns", do="calibrate") for each in self._workers]
        if (left_out := self._failure(self._troubles(calibrated))) is not None:
            return left_out
        call_ns = [float(said["call_ns"]) for said in calibrated]
        size = sizes.setdefault(name, size_of(max(call_ns), self._plan.epochs))
        singly = min(call_ns) >= self._shortest_single_ns
        heard = [_Heard() for _ in self._workers]
        for epoch, arm in order_of(self._draw, len(self._workers), size.epochs):
            is_planted = arm == 2 and epoch % 2 == 1  # noqa: PLR2004  # the third is the control
            each = self._workers[arm]
            planted = self._plan.planted if is_planted else 0.0
            said = each.ask("total_ns", do="epoch", calls=size.calls, planted=planted, singly=singly)
            if (trouble := each.trouble_in(said)) is not None:
                return LeftOut(f"{each.role}: {trouble.text}", is_broken=each.role == CANDIDATE)
            _keep(heard[arm], said)
        return heard


def size_of(call_ns: float, epochs: int) -> Size:
    """How much to measure of a test whose slower side takes ``call_ns`` a call.

    From 50 ms a call on there are half as many epochs, from 200 ms on a quarter, and never less than two: pairs
    count for more than epochs.
    """
    halved = sum(call_ns >= slow for slow in SLOW_NS)
    return Size(max(1, round(EPOCH_NS / max(call_ns, 1.0))), max(2, epochs // 2**halved // 2 * 2))


def order_of(draw: random.Random, arms: int, epochs: int) -> list[tuple[int, int]]:
    """(epoch, arm) in the order of measuring: blocks of two epochs, the second the mirror image of the first.

    With two arms that is ABBA or BAAB. With the control as third, all three are drawn alike: each is as often
    first, as often beside each other one, and as often its own predecessor.
    """
    order: list[tuple[int, int]] = []
    for first in range(0, epochs, 2):
        there = draw.sample(range(arms), arms)
        order += [(first, arm) for arm in there] + [(first + 1, arm) for arm in reversed(there)]
    return order


def _keep(heard: _Heard, said: Mapping[str, Any]) -> None:
    heard.totals_ns.append(said["total_ns"])
    heard.errors.append(said["errors"])
    if said["samples_ns"] is not None:
        heard.samples_ns.append(said["samples_ns"])


def _every_second(heard: _Heard, first: int) -> _Heard:
    return _Heard(heard.totals_ns[first::2], heard.samples_ns[first::2], heard.errors[first::2])


def _pair_of(
    heard: Sequence[_Heard], peaks: Sequence[int | None], number: int, seed: int, calls: int, core: int | None
) -> Pair:
    base, candidate = (_epochs_of(each, calls, peak) for each, peak in zip(heard[:2], peaks[:2], strict=True))
    null = planted = None
    if len(heard) > 2:  # noqa: PLR2004  # the third is the control
        null, planted = (_epochs_of(_every_second(heard[2], first), calls, peaks[2]) for first in (0, 1))
    return Pair(number, seed, calls, base, candidate, null, planted, core)


def _epochs_of(heard: _Heard, calls: int, peak_rss_bytes: int | None) -> Epochs:
    made = calls * len(heard.totals_ns)
    total_ns = sum(heard.totals_ns)
    ordered = sorted(sample for samples in heard.samples_ns for sample in samples)
    return Epochs(
        epoch_ns=tuple(
            [median(samples) for samples in heard.samples_ns]
            if heard.samples_ns
            else [each / calls for each in heard.totals_ns]
        ),
        mean_ns=total_ns / made if made else math.nan,
        p95_ns=quantile_of_sorted(ordered, 0.95) if ordered else None,
        p99_ns=quantile_of_sorted(ordered, 0.99) if ordered else None,
        calls=made,
        errors=sum(heard.errors),
        throughput_per_s=made * NS_PER_S / total_ns if total_ns > 0 else None,
        peak_rss_bytes=peak_rss_bytes,
    )
