import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.wire.request import USER_AGENT, Prepared, basic_authorization, encode_request, head_fields

BAD_VALUES = ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "a\x7fb", "\ud800"]


def test_a_plain_get() -> None:
    assert encode_request("GET", "/a?b=1", "localhost:8000") == (
        f"GET /a?b=1 HTTP/1.1\r\nHost: localhost:8000\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n\r\n".encode()
    )


def test_a_post_with_headers_and_body() -> None:
    data = encode_request("POST", "/", "h", {"Accept": "text/plain", "X-Name": "Jürgen"}, b"x=1")
    assert (
        data
        == (
            f"POST / HTTP/1.1\r\nHost: h\r\nUser-Agent: {USER_AGENT}\r\nAccept: text/plain\r\n"
            "X-Name: Jürgen\r\nContent-Length: 3\r\n\r\nx=1"
        ).encode()
    )


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", None, None),
        ("HEAD", None, None),
        ("DELETE", None, None),
        ("POST", None, b"0"),
        ("PUT", None, b"0"),
        ("PATCH", None, b"0"),
        ("GET", b"", b"0"),
        ("DELETE", b"ab", b"2"),
    ],
)
def test_the_length_is_told_where_a_body_is_or_is_expected(
    method: str, body: bytes | None, length: bytes | None
) -> None:
    match = re.search(rb"Content-Length: (\d+)\r\n", encode_request(method, "/", "h", body=body))
    assert (match and match[1]) == length


def test_the_user_may_say_host_and_user_agent() -> None:
    fields = head_fields("h", [("X-A", "1"), ("host", "other"), ("user-agent", "me"), ("X-A", "2")])
    assert fields == (("host", "other"), ("Accept", "*/*"), ("X-A", "1"), ("user-agent", "me"), ("X-A", "2"))


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\n", "GET /", "CONNECT", "connect", "É", 5])
def test_bad_methods_are_refused(method: str) -> None:
    with pytest.raises(ConfigurationError, match="method"):
        encode_request(method, "/", "h")


@pytest.mark.parametrize("target", ["", "a", "*", "/a b", "/a\r\nX: 1", "/ä", "/\0", "http://h/", "?x"])
def test_bad_targets_are_refused(target: str) -> None:
    with pytest.raises(ConfigurationError, match="request target"):
        encode_request("GET", target, "h")


def test_options_may_ask_for_the_server_itself() -> None:
    assert encode_request("OPTIONS", "*", "h").startswith(b"OPTIONS * HTTP/1.1\r\n")


@pytest.mark.parametrize("value", BAD_VALUES)
def test_values_that_would_end_their_line_are_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ConfigurationError, match="the value of X-A holds") as caught:
        encode_request("GET", "/", "h", {"X-A": f"SECRET{value}"})
    assert "SECRET" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="the value of Host holds"):
        encode_request("GET", "/", value)


@pytest.mark.parametrize(
    "headers",
    [
        {"": "x"},
        {"X A": "SECRET"},
        {"X-Key: SECRET": "x"},
        {"X\r\nSECRET": "x"},
        {5: "x"},
        {"X": 5},
        {"X": None},
        {"X": b"SECRET"},
        "SECRET",
        5,
        [("a", "b", "c")],
        [("Host", "a"), ("HOST", "b")],
        {"content-length": "5"},
        {"Transfer-Encoding": "chunked"},
    ],
)
def test_bad_headers_are_refused_without_being_shown(headers: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="headers") as caught:
        encode_request("GET", "/", "h", headers)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


tokens = st.text("abcXYZ019!#$%&'*+.^_`|~-", min_size=1, max_size=12)


@given(
    method=tokens.filter(lambda text: text.upper() != "CONNECT"),
    target=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20).map(lambda text: "/" + text),
    headers=st.lists(st.tuples(tokens.map(lambda name: "X-" + name), st.text(max_size=20)), max_size=4),
    body=st.none() | st.binary(max_size=20),
)
def test_whatever_is_accepted_reads_back_as_it_was_meant(
    method: str, target: str, headers: list[tuple[str, str]], body: bytes | None
) -> None:
    try:
        data = encode_request(method, target, "h", headers, body)
    except ConfigurationError:
        assert any(re.search(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]", value) for _, value in headers)
        return
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == f"{method} {target} HTTP/1.1"
    fields = [(line.partition(": ")[0], line.partition(": ")[2]) for line in lines]
    assert fields[:3] == [("Host", "h"), ("User-Agent", USER_AGENT), ("Accept", "*/*")]
    assert fields[3 : 3 + len(headers)] == headers
    assert dict(fields[3 + len(headers) :]) == (
        {} if body is None and method not in {"POST", "PUT", "PATCH"} else {"Content-Length": str(len(body or b""))}
    )
    assert rest == (body or b"")


def test_a_prepared_request_does_not_show_its_bytes() -> None:
    prepared = Prepared(b"Authorization: Basic SECRET", 0, is_head=False, repeatable=True)
    assert "SECRET" not in repr(prepared) + str(prepared)


def test_basic_authorization_is_that_of_the_rfc() -> None:
    assert basic_authorization("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert basic_authorization("test", "123£") == "Basic dGVzdDoxMjPCow=="  # RFC 7617, 2.1


@pytest.mark.parametrize(
    ("user", "password"),
    [("a:b", "SECRET"), ("a\n", "SECRET"), ("a", "SECRET\0"), ("a", "\ud800"), (5, "x"), ("a", None)],
)
def test_bad_credentials_are_refused_without_being_shown(user: str, password: str) -> None:
    with pytest.raises(ConfigurationError, match="auth") as caught:
        basic_authorization(user, password)
    assert "SECRET" not in str(caught.value)
