"""What a load writes down beside the stamps of its attempts, and how that is folded."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from paceline.core.units import NS_PER_S
from paceline.records.distribution import Distribution
from paceline.records.latency import Latency
from paceline.records.load import Arrivals, Part
from paceline.records.outcome import AttemptEnd
from paceline.records.recorder import Counts, Recorder, ends_of, floats, packed
from paceline.records.stamps import Stamps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]

LATE_NS = 1_000_000
NO_PART = -1  # of an arrival that was never sent: which request it would have been is not known
NEVER_SENT = "(never sent)"


class Exchanges(Stamps):
    """Stamps of a load, one entry an attempt in every list that is in use.

    Attributes:
        written_s: when each attempt of an open loop began; ``starts_s`` is when it was to begin.
        noticed_s: when the engine saw that it was due.
        parts: which of several named requests each was; :data:`NO_PART` where it was none.
        firsts_at: positions of the attempts whose first byte came before their last.
        firsts_s: when it came.
    """

    __slots__ = ("firsts_at", "firsts_s", "noticed_s", "parts", "written_s")

    def __init__(self, usual: AttemptEnd = AttemptEnd.OK) -> None:
        super().__init__()
        self.usual = usual
        self.written_s: list[float] = []
        self.noticed_s: list[float] = []
        self.parts: list[int] = []
        self.firsts_at: list[int] = []
        self.firsts_s: list[float] = []


class _PartRecorder:
    """Folds the attempts of one part."""

    def __init__(self) -> None:
        self._latency, self._service = Distribution(), Distribution()
        self._counts = [0] * len(AttemptEnd)

    def add(self, ends: "NDArray[np.int8]", durations_ns: "IntArray", services_ns: "IntArray | None") -> None:
        """Take what is this part's."""
        import numpy as np

        for end, count in enumerate(np.bincount(ends, minlength=len(AttemptEnd)).tolist()):
            self._counts[end] += count
        answered = ends != int(AttemptEnd.ERROR)
        self._latency.add(durations_ns[answered])
        if services_ns is not None:
            self._service.add(services_ns[answered])

    def part(self, name: str, *, open_loop: bool) -> Part:
        """All of it."""
        counts = self._counts
        return Part(
            name,
            Counts(
                ok=counts[AttemptEnd.OK] + counts[AttemptEnd.HIT] + counts[AttemptEnd.MISS],
                errors=counts[AttemptEnd.ERROR],
                timeouts=counts[AttemptEnd.TIMEOUT],
                hits=counts[AttemptEnd.HIT],
                misses=counts[AttemptEnd.MISS],
            ),
            self._latency.latency,
            self._service.latency if open_loop else None,
        )


class ExchangeRecorder:
    """Folds :class:`Exchanges`: attempts into a :class:`Recorder`, the rest beside it. Memory is bounded.

    Args:
        recorder: takes the attempts.
        part_names: of the requests that attempts may be; may grow while attempts are folded.
        open_loop: whether there are arrivals.
    """

    def __init__(self, recorder: Recorder, part_names: Sequence[str], *, open_loop: bool) -> None:
        self._names = part_names
        self._parts: list[_PartRecorder] = []
        self._never_sent: _PartRecorder | None = None
        self._open_loop = open_loop
        self._lag, self._generator_lag = Distribution(), Distribution()
        self._wait, self._service = Distribution(), Distribution()
        self._first_byte = Distribution()
        self._late = 0
        self.recorder = recorder

    def fold(self, exchanges: Exchanges) -> None:
        """Take all of ``exchanges``, which must be in the order they ended."""
        for _ in self.folding(exchanges):
            pass

    def folding(self, exchanges: Exchanges) -> Iterator[None]:
        """The same in steps of some 0.1 ms, between which a generator can do what is due."""
        import numpy as np

        if not len(exchanges):
            return
        # Into arrays of bytes first: whatever looks at them afterwards takes them as they are.
        exchanges.ends_s, exchanges.starts_s = packed(exchanges.ends_s), packed(exchanges.starts_s)
        yield
        yield from self.recorder.folding(exchanges)
        yield
        ends_s, starts_s = floats(exchanges.ends_s), floats(exchanges.starts_s)
        ends = ends_of(exchanges, len(ends_s))
        answered = ends != int(AttemptEnd.ERROR) if exchanges.marked else slice(None)
        began_s = starts_s
        if self._open_loop:
            began_s, noticed_s = floats(exchanges.written_s), floats(exchanges.noticed_s)
            yield
            yield from self._fold_arrivals(starts_s, began_s, noticed_s)
            self._service.add(_nanoseconds(ends_s - began_s)[answered])
            yield
        if exchanges.firsts_at:
            ends_s = ends_s.copy()
            ends_s[exchanges.firsts_at] = exchanges.firsts_s
        self._first_byte.add(_nanoseconds(ends_s - began_s)[answered])
        yield
        if exchanges.parts:
            durations_ns = _nanoseconds(floats(exchanges.ends_s) - starts_s)
            services_ns = _nanoseconds(floats(exchanges.ends_s) - began_s) if self._open_loop else None
            yield from self._fold_parts(ends, durations_ns, services_ns, np.array(exchanges.parts))

    def _fold_arrivals(self, due_s: "FloatArray", written_s: "FloatArray", noticed_s: "FloatArray") -> Iterator[None]:
        import numpy as np

        skipped = np.isnan(noticed_s)  # later requests on a virtual user's way through a scenario did not arrive
        if skipped.any():
            due_s, written_s, noticed_s = due_s[~skipped], written_s[~skipped], noticed_s[~skipped]
        lag_ns = _nanoseconds(written_s - due_s)
        self._late += int((lag_ns > LATE_NS).sum())
        self._lag.add(lag_ns)
        yield
        self._generator_lag.add(_nanoseconds(noticed_s - due_s))
        yield
        self._wait.add(_nanoseconds(written_s - noticed_s))
        yield

    def _fold_parts(
        self,
        ends: "NDArray[np.int8]",
        durations_ns: "IntArray",
        services_ns: "IntArray | None",
        parts: "IntArray",
    ) -> Iterator[None]:
        while len(self._parts) < len(self._names):
            self._parts.append(_PartRecorder())
        recorders = dict(enumerate(self._parts))
        if (parts == NO_PART).any():
            recorders[NO_PART] = self._never_sent = self._never_sent or _PartRecorder()
        for number, recorder in recorders.items():
            mine = parts == number
            recorder.add(ends[mine], durations_ns[mine], None if services_ns is None else services_ns[mine])
            yield

    def arrivals(self, planned: int) -> Arrivals | None:
        """How the schedule was kept; None for a closed loop."""
        if not self._open_loop:
            return None
        return Arrivals(
            planned=planned,
            late=self._late,
            lag=self._lag.latency,
            generator_lag=self._generator_lag.latency,
            connection_wait=self._wait.latency,
            service=self._service.latency,
        )

    @property
    def first_byte(self) -> Latency:
        """From the beginning of an attempt to the first byte of its answer."""
        return self._first_byte.latency

    @property
    def parts(self) -> tuple[Part, ...]:
        """Attempts by name, where there may be several names; arrivals that were never sent are apart."""
        if not self._parts:
            return ()
        named = list(zip(self._names, self._parts, strict=False))
        if self._never_sent is not None:
            named.append((NEVER_SENT, self._never_sent))
        return tuple(recorder.part(name, open_loop=self._open_loop) for name, recorder in named)


def _nanoseconds(differences_s: "FloatArray") -> "IntArray":
    import numpy as np

    return np.maximum(np.rint(differences_s * NS_PER_S), 0).astype(np.int64)
