"""``docs/files.md`` shows what the code writes and reads, and names every field."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import paceline
from paceline.cli import compare, history
from paceline.core.findings import Finding
from paceline.judge.files import compare_sessions
from paceline.judge.fitness import judge_fitness
from paceline.judge.result import TestResult, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.judge.trend import judge_trend
from paceline.records.baseline import BaselineSession, session_of
from paceline.records.cache import CacheRecord, CacheServer, Loads
from paceline.records.doctor import DoctorRecord
from paceline.records.duet import DuetRecord, Epochs, Pair, Side, Subject
from paceline.records.error_log import ErrorGroup
from paceline.records.fingerprint import Fingerprint
from paceline.records.history import HistoryPoint, Series, SeriesKey, SeriesSize
from paceline.records.load import BeforeStart, LegRun, LoadRecord, Part, Probe, StatusCount, Traffic
from paceline.records.machine import Company, OtherProcess
from paceline.records.quantities import MEDIAN
from paceline.records.recorder import Counts
from paceline.records.replication import Figures, ProcessRun, Replication
from paceline.records.resources import Gauge, ResourceUsage, SystemUsage
from paceline.records.revision import Revision
from paceline.records.run_record import Circumstances
from paceline.records.time_series import TimeSeries, TimeSlice
from paceline.report.document import document_of
from paceline.report.html.page import render_html
from paceline.store.baselines import load_baseline, save_baseline
from paceline.store.codec import encode, encode_results, read_results, read_results_of
from paceline.store.doctor import encode_doctor
from paceline.store.duets import StoredDuets, duets_to_plain, read_duets
from paceline.store.files import MOST_BYTES
from paceline.store.journal import Journal, read_journal
from tests.fakes import make_arrivals, make_latency, make_record
from tests.unit.judge.duets import make_duet, slower_by
from tests.unit.judge.examined import examination
from tests.unit.report import scalability_cases

TEXT = (Path(__file__).parents[3] / "docs" / "files.md").read_text(encoding="utf-8")
EXCERPTS = dict(re.findall(r"^```json (\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
MACHINE = Fingerprint(cpu_model="Example CPU", cpu_count=2)
SAVED_AT = "2026-11-22T18:00:05.000000Z"
SAMPLES_NS = [1_200_000, 1_500_000, 3_400_000]


def documented_result(**changes: Any) -> TestResult:
    record = make_record(
        SAMPLES_NS, name="get_record", metadata={"endpoint": "/records"}, fingerprint=MACHINE, **changes
    )
    return replace(judge(record, PerformanceThreshold(max_mean_ms=100)), findings=())  # their wording is not the point


def is_part_of(excerpt: Any, whole: Any) -> bool:
    """Whether ``whole`` has all that ``excerpt`` shows, and what it shows is equal."""
    if isinstance(excerpt, dict):
        return isinstance(whole, dict) and all(
            key in whole and is_part_of(value, whole[key]) for key, value in excerpt.items()
        )
    if isinstance(excerpt, list):
        return len(excerpt) == len(whole) and all(map(is_part_of, excerpt, whole))
    return bool(excerpt == whole) and type(excerpt) is type(whole)


def test_results(tmp_path: Path) -> None:
    excerpt = json.loads(EXCERPTS["results"])
    revision = Revision("main", "6e8bc43b1a0b7d1f3c0a5b7ad3be0ee1d4de2f4c")
    written = encode_results([documented_result()], MACHINE, SAVED_AT, revision=revision)
    assert is_part_of(excerpt, json.loads(written))
    (tmp_path / "results.json").write_text(EXCERPTS["results"])
    (read,) = read_results(tmp_path / "results.json")
    assert repr(read.metrics) == repr(documented_result().metrics)  # NaN equals NaN here
    assert read_results_of(tmp_path / "results.json")[1] == revision


def documented_duets() -> StoredDuets:
    def side(*epoch_ns: float) -> Epochs:
        return Epochs(epoch_ns, sum(epoch_ns) / len(epoch_ns), calls=4_000 * len(epoch_ns))

    record = DuetRecord(
        name="shop.prices:total",
        started_at="2026-11-22T18:00:00.000000Z",
        subject=Subject.CALL,
        base=Side("main", "CPython 3.11.7", ("/tmp/base-1/shop/prices.py",), "6e8bc43b1a"),
        candidate=Side("working tree", "CPython 3.11.7", ("/tmp/change/shop/prices.py",)),
        pairs=(Pair(0, 7, 4_000, side(1000.0, 1010.0), side(1100.0, 1111.0), side(1001.0), side(1060.5), 1),),
        seed=7,
    )
    return StoredDuets((record,))


def test_duets(tmp_path: Path) -> None:
    written = encode_results([], MACHINE, SAVED_AT, duets_to_plain(documented_duets()))
    assert is_part_of(json.loads(EXCERPTS["duets"]), json.loads(written))
    (tmp_path / "results.json").write_text(EXCERPTS["duets"])
    assert read_duets(tmp_path / "results.json") == documented_duets()


def test_baseline(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    save_baseline(path, [documented_result()], "5f0e", SAVED_AT)
    assert is_part_of(json.loads(EXCERPTS["baseline"]), json.loads(path.read_text()))
    path.write_text(EXCERPTS["baseline"])
    assert load_baseline(path)["get_record"][0].definition == documented_result().record.definition


def test_flat_baseline(tmp_path: Path) -> None:
    (tmp_path / "flat.json").write_text(EXCERPTS["flat"])
    assert load_baseline(tmp_path / "flat.json")["get_record"][0].metrics == json.loads(EXCERPTS["flat"])["get_record"]


def test_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "call app:get_record -n 3")
    journal.add(documented_result())
    journal.add_partial(documented_result(circumstances=Circumstances(interruption="still running")).record)
    journal.close()
    shown, written = EXCERPTS["journal"].splitlines(), path.read_text().splitlines()
    assert shown[0] == written[0]
    assert is_part_of(json.loads(shown[1]), json.loads(written[1]))
    assert is_part_of(json.loads(EXCERPTS["slice"]), json.loads((tmp_path / "journal.jsonl.slice").read_text()))
    path.write_text(shown[0])
    assert read_journal(path).command == "call app:get_record -n 3"


def documented_series() -> Series:
    return Series(
        "checkout",
        MEDIAN,
        SeriesKey("main", "e898e3121028", "584cc9cc"),
        (HistoryPoint("2026-11-22T18:00:00.000000Z", "4305975ec7d4", 184_000.0),),
        {"cpu_model": "Example CPU", "cpu_count": 2},
        {"iterations": 50},
    )


def compared_with_itself() -> bytes:
    sessions = {"get_record": (session_of(documented_result().record, "", SAVED_AT),)}
    return encode(compare.as_plain(compare_sessions(sessions, sessions), "old.json", "new.json"))


def examined(record: DoctorRecord) -> bytes:
    return encode_doctor(judge_fitness(record), [Finding("odd", "", "", "")], SAVED_AT)


def test_what_other_programs_read() -> None:
    assert is_part_of(json.loads(EXCERPTS["trend"]), json.loads(history.document(judge_trend(documented_series()))))
    assert is_part_of(json.loads(EXCERPTS["compare"]), json.loads(compared_with_itself()))
    interrupted = examined(examination([], fingerprint=MACHINE, interrupted=True))
    assert is_part_of(json.loads(EXCERPTS["doctor"]), json.loads(interrupted))


def test_data_of_a_page() -> None:
    page = render_html(document_of([documented_result()], MACHINE, SAVED_AT))
    result, head = map(json.loads, re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page))
    assert is_part_of(json.loads(EXCERPTS["report"]), {**head, "results": [result]})


def test_every_schema_is_in_the_document() -> None:
    # Whatever module comes to write one: it is documented, or this fails.
    sources = Path(paceline.__file__).parent.rglob("*.py")
    named = {name for source in sources for name in re.findall(r'"(paceline/[a-z-]+/\d+)"', source.read_text("utf-8"))}
    assert {"paceline/results/1", "paceline/baseline/1", "paceline/trend/1", "paceline/doctor/1"} <= named
    assert [name for name in sorted(named) if f"`{name}`" not in TEXT] == []
    shown = {re.search(r'"schema": ?"(.*?)"', excerpt) for name, excerpt in EXCERPTS.items() if name != "flat"}
    assert {each[1] for each in shown if each} == named - {"paceline/baseline/1"}


def keys_in(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            if key == "compared":  # by the names of tests
                yield from keys_in(list(value.values()))
            elif key not in {"metadata", "percentiles", "system_metrics", "left_out"}:  # the user's, numbers, a pattern
                yield from keys_in(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from keys_in(item)


def everything() -> TestResult:
    """A result with something in every field."""
    gauge = Gauge(1, 2, 3)
    usage = ResourceUsage("host", cpu_percent=gauge, memory_bytes=gauge, memory_percent=gauge)
    record = make_record(
        SAMPLES_NS,
        errors_counted=1,
        errors=(ErrorGroup("ValueError", "no", 1),),
        series=TimeSeries(slices=(TimeSlice(0, histogram=make_latency(SAMPLES_NS).histogram),)),
        usage=SystemUsage(host=usage),
        load=LoadRecord(
            arrivals=make_arrivals(),
            traffic=Traffic(statuses=(StatusCount(200, 3),)),
            parts=(Part("GET /", Counts(), make_latency(SAMPLES_NS)),),
            probe=Probe(100.0),
            legs=(LegRun(Counts(), before=BeforeStart()),),
        ),
        cache=CacheRecord(
            loads=Loads(), server=CacheServer("valkey", "noeviction", *range(8)), prefilled=0.5, pipeline=4
        ),
        replication=Replication(1, 1, 5, (ProcessRun(Figures(3, 0, 500.0), (Figures(3, 0, 500.0),), 7),)),
    )
    baseline = [BaselineSession("a", SAVED_AT, record.fingerprint.key, {"mean_time_ms": 1.0})]
    return judge(record, PerformanceThreshold(max_mean_ms=1), baseline, [Finding("odd", "", "", "")])


def every_key() -> list[str]:
    duets = duets_to_plain(StoredDuets((make_duet(slower_by(0.1), discarded=("lost",)),)))
    points = tuple(HistoryPoint(SAVED_AT, "", 1e6 if number < 20 else 2e6) for number in range(40))
    others = (SeriesSize(SeriesKey("feature", "", ""), 1, SAVED_AT),)
    trend = judge_trend(replace(documented_series(), points=points, others=others))
    assert trend.changes
    assert trend.newest
    company = Company(others=(OtherProcess("cc1", 0.5),))
    documents = (
        encode_results([everything(), *scalability_cases.bent()], MACHINE, SAVED_AT, duets),
        history.document(trend),
        compared_with_itself(),
        examined(examination(company=company)),
    )
    return sorted({key for each in documents for key in keys_in(json.loads(each))})


@pytest.mark.parametrize("key", every_key())
def test_every_field_is_named(key: str) -> None:
    assert f"`{key}`" in TEXT or key == "schema"


def test_limits_are_those_of_the_code() -> None:
    assert MOST_BYTES == 512 * 1024**2
    assert "A file above 512 MiB is not read" in TEXT
