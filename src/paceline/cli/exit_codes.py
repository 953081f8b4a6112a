"""What the shell is told. pytest's codes where they coincide. The first that applies of 4, 3, 2, 1, 6, 5, 0."""

from collections.abc import Collection, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the codes are needed to say that something of this cannot be imported
    from paceline.judge.capacity import CapacityResult
    from paceline.judge.duet import SuiteVerdict
    from paceline.judge.result import TestResult

# Whose figures show the measuring process rather than the target, or another load than was asked for.
_NO_VERDICT = frozenset(
    {
        "arrivals-dropped",
        "event-loop-saturated",
        "generator-saturated",
        "legs-lost",
        "interpreter-lock",
        "load-not-delivered",
        "no-server-asked",
        "outage",
        "probe-disagrees",
    }
)


class ExitCode(IntEnum):
    """Codes of all commands."""

    HELD = 0
    BROKEN = 1
    INTERRUPTED = 2
    COULD_NOT_RUN = 3
    USAGE = 4
    NOTHING_MEASURED = 5
    NO_VERDICT = 6


def exit_code_of(results: "Sequence[TestResult]", *, interrupted: bool = False, strict: bool = False) -> ExitCode:
    """The code for a session that could be run.

    Args:
        results: of the session.
        interrupted: whether it was ended early.
        strict: whether a WARNING or an inconclusive comparison counts as no verdict.
    """
    from paceline.judge.result import TestStatus

    measured = [result for result in results if result.metrics.iterations]
    if interrupted:
        return ExitCode.INTERRUPTED
    if any(result.status is TestStatus.FAILED for result in measured):
        return ExitCode.BROKEN
    if any(_without_verdict(result, strict=strict) for result in measured):
        return ExitCode.NO_VERDICT
    return ExitCode.HELD if measured and len(measured) == len(results) else ExitCode.NOTHING_MEASURED


def exit_code_of_duets(
    suite: "SuiteVerdict",
    left_out: Collection[str],
    broken: Collection[str] = (),
    *,
    interrupted: bool = False,
    strict: bool = False,
) -> ExitCode:
    """The code for duets that could be measured.

    Args:
        suite: what was concluded.
        left_out: tests that could not be compared.
        broken: those of them that the candidate fails.
        interrupted: whether it was ended early.
        strict: whether an inconclusive verdict, or a test left out, counts as no verdict.
    """
    if interrupted:
        return ExitCode.INTERRUPTED
    if suite.regressed:
        return ExitCode.BROKEN
    spoilt = any(finding.serious for result in suite.results for finding in result.findings)
    if spoilt or broken or (strict and (suite.inconclusive or left_out)):
        return ExitCode.NO_VERDICT
    return ExitCode.HELD if suite.results else ExitCode.NOTHING_MEASURED


def exit_code_of_capacity(result: "CapacityResult", *, strict: bool = False) -> ExitCode:
    """The code for a search that could be made.

    Args:
        result: what came of it.
        strict: whether a number without a confidence interval counts as no answer.
    """
    from paceline.judge.capacity import Answer
    from paceline.records.capacity import Ending

    ended = result.record.ended
    if ended is Ending.INTERRUPTED:
        return ExitCode.INTERRUPTED
    if result.answer is Answer.BROKEN or ended is Ending.DIED:  # a load that was kept is kept no longer
        return ExitCode.BROKEN
    if not result.record.probes:
        return ExitCode.NOTHING_MEASURED
    answered = result.answer is Answer.INTERVAL or ended is Ending.BOUND
    between = result.answer is Answer.BRACKET and not any(finding.serious for finding in result.findings)
    return ExitCode.HELD if answered or (between and not strict) else ExitCode.NO_VERDICT


def _without_verdict(result: "TestResult", *, strict: bool) -> bool:
    from paceline.judge.result import TestStatus

    judged = result.threshold is not None or result.comparison is not None
    if judged and any(finding.serious and finding.code in _NO_VERDICT for finding in result.findings):
        return True
    # A sound baseline in which no change was seen has said what it can: it is no warning.
    inconclusive = result.comparison is not None and not result.comparison.is_settled
    return strict and (inconclusive or result.status is TestStatus.WARNING)
