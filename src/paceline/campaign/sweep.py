"""A sweep: the same operation at several levels of concurrency, a result each."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from paceline.core.errors import ConfigurationError
from paceline.engine.request import RunRequest, checked_name
from paceline.records.run_record import TestType
from paceline.targets.call import CallTarget
from paceline.targets.lanes import LaneTarget
from paceline.workload.models import MOST_WORKERS, ClosedLoop, FixedIterations, whole_number


def checked_levels(levels: Iterable[int]) -> tuple[int, ...]:
    """The levels of concurrency as whole numbers above 0, each once.

    Raises:
        ConfigurationError: none, no whole numbers, or one twice.
    """
    if isinstance(levels, str | bytes) or not isinstance(levels, Iterable):
        raise ConfigurationError(f"concurrency_levels must be a list such as [1, 5, 10], not {levels!r}")
    checked = tuple(
        whole_number(f"concurrency_levels[{place}]", level, at_least=1, at_most=MOST_WORKERS)
        for place, level in enumerate(levels)
    )
    if not checked:
        raise ConfigurationError("concurrency_levels is empty: name at least one level, such as [1, 5, 10]")
    if len(set(checked)) < len(checked):
        raise ConfigurationError(f"concurrency_levels has a level twice: {list(checked)}")
    return checked


def level_requests(
    name: str,
    target: CallTarget | LaneTarget,
    levels: Sequence[int],
    workload: FixedIterations | ClosedLoop,
    metadata: Mapping[str, object],
    timeout_s: float | None = None,
    target_pids: Sequence[int] = (),
    setup: Callable[[], object] | None = None,
    teardown: Callable[[], object] | None = None,
) -> Iterator[RunRequest]:
    """A request a level: ``workload`` with that many workers, named ``{name}_concurrency_{level}``."""
    for level in levels:
        yield RunRequest(
            name=f"{checked_name(name)}_concurrency_{level}",
            test_type=TestType.CONCURRENT_LOAD,
            target=target,
            workload=_at(workload, level),
            metadata={**metadata, "concurrency": level},
            timeout_s=timeout_s,
            target_pids=target_pids,
            setup=setup,
            teardown=teardown,
        )


def _at(workload: FixedIterations | ClosedLoop, workers: int) -> FixedIterations | ClosedLoop:
    if isinstance(workload, FixedIterations):
        return FixedIterations(workload.iterations, workload.warmup_iterations, workers)
    return replace(workload, users=workers)
