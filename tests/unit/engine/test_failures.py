"""Attempts that fail: each counts, by kind, and nothing an operation raises ends the run but a Ctrl-C."""

import asyncio
import sys
from typing import Any

import pytest

from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.records.outcome import Outcome
from tests.fakes import ManualClock
from tests.runs import Work, awaited, record_of, request, run
from tests.unit.engine.ways import WAYS, Wrapped, plain


class CacheDownError(Exception):
    """Somebody else's."""


def misbehaving(number: int) -> None:
    match number % 6:
        case 0 | 1:
            raise ValueError("no such key")
        case 2:
            sys.exit(3)
        case 3:
            raise CacheDownError
        case 4:
            raise asyncio.CancelledError
        case _:
            return


@pytest.mark.parametrize("way", WAYS)
def test_errors_are_counted_by_kind_with_the_first_traceback(way: str) -> None:
    wrapped, options, _ = WAYS[way]
    record = record_of(request(wrapped(Work(on_call=misbehaving)), 30, **options))
    assert (record.counts.ok, record.counts.errors, record.counts.timeouts) == (5, 25, 0)
    first = record.errors[0]
    assert (first.kind, first.message, first.count) == ("ValueError", "no such key", 10)
    assert {(group.kind, group.message, group.count) for group in record.errors[1:]} == {
        ("SystemExit", "3", 5),
        (f"{__name__}.CacheDownError", "", 5),
        ("asyncio.exceptions.CancelledError", "", 5),
    }
    assert all("in misbehaving" in group.traceback for group in record.errors)
    assert record.latency.moments.count == 5  # fast errors would improve the latencies


@pytest.mark.parametrize("way", WAYS)
def test_outcomes(way: str) -> None:
    wrapped, options, _ = WAYS[way]
    outcomes = [Outcome.hit(), Outcome.hit(), Outcome.miss(), Outcome.error("stale"), None, "any other value is ok"]
    work = Work(on_call=lambda number: outcomes[number % 6])
    counts = (record := record_of(request(wrapped(work), 60, **options))).counts
    assert (counts.ok, counts.errors, counts.hits, counts.misses) == (50, 10, 20, 10)
    assert [(group.kind, group.message, group.count, group.traceback) for group in record.errors] == [
        ("stale", "", 10, "")
    ]


def test_an_outcome_in_a_batch_is_refused_because_only_the_last_would_be_seen() -> None:
    with pytest.raises(ConfigurationError, match="cannot be batched"):
        run(request(Outcome.hit, batch=5))


@pytest.mark.parametrize("way", WAYS)
def test_errors_of_the_warmup_are_kept_apart(way: str) -> None:
    wrapped, options, _ = WAYS[way]

    def on_call(number: int) -> None:
        if number < 3:
            raise ValueError("still cold")

    record = record_of(request(wrapped(Work(on_call=on_call)), 10, 5, **options))
    assert record.counts.ok == 10
    assert not record.errors
    assert [(group.kind, group.count) for group in record.circumstances.warmup_errors] == [("ValueError", 3)]


async def measured_by_nobody() -> None:
    """Never runs."""


# Some of the coroutines are made before it is noticed that nobody awaits them; Python itself says so, too.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("options", [{}, {"workers": 3}, {"timeout_s": 1e6}, {"batch": 4}], ids=str)
@pytest.mark.parametrize("warmup_iterations", [0, 5])
def test_a_lambda_that_returns_coroutines_measures_nothing_and_says_so(
    options: dict[str, Any], warmup_iterations: int
) -> None:
    with pytest.raises(ConfigurationError, match="coroutine objects that nobody awaited"):
        run(request(lambda: measured_by_nobody(), 20, warmup_iterations, **options))  # noqa: PLW0108


def test_an_operation_that_cancels_its_own_task_does_not_shorten_the_run_in_silence() -> None:
    async def operation() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    ended = run(request(operation, 10, workers=2))
    assert isinstance(ended.stopped_by, MeasurementError)
    assert "ended by CancelledError" in str(ended.stopped_by)


@pytest.mark.parametrize("wrapped", [plain, awaited])
def test_a_run_of_nothing_but_failures_is_a_record(wrapped: Wrapped) -> None:
    def on_call(number: int) -> None:
        raise ValueError(number)

    clock = ManualClock()
    record = record_of(request(wrapped(Work(clock, 1.0, on_call)), 150), clock)
    assert (record.counts.ok, record.counts.errors) == (0, 150)
    assert record.window_ok == 0
    assert record.elapsed_ns == 150_000_000_000
    # Each has a message of its own: beyond 100 kinds they are counted together.
    assert len(record.errors) == 101
    assert sum(group.count for group in record.errors) == 150
