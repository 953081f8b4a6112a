"""Results files: whole, versioned, and never more than a FileFormatError when they are something else."""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import FileFormatError, OutputError
from paceline.judge.result import judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.baseline import BaselineSession
from paceline.records.fingerprint import Fingerprint
from paceline.records.recorder import Counts
from paceline.records.revision import Revision
from paceline.records.run_record import Circumstances
from paceline.records.time_series import TimeSeries, TimeSlice
from paceline.store.codec import RESULTS_SCHEMA, encode_results, read_results, read_results_of, write_results
from tests.examples import thorough
from tests.fakes import MS, make_latency, make_record

MACHINE = Fingerprint(cpu_model="a CPU", cpu_count=2)
NOW = "2026-11-22T18:00:00.000000Z"
EXPECTED = r"expected a results file \('paceline/results/1'\)"


def small_results_file() -> bytes:
    """A file with something in every part, small enough to be cut off at every byte."""
    record = make_record(
        [MS, 2 * MS, 3 * MS],
        errors_counted=1,
        series=TimeSeries(
            slices=(TimeSlice(0, ok=3, errors=1, histogram=make_latency([MS, 2 * MS, 3 * MS]).histogram),)
        ),
        circumstances=Circumstances(own_cpu_s=0.5),
        metadata={"endpoint": "/records", "nested": {"list": [1, None, "\N{SNAIL}"]}},
    )
    baseline = [BaselineSession("a", NOW, record.fingerprint.key, {"mean_time_ms": 1.5})]
    result = judge(record, PerformanceThreshold(max_p95_ms=1, expressions=("error_rate<1%",)), baseline)
    return encode_results([result], MACHINE, NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.json"


def refused(path: Path, data: bytes, expected: str = EXPECTED) -> str:
    """The message of the refusal; the file is as it was."""
    path.unlink(missing_ok=True)  # a file that is written over is flushed to the disk by some systems: slow
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=expected) as seen:
        read_results(path)
    assert path.read_bytes() == data
    message = str(seen.value)
    assert message.startswith(str(path))
    return message


class TestWhole:
    def test_written_and_read(self, path: Path) -> None:
        results = [judge(make_record(name=f"test {number}")) for number in range(3)]
        write_results(path, results, MACHINE, NOW)
        assert read_results(path) == tuple(results)

    def test_head(self, path: Path) -> None:
        write_results(path, [], MACHINE, NOW)
        assert json.loads(path.read_bytes()) == {
            "schema": "paceline/results/1",
            "timestamp": NOW,
            "environment": {**MACHINE.__dict__, "key": MACHINE.key},
            "results": [],
        }
        assert read_results(path) == ()

    @pytest.mark.parametrize("revision", [None, Revision(), Revision("main", "c0ffee"), Revision("", "c0ffee-dirty")])
    def test_the_revision_is_read_back(self, path: Path, revision: Revision | None) -> None:
        write_results(path, [], MACHINE, NOW, revision=revision)
        assert read_results_of(path) == ((), revision)

    def test_what_the_specification_promises_is_in_it(self, path: Path) -> None:
        path.write_bytes(small_results_file())
        result = json.loads(path.read_bytes())["results"][0]
        assert result["metrics"]["p95_time_ms"] == 2.9
        assert result["status"] == "failed"
        assert result["threshold"]["max_p95_ms"] == 1
        assert result["violations"] == [
            "p95 2.9 ms > limit 1 ms (max_p95_ms)",
            "error rate 25 % > limit 1 % (error_rate<1%)",
        ]

    def test_unknown_fields_of_later_writers_are_passed_over(self, path: Path) -> None:
        content = json.loads(small_results_file())
        content["results"][0]["mood"] = "good"
        content["results"][0]["record"]["mood"] = {"really": ["good"]}
        path.write_text(json.dumps(content))
        assert len(read_results(path)) == 1

    def test_no_file(self, path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            read_results(path)

    def test_cannot_be_written(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="gone"):
            write_results(tmp_path / "gone" / "results.json", [], MACHINE, NOW)


class TestSomethingElse:
    def test_truncated_anywhere(self, path: Path) -> None:
        data = small_results_file().rstrip()
        path.write_bytes(data)
        for length in reversed(range(len(data))):
            os.truncate(path, length)
            with pytest.raises(FileFormatError, match=rf"byte .*{EXPECTED}"):
                read_results(path)
            assert path.read_bytes() == data[:length]

    @pytest.mark.parametrize("schema", ["paceline/results/2", "paceline/results/10", "paceline/baseline/1", "x", ""])
    def test_other_schema(self, path: Path, schema: str) -> None:
        content = {"schema": schema, "results": "of a form that is still to be thought of"}
        assert f"schema is {schema!r} - at `$.schema`" in refused(path, json.dumps(content).encode())

    @pytest.mark.parametrize(
        ("content", "place"),
        [
            ([], r"Expected `object`, got `array` - at `\$`"),
            ({}, r"missing required field `schema` - at `\$`"),
            ("text", r"got `str` - at `\$`"),
            (None, r"got `null` - at `\$`"),
            ({"schema": 1}, r"Expected `str`, got `int` - at `\$.schema`"),
            ({"schema": RESULTS_SCHEMA}, r"missing required field `results` - at `\$`"),
            ({"schema": RESULTS_SCHEMA, "results": {}}, r"Expected `array`, got `object` - at `\$.results`"),
            ({"schema": RESULTS_SCHEMA, "results": [{}]}, r"missing required field .* at `\$.results\[0\]`"),
            ({"mean_time_ms": 1}, r"missing required field `schema`"),
        ],
    )
    def test_other_json(self, path: Path, content: object, place: str) -> None:
        refused(path, json.dumps(content).encode(), place)

    def test_folder_pipe_and_loop(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "loop").symlink_to("loop")
        for path in (tmp_path, tmp_path / "pipe", tmp_path / "loop", Path("/dev/zero")):
            with pytest.raises(FileFormatError, match=EXPECTED):
                read_results(path)

    def test_deep_nesting(self, path: Path) -> None:
        head = b'{"schema": "paceline/results/1", "results": ['
        for opening in (b"[", b'{"a": ', b'{"record": {"metadata": {"a": '):
            refused(path, head + opening * 200_000)

    def test_metadata_that_nothing_could_walk(self, path: Path) -> None:
        content = json.loads(small_results_file())
        content["results"][0]["record"]["metadata"] = {"deep": "DEEP"}
        data = json.dumps(content).replace('"DEEP"', "[" * 500 + "]" * 500).encode()
        assert "the record of 'checkout'" in refused(path, data, "levels deep")

    def test_impossible_threshold_and_comparison(self, path: Path) -> None:
        content = json.loads(small_results_file())
        content["results"][0]["threshold"]["max_p95_ms"] = -1
        assert "`$.results[0].threshold`" in refused(path, json.dumps(content).encode(), "at least 0, not -1")
        content["results"][0]["threshold"] = None
        content["results"][0]["comparison"]["verdict"] = "fabulous"
        refused(path, json.dumps(content).encode(), "comparison of 'checkout' cannot be read: .*fabulous")
        content["results"][0]["comparison"] = {"sessions": 3}
        refused(path, json.dumps(content).encode(), "comparison of 'checkout' cannot be read: .*missing")

    @given(st.binary(max_size=200))
    @thorough(200)
    def test_arbitrary_bytes(self, tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
        refused(tmp_path_factory.getbasetemp() / "arbitrary.json", data)

    @given(st.data())
    @thorough(300)
    def test_one_byte_changed(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        content = bytearray(small_results_file())
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        read_or_refused(tmp_path_factory.getbasetemp() / "changed.json", bytes(content))

    @given(st.data())
    @thorough(300)
    def test_one_value_changed(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        content = json.loads(small_results_file())
        parent, key = data.draw(st.sampled_from(list(places(content))))
        parent[key] = data.draw(HOSTILE_VALUES)
        read_or_refused(tmp_path_factory.getbasetemp() / "changed.json", json.dumps(content).encode())

    @given(st.data())
    @thorough(100)
    def test_one_value_missing(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        content = json.loads(small_results_file())
        parent, key = data.draw(st.sampled_from(list(places(content))))
        del parent[key]
        read_or_refused(tmp_path_factory.getbasetemp() / "changed.json", json.dumps(content).encode())


HOSTILE_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 0, 1, 1 << 63, -(1 << 63), 10**400, 1e308, -0.0, "", "nan", "1", [], [1], [[]], {}, {"a": 1}]
).map(copy.deepcopy)


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Each container of ``tree`` with each key in it."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)


def read_or_refused(path: Path, data: bytes) -> None:
    """Read to something that can be shown and written again, or refused as what it is; never anything else."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    try:
        results = read_results(path)
    except FileFormatError as error:
        assert str(error).startswith(str(path))  # noqa: PT017  # it may as well be read
        assert "expected a results file" in str(error)  # noqa: PT017
        return
    finally:
        assert path.read_bytes() == data
    for result in results:
        result.to_dict()
    path.unlink()
    path.write_bytes(encode_results(results, MACHINE, NOW))
    assert repr(read_results(path)) == repr(results)


def test_small_file_is_what_it_says() -> None:
    counts = json.loads(small_results_file())["results"][0]["record"]["counts"]
    assert Counts(**counts) == Counts(ok=3, errors=1)
