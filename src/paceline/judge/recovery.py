"""How long a service takes to be its old self again after a spike of load."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from paceline.core.findings import Finding
from paceline.core.units import NS_PER_MS, format_count, format_ms
from paceline.judge.timeline import Moment
from paceline.records.load import Stretch
from paceline.records.run_record import RunRecord

_SPIKE = 1.5  # times the level before it
_AS_BEFORE = 1.1  # times it
_LEAST_MOMENTS = 5  # before and after it, with latencies
_LEAST_SAMPLES = 5  # a moment
_SLOWER = 1.25  # than the slowest moment before
_SLOWER_NS = 500_000  # and by so much: below it timers and schedulers make the difference
_STAYS = 2  # moments: one good one among bad ones is no recovery
_ERRORS = 0.01  # more than before: a share of the attempts
_SUDDEN_MOMENTS, _SUDDEN_S = 2, 1.0  # within either a service is back at once


@dataclass(frozen=True)
class _Spike:
    """When the load was as before, above it, and as before again; in seconds."""

    from_s: float
    begin_s: float
    peak: float
    over_s: float
    until_s: float
    level: float


def recovery(record: RunRecord, moments: tuple[Moment, ...]) -> Iterator[Finding]:
    """How long latency and errors took to be back at what they were before the highest spike; or that they were not."""
    spike = None if record.load is None else _spike(record.load.stretches)
    if spike is None:
        return
    before = [each for each in moments if spike.from_s <= each.begin_s and each.end_s <= spike.begin_s]
    after = [each for each in moments if spike.over_s <= each.begin_s and each.end_s <= spike.until_s]
    if min(len(before), len(after)) < _LEAST_MOMENTS or any(each.samples < _LEAST_SAMPLES for each in before):
        return
    slowest_ns = max(each.median_ns for each in before)
    limit_ns = max(_SLOWER * slowest_ns, slowest_ns + _SLOWER_NS)
    most_failing = max(each.failed / each.ended for each in before) + _ERRORS
    at = _first_good([_is_bad(each, limit_ns, most_failing) for each in after])
    if at is not None and (at <= _SUDDEN_MOMENTS or after[at].begin_s - spike.over_s < _SUDDEN_S):
        return
    unit = "/s" if record.definition.open_loop else " users"
    spiked = f"the spike to {format_count(spike.peak)}{unit} (from {format_count(spike.level)}{unit})"
    told = _told(after[: at if at is not None else None], limit_ns)
    if at is not None:
        seen = f"It took {after[at].begin_s - spike.over_s:.3g} s"
        end = f"until latency and errors were what they were before it; meanwhile {told}."
    else:
        seen = f"In the {after[-1].end_s - spike.over_s:.3g} s"
        end = f"that were left, latency and errors did not come back to what they were before it: {told}."
    yield Finding(
        code="recovery",
        seen=f"{seen} after {spiked} {end}",
        why="A spike is over for users only when its queue is: they wait, or are refused, for as long."
        if at is not None
        else "What a spike has broken stays broken at a load that was no trouble before.",
        advice="More capacity above the usual load empties the queue sooner; a limit on its length, or on waiting, "
        "keeps it short."
        if at is not None
        else "Measure longer after the spike, to tell slow from never; look for retries, full queues and what has to "
        "be started again.",
    )


def _spike(stretches: Sequence[Stretch]) -> _Spike | None:
    """The highest, if there was an even level before it and one like it, or none at all lower, after it."""
    ends_s = list(accumulate(stretch.duration_s for stretch in stretches))
    if not ends_s:
        return None
    peak = max(max(each.level, each.target) for each in stretches)
    top = next(place for place, each in enumerate(stretches) if peak in {each.level, each.target})
    even = [
        place
        for place, each in enumerate(stretches[: top + 1])
        if each.level == each.target and 0 < each.level * _SPIKE <= peak
    ]
    if not even:
        return None
    base = even[-1]
    level = stretches[base].level
    back = [
        place
        for place, each in enumerate(stretches)
        if place > top and 0 < max(each.level, each.target) <= _AS_BEFORE * level and each.target == each.level
    ]
    if not back:
        return None
    until = back[0]
    while until + 1 in back:
        until += 1
    return _Spike(
        from_s=ends_s[base] - stretches[base].duration_s,
        begin_s=ends_s[base],
        peak=peak,
        over_s=ends_s[back[0] - 1],
        until_s=ends_s[until],
        level=level,
    )


def _first_good(bad: Sequence[bool]) -> int | None:
    """Where the first of several good ones in a row stands."""
    good_for = 0
    for place, is_bad in enumerate(bad):
        good_for = 0 if is_bad else good_for + 1
        if good_for == _STAYS:
            return place - _STAYS + 1
    return None


def _is_bad(moment: Moment, limit_ns: float, most_failing: float) -> bool:
    # A moment without any answer is what waiting looks like, where there were always some before.
    if not moment.ended:
        return True
    is_slow = moment.samples > 0 and moment.median_ns > limit_ns
    return is_slow or moment.failed / moment.ended > most_failing


def _told(moments: Sequence[Moment], limit_ns: float) -> str:
    slowest = max((each.median_ns for each in moments if each.samples), default=0.0)
    failed, ended = sum(each.failed for each in moments), sum(each.ended for each in moments)
    parts = []
    if slowest > limit_ns:
        parts.append(f"medians of up to {format_ms(slowest / NS_PER_MS)}")
    if failed:
        parts.append(f"{failed:,} of {ended:,} attempts failed")
    return " and ".join(parts) or "hardly anything was answered"
