import asyncio
import pickle
import threading
from functools import partial
from typing import Any

import pytest

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError
from paceline.engine.request import RunRequest
from paceline.engine.runs import run as run_load
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.run_record import Execution, RunRecord, TestType
from paceline.scenario.answer import Answer
from paceline.scenario.failure import RequestFailed
from paceline.scenario.model import Scenario
from paceline.scenario.user import User
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, Workload
from tests.unit.scenario.stage import answer, opened, run, serving

URL = "http://localhost:8000"


async def visit(user: User) -> None:
    await user.client.get("/x")


async def nobody() -> None:
    """Takes no user."""


def test_what_it_says_of_itself() -> None:
    scenario = Scenario(visit, "http://me:hunter2@localhost:8000/api", headers={"X-Token": "hunter2"})
    assert repr(scenario) == "Scenario('visit', 'http://localhost:8000/api')"
    assert scenario.text == "scenario visit on http://localhost:8000/api"
    assert scenario.connections is None
    assert scenario.execution is Execution.USERS
    assert pickle.loads(pickle.dumps(scenario)) == scenario


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"run": print}, "run must be a coroutine function"),
        ({"run": nobody}, "run must take one argument"),
        ({"on_start": visit, "on_stop": 3}, "on_stop must be a coroutine function"),
        ({"on_start": nobody}, "on_start must take one argument"),
        ({"run": partial(nobody)}, "'async def nobody(user)'"),
        ({"name": ""}, "name must be a text"),
        ({"name": "a\nb"}, "name must be a text"),
        ({"url": "localhost"}, "did you mean http://localhost"),
        ({"url": "http://localhost/?a=hunter2"}, "query of url"),
        ({"workload": 3}, "workload must be"),
        ({"threshold": 3}, "threshold must be"),
        ({"warmup_s": -1}, "warmup_s must be"),
        ({"timeout_s": 0}, "timeout_s must be"),
        ({"insecure": True}, "only for https"),
        ({"auth": ("a", "hunter2"), "bearer": "hunter2"}, "auth and bearer"),
        ({"bearer": ""}, "bearer must be a token"),
        ({"bearer": "hunter2", "headers": {"authorization": "hunter2"}}, "Authorization"),
        ({"headers": {"A": "hunter2\r\nB: c"}}, "value of A holds"),
        ({"follow_redirects": "yes"}, "follow_redirects must be"),
    ],
)
def test_what_is_wrong_is_said_without_credentials(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Scenario(**{"run": visit, "url": URL, **options})
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_function_with_some_arguments_bound_is_called_after_it() -> None:
    async def buy(user: User, *, pieces: int) -> None: ...

    assert Scenario(partial(buy, pieces=3), URL).name == "buy"


def test_what_it_holds_for_its_runner() -> None:
    threshold = PerformanceThreshold(max_p95_ms=10)
    scenario = Scenario(visit, URL, name="shop", workload=ClosedLoop(5, 1.0), threshold=threshold, warmup_s=0)
    assert (scenario.name, scenario.workload, scenario.threshold) == ("shop", ClosedLoop(5, 1.0), threshold)
    assert scenario.warmup_s == 0.0


def test_the_path_of_the_url_goes_before_paths_and_credentials_into_headers() -> None:
    async def main() -> None:
        async with serving() as server:
            scenario = Scenario(visit, f"http://me:secret@127.0.0.1:{server.port}/api/")
            async with opened(scenario) as (lanes, book):
                lanes.lane(0).begin()
                await book.all_released.wait()
        assert server.lines == ["GET /api/x"]
        assert server.asked[0].headers["authorization"] == "Basic bWU6c2VjcmV0"
        assert book.names == ["GET /x"]

    run(main)


# Through the engine.

calls: list[Answer] = []


def recorded(function: Any, workload: Workload, **replies: Any) -> RunRecord:
    """The record of a load against a server in a thread of its own."""
    ready, port, done = threading.Event(), [0], threading.Event()

    async def serve() -> None:
        async with serving(**replies) as server:
            port[0] = server.port
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        scenario = Scenario(function, f"http://127.0.0.1:{port[0]}")
        return run_load(RunRequest("test", TestType.API_ENDPOINT, scenario, workload), SYSTEM_CLOCK).record
    finally:
        done.set()
        thread.join(10)


async def two_steps(user: User) -> None:
    came = await user.client.get("/x")
    calls.append(came)
    came.check("first", len(calls) % 2)
    with pytest.raises(RequestFailed):
        await user.client.post("/bad")


def test_iterations_and_parts_are_recorded() -> None:
    calls.clear()
    record = recorded(two_steps, FixedIterations(6, workers=2), bad=None)
    assert record.load is not None
    assert record.load.iterations == 6
    assert (record.counts.attempts, record.counts.errors) == (12, 9)
    assert [(part.name, part.counts.attempts) for part in record.load.parts] == [("GET /x", 6), ("POST /bad", 6)]
    assert {group.kind: group.count for group in record.errors} == {"closed": 6, "check": 3}
    assert record.load.traffic is not None


def test_an_open_loop_times_the_first_request_from_its_arrival() -> None:
    async def twice(user: User) -> None:
        await user.client.get("/x")
        await user.client.get("/y")

    record = recorded(twice, ConstantRate(50, 0.2), y=answer(500))
    assert record.load is not None
    assert record.load.arrivals is not None
    assert record.load.arrivals.planned == 10
    assert record.load.arrivals.lag.moments.count == 10
    assert record.load.iterations == 10
    parts = {part.name: part.counts for part in record.load.parts}
    assert parts["GET /x"].ok == 10
    assert parts["GET /y"].errors == parts["GET /y"].attempts >= 9  # the last may have met the end
