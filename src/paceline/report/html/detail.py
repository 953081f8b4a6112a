"""How much is told of each test: as much as there is room for, so that a page keeps to 150 kB and 8 kB a test."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_BYTES, MOST_BYTES_EACH = 150_000, 8_000


@dataclass(frozen=True)
class Detail:
    """Limits of what is told of one test.

    Attributes:
        points: intervals of its time axis.
        table_rows: of the table behind it for readers without a script; the script makes one of all intervals.
        rows: of statements, of requests and of every other table.
        errors: kinds that are named.
        tracebacks: of how many of them.
        traceback_lines: the last of each.
        line_width: characters of a line of it.
        text_width: characters of a message.
        findings: that are told, and limits that broke.
        metadata: entries.
        metadata_width: characters of one.
        plots: whether each test has a forest plot of its own, beside its row in that of all.
    """

    points: int
    table_rows: int
    rows: int
    errors: int
    tracebacks: int
    traceback_lines: int
    line_width: int
    text_width: int
    findings: int
    metadata: int
    metadata_width: int
    plots: bool


_FEW = 12  # tests
_FULL = Detail(100, 12, 20, 5, 5, 12, 160, 600, 99, 12, 300, plots=True)
_LESS = (
    Detail(20, 0, 10, 4, 1, 8, 120, 300, 6, 6, 120, plots=False),
    Detail(16, 0, 5, 2, 1, 5, 100, 160, 3, 4, 60, plots=False),
    Detail(2, 0, 1, 1, 0, 0, 0, 60, 1, 1, 40, plots=False),
)


def details_for(tests: int) -> Sequence[Detail]:
    """What the tests of a page of so many are told in, and what those are that do not fit, from more to less."""
    return (_FULL, *_LESS) if tests <= _FEW else _LESS
