"""Threshold expressions: ``p(95)<500ms``, ``error_rate<1%``, ``p(95){checkout}<500``, ``avg<100 over 30s, abort``."""

import math
import re

from paceline.core.errors import ConfigurationError
from paceline.core.units import parse_duration_s
from paceline.judge.limits import METRICS, Limit, Metric, exact_product, percentile_metric
from paceline.judge.windows import of_part, over_windows

_MS_PER = {"ns": "1e-6", "us": "1e-3", "µs": "1e-3", "ms": "1", "s": "1e3", "m": "6e4"}
_SHARE_PER_PERCENT = "0.01"
_EXPRESSION = re.compile(
    r"\s*(?P<metric>[a-z_][a-z0-9_]*)\s*(?:\(\s*(?P<argument>[0-9.]+)\s*\))?\s*"
    r"(?:\{\s*(?P<part>\S|\S.*\S)\s*\}\s*)?(?P<sign><=|>=|<|>)\s*"
    r"(?P<limit>[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(?P<unit>ns|us|µs|ms|s|m|%)?\s*"
    r"(?:over\s+(?P<window>[^\s,]+)\s*)?(?:,\s*(?P<abort>abort)(?P<all>\s+all)?(?:\s+after\s+(?P<delay>[^\s,]+))?\s*)?"
)
_GRAMMAR = "write METRIC SIGN NUMBER, as in 'p(95)<500', 'avg<=100ms' or 'error_rate<0.01'"
_MORE = "'p(95){checkout}<500 over 30s, abort after 10s' is all that can follow"


def parse_expression(text: str) -> Limit:
    """The limit that an expression such as ``p(95)<500ms`` or ``error_rate<1%`` states.

    Raises:
        ConfigurationError: unknown metric, wrong grammar, unit or range; the message says what would do.
    """
    if not isinstance(text, str):
        raise ConfigurationError(f"a threshold expression is a text such as 'p(95)<500', not {text!r}")
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"threshold {text!r} cannot be read: {_GRAMMAR}; metrics are p(N), {', '.join(METRICS)}; "
            f"signs are < <= > >=; {_MORE}"
        )
    name, argument, sign, unit = match["metric"], match["argument"], match["sign"], match["unit"]
    if name == "p":
        metric = _percentile(text, argument)
    elif argument is not None:
        raise ConfigurationError(f"threshold {text!r}: only p takes a number in brackets, as in p(95)")
    elif name in METRICS:
        metric = METRICS[name]
    else:
        meant = f"; did you mean p({name[1:]})?" if re.fullmatch(r"p\d+", name) else ""
        raise ConfigurationError(
            f"threshold {text!r}: unknown metric {name!r}{meant}; known are p(N), {', '.join(METRICS)}"
        )
    number = float(match["limit"])
    if not math.isfinite(number):
        raise ConfigurationError(f"threshold {text!r}: the limit is too large a number")
    return _of_some(Limit(text.strip(), metric, sign, _bound(text, metric, number, unit)), text, match)


def _of_some(limit: Limit, text: str, match: re.Match[str]) -> Limit:
    """``limit`` with the windows, the requests and the abort that the expression speaks of."""
    part, window, metric = match["part"], match["window"], limit.metric
    if (part is not None or window is not None) and metric.of_some is None:
        what = f"{{{part}}}" if part is not None else f"'over {window}'"
        raise ConfigurationError(f"threshold {text!r}: {metric.label} is known of the whole run only: leave out {what}")
    if part is not None and window is not None:
        raise ConfigurationError(
            f"threshold {text!r}: single requests have no time series: leave out {{{part}}} or 'over {window}'"
        )
    window_s = None if window is None else _seconds(text, "over", window)
    if part is not None:
        metric = of_part(metric, part)
    elif window_s is not None:
        metric = over_windows(metric, window_s, limit.sign)
    ends = "" if match["abort"] is None else "load" if match["all"] is None else "all"
    if ends and limit.metric.of_some is None and limit.metric is not METRICS["dropped"]:
        raise ConfigurationError(
            f"threshold {text!r}: {limit.metric.label} is not looked at while a load runs: leave out 'abort'"
        )
    delay_s = 0.0 if match["delay"] is None else _seconds(text, "after", match["delay"])
    return Limit(limit.source, metric, limit.sign, limit.bound, window_s, part, ends, delay_s)


def _seconds(text: str, word: str, written: str) -> float:
    try:
        seconds = parse_duration_s(written)
    except ConfigurationError as error:
        raise ConfigurationError(f"threshold {text!r}: after '{word}', {error}") from error
    if word == "over" and seconds <= 0:
        raise ConfigurationError(f"threshold {text!r}: a window must be longer than nothing")
    return seconds


def _percentile(text: str, argument: str | None) -> Metric:
    try:
        percentile = float(argument or "")
    except ValueError as error:
        raise ConfigurationError(f"threshold {text!r}: p needs a percentile in brackets, as in p(99.9)") from error
    if not 0 <= percentile <= 100:  # noqa: PLR2004
        raise ConfigurationError(f"threshold {text!r}: a percentile lies between 0 and 100, not {percentile:g}")
    return percentile_metric(percentile)


def _bound(text: str, metric: Metric, number: float, unit: str | None) -> float:
    if metric.unit == "ms" and unit != "%":
        return exact_product(number, _MS_PER[unit or "ms"])
    if metric.unit == "share" and unit in {None, "%"}:
        share = exact_product(number, _SHARE_PER_PERCENT) if unit else number
        if share > 1:
            raise ConfigurationError(f"threshold {text!r}: {metric.label} is a share: write 0.01 or 1%")
        return share
    if unit is None or (metric.unit == "percent" and unit == "%"):
        return number
    raise ConfigurationError(f"threshold {text!r}: {metric.label} has no unit {unit!r}, it is in {metric.unit}")
