"""Somebody's cache client as target: any object with ``get`` and ``set``."""

from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from itertools import repeat
from threading import Lock
from typing import Any, Literal, get_args
from uuid import uuid4

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError
from paceline.records.cache import CacheRecord
from paceline.records.outcome import Outcome
from paceline.records.run_record import RunRecord
from paceline.targets.cache_commands import (
    DEFAULT_KEYS,
    Keys,
    check_prefill,
    made_pattern,
    parse_ratio,
    text_of,
    value_sizes,
)
from paceline.targets.cache_loader import Loader, LoadLog, checked_loader, stored
from paceline.targets.call import CallTarget, returns_awaitable
from paceline.workload.keys import KeyPattern, Uniform, endless
from paceline.workload.models import MOST_SEED, whole_number

Operation = Literal["mix", "get", "set", "get-or-fetch"]
_OPERATIONS: tuple[str, ...] = get_args(Operation)
_FETCH = "get-or-fetch"
_MOST_KEYS = 10_000_000  # each is set, and deleted, by a call of its own


@dataclass(frozen=True, slots=True, repr=False)
class CacheClientTarget:
    """Calls of a cache client: any object with ``get(key)``, None for what is not there, and ``set(key, value)``.

    Where it has ``delete(key)``, the keys are deleted after the run. With several workers it is called from several
    threads, or tasks if it is asynchronous.

    Attributes:
        client: such as ``pymemcache.client.base.PooledClient(("localhost", 11211))``.
        operation: ``'mix'`` of set and get by ``ratio``, ``'get'``, ``'set'``, or ``'get-or-fetch'``: get, and where
            the key is not there, ``loader`` and set.
        ratio: sets to gets of a mix.
        keys: how many keys there are.
        key_pattern: name of a pattern, or a pattern.
        value_bytes: length of a value, or the shortest and the longest.
        prefill: share of the keys to set beforehand; None: all, with ``'set'`` and ``'get-or-fetch'`` none.
        loader: called with the name of a key that is not there; a coroutine function for an asynchronous client.
        is_async: whether calls of the client are awaited; None finds out.
        seed: of keys, lengths and the choice between calls.

    Raises:
        ConfigurationError: a value is wrong; the message names it.
    """

    client: Any
    operation: Operation = "mix"
    _: KW_ONLY
    ratio: str = "1:10"
    keys: int = DEFAULT_KEYS
    key_pattern: str | KeyPattern = "uniform"
    value_bytes: int | tuple[int, int] = 100
    prefill: float | None = None
    loader: Loader | None = None
    is_async: bool | None = None
    seed: int = 0
    pattern: KeyPattern = field(init=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("get", "set"):
            if not callable(getattr(self.client, name, None)):
                kind = type(self.client).__name__
                raise ConfigurationError(f"client must have get(key) and set(key, value); {kind} has no {name}")
        if self.operation not in _OPERATIONS:
            raise ConfigurationError(f"operation must be one of {', '.join(_OPERATIONS)}, not {self.operation!r}")
        parse_ratio(self.ratio)
        value_sizes(self.value_bytes)
        whole_number("keys", self.keys, at_least=1, at_most=_MOST_KEYS)
        whole_number("seed", self.seed, at_least=0, at_most=MOST_SEED)
        object.__setattr__(self, "pattern", made_pattern(self.key_pattern, self.keys))
        whole_number("keys of key_pattern", self.pattern.keys, at_least=1, at_most=_MOST_KEYS)
        check_prefill(self.prefill)
        if (self.operation == _FETCH) != (self.loader is not None):
            raise ConfigurationError(f"operation={_FETCH!r} and loader, a function of the missing key, go together")
        if self.loader is not None:
            checked_loader(self.loader)
        if self.is_async is None:
            # redis.asyncio has plain functions that return awaitables, but is to be used with "async with".
            waits = returns_awaitable(partial(self.client.get, "")) or hasattr(type(self.client), "__aenter__")
            object.__setattr__(self, "is_async", waits)
        if self.loader is not None and returns_awaitable(partial(self.loader, "")) != self.is_async:
            raise ConfigurationError("client and loader must both be asynchronous, or neither")

    def __repr__(self) -> str:
        return f"CacheClientTarget({type(self.client).__name__}, {self.operation!r}, key_pattern={self.pattern!r})"

    def call_target(self) -> CallTarget:
        """What is called; each begins anew, with keys of its own."""
        calls = _Calls(self)
        if self.is_async:
            return CallTarget(calls.acall, calls.afill, calls.aclean, witness=calls)
        return CallTarget(calls.call, calls.fill, calls.clean, witness=calls)


class _Calls:
    """The calls of one run. Implements ``Witness``."""

    def __init__(self, target: CacheClientTarget) -> None:
        self._client, self._loader = target.client, target.loader
        self._names = Keys(f"paceline:{uuid4().hex[:8]}:", target.pattern.keys)
        self._least, most = value_sizes(target.value_bytes)
        self._text = text_of(most, target.seed)
        self._seed = target.seed
        self._lock = Lock()
        self._source = self._steps(target)
        at_first = 0.0 if target.operation in {"set", _FETCH} else 1.0
        self._filled = round((at_first if target.prefill is None else target.prefill) * target.pattern.keys)
        self._log = LoadLog(SYSTEM_CLOCK.now_s)

    def _steps(self, target: CacheClientTarget) -> Iterator[tuple[str, bytes | None]]:
        """Key and value of each call; no value where it is a read."""
        seed = target.seed
        writes, reads = {"get": (0, 1), _FETCH: (0, 1), "set": (1, 0)}.get(target.operation, parse_ratio(target.ratio))
        choices = endless(Uniform(writes + reads), seed ^ 1)
        for number, choice, value in zip(endless(target.pattern, seed), choices, self._values(seed ^ 2), strict=False):
            yield self._names.name(number), value if choice < writes else None

    def _values(self, seed: int) -> Iterator[bytes]:
        most = len(self._text)
        if self._least == most:
            return repeat(self._text)
        return (self._text[: self._least + more] for more in endless(Uniform(most - self._least + 1), seed))

    def call(self) -> Outcome | None:
        """One call of the client, or what it takes to fetch."""
        with self._lock:  # threads share it
            key, value = next(self._source)
        if value is not None:
            self._client.set(key, value)
            return None
        if self._client.get(key) is not None:
            return Outcome.hit()
        if self._loader is not None:
            with self._log.load(key):
                loaded = self._loader(key)
            self._client.set(key, stored(loaded))
        return Outcome.miss()

    async def acall(self) -> Outcome | None:
        """The same of an asynchronous client."""
        key, value = next(self._source)
        if value is not None:
            await self._client.set(key, value)
            return None
        if await self._client.get(key) is not None:
            return Outcome.hit()
        if self._loader is not None:
            with self._log.load(key):
                loaded = await self._loader(key)
            await self._client.set(key, stored(loaded))
        return Outcome.miss()

    def fill(self) -> None:
        """Set what is to be there beforehand; all of it or nothing."""
        try:
            for name, value in self._fillings():
                self._client.set(name, value)
        except BaseException as error:
            try:
                self.clean()
            except Exception as failure:  # noqa: BLE001  # why it could not be filled is the better message
                error.add_note(f"nor could the keys be deleted: {failure}")
            raise

    async def afill(self) -> None:
        """The same."""
        try:
            for name, value in self._fillings():
                await self._client.set(name, value)
        except BaseException as error:
            try:
                await self.aclean()
            except Exception as failure:  # noqa: BLE001  # why it could not be filled is the better message
                error.add_note(f"nor could the keys be deleted: {failure}")
            raise

    def _fillings(self) -> Iterator[tuple[str, bytes]]:
        return zip(map(self._names.name, range(self._filled)), self._values(self._seed ^ 3), strict=False)

    def clean(self) -> None:
        """Delete the keys, where the client can."""
        delete: Callable[[str], object] | None = getattr(self._client, "delete", None)
        if delete is not None:
            for number in range(self._names.count):
                delete(self._names.name(number))

    async def aclean(self) -> None:
        """The same."""
        delete = getattr(self._client, "delete", None)
        if delete is not None:
            for number in range(self._names.count):
                await delete(self._names.name(number))

    def begin(self) -> None:
        """A window opens."""
        self._log.begin()

    def fold(self) -> None:
        """Now and then."""
        self._log.fold()

    def end(self) -> None:
        """The window is over."""

    def noted(self, record: RunRecord) -> RunRecord:
        """With what was loaded."""
        loads = None if self._loader is None else self._log.seen
        cache = record.cache or CacheRecord()
        return replace(record, cache=replace(cache, loads=loads, prefilled=self._filled / self._names.count))
