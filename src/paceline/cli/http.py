"""``paceline http``: load an HTTP endpoint."""

from pathlib import Path
from typing import Any

import click

from paceline.campaign.load import load_request
from paceline.cli.display import Progress
from paceline.cli.load_options import DEFAULT_CONNECTIONS, StageList, default_warmup_s, load_options, workload_of
from paceline.cli.measuring import OutputOptions, measure
from paceline.cli.options import FILE, duration, output_options
from paceline.core.errors import ConfigurationError
from paceline.framework import PerformanceTestFramework
from paceline.judge.thresholds import PerformanceThreshold
from paceline.targets.http import HttpTarget

_FROM_FILE = "@"
_MOST_BODY_BYTES = 100_000_000


@click.command("http")
@click.argument("url")
@click.option(
    "-c", "--connections", type=int, help=f"Kept open, one request in flight on each.  [default: {DEFAULT_CONNECTIONS}]"
)
@load_options
@click.option("--name", metavar="TEXT", help="Of the test in reports and baselines.  [default: method and path]")
@click.option("-X", "--method", metavar="METHOD", help="[default: GET; POST with a body]")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent along. Repeatable.")
@click.option("--data", metavar="TEXT|@FILE", help="Body: a text, or the content of a file.")
@click.option("--json-data", metavar="JSON|@FILE", help="Body, sent as JSON.")
@click.option("--form", multiple=True, metavar="NAME=VALUE", help="Body, sent as a form. Repeatable.")
@click.option("--rows", type=FILE, metavar="FILE", help="CSV or JSONL whose columns fill {{column}} in URL and body.")
@click.option("-u", "--user", metavar="NAME:PASSWORD", help="Basic authentication.")
@click.option("--bearer", metavar="TOKEN", help="Bearer authentication.")
@click.option("-L", "--follow-redirects", is_flag=True, help="Go where an answer points to.")
@click.option("--no-keepalive", is_flag=True, help="A new connection for each request.")
@click.option("-k", "--insecure", is_flag=True, help="Trust any certificate.")
@click.option("--ca", "ca_file", type=FILE, metavar="FILE", help="Certificates to trust, instead of the system's.")
@click.option("--cert", "cert_file", type=FILE, metavar="FILE", help="Certificate of this client.")
@click.option("--key", "key_file", type=FILE, metavar="FILE", help="Its key.")
@click.option("--unix-socket", metavar="PATH", help="Connect to a socket instead of host and port.")
@click.option("--timeout", "timeout_s", callback=duration, default="30s", show_default=True, metavar="TIME",
              help="Limit of a whole request.")  # fmt: skip
@click.option("--connect-timeout", "connect_timeout_s", callback=duration, default="5s", show_default=True,
              metavar="TIME", help="Limit of opening a connection.")  # fmt: skip
@click.option("--no-probe", is_flag=True, help="No second, independent client beside a load of 5 s and more.")
@output_options
def command(
    url: str,
    connections: int | None,
    duration_s: float | None,
    requests: int | None,
    per_second: float | None,
    poisson: bool,
    stage_list: StageList | None,
    think_time_s: float | None,
    max_in_flight: int | None,
    warmup_s: float | None,
    seed: int,
    target_pids: tuple[int, ...],
    name: str | None,
    method: str | None,
    headers: tuple[str, ...],
    data: str | None,
    json_data: str | None,
    form: tuple[str, ...],
    rows: Path | None,
    user: str | None,
    bearer: str | None,
    follow_redirects: bool,
    no_keepalive: bool,
    insecure: bool,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    unix_socket: str | None,
    timeout_s: float,
    connect_timeout_s: float,
    no_probe: bool,
    thresholds: tuple[str, ...],
    baseline: Path | None,
    save_baseline: Path | None,
    json_file: Path | None,
    strict: bool,
    resume: bool,
    quiet: bool,
    no_color: bool,
    debug: bool,
) -> int:
    """Put a load on an HTTP/1.1 endpoint and say what it does under it.

    \b
    paceline http http://localhost:8000/records -c 50 -d 30s -t 'p(99)<200ms' -t 'error_rate<1%'
    paceline http http://localhost:8000/records --rate 500/s -c 100
    paceline http 'http://localhost:8000/records/{{id}}' --rows ids.csv --stage 30s:500/s

    Connections are a closed loop: each sends its next request when the last is answered, so a slow server gets less
    load. --rate is an open loop: requests are due at their time, and latency counts from then; -c says how many can be
    under way at once. Errors count in error_rate, not in latency.

    Exit codes: 0 all held, 1 a limit is broken or every attempt failed, 2 interrupted, 3 could not run, 4 wrong use,
    6 the run supports no verdict.
    """  # noqa: D301  # \b is the character that keeps click from joining the lines
    del debug  # read by main(), before the command is known
    workload = workload_of(
        connections, duration_s, requests, per_second, stage_list, think_time_s, max_in_flight, seed, poisson=poisson
    )
    body = _body(data, json_data, form)
    target = HttpTarget(
        url if "://" in url else f"http://{url}",
        method or ("POST" if body else "GET"),
        headers=[_header(line) for line in headers],
        connections=connections,
        rows=rows,
        auth=_credentials(user),
        bearer=bearer,
        ca_file=_text(ca_file),
        cert_file=_text(cert_file),
        key_file=_text(key_file),
        insecure=insecure,
        unix_socket=unix_socket,
        timeout_s=timeout_s,
        connect_timeout_s=connect_timeout_s,
        follow_redirects=follow_redirects,
        keep_alive=not no_keepalive,
        seed=seed,
        **body,
    )
    request = load_request(
        target.part_names[0] if name is None else name,
        target,
        workload,
        {},
        warmup_s=default_warmup_s(requests) if warmup_s is None else warmup_s,
        target_pids=target_pids,
        probe=False if no_probe else None,
    )
    threshold = PerformanceThreshold(expressions=thresholds) if thresholds else None

    def work(framework: PerformanceTestFramework, progress: Progress) -> None:
        progress.announce(f"{target.text}: connecting and warming up")
        framework.run(request, threshold)

    return measure(OutputOptions(baseline, save_baseline, json_file, strict, resume, quiet, no_color), work)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _header(line: str) -> tuple[str, str]:
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
