"""What a load that rises shows: a ceiling of CPU, queues, the onset of errors."""

import math
from collections.abc import Iterator, Sequence
from statistics import median

from paceline.core.findings import Finding
from paceline.core.units import NS_PER_MS, format_count, format_ms, format_percent
from paceline.judge.timeline import Moment, up_to_peak
from paceline.records.resources import ResourceSeries
from paceline.records.run_record import RunRecord

_LEAST_MOMENTS = 12  # of a climb: below it nothing is told from chance
_FOLLOWS = 0.95  # of the arrivals that are due: answers that are fewer do not follow
_LAST_SHARE = 0.2  # of a climb: where it is seen whether answers still followed
_CHANCE = 4.0  # standard deviations of a Poisson count
_FULL_HOST = 0.9  # of all cores
_CORE_BELOW, _CORE_ABOVE = 10.0, 5.0  # percent of a core by which a whole number of them may be missed
_ROSE = 10.0  # percent of a core, from before the ceiling to it: else the climb did not bring it
_LEAST_CPU_SAMPLES = 5
_QUARTER = 0.25
_SLOWER = 2.0
_ALMOST_ALL = 0.99
_WORTH_TELLING = 0.01
_LEAST_SAMPLES = 10  # a moment, for its median to say anything
_LEAST_RISE = 1.2  # of the level, for its rise to be a cause
_LEAST_FAILED = 10
_LEAST_ERROR_SHARE = 0.01
_MORE_OFTEN = 5.0
# Twice the log likelihood ratio of a split at the best place. A chi-squared of one degree passes 20 in 1 of 130,000,
# so the choice among 200 places is paid for, and errors that come in clusters of a few as well.
_LEAST_EVIDENCE = 60.0
_GOES_ON = 0.6  # of the moments after the onset that have attempts
# At the very end of a climb a cluster of errors looks like an onset: it must be longer, or much.
_LONG, _MANY = 0.15, 0.25


def cpu_saturation(record: RunRecord, moments: tuple[Moment, ...]) -> Iterator[Finding]:
    """Where a process or the machine ran out of CPU, and answers no longer followed the arrivals."""
    climb = up_to_peak(moments)
    if not record.definition.open_loop or len(climb) < _LEAST_MOMENTS:
        return
    last = climb[-max(int(_LAST_SHARE * len(climb)), 3) :]
    ended, due = sum(moment.ended for moment in last), sum(moment.due for moment in last)
    if ended > _FOLLOWS * due - _CHANCE * math.sqrt(due):
        return
    # What is answered at the end is the ceiling; the plan passed it where that many were due.
    ceiling = ended / sum(moment.length_s for moment in last)
    onset = next(moment for moment in climb if (moment.level or 0.0) >= ceiling)
    busy = _out_of_cpu(record, climb[0].begin_s, onset.begin_s, climb[-1].end_s)
    if busy is None:
        return
    yield Finding(
        code="cpu-saturation",
        seen=f"From {_seconds(onset.begin_s)} on, at {format_count(ceiling)}/s, answers no longer followed the "
        f"arrivals (up to {format_count(climb[-1].level or 0.0)}/s): {busy}.",
        why="The CPU is what limits the rate: beyond it requests only wait.",
        advice="Make a request cost less CPU, or give it more cores or processes. Below that rate the latencies are "
        "those of the service, above it those of the queue.",
    )


def queueing(record: RunRecord, moments: tuple[Moment, ...]) -> Iterator[Finding]:
    """How much of the latency at a high rate is waiting: what it was at a low one."""
    climb = [moment for moment in up_to_peak(moments) if moment.samples >= _LEAST_SAMPLES]
    arrivals = None if record.load is None else record.load.arrivals
    if arrivals is None or len(climb) < _LEAST_MOMENTS:
        return
    levels = [moment.level or 0.0 for moment in climb]
    least, most = min(levels), max(levels)
    low = [moment for moment in climb if (moment.level or 0.0) <= least + _QUARTER * (most - least)]
    high = [moment for moment in climb if (moment.level or 0.0) >= most - _QUARTER * (most - least)]
    if min(len(low), len(high)) < 3 or most < _LEAST_RISE * least:  # noqa: PLR2004  # a median of fewer is one of them
        return
    before, after = _quartiles(low), _quartiles(high)
    if after[1] < _SLOWER * before[1] or after[0] <= before[2]:
        return
    share = min(1 - before[1] / after[1], _ALMOST_ALL)
    unsent = arrivals.connection_wait.moments.total / max(record.latency.moments.total, 1)
    where = (
        f" Over the whole run {format_percent(unsent, 0)} of all latency was waiting for a free connection, before the "
        "request was sent."
        if unsent >= _WORTH_TELLING
        else " Hardly any of it was before the request was sent: the queue is in the service."
    )
    yield Finding(
        code="queueing",
        seen=f"The median latency was {_shown(before[1])} at up to {format_count(low[-1].level or 0.0)}/s and "
        f"{_shown(after[1])} from {format_count(high[0].level or 0.0)}/s on: there about {format_percent(share, 0)} of "
        f"it is waiting.{where}",
        why="A request is the same work at any rate; what comes on top is a queue, here or in the service.",
        advice="Queues are made shorter by more servers, workers or connections, and grow without bounds near the "
        "capacity: find the highest rate that keeps your limits.",
    )


def error_onset(record: RunRecord, moments: tuple[Moment, ...]) -> Iterator[Finding]:
    """From which level on attempts failed, or failed far more often, while the load rose."""
    climb = [moment for moment in up_to_peak(moments) if moment.ended]
    if len(climb) < _LEAST_MOMENTS:
        return
    place = _onset(climb)
    if place is None:
        return
    before, after = climb[:place], climb[place:]
    share, earlier = _failed_share(after), _failed_share(before)
    level, first = after[0].level or 0.0, climb[0].level or 0.0
    goes_on = sum(moment.failed > 0 for moment in after) >= _GOES_ON * len(after)
    is_much = len(after) >= _LONG * len(climb) or share >= _MANY
    few = sum(moment.failed for moment in after) < _LEAST_FAILED
    if few or not goes_on or not is_much or level < _LEAST_RISE * first:
        return
    unit = "/s" if record.definition.open_loop else " users"
    yield Finding(
        code="error-onset",
        seen=f"Errors began {_seconds(after[0].begin_s)} into the run, at {format_count(level)}{unit}: "
        f"{format_percent(share)} of the attempts failed from there to the peak of "
        f"{format_count(climb[-1].level or 0.0)}{unit}, {format_percent(earlier)} before.",
        why="Up to there the service kept up; what it refuses or loses beyond it is its way of being full.",
        advice="Look at the first error and at what is limited there: connections, threads, memory, a rate limit.",
    )


def _onset(climb: Sequence[Moment]) -> int | None:
    """The moment from which on attempts failed far more often; None where there is none.

    Failures that become more with the load are best explained by a split in the midst of them: what is before it is
    split again, until nothing more comes of it.
    """
    onset, until = None, len(climb)
    while until > 1:
        place, evidence = _best_split(climb[:until])
        share, earlier = _failed_share(climb[place:until]), _failed_share(climb[:place])
        if evidence < _LEAST_EVIDENCE or share < max(_LEAST_ERROR_SHARE, _MORE_OFTEN * earlier):
            break
        onset = until = place
    return onset


def _best_split(climb: Sequence[Moment]) -> tuple[int, float]:
    """Where two shares of failures explain most, and by how much better than one (twice the log likelihood ratio)."""
    failed, ended = sum(moment.failed for moment in climb), sum(moment.ended for moment in climb)
    whole = _log_likelihood(failed, ended)
    best, evidence = 1, -math.inf
    failed_before = ended_before = 0
    for place, moment in enumerate(climb[:-1], 1):
        failed_before, ended_before = failed_before + moment.failed, ended_before + moment.ended
        split = _log_likelihood(failed_before, ended_before)
        split += _log_likelihood(failed - failed_before, ended - ended_before)
        if 2 * (split - whole) > evidence:
            best, evidence = place, 2 * (split - whole)
    return best, evidence


def _log_likelihood(hits: int, trials: int) -> float:
    """Of so many hits, at the share that explains them best."""
    if not 0 < hits < trials:
        return 0.0
    return hits * math.log(hits / trials) + (trials - hits) * math.log1p(-hits / trials)


def _failed_share(moments: Sequence[Moment]) -> float:
    return sum(moment.failed for moment in moments) / sum(moment.ended for moment in moments)


def _out_of_cpu(record: RunRecord, climb_s: float, onset_s: float, end_s: float) -> str | None:
    """Who came to the ceiling of CPU in the climb, in words; None if nobody did, or was there before it."""
    usage = record.usage
    for target in usage.targets:
        used = _cpu_percent(target.series, onset_s, end_s)
        cores = max(round(used / 100), 1) if math.isfinite(used) else 0
        # One thread, or a process each core: whoever is short of CPU uses whole cores, unless the machine is full.
        is_whole = 100 * cores - _CORE_BELOW <= used <= 100 * cores + _CORE_ABOVE
        if cores and is_whole and not _cpu_percent(target.series, climb_s, onset_s) > used - _ROSE:
            return f"process {target.pid} used {used:.0f} % of a core"
    host = _cpu_percent(usage.host.series, onset_s, end_s)
    capacity = 100.0 * (usage.cpu_count or math.nan)
    if host >= _FULL_HOST * capacity and not _cpu_percent(usage.host.series, climb_s, onset_s) >= _FULL_HOST * capacity:
        return f"the machine was full ({host:.0f} % of {capacity:.0f} %)"
    return None


def _cpu_percent(series: ResourceSeries, begin_s: float, end_s: float) -> float:
    """Median within that time; NaN where too little is known."""
    known = [
        percent
        for offset_ms, percent in zip(series.offset_ms, series.cpu_percent, strict=True)
        if percent is not None and begin_s <= offset_ms / 1e3 <= end_s
    ]
    return median(known) if len(known) >= _LEAST_CPU_SAMPLES else math.nan


def _quartiles(moments: Sequence[Moment]) -> tuple[float, float, float]:
    """Of the medians."""
    ordered = sorted(moment.median_ns for moment in moments)
    last = len(ordered) - 1
    return ordered[round(_QUARTER * last)], median(ordered), ordered[round((1 - _QUARTER) * last)]


def _seconds(seconds: float) -> str:
    return f"{seconds:.3g} s"


def _shown(nanoseconds: float) -> str:
    return format_ms(nanoseconds / NS_PER_MS)
