"""Which code a session of duets ends with: the first that applies."""

from collections.abc import Mapping

import pytest

from paceline.cli.exit_codes import ExitCode, exit_code_of_duets
from paceline.judge.duet import judge_duets
from paceline.records.duet import DuetRecord
from tests.unit.judge.duets import make_duet, slower_by, with_all

SLOWER = make_duet(slower_by(0.1))
FASTER = make_duet(slower_by(-0.1))
EQUAL = make_duet(slower_by(0.0))
NOISY = make_duet(slower_by(0.0, spread=12.0))
TOO_MANY_LOST = make_duet(slower_by(0.1), discarded=("pair 1: it ended",) * 15)
FAILING = with_all(EQUAL, "candidate", errors=20)
MISSING = {"shop:new": "base: AttributeError"}


@pytest.mark.parametrize(
    ("records", "left_out", "code", "strict_code"),
    [
        ([EQUAL, FASTER], {}, ExitCode.HELD, ExitCode.HELD),
        ([EQUAL, SLOWER], {}, ExitCode.BROKEN, ExitCode.BROKEN),
        ([EQUAL, NOISY], {}, ExitCode.HELD, ExitCode.NO_VERDICT),
        ([SLOWER, NOISY], MISSING, ExitCode.BROKEN, ExitCode.BROKEN),
        ([EQUAL], MISSING, ExitCode.HELD, ExitCode.NO_VERDICT),
        ([TOO_MANY_LOST], {}, ExitCode.NO_VERDICT, ExitCode.NO_VERDICT),
        ([FAILING], {}, ExitCode.NO_VERDICT, ExitCode.NO_VERDICT),
        ([FAILING, SLOWER], {}, ExitCode.BROKEN, ExitCode.BROKEN),
        ([], {}, ExitCode.NOTHING_MEASURED, ExitCode.NOTHING_MEASURED),
        ([], MISSING, ExitCode.NOTHING_MEASURED, ExitCode.NO_VERDICT),
    ],
)
def test_first_that_applies(
    records: list[DuetRecord], left_out: Mapping[str, str], code: ExitCode, strict_code: ExitCode
) -> None:
    suite = judge_duets(records)
    assert exit_code_of_duets(suite, left_out) is code
    assert exit_code_of_duets(suite, left_out, strict=True) is strict_code
    assert exit_code_of_duets(suite, left_out, interrupted=True, strict=True) is ExitCode.INTERRUPTED
