"""The specification's face: one class over the rooms below, with no logic of its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal
from uuid import uuid4

from paceline.campaign import capacity_load
from paceline.campaign.benchmark import benchmark_request
from paceline.campaign.duet import ADAPTIVE_LOOKS, PAIRS, checked_pairs, duet_of_callables, is_of_these
from paceline.campaign.load import load_request
from paceline.campaign.suite import Suite
from paceline.campaign.sweep import checked_seed, level_requests
from paceline.campaign.together import Member, run_together
from paceline.core.clock import SYSTEM_CLOCK, Clock, utc_text
from paceline.core.findings import Finding
from paceline.engine.cluster import Cluster, DaskClient
from paceline.engine.request import Observer, RunRequest
from paceline.judge.capacity import CapacityResult, judge_capacity
from paceline.judge.change import STORED, Rule
from paceline.judge.duet import DuetResult, judge_duets
from paceline.judge.result import TestResult
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.capacity import CapacityRecord
from paceline.records.duet import DuetRecord
from paceline.records.run_record import RunRecord, TestType
from paceline.report.capacity_text import render_capacities
from paceline.report.document import document_of
from paceline.report.duet_text import render_duets
from paceline.report.text import render_text
from paceline.store.baselines import Saved, Sessions
from paceline.store.capacities import capacities_to_plain
from paceline.store.codec import plain_metadata, write_results
from paceline.store.duets import StoredDuets, duets_to_plain
from paceline.store.files import checked_path, write_atomically
from paceline.store.journal import Journal
from paceline.sysmon.fingerprint import this_machine
from paceline.sysmon.revision import current_revision, working_folder
from paceline.targets.asgi import AsgiTarget
from paceline.targets.cache_client import CacheClientTarget
from paceline.targets.lanes import LaneTarget
from paceline.targets.operation import measured
from paceline.targets.sql.target import SqlTarget
from paceline.targets.sql.watch import SqlWatch
from paceline.targets.wsgi import WsgiTarget
from paceline.workload.fresh_processes import fresh_processes
from paceline.workload.models import FixedIterations, Workload

Operation = Callable[[], Any]
Measurable = Operation | LaneTarget | AsgiTarget | WsgiTarget | SqlTarget | SqlWatch | CacheClientTarget
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
        finished_duets: likewise.
        begun: repeats that were finished in it, of levels of a sweep that were not.
        session_id: of this session in baselines; saving again under the same replaces. None: a new one.
        noted: findings about the circumstances, asked for at the end of every run.
        rule_of: the sizes of a change against a baseline that matter, by test name.

    Attributes:
        duets: what :meth:`run_duet` saw so far, in order.
        capacities: what :meth:`find_capacity` saw so far, in order.

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
        finished_duets: Sequence[DuetRecord] = (),
        begun: Sequence[RunRecord] = (),
        session_id: str | None = None,
        noted: Callable[[], Sequence[Finding]] = tuple,
        rule_of: Callable[[str], Rule] = lambda _: STORED,
    ) -> None:
        if journal is not None and not isinstance(journal, Journal):
            journal = Journal(checked_path("journal", journal))
        self._suite = Suite(
            clock=clock,
            journal=journal,
            observer=observer,
            finished=finished,
            begun=begun,
            noted=noted,
            rule_of=rule_of,
        )
        self._session_id = session_id or uuid4().hex
        self._folder = working_folder()  # of the code that is measured, which may go elsewhere
        self.duets: list[DuetRecord] = []
        self._finished_duets = list(finished_duets)
        self.capacities: list[CapacityRecord] = []
        self._observer = observer

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
        test_type: TestType | None,
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
        runs: int = 1,
        epochs: int = 1,
        seed: int | None = None,
    ) -> TestResult:
        """Call ``operation`` exactly ``warmup_iterations + iterations`` times, one after the other, and judge it.

        Args:
            test_name: name of the test; a name that was used gets ``#2``, ``#3``, ... and a finding.
            test_type: what kind of thing it is; None: an API_ENDPOINT that the report does not call so.
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
            runs: fresh processes to make it in, one after the other, each with its own setup, warm-up and teardown
                (``docs/measuring.md``); what is measured is handed over by cloudpickle. 1, with one epoch: this one.
            epochs: windows of ``iterations`` calls to measure in each process.
            seed: what the processes' hash seeds are drawn from; None: another one each time, kept in the record.

        Raises:
            ConfigurationError: an argument is wrong; nothing was measured.
            MeasurementError: the run could not be made.
            OutputError: the journal cannot be written.
            KeyboardInterrupt: the run was interrupted; what was measured is in ``results``.
        """
        what = measured(operation, setup, teardown, setup_each)
        workload = FixedIterations(iterations, warmup_iterations, batch=batch)
        fresh = fresh_processes(runs, epochs, seed)
        request = benchmark_request(test_name, test_type, what, workload, metadata, timeout_s, target_pids, fresh)
        return self._suite.run(request, threshold)

    async def arun_benchmark(
        self,
        test_name: str,
        test_type: TestType | None,
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
        runs: int = 1,
        epochs: int = 1,
        seed: int | None = None,
    ) -> TestResult:
        """:meth:`run_benchmark` on the running event loop; a synchronous operation runs in a thread meanwhile."""
        what = measured(operation, setup, teardown, setup_each)
        workload = FixedIterations(iterations, warmup_iterations, batch=batch)
        fresh = fresh_processes(runs, epochs, seed)
        request = benchmark_request(test_name, test_type, what, workload, metadata, timeout_s, target_pids, fresh)
        return await self._suite.arun(request, threshold)

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
        repeats: int = 1,
        seed: int | None = None,
    ) -> list[TestResult]:
        """Call ``operation`` by several workers at once, a result for each level of ``concurrency_levels``.

        The workers (threads; tasks on one event loop for a coroutine function) start together and share
        ``iterations_per_level`` calls, each timed on its own. Results are named ``{test_name}_concurrency_{n}``
        and carry ``metadata['concurrency']``. With ``repeats`` above 1 each level is measured that often, in an order
        over all levels drawn from ``seed`` (None: drawn anew, and kept in the record), so that what drifts in the
        meantime is not taken for scaling; a level's result is of all its runs together. From six levels on the report
        says by what law they scale (``docs/scalability.md``). The other arguments and the errors are those of
        :meth:`run_benchmark`; ``setup`` and ``teardown`` are called once a run.
        """
        what = measured(operation, setup, teardown)
        workload = FixedIterations(iterations_per_level, warmup_iterations)
        requests = level_requests(
            test_name, what, concurrency_levels, workload, metadata, timeout_s, target_pids, repeats
        )
        return self._suite.run_levels(requests, threshold, checked_seed(seed, repeats))

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
        repeats: int = 1,
        seed: int | None = None,
    ) -> list[TestResult]:
        """:meth:`run_concurrent_benchmark` on the running event loop."""
        what = measured(operation, setup, teardown)
        workload = FixedIterations(iterations_per_level, warmup_iterations)
        requests = level_requests(
            test_name, what, concurrency_levels, workload, metadata, timeout_s, target_pids, repeats
        )
        return await self._suite.arun_levels(requests, threshold, checked_seed(seed, repeats))

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
        processes: int = 1,
        cluster: Cluster | DaskClient | str | None = None,
        tolerated_loss: float = 0.0,
    ) -> TestResult:
        """Put a load on ``operation`` and judge it.

        An :class:`HttpTarget`, and a :class:`CacheTarget` without a loader, is driven from a process that does nothing
        else; everything else, unless several make it, on an event loop (or threads, for functions) of this one.

        Args:
            test_name: name of the test; a name that was used gets ``#2``, ``#3``, ... and a finding.
            operation: an :class:`HttpTarget`, :class:`AsgiTarget`, :class:`WsgiTarget`, :class:`SqlTarget` or
                :class:`Scenario`, or a function or coroutine function without arguments.
            workload: :class:`ClosedLoop`, :class:`ConstantRate`, :class:`Poisson` or :class:`Stages`.
            threshold: limits to hold it against; ``lag_p99``, ``late`` and ``dropped`` too where there are arrivals.
            metadata: anything JSON can hold, for the report.
            warmup_s: length of the same load before the measured window; 0 for none.
            setup: called once before the warm-up.
            teardown: called once afterwards, whatever happened.
            target_pids: processes whose CPU and memory are of interest, for example the server's.
            probe: whether an independent client measures beside an HTTP load. None: beside loads of 5 s and more of
                requests that change nothing, on two cores and more; beside a scenario it sends the requests that
                users send most often, with the users' cookies and credentials.
            processes: how many make the load together, a share each (``docs/scale.md``): of requests, users, caches,
                databases and functions, whose ``setup`` and ``teardown`` are called in each.
            cluster: machines that make it together: the address of a Dask scheduler, a
                ``distributed.Client``, or a :class:`Cluster`.
            tolerated_loss: part of the load, in [0, 1], that may be lost with such processes before the result supports
                no verdict.

        Raises:
            ConfigurationError: an argument is wrong; nothing was measured.
            MeasurementError: the run could not be made, for example because nobody listens.
            OutputError: the journal cannot be written.
            KeyboardInterrupt: the run was interrupted; what was measured is in ``results``.
        """
        what = measured(operation, setup, teardown)
        request = load_request(
            test_name,
            what,
            workload,
            metadata,
            warmup_s=warmup_s,
            target_pids=target_pids,
            probe=probe,
            processes=processes,
            cluster=cluster,
            tolerated_loss=tolerated_loss,
        )
        return self._suite.run(request, threshold)

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
        processes: int = 1,
        cluster: Cluster | DaskClient | str | None = None,
        tolerated_loss: float = 0.0,
    ) -> TestResult:
        """:meth:`run_load` on the running event loop."""
        what = measured(operation, setup, teardown)
        request = load_request(
            test_name,
            what,
            workload,
            metadata,
            warmup_s=warmup_s,
            target_pids=target_pids,
            probe=probe,
            processes=processes,
            cluster=cluster,
            tolerated_loss=tolerated_loss,
        )
        return await self._suite.arun(request, threshold)

    def run_duet(
        self,
        test_name: str,
        base: Operation,
        candidate: Operation,
        metadata: Mapping[str, object] | None = None,
        *,
        setup: Operation | None = None,
        teardown: Operation | None = None,
        pairs: int = PAIRS,
        adaptive: bool = False,
        seed: int | None = None,
    ) -> DuetResult:
        """Say whether ``candidate`` is slower than ``base``: both measured side by side, in fresh processes.

        Args:
            test_name: name of the test.
            base: function or coroutine function without arguments.
            candidate: what may be slower, likewise.
            metadata: anything JSON can hold, for the report.
            setup: called once before, in each process: connections are made there.
            teardown: called once afterwards, in each process.
            pairs: of processes; at least 7.
            adaptive: look after 12, 24 and 48 pairs instead, and stop when it is decided.
            seed: of order, core and layout; None: drawn, and recorded.

        Returns:
            The verdict on the median time of a call, alone: the report judges all duets of the session together.

        Raises:
            ConfigurationError: an argument is wrong, or cannot be handed to another process.
            MeasurementError: one of them raised, or no pair could be measured.
            KeyboardInterrupt: it was interrupted; nothing of it is kept.
        """
        looks = ADAPTIVE_LOOKS if adaptive else (checked_pairs(pairs),)
        plain = plain_metadata(metadata)
        record = next(
            (each for each in self._finished_duets
             if each.name == test_name and is_of_these(each, base, candidate, looks, plain)), None,
        )  # fmt: skip
        if record is not None:
            self._finished_duets.remove(record)  # a second one of this name is the second of that session
        else:
            record = duet_of_callables(
                test_name,
                base,
                candidate,
                self._suite.clock,
                setup=setup,
                teardown=teardown,
                looks=looks,
                seed=seed,
                metadata=plain,
            )
            if self._suite.journal is not None:
                self._suite.journal.add_duet(record)
        self.duets.append(record)
        return judge_duets([record]).results[0]

    def find_capacity(
        self,
        test_name: str,
        operation: Measurable,
        threshold: PerformanceThreshold,
        metadata: Mapping[str, object] | None = None,
        *,
        low: float | None = None,
        high: float | None = None,
        budget_s: float = capacity_load.DEFAULT_BUDGET_S,
        arrivals: Literal["poisson", "constant"] = capacity_load.POISSON,
        of: Literal["rate", "users"] = "rate",
        setup: Operation | None = None,
        teardown: Operation | None = None,
        seed: int | None = None,
    ) -> CapacityResult:
        """Find the highest load at which ``operation`` keeps every limit of ``threshold``, with its interval.

        Args:
            test_name: name of the test.
            operation: what is loaded, as :meth:`run_load` takes it; an :class:`HttpTarget` that does not say how many
                connections gets 100.
            threshold: the limits to keep. Those on percentiles, mean and median of the latency give an interval; for
                others it is that of the loads that were tried.
            metadata: anything JSON can hold, for the report.
            low: the lowest load to try; None: 10/s, or 1 user.
            high: the highest; None: 100,000/s, or 1,000 users.
            budget_s: how long it may take; the last probe may take a little longer.
            arrivals: at random, as those of many strangers (``poisson``), or evenly spaced: with which more is kept.
            of: whether the load is counted in arrivals a second or in users that wait for their answers.
            setup: called once before each probe.
            teardown: called once after each probe.
            seed: of the order of the probes and of their arrivals; None: drawn, and recorded.

        Returns:
            The answer: ``capacity``, ``low`` and ``high``, ``limited_by``, ``broke_first``, what kind of answer it is.

        Raises:
            ConfigurationError: an argument is wrong, or there is no limit; nothing was measured.
            MeasurementError: not even the first probe could be made, for example because nobody listens.
            KeyboardInterrupt: it was interrupted; what was seen is in ``capacities``.
        """
        plan = capacity_load.capacity_plan(
            test_name, operation, threshold,
            low=low, high=high, budget_s=budget_s, arrivals=arrivals, of=of, seed=seed, metadata=metadata,
            setup=setup, teardown=teardown,
        )  # fmt: skip
        return self.search(plan)

    def search(
        self, plan: capacity_load.CapacityPlan, kept: Callable[[CapacityRecord], None] = lambda _: None
    ) -> CapacityResult:
        """Make a search that is described as data; the errors are those of :meth:`find_capacity`.

        Args:
            plan: what for.
            kept: is given all that is known after each probe.
        """
        searched = capacity_load.find_capacity(plan, self._suite.clock, self._observer, kept)
        self.capacities.append(searched.record)
        if searched.stopped_by is not None:
            raise searched.stopped_by
        return judge_capacity(searched.record)

    def run(self, request: RunRequest, threshold: PerformanceThreshold | None = None) -> TestResult:
        """Make and judge a run that is described as data; the errors are those of :meth:`run_benchmark`."""
        return self._suite.run(request, threshold)

    def run_together(self, members: Sequence[Member]) -> list[TestResult]:
        """Make and judge several loads at once, each in a process of its own; results in the order of ``members``.

        Raises:
            ConfigurationError: two have one name, or a threshold asks for what its run cannot measure.
            MeasurementError: one could not be made, which ends the others.
        """
        return run_together(self._suite, members)

    def run_levels(
        self, requests: Sequence[RunRequest], threshold: PerformanceThreshold | None = None, seed: int | None = None
    ) -> list[TestResult]:
        """Make and judge a sweep whose levels are described as data, as :meth:`run_concurrent_benchmark` does."""
        return self._suite.run_levels(requests, threshold, seed)

    def adopt(self, result: TestResult) -> TestResult:
        """Keep a result that was made elsewhere, for example in another process, as one of this session.

        Returns:
            What is kept: with its comparison, where a baseline is loaded.

        Raises:
            OutputError: the journal cannot be written.
        """
        return self._suite.adopt(result)

    def calibrate(self) -> None:
        """Run the calibration workload (50 ms, once a session) now, not with the first baseline loaded or saved."""
        self._suite.calibrate()

    def load_baseline(self, baseline_file: FilePath) -> None:
        """Compare every later result with the sessions stored in ``baseline_file``.

        A missing file is a first run: a :class:`PacelineWarning`, no error.

        Raises:
            BaselineError: it is no baseline; it was left as it is.
        """
        self._suite.load_baseline(checked_path("baseline_file", baseline_file))

    def save_baseline(self, baseline_file: FilePath) -> Saved:
        """Add this session's results to ``baseline_file`` (at most 30 sessions of a test on a machine are kept).

        Sessions join the reference until that has what a verdict needs; then ``paceline baseline promote`` moves it.

        Results that failed, and those with a serious finding, are refused, with a :class:`PacelineWarning`.

        Returns:
            What was saved and what was refused, with the reasons.

        Raises:
            BaselineError: there is a file, but it is no baseline; it was left as it is.
            OutputError: the file cannot be written; what stood there still does.
        """
        return self._suite.save_baseline(checked_path("baseline_file", baseline_file), self._session_id)

    def compare_to_baseline(self, test_name: str) -> Mapping[str, Any] | None:
        """The latest result of ``test_name`` against the loaded baseline, or None when that has no such test.

        Returns:
            ``mean_change_pct median_change_pct p95_change_pct p99_change_pct throughput_change_pct`` in percent
            against the median of the reference sessions, and ``verdict reason sessions days same_machine gates
            ci_low_pct ci_high_pct minimum_detectable_change_pct``; ``changes`` has each quantity with its interval
            (``docs/baselines.md``). The verdict takes the other results of this session into account.

        Raises:
            ConfigurationError: the baseline has it, but it was not measured in this session.
        """
        comparison = self._suite.compare_latest(test_name)
        return None if comparison is None else comparison.to_dict()

    def generate_report(self, output_file: FilePath | None = None) -> str:
        """The report as text, also written to ``output_file`` if given: a name in ``.html`` gets it as a page.

        Raises:
            OutputError: the file cannot be written; what stood there still does.
        """
        document = document_of(self.results, this_machine(), self._now())
        text = render_text(document)
        suite = judge_duets(self.duets) if self.duets else None
        if suite is not None:
            duets = render_duets(suite, {})
            text = f"{text}\n{duets}" if self.results else duets
        if self.capacities:
            searches = render_capacities([judge_capacity(record) for record in self.capacities])
            text = f"{text}\n{searches}" if self.results or self.duets else searches
        if output_file is not None:
            path = checked_path("output_file", output_file)
            written = text
            if path.suffix.lower() in {".html", ".htm"}:
                from paceline.report.html.page import render_html

                written = render_html(
                    document, duets=suite, capacities=[judge_capacity(record) for record in self.capacities]
                )
            write_atomically(path, written.encode())
        return text

    def export_json(self, output_file: FilePath) -> None:
        """Write all results with their records to a results file (``docs/files.md``).

        Raises:
            OutputError: the file cannot be written; what stood there still does.
        """
        duets = duets_to_plain(StoredDuets(tuple(self.duets))) if self.duets else None
        path, revision = checked_path("output_file", output_file), current_revision(self._folder)
        write_results(
            path, self.results, this_machine(), self._now(), duets, revision, capacities_to_plain(self.capacities)
        )

    def _now(self) -> str:
        return utc_text(self._suite.clock.utc_now())
