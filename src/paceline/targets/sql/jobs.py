"""What each attempt executes: which statements, with which values. Drawn beforehand and in bulk, without end."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, chain, repeat, tee
from operator import add, itemgetter
from random import Random
from typing import Any

from paceline.core.errors import ConfigurationError
from paceline.targets.rows import Values
from paceline.targets.sql.draws import columns, every_of, mappings, names_of, varies
from paceline.targets.sql.placeholders import Arguments, Compiled
from paceline.targets.sql.statement import Parameters, SqlStatement
from paceline.workload.legs import WHOLE, Leg

Step = tuple[int, str, Arguments, int]
"""Number of the statement among the distinct ones, its text, its arguments, which of its executions in a job it is."""

Job = tuple[Step, ...]

READY = 16_384  # drawn between attempts: more than a quarter of a second's worth of the fastest statements
AT_ONCE = 64  # drawn beside attempts, some 30 us of the interpreter's time; and within one, where there are no more
_DRAWN_AT_ONCE = 1_024

_Values = tuple[Any, ...]
_Picker = Callable[[_Values], Arguments]


@dataclass(frozen=True)
class Recipe:
    """What jobs are made of.

    Attributes:
        statements: as they were given.
        compiled: the same, as the driver takes them.
        parameters: of all statements together.
        rows: whose columns are parameters too.
        transaction: whether a job is all statements in turn.
        seed: of what is drawn.
        typed: whether rows' texts that are whole numbers are to be numbers: the driver takes no texts for them.
        leg: which of the jobs are made, where several processes share them.
    """

    statements: tuple[SqlStatement, ...]
    compiled: tuple[Compiled, ...]
    parameters: Parameters | None
    rows: Values
    transaction: bool
    seed: int
    typed: bool = False
    leg: Leg = WHOLE

    def __post_init__(self) -> None:
        shared = names_of(self.parameters) | set(self.rows[0] if self.rows else ())
        used: set[str] = set()
        for statement, text in zip(self.statements, self.compiled, strict=True):
            own = names_of(statement.parameters)
            used |= set(text.names)
            if callable(statement.parameters) or callable(self.parameters):
                continue  # its first row tells
            _check(statement, text, own, shared)
        # Rows of a file have more columns than a statement needs; what was written out by hand is meant.
        unused = sorted(names_of(self.parameters) - used)
        if unused and not callable(self.parameters):
            raise ConfigurationError(f"parameters: no statement has a place for {', '.join(map(_told, unused))}")

    @property
    def distinct(self) -> tuple[str, ...]:
        """Names of the statements, each once: one that stands twice in a transaction is executed twice."""
        return tuple(dict.fromkeys(statement.shown for statement in self.statements))

    @property
    def first_of_each(self) -> tuple[SqlStatement, ...]:
        """The statements, each once."""
        return tuple(
            {statement.shown: statement for statement in reversed(self.statements)}[name] for name in self.distinct
        )

    def job_of(self, number: int) -> Job:
        """A job that executes the statement ``number`` alone."""
        text = self.compiled[number]
        one = replace(
            self,
            statements=(self.statements[number],),
            compiled=(text,),
            parameters=_needed(self.parameters, text.names),
        )
        kind = self.distinct.index(self.statements[number].shown)
        return tuple((kind, *step[1:]) for step in next(one.jobs()))

    @property
    def is_constant(self) -> bool:
        """Whether all jobs are the same."""
        sources = [self.parameters, *(statement.parameters for statement in self.statements)]
        return not self.rows and not any(map(varies, sources)) and (self.transaction or len(self.statements) == 1)

    def jobs(self) -> Iterator[Job]:
        """Jobs without end; each call begins anew.

        Raises:
            ConfigurationError: a row of a function's does not fit.
        """
        if callable(self.parameters) or any(callable(statement.parameters) for statement in self.statements):
            return self._by_name()
        return self._by_place()

    @property
    def _kinds(self) -> list[int]:
        return [self.distinct.index(statement.shown) for statement in self.statements]

    @property
    def _nth(self) -> list[int]:
        kinds = self._kinds
        return [kinds[:number].count(kind) + 1 if self.transaction else 1 for number, kind in enumerate(kinds)]

    def _by_place(self) -> Iterator[Job]:
        """Jobs whose values are known by their places, drawn without a line of Python a step: they cost a fifth."""
        drawn = columns(self.parameters, self.rows, self.seed, typed=self.typed, leg=self.leg)
        used = {name: drawn[name] for name in drawn if any(name in text.names for text in self.compiled)}
        common = _rows(used)
        own_columns = [
            columns(statement.parameters, (), self.seed + 1 + number, typed=False, leg=self.leg)
            for number, statement in enumerate(self.statements)
        ]
        pickers = [_picker(text, (*used, *own)) for text, own in zip(self.compiled, own_columns, strict=True)]
        own = [_rows(each) for each in own_columns]
        texts, kinds, nth = [text.text for text in self.compiled], self._kinds, self._nth
        if not self.transaction and len(texts) > 1:
            return (
                ((kinds[n], texts[n], pickers[n]((*values, *next(own[n]))), 1),)
                for n, values in zip(self._choices(), common, strict=False)
            )
        steps = [
            zip(repeat(kinds[n]), repeat(texts[n]), map(pickers[n], map(add, values, own[n])), repeat(nth[n]))
            for n, values in enumerate(tee(common, len(texts)))
        ]
        return zip(*steps, strict=True)

    def _by_name(self) -> Iterator[Job]:
        """Jobs with a function's rows among their values: each row may have other names."""
        shared = mappings(self.parameters, self.rows, self.seed, typed=self.typed, leg=self.leg)
        own = [
            mappings(statement.parameters, (), self.seed + 1 + number, typed=False, leg=self.leg)
            for number, statement in enumerate(self.statements)
        ]
        kinds, nth = self._kinds, self._nth

        def step(number: int, common: Mapping[str, Any]) -> Step:
            text = self.compiled[number]
            if not text.names:
                return kinds[number], text.text, None, nth[number]
            mine = next(own[number], None)
            if mine is None:
                raise _ended()
            values = {**common, **mine}
            try:
                arguments = text.arguments([values[name] for name in text.names])
            except KeyError as missing:
                raise _lacking(self.statements[number], str(missing.args[0])) from None
            return kinds[number], text.text, arguments, nth[number]

        if self.transaction:
            every = range(len(self.statements))
            return (tuple(step(number, common) for number in every) for common in shared)
        return ((step(number, common),) for number, common in zip(self._choices(), shared, strict=False))

    def _choices(self) -> Iterator[int]:
        numbers = range(len(self.statements))
        if len(numbers) == 1:
            return repeat(0)
        random = Random(self.seed)  # noqa: S311  # repeatable on purpose, guards nothing
        weights = tuple(accumulate(float(statement.weight) for statement in self.statements))
        drawn = chain.from_iterable(
            random.choices(numbers, cum_weights=weights, k=_DRAWN_AT_ONCE) for _ in repeat(None)
        )
        return every_of(drawn, self.leg)


class Supply:
    """Jobs for many workers at once, drawn where no attempt waits for them."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._lock = threading.Lock()
        self._constant: Iterator[Job] | None = None
        self._ready: deque[Job] = deque()
        self._failed: Exception | None = None
        self._jobs = recipe.jobs()
        if recipe.is_constant:
            self._constant = repeat(next(self._jobs))

    @property
    def take(self) -> Callable[[], Job]:
        """What gives the next job; to be fetched once, for it is called in every attempt."""
        return self._take if self._constant is None else self._constant.__next__

    def restart(self) -> None:
        """Begin anew: the same jobs for every window of the same seed."""
        with self._lock:
            self._jobs = self._recipe.jobs()
            self._ready.clear()
            self._failed = None
        self.draw(READY)

    def draw(self, most: int) -> bool:
        """Draw ahead, outside attempts; whether there is room for more.

        What a function raises in place of rows is kept for the attempt that would have taken them.

        Args:
            most: jobs at once, during which other threads' attempts and those of the same event loop stand still.
        """
        if self._constant is not None or self._failed is not None:
            return False
        with self._lock:
            room = max(READY - len(self._ready), 0)
            try:
                for _ in range(min(most, room)):
                    self._ready.append(next(self._jobs))
            except StopIteration:
                self._failed = _ended()
            except Exception as error:  # noqa: BLE001  # raised by _take
                self._failed = error
            return most < room and self._failed is None

    def _take(self) -> Job:
        while True:
            try:
                return self._ready.popleft()
            except IndexError:
                self.draw(AT_ONCE)
                if self._failed is not None and not self._ready:
                    raise self._failed.with_traceback(None) from None


def _rows(found: Mapping[str, Iterator[Any]]) -> Iterator[_Values]:
    return zip(*found.values(), strict=True) if found else repeat(())


def _picker(text: Compiled, header: Sequence[str]) -> _Picker:
    """What makes arguments of a row whose columns are ``header``; of two of one name the later counts."""
    if not text.names:
        return lambda _: None
    places = {name: place for place, name in enumerate(header)}
    if text.by_name:
        return partial(_mapping, tuple((name, places[name]) for name in text.names))
    wanted = [places[text.names[place]] for place in text.order]
    if wanted == list(range(len(header))):
        return lambda values: values
    if len(wanted) == 1:
        only = wanted[0]
        return lambda values: (values[only],)
    return itemgetter(*wanted)


def _mapping(wanted: Sequence[tuple[str, int]], values: _Values) -> dict[str, Any]:
    return {name: values[place] for name, place in wanted}


def _needed(parameters: Parameters | None, names: Sequence[str]) -> Parameters | None:
    """Of what all statements share, that which one of them has a place for."""
    if isinstance(parameters, Mapping):
        return {name: value for name, value in parameters.items() if name in names}
    # A ? has its place in the list: what one statement does not need is at the end.
    return parameters[: len(names)] if isinstance(parameters, Sequence) else parameters


def _check(statement: SqlStatement, text: Compiled, own: set[str], shared: set[str]) -> None:
    missing = [name for name in text.names if name not in own | shared]
    if missing:
        raise _lacking(statement, missing[0])
    unused = sorted(own - set(text.names))
    if unused:
        raise ConfigurationError(f"parameters: {statement.shown!r} has no place for {', '.join(map(_told, unused))}")


def _lacking(statement: SqlStatement, name: str) -> ConfigurationError:
    return ConfigurationError(
        f"parameters: {statement.shown!r} asks for {_told(name)}, which no parameter and no column of the rows gives"
    )


def _ended() -> ConfigurationError:
    return ConfigurationError(
        "parameters: the function's rows came to an end: let it give rows for ever, for example through itertools.cycle"
    )


def _told(name: str) -> str:
    return f"the ? number {name}" if name.isdecimal() else f":{name}"
