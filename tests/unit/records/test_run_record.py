import pytest

from paceline.core.clock import ClockQuality
from paceline.records.resources import ResourceUsage, SamplerCost, SystemUsage
from paceline.records.run_record import (
    Circumstances,
    Collections,
    Definition,
    Execution,
    RunRecord,
    TestType,
)
from paceline.records.time_series import TimeSeries
from tests.fakes import S, make_latency, make_record


@pytest.mark.parametrize(
    ("window_ok", "window_ns", "per_s"), [(100, S, 100.0), (1, 4 * S, 0.25), (0, S, 0.0), (0, 0, 0.0), (5, 1, 5e9)]
)
def test_throughput_is_ok_attempts_a_second_of_the_window(window_ok: int, window_ns: int, per_s: float) -> None:
    assert make_record(window_ok=window_ok, window_ns=window_ns).throughput_per_s == per_s


def test_the_names_in_files_are_the_specifications() -> None:
    assert {kind.value for kind in TestType} == {
        "api_endpoint",
        "database_query",
        "cache_operation",
        "concurrent_load",
    }
    assert {execution.value for execution in Execution} == {
        "caller",
        "threads",
        "tasks",
        "connections",
        "users",
    }


def test_pytest_does_not_take_a_test_type_for_a_test() -> None:
    assert TestType.__test__ is False


def test_what_is_not_said_is_the_specifications_default_or_nothing() -> None:
    assert Definition() == Definition(
        iterations=100,
        duration_s=None,
        warmup_iterations=10,
        workers=1,
        calls_per_sample=1,
        timeout_s=None,
        execution=Execution.CALLER,
        plan="",
        open_loop=False,
        warmup_s=0.0,
        target="",
    )
    record = RunRecord(
        "t", TestType.CACHE_OPERATION, Definition(), "now", 0, 0, 0, make_record().counts, make_latency([])
    )
    assert record.series == TimeSeries()
    assert record.collections == Collections(count=0, total_ns=0, longest_ns=0)
    assert record.clock == ClockQuality(0.0, 0.0)
    assert record.usage == SystemUsage(ResourceUsage("host"), ResourceUsage("process"), (), None, SamplerCost())
    assert record.usage.sampler == SamplerCost(samples=0, cpu_ns=0, core_percent=0.0)
    assert (record.errors, record.metadata, record.load) == ((), {}, None)
    assert record.circumstances == Circumstances(
        interruption=None,
        abandoned_workers=0,
        warmup_attempts=0,
        warmup_errors=(),
        teardown_error=None,
        own_cpu_s=None,
        event_loop=None,
        foreign_loop=False,
    )
