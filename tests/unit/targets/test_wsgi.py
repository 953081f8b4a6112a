import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.validate import validator

import pytest

from paceline.core.errors import ConfigurationError
from paceline.records.outcome import Outcome
from paceline.targets.wsgi import WsgiTarget

Environ = dict[str, Any]
Start = Callable[..., Callable[[bytes], None]]
TEXT = [("Content-Type", "text/plain")]


def once(app: Any, *arguments: Any, **options: Any) -> Outcome | None:
    outcome: Outcome | None = WsgiTarget(app, *arguments, **options).call_target().operation()
    return outcome


def plain(environ: Environ, start_response: Start) -> list[bytes]:
    start_response("200 OK", TEXT)
    return [b"ok"]


def answering(status: Any, body: Any = (b"x",), headers: Any = None) -> Callable[[Environ, Start], Any]:
    def app(environ: Environ, start_response: Start) -> Any:
        start_response(status, TEXT if headers is None else headers)
        return body

    return app


class Body:
    def __init__(self, parts: Iterable[Any], fails: Exception | None = None) -> None:
        self.parts, self.closed, self.fails = parts, 0, fails

    def __iter__(self) -> Iterator[Any]:
        yield from self.parts
        if self.fails is not None:
            raise self.fails

    def close(self) -> None:
        self.closed += 1


def test_environ_is_that_of_a_server() -> None:
    seen: Environ = {}

    def app(environ: Environ, start_response: Start) -> list[bytes]:
        seen.update(environ, body=environ["wsgi.input"].read())
        return plain(environ, start_response)

    headers = [("Cookie", "a=1"), ("Cookie", "b=2"), ("X-A", "1"), ("X-A", "é")]
    assert once(app, "/é%20?q=1", "put", headers, json=[1]) is None
    assert {key: value for key, value in seen.items() if not key.startswith("wsgi.")} == {
        "REQUEST_METHOD": "PUT",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/Ã© ",
        "QUERY_STRING": "q=1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "3",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_ADDR": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "*/*",
        "HTTP_USER_AGENT": seen["HTTP_USER_AGENT"],
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_A": "1, é",
        "body": b"[1]",
    }
    assert seen["wsgi.version"] == (1, 0)
    assert seen["wsgi.errors"] is sys.stderr


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_reference_validator_is_content(method: str) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(1)
        return plain(environ, start_response)

    assert once(validator(app), "/a?b=c", method, body=b"xy") is None


def test_each_call_has_its_own_environ_and_body() -> None:
    bodies = []

    def app(environ: Environ, start_response: Start) -> list[bytes]:
        assert "left" not in environ
        environ["left"] = environ.pop("PATH_INFO")
        bodies.append(environ["wsgi.input"].read())
        return plain(environ, start_response)

    operation = WsgiTarget(app, method="POST", body="xy").call_target().operation
    with ThreadPoolExecutor(2) as pool:
        assert [each.result() for each in [pool.submit(operation) for _ in range(4)]] == [None] * 4
    assert bodies == [b"xy"] * 4


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "302 Found", "399 Odd", "200"])
def test_below_400_is_ok(status: str) -> None:
    assert once(answering(status, [])) is None


@pytest.mark.parametrize("status", ["400 Bad", "404 Not Found", "503 Busy", "599 Odd"])
def test_from_400_on_is_an_error(status: str) -> None:
    assert once(answering(status)) == Outcome.error(f"HTTP {status[:3]}")


def test_start_response_may_be_called_by_the_first_iteration() -> None:
    def app(environ: Environ, start_response: Start) -> Iterator[bytes]:
        yield b""
        start_response("404 Not Found", TEXT)
        yield b"none"

    assert once(app) == Outcome.error("HTTP 404")


def test_write_takes_bytes() -> None:
    def app(environ: Environ, start_response: Start) -> list[bytes]:
        start_response("200 OK", TEXT)(b"part")
        return []

    assert once(app) is None


def twice(environ: Environ, start_response: Start) -> list[bytes]:
    start_response("200 OK", TEXT)
    return plain(environ, start_response)


def swallowing(environ: Environ, start_response: Start) -> list[bytes]:
    try:
        return twice(environ, start_response)
    except RuntimeError:
        return []


def writing_text(environ: Environ, start_response: Start) -> list[bytes]:
    start_response("200 OK", TEXT)("text")  # type: ignore[arg-type]  # on purpose
    return []


@pytest.mark.parametrize(
    ("app", "kind"),
    [
        (lambda environ, start_response: [], "WSGI: the application did not call start_response"),
        (lambda environ, start_response: [b""], "WSGI: the application did not call start_response"),
        (lambda environ, start_response: [b"x"], "WSGI: body before start_response"),
        (twice, "WSGI: start_response called a second time without exc_info"),
        (swallowing, "WSGI: start_response called a second time without exc_info"),
        (answering("200 OK", ["x"]), "WSGI: body of type str"),
        (answering("200 OK", "text"), "WSGI: body of type str"),
        (answering("200 OK", b"text"), "WSGI: body of type int"),
        (writing_text, "WSGI: body of type str"),
        (answering("OK"), "WSGI: status OK"),
        (answering("100 Continue"), "WSGI: status 100 Continue"),
        (answering("600 Odd"), "WSGI: status 600 Odd"),
        (answering("2000 Odd"), "WSGI: status 2000 Odd"),
        (answering(b"200 OK"), "WSGI: status b'200 OK'"),
        (answering(200), "WSGI: status 200"),
        (answering("x" * 1_000), "WSGI: status " + "x" * 60),
        (answering("200 OK", headers={"a": "b"}), "WSGI: headers of type dict"),
    ],
)
def test_what_no_server_could_send_is_an_error(app: Any, kind: str) -> None:
    assert once(app) == Outcome.error(kind)


def late_trouble(part: bytes) -> Callable[[Environ, Start], Iterator[bytes]]:
    def app(environ: Environ, start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield part
        try:
            raise ValueError("late")
        except ValueError:
            start_response("500 Oops", TEXT, sys.exc_info())
        yield b"sorry"

    return app


def test_exc_info_replaces_the_status_before_the_body() -> None:
    assert once(late_trouble(b"")) == Outcome.error("HTTP 500")


def test_exc_info_raises_after_the_first_part() -> None:
    with pytest.raises(ValueError, match="late"):
        once(late_trouble(b"x"))


def test_exc_info_raises_after_write() -> None:
    def app(environ: Environ, start_response: Start) -> list[bytes]:
        start_response("200 OK", TEXT)(b"part")
        try:
            raise ValueError("late")
        except ValueError:
            start_response("500 Oops", TEXT, sys.exc_info())
        return []

    with pytest.raises(ValueError, match="late"):
        once(app)


def test_answer_is_closed_whatever_happens() -> None:
    good, bad, text = Body([b"x"]), Body([b"x"], OSError("disk")), Body(["x"])
    assert once(answering("200 OK", good)) is None
    with pytest.raises(OSError, match="disk"):
        once(answering("200 OK", bad))
    assert once(answering("200 OK", text)) is not None
    assert (good.closed, bad.closed, text.closed) == (1, 1, 1)


def test_exceptions_propagate() -> None:
    def app(environ: Environ, start_response: Start) -> list[bytes]:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        once(app)
    with pytest.raises(TypeError, match="not iterable"):
        once(lambda environ, start_response: None)


class Application:
    def __call__(self, environ: Environ, start_response: Start) -> list[bytes]:
        return plain(environ, start_response)


class AnswerObject:
    """The other form of PEP 3333: a class whose instances are the answer."""

    def __init__(self, environ: Environ, start_response: Start) -> None:
        start_response("200 OK", TEXT)

    def __iter__(self) -> Iterator[bytes]:
        yield b"x"


def test_forms_of_applications() -> None:
    assert once(Application()) is None
    assert once(AnswerObject) is None


async def asynchronous(environ: Environ, start_response: Start) -> list[bytes]:
    return []


@pytest.mark.parametrize(
    ("app", "names"),
    [
        (None, "NoneType"),
        (asynchronous, "AsgiTarget"),
        (lambda: plain, "makes one"),
        (Application, "makes one"),
        (lambda scope, receive, send: None, "environ and start_response"),
    ],
)
def test_what_is_no_application_is_refused(app: Any, names: str) -> None:
    with pytest.raises(ConfigurationError, match=names):
        WsgiTarget(app)


def test_requests_are_checked_when_made() -> None:
    with pytest.raises(ConfigurationError, match="slash"):
        WsgiTarget(plain, "records")


def test_target_is_picklable_and_shows_no_credentials() -> None:
    target = WsgiTarget(plain, "/a?token=hunter2", headers={"Authorization": "hunter2"}, body="hunter2")
    assert pickle.loads(pickle.dumps(target)) == target
    assert "hunter2" not in repr(target) + target.text
    assert target.text == "GET /a?token=***"
    assert not target.call_target().is_async
