"""What came back to a request; taken apart only where a user looks at it."""

import json as jsonlib
import re
from typing import Any, Protocol

from paceline.core.errors import ConfigurationError, MeasurementError, PacelineError
from paceline.scenario.cookies import parsed_cookies
from paceline.scenario.failure import RequestFailed
from paceline.wire.content import Headers, take_apart, text_of, unpacked_body
from paceline.wire.failure import MALFORMED, WireError
from paceline.wire.request import Prepared

CHECK = "check"
_END_OF_HEAD = b"\r\n\r\n"
_STATUS_AT = len("HTTP/1.1 ")
_INTERIM = ord("1")  # such as 103: its head is not the last
_SET_COOKIE = b"\nset-cookie:"
# Rules out nearly all answers, at two thirds of what lowering their letters costs.
_COOKIE = re.compile(rb"-cookie:", re.IGNORECASE).search
_SHORT = 4096  # an answer of which it is quicker to look at all than to find its head


class Attempt(Protocol):
    """An exchange that has not been reported yet, as far as its answer knows it."""

    def fail(self, kind: str, message: str) -> None:
        """It is an error."""


class Owner(Protocol):
    """The client that an answer came to, as far as the answer knows it.

    Attributes:
        recording: whether its requests are attempts.
    """

    recording: bool

    def open_attempt(self, answer: "Answer") -> Attempt | None:
        """The exchange that brought ``answer``, while it is not reported."""


class Answer:
    """What a server answered.

    Attributes:
        status: such as 200.
        ok: whether it counts as ok: a status that was expected, by default below 400, and every check held.
    """

    # Not the exchange, whose result this is: the two would hold each other and be left to the garbage collector, which
    # took 8 to 19 % of a scenario's time, in pauses of up to 80 ms.
    __slots__ = ("_body", "_duration_s", "_owner", "_raw", "_request", "_taken_apart", "ok", "status")

    _body: bytes
    _taken_apart: tuple[Headers, bytes]

    def __init__(self, owner: Owner, request: Prepared, status: int, raw: bytes | bytearray, duration_s: float) -> None:
        self.ok = True
        self.status = status
        self._owner = owner
        self._raw = raw
        self._duration_s = duration_s
        self._request = request

    def __repr__(self) -> str:
        return f"<Answer {self.status}>"

    @property
    def elapsed_ms(self) -> float:
        """From sending the request to the last byte of the answer, in ms."""
        return self._duration_s * 1e3

    @property
    def headers(self) -> Headers:
        """The header fields."""
        return self._parts[0]

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that this answer sets."""
        return {name: morsel.value for name, morsel in parsed_cookies(self.headers.all("set-cookie"))}

    @property
    def body(self) -> bytes:
        """The body, unpacked where it came packed by gzip or deflate.

        Raises:
            RequestFailed: it cannot be unpacked.
            MeasurementError: likewise, but the attempt has been counted already.
        """
        try:
            return self._body
        except AttributeError:
            self._body = self._unpacked_body()
            return self._body

    def _unpacked_body(self) -> bytes:
        headers, packed = self._parts
        try:
            return unpacked_body(headers, packed)
        except WireError as error:
            raise self._malformed(error.message) from error

    @property
    def text(self) -> str:
        """The body as text, by the charset it names or UTF-8."""
        return text_of(self.headers, self.body)

    def json(self) -> Any:  # noqa: ANN401  # whatever the server says
        """The body as JSON.

        Raises:
            ValueError: it is none.
        """
        return jsonlib.loads(self.body)

    def check(self, what: str, held: object) -> bool:
        """Make the attempt an error called ``what`` unless ``held``; to be called before the next request begins.

        Returns:
            Whether it held.

        Raises:
            ConfigurationError: it did not hold, but the attempt has been counted already.
            RequestFailed: it did not hold, in ``on_start`` or ``on_stop``, where attempts are not counted.
        """
        if held:
            return True
        if not self._owner.recording:
            raise RequestFailed(CHECK, what)
        attempt = self._owner.open_attempt(self)
        if attempt is None:
            raise ConfigurationError(
                f"check {what!r} comes too late, the attempt has been counted:"
                " check an answer before the next request and before think()"
            )
        if self.ok:
            self.ok = False
            attempt.fail(CHECK, what)
        return False

    @property
    def _parts(self) -> tuple[Headers, bytes]:
        try:
            return self._taken_apart
        except AttributeError:
            self._taken_apart = take_apart(self._raw, is_head=self._request.is_head)
            return self._taken_apart

    def _malformed(self, why: str) -> PacelineError:
        message = f"the answer is malformed: {why}"
        attempt = self._owner.open_attempt(self)
        if self._owner.recording and attempt is None:
            return MeasurementError(message)  # it was counted as ok: this is an error besides
        if self.ok and attempt is not None:
            self.ok = False
            attempt.fail(MALFORMED, message)
        return RequestFailed(MALFORMED, message)


def sets_cookies(raw: bytes | bytearray) -> bool:
    """Whether an answer may set cookies; asked of every answer."""
    if len(raw) < _SHORT and _COOKIE(raw) is None:
        return False
    if len(raw) < _SHORT or raw[_STATUS_AT] == _INTERIM:
        return _SET_COOKIE in raw.lower()
    return _SET_COOKIE in raw[: raw.find(_END_OF_HEAD)].lower()
