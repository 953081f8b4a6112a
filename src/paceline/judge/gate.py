"""What must hold before a stored baseline may fail a test. Each objection makes it advice, and says what is missing."""

import math
from collections.abc import Callable

from paceline.core.units import counted
from paceline.judge.sessions import GATE_DAYS, GATE_SESSIONS, Stored
from paceline.records.baseline import BaselineSession
from paceline.stats.significance import lag1_correlation, trend_p_value

# Stricter, and it would do harm: a reference that looks independent by chance also looks steadier than it is, so of
# those that pass a strict test more are wrong (``docs/decisions/023-two-forecasts.md``).
DEPENDENCE_LEVEL = 0.01


def gate_objections(
    stored: Stored, value: Callable[[BaselineSession], float | None], *, is_ratio: bool
) -> tuple[str, ...]:
    """Why a comparison with ``stored`` may not fail a test; empty when it may."""
    found = [
        *_machine(stored),
        *_missing(stored),
        *(["the clock went backwards between its sessions"] if stored.went_backwards else []),
        *_dependence([each for session in stored.reference if (each := value(session)) is not None], is_ratio=is_ratio),
    ]
    return tuple(found)


def _machine(stored: Stored) -> list[str]:
    if stored.same_machine or not stored.reference:
        return []
    if all(each.definition is None for each in stored.reference):
        # The flat form and other tools' files: what they tell of the machine is never all of it, so it is never equal.
        return ["the baseline's file does not say for certain from which machine and interpreter it is"]
    return ["the baseline is from another machine or interpreter"]


def _missing(stored: Stored) -> list[str]:
    wanted = []
    if (sessions := GATE_SESSIONS - len(stored.reference)) > 0:
        wanted.append(counted(sessions, "more session"))
    if (days := GATE_DAYS - stored.days) > 0:
        wanted.append(counted(days, "more day"))
    if not wanted:
        return []
    return [f"a verdict needs {' and '.join(wanted)} (those count that are 6 h or a reboot apart)"]


def _dependence(figures: list[float], *, is_ratio: bool) -> list[str]:
    values = [math.log(each) if is_ratio else each for each in figures if not is_ratio or 0 < each < math.inf]
    correlation, trend = lag1_correlation(values), trend_p_value(values)
    found = []
    if correlation is not None and correlation.p_value < DEPENDENCE_LEVEL:
        found.append(f"its sessions resemble the ones before them (correlation {correlation.coefficient:.2f})")
    if trend is not None and trend < DEPENDENCE_LEVEL:
        found.append("its sessions drift")
    return found
