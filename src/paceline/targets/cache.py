"""A cache as target: which commands are sent to it, checked before anything is measured."""

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, get_args
from uuid import uuid4

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact
from paceline.records.outcome import AttemptEnd
from paceline.records.run_record import Execution
from paceline.targets.cache_commands import (
    DEFAULT_KEYS,
    MOST_CACHED_KEYS,
    NAMES,
    Command,
    Keys,
    Values,
    check_prefill,
    deletes,
    gets,
    made_pattern,
    mixed,
    parse_ratio,
    sets,
    value_sizes,
)
from paceline.targets.cache_keeper import Keeper
from paceline.targets.cache_lanes import CacheLanes
from paceline.targets.cache_loader import Fetcher, Loader, LoadLog, checked_loader
from paceline.targets.cache_witness import CacheWitness, ServerWitness
from paceline.wire.cache_address import CacheAddress, parse_cache_url
from paceline.wire.dial import Dialer
from paceline.wire.resp import reader_of_replies
from paceline.wire.tally import Tally
from paceline.wire.tls import TlsOptions
from paceline.workload.keys import KeyPattern
from paceline.workload.legs import WHOLE, Leg
from paceline.workload.models import MOST_SEED, MOST_WORKERS, positive_seconds, whole_number

Operation = Literal["mix", "get", "set", "delete", "get-or-fetch"]
OPERATIONS: tuple[str, ...] = get_args(Operation)
GET_OR_FETCH: Operation = "get-or-fetch"
MOST_DEPTH = 10_000
_EMPTY_AT_FIRST = frozenset({"set", GET_OR_FETCH})
_NO_READS = frozenset({"set", "delete"})
_TLS_NAMES = ("ca_file", "cert_file", "key_file", "insecure")
_RUN_DIGITS = 8


@dataclass(frozen=True, slots=True, repr=False)
class CacheTarget:
    """Commands to a Redis or Valkey server.

    Keys live under ``paceline:{run}:`` and are deleted after the run, whatever happens in it. Before it, ``prefill``
    of them are stored; neither is part of what is measured.

    Attributes:
        url: such as ``'redis://localhost:6379/0'``, ``'rediss://:password@host'``, ``'unix:///run/valkey.sock'``.
        operation: ``'mix'`` of SET and GET by ``ratio``; ``'get'``, ``'set'`` or ``'delete'`` alone; or
            ``'get-or-fetch'``: GET, and where the key is not there, ``loader`` and SET.
        ratio: SETs to GETs of a mix.
        keys: how many keys there are.
        key_pattern: ``'uniform'``, ``'zipf'``, ``'gaussian'``, ``'sequential'``, or such a pattern with parameters of
            its own, which then says how many keys there are.
        value_bytes: length of a value, or the shortest and the longest; all lengths between are as likely.
        pipeline: commands in flight on each connection.
        ttl_s: time to live of what is stored, in seconds; None for ever.
        prefill: share of the keys to store beforehand, from the first, in [0, 1]. None: all; with ``'set'`` and
            ``'get-or-fetch'`` none.
        loader: called with the name of a key that is not there, returns its value: a function (called in threads) or
            a coroutine function.
        connections: of a load by rate; None lets the load decide.
        ca_file: certificates (PEM) to trust instead of the system's.
        cert_file: certificate (PEM) of this client.
        key_file: its key (PEM), unless it stands in ``cert_file``.
        insecure: trust any certificate.
        timeout_s: for the reply to each command, in seconds from when it is written; a load has to be over so long
            after the beginning of its attempt.
        connect_timeout_s: for a connection, in seconds.
        flush: empty the database before the run (FLUSHDB), whoever's keys are in it.
        allow_destructive: without it, ``flush`` is refused, and so are keys for which the server would evict others.
        seed: of keys, lengths and the choice between commands.
        leg: which of the commands are sent, where several processes share them.
        address: the server.
        tls: how connections are encrypted; None for no encryption.
        pattern: how keys are drawn.
        names: of the keys.
        values: what is stored.
        filled: how many keys are stored beforehand.

    Raises:
        ConfigurationError: a value is wrong, or hiredis is not installed; the message shows no credentials.
    """

    url: str
    operation: Operation = "mix"
    _: KW_ONLY
    ratio: str = "1:10"
    keys: int = DEFAULT_KEYS
    key_pattern: str | KeyPattern = "uniform"
    value_bytes: int | tuple[int, int] = 100
    pipeline: int = 1
    ttl_s: float | None = None
    prefill: float | None = None
    loader: Loader | None = None
    connections: int | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    insecure: bool = False
    timeout_s: float = 5.0
    connect_timeout_s: float = 5.0
    flush: bool = False
    allow_destructive: bool = False
    seed: int = 0
    leg: Leg = field(init=False, default=WHOLE, repr=False, compare=False)
    address: CacheAddress = field(init=False, compare=False)
    tls: TlsOptions | None = field(init=False, compare=False)
    pattern: KeyPattern = field(init=False, compare=False)
    names: Keys = field(init=False, compare=False)
    values: Values = field(init=False, compare=False)
    filled: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        reader_of_replies()
        self._set("address", parse_cache_url(self.url))
        if self.operation not in OPERATIONS:
            raise ConfigurationError(f"operation must be one of {', '.join(OPERATIONS)}, not {self.operation!r}")
        parse_ratio(self.ratio)
        self._check_numbers()
        self._check_loader()
        self._set("pattern", made_pattern(self.key_pattern, self.keys))
        self._set("keys", self.pattern.keys)
        self._set("names", Keys(f"paceline:{uuid4().hex[:_RUN_DIGITS]}:", self.keys))
        self._set("values", Values(*value_sizes(self.value_bytes), self.ttl_s))
        self._set("filled", round(self._share() * self.keys))
        self._set("tls", self._tls_options())
        if self.flush and not self.allow_destructive:
            raise ConfigurationError(
                "flush empties the whole database, of everybody's keys: say allow_destructive "
                "(--allow-destructive) too, if that is what you want"
            )

    def __repr__(self) -> str:
        return f"CacheTarget({redact(self.address.text)!r}, {self.operation!r}, key_pattern={self.pattern!r})"

    @property
    def text(self) -> str:
        """For people: ``SET:GET 1:10 at redis://localhost, 10000 keys (uniform), values of 100 bytes``."""
        what = f"SET:GET {self.ratio}" if self.operation == "mix" else self.operation
        least, most = self.values.least_bytes, self.values.most_bytes
        size = f"{least}" if least == most else f"{least} to {most}"
        parts = [
            f"{what} at {self.address.text}",
            f"{self.keys} keys ({_pattern_text(self.pattern)})",
        ]
        if self.loader is None or self.filled:
            parts.append(f"values of {size} bytes")
        if self.pipeline > 1:
            parts.append(f"pipeline {self.pipeline}")
        if self.ttl_s is not None:
            parts.append(f"TTL {self.ttl_s:g} s")
        return ", ".join(parts)

    @property
    def execution(self) -> Execution:
        """By callbacks of its connections."""
        return Execution.CONNECTIONS

    @property
    def writes(self) -> bool:
        """Whether the load itself stores or deletes keys."""
        return self._sent != "get"

    @property
    def keeper(self) -> Keeper:
        """Prepares the server and tidies up."""
        return Keeper(
            address=self.address,
            tls=self.tls,
            keys=self.names,
            values=self.values,
            prefill=self.filled,
            writes=self.writes,
            flush=self.flush,
            connect_timeout_s=self.connect_timeout_s,
            seed=self.seed,
            may_evict=self.allow_destructive,
        )

    @property
    def host(self) -> str | None:
        """Where its commands go; None for a Unix socket."""
        endpoint = self.address.endpoint
        return None if endpoint.unix_socket is not None else endpoint.host

    def of_leg(self, leg: Leg) -> "CacheTarget":
        """The same keys, of whose commands only every ``leg.of``-th is sent."""
        share = copy(self)  # made anew, it would have keys of another name
        share._set("leg", leg)  # noqa: SLF001  # of the same class
        return share

    def overseer(self) -> ServerWitness:
        """Asks the server, once for all legs."""
        return ServerWitness(self.keeper, deletes=self.operation == "delete")

    @property
    def functions(self) -> Mapping[str, object]:
        """The loader, where there is one."""
        return {} if self.loader is None else {"loader": self.loader}

    def lanes(self, clock: Clock) -> CacheLanes:
        """Its connections, for one run on the running event loop."""
        context = None if self.tls is None else self.tls.context(None)
        dialer = Dialer(self.address.endpoint, context, self.connect_timeout_s, Tally(), clock.now_s)
        fetcher = None if self.loader is None else Fetcher(self.loader, LoadLog(clock.now_s))
        return CacheLanes(
            self.source(),
            self.part_names,
            self.names,
            self.values,
            self.address,
            dialer,
            self.pipeline,
            self.timeout_s,
            clock,
            CacheWitness(
                self.overseer() if self.leg == WHOLE else None,
                self.pipeline,
                None if fetcher is None else fetcher.log,
            ),
            AttemptEnd.OK if self._sent in _NO_READS else AttemptEnd.HIT,
            fetcher,
        )

    @property
    def part_names(self) -> tuple[str, ...]:
        """Of the kinds of commands, where there are several."""
        return NAMES[:2] if self._sent == "mix" else (self._sent,)

    def source(self) -> Iterator[Command]:
        """Endless commands, those of the leg. Each call begins anew."""
        keys, pattern, values, seed, leg = self.names, self.pattern, self.values, self.seed, self.leg
        sent = self._sent
        if sent == "set":
            return sets(keys, pattern, values, seed, leg)
        if sent == "delete":
            return deletes(keys, pattern, seed, leg)
        if sent == "mix":
            return mixed(keys, pattern, values, parse_ratio(self.ratio), seed, leg)
        return gets(keys, pattern, seed, numbered=sent == GET_OR_FETCH, leg=leg)

    @property
    def _sent(self) -> Operation:
        # A mix of nothing but SETs is no mix: none of its replies is a hit.
        if self.operation != "mix":
            return self.operation
        writes, reads = parse_ratio(self.ratio)
        return "mix" if writes and reads else "set" if writes else "get"

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_numbers(self) -> None:
        whole_number("keys", self.keys, at_least=1, at_most=MOST_CACHED_KEYS)
        whole_number("pipeline", self.pipeline, at_least=1, at_most=MOST_DEPTH)
        whole_number("seed", self.seed, at_least=0, at_most=MOST_SEED)
        if self.connections is not None:
            whole_number("connections", self.connections, at_least=1, at_most=MOST_WORKERS)
        for name in ("timeout_s", "connect_timeout_s"):
            self._set(name, positive_seconds(name, getattr(self, name)))
        if self.ttl_s is not None:
            self._set("ttl_s", positive_seconds("ttl_s", self.ttl_s))
        for name in ("insecure", "flush", "allow_destructive"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"{name} must be True or False, not {getattr(self, name)!r}")
        check_prefill(self.prefill)

    def _check_loader(self) -> None:
        if (self.operation == GET_OR_FETCH) != (self.loader is not None):
            raise ConfigurationError(
                f"operation={GET_OR_FETCH!r} needs a loader, a function of the key that is not there"
                if self.loader is None
                else f"loader goes with operation={GET_OR_FETCH!r}"
            )
        if self.loader is not None:
            checked_loader(self.loader)

    def _share(self) -> float:
        if self.prefill is not None:
            return self.prefill
        return 0.0 if self.operation in _EMPTY_AT_FIRST else 1.0

    def _tls_options(self) -> TlsOptions | None:
        given = [name for name in _TLS_NAMES if getattr(self, name)]
        if not self.address.endpoint.is_tls:
            if given:
                raise ConfigurationError(
                    f"{', '.join(given)}: only for rediss, but url is {self.address.text}; use rediss or leave it out"
                )
            return None
        options = TlsOptions(self.ca_file, self.cert_file, self.key_file, self.insecure)
        if options.ca_file is not None or options.cert_file is not None:
            options.context(None)  # what is wrong with a file is said now
        return options


def _pattern_text(pattern: KeyPattern) -> str:
    name = type(pattern).__name__.lower()
    constant = getattr(pattern, "constant", None)
    return name if constant is None else f"{name} {constant:g}"
