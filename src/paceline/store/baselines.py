"""Baselines: for each test the figures of up to 30 sessions a machine, in a file replaced whole and under a lock."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from paceline.core.errors import BaselineError, ConfigurationError, FileFormatError
from paceline.judge.result import TestResult, TestStatus
from paceline.judge.sessions import differences, in_order, is_complete, separate, with_reference
from paceline.records.baseline import FIGURES, BaselineSession, session_of
from paceline.store.codec import decode, encode
from paceline.store.files import check_writable, write_atomically
from paceline.store.foreign import foreign_sessions, is_foreign, read_folder, read_text
from paceline.store.lock import locked

BASELINE_SCHEMA = "paceline/baseline/2"
FIRST_SCHEMA = "paceline/baseline/1"  # without marks of the reference, boot times and calibrations
MOST_SESSIONS = 30  # of a test on a machine
FLAT_SESSION = "flat"

_EXPECTED = f"expected a baseline ({BASELINE_SCHEMA!r}, or the flat form {{name: {{'mean_time_ms': number}}}})"

Sessions = Mapping[str, tuple[BaselineSession, ...]]


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

    The older flat form ``{test name: {metric name: number}}`` is read as one session, and so is a file of
    pytest-benchmark or pyperf; a folder of such files (``.benchmarks/`` of pytest-benchmark) has a session of each. Of
    files that do not mark their reference the oldest sessions that are enough for one are it.

    Raises:
        FileNotFoundError: there is no such file.
        BaselineError: it is no baseline; the message names file, place and what was expected.
    """
    return _loaded(path, foreign=True)


def load_own_baseline(path: Path) -> Sessions:
    """As :func:`load_baseline`, for a file that is to be written to: files of other tools are not, nor are folders."""
    return _loaded(path, foreign=False)


def _loaded(path: Path, *, foreign: bool) -> Sessions:
    try:
        if foreign and path.is_dir():
            return _folder(path)
        data = read_text(path)
        schema = _schema_of(data, path)
        if schema in {BASELINE_SCHEMA, FIRST_SCHEMA}:
            tests = decode(data, _BaselineFile, str(path)).tests
            return tests if schema == BASELINE_SCHEMA else {name: _marked(each) for name, each in tests.items()}
        content = decode(data, dict[str, object], str(path))
        if is_foreign(content):
            if not foreign:
                raise FileFormatError(f"{path} is a file of another tool, to be read only: save to another")
            return {each.test: (each.as_baseline(),) for each in foreign_sessions(content, path)}
        if schema is not None:
            raise FileFormatError(f"{path}: schema is {schema!r} - at `$.schema`")
        return {name: (_flat_session(name, figures, path),) for name, figures in content.items()}
    except FileFormatError as error:
        expected = f"{_EXPECTED}, or JSON of pytest-benchmark or pyperf" if foreign else _EXPECTED
        raise BaselineError(f"{error}; {expected}. The file was left as it is.") from error


def _schema_of(data: bytes, path: Path) -> str | None:
    """What the file says it is, without making objects of the rest; in the flat form a test may be named "schema"."""
    told = decode(data, dict[str, msgspec.Raw], str(path)).get("schema")
    return decode(bytes(told), str, str(path)) if told is not None and bytes(told)[:1] == b'"' else None


def _folder(path: Path) -> Sessions:
    tests: dict[str, list[BaselineSession]] = {}
    for session in read_folder(path):
        tests.setdefault(session.test, []).append(session.as_baseline())
    return {name: in_order(sessions) for name, sessions in tests.items()}


def _flat_session(name: str, figures: object, path: Path) -> BaselineSession:
    place = f"`$[{json.dumps(name)}]`"
    if not isinstance(figures, dict):
        raise FileFormatError(f"{path}: Expected `object` - at {place}")
    known: dict[str, float | None] = {}
    for key in FIGURES:
        value = figures.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                known[key] = float(value)
            except OverflowError as error:
                raise FileFormatError(f"{path}: Number out of range - at {place}.{key}") from error
    if not known:
        raise FileFormatError(f"{path}: none of the metrics {', '.join(FIGURES[:5])}, ... - at {place}")
    return BaselineSession(FLAT_SESSION, str(figures.get("timestamp", "")), "", known, reference=True)


def save_baseline(
    path: Path,
    results: Iterable[TestResult],
    session_id: str,
    saved_at: str,
    calibration_ns: float | None = None,
) -> Saved:
    """Add this session's figures to a baseline file; saving the same session again replaces them.

    Results that failed or whose figures are in doubt (a serious finding) are refused. A session joins the reference
    while that has not yet the sessions and days that a verdict needs; then it stands until it is promoted. At most 30
    sessions of a test on a machine are kept: the reference, and the newest.

    Args:
        calibration_ns: of the calibration workload, for results that do not know it.

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
            accepted[name] = session_of(result.record, session_id, saved_at, calibration_ns)
    if accepted:
        check_writable(path)  # says what is wrong with a path better than a lock beside it can
        with locked(path):
            try:
                tests = dict(load_own_baseline(path))
            except FileNotFoundError:
                tests = {}
            for name, session in accepted.items():
                tests[name] = _with(tests.get(name, ()), session)
            _write(path, tests)
    return Saved(path, tuple(accepted), refused)


def promote(path: Path, test: str | None = None, sessions: int | None = None) -> Sessions:
    """Make the newest sessions the reference that later ones are held against.

    Args:
        path: of the baseline.
        test: name of one test; None for all.
        sessions: how many separate ones. None: as many as a verdict needs, or as there are.

    Returns:
        The promoted sessions by test.

    Raises:
        FileNotFoundError: there is no such file.
        BaselineError: it is no baseline; it was left as it is.
        ConfigurationError: it has no such test.
        OutputError: the file cannot be written; what stood there still does.
    """
    check_writable(path)
    with locked(path):
        tests = dict(load_own_baseline(path))
        if test is not None and test not in tests:
            raise ConfigurationError(f"{path} has no test {test!r}; it has: {', '.join(tests) or 'none'}")
        for name in tests if test is None else (test,):
            tests[name] = _promoted(tests[name], sessions)
        _write(path, tests)
    return {name: tuple(each for each in tests[name] if each.reference) for name in tests if test in {None, name}}


def _write(path: Path, tests: Mapping[str, tuple[BaselineSession, ...]]) -> None:
    # Indented, for baselines are kept in version control: a session added is some lines added.
    document = encode(_BaselineFile(BASELINE_SCHEMA, dict(tests)))
    write_atomically(path, msgspec.json.format(document, indent=1) + b"\n")


def _objection(result: TestResult) -> str | None:
    if result.status is TestStatus.FAILED:
        return "it failed"
    doubts = [finding.code for finding in result.findings if finding.serious]
    return f"its figures are in doubt ({', '.join(doubts)})" if doubts else None


def _with(sessions: tuple[BaselineSession, ...], added: BaselineSession) -> tuple[BaselineSession, ...]:
    same = [session.session_id == added.session_id for session in sessions]
    if any(same):
        return tuple(
            replace(added, reference=session.reference) if hit else session
            for session, hit in zip(sessions, same, strict=True)
        )
    reference = [session for session in sessions if session.reference and _alike(session, added)]
    added = replace(added, reference=not is_complete(reference))
    others = [session for session in sessions if session.fingerprint != added.fingerprint]
    own = [*(session for session in sessions if session.fingerprint == added.fingerprint), added]
    while len(own) > MOST_SESSIONS:
        own.remove(_dispensable(own, added))
    return (*others, *own)


def _alike(one: BaselineSession, other: BaselineSession) -> bool:
    """Whether they are sessions of the same benchmark on the same machine."""
    return one.fingerprint == other.fingerprint and not differences(one.definition, other.definition)


def _dispensable(own: Sequence[BaselineSession], added: BaselineSession) -> BaselineSession:
    """The oldest that is not of the reference of what was added; or one that counts for nothing beside another."""
    free = [each for each in own if each is not added and not (each.reference and _alike(each, added))]
    if free:
        return free[0]
    apart = {id(each) for each in separate(own)}
    return next((each for each in own if id(each) not in apart and each is not added), own[0])


def _marked(sessions: Sequence[BaselineSession]) -> tuple[BaselineSession, ...]:
    """Sessions of all machines and definitions with their references marked, in their order."""
    groups: list[list[BaselineSession]] = []
    for session in sessions:
        group = next((each for each in groups if _alike(each[0], session)), None)
        if group is None:
            groups.append([session])
        else:
            group.append(session)
    marked = {id(old): new for group in groups for old, new in zip(group, with_reference(group), strict=True)}
    return tuple(marked[id(session)] for session in sessions)


def _promoted(sessions: Sequence[BaselineSession], wanted: int | None) -> tuple[BaselineSession, ...]:
    """The newest of each machine marked, nothing else; of the definition that its newest session has."""
    chosen: set[int] = set()
    for fingerprint in {session.fingerprint for session in sessions}:
        own = [session for session in sessions if session.fingerprint == fingerprint]
        taken: list[BaselineSession] = []
        for session in reversed([each for each in own if _alike(each, own[-1])]):
            count = len(separate(taken))
            enough = is_complete(taken) if wanted is None else count >= wanted
            if enough and len(separate([session, *taken])) > count:
                break
            taken.insert(0, session)
        chosen |= {id(session) for session in taken}
    return tuple(replace(session, reference=id(session) in chosen) for session in sessions)
