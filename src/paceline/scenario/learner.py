"""Which of a scenario's requests a probe beside it could send: nobody knows them beforehand."""

from collections.abc import Callable, Sequence
from random import Random

from paceline.records.outcome import AttemptEnd
from paceline.scenario.encoding import OTHER
from paceline.scenario.exchange import Exchange
from paceline.wire.request import SAFE_METHODS, Prepared

_LEAST_S = 0.5  # from the first request on
_MOST_S = 5.0  # what is not seen by then is not probed
_KEPT = 100  # requests of a name
_LONGEST_BYTES = 16_384
_FIRST_ERROR = 400


class _Kept:
    """What is remembered of the requests of one name."""

    def __init__(self) -> None:
        self.count = 0
        self.fits = True
        self.ok = 0
        self.requests: list[Prepared] = []


class Learner:
    """Remembers an even choice of the requests of each name, until it is known which name comes most often.

    A name fits if all its requests are of methods that change nothing, and none was led on to another place: what is
    sent again is one request, and its answer the whole of what the load waited for.

    Args:
        now_s: the clock.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._begun_s: float | None = None
        self._kept: dict[int, _Kept] = {}
        self._random = Random(0)  # noqa: S311  # repeatable on purpose, guards nothing

    def note(self, exchange: Exchange) -> None:
        """A request has ended."""
        if self._begun_s is None:
            self._begun_s = self._now_s()
        request = exchange.request
        kept = self._kept.setdefault(request.part, _Kept())
        kept.count += 1
        method = request.data.partition(b" ")[0].decode("ascii")
        led_on = exchange.route is not None and exchange.route.hops > 0
        if method not in SAFE_METHODS or led_on or len(request.data) > _LONGEST_BYTES:
            kept.fits = False
        if not kept.fits or exchange.end is not AttemptEnd.OK or exchange.result().status >= _FIRST_ERROR:
            return  # 404 may be expected, but a probe would not know
        kept.ok += 1
        if len(kept.requests) < _KEPT:
            kept.requests.append(request)
        elif (place := self._random.randrange(kept.ok)) < _KEPT:
            kept.requests[place] = request

    @property
    def is_done(self) -> bool:
        """Whether it is known what to probe, or that there is nothing."""
        if self._begun_s is None:
            return False
        return self._elapsed_s >= (_LEAST_S if self._fitting else _MOST_S)

    def chosen(self, part_names: Sequence[str]) -> tuple[str, float, tuple[Prepared, ...]] | None:
        """The name that fits and comes most often, how often a second, and requests of it; None if none fits."""
        fitting = {number: kept for number, kept in self._fitting.items() if part_names[number] != OTHER}
        if not fitting:
            return None
        # Of equals, the one that was named first.
        number, kept = max(fitting.items(), key=lambda item: (item[1].count, -item[0]))
        return part_names[number], kept.count / self._elapsed_s, tuple(kept.requests)

    @property
    def _elapsed_s(self) -> float:
        return 0.0 if self._begun_s is None else self._now_s() - self._begun_s

    @property
    def _fitting(self) -> dict[int, _Kept]:
        return {number: kept for number, kept in self._kept.items() if kept.fits and kept.requests}
