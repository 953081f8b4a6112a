"""Baselines: for each test the figures of up to 30 sessions a machine, in a file replaced whole and under a lock."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import msgspec

from paceline.core.errors import BaselineError, FileFormatError
from paceline.judge.comparison import REFERENCE_SESSIONS
from paceline.judge.result import TestResult, TestStatus
from paceline.records.baseline import BaselineSession
from paceline.records.metrics import PerformanceMetrics
from paceline.store.codec import decode, encode
from paceline.store.files import check_writable, read_bounded, write_atomically
from paceline.store.lock import locked

BASELINE_SCHEMA = "paceline/baseline/1"
MOST_SESSIONS = 30  # of a test on a machine
FLAT_SESSION = "flat"

_EXPECTED = f"expected a baseline ({BASELINE_SCHEMA!r}, or the flat form {{name: {{'mean_time_ms': number}}}})"

Sessions = Mapping[str, tuple[BaselineSession, ...]]

# What a session contributes: the numbers of the specification's metrics.
_FIGURES = tuple(each.name for each in fields(PerformanceMetrics) if each.type in {"float", "int", float, int})


@dataclass(frozen=True)
class _BaselineFile:
    schema: str
    tests: dict[str, tuple[BaselineSession, ...]]


@dataclass(frozen=True)
class Saved:
    """What :func:`save_baseline` did.

    Attributes:
        path: the file.
        saved: names of the tests whose figures were stored.
        refused: why others were not, by name.
    """

    path: Path
    saved: tuple[str, ...]
    refused: Mapping[str, str]


def load_baseline(path: Path) -> Sessions:
    """The sessions of each test in a baseline file, in the order they were saved.

    The older flat form ``{test name: {metric name: number}}`` is read as one session.

    Raises:
        FileNotFoundError: there is no such file.
        BaselineError: it is no baseline; the message names file, place and what was expected.
    """
    try:
        data = read_bounded(path)
        # Which of the two forms it is shows in the first look; a test of the flat form may be named "schema".
        content = decode(data, dict[str, object], str(path))
        schema = content.get("schema")
        if not isinstance(schema, str):
            return {name: (_flat_session(name, figures, path),) for name, figures in content.items()}
        if schema != BASELINE_SCHEMA:
            raise FileFormatError(f"{path}: schema is {schema!r} - at `$.schema`")
        return decode(data, _BaselineFile, str(path)).tests
    except FileFormatError as error:
        raise BaselineError(f"{error}; {_EXPECTED}. The file was left as it is.") from error


def _flat_session(name: str, figures: object, path: Path) -> BaselineSession:
    place = f"`$[{json.dumps(name)}]`"
    if not isinstance(figures, dict):
        raise FileFormatError(f"{path}: Expected `object` - at {place}")
    known: dict[str, float | None] = {}
    for key in _FIGURES:
        value = figures.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                known[key] = float(value)
            except OverflowError as error:
                raise FileFormatError(f"{path}: Number out of range - at {place}.{key}") from error
    if not known:
        raise FileFormatError(f"{path}: none of the metrics {', '.join(_FIGURES[:5])}, ... - at {place}")
    return BaselineSession(FLAT_SESSION, str(figures.get("timestamp", "")), "", known)


def save_baseline(path: Path, results: Iterable[TestResult], session_id: str, saved_at: str) -> Saved:
    """Add this session's figures to a baseline file; saving the same session again replaces them.

    Results that failed or whose figures are in doubt (a serious finding) are refused. At most 30 sessions of a
    test on a machine are kept: the ten that are the reference, and the newest.

    Raises:
        BaselineError: there is a file, but it is no baseline; it was left as it is.
        OutputError: the file cannot be written; what stood there still does.
    """
    accepted: dict[str, BaselineSession] = {}
    refused: dict[str, str] = {}
    for result in results:
        name = result.metrics.test_name
        reason = _objection(result)
        if reason is not None:
            refused[name] = reason
        else:
            accepted[name] = _session_of(result, session_id, saved_at)
    if accepted:
        check_writable(path)  # says what is wrong with a path better than a lock beside it can
        with locked(path):
            try:
                tests = dict(load_baseline(path))
            except FileNotFoundError:
                tests = {}
            for name, session in accepted.items():
                tests[name] = _with(tests.get(name, ()), session)
            # Indented, for baselines are kept in version control: a session added is some lines added.
            document = encode(_BaselineFile(BASELINE_SCHEMA, tests))
            write_atomically(path, msgspec.json.format(document, indent=1) + b"\n")
    return Saved(path, tuple(accepted), refused)


def _objection(result: TestResult) -> str | None:
    if result.status is TestStatus.FAILED:
        return "it failed"
    doubts = [finding.code for finding in result.findings if finding.serious]
    return f"its figures are in doubt ({', '.join(doubts)})" if doubts else None


def _session_of(result: TestResult, session_id: str, saved_at: str) -> BaselineSession:
    return BaselineSession(
        session_id=session_id,
        saved_at=saved_at,
        fingerprint=result.record.fingerprint.key,
        # Floats from the start, as they are read back: a session must not change when another is added to its file.
        metrics={name: float(getattr(result.metrics, name)) for name in _FIGURES},
        definition=result.record.definition,
    )


def _with(sessions: tuple[BaselineSession, ...], added: BaselineSession) -> tuple[BaselineSession, ...]:
    same = [session.session_id == added.session_id for session in sessions]
    if any(same):
        return tuple(added if hit else session for session, hit in zip(sessions, same, strict=True))
    others = [session for session in sessions if session.fingerprint != added.fingerprint]
    own = [*(session for session in sessions if session.fingerprint == added.fingerprint), added]
    if len(own) > MOST_SESSIONS:
        own = own[:REFERENCE_SESSIONS] + own[REFERENCE_SESSIONS - MOST_SESSIONS :]
    return (*others, *own)
