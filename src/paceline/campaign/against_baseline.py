"""A session's results held against a loaded baseline: each when it is measured, all of them together when read."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from paceline.campaign.calibration import calibrate
from paceline.core.clock import Clock, utc_text
from paceline.core.errors import PacelineWarning
from paceline.judge.change import STORED, Rule
from paceline.judge.comparison import Comparison, conclude
from paceline.judge.held import Held, hold
from paceline.judge.result import TestResult, compared
from paceline.records.baseline import BaselineSession, session_of
from paceline.records.run_record import RunRecord
from paceline.store.baselines import Saved, Sessions, load_baseline, save_baseline
from paceline.sysmon.boot import booted_at


class AgainstBaseline:
    """What is known of a baseline in one session.

    Verdicts depend on each other (Holm over the suite, a shift of the environment), and results come one by one: a
    result is judged with those before it when it is measured, and all of them anew by :meth:`settled`.

    Args:
        clock: where the time comes from.
        rule_of: the sizes of a change that matter, by test name.

    Attributes:
        sessions: that were loaded, by test name.
    """

    def __init__(self, clock: Clock, rule_of: Callable[[str], Rule] = lambda _: STORED) -> None:
        self._rule_of = rule_of
        self.sessions: Sessions = {}
        self._clock = clock
        self._calibration_ns: float | None = None
        self._calibrated = False
        # By test name: holding is 1 ms a test, concluding from what is held 0.1 ms.
        self._held: dict[str, tuple[RunRecord, Sequence[BaselineSession], Held | None]] = {}
        self._followed: set[str] = set()  # tests measured since the baseline was loaded

    def load(self, path: Path, *, stacklevel: int) -> None:
        """Compare every later result with the sessions in ``path``; a missing file is none yet, and a warning.

        Raises:
            BaselineError: it is no baseline.
        """
        try:
            self.sessions = load_baseline(path)
        except FileNotFoundError:
            text = f"there is no baseline {path} yet: save_baseline() makes it"
            warnings.warn(text, PacelineWarning, stacklevel=stacklevel)
            self.sessions = {}
        self._followed.clear()
        self.calibrate()

    def save(self, path: Path, results: Sequence[TestResult], session_id: str, *, stacklevel: int) -> Saved:
        """Add ``results`` to the baseline ``path``, as those of ``session_id``; what is refused is a warning.

        Raises:
            BaselineError: there is a file, but it is no baseline.
            OutputError: the file cannot be written.
        """
        saved_at = utc_text(self._clock.utc_now())
        saved = save_baseline(path, results, session_id, saved_at, calibration_ns=self.calibrate())
        for name, reason in saved.refused.items():
            warnings.warn(f"{name} was not saved to {path}: {reason}", PacelineWarning, stacklevel=stacklevel)
        return saved

    def calibrate(self) -> float | None:
        """Nanoseconds of the calibration workload in this session; it is run once."""
        if not self._calibrated:
            self._calibration_ns = calibrate(self._clock)
            self._calibrated = True
        return self._calibration_ns

    def noted(self, record: RunRecord) -> RunRecord:
        """``record`` with what is known of the session: the machine's start, and its calibration if that was run."""
        known = replace(record.circumstances, booted_at=booted_at(), calibration_ns=self._calibration_ns)
        return replace(record, circumstances=known)

    def judged(self, result: TestResult, before: Sequence[TestResult]) -> TestResult:
        """A new ``result`` with its comparison, as far as the results ``before`` it let one say."""
        self._followed.add(result.metrics.test_name)
        return compared(result, self.comparison(result, before))

    def comparison(self, result: TestResult, others: Sequence[TestResult]) -> Comparison | None:
        """``result`` against the baseline that is loaded now, in the company of ``others``; None where it has none."""
        own = self._hold(result)
        if own is None:
            return None
        names = {result.metrics.test_name}
        company = [held for each in others if each.metrics.test_name not in names and (held := self._hold(each))]
        return conclude([own, *company])[0]

    def settled(self, results: Sequence[TestResult]) -> list[TestResult]:
        """``results``, those measured since the baseline was loaded judged together."""
        if not self.sessions:
            return list(results)
        mine = [(place, held) for place, each in enumerate(results) if (held := self._followed_hold(each)) is not None]
        settled = list(results)
        for (place, _), comparison in zip(mine, conclude([held for _, held in mine]), strict=True):
            settled[place] = compared(settled[place], comparison)
        return settled

    def _followed_hold(self, result: TestResult) -> Held | None:
        return self._hold(result) if result.metrics.test_name in self._followed else None

    def _hold(self, result: TestResult) -> Held | None:
        name = result.metrics.test_name
        sessions = self.sessions.get(name, ())
        known = self._held.get(name)
        if known is not None and known[0] is result.record and known[1] is sessions:
            return known[2]
        candidate = session_of(result.record, "", result.record.started_at)
        held = hold([candidate], sessions)
        if held is not None:
            held = replace(held, rule=self._rule_of(name))
        self._held[name] = (result.record, sessions, held)
        return held
