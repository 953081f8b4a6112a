"""What stands around the attempts: setup, setup_each, teardown; called when, how often, and never timed."""

from collections.abc import Callable
from typing import Any

import pytest

from paceline.core.errors import ConfigurationError, MeasurementError
from tests.fakes import ManualClock
from tests.runs import Work, awaited, raising, record_of, request, run
from tests.unit.engine.ways import ONE_WORKER


@pytest.mark.parametrize("way", ONE_WORKER)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync around", "async around"])
def test_order_and_number_of_calls(way: str, asynchronous: bool) -> None:  # noqa: FBT001
    wrapped, options = ONE_WORKER[way]
    if asynchronous and wrapped is not awaited:
        pytest.skip("a synchronous operation has nobody to await what stands around it")
    log: list[str] = []

    def logging(name: str) -> Callable[[], Any]:
        return awaited(lambda: log.append(name)) if asynchronous else lambda: log.append(name)

    asked = request(
        wrapped(lambda: log.append("call")),
        iterations=2,
        warmup_iterations=1,
        setup=logging("setup"),
        setup_each=logging("each"),
        teardown=logging("teardown"),
        **options,
    )
    record_of(asked)
    assert log == ["setup", "each", "call", "each", "call", "each", "call", "teardown"]


@pytest.mark.parametrize("way", ONE_WORKER)
def test_nothing_around_is_timed(way: str) -> None:
    wrapped, options = ONE_WORKER[way]
    clock = ManualClock()
    asked = request(
        wrapped(Work(clock, 2.0)),
        iterations=5,
        warmup_iterations=2,
        setup=lambda: clock.advance(1_000.0),
        setup_each=lambda: clock.advance(100.0),
        teardown=lambda: clock.advance(1_000.0),
        **options,
    )
    record = record_of(asked, clock)
    assert record.latency.samples_ns == (2_000_000_000,) * 5
    assert record.elapsed_ns == record.window_ns == 10_000_000_000
    assert record.throughput_per_s == 0.5


@pytest.mark.parametrize("way", ONE_WORKER)
def test_a_duration_is_not_prolonged_by_the_last_preparation(way: str) -> None:
    wrapped, options = ONE_WORKER[way]
    clock = ManualClock()
    asked = request(wrapped(Work(clock, 2.0)), duration_s=11.0, setup_each=lambda: clock.advance(1.0), **options)
    # Attempts start at 1, 4, 7, 10; the next would have been due at 12.
    record = record_of(asked, clock)
    assert record.counts.ok == 4
    assert record.elapsed_ns == 8_000_000_000


class _SlowScreen:
    """An observer that takes 500 s each time."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.shown = 0

    def progress(self, record_name: str, share: float, attempts: int, load: object = None) -> None:
        self.shown += 1
        self.clock.advance(500.0)

    def partial(self, record: object) -> None:
        self.clock.advance(500.0)


@pytest.mark.parametrize("setup_each", [None, lambda: None], ids=["bare", "prepared"])
def test_recording_and_showing_progress_between_stretches_is_not_timed(setup_each: Callable[[], Any] | None) -> None:
    clock = ManualClock()
    screen = _SlowScreen(clock)
    record = record_of(request(Work(clock, 2.0), 5, setup_each=setup_each), clock, screen)
    assert screen.shown == 5
    assert record.elapsed_ns == record.window_ns == 10_000_000_000


@pytest.mark.parametrize("way", ONE_WORKER)
class TestFailing:
    def test_setup(self, way: str) -> None:
        wrapped, options = ONE_WORKER[way]
        work, torn_down = Work(), []

        def setup() -> None:
            raise OSError("no database")

        asked = request(wrapped(work), setup=setup, teardown=lambda: torn_down.append(1), **options)
        with pytest.raises(MeasurementError, match="setup raised OSError: no database") as raised:
            run(asked)
        assert isinstance(raised.value.__cause__, OSError)
        assert work.calls == 0
        assert not torn_down

    def test_setup_each_ends_the_run_and_keeps_what_was_measured(self, way: str) -> None:
        wrapped, options = ONE_WORKER[way]
        clock = ManualClock()
        work, torn_down = Work(clock, 2.0), []
        prepared = Work(clock, 100.0, raising(ValueError, on=3))
        asked = request(wrapped(work), setup_each=prepared, teardown=lambda: torn_down.append(1), **options)
        ended = run(asked, clock)
        assert isinstance(ended.stopped_by, MeasurementError)
        assert str(ended.stopped_by) == "setup_each raised ValueError: call 3"
        assert ended.record.circumstances.interruption == str(ended.stopped_by)
        assert ended.record.counts.ok == work.calls == 3
        assert ended.record.elapsed_ns == 6_000_000_000  # the preparation that failed is not in it either
        assert torn_down == [1]

    @pytest.mark.parametrize("error", [ValueError("still in use"), SystemExit("still in use")])
    def test_teardown_does_not_spoil_the_run(self, way: str, error: BaseException) -> None:
        wrapped, options = ONE_WORKER[way]

        def teardown() -> None:
            raise error

        record = record_of(request(wrapped(Work()), 4, teardown=teardown, **options))
        assert record.counts.ok == 4
        failed = record.circumstances.teardown_error
        assert failed is not None
        assert (failed.kind, failed.message) == (type(error).__name__, "still in use")
        assert "in teardown" in failed.traceback


def test_setup_each_is_refused_where_several_work() -> None:
    with pytest.raises(ConfigurationError, match="setup_each is for one worker"):
        request(Work(), workers=2, setup_each=lambda: None)


@pytest.mark.parametrize("way", ONE_WORKER)
def test_an_interrupted_attempt_takes_its_preparation_out_with_it(way: str) -> None:
    wrapped, options = ONE_WORKER[way]
    clock = ManualClock()
    work = Work(clock, 2.0, raising(KeyboardInterrupt, on=3))
    ended = run(request(wrapped(work), setup_each=Work(clock, 100.0), **options), clock)
    assert isinstance(ended.stopped_by, KeyboardInterrupt)
    assert ended.record.counts.ok == 3
    assert ended.record.elapsed_ns == 6_000_000_000
