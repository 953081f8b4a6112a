"""A session of duets with one of every verdict. Run as a module it writes the text that ``tests/golden`` holds:

python -m tests.unit.report.duet_cases
"""

from dataclasses import replace
from pathlib import Path

from paceline.judge.duet import judge_duets
from paceline.records.duet import DuetRecord, Side, Subject
from paceline.report.duet_text import render_duets
from tests.unit.judge.duets import make_duet, slower_by, with_all

GOLDEN = Path(__file__).parents[2] / "golden" / "duets.txt"
BASE = Side("v1.4", "CPython 3.11.7", detail="6e8bc43b1a")
CANDIDATE = Side("working tree", "CPython 3.11.7", detail="0c1a9d77e2, with uncommitted changes")
LEFT_OUT = {
    "shop.prices:new": "only candidate has it, base has not",
    "shop.prices:broken": "candidate: ValueError: no such record",
}
NOTICES = ("shop.prices:total: teardown failed for the base: OSError: the file is gone",)
EQUAL, FIVE_MORE = slower_by(0.0), slower_by(0.05)


def _of_revisions(name: str, share: float, spread: float = 1.0, planted: list[float] | None = None) -> DuetRecord:
    return make_duet(
        slower_by(share, spread=spread),
        null=EQUAL,
        planted=planted or FIVE_MORE,
        name=name,
        base=BASE,
        candidate=CANDIDATE,
    )


def records() -> list[DuetRecord]:
    """A regression and a larger one, an improvement, no change, too much noise, a control not found, pairs lost."""
    lost = ("pair 4: candidate: its process was ended by SIGKILL", "pair 9: base: no answer for 60 s")
    service = make_duet(
        slower_by(0.02),
        name="http://localhost:8001/items",
        subject=Subject.HTTP,
        base=Side("http://localhost:8000/items"),
        candidate=Side("http://localhost:8001/items"),
    )
    return [
        _of_revisions("shop.prices:total", 0.078),
        _of_revisions("shop.prices:tax", -0.12),
        _of_revisions("shop.stock:count", 0.0),
        _of_revisions("shop.stock:find_everything_that_is_low", 0.0, spread=12.0),
        _of_revisions("shop.cart:add", 1.5),
        _of_revisions("shop.cart:empty", 0.0, planted=EQUAL),
        replace(_of_revisions("shop.cart:sum", 0.012), discarded=lost),
        with_all(service, "candidate", errors=20),
    ]


def text() -> str:
    """Their report."""
    return render_duets(judge_duets(records()), LEFT_OUT, NOTICES)


if __name__ == "__main__":
    GOLDEN.write_text(text())
