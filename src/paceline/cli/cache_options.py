"""Options that describe what ``paceline cache`` sends, and the target they make."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from paceline.cli.options import TLS, duration, packed
from paceline.core.errors import ConfigurationError
from paceline.targets.cache import CacheTarget
from paceline.targets.cache_commands import DEFAULT_KEYS
from paceline.workload.keys import PATTERNS

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SIZE = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")


@dataclass(frozen=True)
class CacheOptions:
    """What is sent, and over which connections; the fields are the options of the same names."""

    name: str | None
    operation: Literal["mix", "get", "set", "delete"]
    ratio: str
    keys: int
    key_pattern: str
    value_size: int | tuple[int, int]
    pipeline: int
    ttl_s: float | None
    prefill: float | None
    flush: bool
    allow_destructive: bool
    insecure: bool
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None
    timeout_s: float
    connect_timeout_s: float

    def target(self, url: str, connections: int | None, seed: int) -> CacheTarget:
        """The commands to ``url``, which may leave out ``redis://`` where it holds no password.

        Raises:
            ConfigurationError: an option is wrong, or two contradict each other.
        """
        return CacheTarget(
            url if "://" in url or "@" in url else f"redis://{url}",
            self.operation,
            ratio=self.ratio,
            keys=self.keys,
            key_pattern=self.key_pattern,
            value_bytes=self.value_size,
            pipeline=self.pipeline,
            ttl_s=self.ttl_s,
            prefill=self.prefill,
            connections=connections,
            ca_file=_text(self.ca_file),
            cert_file=_text(self.cert_file),
            key_file=_text(self.key_file),
            insecure=self.insecure,
            timeout_s=self.timeout_s,
            connect_timeout_s=self.connect_timeout_s,
            flush=self.flush,
            allow_destructive=self.allow_destructive,
            seed=seed,
        )


def cache_options(command: _Command) -> _Command:
    """What is sent; ``command`` gets it as ``cache``, a :class:`CacheOptions`."""
    return packed(
        command, "cache", CacheOptions,
        click.option(
            "--name", metavar="TEXT", help="Of the test in reports and baselines.  [default: operation and keys]"
        ),
        click.option(
            "--operation", type=click.Choice(["mix", "get", "set", "delete"]), default="mix", show_default=True,
            help="SETs and GETs by --ratio, or one of them alone.",
        ),
        click.option("--ratio", default="1:10", show_default=True, metavar="SET:GET", help="Of a mix."),
        click.option("--keys", type=int, default=DEFAULT_KEYS, show_default=True, metavar="N", help="How many."),
        click.option(
            "--key-pattern", type=click.Choice(list(PATTERNS)), default="uniform", show_default=True,
            help="How they are drawn; zipf: constant 0.99.",
        ),
        click.option(
            "--value-size", callback=_size, default="100", show_default=True, metavar="BYTES|FROM-TO",
            help="Length of a value, or the shortest and the longest.",
        ),
        click.option(
            "--pipeline", type=int, default=1, show_default=True, metavar="N", help="Commands in flight a connection."
        ),
        click.option(
            "--ttl", "ttl_s", callback=duration, metavar="TIME", help="Time to live of what is stored.  [default: none]"
        ),
        click.option(
            "--prefill", callback=_share, metavar="PERCENT",
            help="Share of the keys to store beforehand.  [default: 100%; 0% with --operation set]",
        ),
        click.option("--flush", is_flag=True, help="Empty the whole database first (needs --allow-destructive)."),
        click.option("--allow-destructive", is_flag=True, help="Other people's keys may be deleted, or evicted."),
        *TLS,
        click.option(
            "--timeout", "timeout_s", callback=duration, default="5s", show_default=True, metavar="TIME",
            help="Limit of a command.",
        ),
        click.option(
            "--connect-timeout", "connect_timeout_s", callback=duration, default="5s", show_default=True,
            metavar="TIME", help="Limit of opening a connection.",
        ),
    )  # fmt: skip


def _size(_: click.Context, parameter: click.Parameter, text: str) -> int | tuple[int, int]:
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is no length such as 100 or 100-2000", param=parameter)
    return int(match[1]) if match[2] is None else (int(match[1]), int(match[2]))


def _share(_: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    # The sign is asked for: 1 could mean all of them or one in a hundred.
    number, is_percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(number) / 100
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no percentage such as 80%", param=parameter) from error
    if not is_percent or not 0 <= share <= 1:
        raise click.BadParameter(f"{text!r} is no percentage from 0% to 100%", param=parameter)
    return share


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def checked_url(url: str) -> str:
    """``url``, unless it holds credentials in a way that nothing recognises as such.

    Raises:
        ConfigurationError: it does; the message does not show it.
    """
    if "@" in url and "://" not in url:
        raise ConfigurationError("a URL with user or password begins with redis://, rediss:// or unix://")
    return url
