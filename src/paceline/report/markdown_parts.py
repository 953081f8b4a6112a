"""What Markdown reports are made of: code spans, rows of a table, code that can be folded away.

Whatever tests are called stands in code spans and code blocks, where nothing is markup, a link or a mention.
"""

import re
from collections.abc import Sequence

from paceline.report.layout import squeezed

# A comment on GitHub has at most 65,536 characters.
MOST_BYTES = 60_000
NAME_WIDTH = 100
_BACKTICKS = re.compile("`+")


def code_span(text: str, width: int = NAME_WIDTH) -> str:
    """``text`` as code, for a cell of a table: on one line, shortened in its middle, nothing of it markup."""
    line = squeezed(text, width) or "(no name)"
    ticks = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(line)), default=0))
    pad = " " if "`" in (line[0], line[-1]) else ""
    return f"{ticks}{pad}{line}{pad}{ticks}".replace("|", "\\|")


def table(
    columns: Sequence[str], alignment: Sequence[str], rows: Sequence[Sequence[str]], most_bytes: int
) -> Sequence[str]:
    """The lines of a table; of rows for which there is no room, only how many there are.

    Args:
        columns: headings.
        alignment: ``---`` or ``---:``, one for each column.
        rows: cells, the worst first.
        most_bytes: room for the rows.
    """
    lines = [_row(columns), _row(alignment)]
    used = 0
    for place, cells in enumerate(rows):
        row = _row(cells)
        used += size(row) + 1
        if used > most_bytes:
            rest = f"and {len(rows) - place:,} more, none of them worse"
            return [*lines, _row([rest, *([""] * (len(columns) - 1))])]
        lines.append(row)
    return lines


def folded(title: str, lines: Sequence[str], most_bytes: int, *, is_open: bool) -> str:
    """``lines`` as a code block that can be folded, cut at whole lines to ``most_bytes``; nothing where none fits."""
    if not lines:
        return ""
    longest = max((len(run) for line in lines for run in _BACKTICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    beginning = f"\n<details{' open' if is_open else ''}><summary>{title}</summary>\n\n{fence}text\n"
    rest = "... (cut: a comment has room for no more)\n"
    end = f"{fence}\n\n</details>\n"
    room = most_bytes - size(beginning + rest + end)
    kept: list[str] = []
    for line in lines:
        room -= size(line) + 1
        if room < 0:
            break
        kept.append(f"{line}\n")
    if not kept:
        return ""
    return beginning + "".join(kept) + (rest if len(kept) < len(lines) else "") + end


def size(text: str) -> int:
    """Its bytes in UTF-8."""
    return len(text.encode())


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
