import dataclasses
import json
import pickle
import ssl
from base64 import b64encode
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.targets.http import HttpTarget
from paceline.targets.http_request import HttpRequest
from paceline.wire.endpoint import Endpoint
from paceline.wire.request import USER_AGENT, Prepared, encode_request
from paceline.wire.tls import TlsOptions

URL = "http://localhost:8000"
ROWS = ({"name": "Ann", "id": "7"}, {"name": "Bob & Co", "id": "8"})
HEAD = f"Host: localhost:8000\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n"


def first(target: HttpTarget, number: int = 1) -> list[Prepared]:
    return list(islice(target.source(), number))


def split(prepared: Prepared) -> tuple[str, dict[str, str], bytes]:
    """Request line, headers and body; the length is the body's."""
    head, _, body = prepared.data.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = dict(each.split(": ", 1) for each in lines)
    assert len(headers) == len(lines)
    assert int(headers.get("Content-Length", "0")) == len(body)
    return line, headers, body


def test_one_fixed_request_is_the_same_object_for_ever() -> None:
    target = HttpTarget(f"{URL}/a b?x=1#y")
    one, other = first(target, 2)
    assert one is other
    assert one == Prepared(f"GET /a%20b?x=1 HTTP/1.1\r\n{HEAD}\r\n".encode(), 0, is_head=False, repeatable=True)
    assert target.endpoint == Endpoint("http", "localhost", 8000)
    assert target.tls is None
    assert target.part_names == ("GET /a b?x=1",)
    assert target.text == f"GET {URL}/a b?x=1"
    assert target.safe
    assert repr(target) == f"HttpTarget('{URL}/a b?x=1', method='GET')"


@pytest.mark.parametrize(
    ("method", "safe", "repeatable", "is_head"),
    [
        ("get", True, True, False),
        ("HEAD", True, True, True),
        ("OPTIONS", True, True, False),
        ("PUT", False, True, False),
        ("DELETE", False, True, False),
        ("POST", False, False, False),
        ("patch", False, False, False),
        ("PURGE", False, False, False),
    ],
)
def test_what_may_be_repeated(method: str, *, safe: bool, repeatable: bool, is_head: bool) -> None:
    for path in ("/", "/{{n}}"):
        target = HttpTarget(URL + path, method)
        (prepared,) = first(target)
        assert (target.safe, prepared.repeatable, prepared.is_head) == (safe, repeatable, is_head)
        assert prepared.data.startswith(method.upper().encode() + b" /")
        assert target.method == method.upper()


@pytest.mark.parametrize(
    ("arguments", "content_type", "body"),
    [
        ({"body": "ü"}, None, "ü".encode()),
        ({"body": b"\0\xff{{x}}"}, None, b"\0\xff{{x}}"),
        ({"body": bytearray(b"ab")}, None, b"ab"),
        ({"body": ""}, None, b""),
        ({"body": b""}, None, b""),
        ({}, None, b""),
        ({"json": {"a": [1, None, "ü"]}}, "application/json", '{"a":[1,null,"ü"]}'.encode()),
        ({"json": 0}, "application/json", b"0"),
        ({"json": "x", "headers": {"content-type": "application/hal+json"}}, "application/hal+json", b'"x"'),
        ({"form": {"a b": "c&d", "e": 5}}, "application/x-www-form-urlencoded", b"a+b=c%26d&e=5"),
        ({"form": [("a", "1"), ("a", "")]}, "application/x-www-form-urlencoded", b"a=1&a="),
        ({"form": {}}, "application/x-www-form-urlencoded", b""),
    ],
)
def test_bodies(arguments: dict[str, Any], content_type: str | None, body: bytes) -> None:
    _, headers, sent = split(first(HttpTarget(URL, "POST", **arguments))[0])
    assert sent == body
    assert headers["Content-Length"] == str(len(body))
    assert {name.lower(): value for name, value in headers.items()}.get("content-type") == content_type


def test_templates_are_filled_in_everywhere() -> None:
    target = HttpTarget(
        f"{URL}/{{{{name}}}}?n={{{{n}}}}",
        "POST",
        {"X-Name": "{{name}}", "X-Id": "{{uuid}}"},
        json={"name": "{{name}}", "uuid": "{{uuid}}", "{{id}}": 1},
        rows=ROWS,
        bearer="t-{{id}}",
    )
    uuids = set()
    for number, prepared in enumerate(first(target, 5)):
        row = ROWS[number % 2]
        line, headers, body = split(prepared)
        assert line == f"POST /{row['name'].replace(' ', '%20').replace('&', '%26')}?n={number} HTTP/1.1"
        assert headers["X-Name"] == row["name"]
        assert headers["Authorization"] == f"Bearer t-{row['id']}"
        uuid = headers["X-Id"]
        assert json.loads(body) == {"name": row["name"], "uuid": uuid, row["id"]: 1}
        uuids.add(UUID(uuid))
    assert len(uuids) == 5
    assert first(target, 5) == first(target, 5)
    assert target.part_names == ("POST /{{name}}?n={{n}}",)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/plain", b'<a"&b>'),
        ("application/json; charset=utf-8", b'<a\\"&b>'),
        ("application/problem+json", b'<a\\"&b>'),
        ("Application/X-WWW-Form-Urlencoded", b"<a%22%26b>"),
    ],
)
def test_text_bodies_are_escaped_by_their_type(content_type: str, expected: bytes) -> None:
    target = HttpTarget(URL, "POST", {"Content-Type": content_type}, "<{{x}}>", rows=[{"x": 'a"&b'}])
    assert split(first(target)[0])[2] == expected


values = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@given(values, values, st.sampled_from(["body", "json", "form"]))
def test_filling_in_makes_the_request_that_is_written_out(value: str, other: str, place: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "body": {"body": "<{{x}}|{{n}}>"},
        "json": {"json": ["{{x}}", "{{n}}"]},
        "form": {"form": {"{{x}}": "{{y}}{{n}}"}},
    }
    rows = [{"x": value, "y": other}, {"x": other, "y": value}]
    target = HttpTarget(f"{URL}/{{{{x}}}}", "PUT", {"X-N": "{{n}}"}, **bodies[place], rows=rows)
    for number, prepared in enumerate(first(target, 3)):
        row = rows[number % 2]
        _, headers, body = split(prepared)
        if place == "body":
            assert body.decode() == f"<{row['x']}|{number}>"
        elif place == "json":
            assert json.loads(body) == [row["x"], str(number)]
        else:
            assert parse_qsl(body.decode(), keep_blank_values=True) == [(row["x"], f"{row['y']}{number}")]
        path = prepared.data.split(b" ")[1].decode()
        sent = {"X-N": str(number)} | {k: v for k, v in headers.items() if k == "Content-Type"}
        assert prepared.data == encode_request("PUT", path, "localhost:8000", sent, body)


def test_several_requests_by_weight() -> None:
    target = HttpTarget(
        f"{URL}/api/",
        headers={"X-A": "shared", "X-B": "shared"},
        requests=[
            HttpRequest("/users", weight=3),
            HttpRequest("/users", "POST", {"x-a": "own"}, json={}, name="create", weight=1),
        ],
        seed=5,
    )
    prepared = first(target, 4_000)
    assert target.part_names == ("GET /api/users", "create")
    assert target.text == f"2 requests to {URL}"
    assert repr(target) == f"HttpTarget('{URL}/api/', requests=2)"
    assert not target.safe
    assert len({id(each) for each in prepared}) == 2
    assert Counter(each.part for each in prepared)[0] == pytest.approx(3_000, abs=150)
    assert prepared == first(target, 4_000)
    assert prepared != first(dataclasses.replace(target, seed=6), 4_000)
    (create,) = {each.data for each in prepared if each.part == 1}
    _, headers, _ = split(Prepared(create, 1, is_head=False, repeatable=False))
    assert (headers["x-a"], headers["X-B"]) == ("own", "shared")
    assert "X-A" not in headers


def test_templated_requests_among_fixed_ones_count_all() -> None:
    plain = [HttpRequest("/a", name="a"), HttpRequest("/b", name="b")]
    filled = [HttpRequest("/a/{{n}}", name="a"), HttpRequest("/b/{{uuid}}", name="b")]
    prepared = first(HttpTarget(URL, requests=filled), 3_000)  # more than are drawn at once
    for number, each in enumerate(prepared):
        if each.part == 0:
            assert each.data.startswith(f"GET /a/{number} ".encode())
    # Which request comes when depends on the seed alone.
    assert [each.part for each in prepared] == [each.part for each in first(HttpTarget(URL, requests=plain), 3_000)]


def test_a_path_of_the_url_is_put_before_those_of_requests() -> None:
    for url, path in (("http://h", "/x"), ("http://h/", "/x"), ("http://h/a", "/a/x"), ("http://h/a/b/", "/a/b/x")):
        assert first(HttpTarget(url, requests=[HttpRequest("/x#y")]))[0].data.startswith(f"GET {path} HTTP".encode())


def test_connections_can_be_closed_after_each_answer() -> None:
    assert split(first(HttpTarget(URL, keep_alive=False))[0])[1]["Connection"] == "close"
    headers = split(first(HttpTarget(URL, headers={"connection": "x"}, keep_alive=False))[0])[1]
    assert "Connection" not in headers


def authorization(target: HttpTarget) -> str | None:
    return split(first(target)[0])[1].get("Authorization")


def test_credentials() -> None:
    basic = f"Basic {b64encode(b'ann:p@ss').decode()}"
    assert authorization(HttpTarget(URL, auth=("ann", "p@ss"))) == basic
    assert authorization(HttpTarget(URL, bearer="abc")) == "Bearer abc"
    from_url = HttpTarget("http://ann:p%40ss@localhost:8000/")
    assert authorization(from_url) == basic
    assert from_url.url == f"{URL}/"
    assert from_url == HttpTarget(f"{URL}/", auth=("ann", "p@ss"))
    assert authorization(dataclasses.replace(from_url, seed=1)) == basic
    own = HttpRequest("/", headers={"Authorization": "own"})
    assert authorization(HttpTarget(URL, bearer="abc", requests=[own])) == "own"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://a:b@c@[fe80::1%25eth0]:81/x@y?z=@#f", "http://[fe80::1%25eth0]:81/x@y?z=@"),
        ("http://h/a@b", "http://h/a@b"),
        ("http://a@h", "http://h"),
        ("http://h?x=://a@b", "http://h?x=://a@b"),
    ],
)
def test_the_url_is_kept_without_credentials(url: str, kept: str) -> None:
    target = HttpTarget(url)
    assert target.url == kept
    assert dataclasses.replace(target).endpoint == target.endpoint


SECRETIVE: list[dict[str, Any]] = [
    {"url": "http://ann:SECRET@localhost/"},
    {"url": "http://localhost/?token=SECRET&x={{n}}"},
    {"url": "http://localhost/?api_key=SECRET"},
    {"url": URL, "auth": ("ann", "SECRET")},
    {"url": URL, "bearer": "SECRET"},
    {"url": URL, "headers": {"X-Any": "SECRET"}},
    {"url": URL, "method": "POST", "body": "SECRET{{n}}"},
    {"url": URL, "method": "POST", "json": {"a": "SECRET"}},
    {"url": URL, "method": "POST", "form": {"a": "SECRET"}},
    {"url": URL + "/{{a}}", "rows": [{"a": "SECRET"}]},
    {"url": URL, "requests": [HttpRequest("/?token=SECRET", headers={"X-Any": "SECRET"}, body="SECRET")]},
    {"url": URL, "requests": [HttpRequest("/", name="get http://ann:SECRET@h/")]},
]


@pytest.mark.parametrize("arguments", SECRETIVE)
def test_nothing_shows_credentials(arguments: dict[str, Any]) -> None:
    target = HttpTarget(**arguments)
    shown = [repr(target), str(target), f"{target}", target.text, *target.part_names, repr(target.requests)]
    shown += [repr(target.endpoint), target.endpoint.text, repr(target._templates), repr(first(target))]
    for text in shown:
        assert "SECRET" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "localhost:8000"}, "did you mean http://localhost:8000"),
        ({"url": "http://ann:SECRET@h:x/"}, "no host and port"),
        ({"url": "http://ann:SECRET@h/", "auth": ("ann", "SECRET")}, "leave out one"),
        ({"url": "http://h/{{nope}}"}, "nope.* names nothing .*known are"),
        ({"headers": {"X-A": "{{nope}}"}}, "nope.* names nothing"),
        ({"body": "{{nope}}"}, "nope.* names nothing .*a body of bytes"),
        ({"json": ["{{nope}}"]}, "nope.* names nothing"),
        ({"form": {"a": "{{nope}}"}}, "nope.* names nothing"),
        ({"url": "http://h/{{nope}}", "rows": ROWS}, r"known are \{\{n\}\}, \{\{uuid\}\}, \{\{name\}\}, \{\{id\}\}"),
        ({"method": "GE T"}, "method must be"),
        ({"method": "CONNECT"}, "CONNECT opens a tunnel"),
        ({"headers": {"X-A": "SECRET\r\n"}}, "the value of X-A holds a line break"),
        ({"headers": {"X-A: SECRET": "x"}}, "headers: a name beginning 'X-A'"),
        ({"headers": {"Content-Length": "5"}}, "follows from the body"),
        ({"body": "SECRET", "json": {}}, "body and json are both"),
        ({"json": {}, "form": {}}, "json and form are both"),
        ({"body": 5}, "body must be text or bytes, not int"),
        ({"body": {"SECRET": 1}}, "body must be text or bytes, not dict; for data there is json"),
        ({"json": {"a": object()}}, "json cannot be said"),
        ({"json": [float("nan")]}, "json cannot be said"),
        ({"json": "\ud800"}, "lone surrogate"),
        ({"form": 5}, "form must be"),
        ({"form": ["SECRET"]}, "form must be"),
        ({"form": {"a": b"SECRET"}}, "form: names must be strings"),
        ({"form": {"a": True}}, "form: names must be strings"),
        ({"auth": "ann:SECRET"}, "auth must be a pair"),
        ({"auth": ("SECRET",)}, "auth must be a pair"),
        ({"auth": ("a:b", "SECRET")}, "auth: the user must not contain a colon"),
        ({"auth": ("a", 5)}, "both strings"),
        ({"auth": ("SECRET{{n}}", "x")}, "auth cannot be filled in"),
        ({"auth": ("a", "SECRET"), "bearer": "SECRET"}, "auth and bearer are both"),
        ({"bearer": "SECRET", "headers": {"authorization": "SECRET"}}, "headers name Authorization"),
        ({"bearer": ""}, "bearer must be"),
        ({"bearer": 5}, "bearer must be"),
        ({"bearer": "SECRET\n"}, "the value of Authorization holds"),
        ({"connections": 0}, "connections must be"),
        ({"connections": True}, "connections must be"),
        ({"timeout_s": 0}, "timeout_s must be"),
        ({"connect_timeout_s": float("inf")}, "connect_timeout_s must be"),
        ({"follow_redirects": 1}, "follow_redirects must be"),
        ({"keep_alive": None}, "keep_alive must be"),
        ({"seed": "x"}, "seed must be"),
        ({"insecure": True}, "insecure: only for https"),
        ({"ca_file": "a", "cert_file": "b"}, "ca_file, cert_file: only for https"),
        ({"url": "https://h/", "ca_file": "/absent"}, "ca_file '/absent' cannot be read"),
        ({"url": "https://h/", "key_file": "a"}, "needs cert_file"),
        ({"unix_socket": ""}, "unix_socket must be"),
        ({"rows": []}, "rows must be"),
        ({"rows": ROWS}, r"nothing names one of their columns: write \{\{name\}\}"),
        ({"rows": "a.txt"}, r"neither a \.csv nor"),
        ({"rows": "/absent.csv"}, "no file /absent.csv"),
        ({"rows": [{"n": "1"}], "url": "http://h/{{n}}"}, r"column 'n', which hides \{\{n\}\}: rename"),
        (
            {"rows": [{"a": "x"}, {"a": "SECRET\n"}], "headers": {"X": "{{a}}"}},
            "rows: 'a' of row 2 holds a line break",
        ),
        ({"requests": [5]}, "requests must be"),
        ({"requests": HttpRequest("/")}, "requests must be"),
        ({"requests": [HttpRequest("/")], "method": "POST", "body": "SECRET"}, "body, method would be lost"),
        ({"requests": [HttpRequest("/")], "url": "http://h/?x=1"}, "query of url would be lost"),
        (
            {"requests": [HttpRequest("/"), HttpRequest("/", body="x")]},
            "two requests are called 'GET /': give each a name",
        ),
        ({"requests": [HttpRequest("/{{nope}}")]}, "nope.* names nothing"),
    ],
)
def test_what_is_wrong_is_said_when_the_target_is_made(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        HttpTarget(**{"url": URL} | arguments)
    error: BaseException | None = caught.value
    while error is not None:
        assert "SECRET" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": ""}, "path must begin with '/'"),
        ({"path": "x"}, "path must begin with '/'"),
        ({"path": "http://ann:SECRET@h/"}, "path must begin with '/'"),
        ({"path": 5}, "path must begin with '/'"),
        ({"path": "/a\nb"}, "line break"),
        ({"name": ""}, "name must be"),
        ({"name": "a\nb"}, "name must be"),
        ({"name": 5}, "name must be"),
        ({"weight": 0}, "weight must be"),
        ({"weight": -1}, "weight must be"),
        ({"weight": float("nan")}, "weight must be"),
        ({"weight": float("inf")}, "weight must be"),
        ({"weight": True}, "weight must be"),
        ({"weight": "1"}, "weight must be"),
        ({"method": ""}, "method must be"),
        ({"headers": {"X-A": 5}}, "value of X-A must be a string"),
    ],
)
def test_a_request_checks_itself(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        HttpRequest(**{"path": "/"} | arguments)
    assert "SECRET" not in str(caught.value)


def test_a_wrong_file_of_rows_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("id\n1\n1,2\n")
    with pytest.raises(FileFormatError, match=r"users\.csv, line 3"):
        HttpTarget(f"{URL}/{{{{id}}}}", rows=path)


def test_a_target_goes_to_another_process_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("id\n1\nü\n")
    target = HttpTarget(
        f"{URL}/api",
        requests=[
            HttpRequest("/{{id}}", "POST", {"X": "{{uuid}}"}, json={"id": "{{id}}"}, name="one"),
            HttpRequest("/{{n}}", form={"a": "{{id}}"}),
        ],
        rows=path,
        bearer="SECRET",
    )
    data = pickle.dumps(target)
    path.unlink()
    copy = pickle.loads(data)
    assert copy == target
    assert first(copy, 20) == first(target, 20)
    assert (copy.endpoint, copy.tls, copy.part_names) == (target.endpoint, target.tls, target.part_names)


def test_https(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    target = HttpTarget("https://localhost/", ca_file=str(tmp_path / "ca.pem"))
    assert target.tls == TlsOptions(ca_file=str(tmp_path / "ca.pem"))
    assert isinstance(target.tls.context(), ssl.SSLContext)
    assert HttpTarget("https://localhost/").tls == TlsOptions()
    assert HttpTarget("https://localhost/", insecure=True).tls == TlsOptions(insecure=True)
    assert split(first(target)[0])[1]["Host"] == "localhost"


def test_a_unix_socket() -> None:
    target = HttpTarget("http://localhost/x", unix_socket="/run/app.sock")
    assert target.endpoint.unix_socket == "/run/app.sock"
    assert target.text == "GET http://localhost/x through /run/app.sock"
