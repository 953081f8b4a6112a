import pytest

from paceline.workload.description import describe
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages, Workload


@pytest.mark.parametrize(
    ("workload", "text"),
    [
        (FixedIterations(1), "1 iteration"),
        (FixedIterations(12_000, 10, workers=4), "12,000 iterations, 4 workers"),
        (ClosedLoop(1, 1.5), "1 user for 1.5 s"),
        (ClosedLoop(50, 10, think_time_s=0.5), "50 users for 10 s, 0.5 s think time"),
        (ConstantRate(500, 10), "500/s for 10 s"),
        (ConstantRate(1_000_000, 3_600, 2_000), "1,000,000/s for 3,600 s, at most 2,000 in flight"),
        (ConstantRate(500.25, 10), "500.25/s for 10 s"),
        (Poisson(500, 10), "Poisson 500/s for 10 s (seed 0)"),
        (Poisson(500, 10, 3, 7), "Poisson 500/s for 10 s (seed 3), at most 7 in flight"),
        (Stages([(10, 100), (60, 100), (5, 0)]), "ramp to 100/s in 10 s, 100/s for 60 s, ramp to 0/s in 5 s"),
        (Stages([(0, 5), (10, 5), (0, 9), (1, 9)]), "jump to 5/s, 5/s for 10 s, jump to 9/s, 9/s for 1 s"),
        (
            Stages([(10, 100)], start=20, seed=0, max_in_flight=5),
            "Poisson from 20/s, ramp to 100/s in 10 s (seed 0), at most 5 in flight",
        ),
        (
            Stages([(10, 50), (5, 1)], of="users", start=1),
            "from 1 user, ramp to 50 users in 10 s, ramp to 1 user in 5 s",
        ),
    ],
)
def test_words(workload: Workload, text: str) -> None:
    assert describe(workload) == text
