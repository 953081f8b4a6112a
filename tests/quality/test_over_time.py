"""The fast part of the quality gates of the findings over time, and that they can fail."""

import pytest

from paceline.judge import leaks, ramps, recovery
from tests.quality.over_time import WORLDS, World, told

TRIALS = 6
BY_NAME = {(world.code, world.name): world for world in WORLDS}


@pytest.mark.parametrize(
    "world", [world for world in WORLDS if world.gated], ids=lambda world: f"{world.code}-{world.name}"
)
def test_what_is_there_is_found_and_what_is_not_is_not(world: World) -> None:
    """Of so few one may go the other way: what holds whole is for `python -m tests.quality over_time`."""
    hits = told(world, range(TRIALS))
    assert hits >= TRIALS - 2 if world.present else hits <= 1


@pytest.mark.parametrize(
    ("module", "rule", "value", "code", "name"),
    [
        (ramps, "_CORE_BELOW", 60.0, "cpu-saturation", "answers do not follow, half a core"),
        (ramps, "_FOLLOWS", 1.5, "cpu-saturation", "a full core, answers follow"),
        (ramps, "_SLOWER", 1.0, "queueing", "M/D/1 up to 60 %"),
        (ramps, "_GOES_ON", 0.0, "error-onset", "an outage of 3 s"),
        (recovery, "_SLOWER", 0.5, "recovery", "latency wanders by 10 %"),
    ],
)
def test_another_rule_would_find_what_is_not_there(
    monkeypatch: pytest.MonkeyPatch, module: object, rule: str, value: float, code: str, name: str
) -> None:
    if name == "latency wanders by 10 %":
        monkeypatch.setattr(recovery, "_SLOWER_NS", -9_000_000)
    monkeypatch.setattr(module, rule, value)
    assert told(BY_NAME[code, name], range(TRIALS)) > 1


def test_what_fills_up_is_mostly_told_from_what_leaks_by_its_second_half(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BY_NAME["leak", "caches fill, by two thirds in 60 s"]
    with_it = told(world, range(40))
    monkeypatch.setattr(leaks, "_GOES_ON", -9.0)
    assert told(world, range(40)) > 2 * with_it
