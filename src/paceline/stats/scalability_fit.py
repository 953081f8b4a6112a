"""Fitting the Universal Scalability Law: least squares on log throughput, each run one observation.

Intervals are Wald's with Student's quantiles, from the fit in which sigma and kappa may be negative, cut at 0: of a fit
that is held at 0 the other parameter's interval would be too narrow, and too low, for a truth slightly above it.
Bootstraps of so few levels cover 79 to 94 % instead of 95. What these cover: ``tests/quality/results/scalability.txt``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paceline.stats.intervals import Interval, student_quantile
from paceline.stats.scalability_law import (
    MISFIT_P_VALUE,
    TAIL,
    Estimate,
    Law,
    LevelRun,
    Misfit,
    Peak,
    denominator,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PARAMETERS = 3
BENDS_P_VALUE = 0.05
# One-sided: of kappa below it a peak is predicted, of sigma the limit. At 0.025 a fortieth of what only levels off
# would get a peak, and of small kappas those that chance made large: their peaks would be too near, and too low.
CLEAR_P_VALUE = 0.005
_LEAST_VARIANCE = 1e-18  # of a logarithm: rounding makes it, and no throughput is known to nine digits
_LARGEST_EXPONENT = 700.0
_LEAST_D = 1e-12  # of a step that went too far: its residual is huge, and the step is taken back


@dataclass(frozen=True)
class _Fit:
    """Least squares: log lambda, sigma and kappa, with the scaled inverse of their normal equations."""

    log_lambda: float
    sigma: float
    kappa: float
    squares: float


def law_of(runs: Sequence[LevelRun]) -> Law:
    """The law fitted to ``runs`` of more levels than it has parameters, each with a throughput above 0."""
    import numpy as np

    workers = np.array([run.workers for run in runs], dtype=float)
    logs = np.log(np.array([run.per_s for run in runs]))
    free = _fitted(workers, logs, (True, True))
    held = _held_at_zero(free, workers, logs)
    spread, degrees, misfit = _spread(runs, workers, logs, free, held)
    spread = max(spread, _LEAST_VARIANCE)
    covariance = spread * _inverse(workers, free)
    quantile = student_quantile(1 - TAIL, degrees)
    halves = quantile * np.sqrt(np.diag(covariance))
    scale = _of_log(held.log_lambda, free.log_lambda, float(halves[0]))
    total = float(((logs - logs.mean()) ** 2).sum())
    straight = _fitted(workers, logs, (False, False))
    bends = _f_tail(straight.squares - held.squares, PARAMETERS - 1, spread, degrees)
    is_bent = bends < BENDS_P_VALUE
    sigma = _cut(held.sigma, free.sigma, float(halves[1]), is_bent=is_bent)
    kappa = _cut(held.kappa, free.kappa, float(halves[2]), is_bent=is_bent)
    clearly = student_quantile(1 - CLEAR_P_VALUE, degrees) * np.sqrt(np.diag(covariance))
    return Law(
        per_worker_s=scale,
        contention=sigma,
        coherency=kappa,
        peak=_peak(free, held, covariance, quantile) if is_bent and held.kappa and free.kappa > clearly[2] else None,
        limit_per_s=_limit(held, covariance, quantile) if is_bent and held.sigma and free.sigma > clearly[1] else None,
        bends_p_value=bends,
        r_squared=1 - held.squares / total if total else 1.0,
        misfit=misfit,
        degrees=degrees,
    )


def _fitted(workers: "Floats", logs: "Floats", free: tuple[bool, bool]) -> _Fit:
    """Least squares on logs; sigma and kappa that are not ``free`` are 0."""
    import numpy as np

    pairs = np.stack([workers - 1, workers * (workers - 1)])[list(free)]
    scale = float((logs - np.log(workers)).max())
    per_worker = logs - np.log(workers) - scale
    if not pairs.size:
        centre = float(per_worker.mean())
        return _Fit(centre + scale, 0.0, 0.0, float(((per_worker - centre) ** 2).sum()))
    from scipy.optimize import least_squares

    # N / X is linear in 1 / lambda, sigma / lambda and kappa / lambda: with weights for relative errors that is
    # close to the solution already.
    columns = np.vstack([np.ones_like(workers), pairs]) * np.exp(per_worker)
    first, *others = np.linalg.lstsq(columns.T, np.ones_like(workers), rcond=None)[0]
    begin = [-math.log(first), *(each / first for each in others)] if first > 0 else [float(per_worker.max())]
    begin += [0.0] * (1 + len(pairs) - len(begin))

    def residuals(parameters: "Floats") -> "Floats":
        below = np.maximum(1 + parameters[1:] @ pairs, _LEAST_D)
        return np.asarray(parameters[0] - np.log(below) - per_worker)

    def jacobian(parameters: "Floats") -> "Floats":
        below = np.maximum(1 + parameters[1:] @ pairs, _LEAST_D)
        return np.vstack([np.ones_like(workers), -pairs / below]).T

    found = least_squares(residuals, begin, jac=jacobian, method="lm", x_scale="jac")
    values = iter(found.x[1:].tolist())
    sigma, kappa = (next(values) if each else 0.0 for each in free)
    return _Fit(float(found.x[0]) + scale, sigma, kappa, 2 * float(found.cost))


def _held_at_zero(free: _Fit, workers: "Floats", logs: "Floats") -> _Fit:
    """The best fit without negative parameters: that of one, or of both, held at 0 where they would be."""
    if min(free.sigma, free.kappa) >= 0:
        return free
    tried = [_fitted(workers, logs, which) for which in ((True, False), (False, True), (False, False))]
    return min((each for each in tried if min(each.sigma, each.kappa) >= 0), key=lambda each: each.squares)


def _inverse(workers: "Floats", fit: _Fit) -> "Floats":
    """Of the normal equations, parameters scaled to one size: kappa is a thousandth of sigma, or less."""
    import numpy as np

    below = np.maximum(_denominators(workers, fit), _LEAST_D)
    jacobian = np.stack([np.ones_like(workers), -(workers - 1) / below, -workers * (workers - 1) / below], axis=1)
    sizes = np.sqrt((jacobian**2).sum(axis=0))
    scaled = jacobian / sizes
    return np.asarray(np.linalg.pinv(scaled.T @ scaled) / np.outer(sizes, sizes))


def _denominators(workers: "Floats", fit: _Fit) -> "Floats":
    """The same of many levels."""
    return 1 + fit.sigma * (workers - 1) + fit.kappa * workers * (workers - 1)


def _spread(
    runs: Sequence[LevelRun], workers: "Floats", logs: "Floats", free: _Fit, held: _Fit
) -> tuple[float, int, Misfit | None]:
    """Variance of an observation, its degrees of freedom, and the test of lack of fit.

    Where levels are further from the curve than their runs from each other, it is their distances that say how well
    the curve is known: repeats of a level are then no news about it.
    """
    import numpy as np

    predicted = held.log_lambda + np.log(workers) - np.log(_denominators(workers, held))
    levels = sorted({run.workers for run in runs})
    away = {level: logs[workers == level] - predicted[workers == level] for level in levels}
    pure = float(sum(((each - each.mean()) ** 2).sum() for each in away.values()))
    repeated, between = len(runs) - len(levels), len(levels) - PARAMETERS
    pooled = free.squares / (len(runs) - PARAMETERS), len(runs) - PARAMETERS
    if not repeated or between < 1:
        return *pooled, None
    lack = max(held.squares - pure, 0.0)
    # What is held at 0 was not chosen to suit the levels.
    p_value = _f_tail(
        lack, between + (held.sigma == 0) + (held.kappa == 0), max(pure / repeated, _LEAST_VARIANCE), repeated
    )
    worst = max(levels, key=lambda level: abs(float(away[level].mean())))
    misfit = Misfit(p_value, worst, math.expm1(float(away[worst].mean())))
    if p_value < MISFIT_P_VALUE:
        return lack / between, between, misfit
    return *pooled, misfit


def _f_tail(squares: float, degrees: int, variance: float, of: int) -> float:
    """P(F >= what was seen)."""
    if not variance > 0:
        return 0.0 if squares > 0 else 1.0
    from scipy.special import fdtrc

    return float(fdtrc(degrees, of, max(squares, 0.0) / degrees / variance))


def _of_log(value: float, free: float, half: float) -> Estimate:
    """The same of what was estimated as a logarithm."""
    low, high = min(free - half, value), max(free + half, value)
    return Estimate(_exp(value), Interval(_exp(low), _exp(high), 1 - 2 * TAIL))


def _exp(value: float) -> float:
    return math.exp(value) if value < _LARGEST_EXPONENT else math.inf


def _cut(value: float, free: float, half: float, *, is_bent: bool) -> Estimate:
    """An interval that is cut at 0, and reaches to the value that is reported; to 0 of what is straight."""
    low = max(min(free - half, value), 0.0) if is_bent else 0.0
    # One that lies below 0 altogether says no more than that the value is not seen: as much as could be missed.
    high = free + half if free + half > 0 else half
    return Estimate(value, Interval(low, max(high, value), 1 - 2 * TAIL))


def _peak(fit: _Fit, held: _Fit, covariance: "Floats", quantile: float) -> Peak:
    """N* with Fieller's interval: of the ratio of 1 - sigma to kappa, which is N* squared.

    m = n^2 is in it where (1 - sigma - kappa m)^2 <= t^2 var(sigma + kappa m); kappa is told from 0, so it is bounded.
    Fieller, J. R. Statist. Soc. B 16 (1954) 175-185.
    """
    above, below = 1 - fit.sigma, fit.kappa
    t2 = quantile**2
    s_s, s_k, k_k = float(covariance[1, 1]), float(covariance[1, 2]), float(covariance[2, 2])
    a, b, c = below**2 - t2 * k_k, above * below + t2 * s_k, above**2 - t2 * s_s
    root = math.sqrt(max(b * b - a * c, 0.0))
    low, high = (math.sqrt(max(each, 1.0)) for each in ((b - root) / a, (b + root) / a))
    peak = math.sqrt(max((1 - held.sigma) / held.kappa, 1.0))
    workers = Estimate(peak, Interval(min(low, peak), max(high, peak), 1 - 2 * TAIL))
    return Peak(workers, _height(held, covariance, quantile, peak))


def _height(fit: _Fit, covariance: "Floats", quantile: float, workers: float) -> Estimate:
    """Throughput at the peak. Where it lies makes no difference to first order: the curve is flat there."""
    import numpy as np

    below = denominator(workers, fit.sigma, fit.kappa)
    slope = np.array([1.0, -(workers - 1) / below, -workers * (workers - 1) / below])
    log = fit.log_lambda + math.log(workers) - math.log(below)
    return _of_log(log, log, quantile * math.sqrt(float(slope @ covariance @ slope)))


def _limit(fit: _Fit, covariance: "Floats", quantile: float) -> Estimate:
    """What contention alone allows: lambda / sigma."""
    import numpy as np

    slope = np.array([1.0, -1 / fit.sigma, 0.0])
    log = fit.log_lambda - math.log(fit.sigma)
    return _of_log(log, log, quantile * math.sqrt(float(slope @ covariance @ slope)))
