"""Sessions for a run history: out of results just measured, of files of ours, and of other tools' files."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from paceline.core.clock import utc_text
from paceline.core.errors import FileFormatError
from paceline.core.units import NS_PER_MS
from paceline.judge.result import TestResult, TestStatus
from paceline.records.baseline import FIGURE_OF
from paceline.records.fingerprint import Fingerprint
from paceline.records.foreign import ForeignSession
from paceline.records.history import HistorySession
from paceline.records.metrics import metrics_of
from paceline.records.quantities import QUANTITIES, Quantity
from paceline.records.revision import Revision
from paceline.records.run_record import Definition, RunRecord
from paceline.store.codec import encode, read_results, read_results_of
from paceline.store.foreign import read_foreign
from paceline.store.journal import is_journal, read_journal

_KEY_LENGTH = 24  # hexadecimal digits: 96 bits
_IN_BATCHES = 2  # stands for every calibrated number of calls a sample


def read_finished(path: Path) -> tuple[TestResult, ...]:
    """The finished results of a results file or a journal.

    Raises:
        FileFormatError: there is no such file, or it is neither; the message names file and place.
    """
    try:
        return read_journal(path).results if is_journal(path) else read_results(path)
    except FileNotFoundError as error:
        raise FileFormatError(f"there is no file {path}") from error


@dataclass(frozen=True)
class InFile:
    """What a history keeps of a file.

    Attributes:
        sessions: all of them.
        is_assumed: whether the commit of any is that of the folder at hand, because the file does not say.
    """

    sessions: tuple[HistorySession, ...]
    is_assumed: bool


def sessions_in(path: Path, *, branch: str | None, commit: str | None, otherwise: Revision) -> InFile:
    """What a history keeps of a file: of ours, of pytest-benchmark or of pyperf.

    Args:
        branch, commit: of the code that was measured; None: as the file says.
        otherwise: where neither says.

    Raises:
        FileFormatError: there is no such file, or it is none of them; the message names file and place.
    """
    try:
        if path.is_dir():
            raise FileFormatError(f"{path} is a folder; name the files in it")
        foreign = None if is_journal(path) or _begins_as_ours(path) else read_foreign(path)
    except FileNotFoundError as error:
        raise FileFormatError(f"there is no file {path}") from error
    if foreign is None:
        results, revision = _read_ours(path)
        said = _said(branch, commit, revision or Revision(), otherwise)
        is_assumed = commit is None and not (revision and revision.commit)
        return InFile(sessions_of(results, str(path), branch=said.branch, commit=said.commit), is_assumed)
    sessions = []
    for each in foreign:
        said = _said(branch, commit, Revision(each.branch, each.commit), otherwise)
        sessions.append(_foreign_session(each, str(path), branch=said.branch, commit=said.commit))
    return InFile(tuple(sessions), commit is None and not all(each.commit for each in foreign))


def _said(branch: str | None, commit: str | None, stored: Revision, otherwise: Revision) -> Revision:
    """The revision: as the user says, else as the file does, else that of the folder at hand."""
    return Revision(
        (stored.branch or otherwise.branch) if branch is None else branch,
        (stored.commit or otherwise.commit) if commit is None else commit,
    )


def _read_ours(path: Path) -> tuple[tuple[TestResult, ...], Revision | None]:
    if is_journal(path):
        return read_journal(path).results, None
    if b'"paceline/baseline/' in _beginning(path):
        raise FileFormatError(
            f"{path} is a baseline, which has the figures of sessions and not their runs: import the results files "
            "that --json (of pytest: --perf-json) writes"
        )
    return read_results_of(path)


def _begins_as_ours(path: Path) -> bool:
    """Whether ``path`` says so itself: then it need not be read twice, and its own reader says what is wrong."""
    return b'"paceline/' in _beginning(path)


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(200)


def sessions_of(results: Iterable[TestResult], source: str, *, branch: str, commit: str) -> tuple[HistorySession, ...]:
    """What a history keeps of ``results``.

    Args:
        results: of any number of tests.
        source: what they are from, for messages.
        branch, commit: of the code that was measured.

    Raises:
        FileFormatError: a start is no time; the message names ``source`` and the test.
    """
    return tuple(_session_of(result, source, branch, commit) for result in results)


def _session_of(result: TestResult, source: str, branch: str, commit: str) -> HistorySession:
    record = result.record
    return HistorySession(
        session_id=_session_id(record),
        test=plain_text(record.name),
        started_at=_start(record.started_at, record.name, source),
        branch=plain_text(branch),
        commit=plain_text(commit),
        **_facts(record.fingerprint, record.definition),
        status=result.status.value,
        doubts=plain_text(",".join(sorted({finding.code for finding in result.findings if finding.serious}))),
        values={key: _value(record, quantity) for key, quantity in QUANTITIES.items()},
    )


def _foreign_session(session: ForeignSession, source: str, *, branch: str, commit: str) -> HistorySession:
    started_at = _start(session.started_at, session.test, source)
    values = {quantity.key: session.metrics.get(FIGURE_OF[quantity.key]) for quantity in QUANTITIES.values()}
    return HistorySession(
        session_id=_digest((session.tool, session.test, started_at, sorted(session.metrics.items()))),
        test=plain_text(session.test),
        started_at=started_at,
        branch=plain_text(branch),
        commit=plain_text(commit),
        **_facts(session.machine, session.definition),
        status=TestStatus.PASSED.value,  # neither tool writes what failed
        values={
            key: value * NS_PER_MS if value is not None and QUANTITIES[key].unit == "ns" else value
            for key, value in values.items()
        },
    )


def _facts(machine: Fingerprint, definition: Definition) -> dict[str, str]:
    return {
        "machine": machine.key,
        "machine_facts": plain_text(encode(asdict(machine)).decode()),
        "definition": definition_key(definition),
        "definition_facts": plain_text(encode(definition).decode()),
    }


def _session_id(record: RunRecord) -> str:
    """Equal for the same run in whichever file: of what was seen and when, nothing that a later version adds to."""
    seen = (
        record.name,
        record.started_at,
        record.elapsed_ns,
        record.window_ns,
        record.counts.ok,
        record.counts.errors,
        record.counts.timeouts,
        record.latency.moments.total,
    )
    return _digest(seen)


def definition_key(definition: Definition) -> str:
    """Equal for definitions whose sessions can be compared.

    Fields at their default do not count, so that one added by a later version leaves older keys as they are. How many
    calls a calibrated batch has follows from the machine's speed at that moment: every batch is alike.
    """
    facts = {
        each.name: value
        for each in fields(definition)
        if each.compare and (value := getattr(definition, each.name)) != each.default
    }
    if definition.calls_per_sample > 1:
        facts["calls_per_sample"] = _IN_BATCHES
    return _digest(sorted((name, str(getattr(value, "value", value))) for name, value in facts.items()))


def _digest(facts: object) -> str:
    return hashlib.sha256(encode(facts)).hexdigest()[:_KEY_LENGTH]


def _start(started_at: str, name: str, source: str) -> str:
    """The start in the one form in which texts sort as times do."""
    try:
        start = datetime.fromisoformat(started_at)
        return utc_text(start if start.tzinfo else start.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise FileFormatError(
            f"{source}: the start of {name!r} is no time: {started_at!r}; expected ISO 8601"
        ) from error


def _value(record: RunRecord, quantity: Quantity) -> float | None:
    """What the session came to in ``quantity``: of a run in fresh processes their median, as everywhere."""
    if record.replication is not None:
        value = record.replication.value(quantity)
    else:
        metrics, memory = metrics_of(record), record.usage.process.memory_bytes
        value = {
            "median": metrics.median_time_ms * NS_PER_MS,
            "mean": metrics.mean_time_ms * NS_PER_MS,
            "p95": metrics.p95_time_ms * NS_PER_MS,
            "p99": metrics.p99_time_ms * NS_PER_MS,
            "throughput": metrics.throughput_ops_per_sec,
            "error_rate": metrics.error_rate if metrics.iterations else None,
            "peak_rss": None if memory is None else memory.maximum,
        }[quantity.key]
    return None if value is None or not math.isfinite(value) else float(value)


def plain_text(text: str) -> str:
    """``text`` as every database can hold it: without NUL, and what has no UTF-8 form as its escape."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
