"""A suite: runs one after the other, judges each, and has it on the disk before the next starts."""

import threading
import warnings
from collections.abc import Sequence
from dataclasses import replace

from paceline.core.clock import SYSTEM_CLOCK, Clock
from paceline.core.errors import OutputError, PacelineWarning
from paceline.core.findings import Finding
from paceline.core.redaction import redact
from paceline.engine import runs
from paceline.engine.request import LoadNow, Observer, Run, RunRequest, Unobserved
from paceline.judge.comparison import Comparison, compare
from paceline.judge.result import TestResult, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.run_record import RunRecord
from paceline.store.baselines import Sessions
from paceline.store.journal import Journal
from paceline.workload.models import AUTO, has_arrivals


class Suite:
    """The runs of one session.

    Args:
        clock: where the time comes from.
        journal: takes each result the moment it is finished.
        observer: is shown the progress of a run.
        finished: results of an earlier, broken-off session: a run of the same name, type and definition is not
            made again.

    Attributes:
        results: in the order they were made.
        baseline: stored sessions by test name.
    """

    def __init__(
        self,
        *,
        clock: Clock = SYSTEM_CLOCK,
        journal: Journal | None = None,
        observer: Observer | None = None,
        finished: Sequence[TestResult] = (),
    ) -> None:
        self.results: list[TestResult] = []
        self.baseline: Sessions = {}
        self.clock = clock
        self.journal = journal
        self._observer = _Journaling(observer or Unobserved(), journal)
        self._naming = threading.Lock()
        self._running: set[str] = set()  # names of runs under way, also in other threads or inside this one
        self._finished = {result.metrics.test_name: result for result in finished if is_whole(result)}

    def run(self, request: RunRequest, threshold: PerformanceThreshold | None) -> TestResult:
        """Make, judge and keep one run.

        A run that was interrupted is kept as far as it came; then the interrupt is raised.

        Raises:
            ConfigurationError: the threshold asks for what the run cannot measure, or the request is wrong.
            MeasurementError: the run could not be made, or ``setup_each`` raised.
            OutputError: the journal cannot be written.
        """
        request, noted = self._prepared(request, threshold)
        try:
            if (earlier := self._resumed(request)) is not None:
                return earlier
            return self._conclude(runs.run(request, self.clock, self._observer), threshold, noted)
        finally:
            self._running.discard(request.name)

    async def arun(self, request: RunRequest, threshold: PerformanceThreshold | None) -> TestResult:
        """The same on the caller's event loop."""
        request, noted = self._prepared(request, threshold)
        try:
            if (earlier := self._resumed(request)) is not None:
                return earlier
            return self._conclude(await runs.arun(request, self.clock, self._observer), threshold, noted)
        finally:
            self._running.discard(request.name)

    def result_of(self, name: str) -> TestResult | None:
        """The latest result of the test ``name``."""
        return next((result for result in reversed(self.results) if result.metrics.test_name == name), None)

    def compare(self, result: TestResult) -> Comparison | None:
        """``result`` against the baseline that is loaded now, which may be later than the result."""
        sessions = self.baseline.get(result.metrics.test_name, ())
        return compare(result.metrics, sessions, result.record.fingerprint.key, result.record.definition)

    def _prepared(
        self, request: RunRequest, threshold: PerformanceThreshold | None
    ) -> tuple[RunRequest, tuple[Finding, ...]]:
        if threshold is not None:
            threshold.check_measurable(batched=request.batch is not None, open_loop=has_arrivals(request.workload))
        request = replace(request, name=redact(request.name))
        with self._naming:
            taken = {*self._running, *(result.metrics.test_name for result in self.results)}
            name, number = request.name, 1
            while name in taken:
                number += 1
                name = f"{request.name}#{number}"
            self._running.add(name)
        if number == 1:
            return request, ()
        finding = Finding(
            code="duplicate-name",
            seen=f"The name {request.name!r} was taken: this is {name}.",
            why="Two tests of one name could not be told apart in reports and baselines.",
            advice="Give each test a name of its own.",
        )
        return replace(request, name=name), (finding,)

    def _resumed(self, request: RunRequest) -> TestResult | None:
        earlier = self._finished.get(request.name)
        if earlier is None or earlier.record.test_type is not request.test_type:
            return None
        calls = earlier.record.definition.calls_per_sample if request.batch == AUTO else request.batch
        if earlier.record.definition != request.definition(int(calls or 1)):
            return None  # the same name, but not what is asked for now
        self.results.append(earlier)
        return earlier

    def _conclude(self, ended: Run, threshold: PerformanceThreshold | None, noted: Sequence[Finding]) -> TestResult:
        result = judge(ended.record, threshold, self.baseline.get(ended.record.name, ()), noted)
        self.results.append(result)
        if self.journal is not None:
            self.journal.add(result)
        if ended.stopped_by is not None:
            raise ended.stopped_by
        return result


def is_whole(result: TestResult) -> bool:
    """Whether a run came to its end."""
    return result.record.circumstances.interruption is None


class _Journaling:
    """Passes progress on, and slices of long runs to the journal."""

    def __init__(self, observer: Observer, journal: Journal | None) -> None:
        self._observer = observer
        self._journal = journal

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        self._observer.progress(record_name, share, attempts, load)

    def partial(self, record: RunRecord) -> None:
        if self._journal is not None:
            try:
                self._journal.add_partial(record)
            except OutputError as error:
                # A slice is a safety net: that it has a hole is said, and is no reason to end the run.
                warnings.warn(f"{error}; the run goes on without this slice", PacelineWarning, stacklevel=2)
        self._observer.partial(record)
