"""Repeats of the levels of a sweep: each a run of its own, in an order in which level and time are strangers.

Measured level after level, a machine that gets slower looks like a service that does not scale. The order is drawn in
rounds: each has every level once, so that what drifts slowly is spread over all levels, and a sweep that is broken off
has about as much of each.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from paceline.engine.request import LoadNow, Observer, Run, RunRequest
from paceline.records.merging import figures_of, repeats_merged
from paceline.records.repeats import Repeat, Repetition
from paceline.records.run_record import RunRecord
from paceline.store.journal import Journal

MOST_REPEATS = 1_000


@dataclass(frozen=True, slots=True)
class Step:
    """One run of a sweep.

    Attributes:
        level: place of its level among those of the sweep.
        number: of the level's repeats, from 0.
        place: in the order of the sweep, from 0.
    """

    level: int
    number: int
    place: int


def order_of(levels: int, repeats: int, seed: int) -> list[Step]:
    """Rounds of all levels, each in an order of its own."""
    generator = random.Random(seed)  # noqa: S311  # an order, no secret
    steps: list[Step] = []
    for number in range(repeats):
        levels_now = list(range(levels))
        generator.shuffle(levels_now)
        steps += [Step(level, number, len(steps) + place) for place, level in enumerate(levels_now)]
    return steps


class RepeatedLevels:
    """A sweep under way.

    Args:
        requests: one a level, with the number of repeats.
        seed: of the order; None: that of ``begun``, or drawn.
        begun: repeats that were finished before it was cut off; those that are not of this sweep are passed over.
        finished: levels that need no further run, by their place.
        journal: takes each repeat the moment it is finished.
    """

    def __init__(
        self,
        requests: Sequence[RunRequest],
        seed: int | None,
        begun: Iterable[RunRecord] = (),
        finished: Iterable[int] = (),
        journal: Journal | None = None,
    ) -> None:
        self._requests = requests
        self._journal = journal
        self._runs: dict[Step, RunRecord] = {}
        kept = [(level, record) for record in begun if (level := self._level_of(record, seed)) is not None]
        seeds = [each.seed for _, record in kept if (each := record.repetition) is not None]
        drawn = random.SystemRandom().getrandbits(32) if seed is None else seed
        self.seed = seeds[0] if seeds else drawn
        self._order = order_of(len(requests), requests[0].repeats, self.seed)
        by_number = {(step.level, step.number): step for step in self._order}
        for level, record in kept:
            repetition = record.repetition
            if repetition is not None and repetition.seed == self.seed:
                self._runs[by_number[level, repetition.repeats[0].number]] = record
        done = set(finished)
        self.steps = [step for step in self._order if step.level not in done and step not in self._runs]

    def _level_of(self, record: RunRecord, seed: int | None) -> int | None:
        """The level that ``record`` is a repeat of; None where it is of another sweep."""
        repetition = record.repetition
        if repetition is None or len(repetition.repeats) != 1 or seed not in {None, repetition.seed}:
            return None
        for level, request in enumerate(self._requests):
            asked = (request.name, request.test_type, request.definition(1))
            if asked == (record.name, record.test_type, record.definition):
                return level if 0 <= repetition.repeats[0].number < request.repeats else None
        return None

    def request(self, step: Step) -> RunRequest:
        """What is to be run."""
        return self._requests[step.level]

    def watched_by(self, observer: Observer, step: Step) -> Observer:
        """An observer that is told which repeat it sees."""
        count = self._requests[step.level].repeats
        text = f"repeat {step.number + 1} of {count} (run {step.place + 1} of {len(self._order)})"
        return _Telling(observer, text)

    def take(self, step: Step, ended: Run) -> None:
        """Keep what came of a run.

        Raises:
            OutputError: the journal cannot be written.
            BaseException: what ended the run early.
        """
        record = ended.record
        if ended.stopped_by is None and record.circumstances.interruption is None:
            repeat = Repeat(step.number, step.place, record.started_at, record.elapsed_ns, figures_of(record))
            record = replace(record, repetition=Repetition(self.seed, (repeat,)))
        self._runs[step] = record
        if record.repetition is not None and self._journal is not None:
            self._journal.add_repeat(record)
        if ended.stopped_by is not None:
            raise ended.stopped_by

    def merged(self, level: int, interruption: str) -> RunRecord | None:
        """All that was seen of a level; ``interruption`` where that is not all that was asked for. None: nothing."""
        runs = [self._runs[step] for step in self._order if step.level == level and step in self._runs]
        return repeats_merged(runs, interruption) if runs else None


class _Telling:
    """Passes on what it is told, under a longer name."""

    def __init__(self, observer: Observer, text: str) -> None:
        self._observer = observer
        self._text = text

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        self._observer.progress(f"{record_name}, {self._text}", share, attempts, load)

    def partial(self, record: RunRecord) -> None:
        self._observer.partial(record)
