"""How much is told of each test: the more tests, the less, so that the file keeps to 150 kB and 8 kB a test."""

from dataclasses import dataclass

_FEW = 12  # tests


@dataclass(frozen=True)
class Detail:
    """Limits of what is told of one test.

    Attributes:
        points: intervals of its time axis.
        table_rows: of the table behind it.
        errors: kinds that are named.
        tracebacks: of how many of them.
        traceback_lines: the last of each.
        line_width: characters of a line of it.
        text_width: characters of a message.
        metadata: entries.
        metadata_width: characters of one.
        plots: whether each test has a forest plot of its own, beside its row in that of all.
    """

    points: int
    table_rows: int
    errors: int
    tracebacks: int
    traceback_lines: int
    line_width: int
    text_width: int
    metadata: int
    metadata_width: int
    plots: bool


_FULL = Detail(100, 12, 5, 5, 12, 160, 600, 12, 300, plots=True)
_BRIEF = Detail(20, 4, 4, 1, 8, 120, 200, 6, 120, plots=False)
_BRIEF_COMPARED = Detail(16, 4, 4, 1, 8, 120, 200, 6, 120, plots=False)


def detail_for(tests: int, compared: int) -> Detail:
    """What a session of so many tests has room for, of which so many are compared with a baseline."""
    if tests <= _FEW:
        return _FULL
    return _BRIEF_COMPARED if compared > tests / 2 else _BRIEF
