"""``paceline report`` of results, of duets, and of both: a format has all of it, or says what it has no place for."""

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from paceline.report.markdown_parts import MOST_BYTES
from paceline.store.codec import encode_results
from paceline.store.duets import StoredDuets, duets_to_plain
from tests.functional import commands
from tests.unit.report import duet_cases
from tests.unit.report.cases import MACHINE, TIMESTAMP, example

pytestmark = pytest.mark.real

DUETS = duets_to_plain(
    StoredDuets(tuple(duet_cases.records()), left_out=duet_cases.LEFT_OUT, notices=duet_cases.NOTICES)
)
FORMATS = ("--text", "--markdown", "--junit")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("reports")
    results = example().results
    (made / "both.json").write_bytes(encode_results(results, MACHINE, TIMESTAMP, DUETS))
    (made / "duets.json").write_bytes(encode_results((), MACHINE, TIMESTAMP, DUETS))
    (made / "results.json").write_bytes(encode_results(results, MACHINE, TIMESTAMP))
    return made


def report(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.paceline(folder, "report", *arguments)


@pytest.mark.parametrize(
    ("name", "tests", "failures", "errors"), [("both", 14, 5, 7), ("duets", 10, 3, 3), ("results", 4, 2, 4)]
)
def test_each_format_has_all_of_it(folder: Path, name: str, tests: int, failures: int, errors: int) -> None:
    outputs = [word for option in FORMATS for word in (option, f"{name}{option}")]
    done = report(folder, f"{name}.json", *outputs)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    root = ET.parse(folder / f"{name}--junit").getroot()
    assert (root.get("tests"), root.get("failures")) == (str(tests), str(failures))
    markdown = (folder / f"{name}--markdown").read_text()
    assert len(markdown.encode()) <= MOST_BYTES
    for text in (markdown, (folder / f"{name}--text").read_text()):
        assert ("get_record" in text) == (name != "duets")
        assert ("shop.prices:total" in text) == (name != "results")
    annotations = report(folder, f"{name}.json", "--annotations").stdout.splitlines()
    assert sum(line.startswith("::error ") for line in annotations) == errors
    shown = report(folder, f"{name}.json").stdout.splitlines()
    assert shown[1:] == (folder / f"{name}--text").read_text().splitlines()[1:]  # the first has the time of day


@pytest.mark.parametrize("option", ["--csv", "--smaller-is-better"])
def test_what_has_no_place_for_duets_says_so(folder: Path, option: str) -> None:
    assert report(folder, "both.json", option, "both.out").returncode == 0
    done = report(folder, "duets.json", option, "duets.out")
    assert (done.returncode, done.stdout) == (4, "")
    assert f"duets.json holds duets and no results: {option} has no place for them" in done.stderr
    assert not (folder / "duets.out").exists()
    if option == "--smaller-is-better":
        assert json.loads((folder / "both.out").read_text())
