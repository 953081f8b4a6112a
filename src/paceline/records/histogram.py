"""A log-linear histogram of integer nanoseconds: at most 0.1 % relative error, exact merge, numpy in bulk.

The bucket of a value is read off its IEEE 754 form: exponent and the ten leading bits of the mantissa of
``float64(value)``. That is 1,024 buckets an octave, each 2**-10 = 0.098 % wide, so that a bucket's middle is
at most 0.049 % from any value in it, and integers below 2,048 have a bucket each. The layout is
HdrHistogram's with three significant digits, continued to all of int64; one cast and one shift replace its
count of leading zeros, which numpy does not have.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from paceline.core.errors import ConfigurationError, FileFormatError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]

MANTISSA_BITS = 10
_SHIFT = 52 - MANTISSA_BITS
_NIBBLE = 16
_FEW_BUCKETS = 1_024
_BIAS = (1023 << MANTISSA_BITS) - 1  # bucket 0 holds the value 0, bucket 1 the value 1


class Histogram:
    """Counts of values by bucket. Immutable; made by :meth:`of`, :meth:`merged` or from stored buckets.

    An hour of intervals has thousands of histograms with thousands of buckets each, most of which hold a few
    values: numbers are kept in the smallest type they fit into, which takes 3 bytes a bucket instead of 16.
    """

    __slots__ = ("_counts", "_indices")

    def __init__(self, indices: Iterable[int] = (), counts: Iterable[int] = ()) -> None:
        """Take stored buckets.

        Raises:
            FileFormatError: not ascending, negative, unequal lengths, a count below 1.
        """
        import numpy as np

        try:
            # numpy would cut 1.5 down to 1 without a word; operator.index refuses it.
            given: IntArray = np.array([operator.index(item) for item in indices], dtype=np.int64)
            counted: IntArray = np.array([operator.index(item) for item in counts], dtype=np.int64)
        except (OverflowError, ValueError, TypeError) as error:
            raise FileFormatError(f"histogram buckets are not 64-bit integers: {error}") from error
        if len(given) != len(counted):
            raise FileFormatError(f"histogram has {len(given)} indices but {len(counted)} counts")
        if len(given) and (given[0] < 0 or given[-1] > _index_limit()):
            raise FileFormatError(f"histogram index out of range 0 to {_index_limit()}")
        if (np.diff(given) <= 0).any() or (counted < 1).any():
            raise FileFormatError("histogram indices must ascend and counts be at least 1")
        self._keep(given, counted)

    def _keep(self, indices: "IntArray", counts: "IntArray") -> None:
        import numpy as np

        self._indices = indices.astype(np.uint16)  # the largest number is below 2**16: 63 octaves of 2**10
        self._counts = _fitting(counts)

    def __reduce__(self) -> "tuple[Callable[..., Histogram], tuple[bytes | str, ...]]":
        """To be pickled in 3 bytes a bucket, many in about one each: the next one is near, and few values in it."""
        import numpy as np

        if len(self._indices) < _FEW_BUCKETS:
            return _as_they_are, (self._indices.tobytes(), self._counts.tobytes(), self._counts.dtype.char)
        gaps = np.diff(self._indices, prepend=self._indices[0])
        large = (gaps >= _NIBBLE) | (self._counts >= _NIBBLE)
        packed = np.where(large, 0, gaps << 4 | self._counts).astype(np.uint8)
        beyond = _fitting(self._counts[large])
        first = self._indices[:1].tobytes()
        return _unpacked, (first, packed.tobytes(), gaps[large].tobytes(), beyond.tobytes(), beyond.dtype.char)

    @property
    def indices(self) -> "IntArray":
        """Bucket numbers in use, ascending (int64)."""
        import numpy as np

        return self._indices.astype(np.int64)

    @property
    def counts(self) -> "IntArray":
        """Values in each bucket, at least 1 (int64)."""
        import numpy as np

        return self._counts.astype(np.int64)

    @classmethod
    def _from_dense(cls, lowest_index: int, dense: "IntArray") -> "Histogram":
        import numpy as np

        made = cls.__new__(cls)
        used = np.flatnonzero(dense != 0)  # searching booleans takes a fifth of the time
        made._keep(used + lowest_index, dense[used])  # noqa: SLF001  # of this class
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

        parts = [part for part in histograms if len(part._indices)]  # noqa: SLF001  # of this class
        if len(parts) <= 1:
            return parts[0] if parts else cls()
        kept = [(part._indices, part._counts) for part in parts]  # noqa: SLF001
        lowest = min(int(indices[0]) for indices, _ in kept)
        highest = max(int(indices[-1]) for indices, _ in kept)
        dense = np.zeros(highest - lowest + 1, dtype=np.int64)
        for indices, counts in kept:
            # Half the time of "dense[...] += ...", which reads, adds and writes one after the other.
            np.add.at(dense, indices - lowest, counts.astype(np.int64))
        return cls._from_dense(lowest, dense)

    def without(self, earlier: "Histogram") -> "Histogram":
        """The values of this one that ``earlier`` has not seen, which has seen none that are not in this one.

        Raises:
            ConfigurationError: it has.
        """
        import numpy as np

        if not len(earlier._indices):  # noqa: SLF001  # of this class
            return self
        places = self._indices.searchsorted(earlier._indices)  # noqa: SLF001
        places = np.minimum(places, max(len(self._indices) - 1, 0))
        counts = self.counts
        if len(counts) and (self._indices[places] == earlier._indices).all():  # noqa: SLF001
            counts[places] -= earlier.counts
            if (counts >= 0).all():
                used = counts > 0
                return self.of_buckets(self.indices[used], counts[used])
        raise ConfigurationError("a histogram has not grown out of another that has seen values which it has not")

    @classmethod
    def buckets_by_group(
        cls, histograms: "Sequence[Histogram]", groups: "Sequence[int]", count: int, shares: "FloatArray"
    ) -> "tuple[IntArray, IntArray]":
        """What :meth:`merged` and :meth:`bucket_at` say of groups of histograms, of all of them at once.

        A call for each of the intervals of a time axis would take most of the time that a report takes.

        Args:
            histograms: to be merged by group.
            groups: number of the group of each.
            count: of groups.
            shares: quantiles in [0, 1].

        Returns:
            Values in each group, and the bucket numbers at ``shares`` of each; where a group is empty they say nothing.
        """
        import numpy as np

        parts = [(each._indices, each._counts) for each in histograms]  # noqa: SLF001  # of this class
        group = np.repeat(np.asarray(groups, dtype=np.int64), [len(indices) for indices, _ in parts])
        if not len(group):
            return np.zeros(count, dtype=np.int64), np.zeros((count, len(shares)), dtype=np.int64)
        index = np.concatenate([indices for indices, _ in parts]).astype(np.int64)
        counts = np.concatenate([held for _, held in parts]).astype(np.int64)
        order = np.argsort(group << 16 | index, kind="stable")  # an index is below 2**16
        index, cumulative = index[order], counts[order].cumsum()
        values = np.bincount(group, weights=counts, minlength=count).astype(np.int64)
        first = values.cumsum() - values
        ranks = first[:, None] + np.rint(shares * np.maximum(values - 1, 0)[:, None]).astype(np.int64)
        return values, index[np.minimum(cumulative.searchsorted(ranks, side="right"), len(index) - 1)]

    @classmethod
    def of_buckets(cls, indices: "IntArray", counts: "IntArray") -> "Histogram":
        """Of buckets that are known to be in order, as those of another histogram are; nothing is checked."""
        made = cls.__new__(cls)
        made._keep(indices, counts)  # noqa: SLF001  # of this class
        return made

    @property
    def count(self) -> int:
        """Number of values."""
        return int(self._counts.sum(dtype="int64"))

    def quantile(self, q: float) -> float:
        """Quantile in ns, interpolated as type 7 between bucket middles; ``q`` in [0, 1], at least one value."""
        import numpy as np

        cumulative = np.cumsum(self._counts, dtype=np.int64)
        position = (int(cumulative[-1]) - 1) * q
        below = int(position)
        low, high = (
            _middle_ns(int(self._indices[np.searchsorted(cumulative, rank, side="right")]))
            for rank in (below, min(below + 1, int(cumulative[-1]) - 1))
        )
        return low + (high - low) * (position - below)

    def buckets(self) -> Iterator[tuple[float, float, int]]:
        """``(lower_ns, upper_ns, count)`` of each bucket in use, ascending; the upper bound is exclusive."""
        for index, count in zip(self.indices.tolist(), self.counts.tolist(), strict=True):
            yield _lower_ns(index), _lower_ns(index + 1), count

    def middles_ns(self) -> "FloatArray":
        """Middle of each bucket in use, ascending: what :meth:`quantile` takes its values for."""
        return middles_ns(self.indices)

    def bucket_at(self, ranks: "FloatArray") -> "IntArray":
        """Bucket numbers of the values of these ranks, counted from 0 and rounded; at least one value."""
        import numpy as np

        cumulative = self._counts.cumsum(dtype=np.int64)
        places = np.minimum(cumulative.searchsorted(np.rint(ranks), side="right"), len(cumulative) - 1)
        return self._indices[places].astype(np.int64)

    def __plain__(self) -> dict[str, list[int]]:
        """What files contain."""
        return {"indices": self.indices.tolist(), "counts": self.counts.tolist()}

    def __eq__(self, other: object) -> bool:
        """Equal when every bucket is."""
        if not isinstance(other, Histogram):
            return NotImplemented
        return bool(
            len(self._indices) == len(other._indices)
            and (self._indices == other._indices).all()
            and (self._counts == other._counts).all()
        )

    __hash__ = None  # type: ignore[assignment]  # a value with arrays inside

    def __repr__(self) -> str:
        """Say how much is in it."""
        return f"Histogram({self.count} values in {len(self.indices)} buckets)"


def _fitting(counts: "IntArray") -> "IntArray":
    """``counts`` in the smallest type they fit into."""
    import numpy as np

    most = int(counts.max()) if len(counts) else 0
    fitting = next((kind for kind in (np.uint8, np.uint16, np.uint32) if most <= np.iinfo(kind).max), np.int64)
    return counts.astype(fitting)


def _as_they_are(indices: bytes, counts: bytes, kind: str) -> Histogram:
    """What :meth:`Histogram.__reduce__` has written down: unpacking takes ten times as long as reading."""
    import numpy as np

    made = Histogram.__new__(Histogram)
    made._indices, made._counts = np.frombuffer(indices, dtype=np.uint16), np.frombuffer(counts, dtype=kind)  # noqa: SLF001
    return made


def _unpacked(first: bytes, packed: bytes, gaps: bytes, beyond: bytes, kind: str) -> Histogram:
    """What :meth:`Histogram.__reduce__` has packed."""
    import numpy as np

    made = Histogram.__new__(Histogram)
    both = np.frombuffer(packed, dtype=np.uint8)
    steps, counts = both >> 4, both & (_NIBBLE - 1)
    if beyond:
        large = counts == 0  # no bucket is empty
        steps, counts = steps.astype(np.uint16), counts.astype(kind)
        steps[large] = np.frombuffer(gaps, dtype=np.uint16)
        counts[large] = np.frombuffer(beyond, dtype=kind)
    made._indices = steps.cumsum(dtype=np.uint16) + np.frombuffer(first, dtype=np.uint16)  # noqa: SLF001
    made._counts = counts  # noqa: SLF001
    return made


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


def middles_ns(indices: "IntArray") -> "FloatArray":
    """Middles of the buckets of these numbers, in bulk: as :meth:`Histogram.quantile` takes them."""
    import numpy as np

    first, beyond = (
        np.where(bounds == 0, 0.0, np.ceil(((bounds + _BIAS) << _SHIFT).view(np.float64)))
        for bounds in (indices, indices + 1)
    )
    return np.asarray(np.where(beyond > first, (first + beyond - 1) / 2, first))
