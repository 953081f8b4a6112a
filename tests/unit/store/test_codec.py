"""What is encoded decodes to the same, whatever it is."""

import json
import math
import warnings
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.core.findings import Finding
from paceline.core.plain import to_plain
from paceline.judge.comparison import COMPARED
from paceline.judge.result import TestResult, judge
from paceline.records.baseline import BaselineSession
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.load import Arrivals, LoadRecord, Part, Probe, StatusCount, Traffic
from paceline.records.recorder import Counts
from paceline.records.run_record import RunRecord
from paceline.stats.summary import Moments
from paceline.store.codec import (
    DEEPEST,
    StoredResult,
    decode,
    encode,
    plain_metadata,
    result_of,
    result_to_plain,
)
from tests.examples import thorough
from tests.fakes import MS, make_latency, make_load, make_record
from tests.unit.store.arbitrary import hostile_texts, metadata, records, results


def again(result: TestResult) -> TestResult:
    return result_of(decode(encode(result_to_plain(result)), StoredResult, "test"), "test")


class TestRoundTrip:
    @given(results())
    def test_results(self, result: TestResult) -> None:
        read = again(result)
        assert read.record == result.record
        assert same(read.metrics, result.metrics)
        assert same(read.comparison, result.comparison)
        for name in ("status", "threshold", "broken_limits", "findings", "violations", "system_metrics"):
            assert getattr(read, name) == getattr(result, name)
        assert read.to_dict() == result.to_dict()

    @given(records)
    def test_records(self, record: RunRecord) -> None:
        assert decode(encode(record), RunRecord, "test") == record

    @given(results())
    def test_a_second_writing_gives_the_same_bytes(self, result: TestResult) -> None:
        assert encode(result_to_plain(again(result))) == encode(result_to_plain(result))

    @given(hostile_texts)
    def test_texts(self, text: str) -> None:
        result = judge(make_record(name=text, started_at=text), noted=[Finding(text, text, text, text)])
        read = again(result)
        assert read.metrics.test_name == text.encode(errors="backslashreplace").decode()
        assert read.findings[0].code == read.metrics.test_name

    def test_lone_surrogates_as_their_escapes(self) -> None:
        # os.fsdecode makes them of bytes that are no UTF-8; the message of a FileNotFoundError has them.
        assert decode(encode({"caf\udce9": ["\ud800", ("\udfff", 1)]}), dict[str, object], "test") == {
            r"caf\udce9": [r"\ud800", [r"\udfff", 1]]
        }

    @given(st.integers(-(10**4200), 10**4200))
    def test_integers_of_any_size(self, number: int) -> None:
        assert decode(encode(number), int, "test") == number

    def test_sums_of_squares_beyond_64_bits(self) -> None:
        record = make_record([(1 << 62) - 1] * 5)
        assert record.latency.moments.total_squares > 1 << 126
        assert decode(encode(record), RunRecord, "test") == record

    def test_figures_that_do_not_exist_are_null_and_nan_again(self) -> None:
        nothing_ok = make_record([], errors_counted=3)
        baseline = [BaselineSession("a", "", nothing_ok.fingerprint.key, {"mean_time_ms": 1.0})]
        result = judge(nothing_ok, baseline=baseline)
        plain = json.loads(encode(result_to_plain(result)))
        assert plain["metrics"]["p95_time_ms"] is None
        assert plain["comparison"]["mean_change_pct"] is None
        read = again(result)
        assert math.isnan(read.metrics.p95_time_ms)
        assert read.comparison is not None
        assert all(math.isnan(getattr(read.comparison, name)) for name in COMPARED)

    @pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
    def test_what_json_has_no_number_for(self, number: float) -> None:
        assert encode([number]) == b"[null]"

    def test_json_that_any_reader_reads(self) -> None:
        def refuse(constant: str) -> None:
            pytest.fail(f"{constant} is no JSON")

        json.loads(encode(result_to_plain(judge(make_record([], errors_counted=1)))), parse_constant=refuse)


def same(left: Any, right: Any) -> bool:
    """Equal, where NaN equals NaN."""
    return repr(left) == repr(right)


BROKEN_HISTOGRAMS: dict[str, tuple[Any, str]] = {
    "negative index": ({"indices": [-1, 5], "counts": [1, 1]}, "out of range"),
    "not ascending": ({"indices": [5, 3], "counts": [1, 1]}, "must ascend"),
    "index twice": ({"indices": [5, 5], "counts": [1, 1]}, "must ascend"),
    "huge index": ({"indices": [1 << 40], "counts": [1]}, "out of range"),
    "index beyond 64 bits": ({"indices": [1 << 80], "counts": [1]}, "64-bit"),
    "count of 0": ({"indices": [5], "counts": [0]}, "at least 1"),
    "negative count": ({"indices": [5], "counts": [-4]}, "at least 1"),
    "count beyond 64 bits": ({"indices": [5], "counts": [1 << 64]}, "64-bit"),
    "unequal lengths": ({"indices": [5, 6], "counts": [1]}, "2 indices but 1 counts"),
    "indices only": ({"indices": [5]}, "1 indices but 0 counts"),
    "texts": ({"indices": ["a"], "counts": [1]}, "64-bit"),
    "numeric texts": ({"indices": ["5"], "counts": [1]}, "64-bit"),
    "fractions": ({"indices": [1.5], "counts": [1]}, "64-bit"),
    "nested": ({"indices": [[1]], "counts": [[1]]}, "64-bit"),
    "a number for a list": ({"indices": 5, "counts": 5}, "64-bit"),
    "a text for a list": ({"indices": "5", "counts": "5"}, "64-bit"),
    "null": (None, "expected Histogram"),
    "a list": ([1, 2], "expected Histogram"),
}


@pytest.mark.parametrize("name", BROKEN_HISTOGRAMS)
def test_broken_histograms_are_refused(name: str) -> None:
    stored, expected = BROKEN_HISTOGRAMS[name]
    with pytest.raises(FileFormatError, match=expected) as seen:
        decode(encode({"moments": {}, "histogram": stored, "samples_ns": []}), Latency, "some.json")
    assert str(seen.value).startswith("some.json: ")
    assert "`$.histogram`" in str(seen.value)


class TestContradictions:
    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"latency": Latency(histogram=Histogram([5], [3]))}, "number of values in the histogram"),
            ({"latency": Latency(samples_ns=(1, 2))}, "number of samples_ns"),
            ({"elapsed_ns": -1}, "no duration is negative"),
            ({"window_ns": -1}, "no duration is negative"),
        ],
    )
    def test_refused_with_the_name_of_the_test(self, change: dict[str, Any], expected: str) -> None:
        self.refused(replace(make_record(), **change), f"record of 'checkout' contradicts itself: .*{expected}")

    def test_no_calls_in_a_sample(self) -> None:
        record = make_record()
        self.refused(replace(record, definition=replace(record.definition, calls_per_sample=0)), "calls_per_sample")

    def test_negative_counts(self) -> None:
        record = make_record()
        self.refused(replace(record, counts=replace(record.counts, errors=-1)), "no count is negative")

    @pytest.mark.parametrize(
        ("load", "expected"),
        [
            (LoadRecord(iterations=-1), "no count of the load is negative"),
            (LoadRecord(traffic=Traffic(sent_bytes=-1)), "no count of the load is negative"),
            (LoadRecord(traffic=Traffic(statuses=(StatusCount(200, -1),))), "no count of the load is negative"),
            (LoadRecord(parts=(Part("a", Counts(errors=-1), Latency()),)), "no count of the load is negative"),
            (LoadRecord(arrivals=Arrivals(late=-1)), "no count of the load is negative"),
            (LoadRecord(traffic=Traffic(received_bytes=10**400)), "too large"),
            (LoadRecord(probe=Probe(1.0, latency=Latency(Moments(1, 10**400)))), "moments.count is the number"),
            (LoadRecord(arrivals=Arrivals(lag=Latency(samples_ns=(1,)))), "moments.count is the number"),
            (
                LoadRecord(arrivals=Arrivals(lag=replace(make_latency([1]), moments=Moments(1, 1, 1, 1, 10**400)))),
                "large",
            ),
        ],
        ids=repr,
    )
    def test_loads_that_cannot_be(self, load: LoadRecord, expected: str) -> None:
        self.refused(make_load(load=load), f"contradicts itself: .*{expected}")

    @pytest.mark.parametrize("total", [10**400, -(10**400)])
    def test_sums_that_no_float_can_hold(self, total: int) -> None:
        latency = make_record().latency
        moments = replace(latency.moments, total=total)
        self.refused(replace(make_record(), latency=replace(latency, moments=moments)), "contradicts itself")

    def test_less_than_no_variance(self) -> None:
        latency = make_record([MS, MS]).latency
        moments = replace(latency.moments, total_squares=0)
        self.refused(replace(make_record(), latency=replace(latency, moments=moments)), "contradicts itself")

    @staticmethod
    def refused(record: RunRecord, expected: str) -> None:
        good = json.loads(encode(result_to_plain(judge(make_record()))))
        good["record"] = json.loads(encode(record))
        with pytest.raises(FileFormatError, match=expected) as seen:
            result_of(decode(encode(good), StoredResult, "some.json"), "some.json")
        assert str(seen.value).startswith("some.json: ")


class TestDecode:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"", r"truncated \(it ends at byte 0\)"),
            (b'{"a": 1', r"truncated \(it ends at byte 7\)"),
            (b"[]", r"Expected `object`, got `array` - at `\$`"),
            (b'{"a": "b"}', r"Expected `int`, got `str` - at `\$\[...\]`"),
            (b'{"a": 1} x', r"trailing characters \(byte 10\)"),
            (b"\xef\xbb\xbf{}", r"invalid character \(byte 0\)"),
            (b"\x00\x00\x00", r"invalid character \(byte 0\)"),
            (b'{"\xff": 1}', "no UTF-8"),
            (b'{"\\ud800": 1}', "truncated|surrogate"),
            (b'{"a": NaN}', r"invalid character \(byte 6\)"),
            (b'{"a": 1' + b"0" * 5_000 + b"}", "out of range"),
        ],
    )
    def test_names_file_and_place(self, data: bytes, expected: str) -> None:
        with pytest.raises(FileFormatError, match=f"^some.json: .*({expected})"):
            decode(data, dict[str, int], "some.json")

    def test_deep_nesting(self) -> None:
        for data in (b"[" * 1_000_000, b'{"a":' * 100_000):
            with pytest.raises(FileFormatError, match=r"nested too deeply|Expected"):
                decode(data, dict[str, object], "some.json")

    @given(st.binary(max_size=50))
    @thorough(300)
    def test_arbitrary_bytes(self, data: bytes) -> None:
        with pytest.raises(FileFormatError, match=r"^some\.json: "):
            decode(data, StoredResult, "some.json")


class TestMetadata:
    @given(metadata)
    def test_a_copy_that_can_be_written_and_read(self, given_metadata: dict[str, object]) -> None:
        plain = plain_metadata(given_metadata)
        assert decode(encode(plain), dict[str, object], "test") == plain

    def test_none(self) -> None:
        assert plain_metadata(None) == {}

    def test_credentials_are_hidden(self) -> None:
        plain = plain_metadata({"url": "postgres://ann:s3cret@db/records", "api_key": "abc", "n": {"token": "x"}})
        assert plain == {"url": "postgres://***@db/records", "api_key": "***", "n": {"token": "***"}}

    @pytest.mark.parametrize("wrong", ["text", 5, ["a"], [("a", 1)]])
    def test_no_mapping(self, wrong: Any) -> None:
        with pytest.raises(ConfigurationError, match="metadata must be a mapping"):
            plain_metadata(wrong)

    def test_keys_that_are_no_texts(self) -> None:
        with pytest.raises(ConfigurationError, match="metadata keys must be texts, not 5"):
            plain_metadata({5: "a"})  # type: ignore[dict-item]

    @pytest.mark.parametrize(
        "value", [object(), open, 10**5_000, {("a", "b"): 1}], ids=lambda value: type(value).__name__
    )
    def test_values_without_a_form(self, value: object) -> None:
        with pytest.raises(ConfigurationError, match=r"metadata\['bad'\] cannot be written to a file"):
            plain_metadata({"good": 1, "bad": value})

    def test_endless_values(self) -> None:
        endless: list[object] = []
        endless.append(endless)
        with pytest.raises(ConfigurationError, match=r"metadata\['bad'\] cannot be written"):
            plain_metadata({"bad": endless})

    def test_as_deep_as_allowed_and_no_deeper(self) -> None:
        deep: object = "bottom"
        for _ in range(DEEPEST - 1):
            deep = [deep]
        assert again(judge(make_record(metadata=plain_metadata({"deep": deep})))).to_dict()
        with pytest.raises(ConfigurationError, match=f"nested more than {DEEPEST} levels deep"):
            plain_metadata({"deep": [deep]})

    def test_deeper_than_allowed_in_a_file(self) -> None:
        deep: object = "bottom"
        for _ in range(DEEPEST + 1):
            deep = {"a": deep}
        result = judge(make_record(metadata={"deep": deep}))
        with pytest.raises(FileFormatError, match="levels deep"):
            again(result)

    def test_later_changes_by_the_caller_do_not_reach_it(self) -> None:
        mine = {"list": [1]}
        plain = plain_metadata(mine)
        mine["list"].append(2)
        assert plain == {"list": [1]}


def test_plain_form_and_file_agree() -> None:
    """``to_dict()`` promises what files contain."""
    result = judge(make_record([MS, 2 * MS], errors_counted=1))
    stored = json.loads(encode(result_to_plain(result)))
    with warnings.catch_warnings():
        assert {key: stored[key] for key in result.to_dict()} == json.loads(json.dumps(to_plain(result.to_dict())))
