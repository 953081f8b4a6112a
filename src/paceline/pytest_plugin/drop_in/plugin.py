"""The hooks of the drop-in. It is registered by the plugin where pytest-benchmark is not there."""

import sys
import warnings
from collections.abc import Generator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest

from paceline.core.errors import PacelineWarning
from paceline.core.redaction import redact
from paceline.pytest_plugin.drop_in import hookspec, stand_in
from paceline.pytest_plugin.drop_in.options import Asked, add_options
from paceline.pytest_plugin.drop_in.session import BenchmarkSession, benchmark_session, timer_named
from paceline.pytest_plugin.session import PerfSession, perf_session

if TYPE_CHECKING:
    from paceline.pytest_plugin.drop_in.fixture import BenchmarkFixture, Measured
    from paceline.pytest_plugin.drop_in.rounds import Taken

NAME = "paceline-benchmark"
FIXTURE = "benchmark"
_CODSPEED = "codspeed_plugin"  # what pytest-codspeed registers when it is configured
_KNOWN = frozenset(field.name for field in fields(Asked))
_DESCRIPTION = "benchmark(group=None, min_rounds=5, max_time=1.0, ...): how the fixture 'benchmark' measures this test"


def steps_aside(manager: pytest.PytestPluginManager) -> bool:
    """Whether pytest-benchmark is there: installed and not switched off, or loaded by name."""
    if manager.hasplugin("benchmark") or manager.hasplugin("pytest_benchmark.plugin"):
        return True
    return stand_in.is_installed() and not manager.is_blocked("benchmark")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """The hooks that a ``conftest.py`` written for pytest-benchmark may have, and the modules that it may import."""
    pluginmanager.add_hookspecs(hookspec)
    modules = stand_in.StandIn()
    if pluginmanager.register(modules, f"{NAME}-modules") is not None:  # not switched off by its name
        modules.put()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options ``--benchmark-*``."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """The marker; what is wrong with options is found before any test runs."""
    config.addinivalue_line("markers", _DESCRIPTION)
    config.pluginmanager.register(_Observing(benchmark_session(config), config), f"{NAME}-observing")


@pytest.fixture
def benchmark(request: pytest.FixtureRequest) -> "Generator[BenchmarkFixture, None, None]":
    """Measures a function, ``benchmark(function, *args)``, as pytest-benchmark does."""
    codspeed = request.config.pluginmanager.get_plugin(_CODSPEED)
    if getattr(codspeed, "is_codspeed_enabled", False) and perf_session(request.config).walk is None:
        yield request.getfixturevalue("codspeed_benchmark")  # as pytest-benchmark's gives way to it
        return
    fixture = _made(request)
    yield fixture
    if not fixture.was_used and not request.node.stash.get(_SKIPPED, False):
        _warn(request.node, "Benchmark fixture was not used at all in this test!")


@pytest.fixture
def benchmark_weave(benchmark: "BenchmarkFixture") -> Any:  # noqa: ANN401  # as pytest-benchmark has it
    """Refused when it is called: see :meth:`BenchmarkFixture.weave`."""
    return benchmark.weave


_SKIPPED: pytest.StashKey[bool] = pytest.StashKey()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check the markers; skip what ``--benchmark-only`` and ``--benchmark-skip`` say."""
    options = benchmark_session(config).options
    for item in items:
        if FIXTURE in getattr(item, "fixturenames", ()):
            _marked(item, options.asked)
            if options.skip:
                item.add_marker(pytest.mark.skip(reason="Skipping benchmark (--benchmark-skip active)."))
        elif options.only:
            item.add_marker(pytest.mark.skip(reason="Skipping non-benchmark (--benchmark-only active)."))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips itself, or fails before, has not forgotten its fixture."""
    report = yield
    if report.when == "call" and not report.passed:
        item.stash[_SKIPPED] = True
    return report


@pytest.hookimpl(trylast=True)
def pytest_benchmark_generate_json(
    benchmarks: "list[Measured]",
    include_data: bool,  # noqa: FBT001  # as pytest-benchmark has it
    machine_info: dict[str, Any],
    commit_info: dict[str, Any],
) -> dict[str, Any]:
    """What is written, unless a ``conftest.py`` knows better."""
    from paceline.pytest_plugin.drop_in.document import document

    return document(benchmarks, machine_info, commit_info, include_data=include_data)


def _made(request: pytest.FixtureRequest) -> "BenchmarkFixture":
    from paceline.pytest_plugin.drop_in.fixture import BenchmarkFixture

    config, item = request.config, request.node
    session, perf = benchmark_session(config), perf_session(config)
    asked = _marked(item, session.options.asked)
    marker = item.get_closest_marker(FIXTURE)
    if marker is not None and marker.kwargs.get("cprofile"):
        _warn(item, "cprofile in the benchmark mark: profiles are not made here; the benchmark itself is")
    if perf.options.quick:
        asked = replace(asked, max_time=min(asked.max_time, 0.05), min_rounds=min(asked.min_rounds, 5), warmup=False)
    parallel = perf.workers is not None and perf.workers.are_parallel
    if parallel and not session.options.disable:
        _warn(item, "benchmarks are called once and not measured: other workers of pytest-xdist run beside this one")
    spec = getattr(item, "callspec", None)
    return BenchmarkFixture(
        item.name,
        item.nodeid,
        asked,
        timer_named(asked.timer),
        disabled=session.options.disable or perf.options.disable or parallel,
        done=lambda measured: _keep(item, session, measured),
        params=(None, None) if spec is None else (spec.id, spec.params),
        walk=perf.walk,
        earlier=_earlier(perf, item),
    )


def _earlier(perf: PerfSession, item: pytest.Item) -> "tuple[Taken, str] | None":
    """What a session that was cut off measured in this test, where it is to be gone on with."""
    if not perf.options.resume or perf.walk is not None:
        return None
    from paceline.pytest_plugin.drop_in.record import taken_of
    from paceline.pytest_plugin.names import name_of

    _ = perf.framework  # which reads the journal
    name, _ = name_of(item)
    found = [each.record for each in perf.finished if each.metrics.test_name == name]
    taken = taken_of(found[-1]) if found else None
    return None if taken is None else (taken, found[-1].started_at)


def _keep(item: pytest.Item, session: BenchmarkSession, measured: "Measured") -> None:
    """Into the table of benchmarks, and into the one report of the session."""
    from paceline.pytest_plugin.drop_in.record import judged
    from paceline.pytest_plugin.marker import marked
    from paceline.pytest_plugin.names import name_of

    session.benchmarks.append(measured)
    perf = perf_session(item.config)
    name, noted = name_of(item)
    framework = perf.framework
    perf.claim(name, item.nodeid)
    own = marked(item)
    limits = None if own is None else own.read_threshold()
    result = judged(
        measured,
        name,
        threshold=perf.settings.threshold_of(item.nodeid) if limits is None else limits,
        noted=noted,
    )
    perf.record(item.nodeid, framework.adopt(result))


def _marked(item: pytest.Item, asked: Asked) -> Asked:
    """``asked`` with what the nearest marker of ``item`` says.

    Raises:
        pytest.UsageError: it says what is not known.
    """
    marker = item.get_closest_marker(FIXTURE)
    if marker is None:
        return asked
    if marker.args:
        raise pytest.UsageError(f"{item.nodeid}: benchmark mark can't have positional arguments.")
    said = dict(marker.kwargs)
    said.pop("cprofile", None)
    for name in said:
        if name not in _KNOWN:
            raise pytest.UsageError(f"{item.nodeid}: benchmark mark can't have {name!r} keyword argument.")
    if "timer" in said:
        timer_named(said["timer"])
    for name in ("min_time", "max_time"):
        if name in said:
            said[name] = float(said[name])
    return replace(asked, **said)


def _warn(item: pytest.Item, text: str) -> None:
    path, line, _ = item.location
    warnings.warn_explicit(text, PacelineWarning, filename=path, lineno=(line or 0) + 1)


class _Observing:
    """The end of the session.

    Args:
        session: its benchmarks.
        config: pytest's.
    """

    def __init__(self, session: BenchmarkSession, config: pytest.Config) -> None:
        self._session = session
        self._is_worker = perf_session(config).workers is not None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Write and compare; a regression fails a session that would have passed."""
        if not self._is_worker:
            self._session.finish()
        returned = yield
        # When all others have had their say: the plugin's own code is one of these.
        if self._session.regressions and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return returned

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # noqa: ANN401  # pytest keeps its type to itself
        """The tables, what was saved, what got slower."""
        if not (self._session.benchmarks or self._session.notices):
            return
        from paceline.report.layout import printable

        for line in self._session.lines():
            terminalreporter.write_line(line.text, yellow=line.is_rule, red=line.is_bad)
        for notice in self._session.notices:  # beside the report, as pytest-benchmark has it
            sys.stderr.write(f"{printable(redact(notice))}\n")
        if self._session.regressions:
            terminalreporter.write_line("Performance has regressed:", red=True)
            for told in self._session.regressions:
                terminalreporter.write_line(f"\t{printable(redact(told))}", red=True)
