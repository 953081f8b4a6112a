"""The histories of the tests that were just measured, for a report."""

from collections.abc import Sequence

from paceline.judge.result import TestResult
from paceline.judge.trend import HistoryTrend, judge_trend
from paceline.records.quantities import MEDIAN
from paceline.store.history import opened

_MOST_TRENDS = 20  # tests: a page is to stay small, and 'paceline history trend' shows any other
_SESSIONS = 100
_LEAST_SESSIONS = 2


def trends_of(history: str, results: Sequence[TestResult]) -> tuple[HistoryTrend, ...]:
    """How the median of each test went over its newest sessions, for the first twenty tests that have a history.

    Args:
        history: its URL or file.
        results: of the tests, those first that matter most.

    Raises:
        ConfigurationError, FileFormatError, OutputError: as ``store.history.opened``.
    """
    found: list[HistoryTrend] = []
    with opened(history) as sessions:
        for result in results:
            series = sessions.series(result.metrics.test_name, MEDIAN, last=_SESSIONS)
            if series is not None and len(series.points) >= _LEAST_SESSIONS:
                found.append(judge_trend(series))
            if len(found) == _MOST_TRENDS:
                break
    return tuple(found)
