"""A log-linear histogram of integer nanoseconds: at most 0.1 % relative error, exact merge, numpy in bulk.

The bucket of a value is read off its IEEE 754 form: exponent and the ten leading bits of the mantissa of
``float64(value)``. That is 1,024 buckets an octave, each 2**-10 = 0.098 % wide, so that a bucket's middle is
at most 0.049 % from any value in it, and integers below 2,048 have a bucket each. The layout is
HdrHistogram's with three significant digits, continued to all of int64; one cast and one shift replace its
count of leading zeros, which numpy does not have.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from paceline.core.errors import FileFormatError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]

MANTISSA_BITS = 10
_SHIFT = 52 - MANTISSA_BITS
_BIAS = (1023 << MANTISSA_BITS) - 1  # bucket 0 holds the value 0, bucket 1 the value 1


class Histogram:
    """Counts of values by bucket. Immutable; made by :meth:`of`, :meth:`merged` or from stored buckets.

    Attributes:
        indices: bucket numbers in use, ascending (int64).
        counts: values in each, at least 1 (int64).
    """

    __slots__ = ("counts", "indices")

    def __init__(self, indices: Iterable[int] = (), counts: Iterable[int] = ()) -> None:
        """Take stored buckets.

        Raises:
            FileFormatError: not ascending, negative, unequal lengths, a count below 1.
        """
        import numpy as np

        try:
            self.indices: IntArray = np.array(list(indices), dtype=np.int64)
            self.counts: IntArray = np.array(list(counts), dtype=np.int64)
        except (OverflowError, ValueError, TypeError) as error:
            raise FileFormatError(f"histogram buckets are not 64-bit integers: {error}") from error
        if len(self.indices) != len(self.counts):
            raise FileFormatError(f"histogram has {len(self.indices)} indices but {len(self.counts)} counts")
        if len(self.indices) and (self.indices[0] < 0 or self.indices[-1] > _index_limit()):
            raise FileFormatError(f"histogram index out of range 0 to {_index_limit()}")
        if (np.diff(self.indices) <= 0).any() or (self.counts < 1).any():
            raise FileFormatError("histogram indices must ascend and counts be at least 1")

    @classmethod
    def _from_dense(cls, lowest_index: int, dense: "IntArray") -> "Histogram":
        import numpy as np

        made = cls.__new__(cls)
        used = np.flatnonzero(dense)
        made.counts = dense[used]
        made.indices = used + lowest_index
        return made

    @classmethod
    def of(cls, values_ns: "IntArray") -> "Histogram":
        """The histogram of an int64 array of values >= 0."""
        import numpy as np

        if not values_ns.size:
            return cls()
        index = (values_ns.astype(np.float64).view(np.int64) >> _SHIFT) - _BIAS
        np.maximum(index, 0, out=index)  # the bits of 0.0 are 0
        lowest = int(index.min())
        return cls._from_dense(lowest, np.bincount(index - lowest))

    @classmethod
    def merged(cls, histograms: "Iterable[Histogram]") -> "Histogram":
        """All values of all ``histograms``, exactly as if one had seen them."""
        import numpy as np

        parts = [part for part in histograms if len(part.indices)]
        if len(parts) <= 1:
            return parts[0] if parts else cls()
        lowest = min(int(part.indices[0]) for part in parts)
        highest = max(int(part.indices[-1]) for part in parts)
        dense = np.zeros(highest - lowest + 1, dtype=np.int64)
        for part in parts:
            dense[part.indices - lowest] += part.counts
        return cls._from_dense(lowest, dense)

    @property
    def count(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    def quantile(self, q: float) -> float:
        """Quantile in ns, interpolated as type 7 between bucket middles; ``q`` in [0, 1], at least one value."""
        import numpy as np

        cumulative = np.cumsum(self.counts)
        position = (int(cumulative[-1]) - 1) * q
        below = int(position)
        low, high = (
            _middle_ns(int(self.indices[np.searchsorted(cumulative, rank, side="right")]))
            for rank in (below, min(below + 1, int(cumulative[-1]) - 1))
        )
        return low + (high - low) * (position - below)

    def buckets(self) -> Iterator[tuple[float, float, int]]:
        """``(lower_ns, upper_ns, count)`` of each bucket in use, ascending; the upper bound is exclusive."""
        for index, count in zip(self.indices.tolist(), self.counts.tolist(), strict=True):
            yield _lower_ns(index), _lower_ns(index + 1), count

    def __plain__(self) -> dict[str, list[int]]:
        """What files contain."""
        return {"indices": self.indices.tolist(), "counts": self.counts.tolist()}

    def __eq__(self, other: object) -> bool:
        """Equal when every bucket is."""
        if not isinstance(other, Histogram):
            return NotImplemented
        return self.__plain__() == other.__plain__()

    __hash__ = None  # type: ignore[assignment]  # a value with arrays inside

    def __repr__(self) -> str:
        """Say how much is in it."""
        return f"Histogram({self.count} values in {len(self.indices)} buckets)"


def _index_limit() -> int:
    return (1086 << MANTISSA_BITS) - _BIAS  # 2**63: the float nearest to the largest int64


def _lower_ns(index: int) -> float:
    """Smallest value that falls into bucket ``index``, as a real number."""
    if index == 0:
        return 0.0
    exponent, mantissa = divmod(index + _BIAS - (1023 << MANTISSA_BITS), 1 << MANTISSA_BITS)
    return (1 + mantissa / (1 << MANTISSA_BITS)) * 2.0**exponent


def _middle_ns(index: int) -> float:
    """Middle of the integers in bucket ``index``."""
    first, beyond = (-int(-_lower_ns(bound) // 1) for bound in (index, index + 1))  # rounded up
    return (first + beyond - 1) / 2 if beyond > first else float(first)
