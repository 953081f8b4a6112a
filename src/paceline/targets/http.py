"""An HTTP server as target: which requests are sent to it, made and checked before anything is measured."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import accumulate, chain, count, islice, repeat
from random import Random
from typing import Any, TypeVar

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact
from paceline.core.units import counted
from paceline.records.run_record import Execution
from paceline.targets import template as templates
from paceline.targets.http_check import Expectation
from paceline.targets.http_lanes import HttpLanes
from paceline.targets.http_request import Form, HttpRequest, RequestTemplate, compile_request, default_name
from paceline.targets.rows import Rows, checked_rows, load_rows
from paceline.wire import request as wire
from paceline.wire.dial import Dialer
from paceline.wire.dry import DryDialer
from paceline.wire.endpoint import Endpoint, UrlParts, split_url, without_fragment
from paceline.wire.request import Headers, Prepared
from paceline.wire.statuses import statuses
from paceline.wire.tally import Tally
from paceline.wire.tls import TlsOptions
from paceline.workload.legs import WHOLE, Leg
from paceline.workload.models import MOST_SEED, MOST_WORKERS, positive_seconds, whole_number

_Item = TypeVar("_Item")

_TLS_NAMES = ("ca_file", "cert_file", "key_file", "insecure")
_USER_INFO = re.compile(r"^([A-Za-z]+://)[^/?#\\]*@")
_DRAWN_AT_ONCE = 1024  # drawing one at a time costs three times as much


@dataclass(frozen=True, slots=True, repr=False)
class HttpTarget:
    """Requests to one HTTP/1.1 server.

    Path, header values, text bodies, JSON strings, form values and ``bearer`` may hold ``{{n}}`` (0, 1, 2, ... over all
    requests), ``{{uuid}}`` (one a request; the same seed makes the same ones) and ``{{column}}`` of the rows, which are
    taken in turn and begin again after the last. What is filled in is escaped for the place where it stands.

    Attributes:
        url: such as ``'http://localhost:8000/records?limit=5'``; credentials in it become ``auth``.
        method: such as ``'GET'``.
        headers: sent with every request.
        body: text, or bytes that are sent as they are, without filling anything in.
        json: sent as JSON. None is no body; for ``null``, use ``body``.
        connections: how many are kept open at most; None lets the load decide.
        form: sent as a form.
        requests: several requests instead of the one; the path of ``url`` is put before theirs.
        rows: path of a ``.csv`` or ``.jsonl`` file, or mappings.
        auth: user and password for basic authentication.
        bearer: token for bearer authentication.
        ca_file: certificates (PEM) to trust instead of the system's.
        cert_file: certificate (PEM) of this client.
        key_file: its key (PEM), unless it stands in ``cert_file``.
        insecure: trust any certificate.
        unix_socket: path of a socket to connect to instead of host and port.
        timeout_s: for a whole request, in seconds.
        connect_timeout_s: for a connection with its encryption, in seconds.
        follow_redirects: whether an answer that names another place is followed.
        keep_alive: whether connections are used again; if not, requests say ``Connection: close``.
        seed: of the choice between requests and of the UUIDs.
        dry: whether nothing is sent: each request is answered at once from memory, to see what the generator itself can
            make.
        leg: which of the requests are sent, where several processes share them.
        endpoint: the server.
        tls: how connections are encrypted; None for http.
        part_names: names of the requests, in order; ``Prepared.part`` is an index into them.

    Raises:
        ConfigurationError: a value is wrong; the message names it and shows no header, body or credentials.
        FileFormatError: the file of rows is wrong; the message names the line.
    """

    url: str
    method: str = "GET"
    headers: Headers | None = None
    body: str | bytes | None = None
    json: Any = None
    connections: int | None = None
    _: KW_ONLY
    form: Form | None = None
    requests: Sequence[HttpRequest] = ()
    rows: str | os.PathLike[str] | Sequence[Mapping[str, str]] | None = None
    auth: tuple[str, str] | None = None
    bearer: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    insecure: bool = False
    unix_socket: str | None = None
    timeout_s: float = 30.0
    connect_timeout_s: float = 5.0
    follow_redirects: bool = False
    keep_alive: bool = True
    seed: int = 0
    dry: bool = False
    leg: Leg = WHOLE
    endpoint: Endpoint = field(init=False, compare=False)
    tls: TlsOptions | None = field(init=False, compare=False)
    part_names: tuple[str, ...] = field(init=False, compare=False)
    _templates: tuple[RequestTemplate, ...] = field(init=False, compare=False)
    _weights: tuple[float, ...] = field(init=False, compare=False)
    _loaded_rows: Rows = field(init=False, compare=False)

    def __post_init__(self) -> None:
        url = split_url(self.url, self.unix_socket)
        self._set("endpoint", url.endpoint)
        self._check_numbers()
        self._set("tls", self._tls_options())
        self._take_credentials(url)
        self._set("headers", wire.header_pairs(self.headers))
        self._load_rows()
        requests = self._requests(url.target)
        shared = self._shared_headers()
        columns = tuple(self._loaded_rows[0]) if self._loaded_rows else ()
        known = (*templates.BUILT_IN, *(column for column in columns if column not in templates.BUILT_IN))
        compiled = tuple(
            compile_request(request, part, url.endpoint.authority, shared, known)
            for part, request in enumerate(requests)
        )
        self._set("_templates", compiled)
        self._set("_weights", tuple(accumulate(float(request.weight) for request in requests)))
        self._set("part_names", _distinct(tuple(default_name(request) for request in requests)))
        self._check_rows(columns)

    def __repr__(self) -> str:
        several = f", requests={len(self.requests)}" if self.requests else f", method={self.method!r}"
        return f"HttpTarget({redact(self.url)!r}{several})"

    @property
    def text(self) -> str:
        """For people: ``GET http://localhost:8000/records``."""
        return f"{self._asked}, dry: no server is asked" if self.dry else self._asked

    @property
    def _asked(self) -> str:
        if self.requests:
            return f"{counted(len(self.requests), 'request')} to {self.endpoint.text}"
        method, _, path = self.part_names[0].partition(" ")
        text = f"{method} {self.endpoint.scheme}://{self.endpoint.authority}{path}"
        return text if self.unix_socket is None else f"{text} through {self.unix_socket}"

    @property
    def execution(self) -> Execution:
        """By callbacks of its connections."""
        return Execution.CONNECTIONS

    def lanes(self, clock: Clock) -> HttpLanes:
        """Its connections, for one run on the running event loop."""
        if self.dry:
            dialer: Dialer = DryDialer(self.endpoint, Tally(), clock.now_s, keep_alive=self.keep_alive)
        else:
            context = None if self.tls is None else self.tls.context()
            dialer = Dialer(self.endpoint, context, self.connect_timeout_s, Tally(), clock.now_s)
        follow = self.endpoint if self.follow_redirects else None
        return HttpLanes(
            self.source(),
            self.part_names,
            dialer,
            self.timeout_s,
            clock,
            follow=follow,
            keep_alive=self.keep_alive,
            expectations=self._expectations(),
        )

    @property
    def host(self) -> str | None:
        """Where its requests go; None for a Unix socket, and where nothing is sent."""
        return None if self.dry or self.unix_socket is not None else self.endpoint.host

    def of_leg(self, leg: Leg) -> "HttpTarget":
        """The same requests, of which only every ``leg.of``-th is sent."""
        return replace(self, leg=leg)

    @property
    def safe(self) -> bool:
        """Whether its requests change nothing by definition, so that a probe may send them too; dry ones go nowhere."""
        return not self.dry and all(template.method in wire.SAFE_METHODS for template in self._templates)

    def source(self) -> Iterator[Prepared]:
        """Endless requests. Each call begins anew: ``{{n}}`` at 0, rows, UUIDs and choices where they began."""
        random = Random(self.seed)  # noqa: S311  # repeatable on purpose, guards nothing
        if any(template.slots for template in self._templates):
            return self._filled(random)
        prepared = [template.prepared(template.head.render({})) for template in self._templates]
        if len(prepared) == 1:
            return repeat(prepared[0])
        return islice(_drawn(prepared, self._weights, random), self.leg.number, None, self.leg.of)

    def _filled(self, random: Random) -> Iterator[Prepared]:
        # Two generators: whether a request needs a UUID must not change which requests follow.
        uuids = Random(f"{self.seed} uuid")  # noqa: S311
        ways = [
            (
                template.filler(self._loaded_rows),
                any(slot.name == templates.UUID for slot in template.slots),
                template.prepared(b""),
            )
            for template in self._templates
        ]
        rows = len(self._loaded_rows) or 1
        for number, (fill, needs_uuid, like) in zip(count(), _drawn(ways, self._weights, random), strict=False):
            uuid = templates.uuid4_text(uuids).encode() if needs_uuid else b""
            if number % self.leg.of != self.leg.number:
                continue  # drawn all the same, so that every leg draws what one process would
            data = fill(b"%d" % number, uuid, number % rows)
            yield Prepared(data, like.part, like.is_head, like.repeatable)

    def _expectations(self) -> tuple[Expectation, ...]:
        """One for each request; none where nothing is expected of any."""
        if all(request.expect is None and request.check is None for request in self.requests):
            return ()
        return tuple(Expectation(statuses(request.expect), request.check) for request in self.requests)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_numbers(self) -> None:
        if self.connections is not None:
            whole_number("connections", self.connections, at_least=1, at_most=MOST_WORKERS)
        for name in ("timeout_s", "connect_timeout_s"):
            self._set(name, positive_seconds(name, getattr(self, name)))
        for name in ("insecure", "follow_redirects", "keep_alive", "dry"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"{name} must be True or False, not {getattr(self, name)!r}")
        whole_number("seed", self.seed, at_least=0, at_most=MOST_SEED)

    def _tls_options(self) -> TlsOptions | None:
        given = [name for name in _TLS_NAMES if getattr(self, name)]
        if not self.endpoint.is_tls:
            if given:
                raise ConfigurationError(
                    f"{', '.join(given)}: only for https, but url is {self.endpoint.text}; use https or leave it out"
                )
            return None
        options = TlsOptions(self.ca_file, self.cert_file, self.key_file, self.insecure)
        if options.ca_file is not None or options.cert_file is not None:
            options.context()  # what is wrong with a file is said now
        return options

    def _take_credentials(self, url: UrlParts) -> None:
        """Credentials leave the URL: everything else may show it."""
        if url.credentials is not None:
            if self.auth is not None:
                raise ConfigurationError("auth is given although url has credentials already: leave out one of them")
            self._set("auth", url.credentials)
        elif self.auth is not None:
            if isinstance(self.auth, str) or not isinstance(self.auth, Sequence) or len(self.auth) != 2:  # noqa: PLR2004
                raise ConfigurationError("auth must be a pair of user and password")
            self._set("auth", tuple(self.auth))
        self._set("url", without_fragment(_USER_INFO.sub(r"\1", self.url)))

    def _shared_headers(self) -> tuple[tuple[str, str], ...]:
        headers = wire.header_pairs(self.headers)
        names = {name.lower() for name, _ in headers}
        value = self._authorization()
        if value is not None:
            if "authorization" in names:
                raise ConfigurationError("headers name Authorization, and so do auth, bearer or url: leave out one")
            headers += (("Authorization", value),)
        if not self.keep_alive and "connection" not in names:
            headers += (("Connection", "close"),)
        return headers

    def _authorization(self) -> str | None:
        if self.auth is not None and self.bearer is not None:
            raise ConfigurationError("auth and bearer are both given: leave out one of them")
        if self.bearer is not None:
            if not isinstance(self.bearer, str) or not self.bearer.strip():
                raise ConfigurationError("bearer must be a token, a text that is not empty")
            return f"Bearer {self.bearer}"
        if self.auth is None:
            return None
        if any(templates.has_placeholder(text) for text in self.auth if isinstance(text, str)):
            raise ConfigurationError("auth cannot be filled in: make the header in the rows, as {{column}} in headers")
        return wire.basic_authorization(*self.auth)

    def _load_rows(self) -> None:
        if self.rows is None:
            self._set("_loaded_rows", ())
        elif isinstance(self.rows, str | os.PathLike):
            self._set("_loaded_rows", load_rows(self.rows))
        else:
            self._set("_loaded_rows", checked_rows(self.rows))
            self._set("rows", self._loaded_rows)

    def _requests(self, target: str) -> tuple[HttpRequest, ...]:
        if not isinstance(self.requests, Sequence) or not all(isinstance(each, HttpRequest) for each in self.requests):
            raise ConfigurationError("requests must be a list of HttpRequest")
        self._set("requests", tuple(self.requests))
        if not self.requests:
            request = HttpRequest(target, self.method, None, self.body, self.json, self.form)
            for name in ("method", "body", "form"):
                self._set(name, getattr(request, name))
            return (request,)
        given = [name for name in ("body", "json", "form") if getattr(self, name) is not None]
        if self.method != "GET":
            given.append("method")
        if given:
            raise ConfigurationError(f"{', '.join(given)} would be lost beside requests: give them to each HttpRequest")
        if "?" in target:
            raise ConfigurationError("the query of url would be lost beside requests: give it to each HttpRequest")
        prefix = target.rstrip("/")
        return tuple(replace(request, path=prefix + request.path) for request in self.requests)

    def _check_rows(self, columns: tuple[str, ...]) -> None:
        """Find now what a row would break in the middle of a run."""
        slots = {slot for template in self._templates for slot in template.slots}
        for name in sorted({slot.name for slot in slots} & set(templates.BUILT_IN) & set(columns)):
            raise ConfigurationError(f"rows have a column {name!r}, which hides {{{{{name}}}}}: rename it")
        if columns and not any(slot.name in columns for slot in slots):
            raise ConfigurationError(
                f"rows are given, but nothing names one of their columns: write {{{{{columns[0]}}}}} where it belongs"
            )
        for slot in slots:
            if slot.name in templates.BUILT_IN or slot.escape is not templates.for_header:
                continue
            for number, row in enumerate(self._loaded_rows, start=1):
                try:
                    slot.escape(row[slot.name])
                except ConfigurationError:
                    raise ConfigurationError(
                        f"rows: {slot.name!r} of row {number} holds a line break or another control character,"
                        " which no header can hold"
                    ) from None


def _drawn(items: Sequence[_Item], cumulated: tuple[float, ...], random: Random) -> Iterator[_Item]:
    """``items`` for ever, each as often as its weight says."""
    if len(items) == 1:
        return repeat(items[0])
    return chain.from_iterable(random.choices(items, cum_weights=cumulated, k=_DRAWN_AT_ONCE) for _ in repeat(None))


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise ConfigurationError(f"two requests are called {name!r}: give each a name=, by which they are told apart")
    return names
