"""Unit conversion, and nothing else: integer nanoseconds inside, units for people at the edge."""

import math
import re

from paceline.core.errors import ConfigurationError

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
BYTES_PER_MB = 1_000_000

_SECONDS_PER = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = re.compile(r"(?P<count>[0-9]*\.?[0-9]+)(?:/(?P<unit>[0-9.]*(?:ms|s|m|h)))?")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def parse_duration_s(text: str) -> float:
    """Seconds of ``500ms``, ``30s``, ``1.5s`` or ``1h30m``.

    Raises:
        ConfigurationError: the text is no duration, or has no unit.
    """
    compact = text.strip().replace(" ", "")
    position, total_s = 0, 0.0
    for part in _DURATION_PART.finditer(compact):
        if part.start() != position:
            break
        total_s += float(part[1]) * _SECONDS_PER[part[2]]
        position = part.end()
    if not compact or position != len(compact) or not math.isfinite(total_s):
        raise ConfigurationError(f"{text!r} is not a duration: write it as 500ms, 30s or 1h30m")
    return total_s


def parse_rate_per_s(text: str) -> float:
    """Events a second of ``500``, ``500/s`` or ``3000/1m``.

    Raises:
        ConfigurationError: the text is no rate.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ConfigurationError(f"{text!r} is no rate such as 500, 500/s or 3000/1m")
    unit = match["unit"] or "1s"
    per_s = parse_duration_s(f"1{unit}" if unit[0].isalpha() else unit)
    if per_s <= 0:
        raise ConfigurationError(f"{text!r} must be in more than no time")
    return float(match["count"]) / per_s


def format_ms(milliseconds: float) -> str:
    """A duration with three significant digits and the unit that suits it; NaN is a dash."""
    if not math.isfinite(milliseconds):
        return "–" if math.isnan(milliseconds) else "∞"
    magnitude = abs(milliseconds)
    if magnitude == 0:
        return "0 ns"
    for unit, per_ms in (("ns", 1e6), ("us", 1e3), ("ms", 1.0)):
        value = magnitude * per_ms
        # 999.5 would print as 1000: the next unit says it with fewer digits.
        if value < 999.5:  # noqa: PLR2004
            return f"{math.copysign(value, milliseconds):.3g} {unit}"
    seconds = milliseconds / 1e3
    return f"{seconds:.3g} s" if abs(seconds) < 99.95 else f"{seconds:.0f} s"  # noqa: PLR2004


def format_count(value: float) -> str:
    """A count or rate with thousands separated, three significant digits below 1,000."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "∞"
    if value == int(value) or abs(value) >= 100:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.3g}"


def format_percent(share: float, places: int = 1) -> str:
    """A share in percent, ``1.2 %``: a space before the sign, as for every unit; NaN is a dash.

    In options it is written without, ``5%``, for a shell would take the space for the end of the value.
    """
    if not math.isfinite(share):
        return "–" if math.isnan(share) else "∞"
    return f"{share:.{places}%}".replace("%", " %")


def format_megabytes(count_bytes: float) -> str:
    """Bytes in the decimal megabytes of the specification, ``1,204.5 MB``."""
    return f"{count_bytes / BYTES_PER_MB:,.1f} MB"


def counted(count: int, noun: str) -> str:
    """``1 sample``, ``1,200 samples``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
