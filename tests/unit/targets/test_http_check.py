"""What an answer must hold: found where it is, missed where it is not, and refused where it makes no sense."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.targets.http_check import CHECK, Expectation, HttpCheck
from paceline.targets.http_request import HttpRequest
from paceline.wire.failure import MALFORMED, STATUS

ITEM: dict[str, Any] = {
    "id": 7,
    "name": "schöne Schuhe",
    "new": True,
    "none": None,
    "price": {"amount": 9.5, "currency": "EUR"},
    "tags": ["a", {"deep": [1, 2]}],
}


def answer(body: bytes, *fields: str, status: int = 200) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def missing(check: HttpCheck, raw: bytes, *, is_head: bool = False) -> str | None:
    """What is wrong with an answer; looked at twice, for what was good once is not looked at again."""
    expected = Expectation(None, check)
    failures = [expected.failure(200, raw, is_head=is_head) for _ in range(2)]
    assert [failure is None for failure in failures] in ([True, True], [False, False])
    if failures[1] is None:
        return None
    assert failures[1].kind == CHECK
    return failures[1].message


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (HttpCheck("schöne"), None),
        (HttpCheck(["schöne", "EUR"]), None),
        (HttpCheck(["schöne", "USD"]), 'the body has no "USD"'),
        (HttpCheck(headers={"content-TYPE": "json", "X-A": ""}), None),
        (HttpCheck(headers={"X-A": "2"}), None),
        (HttpCheck(headers={"X-B": ""}), "there is no header X-B"),
        (HttpCheck(headers={"X-A": "4"}), 'header X-A has no "4"'),
        (HttpCheck(json={"id": 7, "name": "schöne Schuhe", "new": True, "none": None}), None),
        (HttpCheck(json={"id": 7.0, "price.amount": 9.5, "tags[0]": "a", "tags[1].deep[1]": 2}), None),
        (HttpCheck(json={"price": {"currency": "EUR"}, "tags": ["a", {"deep": [1, 2]}]}), None),
        (HttpCheck(json={"tags[1]": {"deep[0]": 1}, "price": {}}), None),
        (HttpCheck(json={"price": {"currency": "USD"}}), 'json price.currency is not "USD"'),
        (HttpCheck(json={"id": True}), "json id is not true"),
        (HttpCheck(json={"new": 1}), "json new is not 1"),
        (HttpCheck(json={"id": "7"}), 'json id is not "7"'),
        (HttpCheck(json={"none": False}), "json none is not false"),
        (HttpCheck(json={"id": {}}), "json id is not {}"),
        (HttpCheck(json={"id.x": 7}), "json id.x is not 7"),
        (HttpCheck(json={"id[0]": 7}), "json id[0] is not 7"),
        (HttpCheck(json={"tags[2]": None}), "json tags[2] is not null"),
        (HttpCheck(json={"other": None}), "json other is not null"),
        (HttpCheck(json={"tags": ["a"]}), 'json tags is not ["a"]'),
        (HttpCheck(json={"tags": "a"}), 'json tags is not "a"'),
        (HttpCheck(json={"name": "x" * 99}), f'json name is not "{"x" * 59}...'),
        (HttpCheck(json={"access_token": "s3cret"}), 'json access_token is not "***"'),
        (HttpCheck(headers={"X-Token": "s3cret"}), "there is no header X-Token"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_there_and_what_is_not(check: HttpCheck, said: str | None, *, packed: bool) -> None:
    body = json.dumps(ITEM, ensure_ascii=False).encode()
    fields = ["Content-Type: application/json", "X-A: 1", "X-A: 23"]
    if packed:
        body, fields = gzip.compress(body), [*fields, "Content-Encoding: gzip"]
    assert missing(check, answer(body, *fields)) == said
    assert missing(check, b"HTTP/1.1 103 Early Hints\r\nX-B: 1\r\n\r\n" + answer(body, *fields)) == said


def test_the_charset_is_the_answer_s() -> None:
    raw = answer("schöne".encode("latin-1"), "Content-Type: text/plain; charset=latin-1")
    assert missing(HttpCheck("schöne"), raw) is None
    assert missing(HttpCheck("schoene"), raw) == 'the body has no "schoene"'


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json(body: bytes) -> None:
    assert missing(HttpCheck(json={"id": 7}), answer(body)) == "the body is no JSON"


def test_an_answer_to_head_has_no_body() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert missing(HttpCheck("x"), raw, is_head=True) == 'the body has no "x"'
    assert missing(HttpCheck(headers={"Content-Length": "5"}), raw, is_head=True) is None


def test_a_body_that_cannot_be_unpacked_is_malformed() -> None:
    failure = Expectation(None, HttpCheck("x")).failure(200, answer(b"x", "Content-Encoding: gzip"), is_head=False)
    assert failure is not None
    assert failure.kind == MALFORMED


def test_another_status_is_said_before_anything_else() -> None:
    expected = Expectation(frozenset({200, 404}), HttpCheck("x"))
    assert [expected.takes(status) for status in (200, 204, 404)] == [True, False, True]
    failure = expected.failure(204, None, is_head=False)
    assert failure is not None
    assert (failure.kind, failure.message) == (STATUS, "HTTP 204, expected 200 or 404")
    assert expected.failure(404, answer(b"x"), is_head=False) is None
    assert not Expectation(frozenset({200}), None).of_content


def leaves(tree: object, path: str = "") -> Iterator[tuple[str, Any]]:
    items: Any = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        longer = f"{path}[{key}]" if isinstance(tree, list) else f"{path}.{key}" if path else key
        yield longer, value
        yield from leaves(value, longer)


trees = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b-c", "d e"]), inner),
    max_leaves=9,
)


@given(trees, trees)
def test_every_path_of_a_tree_leads_to_its_value_and_to_no_other(tree: Any, other: Any) -> None:
    raw = answer(json.dumps(tree).encode())
    for path, value in leaves(tree):
        if "{{" in json.dumps(value):
            continue
        assert missing(HttpCheck(json={path: value}), raw) is None
        if isinstance(value, dict) or isinstance(other, dict | list) or type(value) is type(other):
            continue
        if isinstance(value, int | float) and isinstance(other, int | float) and not isinstance(value, bool):
            continue
        assert (
            missing(HttpCheck(json={path: other}), raw) == f"json {path} is not {json.dumps(other, ensure_ascii=False)}"
        )


@pytest.mark.parametrize(
    ("given_", "complaint"),
    [
        ({}, "it checks nothing"),
        ({"contains": ""}, "contains must be a text that is not empty"),
        ({"contains": ["a", 7]}, "contains must be a text"),
        ({"contains": 7}, "contains must be a text"),
        ({"contains": "{{n}}"}, "cannot be filled in"),
        ({"headers": ["a"]}, "headers must be a table"),
        ({"headers": {"a b": "x"}}, "not 'a b'"),
        ({"headers": {"a": 7}}, "headers must be texts"),
        ({"json": [1]}, "json must be a table"),
        ({"json": {"": 1}}, "json: '' is no path such as items"),
        ({"json": {"a..b": 1}}, "'a..b' is no path"),
        ({"json": {"a[x]": 1}}, "is no path"),
        ({"json": {"a": {"b]": 1}}}, "is no path"),
        ({"json": {"a": [{"b]": 1}]}}, "is no path"),
        ({"json": {"a": float("nan")}}, "json: a: json cannot be said in JSON"),
        ({"json": {"a": b"x"}}, "a is to be of type bytes, which JSON does not have"),
        ({"json": {"a": [{"b": b"x"}]}}, "json: a: json cannot be said in JSON"),
        ({"json": {"a": "x{{uuid}}"}}, "cannot be filled in"),
    ],
)
def test_what_makes_no_check(given_: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        HttpCheck(**given_)
    assert complaint in str(caught.value)


def test_a_request_takes_both() -> None:
    request = HttpRequest("/", expect=200, check=HttpCheck("s3cret"))
    assert request.expect == frozenset({200})
    assert "s3cret" not in f"{request!r} {request.check!r}"
    with pytest.raises(ConfigurationError, match="check must be an HttpCheck, not dict"):
        HttpRequest("/", check={"contains": "x"})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="expect must be a status such as 404"):
        HttpRequest("/", expect=42)
