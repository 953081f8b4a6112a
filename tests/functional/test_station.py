"""A leg as its machine looks after it, which nobody asks for any more."""

import pytest

from paceline import ClosedLoop, HttpTarget
from paceline.engine.dispatch import order_of
from paceline.engine.request import RunRequest
from paceline.engine.station import Station
from paceline.records.run_record import TestType
from paceline.workload.legs import Leg
from tests.functional.small_server import small_server
from tests.waiting import wait_for

pytestmark = pytest.mark.real


def test_it_ends_as_soon_while_it_warms_up() -> None:
    with small_server() as url:
        workload = ClosedLoop(2, 600.0)
        request = RunRequest("load", TestType.API_ENDPOINT, HttpTarget(url), workload, leg=Leg(0, 2), warmup_s=600.0)
        station = Station(order_of(request, packed=True), alone_s=0.5)
        wait_for(lambda: station.exchange([])[0])
        wait_for(lambda: station._ending)
    assert station.exchange([])[1] == "was ended by its worker, which nobody had asked for 0.5 s"
