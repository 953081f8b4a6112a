"""One pair: base, candidate and the control beside them walk the same tests, epoch by epoch in turn."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from paceline.campaign.lockstep.process import Arm, Hello, Worker, WorkerLost, start_all
from paceline.core.clock import Clock
from paceline.core.redaction import redact
from paceline.core.units import NS_PER_S
from paceline.records.duet import Epochs, Pair
from paceline.stats.summary import quantile_of_sorted

EPOCH_NS = 4_000_000  # long against the clock and the scheduler's switch, short against what drifts
SLOW_NS = (50_000_000, 200_000_000)  # calls this long are measured in fewer epochs
PLANTED = 0.05
CANDIDATE = "candidate"
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
        only_candidate: whether the base had no trouble with it.
    """

    reason: str
    only_candidate: bool = False


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
        tests: for each test that all arms have, its pair, or why there is none.
        one_sided: why tests are not walked that only some arms have, by name.
        sources: where the code of each arm came from.
    """

    hellos: tuple[Hello, ...]
    tests: Mapping[str, Pair | LeftOut]
    one_sided: Mapping[str, str]
    sources: tuple[Sources, ...]


@dataclass
class _Heard:
    """What one arm said of one test so far."""

    totals_ns: list[int] = field(default_factory=list)
    samples_ns: list[list[int]] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)


def run_pair(
    arms: Sequence[Arm],
    number: int,
    seed: int,
    plan: Plan,
    sizes: dict[str, Size],
    cores: Sequence[int],
    clock: Clock,
    started: Callable[[Sequence[int]], None] = lambda _: None,
) -> PairSeen:
    """Start a process for each arm and walk their tests in lock-step.

    Args:
        arms: base, candidate and, where there is a control, the base once more.
        number: of the pair.
        seed: of everything that is drawn: core, layout, order.
        plan: how it is measured.
        sizes: by test, as the first pair found it; filled in here, so that all pairs agree.
        cores: to draw one from.
        clock: for time limits.
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
    started([each.group for each in workers])
    try:
        hellos, lists = zip(*(each.hello() for each in workers), strict=True)
        everywhere = [name for name in lists[0] if all(name in names for names in lists)]
        seen: dict[str, Pair | LeftOut] = {}
        sources = tuple(Sources() for _ in workers)
        for name in everywhere:
            at = name
            walk = _Walk(workers, hellos, name, plan, draw)
            seen[name] = walk.measure(number, seed, core, sizes, sources)
        for each in workers:
            each.let_end()
        for each in workers:
            each.end()
    except BaseException as error:
        for each in workers:
            each.kill()
        if isinstance(error, WorkerLost):
            error.test = at
        raise
    finally:
        started(())
    return PairSeen(tuple(hellos), seen, _one_sided(workers, lists, set(everywhere)), sources)


def _one_sided(workers: Sequence[Worker], lists: Sequence[Sequence[str]], everywhere: set[str]) -> dict[str, str]:
    reasons = {}
    for name in dict.fromkeys(name for names in lists for name in names):
        if name not in everywhere:
            has = [each.role for each, names in zip(workers, lists, strict=True) if name in names]
            lacks = [each.role for each, names in zip(workers, lists, strict=True) if name not in names]
            reasons[name] = f"only {' and '.join(has)} has it, {' and '.join(lacks)} has not"
    return reasons


class _Walk:
    """One test in one pair."""

    def __init__(
        self, workers: Sequence[Worker], hellos: Sequence[Hello], name: str, plan: Plan, draw: random.Random
    ) -> None:
        self._workers = workers
        self._shortest_single_ns = max(hello.shortest_single_ns for hello in hellos)
        self._name = name
        self._plan = plan
        self._draw = draw

    def measure(
        self, number: int, seed: int, core: int | None, sizes: dict[str, Size], sources: Sequence[Sources]
    ) -> Pair | LeftOut:
        opened = [each.open(self._name) for each in self._workers]
        # In the order of the arms: where the base fails too, it is not the candidate's doing.
        failed = [
            _failure(each, reason) for each, reason in zip(self._workers, opened, strict=True) if reason is not None
        ]
        ready = [each for each, reason in zip(self._workers, opened, strict=True) if reason is None]
        heard: list[_Heard] | LeftOut = failed[0] if failed else self._epochs(sizes)
        ends = {id(each): each.close_test() for each in ready}
        for known, each in zip(sources, self._workers, strict=True):
            end = ends.get(id(each), {})
            known.modules.update(end.get("files", ()))
            known.defined_in.update(end.get("defined_in", ()))
            known.installed.update(end.get("installed", {}))
            if end.get("teardown_error"):
                known.teardown_errors[self._name] = redact(end["teardown_error"])
        if isinstance(heard, LeftOut):
            return heard
        calls = sizes[self._name].calls
        peaks = [ends[id(each)]["peak_rss_bytes"] for each in self._workers]
        base, candidate = (_epochs_of(each, calls, peak) for each, peak in zip(heard[:2], peaks[:2], strict=True))
        null = planted = None
        if len(heard) > 2:  # noqa: PLR2004  # the third is the control
            null, planted = (_epochs_of(_every_second(heard[2], first), calls, peaks[2]) for first in (0, 1))
        return Pair(number, seed, calls, base, candidate, null, planted, core)

    def _epochs(self, sizes: dict[str, Size]) -> list[_Heard] | LeftOut:
        """What each arm said, or what went wrong on which side."""
        call_ns = []
        for each in self._workers:
            said = each.ask("call_ns", do="calibrate")
            if "failed" in said:
                return _failure(each, said["failed"])
            call_ns.append(float(said["call_ns"]))
        size = sizes.setdefault(self._name, size_of(max(call_ns), self._plan.epochs))
        singly = min(call_ns) >= self._shortest_single_ns
        heard = [_Heard() for _ in self._workers]
        for epoch, arm in order_of(self._draw, len(self._workers), size.epochs):
            is_planted = arm == 2 and epoch % 2 == 1  # noqa: PLR2004  # the third is the control
            each = self._workers[arm]
            planted = self._plan.planted if is_planted else 0.0
            said = each.ask("total_ns", do="epoch", calls=size.calls, planted=planted, singly=singly)
            if "failed" in said:
                return _failure(each, said["failed"])
            _keep(heard[arm], said)
        return heard


def _failure(of: Worker, reason: str) -> LeftOut:
    return LeftOut(redact(f"{of.role}: {reason}"), only_candidate=of.role == CANDIDATE)


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
