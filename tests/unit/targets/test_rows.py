import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.targets import rows as rows_module
from paceline.targets.rows import checked_rows, load_rows

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def written(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.csv", "id,name\n1,Ann\n2,Bob\n", ({"id": "1", "name": "Ann"}, {"id": "2", "name": "Bob"})),
        ("a.csv", "id, name \r\n1, Ann\r\n\r\n", ({"id": "1", "name": " Ann"},)),
        ("a.csv", 'id\n"a\nb, ""c"""', ({"id": 'a\nb, "c"'},)),
        ("A.CSV", b"\xef\xbb\xbfid\n\xc3\xbc\n", ({"id": "ü"},)),
        ("a.csv", "\n\nid\n1\n", ({"id": "1"},)),
        (
            "a.jsonl",
            '{"id": 1, "b": "x"}\n\n{"b": null, "id": 1.50}',
            ({"id": "1", "b": "x"}, {"b": "null", "id": "1.50"}),
        ),
        (
            "a.jsonl",
            '{"id": true}\r\n{"id": 12345678901234567890}\r\n',
            ({"id": "true"}, {"id": "12345678901234567890"}),
        ),
        ("a.jsonl", '\ufeff{"id": "a\u2028b"}', ({"id": "a\u2028b"},)),
    ],
)
def test_files(tmp_path: Path, name: str, data: bytes | str, expected: object) -> None:
    assert load_rows(written(tmp_path, name, data)) == expected
    assert load_rows(str(tmp_path / name)) == expected


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", "", "has no rows below its header line"),
        ("a.csv", "id\n", "has no rows below its header line"),
        ("a.csv", "id,b\n1\n", "line 2: 1 fields where the header line has 2"),
        ("a.csv", 'id\n"a\nb"\n1,2\n', "line 4: 2 fields where the header line has 1"),
        ("a.csv", "id,,b\n1,2,3\n", "line 1: column 2 has no name"),
        ("a.csv", "id, id\n1,2\n", "line 1: the header line names 'id' twice"),
        ("a.csv", 'id\n"a\n', "line 2: unexpected end of data"),
        ("a.csv", 'id\n"a"b\n', "line 2: ',' expected"),
        ("a.csv", "id\n" + "a" * 200_000, "line 2: field larger than field limit"),
        ("a.csv", b"id\n1\n\xff\n", "line 3: no UTF-8"),
        ("a.csv", b"\xef\xbb\xbfid\n1\n\xff\n", "line 3: no UTF-8"),
        ("a.jsonl", "", "has no rows$"),
        ("a.jsonl", '{"id": 1}\n{"id": 1\n', "line 2: no JSON object"),
        ("a.jsonl", '{"id": NaN}', "line 1: no JSON object"),
        ("a.jsonl", "[" * 100_000, "line 1: no JSON object"),
        ("a.jsonl", "[1]", "line 1: an object such as"),
        ("a.jsonl", "{}", "line 1: an object such as"),
        ("a.jsonl", '{"id": [1]}', "line 1: 'id' is an object or a list"),
        ("a.jsonl", '{"id": {}}', "line 1: 'id' is an object or a list"),
        ("a.jsonl", '{"id": "\\ud800"}', "line 1: 'id' holds a lone surrogate"),
        ("a.jsonl", '{"\\ud800": "x"}', "line 1: .* holds a lone surrogate"),
        ("a.jsonl", '{"a": 1, "b": 2}\n\n{"a": 1, "c": 2}', r"line 3: its names are not .* \('b', 'c' differ\)"),
        ("a.jsonl", '{"a": 1}\n{"a": 1, "c": 2}', r"line 2: its names are not .* \('c' differ\)"),
    ],
)
def test_bad_files_are_told_with_file_and_line(tmp_path: Path, name: str, data: bytes | str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message) as caught:
        load_rows(written(tmp_path, name, data))
    assert str(tmp_path / name) in str(caught.value)


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="there is no file"):
        load_rows(tmp_path / "absent.csv")
    with pytest.raises(ConfigurationError, match=r"neither a \.csv nor a \.jsonl"):
        load_rows(tmp_path / "a.txt")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileFormatError, match="directory"):
        load_rows(tmp_path / "folder.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(FileFormatError, match="no regular file"):
        load_rows(tmp_path / "pipe.csv")
    with pytest.raises(FileFormatError, match="cannot be read"):
        load_rows("a\0.csv")
    monkeypatch.setattr(rows_module, "MOST_BYTES", 5)
    with pytest.raises(FileFormatError, match="has 6 bytes; at most 5 are read"):
        load_rows(written(tmp_path, "a.csv", "id\n12\n"))
    assert load_rows(written(tmp_path, "b.csv", "id\n1\n")) == ({"id": "1"},)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("rows")
    rows = tuple({"a": one, "b": other} for one, other in pairs)
    lines = "\n".join(json.dumps(row) for row in rows)
    assert load_rows(written(folder, "a.jsonl", lines)) == rows
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([("a", "b"), *pairs])
    assert load_rows(written(folder, "a.csv", stream.getvalue())) == rows


def test_rows_that_are_given_are_copied() -> None:
    given = [{"id": "1"}, {"id": "2"}]
    rows = checked_rows(given)
    given[0]["id"] = "other"
    assert rows == ({"id": "1"}, {"id": "2"})


@pytest.mark.parametrize(
    "rows",
    [[], 5, None, {"id": "1"}, [5], ["a"], [{"id": 1}], [{1: "a"}], [{"id": "\ud800"}], [{"id": "1"}, {"name": "1"}]],
)
def test_bad_rows_are_refused(rows: object) -> None:
    with pytest.raises(ConfigurationError, match="rows"):
        checked_rows(rows)  # type: ignore[arg-type]
