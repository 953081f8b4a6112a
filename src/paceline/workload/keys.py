"""Which of a number of keys each attempt takes: patterns as frozen data, drawn in bulk.

Keys are numbers from 0; what one stands for (a row, a key of a cache) is the target's affair.

Zipf is drawn by rejection-inversion (Hoermann and Derflinger, ACM TOMACS 6(3), 1996, 169-184), which takes no table:
a table of a hundred million keys would be larger than most caches. YCSB's generator (Gray et al., SIGMOD 1994) only
approximates the ranks beyond the second.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, TypeAlias

from paceline.core.errors import ConfigurationError
from paceline.workload.legs import WHOLE, Leg
from paceline.workload.models import MOST_SEED, whole_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    _Draws = NDArray[np.int64]
    _Floats = NDArray[np.float64]

MOST_KEYS = 1_000_000_000_000  # products with the multiplier of scattered keys still fit into 64 bits in two steps
LEAST_CONSTANT = 0.01
MOST_CONSTANT = 20.0
_LEAST_SPREAD = 0.001
_MOST_SPREADS = 10
_DRAWN_AT_ONCE = 1_024  # takes 0.1 ms at most: an arrival that is due meanwhile does not wait longer
_SPREADS_IN_KEYS = 6.0  # keys reach three standard deviations to each side, as memtier_benchmark has it
_GOLDEN = (math.sqrt(5) - 1) / 2
_TINY = 1e-8


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every key as often as any other.

    Attributes:
        keys: how many there are.

    Raises:
        ConfigurationError: it is out of range.
    """

    keys: int

    def __post_init__(self) -> None:
        _check_keys(self.keys)


@dataclass(frozen=True, slots=True)
class Sequential:
    """One after the other, again from the first after the last; a seed changes nothing.

    Attributes:
        keys: how many there are.

    Raises:
        ConfigurationError: it is out of range.
    """

    keys: int

    def __post_init__(self) -> None:
        _check_keys(self.keys)


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Around a middle, as a working set that lies together: normally distributed, what falls outside is drawn again.

    Attributes:
        keys: how many there are.
        mean: where the middle lies, in [0, ``keys``]; None for the middle of the keys.
        spread: standard deviation, in keys; None for a sixth of the keys.

    Raises:
        ConfigurationError: a value is out of range.
    """

    keys: int
    mean: float | None = None
    spread: float | None = None

    def __post_init__(self) -> None:
        _check_keys(self.keys)
        if self.mean is not None:
            _check_number("mean", self.mean, 0.0, self.keys)
        if self.spread is not None:
            # Beyond that it is uniform, and nearly all draws would fall outside.
            _check_number("spread", self.spread, _LEAST_SPREAD, _MOST_SPREADS * self.keys)

    @property
    def centre(self) -> float:
        """``mean``, or what it is where it is not given."""
        return self.keys / 2 if self.mean is None else float(self.mean)

    @property
    def deviation(self) -> float:
        """``spread``, or what it is where it is not given."""
        return self.keys / _SPREADS_IN_KEYS if self.spread is None else float(self.spread)


@dataclass(frozen=True, slots=True)
class Zipf:
    """A few keys very often, most hardly ever: rank r with a probability proportional to ``r ** -constant``.

    Ranks are scattered over the keys by a fixed one-to-one rule (:func:`key_of_rank`): hot keys do not lie side by
    side on one page of a table, and the first half of the keys carries about half of the accesses. YCSB scatters by a
    hash, under which ranks collide; this rule keeps every probability exact. It does not depend on the seed: the hot
    keys are the same in every run.

    Attributes:
        keys: how many there are.
        constant: 0.99 as in YCSB; larger is more skewed, and near 0 all keys are alike.
        scattered: False lets key 0 be the most frequent, key 1 the second, and so on.

    Raises:
        ConfigurationError: a value is out of range.
    """

    keys: int
    constant: float = 0.99
    scattered: bool = True

    def __post_init__(self) -> None:
        _check_keys(self.keys)
        _check_number("constant", self.constant, LEAST_CONSTANT, MOST_CONSTANT)
        if not isinstance(self.scattered, bool):
            raise ConfigurationError(f"scattered must be True or False, not {self.scattered!r}")


KeyPattern: TypeAlias = Uniform | Sequential | Gaussian | Zipf
PATTERNS: dict[str, Callable[[int], KeyPattern]] = {
    "uniform": Uniform,
    "zipf": Zipf,
    "gaussian": Gaussian,
    "sequential": Sequential,
}


def endless(pattern: KeyPattern, seed: int, leg: Leg = WHOLE) -> Iterator[int]:
    """Keys of ``pattern`` from 0, without end; the same seed draws the same ones, of which ``leg`` gets its own.

    Raises:
        ConfigurationError: it is no pattern, or the seed is out of range.
    """
    if not isinstance(pattern, KeyPattern):
        raise ConfigurationError(f"a key pattern is a Uniform, Sequential, Gaussian or Zipf, not {pattern!r}")
    whole_number("seed", seed, at_least=0, at_most=MOST_SEED)
    if isinstance(pattern, Sequential):
        return islice(chain.from_iterable(repeat(range(pattern.keys))), leg.number, None, leg.of)
    return chain.from_iterable(draws.tolist() for draws in _of_leg(_in_bulk(pattern, seed), leg))


def _of_leg(blocks: Iterable["_Draws"], leg: Leg) -> Iterator["_Draws"]:
    """Every ``leg.of``-th draw. The others are drawn too, in bulk, but no line of Python is spent on them."""
    first = leg.number
    for block in blocks:
        yield block[first :: leg.of]
        first = (first - len(block)) % leg.of


def key_of_rank(rank: int, keys: int) -> int:
    """Which key a scattered :class:`Zipf` gives to ``rank``, both from 0: each to exactly one."""
    multiplier = _multiplier(keys)
    return rank * multiplier % keys


def _in_bulk(pattern: Uniform | Gaussian | Zipf, seed: int) -> Iterator["_Draws"]:
    import numpy as np

    random = np.random.default_rng(seed)
    if isinstance(pattern, Uniform):
        while True:
            yield random.integers(pattern.keys, size=_DRAWN_AT_ONCE)
    if isinstance(pattern, Gaussian):
        while True:
            drawn = np.floor(random.normal(pattern.centre, pattern.deviation, size=_DRAWN_AT_ONCE))
            yield drawn[(drawn >= 0) & (drawn < pattern.keys)].astype(np.int64)
    draw = _ranks(pattern)
    multiplier = _multiplier(pattern.keys) if pattern.scattered else 1
    while True:
        ranks = draw(random) - 1
        yield ranks if multiplier == 1 else _scattered(ranks, multiplier, pattern.keys)


def _ranks(pattern: Zipf) -> "Callable[[np.random.Generator], _Draws]":
    """Draws ranks from 1, a varying number at a time: what is rejected is left out."""
    import numpy as np

    keys, constant = pattern.keys, float(pattern.constant)

    # H is the integral of x ** -constant up to a constant; the differences below keep it accurate near constant = 1.
    def integral(x: float) -> float:
        logarithm = math.log(x)
        return _expm1_over((1 - constant) * logarithm) * logarithm

    def inverse(values: "_Floats") -> "_Floats":
        # x with H(x) = value: exp(log1p(t) / (1 - constant)), t = value * (1 - constant).
        t = np.maximum(values * (1 - constant), -1.0)
        near = np.abs(t) < _TINY
        safe = np.where(near, 1.0, t)
        exponents: _Floats = values * np.where(near, 1 - t / 2, np.log1p(safe) / safe)
        powers: _Floats = np.exp(exponents)
        return powers

    lowest = integral(1.5) - 1.0
    highest = integral(keys + 0.5)
    # A draw this close to its rank needs no comparison with the density.
    shortcut = 2.0 - float(inverse(np.array([integral(2.5) - 2.0**-constant]))[0])

    def draw(random: "np.random.Generator") -> "_Draws":
        values = highest + random.random(_DRAWN_AT_ONCE) * (lowest - highest)
        x = inverse(values)
        ranks = np.clip(np.rint(x), 1, keys)
        kept = ranks - x <= shortcut
        doubtful = np.flatnonzero(~kept)
        edges = ranks[doubtful] + 0.5
        logarithms = np.log(edges)
        exponents = (1 - constant) * logarithms
        near = np.abs(exponents) < _TINY
        safe = np.where(near, 1.0, exponents)
        integrals = np.where(near, 1 + exponents / 2, np.expm1(safe) / safe) * logarithms
        kept[doubtful] = values[doubtful] >= integrals - np.exp(-constant * np.log(ranks[doubtful]))
        accepted: _Draws = ranks[kept].astype(np.int64)
        return accepted

    return draw


def _expm1_over(exponent: float) -> float:
    return math.expm1(exponent) / exponent if abs(exponent) > _TINY else 1 + exponent / 2


def _multiplier(keys: int) -> int:
    """Coprime with ``keys``, hence one-to-one; near the golden section, hence neighbours end up far apart."""
    multiplier = max(round(keys * _GOLDEN), 1)
    while math.gcd(multiplier, keys) != 1:
        multiplier += 1
    return multiplier


def _scattered(ranks: "_Draws", multiplier: int, keys: int) -> "_Draws":
    half = 1 << 20  # rank = high * half + low: no product exceeds 1e12 * 2**20 = 1.05e18 < 2**63
    high, low = ranks // half, ranks % half
    if not high.any():
        return low * multiplier % keys
    return (high * (multiplier * half % keys) % keys + low * multiplier % keys) % keys


def _check_keys(keys: object) -> None:
    whole_number("keys", keys, at_least=1, at_most=MOST_KEYS)


def _check_number(name: str, value: object, at_least: float, at_most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not at_least <= value <= at_most:
        raise ConfigurationError(f"{name} must be a number from {at_least:g} to {at_most:,g}, not {value!r}")
