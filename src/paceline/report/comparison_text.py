"""One change on one line, as a person reads it; duets and stored baselines say it alike."""

import math

from paceline.core.units import BYTES_PER_MB
from paceline.judge.change import Change, Verdict
from paceline.records.quantities import PEAK_RSS
from paceline.report.layout import printable

_TENFOLD = 9.995  # a share from which a factor says it better


def describe(name: str, change: Change, evidence: str) -> str:
    """What changed, by how much and how sure that is.

    ``get_record  +7.8 % [+5.1, +10.2]  regressed  (20 pairs, 99.7 % confidence; smallest change visible: 3.9 %)``

    Args:
        name: of what was compared: the test, or the quantity where several stand below each other.
        change: the finished judgement.
        evidence: what the interval is over: ``20 pairs``, ``12 sessions``.
    """
    known = [evidence] if evidence else []
    if change.confidence is not None and change.low is not None:
        known.append(f"{_confidence(change.confidence)} confidence")
    details = ", ".join(known)
    if change.minimum_detectable is not None and math.isfinite(change.minimum_detectable):
        details += f"; smallest change visible: {_size(change, change.minimum_detectable)}"
    line = f"{printable(name)}  {amount(change)}  {_verdict(change)}"
    return f"{line}  ({details})" if details else line


def amount(change: Change) -> str:
    """``+7.8 % [+5.1, +10.2]``; without an estimate ``no figure``."""
    if change.estimate is None or not math.isfinite(change.estimate):
        return "no figure"
    estimate = _signed(change, change.estimate)
    text = f"{estimate} {_unit(change, estimate)}".rstrip()
    if change.low is None or change.high is None:
        return text
    return f"{text} [{_signed(change, change.low)}, {_signed(change, change.high)}]"


def _verdict(change: Change) -> str:
    # The reason of the plain cases is the interval beside it; the others need their words.
    real = change.low is not None and change.high is not None and (change.low > 0 or change.high < 0)
    told = change.verdict is Verdict.INCONCLUSIVE or (change.verdict is Verdict.UNCHANGED and real)
    return f"{change.verdict.value}: {printable(change.reason)}" if told else change.verdict.value


def _signed(change: Change, value: float) -> str:
    """A change as a signed number in the unit that ``_unit`` names; a factor from tenfold on."""
    if not math.isfinite(value):
        return "-∞" if value < 0 else "+∞"
    if change.quantity == PEAK_RSS:
        return f"{_rounded(value / BYTES_PER_MB):+.1f}"
    if change.quantity.is_ratio and value >= _TENFOLD:
        return f"x {value + 1:,.0f}" if value < 1e6 else f"x {value + 1:.0e}"  # noqa: PLR2004
    return f"{_rounded(100 * value):+.1f}"


def _size(change: Change, value: float) -> str:
    text = _signed(change, value).removeprefix("+")
    return f"{text} {_unit(change, text)}".rstrip()


def _unit(change: Change, told: str) -> str:
    if change.quantity == PEAK_RSS:
        return "MB"
    if told.startswith("x"):
        return ""
    return "%" if change.quantity.is_ratio else "points"  # an error rate's percent less another's


def _rounded(value: float) -> float:
    return round(value, 1) + 0.0  # no "-0.0"


def _confidence(share: float) -> str:
    """In percent, cut and never rounded up: 99.97 % must not read 100 %."""
    percent = 100 * share
    places = 1
    while places < 6 and 100 - percent < 10**-places:  # noqa: PLR2004
        places += 1
    cut = math.floor(percent * 10**places + 1e-6) / 10**places
    return f"{cut:.{places}f}".rstrip("0").rstrip(".") + " %"
