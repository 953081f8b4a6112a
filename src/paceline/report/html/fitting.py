"""The tests of a page one by one, in as much detail as the page has room for."""

from collections.abc import Sequence
from heapq import heapify, heapreplace

from paceline.judge.result import TestResult, TestStatus
from paceline.report.html.detail import MOST_BYTES, MOST_BYTES_EACH, Detail, details_for
from paceline.report.html.markup import environment, json_block, safe
from paceline.report.html.view import TestRow, test_view

HOLE = safe("<!--tests-->")  # text of users holds no "<" once it is markup
_OPEN_AT_MOST = 3  # tests: of so few all are shown at once
_IN_A_LOT = '<div class="lot">\n%s</div>\n'
_LOT = 20  # tests that are laid out together; those that are far from what is seen cost nothing (decision 048)


def filled(frame: str, tests: Sequence[tuple[TestResult, TestRow]], counted: int) -> str:
    """The page, with the details of ``tests`` in the place of :data:`HOLE`.

    Args:
        frame: all the rest of the page.
        tests: in their order, with their rows in its table.
        counted: tests and duets of the page.
    """
    above, hole, below = frame.partition(HOLE)
    if not hole:
        return frame
    room = MOST_BYTES + MOST_BYTES_EACH * counted - len(frame.encode())
    sections = _sections(tests, room - (len(_IN_A_LOT) - 2) * -(-len(tests) // _LOT))
    lots = (_IN_A_LOT % "".join(sections[at : at + _LOT]) for at in range(0, len(sections), _LOT))
    return "".join([above, *lots, below])


def _sections(tests: Sequence[tuple[TestResult, TestRow]], room: int) -> list[str]:
    """All in equal detail; where they do not fit so, the largest of them in less, until they do."""
    details = details_for(len(tests))
    made = [
        _section(result, row, details[0], opened=_is_open(place, tests)) for place, (result, row) in enumerate(tests)
    ]
    sizes = [len(section.encode()) for section in made]
    over = sum(sizes) - room
    largest = [(-size, place, 0) for place, size in enumerate(sizes)]
    heapify(largest)
    while over > 0 and largest and largest[0][0] < 0:
        size, place, level = largest[0]
        if level + 1 == len(details):
            heapreplace(largest, (0, place, level))  # as small as it gets
            continue
        result, row = tests[place]
        made[place] = _section(result, row, details[level + 1], opened=_is_open(place, tests))
        smaller = len(made[place].encode())
        over -= -size - smaller
        heapreplace(largest, (-smaller, place, level + 1))
    return made


def _is_open(place: int, tests: Sequence[tuple[TestResult, TestRow]]) -> bool:
    return len(tests) <= _OPEN_AT_MOST or (tests[place][0].status is TestStatus.FAILED and place < _OPEN_AT_MOST)


def _section(result: TestResult, row: TestRow, detail: Detail, *, opened: bool) -> str:
    macro = environment().get_template("test.html").module.test  # type: ignore[attr-defined]  # as its name says
    return str(macro(row, test_view(result, detail), opened, json_block)) + "\n"
