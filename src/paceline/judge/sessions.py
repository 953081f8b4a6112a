"""Which stored sessions count, and as how many: sessions of one afternoon are one observation, not ten."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from paceline.records.baseline import BaselineSession
from paceline.records.run_record import Definition

ADVICE_SESSIONS = 5
GATE_SESSIONS = 10
# Three days, as first thought of, gave 1.3 % false alarms where days differ by twice what sessions do; five: 0.6 %.
GATE_DAYS = 5
_Times = tuple[datetime | None, datetime | None]  # when a session was saved, and its machine was started
APART = timedelta(hours=6)
_BOOT_CLOCK_STEP = timedelta(minutes=1)  # the time of a boot is computed from a clock that is set meanwhile
_DISORDER = timedelta(minutes=10)  # sessions that are saved side by side may change places by that


@dataclass(frozen=True)
class Stored:
    """The sessions that a candidate is held against.

    Attributes:
        reference: of the level, separate ones only, in order of time.
        everything: of the level, those beside the separate ones as well: what percentages are told of.
        later: separate ones since, in order of time; they show where the level was going.
        same_machine: whether they are from the candidate's machine and interpreter.
        other_definition: how the definitions of those that were left out differ; empty when none was.
        went_backwards: whether their clock did.
    """

    reference: tuple[BaselineSession, ...]
    everything: tuple[BaselineSession, ...]
    later: tuple[BaselineSession, ...]
    same_machine: bool
    other_definition: tuple[str, ...] = ()
    went_backwards: bool = False

    @property
    def days(self) -> int:
        """On how many days the reference was measured."""
        return days_of(self.reference)


def stored_for(candidate: BaselineSession, sessions: Sequence[BaselineSession]) -> Stored:
    """What ``candidate`` is to be held against: sessions of its machine and of the same definition.

    Sessions of another machine serve, for advice, when there are none of this one.
    """
    differ = [differences(candidate.definition, each.definition) for each in sessions]
    same = [each for each, told in zip(sessions, differ, strict=True) if not told]
    told = next((each for each in reversed(differ) if each), ())
    own = [each for each in same if each.fingerprint == candidate.fingerprint]
    used = own or [each for each in same if each.fingerprint == same[-1].fingerprint]
    marked = with_reference(used)
    first = next((place for place, each in enumerate(marked) if each.reference), len(marked))
    in_play = marked[first:]
    everything = tuple(each for each in in_play if each.reference)
    reference = separate(everything)
    of_reference = {id(each) for each in reference}
    since = [each for each in separate(in_play) if id(each) not in of_reference]
    return Stored(
        reference=in_order(reference),
        everything=everything,
        later=in_order(since),
        same_machine=bool(own),
        other_definition=() if same else told,
        went_backwards=_went_backwards(in_play),
    )


def with_reference(sessions: Sequence[BaselineSession]) -> tuple[BaselineSession, ...]:
    """Sessions of one machine and definition, the reference marked: as it is, or the oldest that are enough."""
    if any(each.reference for each in sessions):
        return tuple(sessions)
    enough = next((count for count in range(len(sessions)) if is_complete(sessions[:count])), len(sessions))
    return tuple(replace(session, reference=place < enough) for place, session in enumerate(sessions))


def is_complete(reference: Sequence[BaselineSession]) -> bool:
    """Whether a reference has the sessions that a verdict needs; until then it grows."""
    if len(reference) < GATE_SESSIONS:
        return False
    apart = separate(reference)
    return len(apart) >= GATE_SESSIONS and days_of(apart) >= GATE_DAYS


def separate(sessions: Iterable[BaselineSession]) -> tuple[BaselineSession, ...]:
    """Those at least six hours or a reboot from every one before.

    The first stands for those around it. Their median would not do: it is steadier than the one session it is to
    foretell (five a time gave 11 % false alarms).
    """
    kept: list[BaselineSession] = []
    times: list[_Times] = []
    for session in sessions:
        here = moment_of(session.saved_at), moment_of(session.booted_at)
        if not any(_together(here, there) for there in times):
            kept.append(session)
            times.append(here)
    return tuple(kept)


def in_order(sessions: Iterable[BaselineSession]) -> tuple[BaselineSession, ...]:
    """By time; those without one first, as they stand."""
    return tuple(sorted(sessions, key=lambda each: moment_of(each.saved_at) or datetime.min.replace(tzinfo=UTC)))


def days_of(sessions: Iterable[BaselineSession]) -> int:
    """On how many days they were measured."""
    return len({day_of(each) for each in sessions})


def day_of(session: BaselineSession) -> date | None:
    """Its day, UTC; None where its time is not known."""
    moment = moment_of(session.saved_at)
    return None if moment is None else moment.date()


@lru_cache(maxsize=10_000)
def moment_of(text: str | None) -> datetime | None:
    """A time of a file; None where it is none."""
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def differences(one: Definition | None, other: Definition | None) -> tuple[str, ...]:
    """In what two definitions differ: ``iterations 100 -> 200``; empty where one is not known."""
    if one is None or other is None or one == other:
        return ()  # none is known in files of the older flat form
    if min(one.calls_per_sample, other.calls_per_sample) > 1:
        # How many calls a calibrated batch has follows from the machine's speed at that moment.
        other = replace(other, calls_per_sample=one.calls_per_sample)
    pairs = ((each.name, getattr(other, each.name), getattr(one, each.name)) for each in fields(one) if each.compare)
    return tuple(f"{name} {_told(then)} -> {_told(now)}" for name, then, now in pairs if then != now)


def _told(value: object) -> str:
    # A URL may hold what has no UTF-8 form; a reason is written to files.
    return str(getattr(value, "value", value)).encode(errors="backslashreplace").decode() or "nothing"


def _together(one: _Times, other: _Times) -> bool:
    (here, boot), (there, other_boot) = one, other
    if here is not None and there is not None and abs(here - there) >= APART:
        return False
    return boot is None or other_boot is None or abs(boot - other_boot) < _BOOT_CLOCK_STEP


def _went_backwards(sessions: Sequence[BaselineSession]) -> bool:
    times = [moment for each in sessions if (moment := moment_of(each.saved_at)) is not None]
    return any(later < earlier - _DISORDER for earlier, later in pairwise(times))
