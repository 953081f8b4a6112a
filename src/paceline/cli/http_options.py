"""Options that describe the request of ``paceline http``, and the target they make."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from paceline.cli.options import FILE, TLS, duration, packed
from paceline.core.errors import ConfigurationError
from paceline.targets.http import HttpTarget

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FROM_FILE = "@"
_MOST_BODY_BYTES = 100_000_000


@dataclass(frozen=True)
class RequestOptions:
    """What is sent, and over which connections; the fields are the options of the same names."""

    name: str | None
    method: str | None
    headers: tuple[str, ...]
    data: str | None
    json_data: str | None
    form: tuple[str, ...]
    rows: Path | None
    user: str | None
    bearer: str | None
    follow_redirects: bool
    no_keepalive: bool
    insecure: bool
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None
    unix_socket: str | None
    timeout_s: float
    connect_timeout_s: float
    no_probe: bool

    def target(self, url: str, connections: int | None, seed: int, *, dry: bool = False) -> HttpTarget:
        """The requests to ``url``, which may leave out ``http://``; ``dry``: to nobody.

        Raises:
            ConfigurationError: an option is wrong, or two contradict each other.
            FileFormatError: the file of rows is wrong.
        """
        body = _body(self.data, self.json_data, self.form)
        return HttpTarget(
            url if "://" in url else f"http://{url}",
            self.method or ("POST" if body else "GET"),
            headers=[header(line) for line in self.headers],
            connections=connections,
            rows=self.rows,
            auth=_credentials(self.user),
            bearer=self.bearer,
            ca_file=_text(self.ca_file),
            cert_file=_text(self.cert_file),
            key_file=_text(self.key_file),
            insecure=self.insecure,
            unix_socket=self.unix_socket,
            timeout_s=self.timeout_s,
            connect_timeout_s=self.connect_timeout_s,
            follow_redirects=self.follow_redirects,
            keep_alive=not self.no_keepalive,
            seed=seed,
            dry=dry,
            **body,
        )


def request_options(command: _Command) -> _Command:
    """What is sent; ``command`` gets it as ``request``, a :class:`RequestOptions`."""
    return packed(
        command, "request", RequestOptions,
        click.option(
            "--name", metavar="TEXT", help="Of the test in reports and baselines.  [default: method and path]"
        ),
        click.option("-X", "--method", metavar="METHOD", help="[default: GET; POST with a body]"),
        click.option(
            "-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent along. Repeatable."
        ),
        click.option("--data", metavar="TEXT|@FILE", help="Body: a text, or the content of a file."),
        click.option("--json-data", metavar="JSON|@FILE", help="Body, sent as JSON."),
        click.option("--form", multiple=True, metavar="NAME=VALUE", help="Body, sent as a form. Repeatable."),
        click.option(
            "--rows", type=FILE, metavar="FILE", help="CSV or JSONL whose columns fill {{column}} in URL and body."
        ),
        click.option("-u", "--user", metavar="NAME:PASSWORD", help="Basic authentication."),
        click.option("--bearer", metavar="TOKEN", help="Bearer authentication."),
        click.option("-L", "--follow-redirects", is_flag=True, help="Go where an answer points to."),
        click.option("--no-keepalive", is_flag=True, help="A new connection for each request."),
        *TLS,
        click.option("--unix-socket", metavar="PATH", help="Connect to a socket instead of host and port."),
        click.option(
            "--timeout", "timeout_s", callback=duration, default="30s", show_default=True, metavar="TIME",
            help="Limit of a whole request.",
        ),
        click.option(
            "--connect-timeout", "connect_timeout_s", callback=duration, default="5s", show_default=True,
            metavar="TIME", help="Limit of opening a connection.",
        ),
        click.option("--no-probe", is_flag=True, help="No second, independent client beside a load of 5 s and more."),
    )  # fmt: skip


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def header(line: str) -> tuple[str, str]:
    """A header line as name and value.

    Raises:
        ConfigurationError: it has no colon.
    """
    name, colon, value = line.partition(":")
    if not colon:
        raise ConfigurationError("--header takes 'NAME: VALUE'; there is no colon in one of them")
    return name.strip(), value.strip()


def _credentials(user: str | None) -> tuple[str, str] | None:
    if user is None:
        return None
    name, colon, password = user.partition(":")
    if not colon:
        raise ConfigurationError("--user takes NAME:PASSWORD; there is no colon in it")
    return name, password


def _body(data: str | None, json_data: str | None, form: tuple[str, ...]) -> dict[str, Any]:
    """The one of the body's arguments that is given, by its name.

    Raises:
        ConfigurationError: several are, one is not what it should be, or its file cannot be read.
    """
    if sum(each is not None and each != () for each in (data, json_data, form)) > 1:
        raise ConfigurationError("--data, --json-data and --form exclude each other: name one")
    if data is not None:
        return {"body": _content("--data", data)}
    if json_data is not None:
        content = _content("--json-data", json_data)
        try:
            import json

            return {"json": json.loads(content)}
        except ValueError as error:
            raise ConfigurationError(f"--json-data is no JSON: {error}") from error
    if form:
        fields = [field.partition("=") for field in form]
        if not all(equals for _, equals, _ in fields):
            raise ConfigurationError("--form takes NAME=VALUE; there is no '=' in one of them")
        return {"form": [(name, value) for name, _, value in fields]}
    return {}


def _content(option: str, text: str) -> str | bytes:
    if not text.startswith(_FROM_FILE):
        return text
    path = Path(text[1:])
    try:
        if path.stat().st_size > _MOST_BODY_BYTES:
            raise ConfigurationError(f"{option}: {path} is larger than {_MOST_BODY_BYTES:,} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{option}: {path} cannot be read: {error.strerror}") from error
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content
