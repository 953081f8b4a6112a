"""The load that a table of a scenario file describes."""

from collections.abc import Sequence
from typing import Literal

from paceline.core.errors import ConfigurationError
from paceline.core.units import parse_duration_s, parse_rate_per_s
from paceline.scenario import toml_form as form
from paceline.workload.models import RATE, USERS, ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages, Workload

_DURATION_S = 10.0
_Kind = Literal["rate", "users"]


class PlacedError(ConfigurationError):
    """Something wrong further inside a table than whoever asked knows.

    Attributes:
        place: where, from there on: ``.stages[2].duration``.
    """

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place = place


def workload_of(written: form.Load) -> Workload:
    """The workload.

    Raises:
        ConfigurationError: keys that contradict each other, or a value that is wrong; the message names the key.
    """
    kind = _kind(written)
    if kind == "iterations":
        assert written.iterations is not None
        return FixedIterations(written.iterations, workers=10 if written.users is None else written.users)
    if kind == "stages":
        return _stages(written)
    of: _Kind = RATE if kind == "rate" else USERS
    level = _level(".", of, written)
    lasts_s = _DURATION_S if written.duration is None else seconds(".duration", written.duration)
    if written.ramp is not None or written.spike is not None:
        return _ramp_and_spike(written, of, level, lasts_s)
    if of == USERS:
        think_s = 0.0 if written.think is None else seconds(".think", written.think)
        return ClosedLoop(int(level), lasts_s, think_time_s=think_s)
    if written.poisson:
        return Poisson(level, lasts_s, written.seed, written.max_in_flight)
    return ConstantRate(level, lasts_s, written.max_in_flight)


def _kind(written: form.Load) -> str:
    given = [key for key in ("stages", "iterations", "rate", "users") if getattr(written, key) is not None]
    if given == ["iterations", "users"]:
        given = ["iterations"]
    if len(given) != 1:
        what = f"{' and '.join(given)} exclude each other" if given else "it says neither"
        raise ConfigurationError(f"{what}: one of users, rate, iterations and stages says how much load it is")
    kind = given[0]
    # What would be ignored is refused: it was meant to do something.
    fitting = {
        "users": {"users", "duration", "ramp", "spike", "think"},
        "rate": {"rate", "duration", "ramp", "spike", "poisson", "seed", "max_in_flight"},
        "iterations": {"iterations", "users"},
        "stages": {"stages", "poisson", "seed", "max_in_flight"},
    }[kind]
    default = form.Load()
    for key in written.__struct_fields__:
        if key not in fitting and getattr(written, key) != getattr(default, key):
            raise ConfigurationError(f"{key} does not go together with {kind}")
    if written.think is not None and (written.ramp is not None or written.spike is not None):
        raise ConfigurationError("think does not go together with ramp or spike: stages of users have no think time")
    if written.seed and not written.poisson:
        raise ConfigurationError("seed is of arrivals at random: write poisson = true, or leave it out")
    return kind


def _stages(written: form.Load) -> Stages:
    assert written.stages is not None
    kinds: set[_Kind] = set()
    levels: list[tuple[float, float]] = []
    for number, stage in enumerate(written.stages):
        of = _of(f".stages[{number}]", stage)
        kinds.add(of)
        lasts_s = seconds(f".stages[{number}].duration", stage.duration)
        levels.append((lasts_s, _level(f".stages[{number}].", of, stage)))
    if len(kinds) > 1:
        raise ConfigurationError("stages are all of users or all of rates")
    return _made(written, levels, kinds.pop() if kinds else USERS)


def _ramp_and_spike(written: form.Load, of: _Kind, level: float, lasts_s: float) -> Stages:
    """A ramp to the level, then the level for ``lasts_s``, within which there may be a spike."""
    ramp_s = 0.0 if written.ramp is None else seconds(".ramp", written.ramp)
    levels = [(ramp_s, level)]
    spike = written.spike
    if spike is None:
        return _made(written, [*levels, (lasts_s, level)], of)
    if _of(".spike", spike) != of:
        raise PlacedError(".spike", f"its level is of {'users' if of == USERS else 'a rate'}, as the load's")
    after_s, high_s = seconds(".spike.after", spike.after), seconds(".spike.duration", spike.duration)
    if after_s + high_s > lasts_s:
        raise PlacedError(".spike", f"it ends {after_s + high_s:g} s after the ramp, and the load {lasts_s:g} s")
    high = _level(".spike.", of, spike)
    levels += [(after_s, level), (0.0, high), (high_s, high), (0.0, level), (lasts_s - after_s - high_s, level)]
    return _made(written, levels, of)


def _made(written: form.Load, levels: Sequence[tuple[float, float]], of: _Kind) -> Stages:
    if of == USERS and (written.poisson or written.max_in_flight is not None):
        raise ConfigurationError("poisson and max_in_flight are for rates: users wait for their answers")
    return Stages(levels, of=of, seed=written.seed if written.poisson else None, max_in_flight=written.max_in_flight)


def _of(place: str, level: form.Stage | form.Spike) -> _Kind:
    if (level.users is None) is (level.rate is None):
        raise PlacedError(place, "either users or a rate says how much load it is")
    return RATE if level.users is None else USERS


def _level(place: str, of: _Kind, written: form.Load | form.Stage | form.Spike) -> float:
    if of == USERS:
        assert written.users is not None
        return written.users
    assert written.rate is not None
    try:
        return parse_rate_per_s(written.rate)
    except ConfigurationError as error:
        raise PlacedError(f"{place}rate", str(error)) from error


def seconds(place: str, text: str) -> float:
    """The time that ``text`` is.

    Raises:
        PlacedError: it is none.
    """
    try:
        return parse_duration_s(text)
    except ConfigurationError as error:
        raise PlacedError(place, str(error)) from error
