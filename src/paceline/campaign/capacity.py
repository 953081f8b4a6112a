"""The search for the highest load that keeps the limits: find the window, then measure within it.

Doubling and bisection only find out where to look: near the limit every probe is half chance, and a bracket of single
probes holds the truth in one search of six. What is reported comes from probes spread over a window around the limit,
in random order, so that a service that warms up or tires is not read as one that scales.

Nothing here knows what a probe is made of: the same search drives real loads, and simulated servers in virtual time.
"""

import math

from paceline.campaign.capacity_plan import Searched, SearchPlan, World
from paceline.campaign.capacity_probing import PROBES, SHORTEST_LOCATING_S, Over, Probing
from paceline.core.units import NS_PER_MS, NS_PER_S
from paceline.judge.capacity_lines import LimitCrossing, crossings_of, edge_of, edge_probes, margin_of
from paceline.records.capacity import CapacityProbe, Ending, LimitedBy, Of, Phase, SlaLimit
from paceline.stats.capacity import Crossing, Fault, evenly
from paceline.stats.edge import Edge

_FACTOR = 2.0  # of doubling; twice the capacity leaves a queue no longer than the probe
_NARROW = 1.2  # bracket from which the window is near enough
_MOST_NARROWING = 6
_MOST_LOCATING = 0.35  # of the budget: from then on only the window is worth its time
_KEPT_UP = 0.9  # of the arrivals answered: with less a service has shown the most it can do
_MOST_ROUNDS = 8
# After so many rounds more: a window as narrow as the line asks for shows whether it is one; what is noisy has been
# looked at in wider ones, and for longer.
_ROUNDS_OF_JUMPS, _ROUNDS_OF_NOISE = 1, 4
_CLEAR_SCATTER = 1.0  # of limit / value; of the line in a window that fits, it falls by 1.25 from end to end
_STEERING = frozenset({Fault.NONE, Fault.ELSEWHERE, Fault.JUMP})  # lines that say where to look next
_SHORTEST_S = 2.0  # of a probe in the window
# Where the limit jumps: how far a window reaches to both sides at first, as a share of the load, and at most, where the
# probes at an end disagree or do not bound it; how many probes at its ends must agree; the share of the time left for
# a round.
_EDGE_REACH, _EDGE_ENDS, _EDGE_SHARE, _MOST_EDGE_ROUNDS = 0.12, 2, 1 / 3, 20
_MOST_DOWN_OF_EDGE, _MOST_UP_OF_EDGE = 0.6, 1.5
# Arrivals of a probe in the window: 100 beyond the percentile; and of a low one enough for the longest queues of a
# server at 90 % (some hundred services) to come and go several times.
_WINDOW_BEYOND, _WINDOW_LEAST = 100.0, 5_000.0
# A line that falls b times as fast as the load grows is that of a queue at the utilisation b / (1 + b). Its long waits
# come in clusters: once above a high level, an M/M/1 queue stays there for some b**2 arrivals (an overshoot of
# 1 / (mu - lambda), worked off at 1 - rho). So many clusters make a percentile, and so many arrivals a cluster.
_CLUSTERS, _MOST_STEEPNESS = 6.0, 20.0
_SCOUT_SIZE = 0.3  # of a round's probes: the first one finds the window's place and width
_SCOUT_SHARE, _FIRST_ROUND_SHARE, _LATER_SHARE = 0.2, 0.65, 0.9  # of the time left, for a round
_WORTH_IT = 0.5  # of the length wanted: below it a further round would only blur what the ones before it say
_AGAIN = 1.01  # a full round once more, in another place
_FEW_HELD = 0.45  # of a window's probes: its middle is above the limit
_WIDER = 1.5  # after a round that shows no line: noise is less beside a longer lever
_MOST_STEEPNESS_OF_TWO = 6.0
_MOST_OFF = 1.75  # times as far above the limit as asked for: some probes would be beyond what a line describes
# How far the window reaches, in heights of the line (limit / value - 1) and as shares of the load at most. Below the
# limit a line is a line for longer than above, where the queue soon grows without end.
_REACH_DOWN, _REACH_UP = 1.0, 0.25
_MOST_DOWN, _MOST_UP = 0.32, 0.08
_LEAST_DOWN, _LEAST_UP = 0.04, 0.01
_FIRM_BEYOND = 5.0  # samples beyond the percentile: a probe that is believed at once
_SECOND_LOOK = 5.0  # times as long as the first
_SECOND_SHARE = 1 / 30  # of the budget, at most, for that: a hiccup of the machine breaks many a probe
_HOPELESS = 3.0  # times its limit: no second look is needed
_UNSOUND_SHARE = 1 / 2  # of a round


def search(plan: SearchPlan, world: World) -> Searched:
    """Find the highest load that keeps the limits.

    Raises:
        MeasurementError: not even the first probe could be made.
        ConfigurationError: a probe is wrongly described.
    """
    return _Search(plan, world).run()


class _Search(Probing):
    def run(self) -> Searched:
        try:
            self._locate()
            self._narrow()
            self._measure_window()
        except Over as over:
            return Searched(self._record(over.ended, over.why))
        except KeyboardInterrupt as stop:
            return Searched(self._record(Ending.INTERRUPTED), stop)
        raise AssertionError("a search ends by saying why")

    # Locating.

    def _locate(self) -> None:
        """Double the load until a limit breaks."""
        plan, load = self._plan, self._plan.low
        while True:
            probe = self._looked_at(load)
            if not probe.held:
                if self._held is None:
                    raise Over(Ending.LOWEST, probe.why)
                self._broken = probe
                return
            self._held = probe
            if load >= plan.high:
                raise Over(Ending.BOUND)
            load = min(self._whole(load * _FACTOR), plan.high)

    def _narrow(self) -> None:
        """Close in on the limit until the window around it can be told."""
        for _ in range(_MOST_NARROWING):
            held, broken = self._both()
            if broken.load <= held.load * _NARROW or (self._plan.of is Of.USERS and broken.load - held.load <= 1):
                return
            if self._left_s() < (1 - _MOST_LOCATING) * self._plan.budget_s:
                return
            probe = self._looked_at(self._whole(self._between(held, broken)))
            if probe.held:
                self._held = probe
            else:
                self._broken = probe

    def _both(self) -> tuple[CapacityProbe, CapacityProbe]:
        assert self._held is not None
        assert self._broken is not None
        return self._held, self._broken

    def _looked_at(self, load: float) -> CapacityProbe:
        """A probe; where it broke, but not by far, the second and longer look that is believed."""
        length_s = self._locating_s(load)
        probe = self._sound(load, length_s)
        is_firm = probe.attempts * self._beyond >= _FIRM_BEYOND or not probe.readings
        if probe.held or (is_firm and margin_of(self._plan.limits, probe) < 1 / _HOPELESS):
            return probe
        return self._sound(load, max(min(_SECOND_LOOK * length_s, _SECOND_SHARE * self._plan.budget_s), length_s))

    def _between(self, held: CapacityProbe, broken: CapacityProbe) -> float:
        """Where the limit is passed between the two; well inside, as neither is to be trusted that far."""
        above, below = margin_of(self._plan.limits, held) - 1, margin_of(self._plan.limits, broken) - 1
        ratio = broken.load / held.load
        place = held.load * math.sqrt(ratio)
        is_edge = above > _HOPELESS and below < 1 / _HOPELESS - 1  # it breaks at once: no line leads there
        if below > -1 and math.isfinite(above) and not is_edge:
            place = held.load + (broken.load - held.load) * max(above, 0.0) / (max(above, 0.0) - below)
        if self._plan.of is Of.RATE and 0 < broken.delivered_per_s < _KEPT_UP * broken.load:
            place = min(place, broken.delivered_per_s)
        return float(min(max(place, held.load * ratio**0.2), held.load * ratio**0.8))

    # The window.

    def _measure_window(self) -> None:
        """Rounds of probes around the limit, until the interval is narrow enough or the time is over."""
        held, broken = self._both()
        centre = self._between(held, broken)
        below, above = margin_of(self._plan.limits, broken) - 1, min(margin_of(self._plan.limits, held) - 1, _HOPELESS)
        # Of two short probes; the window had better be too wide than miss the limit.
        steepness = min(max((above - below) / (broken.load - held.load) * centre, 1.0), _MOST_STEEPNESS_OF_TWO)
        size = _SCOUT_SIZE if self._possible_s(_SCOUT_SHARE) > SHORTEST_LOCATING_S else 1.0
        found: LimitCrossing | None = None
        for number in range(_MOST_ROUNDS):
            length_s = self._window_s(size, centre, steepness)
            if length_s is None:
                if found is not None and found.interval is None:
                    self._measure_edge(found)  # of which shorter probes say something, too
                raise Over(Ending.BUDGET)
            if found is not None and self._is_jump(found) and length_s > self._possible_s(_EDGE_SHARE):
                self._measure_edge(found)  # a line that may well be none is not worth most of the time
            self._round(centre, steepness, length_s)
            found = next(iter(crossings_of(self._record(Ending.BUDGET))), None)
            if found is not None and self._is_edge(found, number):
                self._measure_edge(found)
            is_centred = False
            if found is not None and found.line is not None and found.line.fault in _STEERING:
                is_centred = self._is_centred(found.line)
                if number and is_centred and found.line.precision <= self._plan.precision:
                    raise Over(Ending.PRECISE)
                centre, steepness = found.line.load, found.line.steepness
            else:
                centre, steepness = self._shifted(centre, found), steepness / _WIDER
            # The window may have to move after the first full round; from then on more is only learnt from longer ones.
            size = 2 * size if size > 1 or (size == 1 and is_centred) else 1.0 if size < 1 else _AGAIN
        raise Over(Ending.UNSTEADY)

    @staticmethod
    def _is_jump(found: LimitCrossing) -> bool:
        return found.line is not None and found.line.fault is Fault.JUMP

    @staticmethod
    def _is_edge(found: LimitCrossing, number: int) -> bool:
        """Whether no line will be found, after round ``number``: only what held and what broke counts."""
        if found.line is None or found.line.fault is Fault.FEW:
            return True
        if found.line.fault not in {Fault.JUMP, Fault.NOISY, Fault.RISING}:
            return False
        # Where the probes lie far from any line, each of them is clear: more of them are wanted, not longer ones.
        is_clear = found.line.fault is Fault.JUMP or found.line.scatter > _CLEAR_SCATTER
        return number >= (_ROUNDS_OF_JUMPS if is_clear else _ROUNDS_OF_NOISE)

    def _measure_edge(self, found: LimitCrossing) -> None:
        """Rounds around the load from which on the limit breaks, until their outcomes tell it narrowly enough.

        Raises:
            Over: always: that is its end.
        """
        down = up = _EDGE_REACH
        place = self._plan.limits.index(found.limit)
        centre = found.load or self._both()[1].load
        for number in range(_MOST_EDGE_ROUNDS):
            self._edge_round(centre * (1 - down), centre * (1 + up), self._edge_s(found.limit, centre))
            record = self._record(Ending.BUDGET)
            first = next(iter(crossings_of(record)), None)
            if first is not None and first.edge is not None and self._is_told(first.edge):
                raise Over(Ending.PRECISE)
            by_load = sorted(edge_probes(record), key=lambda probe: probe.load)
            lowest, highest = by_load[:_EDGE_ENDS], by_load[-_EDGE_ENDS:]
            is_low, is_high = any(not each.held for each in lowest), any(each.held for each in highest)
            if is_high and not is_low and highest[-1].load >= self._plan.high * (1 - _LEAST_UP):
                raise Over(Ending.BOUND)
            if (seen := edge_of(record, place)) is not None:
                centre = seen.load
                if number:  # of fewer probes none is bounded
                    is_low, is_high = is_low or not seen.interval.low, is_high or math.isinf(seen.interval.high)
            elif by_load:
                centre = by_load[-1].load if is_high else by_load[0].load
            down = min(down * _WIDER, _MOST_DOWN_OF_EDGE) if is_low else down
            up = min(up * _WIDER, _MOST_UP_OF_EDGE) if is_high else up
        raise Over(Ending.UNSTEADY)

    def _is_told(self, edge: Edge) -> bool:
        """Whether it is as narrow as was asked for; of users nothing lies between neighbours."""
        is_next = self._plan.of is Of.USERS and edge.interval.high - edge.interval.low <= 1
        return is_next or edge.precision <= self._plan.precision

    def _edge_round(self, low: float, high: float, length_s: float) -> None:
        centre = (low + high) / 2
        low, high = max(low, self._plan.low / 2), min(high, self._plan.high)
        if self._plan.of is Of.USERS:
            low, high = min(low, max(centre - _EDGE_ENDS, 1.0)), min(max(high, centre + _EDGE_ENDS), self._plan.high)
        self._window = (low, high)
        # Between those of the rounds before: outcomes of six neighbours are what bounds it.
        shift = self._random.random()
        step = (high - low) / PROBES
        self._probed([self._whole(low + (number + shift) * step) for number in range(PROBES)], length_s)

    def _edge_s(self, limit: SlaLimit, centre: float) -> float:
        """How long each probe is: so long that what is too much by the precision asked for breaks the limit."""
        wanted = max(_WINDOW_BEYOND / self._beyond, _WINDOW_LEAST) / self._rate_at(centre)
        if limit.unit == "ms":
            # Of what comes too much, a share of the time is waited by those that come last, half of it by most.
            wanted = max(wanted, 2 * limit.bound * NS_PER_MS / NS_PER_S / self._plan.precision)
        return max(min(wanted, self._possible_s(_EDGE_SHARE)), _SHORTEST_S)

    def _is_centred(self, line: Crossing) -> bool:
        """Whether the window is the one that this line asks for: beyond it there may be no line."""
        assert self._window is not None
        (low, high), (_, wanted) = self._window, self._reach(line.load, line.steepness)
        return low < line.load < high <= line.load + _MOST_OFF * (wanted - line.load)

    def _shifted(self, centre: float, found: LimitCrossing | None) -> float:
        """A better middle for a window that shows no crossing."""
        assert self._window is not None
        low, high = self._window
        probes = edge_probes(self._record(Ending.BUDGET))
        if all(probe.held for probe in probes):
            if high >= self._plan.high:
                raise Over(Ending.BOUND)
            return min(high * (1 + _LEAST_DOWN), self._plan.high)
        if sum(probe.held for probe in probes) < _FEW_HELD * len(probes):
            return max(low, self._plan.low)
        line = None if found is None else found.line
        if line is not None and line.fault is Fault.NOISY and low <= line.load <= high:
            return line.load
        return centre

    def _round(self, centre: float, steepness: float, length_s: float) -> None:
        low, high = self._window = self._reach(centre, steepness)
        self._probed([self._whole(load) for load in evenly(low, high, PROBES)], length_s)

    def _probed(self, loads: list[float], length_s: float) -> None:
        """Probes of a window, in random order."""
        self._random.shuffle(loads)
        unsound = 0
        for load in loads:
            probe = self._probe(load, Phase.WINDOW, length_s)
            unsound += not probe.is_sound
            if unsound > _UNSOUND_SHARE * PROBES:
                network = probe.limited_by is LimitedBy.NETWORK
                raise Over(Ending.NETWORK if network else Ending.GENERATOR, probe.why)

    def _reach(self, centre: float, steepness: float) -> tuple[float, float]:
        down = min(max(_REACH_DOWN / steepness, _LEAST_DOWN), _MOST_DOWN)
        up = min(max(_REACH_UP / steepness, _LEAST_UP), _MOST_UP)
        low, high = centre * (1 - down), min(centre * (1 + up), self._plan.high)
        if self._plan.of is Of.USERS:  # of whole numbers there must be enough to differ
            low, high = min(low, max(centre - 2, 1.0)), min(max(high, centre + 2), self._plan.high)
        return max(low, min(self._plan.low, centre / 2)), max(high, low * (1 + _LEAST_UP))

    def _window_s(self, size: float, centre: float, steepness: float) -> float | None:
        """How long each probe of a round is; None where there is no time for one that says anything."""
        clusters = _CLUSTERS * min(steepness, _MOST_STEEPNESS) ** 2
        wanted = max(max(_WINDOW_BEYOND, clusters) / self._beyond, _WINDOW_LEAST) * size / self._rate_at(centre)
        share = _SCOUT_SHARE if size < 1 else _FIRST_ROUND_SHARE if size == 1 else _LATER_SHARE
        if size >= 1 and self._possible_s(share) < wanted:
            share = _LATER_SHARE  # there will be no other
        length_s = min(max(wanted, _SHORTEST_S), self._possible_s(share))
        if length_s < SHORTEST_LOCATING_S or (size > 1 and length_s < _WORTH_IT * wanted):
            return None
        return length_s
