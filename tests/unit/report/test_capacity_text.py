"""Searches as text and as files: what people read, and what is read again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xmlschema

from paceline.campaign.capacity import search
from paceline.core.errors import FileFormatError
from paceline.judge.capacity import CapacityResult, judge_capacity
from paceline.records.capacity import CapacityRecord, Ending, LimitedBy, Of
from paceline.records.fingerprint import Fingerprint
from paceline.report.capacity_junit import render_capacities_junit
from paceline.report.capacity_text import picture, render_capacities, sentence
from paceline.report.layout import page
from paceline.store.capacities import capacities_to_plain, read_capacities
from paceline.store.codec import encode_results
from tests.queues import m_m_c
from tests.virtual_capacity import ERROR_LIMIT, latency_limit, plan, queue, world_of

LIMITS = (latency_limit(95, 15.0), ERROR_LIMIT)
JUNIT = xmlschema.XMLSchema(Path(__file__).parents[2] / "data" / "junit.xsd")


@pytest.fixture(scope="module")
def record() -> CapacityRecord:
    world = world_of(queue(m_m_c(1, 1.0), np.random.default_rng(1)), LIMITS)
    return search(plan(LIMITS, name="GET /records", arrivals="poisson", connections=100), world).record


@pytest.fixture(scope="module")
def result(record: CapacityRecord) -> CapacityResult:
    return judge_capacity(record)


def test_the_answer_comes_first_and_names_what_it_holds_for(result: CapacityResult) -> None:
    text = render_capacities([result])
    flat = " ".join(text.split())
    assert flat.startswith("── GET /records ")
    assert (
        "is the highest load, of arrivals at random (Poisson), that keeps p95 latency < 15 ms and error rate < 1 %"
        in flat
    )
    assert "(95 % interval" in flat
    assert "broke first p(95)<15" in flat
    assert "limited by server" in flat
    assert "over 100 connections" in flat


@pytest.mark.parametrize("width", [40, 80, 120])
def test_it_keeps_to_the_width_of_the_page(result: CapacityResult, width: int) -> None:
    with page(width):
        lines = render_capacities([result]).splitlines()
    assert max(map(len, lines)) <= width


def test_the_picture_shows_probes_line_limit_and_interval(result: CapacityResult) -> None:
    shown = list(picture(result))
    body = "\n".join(shown[:-3])
    assert all(mark in body for mark in "ox·│─")
    at_limit = next(line for line in shown if "15 ms" in line)
    assert "──" in at_limit
    # What held stands below the limit, what broke above it.
    place = shown.index(at_limit)
    assert not any("x" in line for line in shown[place + 1 : -3])
    assert not any("o" in line for line in shown[:place])


def test_what_is_no_number_is_not_told_as_one(record: CapacityRecord) -> None:
    kept = tuple(probe for probe in record.probes if probe.held)[:4]
    cases = {
        Ending.BOUND: "At least 80/s, of arrivals at random (Poisson), keeps p95 latency < 15 ms and error rate < 1 %: "
        "higher loads were not asked for.",
        Ending.GENERATOR: "the load generator was the limit, not the service.",
        Ending.BUDGET: "the time was over before a limit broke.",
        Ending.INTERRUPTED: "interrupted.",
    }
    for ended, told in cases.items():
        seen = judge_capacity(replace(record, probes=kept, window=None, ended=ended))
        assert sentence(seen).endswith(told)
        assert sentence(seen).startswith("At least 80/s")
    nothing = judge_capacity(replace(record, probes=(), window=None, ended=Ending.INTERRUPTED))
    assert sentence(nothing).startswith("Nothing is known of the load")
    assert nothing.limited_by is None
    generator = judge_capacity(replace(record, probes=kept, window=None, ended=Ending.GENERATOR))
    assert generator.limited_by is LimitedBy.GENERATOR
    broken = replace(
        record.probes[-1], readings=tuple(replace(each, held=False) for each in record.probes[-1].readings)
    )
    lowest = judge_capacity(replace(record, probes=(broken,), window=None, ended=Ending.LOWEST))
    assert sentence(lowest).startswith("Not even 10/s, of arrivals")
    users = replace(record, of=Of.USERS, arrivals="", probes=kept, window=None, ended=Ending.BOUND)
    assert sentence(judge_capacity(users)).startswith("At least 80 users, who wait for their answers, keep p95")


def test_a_file_gives_back_what_was_seen_and_the_same_answer(result: CapacityResult, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    file.write_bytes(encode_results((), Fingerprint(), "", capacities=capacities_to_plain([result.record])))
    (read,) = read_capacities(file) or ()
    assert read == result.record
    assert judge_capacity(read) == result


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"window": (5.0, 2.0)}, "the window ascends"),
        ({"limits": LIMITS[:1]}, "every probe reads every limit"),
        ({"limits": (replace(LIMITS[0], bound=0.0), ERROR_LIMIT)}, "limits of a line are above 0"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(
    record: CapacityRecord, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    file = tmp_path / "out.json"
    changed = replace(record, **change)  # type: ignore[arg-type]  # fields of it
    file.write_bytes(encode_results((), Fingerprint(), "", capacities=[{"record": changed}]))
    with pytest.raises(FileFormatError, match=told):
        read_capacities(file)


def test_junit_is_valid_and_fails_where_the_lowest_load_breaks(result: CapacityResult, tmp_path: Path) -> None:
    broken = judge_capacity(replace(result.record, ended=Ending.LOWEST))
    file = tmp_path / "out.xml"
    file.write_bytes(render_capacities_junit([result, broken]))
    JUNIT.validate(str(file))
    assert file.read_text().count("<failure") == 1
