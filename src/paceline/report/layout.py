"""Lines of a text report: 80 columns or as many as a page has, labels on the left, nothing that drives a terminal."""

import re
import textwrap
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from paceline.core.units import format_percent

WIDTH = 80
NARROWEST, WIDEST = 40, 120  # narrower holds no figure with its label, wider is not read as a line
LABEL_WIDTH = 12
_width = ContextVar("_width", default=WIDTH)
_NUMBER_AND_UNIT = re.compile(r"(?<=\d) (?=(?:ns|us|ms|s|MB|%|M|ok/s|MB/s)(?:[^\w]|$))")


@contextmanager
def page(width: int) -> Generator[None, None, None]:
    """Reports that are rendered within are ``width`` columns wide, or as near to that as they can be."""
    token = _width.set(min(max(width, NARROWEST), WIDEST))
    try:
        yield
    finally:
        _width.reset(token)


def page_width() -> int:
    """Columns of the report that is being rendered."""
    return _width.get()


def heading(text: str, mark: str = "") -> str:
    """A section's first line, ruled to the full width."""
    text = squeezed(text, page_width() - len(mark) - 8)  # below one another stand the parameters of one test
    return f"── {text} ".ljust(page_width() - len(mark) - (1 if mark else 0), "─") + (f" {mark}" if mark else "")


def labelled(label: str, text: str) -> Iterator[str]:
    """``text`` behind its label, over as many lines as it takes."""
    yield from wrapped(text, f"{label:<{LABEL_WIDTH}}  ")


def wrapped(text: str, first: str, rest: str | None = None) -> Iterable[str]:
    """``text`` behind ``first``, and below it; where ``rest`` is given, behind that from the second line on."""
    # A number stays with its unit: textwrap does not break at the no-break space.
    text = _NUMBER_AND_UNIT.sub("\u00a0", printable(text))
    below = " " * len(first) if rest is None else rest
    lines = textwrap.wrap(text, page_width(), initial_indent=first, subsequent_indent=below, break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in lines] or [first.rstrip()]


def share_text(share: float) -> str:
    """A share in percent, ``<0.1 %`` where it would round to nothing."""
    if share in {0, 1}:
        return format_percent(share, 0)
    # Cut at the other end, not rounded up: '100.0 %' would be said of what was not all.
    cut = 0.999 if 0.999 < share < 1 else share  # noqa: PLR2004
    return format_percent(cut) if share >= 0.0005 else "<0.1 %"  # noqa: PLR2004


def printable(text: str) -> str:
    """``text`` with control characters spelled out: a test's name must not drive the reader's terminal."""
    if text.isprintable():  # nearly always, and seen at once
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in text
    )


def squeezed(text: str, width: int) -> str:
    """``text`` on one line of at most ``width`` characters, shortened in its middle: names differ at their ends."""
    line = printable(text.replace("\n", "\\n"))
    if len(line) <= width:
        return line
    tail = (width - 1) // 2 + 2
    return f"{line[: width - 1 - tail]}…{line[-tail:]}"


def shortened(text: str, width: int) -> str:
    """``text`` on one line of at most ``width`` characters."""
    line = printable(text.replace("\n", "\\n")[: 4 * width])
    return line if len(line) <= width and len(text) <= 4 * width else line[: width - 1] + "…"
