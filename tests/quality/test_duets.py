"""The gates of the duet, small; ``python -m tests.quality duets`` runs them whole."""

from dataclasses import replace

import numpy as np
import pytest

from paceline.judge.change import DUET, Verdict
from paceline.judge.duet import judge_duets, next_look
from paceline.judge.duet_arms import null_arm_of
from paceline.records.quantities import MEDIAN
from tests.quality import duets, fast_rule
from tests.quality.duets import FAST, LOOKS, NOISY, false_alarms, gates, power_kept
from tests.quality.gates import at_least, at_most, failed, table
from tests.quality.simulated import WORLDS, Seen, World, as_record, simulate

SEED = 20261122


def test_the_gates_hold() -> None:
    found = list(gates(np.random.default_rng(SEED), FAST))
    assert not failed(found), table(found)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
@pytest.mark.parametrize("shift", [0.0, 0.02, 0.06])
def test_the_simulated_rule_is_the_one_that_judges(world: World, shift: float) -> None:
    seen = simulate(world, 40, 20, np.random.default_rng(SEED), shift)
    values = fast_rule.pair_values(seen)
    slower, faster = (fast_rule.regressed(sign * values, fast_rule.ALPHA) for sign in (1, -1))
    same = fast_rule.unchanged(values, fast_rule.ALPHA)
    for trial in range(40):
        (result,) = judge_duets([as_record(seen, trial, arms=False)]).results
        assert result.verdict is _verdict(bool(slower[trial]), bool(faster[trial]), bool(same[trial]))


def _verdict(slower: bool, faster: bool, same: bool) -> Verdict:  # noqa: FBT001
    if slower or faster:
        return Verdict.REGRESSED if slower else Verdict.IMPROVED
    return Verdict.UNCHANGED if same else Verdict.INCONCLUSIVE


@pytest.mark.parametrize("slowed", [0, 3, 12])
def test_the_simulated_suite_is_the_one_that_judges(slowed: int) -> None:
    seen = _suite(20, slowed)
    expected = fast_rule.regressed_in_suite(fast_rule.pair_values(seen)[None])[0]
    verdict = judge_duets([as_record(seen, trial, arms=False) for trial in range(15)])
    assert [result.verdict is Verdict.REGRESSED for result in verdict.results] == expected.tolist()
    assert expected.any() == bool(slowed)


@pytest.mark.parametrize("slowed", [0, 3, 12])
def test_the_simulated_looks_are_the_ones_that_judge(slowed: int) -> None:
    seen = _suite(LOOKS[-1], slowed)
    records = []
    for trial in range(15):
        pairs = LOOKS[0]
        while (more := next_look(as_record(_first(seen, pairs), trial, LOOKS, arms=False), suite=15)) is not None:
            pairs = more
        records.append(as_record(_first(seen, pairs), trial, LOOKS, arms=False))
    assert len({len(record.pairs) for record in records}) > 1
    expected = fast_rule.regressed_with_looks(fast_rule.pair_values(seen)[None], LOOKS)[0]
    verdict = judge_duets(records)
    assert [result.verdict is Verdict.REGRESSED for result in verdict.results] == expected.tolist()
    assert expected.any() == bool(slowed)


@pytest.mark.parametrize("slowed", [0, 3, 12])
def test_the_simulated_appended_runs_are_the_ones_that_judge(slowed: int) -> None:
    ends = (20, 40, 60)
    seen = _suite(ends[-1], slowed, NOISY)
    records = [
        replace(as_record(seen, trial, (20, 60), arms=False), appended=(20, 40)) for trial in range(len(seen.base))
    ]
    expected = fast_rule.regressed_when_appended(fast_rule.pair_values(seen)[None], ends)[0]
    verdict = judge_duets(records)
    assert [result.verdict is Verdict.REGRESSED for result in verdict.results] == expected.tolist()
    assert len({result.pairs for result in verdict.results}) > 1
    assert expected.any() == bool(slowed)


def test_the_simulated_null_arm_and_control_are_the_ones_that_judge() -> None:
    tests, sessions = 5, 40
    world = replace(NOISY, shared=0.5)
    seen = simulate(world, tests * sessions, 20, np.random.default_rng(SEED), suite=tests)
    controls = np.median(seen.planted - seen.base[..., 1::2], axis=-1)
    expected = fast_rule.found(controls, fast_rule.ALPHA).tolist()
    values = fast_rule.null_values(seen, tests)
    missed = []
    for session in range(sessions):
        verdict = judge_duets([as_record(seen, session * tests + test) for test in range(tests)])
        expected_null = null_arm_of(values[session].tolist(), DUET)
        assert verdict.null is not None
        assert verdict.null.bias == pytest.approx(expected_null.bias)
        assert replace(verdict.null, bias=0.0) == replace(expected_null, bias=0.0)
        missed += [result.planted is not None and result.planted.verdict for result in verdict.results]
    assert [verdict is Verdict.REGRESSED for verdict in missed] == expected
    assert 0 < sum(expected) < len(expected)


def test_what_processes_share_shows_in_every_test() -> None:
    rng = np.random.default_rng(SEED)
    for shared in (0.0, 0.5, 1.0):
        seen = simulate(World("", 0.05, epoch_noise=0.0, shared=shared), 4_000, 5, rng, suite=2)
        values = fast_rule.pair_values(seen).reshape(-1, 2, 5)
        assert np.std(values) == pytest.approx(0.05, rel=0.05)
        assert np.corrcoef(values[:, 0].ravel(), values[:, 1].ravel())[0, 1] == pytest.approx(shared, abs=0.05)


def _suite(pairs: int, slowed: int, world: World = duets.QUIET) -> Seen:
    """15 benchmarks, the first of them slower by 5 %."""
    rng = np.random.default_rng(SEED)
    parts = [simulate(world, 1, pairs, rng, 0.05 if place < slowed else 0.0) for place in range(15)]
    return Seen(*(np.concatenate([getattr(part, name) for part in parts]) for name in Seen.__dataclass_fields__))


def _first(seen: Seen, pairs: int) -> Seen:
    return Seen(*(getattr(seen, name)[:, :pairs] for name in Seen.__dataclass_fields__))


def test_pooled_epochs_break_the_gate() -> None:
    rng = np.random.default_rng(SEED)
    assert false_alarms(duets.NOISY, 4_000, rng).holds is True
    assert false_alarms(duets.NOISY, 1_000, rng, fast_rule.by_pooled_epochs).holds is False


def test_without_pairs_the_gates_break() -> None:
    rng = np.random.default_rng(SEED)
    drift = next(world for world in WORLDS if world.drift)
    assert false_alarms(drift, 4_000, rng).holds is True
    assert false_alarms(drift, 1_000, rng, fast_rule.without_pairs).holds is False
    assert power_kept(WORLDS[-1], 1_000, rng).holds is True
    assert power_kept(WORLDS[-1], 1_000, rng, fast_rule.without_pairs).holds is False


def test_the_arms_of_a_simulated_duet_say_what_they_are() -> None:
    seen = simulate(WORLDS[1], 30, 20, np.random.default_rng(SEED), 0.1)
    verdict = judge_duets([as_record(seen, trial) for trial in range(30)])
    assert verdict.null is not None
    assert (verdict.null.pairs, verdict.null.failed) == (20, False)
    controls = [result.planted for result in verdict.results]
    assert all(control is not None and control.verdict is Verdict.REGRESSED for control in controls)
    told = [control.estimate for control in controls if control is not None and control.estimate is not None]
    assert np.mean(told) == pytest.approx(0.05, abs=0.003)
    assert all(result.primary.quantity == MEDIAN for result in verdict.regressed)
    assert len(verdict.regressed) == 30


def test_a_rate_is_held_by_its_bound() -> None:
    assert [at_most("", "", 0, trials, 0.01).holds for trials in (298, 299)] == [False, True]
    assert [at_most("", "", 5, trials, 0.01).holds for trials in (1_048, 1_049)] == [False, True]
    assert [at_least("", "", 92, 93, 0.95).holds, at_least("", "", 91, 93, 0.95).holds] == [True, False]
