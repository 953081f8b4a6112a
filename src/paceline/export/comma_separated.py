"""CSV (RFC 4180): a row for each result, a column for each figure."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import fields

from paceline.judge.result import TestResult
from paceline.records.metrics import PerformanceMetrics

_NOT_FIGURES = frozenset({"metadata", "percentiles", "errors"})
_COLUMNS = tuple(field.name for field in fields(PerformanceMetrics) if field.name not in _NOT_FIGURES)
# What a spreadsheet would calculate; an apostrophe before it makes it a text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(results: Sequence[TestResult]) -> bytes:
    """The figures by the names of :class:`PerformanceMetrics`, then ``status`` and ``verdict``; UTF-8, CRLF.

    What does not exist is empty, and so is what is infinite.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow((*_COLUMNS, "status", "verdict"))
    for result in results:
        verdict = "" if result.comparison is None else result.comparison.verdict.value
        figures = (_cell(getattr(result.metrics, column)) for column in _COLUMNS)
        writer.writerow((*figures, result.status.value, verdict))
    return stream.getvalue().encode(errors="backslashreplace")


def _cell(value: object) -> object:
    if isinstance(value, str):
        text = value.replace("\0", "\\x00")
        return f"'{text}" if text.startswith(_FORMULA) else text
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return value
