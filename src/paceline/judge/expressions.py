"""Threshold expressions: ``p(95)<500ms``, ``error_rate<1%``."""

import math
import re

from paceline.core.errors import ConfigurationError
from paceline.judge.limits import METRICS, Limit, Metric, exact_product, percentile_metric

_MS_PER = {"ns": "1e-6", "us": "1e-3", "µs": "1e-3", "ms": "1", "s": "1e3", "m": "6e4"}
_SHARE_PER_PERCENT = "0.01"
_EXPRESSION = re.compile(
    r"\s*(?P<metric>[a-z_][a-z0-9_]*)\s*(?:\(\s*(?P<argument>[0-9.]+)\s*\))?\s*(?P<sign><=|>=|<|>)\s*"
    r"(?P<limit>[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(?P<unit>ns|us|µs|ms|s|m|%)?\s*(?:over\s+(?P<window>\S+))?\s*"
)


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
            f"threshold {text!r} cannot be read: write METRIC SIGN NUMBER, as in 'p(95)<500', 'avg<=100ms' or "
            f"'error_rate<0.01'; metrics are p(N), {', '.join(METRICS)}; signs are < <= > >="
        )
    name, argument, sign, unit = match["metric"], match["argument"], match["sign"], match["unit"]
    if match["window"] is not None:
        raise ConfigurationError(
            f"threshold {text!r}: 'over {match['window']}' needs a load with stages; leave it out here"
        )
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
    return Limit(text.strip(), metric, sign, _bound(text, metric, number, unit))


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
