"""The one JSON codec: results files and what they are made of. Schemas are versioned; ``docs/files.md`` shows them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import TypeVar

import msgspec

from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.core.findings import Finding
from paceline.core.plain import plain_hook, to_plain
from paceline.core.redaction import redact, redact_tree
from paceline.judge.comparison import COMPARED, Comparison
from paceline.judge.result import TestResult, TestStatus
from paceline.judge.scalability import scalabilities
from paceline.judge.thresholds import PerformanceThreshold, Violation
from paceline.records.cache import CacheRecord
from paceline.records.database import DatabaseRecord
from paceline.records.fingerprint import Fingerprint
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.load import LoadRecord
from paceline.records.metrics import metrics_of, system_metrics_of
from paceline.records.recorder import Counts
from paceline.records.revision import UNCOMMITTED, Revision
from paceline.records.run_record import RunRecord
from paceline.store.files import read_bounded, write_atomically

_Value = TypeVar("_Value")

RESULTS_SCHEMA = "paceline/results/1"
# Of metadata. JSON readers, ours included, give up at some depth; whoever walks a tree in Python does at 300.
DEEPEST = 100


@dataclass(frozen=True)
class StoredResult:
    """What of a result's form in a file is read again; metrics are computed anew from the record."""

    status: TestStatus
    broken_limits: tuple[Violation, ...]
    findings: tuple[Finding, ...]
    record: RunRecord
    threshold: PerformanceThreshold | None = None
    comparison: Mapping[str, object] | None = None


@dataclass(frozen=True)
class _Head:
    schema: str


@dataclass(frozen=True)
class _Revision:
    branch: str = ""
    commit: str = ""
    uncommitted_changes: bool = False


@dataclass(frozen=True)
class _ResultsFile:
    results: tuple[StoredResult, ...]
    revision: _Revision | None = None


def encode(value: object) -> bytes:
    r"""JSON of typed values, in UTF-8 and one line; NaN and infinity are null.

    Lone surrogates (Python's stand-in for bytes of file names that are no UTF-8, found in the messages of
    exceptions) have no UTF-8 form: they stand as the text of their escape, such as ``\udce9``.
    """
    try:
        return msgspec.json.encode(value, enc_hook=plain_hook)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, enc_hook=plain_hook, str_keys=True)
        return msgspec.json.encode(_with_escapes(plain))


def _escaped(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _with_escapes(value: object) -> object:
    if isinstance(value, str):
        return _escaped(value)
    if isinstance(value, dict):
        return {_escaped(key): _with_escapes(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_escapes(item) for item in value]
    return value


def decode(data: bytes, kind: type[_Value], source: str) -> _Value:
    """The value of type ``kind`` that ``data`` is the JSON of.

    Raises:
        FileFormatError: it is not; the message names ``source``, the place and what was expected.
    """
    try:
        return msgspec.json.decode(data, type=kind, dec_hook=_decode_hook)
    except RecursionError as error:
        raise FileFormatError(f"{source}: it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{source}: it is no UTF-8 text: {error.reason}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise FileFormatError(f"{source}: {error}{_place(str(error), len(data))}") from error


def convert(plain: object, kind: type[_Value], source: str) -> _Value:
    """The value of type ``kind`` that what JSON holds stands for; the second half of :func:`decode`.

    Raises:
        FileFormatError: it stands for none; the message names ``source``, the place and what was expected.
    """
    try:
        return msgspec.convert(plain, kind, dec_hook=_decode_hook)
    except RecursionError as error:
        raise FileFormatError(f"{source}: it is nested too deeply") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise FileFormatError(f"{source}: {error}{_place(str(error), 0)}") from error


def _place(message: str, length: int) -> str:
    """Where it was, for the messages that do not say so themselves."""
    if "truncated" in message:
        return f" (it ends at byte {length})"
    return "" if "(byte " in message or "`$" in message else " - at `$`"


def _decode_hook(kind: type, plain: object) -> object:
    if kind is object:  # metadata: whatever JSON can hold
        return plain
    if kind is Histogram and isinstance(plain, dict):
        return Histogram(plain.get("indices", ()), plain.get("counts", ()))
    raise ValueError(f"expected {kind.__name__}")


def plain_metadata(metadata: Mapping[str, object] | None) -> dict[str, object]:
    """A copy of the user's metadata as plain data, without credentials.

    Raises:
        ConfigurationError: it is no mapping with text keys, or a value has no JSON form; the message names it.
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise ConfigurationError(f"metadata must be a mapping such as {{'endpoint': '/records'}}, not {metadata!r}")
    copied: dict[str, object] = {}
    for key, value in metadata.items():
        if not isinstance(key, str):
            raise ConfigurationError(f"metadata keys must be texts, not {key!r}")
        try:
            copied[key] = to_plain(value)
            _check_depth(copied[key])
            encode({key: copied[key]})  # an integer of 5,000 digits is plain, but has no JSON
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            raise ConfigurationError(
                f"metadata[{key!r}] cannot be written to a file ({error}): pass text, numbers, lists or mappings"
            ) from error
    redacted = redact_tree(copied)
    assert isinstance(redacted, dict)
    return redacted


def result_to_plain(result: TestResult) -> dict[str, object]:
    """A result as it stands in files: what ``to_dict`` gives, and what it can be read again from."""
    return {**result.to_dict(), "broken_limits": result.broken_limits, "record": result.record}


def _check_depth(tree: object) -> None:
    level = [tree]
    for _ in range(DEEPEST):
        level = [
            item
            for node in level
            if isinstance(node, dict | list)
            for item in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return
    raise ValueError(f"it is nested more than {DEEPEST} levels deep")


def result_of(stored: StoredResult, source: str) -> TestResult:
    """The result that was stored, as it was judged then.

    Raises:
        FileFormatError: its figures contradict each other; the message names ``source`` and the test.
    """
    try:
        comparison = None if stored.comparison is None else _comparison(stored.comparison)
        return TestResult(
            metrics=metrics_of(checked_record(stored.record, source)),
            status=stored.status,
            threshold=stored.threshold,
            broken_limits=stored.broken_limits,
            findings=stored.findings,
            comparison=comparison,
            record=stored.record,
        )
    except msgspec.ValidationError as error:
        raise FileFormatError(f"{source}: the comparison of {stored.record.name!r} cannot be read: {error}") from error


def checked_record(record: RunRecord, source: str) -> RunRecord:
    """``record``, when its parts fit together and every figure can be computed from it.

    The types of its fields say nothing about that, and a file may come from anywhere.

    Raises:
        FileFormatError: they do not; the message names ``source`` and the test.
    """
    latency, counts = record.latency, record.counts
    demands = {
        "moments.count is the number of values in the histogram": latency.histogram.count == latency.moments.count,
        "moments.count is the number of samples_ns": latency.samples_ns is None
        or len(latency.samples_ns) == latency.moments.count,
        "calls_per_sample is at least 1": record.definition.calls_per_sample >= 1,
        "no count is negative": min(astuple(counts)) >= 0,
        "no duration is negative": min(record.elapsed_ns, record.window_ns) >= 0,
    }
    try:
        for demand, holds in demands.items():
            if not holds:
                raise ValueError(f"expected that {demand}")  # told like the errors of the computation
        for value in record.metadata.values():
            _check_depth(value)
        if record.load is not None:
            _check_load(record.load)
        if record.cache is not None:
            _check_cache(record.cache)
        if record.database is not None:
            _check_database(record.database)
        metrics_of(record)
        system_metrics_of(record.usage)
    except (ArithmeticError, LookupError, ValueError) as error:
        raise FileFormatError(f"{source}: the record of {record.name!r} contradicts itself: {error}") from error
    return record


def _check_load(load: LoadRecord) -> None:
    """That every figure of what a load adds can be computed.

    Raises:
        ValueError: its parts contradict each other.
        ArithmeticError: a number is too large for any figure.
    """
    holders = [*load.parts, *(each for each in (load.arrivals, load.traffic, load.probe) if each is not None)]
    values = [value for holder in holders for value in vars(holder).values()]
    numbers = [load.iterations or 0, *(value for value in values if isinstance(value, int))]
    numbers += [number for value in values if isinstance(value, Counts) for number in astuple(value)]
    numbers += [each.count for each in (load.traffic.statuses if load.traffic else ())]
    if min(map(float, numbers)) < 0:
        raise ValueError("expected that no count of the load is negative")
    for latency in (value for value in values if isinstance(value, Latency)):
        _check_latency(latency, "the load")


def _check_cache(cache: CacheRecord) -> None:
    """The same of what a cache adds."""
    numbers: list[object] = [0]
    for latency in (cache.hit, cache.miss, *(() if cache.loads is None else (cache.loads.latency,))):
        _check_latency(latency, "the cache")
    for holder in (each for each in (cache.loads, cache.server) if each is not None):
        numbers += [getattr(holder, field.name) for field in fields(holder)]
    if min(float(number) for number in numbers if isinstance(number, int)) < 0:
        raise ValueError("expected that no count of the cache is negative")


def _check_database(database: DatabaseRecord) -> None:
    """The same of what a database adds."""
    values = [value for holder in (database, *database.statements) for value in vars(holder).values()]
    if min((float(value) for value in values if isinstance(value, int)), default=0.0) < 0:
        raise ValueError("expected that no count of the database is negative")
    for latency in (value for value in values if isinstance(value, Latency)):
        _check_latency(latency, "the database")


def _check_latency(latency: Latency, whose: str) -> None:
    moments, samples = latency.moments, latency.samples_ns
    if latency.histogram.count != moments.count or (samples is not None and len(samples) != moments.count):
        raise ValueError(f"expected that moments.count is the number of values in each distribution of {whose}")
    latency.quantile_ns(0.5)
    float(moments.total + moments.maximum)


def _comparison(plain: Mapping[str, object]) -> Comparison:
    known = {field.name for field in fields(Comparison)}
    filled = {key: math.nan if key in COMPARED and value is None else value for key, value in plain.items()}
    return msgspec.convert({key: value for key, value in filled.items() if key in known}, Comparison)


def encode_results(
    results: Sequence[TestResult],
    environment: Fingerprint,
    timestamp: str,
    duets: Mapping[str, object] | None = None,
    revision: Revision | None = None,
    capacities: Sequence[Mapping[str, object]] = (),
) -> bytes:
    """What a results file contains; ``duets`` and ``capacities`` as their modules in ``store`` make them plain."""
    document: dict[str, object] = {
        "schema": RESULTS_SCHEMA,
        "timestamp": timestamp,
        "environment": {**asdict(environment), "key": environment.key},
        "results": [result_to_plain(result) for result in results],
    }
    if revision is not None:
        commit = revision.commit.removesuffix(UNCOMMITTED)
        document["revision"] = _Revision(redact(revision.branch), commit, revision.is_uncommitted)
    if told := scalabilities(results):  # for other programs: whoever reads the results concludes it anew
        document["scalability"] = [each.to_dict() for each in told]
    if duets is not None:
        document["duets"] = duets
    if capacities:
        document["capacities"] = list(capacities)
    return msgspec.json.format(encode(document), indent=1) + b"\n"


def write_results(
    path: Path,
    results: Sequence[TestResult],
    environment: Fingerprint,
    timestamp: str,
    duets: Mapping[str, object] | None = None,
    revision: Revision | None = None,
    capacities: Sequence[Mapping[str, object]] = (),
) -> None:
    """Write a results file.

    Raises:
        OutputError: it cannot be written; what stood there still does.
    """
    write_atomically(path, encode_results(results, environment, timestamp, duets, revision, capacities))


def read_results(path: Path) -> tuple[TestResult, ...]:
    """The results in a results file; errors as :func:`read_results_of`."""
    return read_results_of(path)[0]


def read_results_of(path: Path) -> tuple[tuple[TestResult, ...], Revision | None]:
    """The results in a results file, and what they were measured on; None in files that do not say.

    Raises:
        FileNotFoundError: there is none.
        FileFormatError: it is none; the message names file, place and what was expected.
    """
    source = str(path)
    try:
        data = read_bounded(path)
        schema = decode(data, _Head, source).schema
        # Before its form is looked at: a file of a later version is to be called that.
        if schema != RESULTS_SCHEMA:
            raise FileFormatError(f"{source}: schema is {schema!r} - at `$.schema`")
        file = decode(data, _ResultsFile, source)
        return tuple(result_of(stored, source) for stored in file.results), _revision(file.revision)
    except FileFormatError as error:
        raise FileFormatError(f"{error}; expected a results file ({RESULTS_SCHEMA!r})") from error


def _revision(stored: _Revision | None) -> Revision | None:
    if stored is None:
        return None
    return Revision(stored.branch, f"{stored.commit}{UNCOMMITTED if stored.uncommitted_changes else ''}")
