"""A scenario: what a virtual user does, against which server, under which load."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import get_args

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.run_record import Execution
from paceline.scenario.cookies import CookieJar
from paceline.scenario.encoding import Requests
from paceline.scenario.lanes import ScenarioLanes
from paceline.scenario.user import Script, UserFunction
from paceline.targets.http import HttpTarget
from paceline.wire import request as wire
from paceline.wire.dial import Dialer
from paceline.wire.endpoint import Endpoint, encode_target, split_url
from paceline.wire.request import Headers
from paceline.wire.tally import Tally
from paceline.wire.tls import TlsOptions
from paceline.workload.legs import WHOLE, Leg
from paceline.workload.models import Workload, seconds_from_zero

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, repr=False)
class Scenario:
    """Virtual users, each of whom calls ``run`` again and again, against one HTTP/1.1 server.

    Attributes:
        run: coroutine function of a ``User``; one call is one iteration.
        url: of the server; its path is put before the paths of requests. Credentials in it become ``auth``.
        on_start: called once a user before the first ``run``; its requests are not counted.
        on_stop: called once for each user that had started, when all is over; likewise.
        name: of the test; by default that of ``run``.
        workload: how many users or iterations, how long; None leaves it to the caller.
        threshold: limits to be judged.
        warmup_s: length of the warm-up, in seconds.
        weight: how much it gets of a load that several scenarios share, in proportion to the others.
        start_s: when it begins where several are made together, in seconds after the first might.
        headers: sent with every request.
        ca_file: certificates (PEM) to trust instead of the system's.
        cert_file: certificate (PEM) of this client.
        key_file: its key (PEM), unless it stands in ``cert_file``.
        insecure: trust any certificate.
        unix_socket: path of a socket to connect to instead of host and port.
        auth: user and password for basic authentication.
        bearer: token for bearer authentication.
        timeout_s: for a whole request with its redirects, in seconds.
        connect_timeout_s: for a connection with its encryption, in seconds.
        follow_redirects: whether answers that name another place on the same server are followed.
        endpoint: the server.
        tls: how connections are encrypted; None for http.

    Raises:
        ConfigurationError: a value is wrong; the message names it and shows no credentials.
    """

    run: UserFunction
    url: str
    _: KW_ONLY
    on_start: UserFunction | None = None
    on_stop: UserFunction | None = None
    name: str | None = None
    workload: Workload | None = None
    threshold: PerformanceThreshold | None = None
    warmup_s: float = 1.0
    weight: float = 1.0
    start_s: float = 0.0
    headers: Headers | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    insecure: bool = False
    unix_socket: str | None = None
    auth: tuple[str, str] | None = None
    bearer: str | None = None
    timeout_s: float = 30.0
    connect_timeout_s: float = 5.0
    follow_redirects: bool = False
    endpoint: Endpoint = field(init=False, compare=False)
    tls: TlsOptions | None = field(init=False, compare=False)
    _prefix: str = field(init=False, compare=False)
    _sent: tuple[tuple[str, str], ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self._check_functions()
        if self.workload is not None and not isinstance(self.workload, get_args(Workload)):
            raise ConfigurationError(f"workload must be one such as ClosedLoop(50, 10.0), not {self.workload!r}")
        if self.threshold is not None and not isinstance(self.threshold, PerformanceThreshold):
            raise ConfigurationError(f"threshold must be a PerformanceThreshold, not {self.threshold!r}")
        self._set("warmup_s", seconds_from_zero("warmup_s", self.warmup_s))
        self._set("start_s", seconds_from_zero("start_s", self.start_s))
        if isinstance(self.weight, bool) or not isinstance(self.weight, int | float) or not 0 < self.weight <= 1e9:  # noqa: PLR2004  # any bound that keeps sums finite
            raise ConfigurationError(f"weight must be a number above 0 and at most 1e9, not {self.weight!r}")
        # What a target for fixed requests checks about its server holds here too.
        server = HttpTarget(
            self.url,
            auth=self.auth,
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            insecure=self.insecure,
            unix_socket=self.unix_socket,
            timeout_s=self.timeout_s,
            connect_timeout_s=self.connect_timeout_s,
            follow_redirects=self.follow_redirects,
        )
        for name in ("url", "auth", "timeout_s", "connect_timeout_s", "endpoint", "tls"):
            self._set(name, getattr(server, name))
        target = split_url(self.url).target
        if "?" in target:
            raise ConfigurationError("the query of url would be lost: give it to the requests, with params=")
        self._set("_prefix", encode_target(target).rstrip("/"))
        self._set("headers", wire.header_pairs(self.headers))
        self._set("_sent", self._headers())
        wire.encode_request("GET", "/", self.endpoint.authority, self._sent)  # says what is wrong with a value

    def __repr__(self) -> str:
        return f"Scenario({self.name!r}, {redact(self.url)!r})"

    @property
    def connections(self) -> None:
        """Users have as many as they need."""

    @property
    def execution(self) -> Execution:
        """By virtual users."""
        return Execution.USERS

    @property
    def host(self) -> str | None:
        """Where its requests go; None for a Unix socket."""
        return None if self.unix_socket is not None else self.endpoint.host

    def of_leg(self, leg: Leg) -> "ScenarioShare":
        """The users of ``leg``."""
        return ScenarioShare(self, leg)

    @property
    def text(self) -> str:
        """For people: ``scenario checkout on http://localhost:8000``."""
        return f"scenario {self.name} on {self.endpoint.text}{self._prefix}"

    def lanes(self, clock: Clock, leg: Leg = WHOLE) -> ScenarioLanes:
        """Its users, or those of ``leg``, for one run on the running event loop."""
        context = None if self.tls is None else self.tls.context()
        dialer = Dialer(self.endpoint, context, self.connect_timeout_s, Tally(), clock.now_s)
        endpoint = self.endpoint
        return ScenarioLanes(
            Script(self.run, self.on_start, self.on_stop),
            Requests(endpoint, self._prefix, self._sent),
            dialer,
            lambda: CookieJar(endpoint.host, clock, is_tls=endpoint.is_tls),
            clock,
            tls=self.tls,
            timeout_s=self.timeout_s,
            follow_redirects=self.follow_redirects,
            leg=leg,
        )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_functions(self) -> None:
        for what in ("run", "on_start", "on_stop"):
            function = getattr(self, what)
            if function is None and what != "run":
                continue
            if not inspect.iscoroutinefunction(function):
                raise ConfigurationError(
                    f"{what} must be a coroutine function ('async def') of a user, not {function!r}"
                )
            try:
                inspect.signature(function).bind(None)
            except TypeError:
                raise ConfigurationError(
                    f"{what} must take one argument, the user: 'async def {_name_of(function)}(user)'"
                ) from None
        if self.name is None:
            self._set("name", _name_of(self.run))
        if not isinstance(self.name, str) or not self.name.strip() or _CONTROL.search(self.name) is not None:
            raise ConfigurationError(f"name must be a text on one line, not {redact(repr(self.name))}")

    def _headers(self) -> tuple[tuple[str, str], ...]:
        headers = wire.header_pairs(self.headers)
        if self.bearer is not None and self.auth is not None:
            raise ConfigurationError("auth and bearer are both given: leave out one of them")
        if self.bearer is not None and (not isinstance(self.bearer, str) or not self.bearer.strip()):
            raise ConfigurationError("bearer must be a token, a text that is not empty")
        if self.bearer is None and self.auth is None:
            return headers
        if "authorization" in {name.lower() for name, _ in headers}:
            raise ConfigurationError("headers name Authorization, and so do auth, bearer or url: leave out one")
        value = f"Bearer {self.bearer}" if self.auth is None else wire.basic_authorization(*self.auth)
        return (*headers, ("Authorization", value))


@dataclass(frozen=True, slots=True)
class ScenarioShare:
    """The users of one of several processes. Implements ``LaneTarget``.

    Attributes:
        scenario: of all users.
        leg: whose users these are.
    """

    scenario: Scenario
    leg: Leg

    @property
    def connections(self) -> None:
        """Users have as many as they need."""

    @property
    def execution(self) -> Execution:
        """By virtual users."""
        return Execution.USERS

    @property
    def text(self) -> str:
        """That of the scenario."""
        return self.scenario.text

    @property
    def timeout_s(self) -> float:
        """That of the scenario."""
        return self.scenario.timeout_s

    @property
    def functions(self) -> Mapping[str, object]:
        """What its users do."""
        scenario = self.scenario
        return {name: getattr(scenario, name) for name in ("run", "on_start", "on_stop") if getattr(scenario, name)}

    def lanes(self, clock: Clock) -> ScenarioLanes:
        """Its users, for one run on the running event loop."""
        return self.scenario.lanes(clock, self.leg)


def _name_of(function: UserFunction) -> str:
    while isinstance(function, partial):
        function = function.func
    return function.__name__
