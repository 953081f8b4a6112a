"""Ports that the system gives to who asks for any: a server of a test has another one in each session."""

import re
from functools import cache
from pathlib import Path

ANY_PORT = "*"
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL = (32_768, 60_999)  # Linux's own default; what other systems use mostly lies within
# Of an address as it is shown: behind the slashes, or behind hidden credentials.
_ON_LOOPBACK = re.compile(r"(?P<host>(?<=[/@])(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])):(?P<port>\d{1,5})(?!\d)")


@cache
def given_ports() -> tuple[int, int]:
    """The first and the last of them."""
    try:
        first, last = map(int, _RANGE.read_text().split())
    except (OSError, ValueError):  # not Linux, or a container that hides it
        return _USUAL
    return first, last


def without_given_port(text: str) -> str:
    """``text`` with ``*`` for each port on loopback that the system may have given."""
    first, last = given_ports()

    def steady(found: re.Match[str]) -> str:
        return f"{found['host']}:{ANY_PORT}" if first <= int(found["port"]) <= last else found[0]

    return _ON_LOOPBACK.sub(steady, text)
