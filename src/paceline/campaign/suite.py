"""A suite: runs one after the other, judges each, and has it on the disk before the next starts."""

import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from paceline.campaign.against_baseline import AgainstBaseline
from paceline.campaign.replication import arun_replicated, run_replicated
from paceline.core.clock import SYSTEM_CLOCK, Clock
from paceline.core.errors import ConfigurationError, OutputError, PacelineWarning
from paceline.core.findings import Finding
from paceline.core.redaction import redact
from paceline.engine import runs
from paceline.engine.request import LoadNow, Observer, Run, RunRequest, Unobserved
from paceline.judge.change import STORED, Rule
from paceline.judge.comparison import Comparison
from paceline.judge.result import TestResult, judge
from paceline.judge.thresholds import PerformanceThreshold, checked_threshold
from paceline.records.run_record import RunRecord
from paceline.store.baselines import Saved, Sessions
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
        noted: findings about the circumstances, asked for at the end of every run.
        rule_of: the sizes of a change against a baseline that matter, by test name.

    Attributes:
        baseline: stored sessions by test name.
    """

    def __init__(
        self,
        *,
        clock: Clock = SYSTEM_CLOCK,
        journal: Journal | None = None,
        observer: Observer | None = None,
        finished: Sequence[TestResult] = (),
        noted: Callable[[], Sequence[Finding]] = tuple,
        rule_of: Callable[[str], Rule] = lambda _: STORED,
    ) -> None:
        self._noted = noted
        self._results: list[TestResult] = []
        self._against = AgainstBaseline(clock, rule_of)
        self.clock = clock
        self.journal = journal
        self._observer = _Journaling(observer or Unobserved(), journal)
        self._naming = threading.Lock()
        self._running: set[str] = set()  # names of runs under way, also in other threads or inside this one
        self._finished = {result.metrics.test_name: result for result in finished if is_whole(result)}

    @property
    def results(self) -> list[TestResult]:
        """In the order they were made. Where a baseline is loaded, their verdicts hold for all of them together."""
        # One by one: a run in another thread may add its result meanwhile.
        for place, result in enumerate(self._against.settled(self._results)):
            self._results[place] = result
        return self._results

    @property
    def baseline(self) -> Sessions:
        """The stored sessions of each test by name; empty where no baseline is loaded."""
        return self._against.sessions

    def calibrate(self) -> None:
        """Run the calibration workload now rather than with the first baseline."""
        self._against.calibrate()

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
            make = runs.run if request.fresh is None else run_replicated
            return self._conclude(make(request, self.clock, self._observer), threshold, noted)
        finally:
            self._running.discard(request.name)

    async def arun(self, request: RunRequest, threshold: PerformanceThreshold | None) -> TestResult:
        """The same on the caller's event loop."""
        request, noted = self._prepared(request, threshold)
        try:
            if (earlier := self._resumed(request)) is not None:
                return earlier
            make = runs.arun if request.fresh is None else arun_replicated
            return self._conclude(await make(request, self.clock, self._observer), threshold, noted)
        finally:
            self._running.discard(request.name)

    def adopt(self, result: TestResult) -> TestResult:
        """Keep ``result``, of this process or another one, as the session's next.

        Returns:
            What is kept: with its comparison, where a baseline is loaded.

        Raises:
            OutputError: the journal cannot be written.
        """
        result = self._against.judged(result, self._results)
        self._results.append(result)
        earlier = self._finished.get(result.metrics.test_name)
        is_journaled = earlier is not None and earlier.record.started_at == result.record.started_at
        if self.journal is not None and not is_journaled:
            self.journal.add(result)
        return result

    def result_of(self, name: str) -> TestResult | None:
        """The latest result of the test ``name``."""
        return next((result for result in reversed(self._results) if result.metrics.test_name == name), None)

    def compare(self, result: TestResult) -> Comparison | None:
        """``result`` against the baseline that is loaded now, which may be later than the result."""
        return self._against.comparison(result, self._results)

    def compare_latest(self, name: str) -> Comparison | None:
        """The latest result of the test ``name`` against the baseline, or None when that has no such test.

        Raises:
            ConfigurationError: the baseline has it, but it was not measured in this session.
        """
        result = self.result_of(name)
        if result is not None:
            return self.compare(result)
        if name in self.baseline:
            known = ", ".join(each.metrics.test_name for each in self._results) or "nothing yet"
            raise ConfigurationError(f"{name!r} was not measured in this session; measured were: {known}")
        return None

    def load_baseline(self, path: Path) -> None:
        """Compare every later result with the sessions stored in ``path``; a missing file is none yet, and a warning.

        Raises:
            BaselineError: it is no baseline.
        """
        self._against.load(path, stacklevel=4)  # the line that called the framework

    def save_baseline(self, path: Path, session_id: str) -> Saved:
        """Add the results so far to the baseline ``path``, as those of ``session_id``; what is refused is a warning.

        Raises:
            BaselineError: there is a file, but it is no baseline.
            OutputError: the file cannot be written.
        """
        return self._against.save(path, self.results, session_id, stacklevel=4)

    def _prepared(
        self, request: RunRequest, threshold: PerformanceThreshold | None
    ) -> tuple[RunRequest, tuple[Finding, ...]]:
        if (threshold := checked_threshold(threshold)) is not None:
            threshold.check_measurable(batched=request.batch is not None, open_loop=has_arrivals(request.workload))
        request = replace(request, name=redact(request.name))
        with self._naming:
            taken = {*self._running, *(result.metrics.test_name for result in self._results)}
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
        earlier = self._against.judged(earlier, self._results)
        self._results.append(earlier)
        return earlier

    def _conclude(self, ended: Run, threshold: PerformanceThreshold | None, noted: Sequence[Finding]) -> TestResult:
        result = self.adopt(judge(self._against.noted(ended.record), threshold, noted=(*self._noted(), *noted)))
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
