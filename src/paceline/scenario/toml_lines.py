"""Where in the text of a TOML file something stands: its parser does not say."""

import re
from collections import Counter

_STEP = re.compile(r"(?P<key>[^.\[\]]+)(?P<indices>(?:\[\d+\])*)")
_HEADER = re.compile(r"\s*(?P<open>\[\[?)\s*(?P<name>[^\[\]#\"']+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*(?P<key>[A-Za-z0-9_-]+)\s*[.=]")
_LONG = re.compile(r'"""|\'\'\'')

_Place = tuple[tuple[str, int | None], ...]  # keys, each with the number of the table it names in a list of tables


def line_of(text: str, place: str) -> int | None:
    """The line, from 1, of what stands at ``place`` or of the innermost known thing around it.

    Tables with a header of their own and keys at the beginning of a line are known; what is within one line, or within
    a list that is written over several, stands where its key does.

    Args:
        text: of the file.
        place: such as ``scenario[1].request[0].path``, counted from 0.
    """
    wanted = _steps(place)
    best: tuple[int, int] | None = None  # how many steps, which line
    for number, found in _lines(text):
        if len(found) <= len(wanted) and _fits(found, wanted) and (best is None or len(found) > best[0]):
            best = len(found), number
    return None if best is None else best[1]


def _steps(place: str) -> _Place:
    steps = []
    for match in _STEP.finditer(place):
        indices = re.findall(r"\d+", match["indices"])
        steps.append((match["key"], int(indices[0]) if indices else None))
    return tuple(steps)


def _fits(found: _Place, wanted: _Place) -> bool:
    """Whether ``found`` is the beginning of ``wanted``; a key in one line holds all of its list."""
    return all(
        key == other and (index is None or other_index is None or index == other_index)
        for (key, index), (other, other_index) in zip(found, wanted, strict=False)
    )


def _lines(text: str) -> list[tuple[int, _Place]]:
    """Each line that begins a table or has a key, with its place."""
    places: list[tuple[int, _Place]] = []
    table: _Place = ()
    counts: Counter[_Place] = Counter()
    inside = ""  # the quotes of a text over several lines
    for number, line in enumerate(text.splitlines(), start=1):
        was_inside = bool(inside)
        for quotes in _LONG.findall(line):
            inside = quotes if not inside else "" if quotes == inside else inside
        if was_inside:
            continue
        header = _HEADER.fullmatch(line)
        if header is not None:
            table = _table(header["name"], counts, is_list=len(header["open"]) > 1)
            places.append((number, table))
            continue
        key = _KEY.match(line)
        if key is not None:
            places.append((number, (*table, (key["key"], None))))
    return places


def _table(name: str, counts: Counter[_Place], *, is_list: bool) -> _Place:
    """The place of a table, of which there have been ``counts`` of the same name so far; within the newest ones."""
    table: _Place = ()
    keys = [key.strip() for key in name.split(".")]
    for depth, key in enumerate(keys, start=1):
        here: _Place = (*table, (key, None))
        if depth == len(keys) and is_list:
            counts[here] += 1
        table = (*table, (key, counts[here] - 1 if counts[here] else None))
    return table
