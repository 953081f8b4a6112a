"""One run over a database: what threads and tasks share. What they do not is in ``calls`` and ``async_calls``."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import AttemptFailed, ConfigurationError, MeasurementError
from paceline.core.units import NS_PER_S
from paceline.records.database import DatabaseRecord, Plan, ServerCounters
from paceline.records.distribution import Distribution
from paceline.records.run_record import RunRecord
from paceline.targets.sql import counters
from paceline.targets.sql.doors import Control
from paceline.targets.sql.jobs import AT_ONCE, READY, Job, Recipe, Supply
from paceline.targets.sql.notes import Notes
from paceline.targets.sql.place import ONE_CONNECTION, Place
from paceline.targets.sql.plans import plan_of
from paceline.targets.sql.text import Kind
from paceline.targets.sql.trial import require_transactions, server_of, try_statements
from paceline.workload.legs import WHOLE, Leg

ARRIVALS_POOL = 10  # connections where no number of workers says how many; as many as an HTTP load has
_GIVE_WAY_S = 1e-5  # a thread that waits lets go of the interpreter, which it would otherwise keep for 5 ms


class Asked(Protocol):
    """What a run is told: a :class:`SqlTarget`, whose attributes these are; it makes runs, and so is not known here."""

    @property
    def place(self) -> Place: ...  # noqa: D102  # here and below: described there
    @property
    def pool(self) -> int | None: ...  # noqa: D102
    @property
    def pool_timeout_s(self) -> float: ...  # noqa: D102
    @property
    def timeout_s(self) -> float: ...  # noqa: D102
    @property
    def retries(self) -> int: ...  # noqa: D102
    @property
    def commit(self) -> bool: ...  # noqa: D102
    @property
    def isolation(self) -> str | None: ...  # noqa: D102
    @property
    def transaction(self) -> bool: ...  # noqa: D102
    @property
    def leg(self) -> Leg: ...  # noqa: D102
    def recipe(self, place: Place) -> Recipe: ...  # noqa: D102
    def kinds(self, place: Place) -> tuple[Kind, ...]: ...  # noqa: D102
    def only_reads(self, place: Place) -> bool: ...  # noqa: D102


class SqlRun:
    """One run of a :class:`SqlTarget`; also its witness. Can be handed to another process before :meth:`set_up`."""

    def __init__(self, target: Asked) -> None:
        self.target = target
        self._now_s = SYSTEM_CLOCK.now_s
        self._size = target.pool or 1
        self._retries = target.retries
        self._commit = target.commit
        self._secrets = target.place.secrets
        self._server = ""
        self._plans: tuple[Plan, ...] = ()
        self._before: counters.Reading | None = None
        self._counted: ServerCounters | None = None
        self._by_statement: dict[str, ServerCounters] = {}
        self._alone = False
        self._drawing = False
        self._connecting = Distribution()
        self._lost = 0
        self._place: Place
        self._recipe: Recipe
        self._supply: Supply
        self._notes: Notes
        self._take: Callable[[], Job]
        self._plain = False
        self._begins = ""
        self._give_rows: frozenset[str] = frozenset()

    def __reduce__(self) -> tuple[type["SqlRun"], tuple[Asked]]:
        """Made anew in another process."""
        return type(self), (self.target,)

    def _know(self, place: Place) -> None:
        """All that hangs on the driver."""
        self._place = place
        self._recipe = recipe = self.target.recipe(place)
        self._notes = Notes(recipe.first_of_each)
        self._supply = Supply(recipe)
        self._take = self._supply.take
        # Others are asked after each execution. To psycopg that is a list of objects, 1 us a column.
        self._give_rows = frozenset(
            text.text
            for text, kind in zip(recipe.compiled, self.target.kinds(place), strict=True)
            if kind.reads_only and place.family.name
        )
        explicit = bool(place.family.begins)
        self._plain = explicit and not recipe.transaction and (self._commit or self.target.only_reads(place))
        self._begins = place.family.begins

    def _settings(self, place: Place) -> Sequence[str]:
        family = place.family
        settings = [each for each in (family.waits, family.limit(self.target.timeout_s)) if each]
        if self.target.isolation is not None:
            settings.append(family.isolation(self.target.isolation))
        if family.reads_only and not self._commit and self.target.only_reads(place):
            # A function that a SELECT calls may write all the same.
            settings.append(family.reads_only)
        return settings

    def _prepare(self, control: Control) -> None:
        """Try the statements and take their plans, unless that was done for all legs.

        Raises:
            ConfigurationError: a statement cannot be executed.
        """
        if self.target.leg != WHOLE:
            return
        first = next(self._recipe.jobs())
        self._server = server_of(control, self._place)
        jobs = (
            [first]
            if self._recipe.transaction
            else [self._recipe.job_of(n) for n in range(len(self._recipe.statements))]
        )
        harmful = {
            number for number, kind in enumerate(self.target.kinds(self._place)) if kind.destroys or kind.defines
        }
        if not self._commit and self._place.family.name == "mysql":
            require_transactions(control, self._place, self._recipe)
        try_statements(control, self._place, jobs, self._recipe, harmful)
        steps = {step[0]: step for job in jobs for step in reversed(job)}
        self._plans = tuple(
            plan_of(control, self._place, name, *steps[number][1:3])
            for number, name in enumerate(self._recipe.distinct)
        )
        self._supply.restart()

    def _opened(self, began_s: float, *, again: bool) -> None:
        """A connection was opened."""
        import numpy as np

        self._connecting.add(np.array([max(round((self._now_s() - began_s) * NS_PER_S), 0)], dtype=np.int64))
        if again:
            self._lost -= 1
            self._notes.reconnected.append(1)

    def _too_few(self, opened: int, error: AttemptFailed) -> MeasurementError:
        if not opened:
            return MeasurementError(str(error))
        return MeasurementError(
            f"the server gave {opened} of {self._size} connections ({error}): ask for fewer workers, or for a smaller "
            "pool, on which they wait for each other"
        )

    # The witness.

    def expect(self, workers: int | None) -> None:
        """How many connections there are to be.

        Raises:
            ConfigurationError: the database has only one, and they are several.
        """
        self._alone = workers == 1
        self._size = self.target.pool or workers or max(self.target.leg.share(ARRIVALS_POOL), 1)
        if self.target.place.shared:
            if workers != 1:
                raise ConfigurationError(ONE_CONNECTION)
            self._size = 1

    def fold(self) -> None:
        """Draw ahead, and take up what was noted."""
        self._draw_ahead()
        self._notes.fold()

    def _draw_ahead(self) -> None:
        """Between the attempts of one worker all at once; beside those of several a few at a time."""
        loop = _running_loop()
        if loop is not None:
            if not self._drawing:
                self._draw_on(loop)
        elif self._alone:
            self._supply.draw(READY)
        else:
            while self._supply.draw(AT_ONCE):
                threading.Event().wait(_GIVE_WAY_S)

    def _draw_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._drawing = self._supply.draw(AT_ONCE)
        if self._drawing:
            loop.call_soon(self._draw_on, loop)

    def _begin(self, control: Control | None) -> None:
        self._supply.restart()
        self._notes = Notes(self._recipe.first_of_each)
        is_whole = self.target.leg == WHOLE  # what the server counts is asked once for all legs
        self._before = counters.read(control, self._place, self._plans) if is_whole else None
        self._counted = None
        self._by_statement = {}

    def _end(self, control: Control | None) -> None:
        if self._before is not None:
            after = counters.read(control, self._place, self._plans)
            self._counted = counters.between(self._before, after)
            self._by_statement = counters.of_statements(self._before, after, self._plans)

    def noted(self, record: RunRecord) -> RunRecord:
        """``record`` with statements, plans and the server's counters."""
        notes, target = self._notes, self.target
        notes.fold()
        if not self._plain:
            ending = "commit" if self._commit else "rollback"
        else:
            ending = "commit" if self._commit else "nothing"
        database = DatabaseRecord(
            server=self._server,
            driver=self._place.driver,
            pool=self._size,
            ending=ending,
            isolation=target.isolation or "",
            transaction=target.transaction,
            only_reads=target.only_reads(self._place),
            statements=tuple(replace(each, server=self._by_statement.get(each.name)) for each in notes.records()),
            waiting=notes.waiting.latency,
            ended=notes.ended.latency,
            connecting=self._connecting.latency,
            retries=notes.retries,
            reconnects=notes.reconnects,
            plans=self._plans,
            counters=self._counted,
        )
        return replace(record, database=database)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
