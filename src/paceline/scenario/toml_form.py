"""The form of a scenario file in TOML: its tables and keys, from which the JSON Schema is made too."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

_TIME = r"^\s*(\d+(\.\d+)?\s*(ns|us|µs|ms|s|m|h)\s*)+$"
_PER_SECOND = r"^\s*[0-9]*\.?[0-9]+(/[0-9.]*(ms|s|m|h))?\s*$"

# Patterns are for editors; what is wrong with a value is said by whoever reads it, in better words.
Time = Annotated[str, Meta(description="A time, such as 500ms, 30s or 1h30m.", extra_json_schema={"pattern": _TIME})]
Rate = Annotated[
    str,
    Meta(description="Arrivals a second, such as 500/s or 3000/1m.", extra_json_schema={"pattern": _PER_SECOND}),
]
Users = Annotated[int, Meta(description="Virtual users, each of which waits for its answer.")]
FileName = Annotated[str, Meta(description="A file, relative to this one.")]
Secret = Annotated[str, Meta(description="May name a variable of the environment, ${NAME}.")]
Weight = Annotated[float, Meta(description="In proportion to the others; by default 1.")]


class _Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table with these keys and no others."""


class Stage(_Table, frozen=True):
    """A ramp from the level before (at first 0) to this one; with a duration of 0s a jump."""

    duration: Time
    users: Users | None = None
    rate: Rate | None = None


class Spike(_Table, frozen=True):
    """A jump to another level and back."""

    after: Time
    duration: Time
    users: Users | None = None
    rate: Rate | None = None


class Load(_Table, frozen=True):
    """How much, for how long: users, a rate, iterations, or stages of users or rates."""

    users: Users | None = None
    rate: Rate | None = None
    iterations: Annotated[int, Meta(description="Requests in all, instead of a duration.")] | None = None
    stages: list[Stage] | None = None
    duration: Time | None = None
    ramp: Annotated[str, Meta(description="First a ramp from 0 to the level, in this time.")] | None = None
    spike: Spike | None = None
    think: Annotated[str, Meta(description="Pause of a user between two requests.")] | None = None
    poisson: Annotated[bool, Meta(description="Arrivals at random, as those of many strangers.")] = False
    seed: int = 0
    max_in_flight: Annotated[int, Meta(description="Drop arrivals beyond so many under way.")] | None = None


class Limit(_Table, frozen=True):
    """A limit, and whether the load ends once it is broken."""

    threshold: str
    abort_on_fail: bool | Literal["all"] = False
    delay: Time | None = None


class Auth(_Table, frozen=True):
    """Basic authentication."""

    user: Secret
    password: Secret


class Tls(_Table, frozen=True):
    """How connections are encrypted."""

    ca: FileName | None = None
    cert: FileName | None = None
    key: FileName | None = None
    insecure: bool = False


class Server(_Table, frozen=True):
    """Where requests go, and what all of them carry."""

    url: Secret
    headers: dict[str, Secret] = {}
    auth: Auth | None = None
    bearer: Secret | None = None
    tls: Tls | None = None
    unix_socket: FileName | None = None
    timeout: Time | None = None
    connect_timeout: Time | None = None
    connections: int | None = None
    follow_redirects: bool = False
    keep_alive: bool = True


class Check(_Table, frozen=True):
    """What an answer must hold, beside its status; else the attempt is an error."""

    contains: Annotated[str | list[str], Meta(description="A text of the body, or several.")] = []
    headers: Annotated[
        dict[str, str], Meta(description="By name, a text of the value; an empty one asks for the field alone.")
    ] = {}
    json: Annotated[
        dict[str, Any], Meta(description="By path, such as items[0].name, the value; tables within hold paths again.")
    ] = {}


class Request(_Table, frozen=True):
    """One of the requests; may hold {{n}}, {{uuid}} and {{column}} of the rows."""

    path: str
    method: str = "GET"
    name: str | None = None
    weight: Weight = 1.0
    headers: dict[str, Secret] = {}
    body: str | None = None
    json: Any = None
    form: dict[str, str | int | float] | None = None
    expect: Annotated[int | list[int], Meta(description="The status that counts as ok, or several.")] | None = None
    check: Check | None = None


class Scenario(_Table, frozen=True):
    """Requests, drawn by their weights, under a load, with limits."""

    name: str
    request: list[Request]
    load: Load | None = None
    thresholds: list[str | Limit] = []
    server: Server | None = None
    rows: Annotated[str, Meta(description="A .csv or .jsonl file, relative to this one.")] | None = None
    seed: Annotated[int, Meta(description="Of the choice between requests, and of {{uuid}}.")] = 0
    warmup: Annotated[str, Meta(description="The same load before that, not counted; by default 1s.")] | None = None
    weight: Weight = 1.0
    start: Annotated[str, Meta(description="When it begins, where scenarios are made together.")] | None = None


class File(_Table, frozen=True):
    """A scenario file of Paceline: `paceline run FILE`."""

    scenario: list[Scenario]
    server: Server | None = None
    load: Load | None = None
    thresholds: list[str | Limit] = []
    together: Annotated[bool, Meta(description="All scenarios at once, rather than one after the other.")] = False


def json_schema() -> bytes:
    """The JSON Schema (draft 2020-12) of a file, for editors and for checking one without Paceline."""
    schema = msgspec.json.schema(File)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Paceline scenarios", **schema}
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"
