"""The one JSON codec: results files and what they are made of. Schemas are versioned; ``docs/files.md`` shows them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

import msgspec

from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.core.findings import Finding
from paceline.core.plain import plain_hook, to_plain
from paceline.core.redaction import redact_tree
from paceline.judge.comparison import COMPARED, Comparison
from paceline.judge.result import TestResult, TestStatus
from paceline.judge.thresholds import PerformanceThreshold, Violation
from paceline.records.fingerprint import Fingerprint
from paceline.records.histogram import Histogram
from paceline.records.metrics import metrics_of
from paceline.records.run_record import RunRecord
from paceline.store.files import read_bounded, write_atomically

_Value = TypeVar("_Value")

RESULTS_SCHEMA = "paceline/results/1"


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
class _ResultsFile:
    schema: str
    results: tuple[StoredResult, ...]


def encode(value: object) -> bytes:
    """JSON of typed values; NaN and infinity are null."""
    return msgspec.json.encode(value, enc_hook=plain_hook)


def decode(data: bytes, kind: type[_Value], source: str) -> _Value:
    """The value of type ``kind`` that ``data`` is the JSON of.

    Raises:
        FileFormatError: it is not; the message names ``source``, the place and what was expected.
    """
    try:
        return msgspec.json.decode(data, type=kind, dec_hook=_decode_hook)
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        FileFormatError,
        ConfigurationError,
    ) as error:
        raise FileFormatError(f"{source}: {error}") from error


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


def result_of(stored: StoredResult) -> TestResult:
    """The result that was stored, as it was judged then."""
    return TestResult(
        metrics=metrics_of(stored.record),
        status=stored.status,
        threshold=stored.threshold,
        broken_limits=stored.broken_limits,
        findings=stored.findings,
        comparison=None if stored.comparison is None else _comparison(stored.comparison),
        record=stored.record,
    )


def _comparison(plain: Mapping[str, object]) -> Comparison:
    known = {field.name for field in fields(Comparison)}
    filled = {key: math.nan if key in COMPARED and value is None else value for key, value in plain.items()}
    return msgspec.convert({key: value for key, value in filled.items() if key in known}, Comparison)


def write_results(path: Path, results: Sequence[TestResult], environment: Fingerprint, timestamp: str) -> None:
    """Write a results file.

    Raises:
        OutputError: it cannot be written; what stood there still does.
    """
    document = {
        "schema": RESULTS_SCHEMA,
        "timestamp": timestamp,
        "environment": {**asdict(environment), "key": environment.key},
        "results": [result_to_plain(result) for result in results],
    }
    write_atomically(path, msgspec.json.format(encode(document), indent=1) + b"\n")


def read_results(path: Path) -> tuple[TestResult, ...]:
    """The results in a results file.

    Raises:
        FileNotFoundError: there is none.
        FileFormatError: it is none; the message names file, place and what was expected.
    """
    content = decode(read_bounded(path), _ResultsFile, str(path))
    if content.schema != RESULTS_SCHEMA:
        raise FileFormatError(f"{path}: schema is {content.schema!r}, expected {RESULTS_SCHEMA!r}")
    try:
        return tuple(result_of(stored) for stored in content.results)
    except msgspec.ValidationError as error:
        raise FileFormatError(f"{path}: in a comparison: {error}") from error
