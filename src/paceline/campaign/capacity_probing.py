"""The probes of a search for the highest load: one after the other, within its time, on services that may die of it."""

import random
from dataclasses import replace

from paceline.campaign.capacity_plan import Asked, SearchPlan, World
from paceline.core.errors import MeasurementError
from paceline.core.units import format_count
from paceline.judge.capacity_findings import load_text
from paceline.records.capacity import CapacityProbe, CapacityRecord, Ending, LimitedBy, Of, Phase

PROBES = 7  # a round
SETTLE_SHARE = 0.2  # of a probe, before it: a queue begins empty, and takes its time to be what it is at that load
SHORTEST_LOCATING_S = 1.0
_LOCATING_BEYOND, _LOCATING_LEAST = 2.0, 40.0  # arrivals of a probe that only locates
_LOCATING_SHARE = 1 / 60  # of the budget, at most, for one probe
_CHANCES = 3  # what else the machine does comes and goes
_DEAD_SHARE = 0.5  # of attempts that fail: a service that may be gone
_RECOVERY_PAUSES_S = (1.0, 2.0, 4.0)
_COOL_DOWN_S, _COOL_DOWN_BROKEN_S = 0.2, 1.0


class Over(Exception):  # noqa: N818  # the end of the search, not an error
    """No further probe is made.

    Attributes:
        ended: why.
        why: in words, where there is more to say.
    """

    def __init__(self, ended: Ending, why: str = "") -> None:
        super().__init__(why)
        self.ended = ended
        self.why = why


class Probing:
    """Makes probes and keeps what they said; who asks for which is another matter.

    Args:
        plan: what is searched for.
        world: what probes are made with.
    """

    def __init__(self, plan: SearchPlan, world: World) -> None:
        self._plan = plan
        self._world = world
        self._random = random.Random(plan.seed)  # noqa: S311  # an order is to be repeatable, not secret
        self._begin_s = world.now_s()
        self._probes: list[CapacityProbe] = []
        self._window: tuple[float, float] | None = None
        self._held: CapacityProbe | None = None  # the highest that is believed
        self._broken: CapacityProbe | None = None  # the lowest that is believed
        percentiles = [limit.percentile for limit in plan.limits if limit.is_smooth and limit.percentile is not None]
        self._beyond = 1 - max(percentiles, default=50.0) / 100

    def _probe(self, load: float, phase: Phase, length_s: float) -> CapacityProbe:
        settle_s = SETTLE_SHARE * length_s
        if self._probes and self._left_s() < length_s + settle_s + self._overhead_s():
            raise Over(Ending.BUDGET)
        number = len(self._probes)
        asked = Asked(number, load, phase, length_s, settle_s, self._random.getrandbits(32))
        self._world.begins(asked, self._record(Ending.INTERRUPTED))
        began_s = self._world.now_s()
        try:
            seen = self._world.measure(asked)
        except MeasurementError as error:
            if not self._probes:
                raise
            seen = CapacityProbe(load, phase, 0.0, length_s, settle_s, 0.0, failed_share=1.0, why=str(error))
        seen = replace(seen, began_s=began_s - self._begin_s, took_s=self._world.now_s() - began_s)
        self._probes.append(seen)
        self._world.kept(self._record(Ending.INTERRUPTED))
        self._world.pause(_COOL_DOWN_S if seen.held else _COOL_DOWN_BROKEN_S)
        if phase is not Phase.RECOVERY and (not seen.readings or seen.failed_share > _DEAD_SHARE):
            self._await_recovery(seen)
        return seen

    def _await_recovery(self, after: CapacityProbe) -> None:
        """See whether the service answers again at a load that it kept.

        Raises:
            Over: it does not.
        """
        if self._held is None:
            return  # it never did
        load, last = self._held.load, after
        for pause_s in _RECOVERY_PAUSES_S:
            last = self._probe(load, Phase.RECOVERY, self._locating_s(load))
            if last.held:
                return
            self._world.pause(pause_s)
        told = last.why or f"{format_count(100 * last.failed_share)} % of the attempts failed"
        known, fatal = (load_text(self._record(Ending.DIED), each) for each in (load, after.load))
        raise Over(Ending.DIED, f"{known} held before {fatal} came, and not after; {told}")

    def _rate_at(self, load: float) -> float:
        """Attempts a second to be expected."""
        if self._plan.of is Of.RATE:
            return load
        known = [probe.delivered_per_s / probe.load for probe in self._probes if probe.delivered_per_s > 0]
        return load * known[-1] if known else load

    def _overhead_s(self) -> float:
        """What a probe takes besides: starting, connecting, running dry; cooling down."""
        extra = sorted(probe.took_s - probe.length_s - probe.settle_s for probe in self._probes)
        return max(extra[len(extra) // 2], 0.0) + _COOL_DOWN_S if extra else _COOL_DOWN_S

    def _left_s(self) -> float:
        return self._plan.budget_s - (self._world.now_s() - self._begin_s)

    def _whole(self, load: float) -> float:
        return float(max(round(load), 1)) if self._plan.of is Of.USERS else load

    def _record(self, ended: Ending, why: str = "") -> CapacityRecord:
        plan = self._plan
        return CapacityRecord(
            name=plan.name,
            started_at=plan.started_at,
            of=plan.of,
            limits=plan.limits,
            low=plan.low,
            high=plan.high,
            budget_s=plan.budget_s,
            precision=plan.precision,
            probes=tuple(self._probes),
            ended=ended,
            why=why,
            window=self._window,
            target=plan.target,
            arrivals=plan.arrivals,
            connections=plan.connections,
            seed=plan.seed,
            elapsed_s=self._world.now_s() - self._begin_s,
            fingerprint=plan.fingerprint,
            metadata=plan.metadata,
        )

    def _possible_s(self, share: float) -> float:
        return (share * self._left_s() / PROBES - self._overhead_s()) / (1 + SETTLE_SHARE)

    def _sound(self, load: float, length_s: float) -> CapacityProbe:
        """A probe that says something about the server: a generator in trouble gets further chances."""
        probe = self._probe(load, Phase.LOCATING, length_s)
        for _ in range(_CHANCES - 1):
            if probe.is_sound:
                break
            probe = self._probe(load, Phase.LOCATING, length_s)
        if not probe.is_sound:
            network = probe.limited_by is LimitedBy.NETWORK
            raise Over(Ending.NETWORK if network else Ending.GENERATOR, probe.why)
        return probe

    def _locating_s(self, load: float) -> float:
        wanted = max(_LOCATING_BEYOND / self._beyond, _LOCATING_LEAST) / self._rate_at(load)
        return max(min(wanted, _LOCATING_SHARE * self._plan.budget_s), SHORTEST_LOCATING_S)
