"""A load as a request: what is wrong with it is found before anything is sent."""

from typing import Any

import pytest

from paceline.campaign.load import load_request
from paceline.core.errors import ConfigurationError
from paceline.records.run_record import TestType
from paceline.targets.http import HttpTarget
from paceline.targets.operation import measured
from paceline.workload.models import ClosedLoop
from tests.runs import Work

TARGET = HttpTarget("http://localhost:1/")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"metadata": {1: 2}}, "metadata keys must be texts"),
        ({"metadata": {"a": object()}}, "cannot be written to a file"),
        ({"target_pids": "12"}, "target_pids must be a list"),
        ({"target_pids": [0]}, "target_pids must hold process ids"),
        ({"workload": 5}, "workload must be a ClosedLoop"),
        ({"operation": 5}, "operation must be callable"),
        ({"operation": Work(), "probe": True}, "probe is for HttpTarget"),
        ({"probe": True}, "there can be no probe beside this load"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], said: str) -> None:
    right = {"name": "load", "operation": TARGET, "workload": ClosedLoop(1, 1.0), "metadata": {}}
    with pytest.raises(ConfigurationError, match=said):
        load_request(**{**right, **arguments})


def test_it_may_be_measured_already() -> None:
    setup, teardown = Work(), Work()
    request = load_request("load", measured(TARGET, setup, teardown), ClosedLoop(1, 1.0), None, target_pids=[7])
    assert (request.target, request.setup, request.teardown) == (TARGET, setup, teardown)
    assert (request.test_type, request.own_process) == (TestType.API_ENDPOINT, True)
    assert (request.metadata, request.target_pids) == ({}, (7,))
