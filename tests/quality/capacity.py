"""Quality gates of the search for the highest load: how near to theory it comes, and how often its interval holds it.

python -m tests.quality capacity

The search is the one that drives real loads; its services are queues in virtual time, whose capacity theory knows.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from paceline.campaign.capacity import search
from paceline.campaign.capacity_plan import Asked, World
from paceline.judge.capacity import Answer, judge_capacity
from paceline.records.capacity import CapacityProbe, CapacityRecord, SlaLimit
from tests.quality.gates import Gate, at_least, shown, within
from tests.queues import Service, capacity_per_s, m_d_1, m_m_c, response_quantile_ms
from tests.virtual_capacity import VirtualTime, latency_limit, plan, queue, world_of

if TYPE_CHECKING:
    import numpy as np

    from tests.virtual_capacity import Floats

WITHIN, SHARE = 0.05, 0.95
ANSWERED = 0.8  # of searches on a machine that is not steady: the others end with a bracket, which is true as well
COVERED = (0.92, 0.99)  # of 95 %, over all worlds together


@dataclass(frozen=True)
class Effort:
    """How long it may take: ``trials`` of each world; a quarter of those that are only shown."""

    trials: int


FULL = Effort(400)


@dataclass(frozen=True)
class Case:
    """A queue, a percentile, and where its limit lies.

    Attributes:
        name: of the queue.
        service: the queue, of 1,000/s at the most.
        percentile: that is limited.
        utilisation: at which the percentile of Poisson arrivals is the limit.
        budget_s: of a search, in virtual time.
        gated: whether the share within 5 % must hold.
    """

    name: str
    service: Service
    percentile: float
    utilisation: float
    budget_s: float
    gated: bool = True

    @property
    def limit_ms(self) -> float:
        """The limit: the percentile of the response at that utilisation."""
        per_second = self.utilisation * self.service.most_per_s
        if not self.service.constant:
            return response_quantile_ms(self.service, per_second, self.percentile / 100)
        low, high = self.service.mean_ms, 100 * self.service.mean_ms
        for _ in range(60):
            middle = (low + high) / 2
            is_beyond = beyond_m_d_1(per_second, self.service.mean_ms, middle) > 1 - self.percentile / 100
            low, high = (middle, high) if is_beyond else (low, middle)
        return high

    @property
    def truth(self) -> float:
        """The highest rate that keeps it."""
        return self.utilisation * self.service.most_per_s

    @property
    def text(self) -> str:
        """What the table calls it."""
        return f"{self.name}, p{self.percentile:g}, {self.utilisation:.0%} busy, {self.budget_s / 60:g} min"


def beyond_m_d_1(per_second: float, service_ms: float, limit_ms: float) -> float:
    """Share of the responses of an M/D/1 queue beyond a limit: Erlang's sum (1909) for the wait.

    Its terms, as large as exp(rate x wait), cancel: digits to spare are needed.
    """
    from decimal import Decimal, localcontext

    rate, service, wait = Decimal(per_second) / 1000, Decimal(service_ms), Decimal(limit_ms) - Decimal(service_ms)
    with localcontext() as context:
        context.prec = 60 + int(rate * wait)
        total = Decimal(0)
        for number in range(int(wait / service) + 1):
            left = rate * (wait - number * service)
            total += (-left) ** number / math.factorial(number) * left.exp() if number else left.exp()
        return float(1 - (1 - rate * service) * total)


M_M_1, M_D_1, M_M_4 = m_m_c(1, 1.0), m_d_1(1.0), m_m_c(4, 4.0)
CASES = (
    Case("M/M/1", M_M_1, 95, 0.6, 300),
    Case("M/M/1", M_M_1, 95, 0.8, 300),
    Case("M/M/1", M_M_1, 95, 0.9, 300),
    Case("M/M/1", M_M_1, 99, 0.6, 600),
    Case("M/M/1", M_M_1, 99, 0.8, 600),
    Case("M/M/1", M_M_1, 99, 0.9, 900),
    Case("M/D/1", M_D_1, 95, 0.8, 300),
    Case("M/D/1", M_D_1, 99, 0.8, 300),
    Case("M/D/1", M_D_1, 99, 0.9, 300),
    Case("M/M/4", M_M_4, 95, 0.8, 300),
    Case("M/M/4", M_M_4, 99, 0.8, 900),
    # What too little time does to it: fewer answers with an interval, and wider ones.
    Case("M/M/1", M_M_1, 99, 0.6, 120, gated=False),
    Case("M/M/1", M_M_1, 99, 0.9, 120, gated=False),
)


@dataclass(frozen=True)
class Told:
    """What came of the searches of a case.

    Attributes:
        trials: how many there were.
        errors: of the answers with an interval, against theory.
        covered: how many of these intervals hold it.
        widths: half an interval, as a share of its estimate.
        elapsed_s: of the searches.
    """

    trials: int
    errors: tuple[float, ...]
    covered: int
    widths: tuple[float, ...]
    elapsed_s: tuple[float, ...]

    @property
    def near(self) -> int:
        """Answers within 5 % of theory."""
        return sum(abs(error) <= WITHIN for error in self.errors)


def told(case: Case, rng: "np.random.Generator", trials: int) -> Told:
    """What the search says of ``case``."""
    limits = (latency_limit(case.percentile, case.limit_ms),)
    return _told(
        lambda seed: (
            search(plan(limits, seed=seed, budget_s=case.budget_s), world_of(queue(case.service, rng), limits)).record
        ),
        case.truth,
        trials,
    )


def _told(record_of: Callable[[int], CapacityRecord], truth: float, trials: int) -> Told:
    errors, widths, elapsed_s, covered = [], [], [], 0
    for seed in range(trials):
        record = record_of(seed)
        result = judge_capacity(record)
        elapsed_s.append(record.elapsed_s)
        if result.answer is Answer.INTERVAL:
            assert result.capacity is not None
            assert result.low is not None
            assert result.high is not None
            errors.append(result.capacity / truth - 1)
            widths.append((result.high - result.low) / 2 / result.capacity)
            covered += result.low <= truth <= result.high
    return Told(trials, tuple(errors), covered, tuple(widths), tuple(elapsed_s))


@dataclass(frozen=True)
class Wandering:
    """One server whose speed is another one in each probe, and a limit that it keeps until it is saturated.

    Attributes:
        scatter: standard deviation of the logarithm of its speed.
        gated: whether most searches must end with an interval.
    """

    scatter: float
    gated: bool = True
    most_per_s: float = 6_000.0
    limit_ms: float = 15.0
    budget_s: float = 300.0
    lost_s: float = 1.5  # of each probe, for starting a process and running dry

    @property
    def text(self) -> str:
        """What the table calls it."""
        return f"M/D/1 of a speed that wanders by {self.scatter:.0%}, p95, {self.budget_s / 60:g} min"

    @property
    def truth(self) -> float:
        """The rate that keeps the limit in half of all probes."""
        low, high = 0.9, 0.9999
        for _ in range(30):
            middle = (low + high) / 2
            is_beyond = beyond_m_d_1(middle * self.most_per_s, 1e3 / self.most_per_s, self.limit_ms) > 0.05
            low, high = (low, middle) if is_beyond else (middle, high)
        return high * self.most_per_s

    def world(self, rng: "np.random.Generator", limits: Sequence[SlaLimit]) -> World:
        """It, as the world of a search."""

        def responses(per_second: float, count: int) -> "Floats":
            fast = self.most_per_s * math.exp(self.scatter * rng.standard_normal())
            return queue(m_d_1(1e3 / fast), rng)(per_second, count)

        def later(_: Asked, probe: CapacityProbe, time: VirtualTime) -> CapacityProbe:
            time.pass_by(self.lost_s)
            return probe

        return world_of(responses, limits, changed=later)


WANDERING = (Wandering(0.0), Wandering(0.02), Wandering(0.05, gated=False), Wandering(0.15, gated=False))


def told_of_wandering(case: Wandering, rng: "np.random.Generator", trials: int) -> Told:
    """What the search says of ``case``."""
    limits = (latency_limit(95, case.limit_ms),)
    return _told(
        lambda seed: search(plan(limits, seed=seed, budget_s=case.budget_s), case.world(rng, limits)).record,
        case.truth,
        trials,
    )


def wandering(rng: "np.random.Generator", effort: Effort) -> Iterator[Gate]:
    """Services at their edge on machines that do other things as well."""
    covered = answers = 0
    for case in WANDERING:
        trials = max(effort.trials // 4, 1)
        seen = told_of_wandering(case, rng, trials)
        if case.gated:
            yield at_least("an interval at all", case.text, len(seen.errors), seen.trials, ANSWERED)
        covered, answers = covered + seen.covered, answers + len(seen.errors)
        yield _holding(case.text, seen)
    yield at_least("interval holds the truth", "all that wander", covered, answers, COVERED[0])


def _holding(text: str, seen: Told) -> Gate:
    half = (
        f"half of it {median(seen.widths):.1%}, median search {median(seen.elapsed_s):.0f} s" if seen.widths else "none"
    )
    return shown(
        "interval holds theory", text, f"{seen.covered:,} of {len(seen.errors):,} = "
        f"{seen.covered / max(len(seen.errors), 1):.1%}; {half}; bias {median(seen.errors or (math.nan,)):+.2%}",
    )  # fmt: skip


def poisson_and_constant() -> Iterator[Gate]:
    """What one limit allows, of arrivals at random and of evenly spaced ones (D/M/1: Kleinrock I, section 6.4)."""
    limit_ms = response_quantile_ms(M_M_1, 0.8 * M_M_1.most_per_s, 0.99)
    random_share = capacity_per_s(M_M_1, 0.99, limit_ms) / M_M_1.most_per_s
    # The response of D/M/1 is exponential with rate mu (1 - s), where s = exp(-(1 - s) / rho).
    idle = math.log(100) / (limit_ms / M_M_1.mean_ms)
    even_share = idle / -math.log(1 - idle)
    yield shown("p99 under one limit", "M/M/1, by theory", f"Poisson {random_share:.3f}, constant {even_share:.3f}")


def gates(rng: "np.random.Generator", effort: Effort) -> Iterator[Gate]:
    """All of them, in the order of the table."""
    covered = answers = 0
    for case in CASES:
        trials = effort.trials if case.gated else max(effort.trials // 4, 1)
        seen = told(case, rng, trials)
        if case.gated:
            # A search without an interval is a miss, too.
            yield at_least("within 5 % of theory", case.text, seen.near, seen.trials, SHARE)
            covered, answers = covered + seen.covered, answers + len(seen.errors)
        else:
            yield shown("within 5 % of theory", case.text, f"{seen.near:,} of {seen.trials:,}")
        yield _holding(case.text, seen)
    yield within("interval holds theory", "all gated worlds", covered / max(answers, 1), *COVERED, ".1%")
    yield from wandering(rng, effort)
    yield from poisson_and_constant()
