"""Quality gates of the search for the highest load: how near to theory it comes, and how often its interval holds it.

python -m tests.quality capacity

The search is the one that drives real loads; its services are queues in virtual time, whose capacity theory knows.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from paceline.campaign.capacity import search
from paceline.judge.capacity import Answer, judge_capacity
from tests.quality.gates import Gate, at_least, shown, within
from tests.queues import Service, capacity_per_s, m_d_1, m_m_c, response_quantile_ms
from tests.virtual_capacity import latency_limit, plan, queue, world_of

if TYPE_CHECKING:
    import numpy as np

WITHIN, SHARE = 0.05, 0.95
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
    truth, limits = case.truth, (latency_limit(case.percentile, case.limit_ms),)
    errors, widths, elapsed_s, covered = [], [], [], 0
    for seed in range(trials):
        record = search(
            plan(limits, seed=seed, budget_s=case.budget_s), world_of(queue(case.service, rng), limits)
        ).record
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
        took = f"{median(seen.elapsed_s):.0f} s"
        if case.gated:
            # A search without an interval is a miss, too.
            yield at_least("within 5 % of theory", case.text, seen.near, seen.trials, SHARE)
            covered, answers = covered + seen.covered, answers + len(seen.errors)
        else:
            yield shown("within 5 % of theory", case.text, f"{seen.near:,} of {seen.trials:,}")
        half = f"half of it {median(seen.widths):.1%}, median search {took}" if seen.widths else "none"
        yield shown(
            "interval holds theory", case.text, f"{seen.covered:,} of {len(seen.errors):,} = "
            f"{seen.covered / max(len(seen.errors), 1):.1%}; {half}; bias {median(seen.errors or (math.nan,)):+.2%}",
        )  # fmt: skip
    yield within("interval holds theory", "all gated worlds", covered / max(answers, 1), *COVERED, ".1%")
    yield from poisson_and_constant()
