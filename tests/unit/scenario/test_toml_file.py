"""Scenario files in TOML: all that they can say, and what is wrong with one, with its place."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.scenario.reading import load_plan
from paceline.scenario.toml_form import json_schema
from paceline.targets.http import HttpTarget
from paceline.targets.http_check import HttpCheck
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages, Workload

ROOT = Path(__file__).parents[3]
WHOLE = """
together = true
thresholds = ["dropped<=0"]

[server]
url = "http://${HOST}:8000/api"
headers = { X-Tenant = "${TENANT}" }
auth = { user = "ann", password = "${PASSWORD}" }
timeout = "2s"
connect_timeout = "500ms"
connections = 5
follow_redirects = true
keep_alive = false

[load]
rate = "500/s"
duration = "1m"

[[scenario]]
name = "browse"
weight = 3
warmup = "0s"
start = "1m30s"
seed = 7
rows = "users.csv"
thresholds = ["p(95)<500 over 10s", { threshold = "error_rate<5%", abort_on_fail = "all", delay = "20s" }]

[[scenario.request]]
path = "/users/{{user}}"
weight = 2.5
headers = { X-Key = "$${PASSWORD}" }

[[scenario.request]]
path = "/orders"
method = "POST"
name = "order"
expect = [201, 409]
check = { contains = "id", headers = { Location = "" }, json = { "items[0].id" = 7, user = { name = "ann" } } }
json = { item = 7, tags = ["a", "{{uuid}}"] }

[[scenario]]
name = "admin"
load = { users = 2, duration = "10s", think = "1s" }
server = { url = "https://localhost", bearer = "${PASSWORD}", tls = { insecure = true } }

[[scenario.request]]
path = "/form"
method = "PUT"
form = { a = 1, b = "x" }
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "localhost", "TENANT": "demo", "PASSWORD": "s3cret"}.items():
        monkeypatch.setenv(name, value)


def _written(folder: Path, text: str) -> Path:
    (folder / "users.csv").write_text("user\nann\nbob\n")
    path = folder / "shop.toml"
    path.write_text(text)
    return path


def test_all_that_a_file_can_say(tmp_path: Path) -> None:
    plan = load_plan(_written(tmp_path, WHOLE))
    assert (plan.together, plan.workload) == (True, ConstantRate(500, 60))
    browse, admin = plan.scenarios
    assert (browse.name, browse.weight, browse.warmup_s, browse.start_s) == ("browse", 3.0, 0.0, 90.0)
    assert (browse.workload, admin.workload) == (None, ClosedLoop(2, 10, think_time_s=1.0))
    assert (admin.weight, admin.warmup_s, admin.start_s) == (1.0, 1.0, 0.0)
    assert browse.threshold is not None
    assert browse.threshold.expressions == (
        "dropped<=0",
        "p(95)<500 over 10s",
        "error_rate<5%, abort all after 20s",
    )
    target = browse.target
    assert isinstance(target, HttpTarget)
    assert (target.url, target.headers) == ("http://localhost:8000/api", (("X-Tenant", "demo"),))
    assert target.auth == ("ann", "s3cret")
    assert (target.timeout_s, target.connect_timeout_s, target.connections) == (2.0, 0.5, 5)
    assert (target.follow_redirects, target.keep_alive, target.seed) == (True, False, 7)
    assert target.part_names == ("GET /api/users/{{user}}", "order")
    users, orders = target.requests
    assert (users.weight, users.headers) == (2.5, (("X-Key", "$s3cret"),))
    assert orders.json == {"item": 7, "tags": ["a", "{{uuid}}"]}
    assert (users.expect, users.check) == (None, None)
    assert orders.expect == {201, 409}
    json = {"items[0].id": 7, "user": {"name": "ann"}}
    assert orders.check == HttpCheck("id", {"Location": ""}, json)
    assert target.rows == str(tmp_path / "users.csv")
    assert isinstance(admin.target, HttpTarget)
    assert (admin.target.bearer, admin.target.insecure) == ("s3cret", True)
    assert "s3cret" not in repr(plan)


LEAST = """
[server]
url = "http://localhost"
[[scenario]]
name = "a"
{scenario}
[[scenario.request]]
path = "/"
"""


def _load(text: str) -> str:
    return LEAST.format(scenario=f"load = {{ {text} }}")


def _request(text: str) -> str:
    return f"{LEAST.format(scenario='')}\n{text}\n"


@pytest.mark.parametrize(
    ("load", "workload"),
    [
        ("users = 5", ClosedLoop(5, 10)),
        ("users = 5, duration = '1m', think = '500ms'", ClosedLoop(5, 60, think_time_s=0.5)),
        ("rate = '3000/1m'", ConstantRate(50, 10)),
        ("rate = '50', duration = '2s', max_in_flight = 5", ConstantRate(50, 2, 5)),
        ("rate = '50/s', poisson = true, seed = 3", Poisson(50, 10, 3)),
        ("iterations = 100", FixedIterations(100, workers=10)),
        ("iterations = 100, users = 2", FixedIterations(100, workers=2)),
        (
            "stages = [{duration = '0s', users = 2}, {duration = '5s', users = 10}, {duration = '5s', users = 0}]",
            Stages([(0, 2), (5, 10), (5, 0)], of="users"),
        ),
        (
            "stages = [{ duration = '5s', rate = '100/s' }, { duration = '5s', rate = '0/s' }], poisson = true",
            Stages([(5, 100), (5, 0)], seed=0),
        ),
        ("users = 5, ramp = '2s', duration = '1h'", Stages([(2, 5), (3_600, 5)], of="users")),
        (
            "rate = '50/s', duration = '1m', spike = { after = '20s', duration = '5s', rate = '500/s' }",
            Stages([(0, 50), (20, 50), (0, 500), (5, 500), (0, 50), (35, 50)]),
        ),
    ],
)
def test_loads(load: str, workload: Workload, tmp_path: Path) -> None:
    assert load_plan(_written(tmp_path, _load(load))).scenarios[0].workload == workload


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[server", "is no TOML: "),
        ("[scenario]\nname = 'a'", "line 1: scenario: there can be several: write [[scenario]], in two brackets"),
        (
            _request("[scenario.load]\nusers = 5\n[[scenario]]\nname = 'b'\n[scenario.request]\npath = '/'"),
            "line 14: scenario[1].request: there can be several: write [[scenario.request]], in two brackets",
        ),
        (LEAST.format(scenario="").replace("http://", ""), "line 2: server: url 'localhost' does not begin with http"),
        (
            _load("users = 5") + "[[scenario.request]]\npath='/b'\nheaders={A=\"x\\ny\"}",
            "line 9: scenario[0].request[1]: headers: ",
        ),
        (
            _load("users = 5") + "[[scenario.request]]\npath='/b'\njson={A=2020-01-01}",
            "line 9: scenario[0].request[1]: json ",
        ),
        (_load("users = 5") + "[[scenario.request]]\npath='/'", "line 4: scenario[0]: two requests are called 'GET /'"),
        ("x = " + "[" * 100_000, "its lists or tables are nested too deep"),
        ("", "there is no 'scenario'"),
        ("scenario = []", "has no scenario: write [[scenario]]"),
        (LEAST.format(scenario="wheight = 3"), "scenario[0].wheight: unknown key; did you mean 'weight'?"),
        (LEAST.format(scenario="x = 3"), "scenario[0].x: unknown key; known are name, request, load"),
        (LEAST.format(scenario="weight = 0"), "scenario[0].weight: it must be a number above 0"),
        (LEAST.format(scenario="weight = '3'"), "scenario[0].weight: Expected 'float', got 'str'"),
        (LEAST.format(scenario="start = '5'"), "scenario[0].start: '5' is not a duration"),
        (LEAST.format(scenario="warmup = 5"), "scenario[0].warmup: Expected 'str | null', got 'int'"),
        (LEAST.format(scenario="rows = 'none.csv'"), "line 6: scenario[0].rows: "),
        (LEAST.format(scenario="thresholds = ['p95<5']"), "scenario[0].thresholds[0]: threshold 'p95<5': unknown"),
        (
            LEAST.format(scenario="thresholds = ['avg<5', { threshold = 'avg<5', delay = '1s' }]"),
            "scenario[0].thresholds[1]: delay_s is when a limit begins to abort",
        ),
        (
            LEAST.format(scenario="thresholds = [{ threshold = 'avg<5', abort = true }]"),
            "scenario[0].thresholds[0].abort: unknown key; known are threshold, abort_on_fail, delay",
        ),
        (_load(""), "scenario[0].load: it says neither: one of users, rate, iterations and stages"),
        (_load("users = 5, rate = '5/s'"), "scenario[0].load: rate and users exclude each other"),
        (_load("users = 0"), "scenario[0].load: users must be a whole number of at least 1"),
        (_load("users = 5, poisson = true"), "scenario[0].load: poisson does not go together with users"),
        (_load("users = 5, duration = 'long'"), "scenario[0].load.duration: 'long' is not a duration"),
        (_load("rate = 'fast'"), "scenario[0].load.rate: 'fast' is no rate such as 500, 500/s or 3000/1m"),
        (_load("rate = '0/s'"), "scenario[0].load: per_second must be a finite number above 0"),
        (_load("rate = '5/0s'"), "scenario[0].load.rate: '5/0s' must be in more than no time"),
        (_load("rate = '5', seed = 3"), "seed is of arrivals at random"),
        (_load("stages = []"), "scenario[0].load: stages must be 1 to 10,000 pairs"),
        (_load("stages = [{ duration = '0s', users = 5 }]"), "stages must last more than 0"),
        (_load("stages = [{ duration = '5s', users = 0 }]"), "scenario[0].load: stages make no load"),
        (_load("stages = [{ duration = '5s' }]"), "stages[0]: either users or a rate says how much load it is"),
        (
            _load("stages = [{ duration = '5s', users = 5 }, { duration = '5s', rate = '5/s' }]"),
            "stages are all of users or all of rates",
        ),
        (
            _load("stages = [{ duration = '5s', users = 5 }, { duration = '5', users = 5 }]"),
            "scenario[0].load.stages[1].duration: '5' is not a duration",
        ),
        (
            _load("stages = [{ duration = '5s', users = 5 }, { lasts = '5s', users = 5 }]"),
            "scenario[0].load.stages[1].lasts: unknown key; known are duration, users, rate",
        ),
        (
            _load("users = 5, spike = { after = '8s', duration = '5s', users = 50 }"),
            "spike: it ends 13 s after the ramp, and the load 10 s",
        ),
        (_load("users = 5, spike = { after = '1s', duration = '5s', rate = '5' }"), "spike: its level is of users"),
        (LEAST.format(scenario="").replace('"/"', '"items"'), "scenario[0].request[0]: path must begin with '/'"),
        (LEAST.format(scenario="").replace('"/"', '"/{{x}}"'), "line 7: scenario[0].request[0]: {{x}} names nothing"),
        (LEAST.format(scenario="").replace("localhost", "${NOBODY}"), "server.url: the environment has no variable"),
        (LEAST.format(scenario="").replace("[server]", "[srever]"), "srever: unknown key; did you mean 'server'?"),
        (_request("expect = 99"), "line 10: scenario[0].request[0].expect: expect must be a status such as 404"),
        (_request("expect = 'ok'"), "line 10: scenario[0].request[0].expect: Expected 'int | array | null', got 'str'"),
        (_request("check = {}"), "line 10: scenario[0].request[0].check: it checks nothing: say contains"),
        (_request("check.json.'a[' = 7"), "request[0].check: json: 'a[' is no path"),
        (_request("check.json.a = 2020-01-01"), "check: json: a is to be of type date, which JSON does not have"),
        (_request("check.contains = '{{n}}'"), "check: a check is the same for all answers"),
        (_request("check.status = 7"), "request[0].check.status: unknown key; known are contains, headers, json"),
        ("[[scenario]]\nname='a'\nrequest=[{path='/'}]", "scenario[0].server: nothing says where requests go"),
        ("server={url='http://a'}\n[[scenario]]\nname='a'\nrequest=[]", "scenario[0].request: there is none"),
        ("server={url='http://a'}\n[[scenario]]\nname=' '\nrequest=[]", "scenario[0].name: it must be a text"),
        (
            "server={url='http://a'}\n" + 2 * "[[scenario]]\nname='a'\nrequest=[{path='/'}]\n",
            "has two scenarios called 'a'",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, complaint: str, tmp_path: Path) -> None:
    path = _written(tmp_path, text)
    with pytest.raises(ConfigurationError, match=re.escape(complaint)) as caught:
        load_plan(path)
    assert str(caught.value).startswith(str(path))


def test_marks_of_editors_and_other_encodings(tmp_path: Path) -> None:
    path = _written(tmp_path, "")
    path.write_bytes(b"\xef\xbb\xbf" + LEAST.format(scenario="").replace("\n", "\r\n").encode())
    assert load_plan(path).scenarios[0].name == "a"
    path.write_bytes("[server]\nurl = 'http://localhost/\u00fc'".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"shop\.toml, line 2: TOML is in UTF-8, and this is not"):
        load_plan(path)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load_plan(tmp_path / "none.toml")


def test_no_credential_is_shown(tmp_path: Path) -> None:
    wrong = WHOLE.replace('bearer = "${PASSWORD}"', 'bearer = "${PASSWORD}\\n"')
    with pytest.raises(ConfigurationError) as caught:
        load_plan(_written(tmp_path, wrong))
    assert "s3cret" not in str(caught.value)


keys = st.sampled_from(["scenario", "server", "load", "name", "request", "path", "url", "users", "thresholds", "rate"])
trees = st.recursive(
    st.integers(0, 9) | st.booleans() | st.sampled_from(["", "5s", "/", "http://a", "p(95)<5", "5/s", "${X}"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(_toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(keys, trees, max_size=4))
def test_any_tables_are_read_or_refused(tmp_path: Path, tree: dict[str, Any]) -> None:
    path = _written(tmp_path, "\n".join(f"{key} = {_toml(value)}" for key, value in tree.items()))
    complaint = ""
    try:
        assert load_plan(path).scenarios
    except ConfigurationError as error:
        complaint = str(error)
    assert complaint == "" or complaint.startswith(str(path))


# The schema.


def _validator() -> Any:
    import jsonschema  # type: ignore[import-untyped]  # it ships no type information

    return jsonschema.Draft202012Validator(json.loads(json_schema()))


def test_the_published_schema_is_what_the_code_says() -> None:
    # 'paceline run --schema > docs/scenario.schema.json' makes it.
    assert (ROOT / "docs" / "scenario.schema.json").read_bytes() == json_schema()


def test_the_schema_takes_what_is_right_and_refuses_what_is_wrong() -> None:
    validator = _validator()
    for text in (WHOLE, (ROOT / "examples" / "shop.toml").read_text(), _load("users = 5")):
        validator.validate(tomllib.loads(text))
    for wrong in (LEAST.format(scenario="x = 3"), _load("rate = 'fast'"), _load("users = '5'"), "together = true"):
        assert not validator.is_valid(tomllib.loads(wrong)), wrong
