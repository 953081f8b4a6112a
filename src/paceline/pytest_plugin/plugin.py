"""The hooks. What they need from Paceline is imported when something is measured: pytest must not start slower."""

import warnings
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from paceline.core.errors import PacelineWarning
from paceline.pytest_plugin.drop_in import plugin as drop_in
from paceline.pytest_plugin.marker import DESCRIPTION, MARKER, marked
from paceline.pytest_plugin.options import add_options
from paceline.pytest_plugin.session import PerfSession, perf_session

if TYPE_CHECKING:
    from paceline.pytest_plugin.fixture import Perf

FIXTURES = frozenset({"perf", "benchmark"})  # whoever takes one of them measures
_TRAVELLING = "paceline_results"  # attribute of a worker's report
_TAKEN: pytest.StashKey[bool] = pytest.StashKey()  # of a test that the fixture ``perf`` was made for


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """The drop-in for pytest-benchmark, where that is not there itself."""
    if not drop_in.steps_aside(pluginmanager):
        pluginmanager.register(drop_in, drop_in.NAME)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options ``--perf-*``."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """The marker; and what is wrong with options and settings is found before any test runs."""
    config.addinivalue_line("markers", DESCRIPTION)
    session = perf_session(config)
    if session.workers is None:
        session.check()
        config.pluginmanager.register(Observing(config), "paceline-observing")


@pytest.fixture
def perf(request: pytest.FixtureRequest) -> "Perf":
    """Measures an operation, ``perf(operation)``: the session's performance framework as this test sees it."""
    from paceline.pytest_plugin.fixture import Perf

    request.node.stash[_TAKEN] = True
    return Perf(perf_session(request.config), request.node)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check the markers; leave out what ``--perf-only`` and ``--perf-skip`` say."""
    session = perf_session(config)
    measuring = [item for item in items if _measures(item)]
    for item in measuring:
        marked(item)
    if measuring:
        session.settings.check_thresholds()
    if session.options.only:
        others = [item for item in items if not _measures(item)]
        if others:
            config.hook.pytest_deselected(items=others)
            items[:] = measuring
    if session.options.skip:
        for item in measuring:
            item.add_marker(pytest.mark.skip(reason="--perf-skip"))


def _measures(item: pytest.Item) -> bool:
    return not FIXTURES.isdisjoint(getattr(item, "fixturenames", ())) or item.get_closest_marker(MARKER) is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that came to its end fails when a limit was broken in it."""
    session = perf_session(item.config)
    try:
        returned = yield
    except BaseException:
        if session.has_begun and (told := _broken(session, item)):
            item.add_report_section("call", "performance", told)
        raise
    _warn_of_nothing(session, item)
    if session.has_begun:
        _judge(session, item)
    return returned


def _warn_of_nothing(session: PerfSession, item: pytest.Item) -> None:
    is_marked, has_taken = item.get_closest_marker(MARKER) is not None, item.stash.get(_TAKEN, False)
    if not (is_marked or has_taken) or _has_measured(session, item):
        return
    if has_taken:
        _warn(item, "it takes the fixture 'perf' and measured nothing: call it, as in perf(function, argument)")
    else:
        _warn(item, "it has the marker 'perf' and measured nothing: take the fixture 'perf' and call it")


def _has_measured(session: PerfSession, item: pytest.Item) -> bool:
    return (
        session.options.disable
        or session.walk is not None
        or item.nodeid in session.results
        or item.nodeid in session.duets
    )


def _broken(session: PerfSession, item: pytest.Item) -> str:
    from paceline.pytest_plugin.outcome import broken

    return broken(item.nodeid, session.results.get(item.nodeid, ()))


def _judge(session: PerfSession, item: pytest.Item) -> None:
    if told := _broken(session, item):
        pytest.fail(told, pytrace=False)
    if session.is_strict:
        return  # the exit code says it
    from paceline.pytest_plugin.outcome import doubts

    for doubt in doubts(session, item.nodeid):
        _warn(item, doubt)


def _warn(item: pytest.Item, text: str) -> None:
    path, line, _ = item.location
    try:
        warnings.warn_explicit(text, PacelineWarning, filename=path, lineno=(line or 0) + 1)
    except PacelineWarning:
        is_error = True
    else:
        is_error = False
    if is_error:  # whoever made errors of warnings wants no traceback of ours
        pytest.fail(text, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A worker's results travel with the last report of their test: a worker that dies loses the test under way."""
    report = yield
    session = perf_session(item.config)
    if session.workers is not None and report.when == "teardown" and session.has_begun:
        from paceline.pytest_plugin.travel import encoded

        setattr(report, _TRAVELLING, encoded(session, item.nodeid))
    return report


class Observing:
    """The hooks that know no config of their own: of the process that reports.

    Args:
        config: pytest's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._session = perf_session(config)
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what a worker measured; remember where tests stand and which failed."""
        session = self._session
        if (travelled := getattr(report, _TRAVELLING, None)) is not None:
            from paceline.pytest_plugin.travel import take_in

            take_in(session, report.nodeid, travelled)
        if report.failed:
            session.failed.add(report.nodeid)
        if report.nodeid in session.results or report.nodeid in session.duets:
            session.locations[report.nodeid] = report.location

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Verdicts against a baseline hold for a suite as a whole: they are drawn when all of it was measured."""
        try:
            returned = yield
        except (session.Failed, session.Interrupted):
            self._report_regressions()
            raise
        self._report_regressions()
        return returned

    def _report_regressions(self) -> None:
        if not self._session.has_begun or not self._session.is_own:
            return
        from paceline.pytest_plugin.outcome import regressions

        for nodeid, text in regressions(self._session).items():
            if nodeid in self._session.failed or nodeid not in self._session.locations:
                continue
            self._uncount_pass(nodeid)
            report = pytest.TestReport(
                nodeid, self._session.locations[nodeid], {}, outcome="failed", longrepr=text, when="call"
            )
            self._config.hook.pytest_runtest_logreport(report=report)

    def _uncount_pass(self, nodeid: str) -> None:
        """It was reported as passed by its limits alone."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and (passed := reporter.stats.get("passed")):
            passed[:] = [report for report in passed if report.nodeid != nodeid]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write what was measured, whatever ended the session."""
        if not self._session.is_own:
            return
        interrupted = exitstatus in {pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR}
        broken_off = bool(session.shouldstop or session.shouldfail) or interrupted
        if not self._session.has_begun:
            if self._session.options.only and exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
            return
        from paceline.pytest_plugin.finish import finish

        session.exitstatus = finish(self._session, int(exitstatus), broken_off=broken_off)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # noqa: ANN401  # pytest keeps its type to itself
        """The table."""
        if self._session.has_begun and self._session.is_own:
            from paceline.pytest_plugin.summary import write_summary

            write_summary(self._session, terminalreporter)
