"""A duet: pairs of fresh processes, base and candidate side by side, until there are enough of them."""

import os
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from paceline.campaign.duet_sides import Operation, sides_of_callables
from paceline.campaign.lockstep.guard import Guard, guard
from paceline.campaign.lockstep.pairs import CANDIDATE, LeftOut, Measured, PairSeen, Plan, Size, Sources, run_pair
from paceline.campaign.lockstep.process import Arm, Hello, WorkerLost
from paceline.core.clock import Clock, utc_text
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine.request import checked_name
from paceline.judge.duet import next_look
from paceline.records.duet import DuetRecord, Pair, Side, Subject
from paceline.sysmon.fingerprint import this_machine
from paceline.workload.models import MOST_SEED, whole_number

PAIRS = 20
FEWEST_PAIRS = 7  # with six all on one side happens by chance in 1.6 % of duets of equal code
ADAPTIVE_LOOKS = (12, 24, 48)
_ALL = frozenset({"*"})  # which tests there are is not known before the first pair
_LOST_AT_FIRST = 3  # pairs, before one was whole: then it is not bad luck


class Observer(Protocol):
    """Is shown how a duet gets on."""

    def pair(self, done: int, planned: int, lost: int) -> None:
        """So many pairs are done, of at most ``planned``; ``lost`` others are not there."""


@dataclass(frozen=True)
class DuetPlan:
    """What a duet measures, and how much of it.

    Attributes:
        arms: for the pair of a given number: base, candidate and, where there is a control, the base once more.
        base, candidate: what the sides are called.
        looks: numbers of pairs after which it is judged; one for a fixed number.
        seed: that everything random follows from.
        pair: how one pair is measured.
        checkout: root that nothing may be imported from, as both sides are copies of it; None where there is none.
        metadata: the user's.
        earlier: records of the same tests and sides, whose pairs come first; each look after them is one more, and the
            level is shared among all of them.
    """

    arms: Callable[[int], Sequence[Arm]]
    base: Side
    candidate: Side
    looks: tuple[int, ...] = (PAIRS,)
    seed: int = 0
    pair: Plan = field(default_factory=Plan)
    checkout: Path | None = None
    metadata: Mapping[str, object] | None = None
    earlier: tuple[DuetRecord, ...] = ()


@dataclass(frozen=True)
class DuetRun:
    """What came of a duet.

    Attributes:
        records: of each test that both sides have, in the order they were walked.
        left_out: why other tests are not compared, by name.
        broken: those of them that the candidate fails.
        notices: what else a person should know, a sentence each.
        stopped_by: what ended it early, if anything did.
    """

    records: tuple[DuetRecord, ...]
    left_out: Mapping[str, str]
    notices: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    stopped_by: BaseException | None = None


def run_duet(
    plan: DuetPlan,
    clock: Clock,
    observer: Observer | None = None,
    keep: Callable[[Callable[[], DuetRun]], None] = lambda _: None,
) -> DuetRun:
    """Measure pairs until every test has as many as it needs.

    A pair in which a process dies or does not answer is discarded, counted and made up for. A Ctrl-C ends the duet;
    what was measured is in what it returns. ``keep`` is given, after each pair, what tells all so far.

    Raises:
        ConfigurationError: both sides run the same code.
        MeasurementError: no pair could be measured.
    """
    return _Duet(plan, clock, observer, keep).run()


def checked_pairs(pairs: int) -> int:
    """A number of pairs that an interval can be drawn from.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(pairs, int) or isinstance(pairs, bool) or pairs < FEWEST_PAIRS:
        raise ConfigurationError(f"pairs must be a whole number from {FEWEST_PAIRS}, not {pairs!r}")
    return pairs


def duet_of_callables(
    name: str,
    base: Operation,
    candidate: Operation,
    clock: Clock,
    *,
    setup: Operation | None = None,
    teardown: Operation | None = None,
    looks: tuple[int, ...] = (PAIRS,),
    seed: int | None = None,
    pair: Plan | None = None,
    metadata: Mapping[str, object] | None = None,
    observer: Observer | None = None,
) -> DuetRecord:
    """Two callables of this process side by side, in fresh ones.

    Raises:
        ConfigurationError: an argument is wrong, or a callable cannot be handed to another process.
        MeasurementError: one fails, or no pair could be measured.
        KeyboardInterrupt: it was interrupted.
    """
    name = checked_name(name)
    if seed is not None:
        whole_number("seed", seed, at_least=0, at_most=MOST_SEED)
    plan = DuetPlan(
        sides_of_callables(name, base, candidate, setup, teardown),
        Side("base", detail=_name_of(base)),
        Side("candidate", detail=_name_of(candidate)),
        looks,
        secrets.randbits(32) if seed is None else seed,
        pair or Plan(),
        metadata=metadata,
    )
    run = run_duet(plan, clock, observer)
    if run.stopped_by is not None:
        raise run.stopped_by
    if name in run.left_out:
        raise MeasurementError(f"{name} cannot be compared: {run.left_out[name]}")
    return run.records[0]


def is_of_these(
    record: DuetRecord,
    base: Operation,
    candidate: Operation,
    looks: tuple[int, ...],
    metadata: Mapping[str, object],
) -> bool:
    """Whether ``record``, of an earlier session, is what :func:`duet_of_callables` would measure again, here."""
    asked = (_name_of(base), _name_of(candidate), looks, metadata, this_machine().key)
    seen = (record.base.detail, record.candidate.detail, record.looks, record.metadata, record.fingerprint.key)
    return asked == seen and are_sound(record.pairs)


def _name_of(operation: Operation) -> str:
    return str(getattr(operation, "__qualname__", type(operation).__qualname__))


class _Duet:
    def __init__(
        self,
        plan: DuetPlan,
        clock: Clock,
        observer: Observer | None,
        keep: Callable[[Callable[[], DuetRun]], None],
    ) -> None:
        self._keep = keep
        self._plan = plan
        self._clock = clock
        self._observer = observer
        self._started_at = utc_text(clock.utc_now())
        self._pairs: dict[str, list[Pair]] = {}
        self._discarded: list[tuple[Callable[[str], bool], str]] = []  # with the measurements whose loss it is
        self._names: set[str] = set()  # of all tests that any side has
        self._losses: Counter[str] = Counter()  # of pairs, by the test at which a process was lost
        self._broken: list[str] = []
        self._left_out: dict[str, str] = {}
        self._sizes: dict[str, Size] = {}
        self._base, self._candidate = plan.base, plan.candidate
        self._notices: dict[str, None] = {}
        self._fingerprint = this_machine()
        self._looks: dict[str, tuple[int, ...]] = {}
        self._appended: dict[str, tuple[int, ...]] = {}
        for record in plan.earlier:
            self._go_on(record)

    def _go_on(self, record: DuetRecord) -> None:
        self._check_same(record.fingerprint.key == self._fingerprint.key, record, "another machine or interpreter")
        if not are_sound(record.pairs):
            raise ConfigurationError(
                f"the pairs to go on with contradict each other: {record.name} is to be measured anew, as its file was "
                "changed by hand"
            )
        for then, now in ((record.base, self._base), (record.candidate, self._candidate)):
            is_same = (then.label, then.detail) == (now.label, now.detail)
            self._check_same(is_same, record, f"{then.label} {then.detail}, and this is {now.label} {now.detail}")
        was_pinned = record.pairs[0].core is not None
        self._check_same(was_pinned == bool(self._plan.pair.pinned and usable_cores()), record, "another --no-pin")
        self._check_same(record.metadata == (self._plan.metadata or {}), record, f"{dict(record.metadata)}")
        self._pairs[record.name] = list(record.pairs)
        self._sizes[record.name] = Size(record.pairs[0].calls_per_epoch, len(record.pairs[0].base.epoch_ns))
        self._looks[record.name] = (*record.planned_looks, len(record.pairs) + self._plan.looks[-1])
        self._appended[record.name] = (*record.appended, len(record.pairs))
        self._discarded += [(record.name.__eq__, text) for text in record.discarded]

    @staticmethod
    def _check_same(is_same: bool, record: DuetRecord, other: str) -> None:  # noqa: FBT001
        if not is_same:
            raise ConfigurationError(f"the pairs to go on with are of {other}: {record.name} is to be measured anew")

    def run(self) -> DuetRun:
        stopped_by: BaseException | None = None
        number = max((pair.number + 1 for pairs in self._pairs.values() for pair in pairs), default=0)
        try:
            with guard() as watcher:
                while wanted := self._wanted():
                    self._pair(number, wanted, watcher)
                    number += 1
                    self._keep(self._so_far)
        except KeyboardInterrupt as error:
            stopped_by = error
        return self._so_far(stopped_by)

    def _so_far(self, stopped_by: BaseException | None = None) -> DuetRun:
        return DuetRun(
            tuple(self._record(name) for name, pairs in self._pairs.items() if pairs),
            dict(self._left_out),
            tuple(self._notices),
            tuple(self._broken),
            stopped_by,
        )

    def _wanted(self) -> frozenset[str]:
        """Names of the measurements that need another pair."""
        if not self._pairs:
            return frozenset() if self._left_out and self._names <= set(self._left_out) else _ALL
        looks = {name: next_look(self._record(name), suite=len(self._pairs)) for name in self._pairs}
        if self._observer is not None:
            done = max(len(pairs) for pairs in self._pairs.values())
            self._observer.pair(done, max(done, *(look or 0 for look in looks.values())), len(self._discarded))
        return frozenset(name for name, look in looks.items() if look is not None)

    def _pair(self, number: int, wanted: frozenset[str], watcher: Guard) -> None:
        def is_walked(test: str) -> bool:
            return test not in self._left_out and (wanted is _ALL or any(_is_of(test, name) for name in wanted))

        def is_wanted(name: str) -> bool:
            return wanted is _ALL or name in wanted

        arms = self._plan.arms(number)
        try:
            seen = run_pair(
                arms,
                number,
                self._plan.seed,
                self._plan.pair,
                self._sizes,
                usable_cores(),
                self._clock,
                is_walked,
                is_wanted,
                lambda groups: watcher.watch(*groups),
            )
        except WorkerLost as error:
            self._lose(number, wanted, error)
            return
        self._check(seen, arms)
        self._names.update(seen.tests, seen.one_sided)
        if not self._names:
            raise ConfigurationError(
                "pytest selected no test that measures: one that takes the fixture 'perf' or 'benchmark'"
            )
        for name, why in seen.one_sided.items():
            self._leave_out(name, why)
        for test, outcome in seen.tests.items():
            if isinstance(outcome, LeftOut):
                self._leave_out(test, outcome)
            else:
                self._take(test, outcome)
        for name in [name for name in self._pairs if not any(_is_of(test, name) for test in self._names)]:
            self._leave_out(name, LeftOut("its earlier pairs are there, and neither side has it any more"))

    def _take(self, test: str, measured: Measured) -> None:
        """The pairs of a test, unless it measures now this, now that."""
        known = self._measurements(test)
        if known and known != set(measured):
            then, now = (", ".join(sorted(each)) for each in (known, measured))
            self._leave_out(test, LeftOut(f"it does not measure the same in each pair: {then}; then {now}"))
            return
        for name, pair in measured.items():
            if pair is not None:
                self._pairs.setdefault(name, []).append(pair)

    def _measurements(self, test: str) -> set[str]:
        return {name for name in self._pairs if _is_of(test, name)}

    def _lose(self, number: int, wanted: frozenset[str], error: WorkerLost) -> None:
        """Count the pair; a test at which processes are lost before it ever had a pair is not to cost the others."""
        # A process that a test brought down took the others' pair with it, whatever they would have read: that is no
        # choice among theirs.
        is_loss = partial(_is_of, error.test) if error.test else lambda name: wanted is _ALL or name in wanted
        self._discarded.append((is_loss, f"pair {number + 1}: {error}"))
        if not self._measurements(error.test):
            self._losses[error.test] += 1
            if self._losses[error.test] < _LOST_AT_FIRST:
                return
            self._names.update(error.names)
            if not error.test or self._names <= {error.test, *self._left_out}:
                raise MeasurementError(f"no pair could be measured: {error}") from error
            self._leave_out(error.test, LeftOut(str(error), is_broken=error.role == CANDIDATE))

    def _leave_out(self, test: str, why: LeftOut) -> None:
        # Failing once is failing: what is left of the pairs would be a choice.
        self._left_out[test] = why.reason
        for name in self._measurements(test):
            del self._pairs[name]
        if why.is_broken and test not in self._broken:
            self._broken.append(test)

    def _check(self, seen: PairSeen, arms: Sequence[Arm]) -> None:
        """That the two sides are what they should be.

        Raises:
            ConfigurationError: they run the same code.
        """
        base, candidate = seen.sources[0], seen.sources[1]
        if self._plan.checkout is not None and (
            stray := same_code(self._plan.checkout, [arm.copy for arm in arms], seen.sources)
        ):
            raise ConfigurationError(
                f"{stray} was loaded from outside the side's own copy: both sides would run the same code. Where it is "
                "an installation of this project, install it editable: 'pip install -e .'; or let each copy have its "
                "own: --setup 'pip install --target . .'"
            )
        self._base = _told(self._base, seen.hellos[0], base)
        self._candidate = _told(self._candidate, seen.hellos[1], candidate)
        for record in self._plan.earlier:
            for then, now in ((record.base, self._base), (record.candidate, self._candidate)):
                are_same = (then.label, then.detail, then.python) == (now.label, now.detail, now.python)
                self._check_same(are_same, record, f"{then.label} {then.detail}, and this is {now.label} {now.detail}")
        for arm, source in zip(("base", "candidate"), seen.sources, strict=False):
            for name, text in source.teardown_errors.items():
                self._notices[f"{name}: teardown failed for the {arm}: {text}"] = None

    def _record(self, name: str) -> DuetRecord:
        return DuetRecord(
            name=name,
            started_at=self._started_at,
            subject=Subject.CALL,
            base=self._base,
            candidate=self._candidate,
            pairs=tuple(self._pairs[name]),
            discarded=tuple(text for is_loss, text in self._discarded if is_loss(name)),
            looks=self._looks.get(name, self._plan.looks),
            appended=self._appended.get(name, ()),
            seed=self._plan.seed,
            planted_effect=self._plan.pair.planted,
            fingerprint=self._fingerprint,
            metadata=self._plan.metadata or {},
        )


def are_sound(pairs: Sequence[Pair]) -> bool:
    """Whether these can be the pairs of one test: some, each once, all of the same size."""
    sizes = {(pair.calls_per_epoch, len(pair.base.epoch_ns), len(pair.candidate.epoch_ns)) for pair in pairs}
    numbers = {pair.number for pair in pairs}
    return len(sizes) == 1 and len(numbers) == len(pairs) and min(min(size) for size in sizes) > 0


def same_code(checkout: Path, copies: Sequence[Path | None], sources: Sequence[Sources]) -> str | None:
    """A file that one side loaded from the user's checkout or another side's copy, or both from one place.

    A project that is installed hides its copies: of what is installed, that is looked for in the checkout by name.
    """
    foreign = [
        file
        for number, side in enumerate(sources)
        for file in sorted(side.modules | side.defined_in)
        for root in (checkout, *(copy for copy in [*copies[:number], *copies[number + 1 :]] if copy is not None))
        if file.startswith(f"{root.resolve()}{os.sep}")
    ]
    base, candidate = sources[0], sources[1]
    shared = {name: file for name, file in base.installed.items() if candidate.installed.get(name) == file}
    hidden = [file for name, file in sorted(shared.items()) if _has_module(checkout, name)]
    return next(iter([*foreign, *sorted(base.defined_in & candidate.defined_in), *hidden]), None)


def _has_module(checkout: Path, name: str) -> bool:
    places = (checkout, checkout / "src", checkout / "lib", checkout / "python")
    return any((each / name / "__init__.py").is_file() or (each / f"{name}.py").is_file() for each in places)


def usable_cores() -> Sequence[int]:
    """The cores this process may use; none where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else ()


def _told(side: Side, hello: Hello, sources: Sources) -> Side:
    files = {*side.files, *sources.modules, *sources.defined_in}
    return replace(side, python=f"{hello.implementation} {hello.python}", files=tuple(sorted(files)))


def _is_of(test: str, name: str) -> bool:
    """Whether a test makes the measurement of that name: its own, or one with a ``#`` behind it."""
    return name == test or name.startswith(f"{test}#")
