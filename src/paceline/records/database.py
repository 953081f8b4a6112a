"""What a database adds to a run's record: statements, what their time was spent on, plans, the server's counters."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from paceline.records.latency import Latency

Shape = tuple[object, ...]


@dataclass(frozen=True)
class PlanNode:
    """One step of a plan, in a form that is the same for all databases.

    Attributes:
        operation: as the database calls it.
        table: that it reads, without an alias; empty where it reads none.
        index: that it reads it by.
        full_scan: whether every row of the table is read.
        rows: that the database expects it to give; None where it does not say.
        table_rows: rows of a table that is read as a whole, by the database's own statistics; None where it has none.
        columns: of such a table, that rows are chosen by once they are read.
        children: steps whose rows it takes.
    """

    operation: str
    table: str = ""
    index: str = ""
    full_scan: bool = False
    rows: float | None = None
    table_rows: int | None = None
    columns: tuple[str, ...] = ()
    children: tuple["PlanNode", ...] = ()

    def walk(self) -> Iterator["PlanNode"]:
        """This step and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def text(self) -> str:
        """``Index Scan on records by records_pkey``."""
        where = f" on {self.table}" if self.table else ""
        return f"{self.operation}{where} by {self.index}" if self.index else f"{self.operation}{where}"

    @property
    def shape(self) -> Shape:
        """What makes two plans the same way to the rows, whatever the estimates are.

        Whether all rows are read is not in it: operation, table and index say so already.
        """
        return (self.operation, self.table, self.index, *(child.shape for child in self.children))


@dataclass(frozen=True)
class Plan:
    """The plan of one statement, taken before the measured window.

    Attributes:
        statement: its name.
        steps: the topmost ones; none where there is no plan.
        reason: why there is none.
        identifier: by which the server's own statistics know the statement; empty where it does not say.
    """

    statement: str
    steps: tuple[PlanNode, ...] = ()
    reason: str = ""
    identifier: str = ""

    def walk(self) -> Iterator[PlanNode]:
        """All steps."""
        for step in self.steps:
            yield from step.walk()

    @property
    def text(self) -> str:
        """The steps that read tables, or else the topmost ones."""
        reading = [step.text for step in self.walk() if step.table]
        return ", ".join(reading or [step.text for step in self.steps]) or self.reason

    @property
    def shape(self) -> Shape:
        """Equal for plans that go the same way to the rows."""
        return tuple(step.shape for step in self.steps)


@dataclass(frozen=True, slots=True)
class PlanChange:
    """A statement that two sessions executed by different plans.

    Attributes:
        statement: its name.
        before, after: the plans in words.
    """

    statement: str
    before: str
    after: str


def plans_changed(before: tuple[Plan, ...], after: tuple[Plan, ...]) -> tuple[PlanChange, ...]:
    """The statements whose plans differ in more than estimates; what either side has no plan of is none."""
    earlier = {plan.statement: plan for plan in before if plan.steps}
    return tuple(
        PlanChange(plan.statement, earlier[plan.statement].text, plan.text)
        for plan in after
        if plan.steps and plan.statement in earlier and plan.shape != earlier[plan.statement].shape
    )


@dataclass(frozen=True)
class StatementRecord:
    """One statement of the run.

    Attributes:
        name: by which it is told apart.
        text: of the statement, without credentials.
        executions: that ended ok; those of tries that were repeated included.
        errors: executions that failed.
        rows: that were fetched.
        affected: rows that were changed, where the driver tells.
        operations: attempts in which it was executed, the last try of each counting.
        most_in_operation: executions in the attempt that had the most, likewise.
        repeated: executions in tries that were repeated after a deadlock and the like.
        latency: of executions that ended ok: executing and fetching.
        executing: until the driver had the first of the answer.
        fetching: of the rows.
        server: what the server counted for it; None where it counts no single statements.
    """

    name: str
    text: str
    executions: int = 0
    errors: int = 0
    rows: int = 0
    affected: int = 0
    operations: int = 0
    most_in_operation: int = 0
    repeated: int = 0
    latency: Latency = field(default_factory=Latency)
    executing: Latency = field(default_factory=Latency)
    fetching: Latency = field(default_factory=Latency)
    server: "ServerCounters | None" = None

    @property
    def each_operation(self) -> float:
        """Executions an attempt, on average; 0 where there were none. What was repeated is left out."""
        return (self.executions - self.repeated) / self.operations if self.operations else 0.0


@dataclass(frozen=True, slots=True)
class Counter:
    """How far a counter of the server went up in the window.

    Attributes:
        name: what it counts.
        change: from before the window to after it.
    """

    name: str
    change: float


HITS = "pages in memory"
READS = "pages read"
CALLS = "executions"
EXECUTING_MS = "ms of execution"
TEMPORARY_PAGES = "temporary pages"


def hit_ratio(hits: float, reads: float) -> float | None:
    """Share of pages that were in memory; None where there were none."""
    return hits / (hits + reads) if hits + reads > 0 else None


@dataclass(frozen=True)
class ServerCounters:
    """What the server counted itself; of all its clients, not of this run alone.

    Attributes:
        source: where that stands on the server.
        counters: by name.
        hit_ratio: of pages that were in memory, in [0, 1]; None where none was read, or where it is not known.
        reason: why there are none.
    """

    source: str = ""
    counters: tuple[Counter, ...] = ()
    hit_ratio: float | None = None
    reason: str = ""

    def change(self, name: str) -> float:
        """Of the counter ``name``; 0 where the server has no such."""
        return next((counter.change for counter in self.counters if counter.name == name), 0.0)


@dataclass(frozen=True)
class DatabaseRecord:
    """What a database adds to a run's record.

    Attributes:
        server: product and version, such as ``PostgreSQL 18.1``; empty where that is not known.
        driver: that is timed.
        pool: how many connections there can be; 0 where they are not ours.
        ending: how an attempt ends: ``commit``, ``rollback``, or ``nothing`` where it opens no transaction.
        isolation: level that was asked for; empty for the database's own.
        transaction: whether an attempt is all statements in turn, rather than one of them.
        only_reads: whether no statement writes, as far as its words tell: then there is nothing to commit.
        statements: in the order they were given.
        waiting: for a connection, of attempts that got one; reconnecting included.
        ended: time of commits or rollbacks.
        connecting: of the connections, those before the window included.
        retries: attempts within attempts, after a deadlock and the like.
        reconnects: connections opened in place of lost ones.
        plans: of every statement.
        counters: of the server; None where it is not asked.
    """

    server: str = ""
    driver: str = ""
    pool: int = 0
    ending: str = ""
    isolation: str = ""
    transaction: bool = False
    only_reads: bool = False
    statements: tuple[StatementRecord, ...] = ()
    waiting: Latency = field(default_factory=Latency)
    ended: Latency = field(default_factory=Latency)
    connecting: Latency = field(default_factory=Latency)
    retries: int = 0
    reconnects: int = 0
    plans: tuple[Plan, ...] = ()
    counters: ServerCounters | None = None

    def plan(self, statement: str) -> Plan | None:
        """Of the statement ``statement``; None where none was taken."""
        return next((plan for plan in self.plans if plan.statement == statement), None)
