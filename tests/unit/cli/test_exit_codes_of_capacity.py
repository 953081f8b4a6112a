"""What the shell is told of a search for the highest load."""

import pytest

from paceline.cli.exit_codes import ExitCode, exit_code_of_capacity
from paceline.core.findings import Finding
from paceline.judge.capacity import Answer, CapacityResult
from paceline.records.capacity import CapacityProbe, CapacityRecord, Ending, Of, Phase

SERIOUS = Finding("probes-scatter", "seen.", "why.", "advice.", serious=True)
HARMLESS = Finding("bracket-only", "seen.", "why.", "advice.")


def result(answer: Answer, ended: Ending, *findings: Finding) -> CapacityResult:
    probe = CapacityProbe(10, Phase.LOCATING, 0, 1, 0.2, 1.3)
    record = CapacityRecord("x", "", Of.RATE, (), 10, 100, 60, 0.05, (probe,), ended)
    return CapacityResult(record, answer, findings=findings)


@pytest.mark.parametrize(
    ("seen", "code", "strict"),
    [
        (result(Answer.INTERVAL, Ending.PRECISE), ExitCode.HELD, ExitCode.HELD),
        (result(Answer.INTERVAL, Ending.BUDGET), ExitCode.HELD, ExitCode.HELD),
        (result(Answer.AT_LEAST, Ending.BOUND), ExitCode.HELD, ExitCode.HELD),
        (result(Answer.BRACKET, Ending.PRECISE, HARMLESS), ExitCode.HELD, ExitCode.NO_VERDICT),
        (result(Answer.BRACKET, Ending.BUDGET, SERIOUS), ExitCode.NO_VERDICT, ExitCode.NO_VERDICT),
        (result(Answer.AT_LEAST, Ending.GENERATOR, SERIOUS), ExitCode.NO_VERDICT, ExitCode.NO_VERDICT),
        (result(Answer.AT_LEAST, Ending.BUDGET), ExitCode.NO_VERDICT, ExitCode.NO_VERDICT),
        (result(Answer.BROKEN, Ending.LOWEST), ExitCode.BROKEN, ExitCode.BROKEN),
        (result(Answer.BRACKET, Ending.DIED, SERIOUS), ExitCode.BROKEN, ExitCode.BROKEN),
        (result(Answer.INTERVAL, Ending.INTERRUPTED), ExitCode.INTERRUPTED, ExitCode.INTERRUPTED),
    ],
)
def test_codes(seen: CapacityResult, code: ExitCode, strict: ExitCode) -> None:
    assert exit_code_of_capacity(seen) is code
    assert exit_code_of_capacity(seen, strict=True) is strict
