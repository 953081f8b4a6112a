"""The specification's face: one class over the rooms below, with no logic of its own."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any
from uuid import uuid4

from paceline.campaign.load import load_request
from paceline.campaign.suite import Suite
from paceline.campaign.sweep import checked_levels, level_requests
from paceline.core.clock import SYSTEM_CLOCK, Clock, utc_text
from paceline.core.errors import ConfigurationError, PacelineWarning
from paceline.engine.request import Observer, RunRequest
from paceline.judge.result import TestResult
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.run_record import TestType
from paceline.report.document import document_of
from paceline.report.text import render_text
from paceline.store.baselines import Saved, Sessions, load_baseline, save_baseline
from paceline.store.codec import plain_metadata, write_results
from paceline.store.files import write_atomically
from paceline.store.journal import Journal
from paceline.sysmon.fingerprint import this_machine
from paceline.sysmon.sampler import checked_pids
from paceline.targets.asgi import AsgiTarget
from paceline.targets.lanes import LaneTarget
from paceline.targets.operation import Measured, measured
from paceline.targets.wsgi import WsgiTarget
from paceline.workload.models import FixedIterations, Workload

Operation = Callable[[], Any]
Measurable = Operation | LaneTarget | AsgiTarget | WsgiTarget
FilePath = str | PathLike[str]


class PerformanceTestFramework:
    """Runs performance tests and judges them.

    Example::

        framework = PerformanceTestFramework()
        result = framework.run_benchmark(
            "get_record", TestType.API_ENDPOINT, get_record, threshold=PerformanceThreshold(max_p95_ms=100)
        )
        print(framework.generate_report())

    Args:
        journal: file that takes each result the moment it is finished, so that a crash loses none.
        clock: where the time comes from.
        observer: is shown the progress of each run.
        finished: results of an earlier, broken-off session that need not be measured again.
        session_id: of this session in baselines; saving again under the same replaces. None: a new one.

    Attributes:
        results: all results so far, in order.

    Raises:
        OutputError: the journal cannot be written.
    """

    __test__ = False

    def __init__(
        self,
        *,
        journal: FilePath | Journal | None = None,
        clock: Clock = SYSTEM_CLOCK,
        observer: Observer | None = None,
        finished: Sequence[TestResult] = (),
        session_id: str | None = None,
    ) -> None:
        opened = (
            journal if isinstance(journal, Journal) or journal is None else Journal(checked_path("journal", journal))
        )
        self._suite = Suite(clock=clock, journal=opened, observer=observer, finished=finished)
        self._clock = clock
        self._session_id = session_id or uuid4().hex

    @property
    def results(self) -> list[TestResult]:
        """All results so far, in order; the list is the framework's own and may be changed."""
        return self._suite.results

    @property
    def baseline_metrics(self) -> Sessions:
        """The loaded baseline: the stored sessions of each test by name; empty before ``load_baseline``."""
        return self._suite.baseline

    def run_benchmark(
        self,
        test_name: str,
        test_type: TestType,
        operation: Measurable,
        iterations: int = 100,
        warmup_iterations: int = 10,
        threshold: PerformanceThreshold | None = None,
        metadata: Mapping[str, object] | None = None,
        *,
        setup: Operation | None = None,
        teardown: Operation | None = None,
        setup_each: Operation | None = None,
        timeout_s: float | None = None,
        batch: int | str | None = None,
        target_pids: Sequence[int] = (),
    ) -> TestResult:
        """Call ``operation`` exactly ``warmup_iterations + iterations`` times, one after the other, and judge it.

        Args:
            test_name: name of the test; a name that was used gets ``#2``, ``#3``, ... and a finding.
            test_type: what kind of thing it is.
            operation: function or coroutine function without arguments, or a target such as :class:`HttpTarget`.
            iterations: measured calls (with ``batch``: samples).
            warmup_iterations: calls before them that do not count.
            threshold: limits to hold it against.
            metadata: anything JSON can hold, for the report.
            setup: called once before the warm-up.
            teardown: called once afterwards, whatever happened.
            setup_each: called before each call, outside its time and outside the throughput window.
            timeout_s: limit of one call. A coroutine is cancelled; a synchronous call cannot be stopped, so
                calls are made in a thread, which is left behind, and the run ends.
            batch: calls a sample for operations shorter than about 10 us: a number, or ``'auto'``.
            target_pids: processes whose CPU and memory are of interest, for example the server's.

        Raises:
            ConfigurationError: an argument is wrong; nothing was measured.
            MeasurementError: the run could not be made.
            OutputError: the journal cannot be written.
            KeyboardInterrupt: the run was interrupted; what was measured is in ``results``.
        """
        request = RunRequest(
            name=test_name,
            test_type=test_type,
            **measured(operation, setup, teardown, setup_each)._asdict(),
            workload=FixedIterations(iterations, warmup_iterations, batch=batch),
            metadata=plain_metadata(metadata),
            timeout_s=timeout_s,
            target_pids=checked_pids(target_pids),
        )
        return self._suite.run(request, checked_threshold(threshold))

    async def arun_benchmark(
        self,
        test_name: str,
        test_type: TestType,
        operation: Measurable,
        iterations: int = 100,
        warmup_iterations: int = 10,
        threshold: PerformanceThreshold | None = None,
        metadata: Mapping[str, object] | None = None,
        *,
        setup: Operation | None = None,
        teardown: Operation | None = None,
        setup_each: Operation | None = None,
        timeout_s: float | None = None,
        batch: int | str | None = None,
        target_pids: Sequence[int] = (),
    ) -> TestResult:
        """:meth:`run_benchmark` on the running event loop; a synchronous operation runs in a thread meanwhile."""
        request = RunRequest(
            name=test_name,
            test_type=test_type,
            **measured(operation, setup, teardown, setup_each)._asdict(),
            workload=FixedIterations(iterations, warmup_iterations, batch=batch),
            metadata=plain_metadata(metadata),
            timeout_s=timeout_s,
            target_pids=checked_pids(target_pids),
        )
        return await self._suite.arun(request, checked_threshold(threshold))

    def run_concurrent_benchmark(
        self,
        test_name: str,
        operation: Measurable,
        concurrency_levels: Iterable[int],
        iterations_per_level: int = 50,
        threshold: PerformanceThreshold | None = None,
        metadata: Mapping[str, object] | None = None,
        *,
        warmup_iterations: int = 10,
        setup: Operation | None = None,
        teardown: Operation | None = None,
        timeout_s: float | None = None,
        target_pids: Sequence[int] = (),
    ) -> list[TestResult]:
        """Call ``operation`` by several workers at once, a result for each level of ``concurrency_levels``.

        The workers (threads; tasks on one event loop for a coroutine function) start together and share
        ``iterations_per_level`` calls, each timed on its own. Results are named ``{test_name}_concurrency_{n}``
        and carry ``metadata['concurrency']``. The other arguments and the errors are those of
        :meth:`run_benchmark`; ``setup`` and ``teardown`` are called once a level.
        """
        requests = self._level_requests(
            test_name,
            measured(operation, setup, teardown),
            concurrency_levels,
            iterations_per_level,
            warmup_iterations,
            metadata,
            timeout_s,
            target_pids,
        )
        threshold = checked_threshold(threshold)
        return [self._suite.run(request, threshold) for request in requests]

    async def arun_concurrent_benchmark(
        self,
        test_name: str,
        operation: Measurable,
        concurrency_levels: Iterable[int],
        iterations_per_level: int = 50,
        threshold: PerformanceThreshold | None = None,
        metadata: Mapping[str, object] | None = None,
        *,
        warmup_iterations: int = 10,
        setup: Operation | None = None,
        teardown: Operation | None = None,
        timeout_s: float | None = None,
        target_pids: Sequence[int] = (),
    ) -> list[TestResult]:
        """:meth:`run_concurrent_benchmark` on the running event loop."""
        requests = self._level_requests(
            test_name,
            measured(operation, setup, teardown),
            concurrency_levels,
            iterations_per_level,
            warmup_iterations,
            metadata,
            timeout_s,
            target_pids,
        )
        threshold = checked_threshold(threshold)
        return [await self._suite.arun(request, threshold) for request in requests]

    def _level_requests(
        self,
        test_name: str,
        what: Measured,
        concurrency_levels: Iterable[int],
        iterations_per_level: int,
        warmup_iterations: int,
        metadata: Mapping[str, object] | None,
        timeout_s: float | None,
        target_pids: Sequence[int],
    ) -> list[RunRequest]:
        return list(
            level_requests(
                name=test_name,
                target=what.target,
                setup=what.setup,
                teardown=what.teardown,
                levels=checked_levels(concurrency_levels),
                workload=FixedIterations(iterations_per_level, warmup_iterations),
                metadata=plain_metadata(metadata),
                timeout_s=timeout_s,
                target_pids=checked_pids(target_pids),
            )
        )

    def run_load(
        self,
        test_name: str,
        operation: Measurable,
        workload: Workload,
        threshold: PerformanceThreshold | None = None,
        metadata: Mapping[str, object] | None = None,
        *,
        warmup_s: float = 1.0,
        setup: Operation | None = None,
        teardown: Operation | None = None,
        target_pids: Sequence[int] = (),
        probe: bool | None = None,
    ) -> TestResult:
        """Put a load on ``operation`` and judge it.

        An :class:`HttpTarget` is driven from a process that does nothing else; everything else on an event loop (or
        threads, for functions) of this one.

        Args:
            test_name: name of the test; a name that was used gets ``#2``, ``#3``, ... and a finding.
            operation: an :class:`HttpTarget`, :class:`AsgiTarget`, :class:`WsgiTarget` or :class:`Scenario`, or a
                function or coroutine function without arguments.
            workload: :class:`ClosedLoop`, :class:`ConstantRate`, :class:`Poisson` or :class:`Stages`.
            threshold: limits to hold it against; ``lag_p99``, ``late`` and ``dropped`` too where there are arrivals.
            metadata: anything JSON can hold, for the report.
            warmup_s: length of the same load before the measured window; 0 for none.
            setup: called once before the warm-up.
            teardown: called once afterwards, whatever happened.
            target_pids: processes whose CPU and memory are of interest, for example the server's.
            probe: whether an independent client measures beside an HTTP load. None: beside loads of 5 s and more of
                requests that change nothing, on two cores and more.

        Raises:
            ConfigurationError: an argument is wrong; nothing was measured.
            MeasurementError: the run could not be made, for example because nobody listens.
            OutputError: the journal cannot be written.
            KeyboardInterrupt: the run was interrupted; what was measured is in ``results``.
        """
        request = load_request(
            test_name,
            operation,
            workload,
            plain_metadata(metadata),
            warmup_s=warmup_s,
            setup=setup,
            teardown=teardown,
            target_pids=checked_pids(target_pids),
            probe=probe,
        )
        return self._suite.run(request, checked_threshold(threshold))

    async def arun_load(
        self,
        test_name: str,
        operation: Measurable,
        workload: Workload,
        threshold: PerformanceThreshold | None = None,
        metadata: Mapping[str, object] | None = None,
        *,
        warmup_s: float = 1.0,
        setup: Operation | None = None,
        teardown: Operation | None = None,
        target_pids: Sequence[int] = (),
        probe: bool | None = None,
    ) -> TestResult:
        """:meth:`run_load` on the running event loop."""
        request = load_request(
            test_name,
            operation,
            workload,
            plain_metadata(metadata),
            warmup_s=warmup_s,
            setup=setup,
            teardown=teardown,
            target_pids=checked_pids(target_pids),
            probe=probe,
        )
        return await self._suite.arun(request, checked_threshold(threshold))

    def run(self, request: RunRequest, threshold: PerformanceThreshold | None = None) -> TestResult:
        """Make and judge a run that is described as data; what the methods above do with their arguments.

        For the doors of this project; the errors are those of :meth:`run_benchmark`.
        """
        return self._suite.run(request, checked_threshold(threshold))

    def load_baseline(self, baseline_file: FilePath) -> None:
        """Compare every later result with the sessions stored in ``baseline_file``.

        A missing file is a first run: a :class:`PacelineWarning`, no error.

        Raises:
            BaselineError: it is no baseline; it was left as it is.
        """
        try:
            self._suite.baseline = load_baseline(checked_path("baseline_file", baseline_file))
        except FileNotFoundError:
            warnings.warn(
                f"there is no baseline {baseline_file} yet: save_baseline() makes it",
                PacelineWarning,
                stacklevel=2,
            )
            self._suite.baseline = {}

    def save_baseline(self, baseline_file: FilePath) -> Saved:
        """Add this session's results to ``baseline_file`` (at most 30 sessions of a test on a machine are kept).

        Results that failed, and those with a serious finding, are refused, with a :class:`PacelineWarning`.

        Returns:
            What was saved and what was refused, with the reasons.

        Raises:
            BaselineError: there is a file, but it is no baseline; it was left as it is.
            OutputError: the file cannot be written; what stood there still does.
        """
        saved = save_baseline(
            checked_path("baseline_file", baseline_file),
            self.results,
            self._session_id,
            utc_text(self._clock.utc_now()),
        )
        for name, reason in saved.refused.items():
            warnings.warn(f"{name} was not saved to {baseline_file}: {reason}", PacelineWarning, stacklevel=2)
        return saved

    def compare_to_baseline(self, test_name: str) -> Mapping[str, Any] | None:
        """The latest result of ``test_name`` against the loaded baseline, or None when that has no such test.

        Returns:
            ``mean_change_pct median_change_pct p95_change_pct p99_change_pct throughput_change_pct`` in percent
            against the median of the reference sessions, and ``verdict reason sessions same_machine ci_low_pct
            ci_high_pct minimum_detectable_change_pct``.

        Raises:
            ConfigurationError: the baseline has it, but it was not measured in this session.
        """
        result = self._suite.result_of(test_name)
        comparison = None if result is None else self._suite.compare(result)
        if comparison is not None:
            return comparison.to_dict()
        if result is None and test_name in self.baseline_metrics:
            known = ", ".join(each.metrics.test_name for each in self.results) or "nothing yet"
            raise ConfigurationError(f"{test_name!r} was not measured in this session; measured were: {known}")
        return None

    def generate_report(self, output_file: FilePath | None = None) -> str:
        """The report as text, also written to ``output_file`` if given.

        Raises:
            OutputError: the file cannot be written; what stood there still does.
        """
        text = render_text(document_of(self.results, this_machine(), utc_text(self._clock.utc_now())))
        if output_file is not None:
            write_atomically(checked_path("output_file", output_file), text.encode())
        return text

    def export_json(self, output_file: FilePath) -> None:
        """Write all results with their records to a results file (``docs/files.md``).

        Raises:
            OutputError: the file cannot be written; what stood there still does.
        """
        write_results(
            checked_path("output_file", output_file), self.results, this_machine(), utc_text(self._clock.utc_now())
        )


def checked_path(name: str, path: object) -> Path:
    """``path`` as a :class:`Path`.

    Raises:
        ConfigurationError: it is none; the message names ``name``.
    """
    try:
        checked = Path(path)  # type: ignore[arg-type]  # it says so itself
    except TypeError as error:
        raise ConfigurationError(f"{name} must be a path, not {path!r}") from error
    if not str(path) or "\0" in str(checked):
        raise ConfigurationError(f"{name} must be the path of a file, not {path!r}")
    return checked


def checked_threshold(threshold: object) -> PerformanceThreshold | None:
    """``threshold`` if it is one.

    Raises:
        ConfigurationError: it is something else.
    """
    if threshold is None or isinstance(threshold, PerformanceThreshold):
        return threshold
    raise ConfigurationError(f"threshold must be a PerformanceThreshold, not {threshold!r}")
