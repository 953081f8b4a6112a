import math
from datetime import UTC, datetime

import pytest

from paceline.core.clock import Clock
from paceline.scenario.cookies import MOST_COOKIES, CookieJar

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def jar(host: str = "shop.example.org", *, is_tls: bool = False) -> CookieJar:
    return CookieJar(host, Clock(now_s=lambda: 100.0, utc_now=lambda: NOW), is_tls=is_tls)


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("a=1", "a=1"),
        ('a="1 2"', 'a="1 2"'),
        ("a=1; Domain=example.org", "a=1"),
        ("a=1; Domain=.shop.example.org", "a=1"),
        ("a=1; Domain=ample.org", ""),
        ("a=1; Domain=other.org", ""),
        ("a=1; Secure", ""),
        ("a=1; Path=/elsewhere", ""),
        ("a=1; Max-Age=0", ""),
        ("a=1; Expires=Wed, 31 Dec 2025 23:59:59 GMT", ""),
        ("a=1; Expires=Wed, 31-Dec-2025 23:59:59 GMT", ""),
        ("a=1; Expires=Thu, 01 Jan 2026 00:00:01 GMT", "a=1"),
        ("a=1; Expires=Wed, 31 Dec 2025 23:59:59 GMT; Max-Age=5", "a=1"),
        ("no cookie at all", ""),
    ],
)
def test_what_is_kept(line: str, sent: str) -> None:
    kept = jar()
    kept.take([line], "/folder/page?x=/")
    assert kept.header("/folder/other") == sent
    assert kept.header("/") == ""


def test_secure_cookies_go_over_tls() -> None:
    kept = jar(is_tls=True)
    kept.take(["a=1; Secure; Path=/"], "/")
    assert kept.header("/") == "a=1"


def test_they_expire() -> None:
    kept = jar()
    kept.take(["a=1; Max-Age=5", "b=2"], "/")
    assert kept.expires_s == 105.0
    kept.expire(105.0)
    assert kept.header("/") == "b=2"
    assert kept.expires_s == math.inf


def test_the_same_name_and_path_replaces_and_their_number_is_bounded() -> None:
    kept = jar()
    for number in range(MOST_COOKIES + 5):
        kept.take([f"a={number}", f"n{number}=1"], "/")
    assert len(kept) == MOST_COOKIES
    assert f"a={MOST_COOKIES + 4}" in kept.header("/")
