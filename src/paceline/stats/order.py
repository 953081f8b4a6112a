"""Order statistics: between which of the sorted values a quantile lies."""

import math

_Z_95 = 1.959964  # standard normal, two-sided 95 %
_LEAST_BEYOND = 10.0  # expected values beyond the quantile, for the normal approximation of the binomial to hold


def quantile_shares(count: int, q: float) -> tuple[float, float] | None:
    """The 95 % interval of the quantile ``q`` of what ``count`` independent values were drawn from.

    Its ends are the sample's own quantiles at the shares that are returned: how many of the values lie below the true
    quantile is binomial, whatever the distribution (Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2).
    None where there are too few values.
    """
    if count * min(q, 1 - q) < _LEAST_BEYOND:
        return None
    half = _Z_95 * math.sqrt(q * (1 - q) / count)
    return max(q - half, 0.0), min(q + half, 1.0)
