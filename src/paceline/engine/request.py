"""What is to be run, what comes of it, and who watches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from paceline.core.errors import ConfigurationError
from paceline.records.run_record import Definition, Execution, RunRecord, TestType
from paceline.targets.call import CallTarget
from paceline.workload.models import ClosedLoop, FixedIterations, positive_seconds


class Observer(Protocol):
    """Who watches a run. Called between attempts, or beside them where there are several workers."""

    def progress(self, record_name: str, share: float, attempts: int) -> None:
        """At most twice a second: how much of the plan is done, in [0, 1]."""

    def partial(self, record: RunRecord) -> None:
        """Every 10 s: all that was seen so far."""


class Unobserved:
    """Nobody watches."""

    def progress(self, record_name: str, share: float, attempts: int) -> None:
        """Nothing."""

    def partial(self, record: RunRecord) -> None:
        """Nothing."""


@dataclass(frozen=True)
class RunRequest:
    """What is to be run.

    Attributes:
        name: of the test.
        test_type: kind of thing measured.
        target: what to call.
        workload: how often, how long, by how many.
        metadata: the user's, as plain data.
        timeout_s: limit of an attempt.
        target_pids: processes to observe besides this one.

    Raises:
        ConfigurationError: parts that do not go together.
    """

    name: str
    test_type: TestType
    target: CallTarget
    workload: FixedIterations | ClosedLoop
    metadata: Mapping[str, object] = field(default_factory=dict)
    timeout_s: float | None = None
    target_pids: Sequence[int] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_name(self.name))
        if not isinstance(self.test_type, TestType):
            raise ConfigurationError(
                f"test_type must be a TestType such as TestType.API_ENDPOINT, not {self.test_type!r}"
            )
        if self.timeout_s is not None:
            object.__setattr__(self, "timeout_s", positive_seconds("timeout_s", self.timeout_s))
        if self.target.setup_each is not None and self.workers > 1:
            raise ConfigurationError(
                "setup_each is for one worker: with several, one prepares while others are measured, and the time "
                "cannot be taken out"
            )
        if self.batch is not None:
            for given, what in (
                (self.target.is_async, "a coroutine function"),
                (self.target.setup_each is not None, "setup_each"),
                (self.timeout_s is not None, "timeout_s"),
            ):
                if given:
                    raise ConfigurationError(f"batch does not go together with {what}: each attempt is timed alone")

    @property
    def batch(self) -> int | str | None:
        """Calls a sample, as asked for."""
        return self.workload.batch if isinstance(self.workload, FixedIterations) else None

    @property
    def workers(self) -> int:
        """How many at once."""
        return self.workload.workers if isinstance(self.workload, FixedIterations) else self.workload.users

    def definition(self, calls_per_sample: int) -> Definition:
        """What is asked for, as it stands in the record; ``calls_per_sample`` is known after calibration."""
        workload = self.workload
        return Definition(
            iterations=workload.iterations if isinstance(workload, FixedIterations) else None,
            duration_s=workload.duration_s if isinstance(workload, ClosedLoop) else None,
            warmup_iterations=workload.warmup_iterations,
            workers=self.workers,
            calls_per_sample=calls_per_sample,
            timeout_s=self.timeout_s,
            execution=self.execution,
        )

    @property
    def execution(self) -> Execution:
        """How attempts will be driven."""
        if self.target.is_async:
            return Execution.TASKS
        # Only a thread can be left behind when an attempt exceeds its limit.
        return Execution.THREADS if self.workers > 1 or self.timeout_s is not None else Execution.CALLER


def checked_name(name: object) -> str:
    """``name`` if it can be a test's.

    Raises:
        ConfigurationError: it is no text, or an empty one.
    """
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"test_name must be a text that is not empty, not {name!r}")
    return str(name)  # of a kind of text of somebody's own the plain one is kept, which files can hold


@dataclass(frozen=True)
class Run:
    """A record, and what ended it early, for the caller to raise once the record is safe."""

    record: RunRecord
    stopped_by: BaseException | None
