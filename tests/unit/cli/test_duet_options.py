"""What options of a duet mean, and which do not go together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from paceline.campaign.lockstep.pairs import Plan
from paceline.cli.duet_options import AmountOptions, JudgeOptions, SideOptions
from paceline.cli.options import percentage
from paceline.core.errors import ConfigurationError
from paceline.judge.change import DUET, Rule

NOTHING = SideOptions(
    calls=(),
    setup=None,
    tests=(),
    before=None,
    after=None,
    base_python=None,
    candidate_python=None,
    base_url=None,
    candidate_url=None,
    headers=(),
    insecure=False,
    connections=None,
    per_second=None,
    window_s=None,
)
CALL: dict[str, Any] = {"calls": ("shop:total",)}
PYTHONS: dict[str, Any] = {**CALL, "base_python": "python3.11"}
URLS: dict[str, Any] = {"base_url": "http://a/", "candidate_url": "http://b/"}
OF_CALLS: dict[str, Any] = {"--before": {"before": "shop:open"}, "--after": {"after": "shop:close"}}
OF_REVISIONS: dict[str, Any] = {"--setup": {"setup": "make"}, "--tests": {"tests": (Path("bench"),)}}
OF_PYTHONS: dict[str, Any] = {"--candidate-python": {"candidate_python": "python3.13"}}
OF_SERVICES: dict[str, Any] = {
    "--header": {"headers": ("A: b",)},
    "--insecure": {"insecure": True},
    "--connections": {"connections": 1},
    "--rate": {"per_second": 5.0},
    "--window": {"window_s": 1.0},
}


def check(revision: str | None = None, **options: Any) -> None:
    replace(NOTHING, **options).check(revision)


@pytest.mark.parametrize("more", [{}, *OF_CALLS.values(), *OF_REVISIONS.values()])
def test_revisions(more: dict[str, Any]) -> None:
    check("main", **CALL, **more)


@pytest.mark.parametrize("more", [{}, *OF_CALLS.values(), *OF_PYTHONS.values()])
def test_interpreters(more: dict[str, Any]) -> None:
    check(**PYTHONS, **more)


@pytest.mark.parametrize("more", [{}, *OF_SERVICES.values()])
def test_services(more: dict[str, Any]) -> None:
    check(**URLS, **more)


@pytest.mark.parametrize(
    ("revision", "options", "said"),
    [
        (None, {}, "name what to compare with: a revision of this repository, --base-python or --base-url"),
        (None, CALL, "name what to compare with"),
        ("main", PYTHONS, "BASE_REVISION and --base-python exclude each other"),
        ("main", {**PYTHONS, **URLS}, "BASE_REVISION and --base-python and --base-url exclude each other"),
        ("main", {}, "nothing to measure: name tests"),
        (None, {"base_python": "python3"}, "nothing to measure: name tests"),
        (None, {"base_url": "http://a/"}, "--base-url needs --candidate-url beside it"),
        (
            "main",
            {**CALL, "candidate_url": "http://b/"},
            "--candidate-url goes with --base-url, not with BASE_REVISION",
        ),
        (None, {**URLS, **CALL}, "--call goes with --base-python or BASE_REVISION, not with --base-url"),
        *(("main", {**CALL, **more}, f"{option} goes with") for option, more in (OF_PYTHONS | OF_SERVICES).items()),
        *((None, {**PYTHONS, **more}, f"{option} goes with") for option, more in (OF_REVISIONS | OF_SERVICES).items()),
        *(
            (None, {**URLS, **more}, f"{option} goes with")
            for option, more in (OF_REVISIONS | OF_CALLS | OF_PYTHONS).items()
        ),
    ],
)
def test_what_does_not_go_together(revision: str | None, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check(revision, **options)
    assert said in str(refused.value)


USUAL = AmountOptions(pairs=None, adaptive=False, epochs=None, drawn_from=None, no_pin=False, limit_s=None)


def test_how_much_is_measured() -> None:
    assert USUAL.looks == (20,)
    assert replace(USUAL, pairs=9).looks == (9,)
    assert replace(USUAL, adaptive=True).looks == (12, 24, 48)
    with pytest.raises(ConfigurationError, match="--pairs and --adaptive exclude each other"):
        _ = replace(USUAL, pairs=20, adaptive=True).looks
    assert USUAL.pair == Plan()
    assert replace(USUAL, epochs=5, no_pin=True, limit_s=2.5).pair == Plan(epochs=4, pinned=False, limit_s=2.5)


def test_a_seed_is_kept_and_else_another_one_each_time() -> None:
    assert replace(USUAL, drawn_from=0).seed() == 0
    assert len({USUAL.seed() for _ in range(20)}) > 1


@pytest.mark.parametrize(("option", "changes"), [("--epochs", {"epochs": 8}), ("--no-pin", {"no_pin": True})])
def test_services_have_no_processes_to_order_about(option: str, changes: dict[str, Any]) -> None:
    replace(USUAL, pairs=9, drawn_from=1, limit_s=5.0).check_services()
    with pytest.raises(ConfigurationError, match=f"{option} goes with processes"):
        replace(USUAL, **changes).check_services()


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), (" 0.5 % ", 0.005), ("99%", 0.99)])
def test_a_percentage(text: str, share: float) -> None:
    assert percent(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "five", "0", "2", "0.02", "-2%", "100%", "nan", "inf", "2%%"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(click.BadParameter):
        percent(text)


def percent(text: str) -> float:
    return percentage(click.Context(click.Command("duet")), click.Option(["--margin"]), text)


def test_the_rule() -> None:
    assert JudgeOptions("median", None, None, strict=False).rule == Rule(0.02, 0.05) == DUET
    assert JudgeOptions("p95", 0.1, 0.2, strict=False).rule == Rule(0.1, 0.2)
    assert JudgeOptions("peak_rss", None, None, strict=False).rule == DUET


@pytest.mark.parametrize(("min_effect", "margin", "said"), [(0.1, None, "10 %, .* 5 %"), (None, 0.01, "2 %, .* 1 %")])
def test_sizes_that_contradict_each_other(min_effect: float | None, margin: float | None, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"the smallest effect, {said}: lower the one or raise the other"):
        JudgeOptions("median", min_effect, margin, strict=False)


@pytest.mark.parametrize("metric", ["error_rate", "peak_rss"])
@pytest.mark.parametrize(("option", "sizes"), [("--min-effect", (0.01, None)), ("--margin", (None, 0.5))])
def test_shares_of_what_is_judged_by_difference(
    metric: str, option: str, sizes: tuple[float | None, float | None]
) -> None:
    with pytest.raises(ConfigurationError, match=f"{option} is a share of the base, and --metric {metric} is judged"):
        JudgeOptions(metric, *sizes, strict=False)
