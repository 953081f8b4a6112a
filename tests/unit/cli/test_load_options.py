"""What options of a load mean, and which do not go together."""

from typing import Any

import click
import pytest

from paceline.cli.http_options import _body, _credentials, header
from paceline.cli.load_options import LoadOptions, processes, rate, stages
from paceline.core.errors import ConfigurationError
from paceline.engine.child_process import usable_cores
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages, Workload

CONTEXT = click.Context(click.Command("http"))
OPTION = click.Option(["--rate"])
RATES = ("rate", ((10.0, 100.0), (5.0, 0.0)))
USERS = ("users", ((10.0, 20.0),))


def _workload(users: int | None = None, **options: Any) -> Workload:
    return LoadOptions(seed=7, **options).workload(users)


@pytest.mark.parametrize(
    ("options", "workload"),
    [
        ({}, ClosedLoop(10, 10.0)),
        ({"users": 3}, ClosedLoop(3, 10.0)),
        ({"users": 3, "duration_s": 1.5, "think_time_s": 0.2}, ClosedLoop(3, 1.5, think_time_s=0.2)),
        ({"requests": 40}, FixedIterations(40, workers=10)),
        ({"requests": 40, "users": 2}, FixedIterations(40, workers=2)),
        ({"per_second": 50.0}, ConstantRate(50.0, 10.0)),
        ({"per_second": 50.0, "users": 4, "duration_s": 2.0}, ConstantRate(50.0, 2.0)),
        ({"per_second": 50.0, "max_in_flight": 9}, ConstantRate(50.0, 10.0, 9)),
        ({"per_second": 50.0, "poisson": True, "max_in_flight": 9}, Poisson(50.0, 10.0, 7, 9)),
        ({"stage_list": RATES}, Stages(RATES[1])),
        ({"stage_list": RATES, "poisson": True, "max_in_flight": 3}, Stages(RATES[1], seed=7, max_in_flight=3)),
        ({"stage_list": USERS}, Stages(USERS[1], of="users")),
    ],
)
def test_workload(options: dict[str, Any], workload: Workload) -> None:
    assert _workload(**options) == workload


@pytest.mark.parametrize(
    ("options", "is_whole", "warmup_s"),
    [
        ({}, False, 1.0),
        ({"duration_s": 3.0, "warmup_s": 0.0, "seed": 1}, False, 0.0),
        ({"poisson": True}, True, 1.0),
        ({"think_time_s": 0.1}, True, 1.0),
        ({"max_in_flight": 1}, True, 1.0),
        ({"requests": 5}, True, 0.0),
        ({"requests": 5, "warmup_s": 2.0}, True, 2.0),
        ({"stage_list": USERS}, True, 1.0),
        ({"per_second": 5.0}, True, 1.0),
    ],
)
def test_a_load_of_its_own_and_its_warm_up(options: dict[str, Any], warmup_s: float, *, is_whole: bool) -> None:
    load = LoadOptions(**options)
    assert (load.is_whole, load.warmup_or_default_s) == (is_whole, warmup_s)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"requests": 1, "per_second": 5.0}, "--requests and --rate exclude each other"),
        ({"requests": 1, "stage_list": RATES}, "--requests and --stage exclude"),
        ({"per_second": 5.0, "stage_list": RATES}, "--rate and --stage exclude"),
        ({"duration_s": 1.0, "requests": 1}, "--duration and --requests exclude"),
        ({"duration_s": 1.0, "stage_list": RATES}, "--duration and --stage exclude"),
        ({"poisson": True}, "--poisson goes with --rate"),
        ({"poisson": True, "stage_list": USERS}, "--poisson goes with"),
        ({"think_time_s": 1.0, "per_second": 5.0}, "--think is for users"),
        ({"think_time_s": 1.0, "requests": 5}, "--requests has none"),
        ({"max_in_flight": 5}, "--max-in-flight goes with --rate"),
        ({"max_in_flight": 5, "stage_list": USERS}, "--max-in-flight goes with --rate"),
        ({"users": 5, "stage_list": USERS}, "stages say how many"),
        ({"users": 0}, "users must be"),
        ({"requests": 0}, "iterations must be"),
        ({"per_second": 0.01}, "no arrival"),
    ],
)
def test_contradictions_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        _workload(**options)


@pytest.mark.parametrize(
    ("text", "per_second"),
    [
        ("500", 500.0), ("500/s", 500.0), (" 500/1s ", 500.0), ("3000/1m", 50.0), ("3000/m", 50.0), ("7200/h", 2.0),
        ("1/500ms", 2.0), ("1.5/s", 1.5), (".5", 0.5), ("10/0.5s", 20.0),
    ],
)  # fmt: skip
def test_rate(text: str, per_second: float) -> None:
    assert rate(CONTEXT, OPTION, text) == pytest.approx(per_second)
    assert rate(CONTEXT, OPTION, None) is None


@pytest.mark.parametrize(
    "text", ["", "fast", "500/", "500/0s", "0", "0/s", "-5", "5/5", "nan", "1e3", "5/s/s", "5/.s", "10/.5s"]
)
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(click.BadParameter):
        rate(CONTEXT, OPTION, text)


def test_what_goes_with_a_cluster_only() -> None:
    with pytest.raises(ConfigurationError, match="--cluster-key goes with --cluster tls://ADDRESS"):
        assert LoadOptions(cluster_key="me.key").where


def test_processes() -> None:
    assert processes(CONTEXT, OPTION, "3") == 3
    assert processes(CONTEXT, OPTION, " Auto ") == len(usable_cores())
    with pytest.raises(click.BadParameter, match="nor 'auto'"):
        processes(CONTEXT, OPTION, "some")


def test_stages() -> None:
    assert stages(CONTEXT, OPTION, ()) is None
    assert stages(CONTEXT, OPTION, ("10s:100/s", "5s:0/s")) == RATES
    assert stages(CONTEXT, OPTION, ("10s:20",)) == USERS
    assert stages(CONTEXT, OPTION, ("0s:.5/s", "1m30s:2/s")) == ("rate", ((0.0, 0.5), (90.0, 2.0)))


@pytest.mark.parametrize("texts", [("10s",), ("10s:",), (":5",), ("x:5",), ("10s:5/m",), ("10s:5", "10s:5/s")])
def test_what_is_no_stage(texts: tuple[str, ...]) -> None:
    with pytest.raises(click.BadParameter):
        stages(CONTEXT, OPTION, texts)


def test_body(tmp_path: Any) -> None:
    (tmp_path / "text").write_text("a=b")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "json").write_text('{"a": [1]}')
    assert _body(None, None, ()) == {}
    assert _body("", None, ()) == {"body": ""}
    assert _body(f"@{tmp_path}/text", None, ()) == {"body": "a=b"}
    assert _body(f"@{tmp_path}/bytes", None, ()) == {"body": b"\xff\xfe"}
    assert _body(None, f"@{tmp_path}/json", ()) == {"json": {"a": [1]}}
    assert _body(None, "null", ()) == {"json": None}
    assert _body(None, None, ("a=b", "c=d=e", "f=")) == {"form": [("a", "b"), ("c", "d=e"), ("f", "")]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("x", "{}", ()), "exclude each other"),
        (("", None, ("a=b",)), "exclude each other"),
        ((None, "{", ()), "--json-data is no JSON"),
        ((None, None, ("secret",)), "NAME=VALUE"),
        (("@/no/such/file", None, ()), "--data: /no/such/file cannot be read"),
        ((None, "@/", ()), "--json-data: / cannot be read"),
    ],
)
def test_bodies_that_are_none(arguments: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        _body(*arguments)
    assert "secret" not in str(caught.value)


def test_headers_and_credentials() -> None:
    assert header("X-Trace:  a:b ") == ("X-Trace", "a:b")
    assert _credentials(None) is None
    assert _credentials("ann:s3:cret") == ("ann", "s3:cret")
    for reads in (header, _credentials):
        with pytest.raises(ConfigurationError) as caught:
            reads("s3cret")
        assert "s3cret" not in str(caught.value)
