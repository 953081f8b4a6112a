from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.core.version import __version__
from paceline.targets.in_process import STATUS_ERRORS, InProcessRequest, in_process_request, kept_headers, text_of

USUAL = {b"host": b"localhost", b"accept": b"*/*", b"user-agent": f"paceline/{__version__}".encode()}


def request_of(
    path: str = "/", method: str = "GET", headers: Any = None, body: Any = None, json: object = None
) -> InProcessRequest:
    return in_process_request(path, method, headers, body, json)


@pytest.mark.parametrize(
    ("path", "raw_path", "query"),
    [
        ("/", b"/", b""),
        ("/a?b=1&c=2", b"/a", b"b=1&c=2"),
        ("/a?", b"/a", b""),
        ("/a?b?c", b"/a", b"b?c"),
        ("/a#b?c", b"/a", b""),
        ("/a b/é?q=é x", b"/a%20b/%C3%A9", b"q=%C3%A9%20x"),
        ("/a%2Fb?q=%26", b"/a%2Fb", b"q=%26"),
        ("//a", b"//a", b""),
    ],
)
def test_path_and_query_are_encoded(path: str, raw_path: bytes, query: bytes) -> None:
    request = request_of(path)
    assert (request.raw_path, request.query) == (raw_path, query)


def test_path_is_decoded_for_each_protocol() -> None:
    request = request_of("/%C3%A9/ü")
    assert request.path == "/é/ü"
    assert request.native_path == "/é/ü".encode().decode("latin-1")


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="?#%")))
def test_any_text_is_a_path(text: str) -> None:
    request = request_of("/" + text)
    assert unquote_to_bytes(request.raw_path).decode() == request.path == "/" + text


def test_what_every_client_sends_is_added() -> None:
    assert dict(request_of().headers) == USUAL
    posted = request_of(method="post", json={"a": "é"})
    assert posted.method == "POST"
    assert posted.body == '{"a":"é"}'.encode()
    assert dict(posted.headers) == USUAL | {b"content-type": b"application/json", b"content-length": b"10"}
    assert dict(request_of(method="PUT").headers)[b"content-length"] == b"0"
    assert dict(request_of(body="é").headers)[b"content-length"] == b"2"
    assert request_of(body=bytearray(b"ab")).body == b"ab"


def test_what_is_given_stays() -> None:
    given_headers = {"Host": "shop", "Accept": "a", "User-Agent": "u", "Content-Type": "c", "Content-Length": "1"}
    request = request_of(headers=given_headers, json=1)
    assert dict(request.headers) == {name.lower().encode(): value.encode() for name, value in given_headers.items()}
    chunked = request_of(method="POST", headers={"Transfer-Encoding": "chunked"})
    assert b"content-length" not in dict(chunked.headers)


def test_pairs_may_repeat_a_name() -> None:
    request = request_of(headers=[("X-A", "1"), ("x-a", " 2\t")])
    assert request.headers[-2:] == ((b"x-a", b"1"), (b"x-a", b"2"))


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ({"path": "records"}, "slash"),
        ({"path": "http://user:hunter2@host/"}, "slash"),
        ({"path": 7}, "path"),
        ({"path": "/a\r\nb"}, "control"),
        ({"path": "/\udc80"}, "UTF-8"),
        ({"method": "GET /"}, "method"),
        ({"method": ""}, "method"),
        ({"method": None}, "method"),
        ({"body": b"", "json": 0}, "both"),
        ({"body": {"a": 1}}, "for data there is json"),
        ({"body": "\udc80"}, "body"),
        ({"json": object()}, "json"),
        ({"json": float("nan")}, "json"),
        ({"headers": "A: b"}, "headers"),
        ({"headers": 7}, "headers"),
        ({"headers": [1]}, "headers"),
        ({"headers": {"a b": "c"}}, "'a b'"),
        ({"headers": {1: "c"}}, "1"),
        ({"headers": {"Authorization": 7}}, "Authorization must be a string"),
        ({"headers": {"Authorization": "hunter2\r\nX: y"}}, "Authorization holds a line break"),
        ({"headers": {"Authorization": "hunter2\u20ac"}}, "Latin-1"),
    ],
)
def test_what_http_cannot_carry_is_refused(parts: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigurationError, match=names) as refused:
        request_of(**parts)
    assert "hunter2" not in str(refused.value)


def test_headers_are_kept_apart_from_what_was_given() -> None:
    def pairs() -> Iterator[tuple[str, str]]:
        yield "a", "b"

    assert kept_headers(pairs()) == (("a", "b"),)
    assert kept_headers(None) == ()
    given_headers = {"a": "b"}
    kept = kept_headers(given_headers)
    given_headers.clear()
    assert kept == (("a", "b"),)


def test_text_shows_no_credentials() -> None:
    assert text_of("/a?token=hunter2", "get") == "GET /a?token=***"


def test_every_error_status_has_its_kind() -> None:
    assert set(STATUS_ERRORS) == set(range(400, 600))
    assert STATUS_ERRORS[503].kind == "HTTP 503"
