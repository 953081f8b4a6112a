"""Following redirects of fixed requests: one attempt, and the status it ends with."""

import pytest

from paceline.engine.request import RunRequest
from paceline.engine.runs import arun
from paceline.records.load import StatusCount
from paceline.records.run_record import RunRecord, TestType
from paceline.targets.http import HttpTarget
from paceline.workload.models import FixedIterations
from tests.unit.scenario.stage import answer, run, serving


async def record_of(location: str, *, follow: bool) -> tuple[RunRecord, list[str]]:
    async with serving(start=answer(302, Location=location)) as server:
        target = HttpTarget(f"http://127.0.0.1:{server.port}/start", follow_redirects=follow)
        ended = await arun(RunRequest("moved", TestType.API_ENDPOINT, target, FixedIterations(3, 0)))
        return ended.record, server.lines


@pytest.mark.parametrize(
    ("location", "follow", "status", "lines", "kinds"),
    [
        ("/end", True, StatusCount(200, 3), ["GET /start", "GET /end"], []),
        ("/end", False, StatusCount(302, 3), ["GET /start"], []),
        ("http://elsewhere/", True, StatusCount(302, 3), ["GET /start"], ["redirect"]),
        ("/start", True, StatusCount(302, 3), ["GET /start"] * 11, ["redirect"]),
    ],
)
def test_an_attempt_has_the_status_that_it_ends_with(
    location: str, status: StatusCount, lines: list[str], kinds: list[str], *, follow: bool
) -> None:
    async def main() -> None:
        record, asked = await record_of(location, follow=follow)
        assert record.counts.attempts == 3
        assert asked == lines * 3
        assert [group.kind for group in record.errors] == kinds
        assert record.load is not None
        assert record.load.traffic is not None
        assert record.load.traffic.statuses == (status,)

    run(main)
