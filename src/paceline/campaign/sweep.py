"""A sweep: the same operation at several levels of concurrency, a result each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from paceline.campaign.repeats import MOST_REPEATS
from paceline.core.errors import ConfigurationError
from paceline.engine.request import RunRequest
from paceline.records.run_record import TestType
from paceline.store.codec import plain_metadata
from paceline.sysmon.sampler import checked_pids
from paceline.targets.operation import Measured
from paceline.workload.models import MOST_SEED, MOST_WORKERS, ClosedLoop, FixedIterations, Workload, whole_number


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


def checked_seed(seed: int | None, repeats: int) -> int | None:
    """The seed of an order, or None for one that is drawn.

    Raises:
        ConfigurationError: it is no whole number from 0 on, or there is no order to draw.
    """
    if seed is not None and repeats == 1:
        raise ConfigurationError("seed is what the order of repeats is drawn from: ask for repeats too")
    return None if seed is None else whole_number("seed", seed, at_least=0, at_most=MOST_SEED)


def level_requests(
    name: str,
    what: Measured,
    levels: Iterable[int],
    workload: FixedIterations | ClosedLoop,
    metadata: Mapping[str, object] | None = None,
    timeout_s: float | None = None,
    target_pids: Sequence[int] = (),
    repeats: int = 1,
) -> list[RunRequest]:
    """A request a level: ``workload`` with that many workers, named ``{name}_concurrency_{level}``.

    Raises:
        ConfigurationError: an argument is wrong, or they do not go together.
    """
    request = RunRequest(
        name=name,
        test_type=TestType.CONCURRENT_LOAD,
        target=what.target,
        workload=workload,
        metadata=plain_metadata(metadata),
        timeout_s=timeout_s,
        target_pids=checked_pids(target_pids),
        setup=what.setup,
        teardown=what.teardown,
    )
    return requests_at(request, levels, repeats)


def requests_at(request: RunRequest, levels: Iterable[int], repeats: int = 1) -> list[RunRequest]:
    """``request`` at each level, each to be made ``repeats`` times.

    Raises:
        ConfigurationError: a level is none, or what is asked for has no workers to vary.
    """
    return [
        replace(
            request,
            name=f"{request.name}_concurrency_{level}",
            workload=_at(request.workload, level),
            metadata={**request.metadata, "concurrency": level},
            repeats=whole_number("repeats", repeats, at_least=1, at_most=MOST_REPEATS),
        )
        for level in checked_levels(levels)
    ]


def _at(workload: Workload, workers: int) -> Workload:
    if isinstance(workload, FixedIterations):
        return FixedIterations(workload.iterations, workload.warmup_iterations, workers)
    if isinstance(workload, ClosedLoop):
        return replace(workload, users=workers)
    raise ConfigurationError("a sweep is over workers of a closed loop: rates and stages say for themselves how much")
