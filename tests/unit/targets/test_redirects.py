"""Where a redirect leads, and with which method and body."""

import pytest

from paceline.targets.redirects import next_request, onward
from paceline.wire.endpoint import Endpoint
from paceline.wire.failure import REDIRECT, WireError
from paceline.wire.request import Prepared

HERE = Endpoint("http", "localhost", 8000)


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "GET", "GET"), (301, "POST", "GET"), (301, "PUT", "PUT"), (302, "POST", "GET"), (302, "HEAD", "HEAD"),
        (303, "POST", "GET"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"), (307, "POST", "POST"), (308, "PUT", "PUT"),
    ],
)  # fmt: skip
def test_the_method(status: int, method: str, then: str) -> None:
    assert onward(method, "/a", status, "/b", HERE) == (then, "/b", then == method)
    data = f"{method} /a HTTP/1.1\r\nHost: h\r\nContent-Type: text/x\r\nContent-Length: 2\r\n\r\nab".encode()
    answer = f"HTTP/1.1 {status} Go\r\nLocation: /b\r\n\r\n".encode()
    following = next_request(Prepared(data, 3, is_head=False, repeatable=False), status, answer, HERE)
    assert following is not None
    rest = "Content-Type: text/x\r\nContent-Length: 2\r\n\r\nab" if then == method else "\r\n"
    assert following.data.decode() == f"{then} /b HTTP/1.1\r\nHost: h\r\n{rest}"
    assert (following.part, following.is_head, following.repeatable) == (3, then == "HEAD", then != "POST")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b?c#d", "/b?c"),
        ("b", "/x/b"),
        ("../b c", "/b%20c"),
        ("http://LOCALHOST:8000/b", "/b"),
        ("//localhost:8000", "/"),
    ],
)
def test_the_place(location: str, target: str) -> None:
    assert onward("GET", "/x/a", 302, location, HERE).target == target


@pytest.mark.parametrize(
    "location",
    ["http://elsewhere/", "https://localhost:8000/", "http://localhost/", "ftp://x/", "http://[/"],
)
def test_another_server_or_none(location: str) -> None:
    with pytest.raises(WireError) as failure:
        onward("GET", "/", 302, location, HERE)
    assert failure.value.kind == REDIRECT


def test_credentials_are_not_shown() -> None:
    with pytest.raises(WireError) as failure:
        onward("GET", "/", 302, "http://ann:hunter2@elsewhere:x/", HERE)
    assert "hunter2" not in failure.value.message


@pytest.mark.parametrize("head", ["200 OK\r\nLocation: /b", "302 Found\r\nX: y", "304 Not Modified\r\nLocation: /b"])
def test_no_other_place(head: str) -> None:
    request = Prepared(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 0, is_head=False, repeatable=True)
    assert next_request(request, int(head[:3]), f"HTTP/1.1 {head}\r\n\r\nLocation: /b".encode(), HERE) is None
