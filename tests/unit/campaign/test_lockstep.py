"""The order of epochs, the size of them, and what a worker does with its orders; no process is started."""

import ast
import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.campaign.lockstep import worker
from paceline.campaign.lockstep.pairs import EPOCH_NS, order_of, size_of
from paceline.campaign.lockstep.worker import Performer, move_paths, perform


@given(seed=st.integers(), arms=st.sampled_from([2, 3]), blocks=st.integers(1, 8))
def test_every_arm_has_every_epoch_once_and_blocks_are_mirrored(seed: int, arms: int, blocks: int) -> None:
    order = order_of(random.Random(seed), arms, 2 * blocks)
    assert sorted(order) == sorted((epoch, arm) for epoch in range(2 * blocks) for arm in range(arms))
    for block in range(blocks):
        there, back = (order[(2 * block + half) * arms : (2 * block + half + 1) * arms] for half in (0, 1))
        assert [arm for _, arm in there] == [arm for _, arm in reversed(back)]


@pytest.mark.parametrize("arms", [2, 3])
def test_all_arms_are_first_and_their_own_predecessor_equally_often(arms: int) -> None:
    first, repeated, drawn = [0] * arms, [0] * arms, 3_000
    for seed in range(drawn):
        order = [arm for _, arm in order_of(random.Random(seed), arms, 2)]
        first[order[0]] += 1
        repeated[order[arms]] += 1
    for count in (*first, *repeated):
        assert abs(count - drawn / arms) < 4 * (drawn / arms) ** 0.5


def test_the_size_of_an_epoch_follows_from_the_slower_side() -> None:
    assert size_of(1_000, 8).calls == EPOCH_NS / 1_000
    assert (size_of(EPOCH_NS * 3, 8).calls, size_of(0.0, 8).calls) == (1, EPOCH_NS)
    assert [size_of(ms * 1_000_000, 8).epochs for ms in (1, 49, 50, 199, 200, 90_000)] == [8, 8, 4, 4, 2, 2]
    assert size_of(10**9, 2).epochs == 2


class ManualTime:
    """What the worker takes for ``time``: each call of the operation takes so long."""

    def __init__(self) -> None:
        self.now = 1_000

    def perf_counter_ns(self) -> int:
        self.now += 1  # a reading takes its time; without that nobody could wait for it
        return self.now


@pytest.fixture
def manual(monkeypatch: pytest.MonkeyPatch) -> ManualTime:
    clock = ManualTime()
    monkeypatch.setattr(worker, "time", clock)
    return clock


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("singly", [False, True])
def test_an_epoch_has_as_many_calls_as_asked_and_their_time(
    manual: ManualTime, *, is_async: bool, singly: bool
) -> None:
    calls = 0

    def work() -> None:
        nonlocal calls
        calls += 1
        manual.now += 1_000

    async def work_async() -> None:
        work()

    performer = Performer(work_async if is_async else work, _finish)
    total, samples, _ = performer.epoch(10, 0.0, singly=singly)
    assert calls == 10
    assert 10_000 <= total <= 10_020
    if singly:
        assert samples is not None
        assert (len(samples), sum(samples)) == (10, total)
    else:
        assert samples is None
    planted, _, _ = performer.epoch(10, 0.05, singly=singly)
    assert planted / total == pytest.approx(1.05, abs=0.005)


def _finish(coroutine: Any) -> Any:
    """What runs a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def test_calibration_doubles_until_it_has_seen_enough(manual: ManualTime) -> None:
    def work() -> None:
        manual.now += 7_000

    assert Performer(work).calibrate() == pytest.approx(7_000, rel=0.01)


def test_a_call_that_takes_no_time_at_all_is_no_endless_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck:
        readings = 0

        def perf_counter_ns(self) -> int:
            self.readings += 1
            return 5 if self.readings < 30 else 3_000_000

    monkeypatch.setattr(worker, "time", Stuck())
    assert Performer(lambda: None).calibrate() > 0


def test_a_call_that_only_makes_a_coroutine_is_refused_and_nobody_told_that_it_was_never_awaited() -> None:
    async def work() -> None:
        raise AssertionError("it was awaited")

    with pytest.raises(TypeError, match="make it 'async def'"):
        Performer(lambda: work()).calibrate()  # noqa: PLW0108  # no coroutine function, unlike what it calls


class Heard:
    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def say(self, **message: Any) -> None:
        self.messages.append(json.loads(json.dumps(message)))


def test_what_an_operation_raises_is_told_and_orders_go_on(manual: ManualTime) -> None:
    heard = Heard()

    def work() -> None:
        manual.now += 5_000_000
        raise ValueError("no such record")

    orders: Iterator[dict[str, Any]] = iter(
        [{"do": "calibrate"}, {"do": "epoch", "calls": 1, "planted": 0, "singly": True}, {"do": "close"}, {"left": 1}]
    )
    perform(orders, heard, Performer(work))  # type: ignore[arg-type]  # all of a channel that it uses
    assert heard.messages == [{"failed": "ValueError: no such record"}] * 2
    assert next(orders) == {"left": 1}


def test_paths_into_the_checkout_point_into_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout, copy, elsewhere = tmp_path / "checkout", tmp_path / "copy", tmp_path / "checkout-2"
    environment = checkout / ".venv" / "lib"
    for folder in (checkout / "src", copy, elsewhere, environment):
        folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(checkout)
    before = [
        "",
        str(checkout),
        str(checkout / "src"),
        str(tmp_path / "link" / "src"),
        str(elsewhere),
        str(environment),
    ]
    monkeypatch.setattr(sys, "path", before)
    monkeypatch.setattr(worker, "_installed", lambda: [f"{environment}/"])
    finder = ModuleType("__editable___shop_finder")
    finder.MAPPING = {"goods": str(checkout / "lib" / "goods")}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, finder.__name__, finder)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, SimpleNamespace(__module__=finder.__name__)])
    move_paths(str(checkout), str(copy))
    moved = str(copy / "src")
    assert sys.path == ["", str(copy / "lib"), str(copy), moved, moved, str(elsewhere), str(environment)]


def test_the_worker_is_python_3_8_and_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(worker.__file__).read_text(), feature_version=(3, 8))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


def test_a_channel_carries_lines() -> None:
    there, back = os.pipe(), os.pipe()
    asking, answering = worker.Channel(back[0], there[1]), worker.Channel(there[0], back[1])
    asking.say(text="a\nb \u2028", number=1)
    asking.say(more=None)
    orders = answering.orders()
    own = {"pid": os.getpid()}
    assert [next(orders), next(orders)] == [{"text": "a\nb \u2028", "number": 1, **own}, {"more": None, **own}]
    answering.say(seen=True)
    assert next(asking.orders()) == {"seen": True, **own}
    asking.close()
    assert list(orders) == []
    answering.close()
