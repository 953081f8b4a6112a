"""What a reader of a duet should know beside its verdict."""

from collections.abc import Sequence

from paceline.core.findings import Finding
from paceline.core.units import counted
from paceline.judge.change import Change
from paceline.judge.duet_arms import NullArm
from paceline.records.duet import DuetRecord, Pair
from paceline.records.quantities import MEDIAN, Quantity

NULL_CODE = "null-arm-differs"
_ALIKE = 0.1  # of the calls: with ten of them beyond a percentile its bias then differs by far less than its spread


def discarded_finding(record: DuetRecord, lost: Sequence[str], *, serious: bool) -> Finding:
    """That pairs count for nothing."""
    run = counted(len(record.pairs) + len(record.discarded), "pair")
    return Finding(
        code="pairs-discarded",
        seen=f"{len(lost)} of {run} were discarded; the first: {lost[0].rstrip('.')}.",
        why="They count for neither side. Where more than a third is lost, what is left is a choice: no verdict.",
        advice="Look for what ended them.",
        serious=serious,
    )


def failing_finding(error_rate: Change) -> Finding:
    """That more calls fail on the candidate's side."""
    return Finding(
        code="candidate-fails-more",
        seen=f"{100 * (error_rate.estimate or 0.0):.1f} more calls of a hundred fail on the candidate's side.",
        why="A call that fails does other work: the times of the two sides are not comparable.",
        advice="Mend the candidate, or name what decides: --metric error_rate.",
        serious=True,
    )


def doubts_finding(doubts: Sequence[str]) -> Finding:
    """That the load was not what was asked for."""
    more = f" And {counted(len(doubts) - 1, 'other doubt')}." if len(doubts) > 1 else ""
    return Finding(
        code="duet-in-doubt",
        seen=f"{doubts[0].rstrip('.')}.{more}",
        why="The times may be those of the measuring side, or of a load that never arrived: nothing is proven equal.",
        advice="Ask for less load (--rate, -c), or take longer windows, and look at the service that was cut off.",
        serious=True,
    )


def counts_finding(pairs: Sequence[Pair], shown: Sequence[Quantity]) -> list[Finding]:
    """That tail percentiles are shown of unequal numbers of calls; none where they are of about as many."""
    tails = [quantity.label for quantity in shown if quantity.quantile is not None and quantity != MEDIAN]
    base, candidate = sum(each.base.calls for each in pairs), sum(each.candidate.calls for each in pairs)
    if not tails or abs(base - candidate) <= _ALIKE * max(base, candidate):
        return []
    return [
        Finding(
            code="calls-differ",
            seen=f"The {' and '.join(tails)} of the base are of {base:,} calls, the candidate's of {candidate:,}.",
            why="A percentile of few calls is biased, and of fewer calls more: the two are not quite comparable.",
            advice="Compare percentiles at a fixed rate of arrivals: --rate.",
        )
    ]


def null_finding(null: NullArm, reason: str) -> Finding:
    """That the base against itself differs."""
    return Finding(
        code=NULL_CODE,
        seen=f"Over {counted(null.pairs, 'pair')} {reason} (p = {null.p_value:.2g}).",
        why="The same tilt is in every comparison of this session: no verdict of it holds.",
        advice="Look for what the sides do not share: length of paths, environment, services on one side's core.",
        serious=True,
    )
