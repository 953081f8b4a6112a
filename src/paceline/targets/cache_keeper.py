"""What goes on around a load on a cache: look at the server, fill it, read its counters, leave nothing behind."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Event

from paceline.core.errors import MeasurementError
from paceline.core.units import counted, format_megabytes
from paceline.targets.cache_commands import Keys, Values, fillings, removals
from paceline.targets.cache_snapshot import Snapshot
from paceline.wire.cache_address import CacheAddress
from paceline.wire.failure import RESET, WireError
from paceline.wire.resp import packed
from paceline.wire.resp_client import RespClient, server_information
from paceline.wire.tls import TlsOptions

_TIMEOUT_S = 30.0  # of a batch: a server that removes large values may take its time
_BATCH_BYTES = 256 * 1024
_BATCH_COMMANDS = 1_000
_SCANNED_AT_ONCE = 1_000
# What a key takes beside its name and value: entry of the table, object, headers. Measured on Valkey 9.1: 62 bytes.
_OVERHEAD_BYTES = 60
_LIMIT = "proto-max-bulk-len"
_NO_EVICTION = "noeviction"


@dataclass(frozen=True, slots=True)
class Keeper:
    """Prepares a server for a load, and tidies up after it.

    Attributes:
        address: the server.
        tls: of ``rediss``, else None.
        keys: that the load is about.
        values: that they get.
        prefill: how many of them, from the first, are put in beforehand.
        writes: whether the load itself writes.
        flush: whether the database is emptied beforehand.
        connect_timeout_s: for a connection.
        seed: of the values that are put in.
        may_evict: whether keys of others may go to make room.
    """

    address: CacheAddress
    tls: TlsOptions | None
    keys: Keys
    values: Values
    prefill: int
    writes: bool
    flush: bool
    connect_timeout_s: float
    seed: int
    may_evict: bool

    async def prepare(self) -> None:
        """Look at the server and fill it, beside the running loop.

        Raises:
            MeasurementError: it cannot be used for this load, or cannot hold the keys; the message says why.
        """
        stop = Event()
        filling = asyncio.ensure_future(asyncio.to_thread(self._fill, stop))
        try:
            await asyncio.shield(filling)
        except BaseException:
            stop.set()
            # A batch under way would come after the cleaning.
            await asyncio.gather(filling, return_exceptions=True)
            with contextlib.suppress(MeasurementError):  # why it could not be filled is the better message
                await asyncio.to_thread(self._clean)
            raise

    async def tidy(self) -> None:
        """Delete the keys, whether or not there are any.

        Raises:
            MeasurementError: they could not be deleted.
        """
        await asyncio.to_thread(self._clean)

    def snapshot(self) -> Snapshot | None:
        """The server's counters now; None where it does not tell."""
        try:
            with self._client(self.connect_timeout_s) as client:
                return self._look(client)
        except (WireError, MeasurementError):
            return None  # the attempts themselves say what is wrong with it

    def kept(self) -> float | None:
        """Share of the keys that were put in that are still there, by a sample; None where nobody can tell."""
        count = min(self.prefill, _SCANNED_AT_ONCE)
        names = [self.keys.name(place * self.prefill // count) for place in range(count)]
        try:
            with self._client(self.connect_timeout_s) as client:
                return client.expect(int, "EXISTS", *names) / len(names) if names else None
        except (WireError, MeasurementError):
            return None

    def _client(self, timeout_s: float = _TIMEOUT_S) -> RespClient:
        context = None if self.tls is None else self.tls.context(None)
        try:
            client = RespClient(self.address, context, self.connect_timeout_s)
        except WireError as failure:
            raise _cannot(failure) from failure
        client.wait(timeout_s)
        return client

    def _look(self, client: RespClient) -> Snapshot | None:
        try:
            return Snapshot(server_information(client.expect(bytes, "INFO")), self.address.database)
        except WireError as failure:
            if failure.kind in {"NOPERM", "ERR"}:
                return None  # its user may not ask, or it knows no INFO
            raise

    def _fill(self, stop: Event) -> None:
        with self._client() as client:
            try:
                seen = self._look(client)
                if seen is not None:
                    self._check(seen)
                self._check_size(client)
                self._rehearse(client)
                if self.flush:
                    client.call("FLUSHDB")
                for batch in _batches(fillings(self.keys, self.values, self.prefill, self.seed)):
                    if stop.is_set():
                        return
                    client.ask(*batch)
            except WireError as failure:
                raise _cannot(failure, "; it was being filled" if failure.kind == RESET else "") from failure

    def _check(self, seen: Snapshot) -> None:
        """Refuse what cannot work before it is tried.

        Raises:
            MeasurementError: the server is part of a cluster, takes no writes, or is too small.
        """
        where = self.address.text
        if seen.is_cluster:
            raise MeasurementError(f"{where} is part of a cluster, which is not supported: name one that stands alone")
        if (self.writes or self.prefill) and seen.is_read_only:
            raise MeasurementError(
                f"{where} is a read-only replica: name its primary, or only read what is there "
                "(operation='get' and prefill=0; --ratio 0:1 --prefill 0)"
            )
        self._check_memory(seen)

    def _check_memory(self, seen: Snapshot) -> None:
        where, limit = self.address.text, seen.number("maxmemory")
        each_bytes = self.values.mean_bytes + len(self.keys.name(0)) + _OVERHEAD_BYTES
        needed = self.prefill * each_bytes
        policy = seen.information.get("maxmemory_policy", _NO_EVICTION)
        left = max(limit - seen.number("used_memory"), 0)
        if limit and policy == _NO_EVICTION and needed > left:
            raise MeasurementError(
                f"{self.prefill:,} keys need about {format_megabytes(needed)}, but {where} has "
                f"{format_megabytes(left)} left of its maxmemory and evicts nothing: use fewer or smaller values, "
                "a smaller prefill, or raise maxmemory"
            )
        most_keys = self.keys.count if self.writes else self.prefill
        others = seen.keys_everywhere
        if limit and policy != _NO_EVICTION and others and not self.may_evict and most_keys * each_bytes > left:
            raise MeasurementError(
                f"{most_keys:,} keys need about {format_megabytes(most_keys * each_bytes)}, but {where} has "
                f"{format_megabytes(left)} left of its maxmemory; to make room it would evict some of what "
                f"is there ({counted(others, 'key')}, {policy}): use fewer keys or smaller values, or say "
                "allow_destructive (--allow-destructive), if they may go"
            )
        machine = seen.number("total_system_memory")
        if not limit and machine and needed > machine:
            raise MeasurementError(
                f"{self.prefill:,} keys need about {format_megabytes(needed)}, more than the "
                f"{format_megabytes(machine)} of the machine that {where} runs on: use fewer or smaller values, or a "
                "smaller prefill"
            )

    def _rehearse(self, client: RespClient) -> None:
        """What cleaning takes, while there is nothing to be cleaned: a user that may not do it leaves its keys."""
        if not self.writes and not self.prefill:
            return
        client.call("UNLINK", self.keys.name(0))
        client.expect(int, "DBSIZE")
        if self.keys.count > _SCANNED_AT_ONCE:
            client.expect(list, *self._scan(b"0", 1))

    def _scan(self, cursor: bytes, count: int) -> tuple[str | bytes | int, ...]:
        return ("SCAN", cursor, "MATCH", f"{self.keys.prefix}*", "COUNT", count)

    def _check_size(self, client: RespClient) -> None:
        try:
            said = client.expect(list, "CONFIG", "GET", _LIMIT)
        except WireError:
            return  # its user may not ask; what is too large will then be refused one by one
        limit = int(said[1]) if len(said) > 1 and str(said[1], "ascii", "replace").isdigit() else 0
        if limit and self.values.most_bytes > limit and (self.writes or self.prefill):
            raise MeasurementError(
                f"values of {self.values.most_bytes:,} bytes are more than {self.address.text} takes "
                f"({_LIMIT} is {limit:,}): use smaller values, or raise its limit"
            )

    def _clean(self) -> None:
        if not self.writes and not self.prefill:
            return
        try:
            with self._client() as client:
                for command in self._removing(client):
                    client.ask(command)
        except (WireError, MeasurementError) as failure:
            message = failure.message if isinstance(failure, WireError) else str(failure)
            raise MeasurementError(
                f"the keys that begin with {self.keys.prefix} could not be deleted: {message}"
            ) from failure

    def _removing(self, client: RespClient) -> Iterator[bytes]:
        # By name, or by looking through the database, whichever is less to do.
        if self.keys.count <= max(client.expect(int, "DBSIZE"), _SCANNED_AT_ONCE):
            yield from removals(self.keys, _SCANNED_AT_ONCE)
            return
        cursor = b"0"
        while True:
            cursor, found = client.expect(list, *self._scan(cursor, _SCANNED_AT_ONCE))
            if found:
                yield packed("UNLINK", *found)
            if cursor == b"0":
                return


def _batches(commands: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    length = 0
    for command in commands:
        batch.append(command)
        length += len(command)
        if length >= _BATCH_BYTES or len(batch) >= _BATCH_COMMANDS:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def _cannot(failure: WireError, more: str = "") -> MeasurementError:
    return MeasurementError(f"{failure.message}{more} [{failure.kind}]")
