"""The line that a place of a TOML file stands in."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.scenario.toml_lines import line_of

TEXT = '''together = true # 1
[server]
url = "http://a" # 3
note = """
[scenario]
name = 5
"""
[server.tls] # 8
insecure = true

[[scenario]] # 11
name = "a"
load = { users = 5, duration = "x" } # 13
[[scenario.request]] # 14
path = "/"
check.contains = "x" # 16
[[scenario.request]] # 17
path = "/b" # 18
headers = [
  "a = 5",
]

[[ scenario ]] # 23
name = "b"
request = [{ path = "/" }, { path = "x" }] # 25
thresholds = [ # 26
    "avg<5",
    { threshold = "x" },
]
[scenario.load] # 30
rate = "5" # 31
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("together", 1),
        ("server", 2),
        ("server.url", 3),
        ("server.tls.insecure", 9),
        ("server.name", 2),
        ("scenario[0]", 11),
        ("scenario[0].load.duration", 13),
        ("scenario[0].request[0].path", 15),
        ("scenario[0].request[0].check.contains", 16),
        ("scenario[0].request[0].method", 14),
        ("scenario[0].request[1].path", 18),
        ("scenario[0].request[1].headers[0]", 19),
        ("scenario[1].name", 24),
        ("scenario[1].request[1].path", 25),
        ("scenario[1].thresholds[1].threshold", 26),
        ("scenario[1].load.rate", 31),
        ("scenario[1].weight", 23),
        ("nothing", None),
        ("", None),
    ],
)
def test_lines(place: str, line: int | None) -> None:
    tomllib.loads(TEXT.replace("[scenario]\nname", "x\ny"))
    assert line_of(TEXT, place) == line


tables = st.dictionaries(st.sampled_from(["path", "name", "method"]), st.integers(0, 9), max_size=3)
files = st.lists(st.tuples(tables, st.lists(tables, max_size=3)), max_size=4)


@given(files)
def test_every_key_of_a_file_is_where_it_was_written(
    scenarios: list[tuple[dict[str, int], list[dict[str, int]]]],
) -> None:
    lines: list[str] = []
    places: dict[str, int] = {}

    def write(place: str, line: str) -> None:
        lines.append(line)
        places[place] = len(lines)

    for number, (keys, requests) in enumerate(scenarios):
        write(f"scenario[{number}]", "[[scenario]]")
        for key, value in keys.items():
            write(f"scenario[{number}].{key}", f"{key} = {value}")
        for place, table in enumerate(requests):
            write(f"scenario[{number}].request[{place}]", "  [[scenario.request]]")
            for key, value in table.items():
                write(f"scenario[{number}].request[{place}].{key}", f"  {key} = {value}")
    text = "\n".join(lines)
    tree: dict[str, Any] = tomllib.loads(text)
    assert len(tree.get("scenario", [])) == len(scenarios)
    assert {place: line_of(text, place) for place in places} == places


@given(st.text(st.sampled_from("[]=\"'\n.ab# {}"), max_size=60), st.sampled_from(["a", "a[0].b", "b[1]"]))
def test_any_text_has_lines_or_none(text: str, place: str) -> None:
    line = line_of(text, place)
    assert line is None or 1 <= line <= len(text.splitlines())
