"""A suite: runs one after the other, judges each, and has it on the disk before the next starts."""

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from paceline.campaign.against_baseline import AgainstBaseline
from paceline.campaign.live_limits import LiveLimits
from paceline.campaign.repeats import RepeatedLevels
from paceline.campaign.replication import arun_replicated, run_replicated
from paceline.core.clock import SYSTEM_CLOCK, Clock
from paceline.core.errors import ConfigurationError, OutputError, PacelineError, PacelineWarning
from paceline.core.findings import Finding
from paceline.core.redaction import redact
from paceline.engine import runs
from paceline.engine.request import LoadNow, Observer, Run, RunRequest, Unobserved
from paceline.judge.change import STORED, Rule
from paceline.judge.comparison import Comparison
from paceline.judge.result import TestResult, judge
from paceline.judge.thresholds import PerformanceThreshold, checked_threshold
from paceline.records.run_record import Aborted, RunRecord
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
        begun: repeats of levels that were not finished in it, likewise.
        noted: findings about the circumstances, asked for at the end of every run.
        rule_of: the sizes of a change against a baseline that matter, by test name.

    Attributes:
        baseline: stored sessions by test name.
        observer: who is shown what a run tells, the journal too.
    """

    def __init__(
        self,
        *,
        clock: Clock = SYSTEM_CLOCK,
        journal: Journal | None = None,
        observer: Observer | None = None,
        finished: Sequence[TestResult] = (),
        begun: Sequence[RunRecord] = (),
        noted: Callable[[], Sequence[Finding]] = tuple,
        rule_of: Callable[[str], Rule] = lambda _: STORED,
    ) -> None:
        self._noted = noted
        self._results: list[TestResult] = []
        self._against = AgainstBaseline(clock, rule_of)
        self.clock = clock
        self.journal = journal
        self.observer: Observer = _Journaling(observer or Unobserved(), journal)
        self._naming = threading.Lock()
        self._running: set[str] = set()  # names of runs under way, also in other threads or inside this one
        self._begun = begun
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
            if request.fresh is not None:
                return self._conclude(run_replicated(request, self.clock, self.observer), threshold, noted)
            request, on_slice = _watched(request, threshold)
            return self._conclude(runs.run(request, self.clock, self.observer, on_slice=on_slice), threshold, noted)
        finally:
            self._running.discard(request.name)

    async def arun(
        self,
        request: RunRequest,
        threshold: PerformanceThreshold | None,
        *,
        observer: Observer | None = None,
        noted: Sequence[Finding] = (),
        on_abort: Callable[[Aborted], None] = lambda _: None,
        ended: Callable[[Run], Run] = lambda run: run,
        anew: bool = False,
    ) -> TestResult:
        """The same on the caller's event loop.

        Args:
            observer: is shown it in the place of the suite's.
            noted: further findings.
            on_abort: is told, in whichever thread, that a limit ends the run.
            ended: what is made of the run before it is judged.
            anew: even where an earlier session has finished it.
        """
        request, noted_here = self._prepared(request, threshold)
        noted = (*noted, *noted_here)
        observer = observer or self.observer
        try:
            if not anew and (earlier := self._resumed(request)) is not None:
                return earlier
            if request.fresh is not None:
                return self._conclude(await arun_replicated(request, self.clock, observer), threshold, noted)
            request, on_slice = _watched(request, threshold, on_abort)
            made = ended(await runs.arun(request, self.clock, observer, on_slice))
            return self._conclude(made, threshold, noted)
        finally:
            self._running.discard(request.name)

    def run_levels(
        self, requests: Sequence[RunRequest], threshold: PerformanceThreshold | None, seed: int | None = None
    ) -> list[TestResult]:
        """Make the runs of a sweep, a result for each level in the order of ``requests``.

        Where levels are repeated, their runs are made in an order drawn from ``seed`` (None: drawn anew). What was seen
        of a level when the sweep is ended early is kept; then what ended it is raised. Errors are those of :meth:`run`.
        """
        if requests[0].repeats == 1:
            return [self.run(request, threshold) for request in requests]
        with self._repeated(requests, threshold, seed) as (sweep, results):
            for step in sweep.steps:
                request, observer = sweep.request(step), sweep.watched_by(self.observer, step)
                sweep.take(step, runs.run(request, self.clock, observer))
        return results

    async def arun_levels(
        self, requests: Sequence[RunRequest], threshold: PerformanceThreshold | None, seed: int | None = None
    ) -> list[TestResult]:
        """The same on the caller's event loop."""
        if requests[0].repeats == 1:
            return [await self.arun(request, threshold) for request in requests]
        with self._repeated(requests, threshold, seed) as (sweep, results):
            for step in sweep.steps:
                request, observer = sweep.request(step), sweep.watched_by(self.observer, step)
                sweep.take(step, await runs.arun(request, self.clock, observer))
        return results

    @contextmanager
    def _repeated(
        self, requests: Sequence[RunRequest], threshold: PerformanceThreshold | None, seed: int | None
    ) -> Iterator[tuple[RepeatedLevels, list[TestResult]]]:
        """A sweep, and the list that has its results when it is over, however that comes."""
        levels: list[tuple[RunRequest, tuple[Finding, ...]]] = []
        results: list[TestResult] = []
        ended_by = ""
        ending = [] if threshold is None else [limit.source for limit in threshold.limits() if limit.ends]
        if ending:
            raise ConfigurationError(
                f"threshold {ending[0]!r}: 'abort' does not go together with repeats, for what a level can do is seen "
                "by whole runs: leave it out"
            )
        try:
            for request in requests:
                levels.append(self._prepared(request, threshold))  # noqa: PERF401  # a later one may be refused
            named = [request for request, _ in levels]
            earlier = [self._earlier(request) for request in named]
            done = [level for level, result in enumerate(earlier) if result is not None]
            sweep = RepeatedLevels(named, seed, self._begun, done, self.journal)
            try:
                yield sweep, results
            except BaseException as stop:
                ended_by = str(stop) if isinstance(stop, PacelineError) else type(stop).__name__
                raise
            finally:
                for level, (_, noted) in enumerate(levels):
                    finished, record = earlier[level], sweep.merged(level, ended_by)
                    if finished is not None:
                        results.append(self._kept(finished))
                    elif record is not None:
                        results.append(self._judged(record, threshold, noted))
        finally:
            self._running.difference_update(request.name for request, _ in levels)

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

    def put_in_order(self, names: Sequence[str]) -> None:
        """The last results in the order of ``names``, theirs; a name that was taken got a number."""

        def place(result: TestResult) -> int:
            name = result.metrics.test_name
            fitting = (place for place, each in enumerate(names) if name == each or name.startswith(f"{each}#"))
            return next(fitting, -1)

        count = 0
        while count < min(len(names), len(self._results)) and place(self._results[-count - 1]) >= 0:
            count += 1
        if count:
            self._results[-count:] = sorted(self._results[-count:], key=place)

    def check(self, request: RunRequest, threshold: PerformanceThreshold | None) -> None:
        """Refuse a threshold that asks for what the run cannot measure.

        Raises:
            ConfigurationError: it does.
        """
        if (threshold := checked_threshold(threshold)) is not None:
            threshold.check_measurable(
                batched=request.batch is not None,
                open_loop=has_arrivals(request.workload),
                duration_s=request.duration_s,
                parts=request.part_names,
                is_one_run=request.fresh is None,
            )

    def _prepared(
        self, request: RunRequest, threshold: PerformanceThreshold | None
    ) -> tuple[RunRequest, tuple[Finding, ...]]:
        self.check(request, threshold)
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

    def is_finished(self, request: RunRequest) -> bool:
        """Whether an earlier, broken-off session has finished it."""
        return self._earlier(request) is not None

    def _resumed(self, request: RunRequest) -> TestResult | None:
        earlier = self._earlier(request)
        return None if earlier is None else self._kept(earlier)

    def _earlier(self, request: RunRequest) -> TestResult | None:
        """What an earlier session has finished of it."""
        earlier = self._finished.get(request.name)
        if earlier is None or earlier.record.test_type is not request.test_type:
            return None
        calls = earlier.record.definition.calls_per_sample if request.batch == AUTO else request.batch
        # Of the same name, but perhaps not what is asked for now.
        return earlier if earlier.record.definition == request.definition(int(calls or 1)) else None

    def _kept(self, earlier: TestResult) -> TestResult:
        earlier = self._against.judged(earlier, self._results)
        self._results.append(earlier)
        return earlier

    def _conclude(self, ended: Run, threshold: PerformanceThreshold | None, noted: Sequence[Finding]) -> TestResult:
        result = self._judged(ended.record, threshold, noted)
        if ended.stopped_by is not None:
            raise ended.stopped_by
        return result

    def _judged(
        self, record: RunRecord, threshold: PerformanceThreshold | None, noted: Sequence[Finding]
    ) -> TestResult:
        return self.adopt(judge(self._against.noted(record), threshold, noted=(*self._noted(), *noted)))


def _watched(
    request: RunRequest, threshold: PerformanceThreshold | None, on_abort: Callable[[Aborted], None] = lambda _: None
) -> tuple[RunRequest, LiveLimits | None]:
    """The request of a run that a limit can end, and what looks after that."""
    ending = [limit for limit in threshold.limits() if limit.ends] if threshold is not None else []
    if not ending or threshold is None:
        return request, None
    request = replace(request, live=True, live_parts=any(limit.part is not None for limit in ending))
    return request, LiveLimits(threshold, request, on_abort)


def is_whole(result: TestResult) -> bool:
    """Whether a run came to its end."""
    return result.record.circumstances.interruption is None


class _Journaling:
    """Passes progress on, and slices of long runs to the journal."""

    def __init__(self, observer: Observer, journal: Journal | None) -> None:
        self.observer = observer
        self._journal = journal

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        self.observer.progress(record_name, share, attempts, load)

    def partial(self, record: RunRecord) -> None:
        if self._journal is not None:
            try:
                self._journal.add_partial(record)
            except OutputError as error:
                # A slice is a safety net: that it has a hole is said, and is no reason to end the run.
                warnings.warn(f"{error}; the run goes on without this slice", PacelineWarning, stacklevel=2)
        self.observer.partial(record)
