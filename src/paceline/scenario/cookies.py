"""The cookies of one virtual user, for the one server a scenario has (RFC 6265 in essence)."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.cookies import CookieError, Morsel, SimpleCookie

from paceline.core.clock import Clock

MOST_COOKIES = 300  # a server that sets another one each time must not fill the memory


@dataclass(frozen=True, slots=True)
class _Cookie:
    text: str
    expires_s: float


class CookieJar:
    """Cookies by name and path. Host-only: a scenario has one server, and what is for others is not kept.

    Args:
        host: of the server.
        is_tls: whether ``Secure`` cookies are sent.
        clock: says when they expire.

    Attributes:
        expires_s: when the first of them expires, on the clock.
    """

    def __init__(self, host: str, clock: Clock, *, is_tls: bool) -> None:
        self._host = host
        self._is_tls = is_tls
        self._clock = clock
        self._cookies: dict[tuple[str, str], _Cookie] = {}
        self.expires_s = math.inf

    def __len__(self) -> int:
        return len(self._cookies)

    def take(self, set_cookies: Iterable[str], target: str) -> None:
        """Keep what an answer to a request for ``target`` sets."""
        now_s = self._clock.now_s()
        for name, morsel in parsed_cookies(set_cookies):
            domain = morsel["domain"].lstrip(".").lower()
            if domain and self._host != domain and not self._host.endswith(f".{domain}"):
                continue
            if morsel["secure"] and not self._is_tls:
                continue
            path = morsel["path"] if morsel["path"].startswith("/") else _folder(target)
            expires_s = self._expiry_s(morsel, now_s)
            self._cookies.pop((name, path), None)
            if expires_s > now_s and len(self._cookies) < MOST_COOKIES:
                self._cookies[name, path] = _Cookie(f"{name}={morsel.coded_value}", expires_s)
        self._look_ahead()

    def expire(self, now_s: float) -> None:
        """Forget what has expired."""
        self._cookies = {key: cookie for key, cookie in self._cookies.items() if cookie.expires_s > now_s}
        self._look_ahead()

    def header(self, target: str) -> str:
        """What ``Cookie`` says in a request for ``target``; empty when there is nothing to say."""
        path = target.partition("?")[0]
        fitting = [(key[1], cookie.text) for key, cookie in self._cookies.items() if _is_within(path, key[1])]
        return "; ".join(text for _, text in sorted(fitting, key=lambda pair: -len(pair[0])))

    def _look_ahead(self) -> None:
        self.expires_s = min((cookie.expires_s for cookie in self._cookies.values()), default=math.inf)

    def _expiry_s(self, morsel: "Morsel[str]", now_s: float) -> float:
        if morsel["max-age"]:  # wins over expires
            try:
                return now_s + int(morsel["max-age"])
            except ValueError:
                pass
        if morsel["expires"]:
            try:
                moment = parsedate_to_datetime(morsel["expires"].replace("-", " "))
            except ValueError:
                return math.inf
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
            return now_s + (moment - self._clock.utc_now()).total_seconds()
        return math.inf


def parsed_cookies(set_cookies: Iterable[str]) -> Iterator[tuple[str, "Morsel[str]"]]:
    """Names and cookies of ``Set-Cookie`` values; what is none is left out, as browsers do."""
    for line in set_cookies:
        try:
            yield from SimpleCookie(line).items()
        except CookieError:
            continue


def _folder(target: str) -> str:
    """The path that a cookie without one has: that of the request, up to its last slash."""
    return target.partition("?")[0].rpartition("/")[0] or "/"


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder if folder.endswith("/") else f"{folder}/")
