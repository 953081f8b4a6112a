"""What one pytest session measures: one framework, one journal, one baseline, one report."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from paceline.pytest_plugin.options import PerfOptions, options_of
from paceline.pytest_plugin.settings import Settings, read_settings
from paceline.pytest_plugin.workers import Workers, workers_of

if TYPE_CHECKING:
    from paceline.core.findings import Finding
    from paceline.framework import PerformanceTestFramework
    from paceline.judge.change import Rule
    from paceline.judge.result import TestResult
    from paceline.pytest_plugin.measurer import Measurer
    from paceline.records.duet import DuetRecord
    from paceline.records.run_record import RunRecord
    from paceline.store.journal import Journal

JOURNAL_COMMAND = "pytest"


class PerfSession:
    """One pytest session; it costs nothing before something is measured.

    Args:
        config: pytest's.

    Attributes:
        options: the options ``--perf-*``.
        settings: the table ``[tool.paceline]``.
        results: what each test measured, by node id, in order.
        duets: names of the duets of each test, by node id.
        skipped: node ids of tests that the budget was used up for.
        locations: of the tests that measured, by node id.
        failed: node ids of the tests that failed.
        notices: what a person should know at the end, a sentence each.
        finished: results of a session that was cut off, which need not be measured again.
        finished_duets: likewise.
        begun: repeats of levels that it did not finish.
        workers: the worker of pytest-xdist that this process is; None where it is none.
        measuring_s: seconds spent on measuring so far.
        noted: findings about the run under way.
        folder: the root of the project.
        walk: where this process is one side of a duet: who measures instead.

    Raises:
        pytest.UsageError: options or settings are wrong.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.options: PerfOptions = options_of(config)
        self.settings: Settings = read_settings(config.rootpath)
        self.results: dict[str, list[TestResult]] = {}
        self.duets: dict[str, list[str]] = {}
        self.notices: list[str] = []
        self.skipped: list[str] = []
        self.locations: dict[str, tuple[str, int | None, str]] = {}
        self.failed: set[str] = set()
        self.finished: Sequence[TestResult] = ()
        self.finished_duets: Sequence[DuetRecord] = ()
        self.begun: Sequence[RunRecord] = ()
        self.workers: Workers | None = workers_of(config)
        self.measuring_s = 0.0
        self.noted: Sequence[Finding] = ()
        self.walk: Measurer | None = None
        self._owners: dict[str, str] = {}
        self.folder = config.rootpath
        self._has_workers = getattr(config.option, "dist", "no") != "no"
        self._pid = os.getpid()
        self._framework: PerformanceTestFramework | None = None
        self._journal: Journal | None = None

    def check(self) -> None:
        """Find out now, not after a long measurement, what is wrong with the files.

        Raises:
            pytest.UsageError: one cannot be written, the baseline is none, or workers are to go on with a session.
        """
        if self.options.resume and self._has_workers:
            raise pytest.UsageError("--perf-resume is for one process: workers do not see the journal; add -n 0")
        written = [
            path
            for path in (self.options.json, self.options.html, self.options.junit, self.options.save_baseline)
            if path
        ]
        read = self.baseline if self.baseline and self.baseline.exists() else None
        saved = self.options.save_baseline
        if not written and not read:
            return
        from paceline.core.errors import BaselineError, OutputError
        from paceline.store.baselines import load_baseline, load_own_baseline
        from paceline.store.files import check_writable

        try:
            for path in written:
                check_writable(path)
            if read is not None:
                load_baseline(read)
            if saved is not None and saved.exists():
                load_own_baseline(saved)
        except (BaselineError, OutputError) as error:
            raise pytest.UsageError(str(error)) from error

    @property
    def baseline(self) -> Path | None:
        """The file that results are compared with."""
        return self.options.baseline or self.settings.baseline

    @property
    def is_strict(self) -> bool:
        """Whether what supports no verdict is an exit code of its own."""
        return self.options.strict or self.settings.strict

    @property
    def has_begun(self) -> bool:
        """Whether something was measured, or was about to be."""
        return self._framework is not None

    @property
    def is_own(self) -> bool:
        """Whether this is the process that the session began in, and not one that a test forked."""
        return os.getpid() == self._pid

    @property
    def framework(self) -> "PerformanceTestFramework":
        """The session's only one, made when it is first asked for.

        Raises:
            ConfigurationError: nothing may be measured here: in a forked process, or beside other workers.
            BaselineError: the file of ``--perf-baseline`` is none.
        """
        from paceline.core.errors import ConfigurationError

        if not self.is_own:
            raise ConfigurationError(
                "this process was forked from the one that pytest runs in, and its results would be lost with it: "
                "measure in the test itself, and fork in the operation if need be"
            )
        if self.workers is not None and self.workers.are_parallel and self.xdist == "refuse":
            raise ConfigurationError(self.workers.refusal)
        if self._framework is None:
            self._framework = self._made()
        return self._framework

    @property
    def xdist(self) -> str:
        """What is done about measuring beside other workers: ``refuse`` or ``mark``."""
        return self.options.xdist or self.settings.xdist

    def record(self, nodeid: str, result: "TestResult") -> None:
        """Note that the test ``nodeid`` measured ``result``, which the framework has."""
        self.results.setdefault(nodeid, []).append(result)

    def record_duet(self, nodeid: str, name: str) -> None:
        """Note that the test ``nodeid`` measured the duet ``name``, which the framework has."""
        self.duets.setdefault(nodeid, []).append(name)

    def claim(self, name: str, nodeid: str) -> None:
        """Note that the test ``nodeid`` measures something called ``name``.

        Raises:
            ConfigurationError: another test has this name. Numbered, it would be called differently as soon as one of
                them is left out of a session, and be held against the other's baseline.
        """
        owner = self._owners.setdefault(name, nodeid)
        if owner != nodeid:
            from paceline.core.errors import ConfigurationError

            raise ConfigurationError(
                f"the name {name!r} is taken by {owner}: give each test a name of its own, or leave it to the node id"
            )

    @property
    def is_over_budget(self) -> bool:
        """Whether the time set aside for measuring is used up."""
        return self.settings.budget_s is not None and self.measuring_s >= self.settings.budget_s

    def close(self, *, remove: bool) -> None:
        """Close the journal; ``remove`` it when the results are elsewhere."""
        if self._journal is not None and self.is_own:
            self._journal.close(remove=remove)

    @property
    def journal(self) -> "Journal | None":
        """Of this session; None where nothing was measured, where it could not be written, and in a worker."""
        return self._journal

    def _made(self) -> "PerformanceTestFramework":
        from paceline.framework import PerformanceTestFramework

        if self.workers is not None:
            # Results go to the controller with the reports of their tests: it journals, compares and writes.
            return PerformanceTestFramework(noted=self._circumstances)
        if self.settings.history is not None:
            from paceline.store.history import opened

            with opened(self.settings.history, write=True, create=True):
                pass  # that it can be written shows before anything is measured
        self._journal = self._opened()
        framework = PerformanceTestFramework(
            journal=self._journal,
            finished=self.finished,
            finished_duets=self.finished_duets,
            begun=self.begun,
            # A session that is gone on with is still the same one: a baseline must not get its figures twice.
            session_id=None if self._journal is None else self._journal.path.stem,
            noted=self._circumstances,
            rule_of=self._rule_of,
        )
        if self.baseline is not None and self.baseline.exists():
            framework.load_baseline(self.baseline)
        elif self.baseline is not None:
            self.notices.append(f"there is no baseline {self.baseline} yet: --perf-save-baseline makes it")
        if self.options.save_baseline is not None:
            framework.calibrate()
        return framework

    def _circumstances(self) -> "tuple[Finding, ...]":
        from paceline.pytest_plugin.tracing import tracing_findings

        return (*(() if self.workers is None else self.workers.findings), *self.noted, *tracing_findings())

    def _rule_of(self, name: str) -> "Rule":
        """What matters in a comparison with the baseline: as much as the margin of the test says."""
        from paceline.judge.change import STORED, Rule

        margin = self.settings.margin_of(self._owners.get(name, name))
        return STORED if margin is None else Rule(min_effect=margin, margin=margin)

    def _opened(self) -> "Journal | None":
        from paceline.core.clock import SYSTEM_CLOCK
        from paceline.core.errors import OutputError
        from paceline.store.journal import FOLDER, Journal, new_journal, newest_journal

        folder = self.folder / FOLDER
        try:
            if self.options.resume:
                broken_off = newest_journal(JOURNAL_COMMAND, folder)
                if broken_off is not None:
                    path, content = broken_off
                    self.finished, self.finished_duets, self.begun = content.results, content.duets, content.repeats
                    self.notices += content.notices
                    return Journal(path)
                self.notices.append("there was nothing to resume: no session was cut off here; all was measured")
            return new_journal(SYSTEM_CLOCK, JOURNAL_COMMAND, folder)
        except OutputError as error:
            # A read-only folder is no reason not to measure; a crash would cost the results, and that is said.
            self.notices.append(f"measured without a journal: {error}")
            return None


_KEY: pytest.StashKey[PerfSession] = pytest.StashKey()


def perf_session(config: pytest.Config) -> PerfSession:
    """The session of ``config``, the same one each time."""
    if _KEY not in config.stash:
        config.stash[_KEY] = PerfSession(config)
    return config.stash[_KEY]
