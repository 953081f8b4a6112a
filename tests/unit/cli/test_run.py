"""What of a scenario's own load the command line changes."""

import pytest

from paceline.cli.run import _own_load
from paceline.core.errors import ConfigurationError
from paceline.scenario.model import Scenario
from paceline.scenario.user import User
from paceline.workload.models import ClosedLoop, ConstantRate, Workload


async def go(user: User) -> None:
    await user.think(0)


def of(workload: Workload | None) -> Scenario:
    return Scenario(go, "http://localhost:1", workload=workload)


@pytest.mark.parametrize(
    ("own", "users", "duration_s", "changed"),
    [
        (ConstantRate(50, 2), None, 1.0, ConstantRate(50, 1)),
        (ClosedLoop(5, 60, think_time_s=1.0), 7, None, ClosedLoop(7, 60, think_time_s=1.0)),
        (ClosedLoop(5, 60), None, None, ClosedLoop(5, 60)),
        (None, 3, None, ClosedLoop(3, 10)),
    ],
)
def test_only_what_is_said_changes(
    own: Workload | None, users: int | None, duration_s: float | None, changed: Workload
) -> None:
    assert _own_load(of(own), users, duration_s) == changed


def test_a_rate_has_no_users() -> None:
    with pytest.raises(ConfigurationError, match="it has no users of its own"):
        _own_load(of(ConstantRate(50, 2)), 3, None)
