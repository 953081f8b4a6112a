"""What a run's record says of its workload, for those who judge it."""

from dataclasses import replace

import pytest

from paceline.engine.request import RunRequest
from paceline.records.run_record import TestType
from paceline.targets.http import HttpTarget
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages, Workload


@pytest.mark.parametrize(
    ("workload", "think_time_s"),
    [
        (ClosedLoop(3, 1.0), 0.0),
        (ClosedLoop(3, 1.0, think_time_s=0.5), 0.5),
        (FixedIterations(10, workers=3), None),
        (Stages([(1, 3)], of="users"), None),
        (ConstantRate(10, 1), None),
        (Poisson(10, 1), None),
    ],
)
def test_think_time_is_that_of_workers_who_all_go_on(workload: Workload, think_time_s: float | None) -> None:
    request = RunRequest("t", TestType.API_ENDPOINT, HttpTarget("http://localhost:1/"), workload)
    assert request.definition(1).think_time_s == think_time_s


def test_a_definition_of_a_file_that_does_not_say_is_still_the_same_benchmark() -> None:
    request = RunRequest("t", TestType.API_ENDPOINT, HttpTarget("http://localhost:1/"), ClosedLoop(3, 1.0))
    said = request.definition(1)
    assert replace(said, think_time_s=None) == said
    thinking = replace(request, workload=ClosedLoop(3, 1.0, think_time_s=0.5)).definition(1)
    assert thinking != said
