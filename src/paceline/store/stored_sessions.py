"""Whatever has results, as sessions: baselines, results files, journals, files of other tools and folders of them."""

from pathlib import Path

from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.judge.result import TestResult
from paceline.records.baseline import session_of
from paceline.store.baselines import Sessions, load_baseline
from paceline.store.codec import read_results
from paceline.store.files import read_bounded
from paceline.store.journal import is_journal, read_journal


def load_sessions(path: Path) -> Sessions:
    """The sessions of each test in ``path``; a results file, a journal or a file of another tool is one session.

    Raises:
        ConfigurationError: there is no such file.
        FileFormatError: it is none of them; the message says what was expected.
    """
    try:
        if path.is_dir():
            return load_baseline(path)
        if is_journal(path):
            return _one_session(read_journal(path).results)
        # The name of the schema stands at the beginning of what Paceline writes; other files are baselines or nothing.
        if b'"paceline/results/' in read_bounded(path)[:200]:
            return _one_session(read_results(path))
        return load_baseline(path)
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no file {path}") from error
    except FileFormatError as error:
        raise FileFormatError(f"{error} (a baseline, a results file or a journal was expected)") from error


def _one_session(results: tuple[TestResult, ...]) -> Sessions:
    return {
        result.metrics.test_name: (session_of(result.record, "", result.record.started_at),)
        for result in results
        if result.record.counts.ok
    }
