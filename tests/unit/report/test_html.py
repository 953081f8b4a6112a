"""The page: one file that loads nothing, small, harmless whatever tests are called, and readable without a script."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

import paceline.report.html as package
from paceline.judge.result import TestResult
from paceline.report.document import Document, document_of
from paceline.report.html import fitting
from paceline.report.html.assets import UPLOT_SHA256, asset, style
from paceline.report.html.detail import MOST_BYTES_EACH
from paceline.report.html.markup import anchors
from paceline.report.html.page import render_comparison_html, render_html
from tests.unit.report import cases, html_cases
from tests.unit.report.duet_cases import LEFT_OUT, NOTICES
from tests.unit.report.html_cases import poisoned
from tests.unit.report.test_formats import HOSTILE_NAMES

MARKUP = "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>\"'`{{7*7}}{% x %}&amp;\u2028\udce9\x1b[31m"
# Several at once: a page with everything takes a while.
HOSTILE_TEXTS = [" ".join(["x", *HOSTILE_NAMES[at : at + 6]]) for at in range(0, len(HOSTILE_NAMES), 6)]


class Parsed(HTMLParser):
    """Tags with the names of their attributes, and all text outside script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.said: list[str] = []
        self.scripts: list[tuple[bool, str]] = []
        self._raw: bool | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag in {"script", "style"}:
            self._raw = any(name == "type" for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._raw = None

    def handle_data(self, data: str) -> None:
        if self._raw is None:
            self.said.append(data)
        else:
            self.scripts.append((self._raw, data))

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.said))


@cache
def whole() -> str:
    """The page of a session with everything."""
    return render_html(
        html_cases.document(),
        duets=html_cases.duets(),
        left_out=LEFT_OUT,
        notices=NOTICES,
        trends=[html_cases.trend()],
    )


def _data(parsed: Parsed) -> list[dict[str, object]]:
    return [json.loads(text) for is_data, text in parsed.scripts if is_data and text.strip()]


class TestOneFile:
    def test_nothing_is_loaded(self) -> None:
        for page in (whole(), _compared("get")):
            addresses = [
                value
                for name, value in Parsed(page).attributes
                if name in {"src", "href", "srcset", "action", "data", "xlink:href", "poster"}
            ]
            assert all(value.startswith("#") or value == "data:," for value in addresses)
            assert not re.search(r"url\(|@import", style())

    def test_only_the_packaged_script_and_style_may_run(self) -> None:
        policy = next(
            value for name, value in Parsed(whole()).attributes if name == "content" and "default-src" in value
        )
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'; ")
        blocks = re.findall(r"<(script|style)>(.*?)</\1>", whole(), re.DOTALL)
        assert [kind for kind, _ in blocks] == ["style", "script"]
        for kind, text in blocks:
            digest = b64encode(sha256(text.encode()).digest()).decode()
            assert f"{kind}-src 'sha256-{digest}'" in policy

    def test_no_style_or_handler_stands_in_an_attribute(self) -> None:
        names = {name for name, _ in Parsed(whole()).attributes}
        assert not {name for name in names if name.startswith("on") or name == "style"}

    def test_the_library_is_the_one_that_is_pinned_and_brings_its_licence(self) -> None:
        folder = Path(package.__file__).parent / "assets"
        for name, digest in UPLOT_SHA256.items():
            assert sha256((folder / name).read_bytes()).hexdigest() == digest
        assert "The MIT License" in whole()
        assert asset("uPlot.LICENSE").strip() in whole()


# Plans, errors with tracebacks, caches, loads and arrivals, each with a time axis; as often as not one with everything.
_WITH_SERIES = (cases.passed(), cases.closed_loop(), cases.open_loop(), cases.scenario(), html_cases.level(5))
_KINDS = [
    kind
    for each in _WITH_SERIES
    for kind in (html_cases.timed(), replace(each, record=html_cases.with_series(each.record)))
]


class TestSize:
    """150 kB and 8 kB a result at most, duets counted; of 1,000 ``python -m bench html`` says it."""

    @pytest.mark.parametrize("count", [1, 10, 13, 100])
    def test_whatever_the_tests_are(self, count: int) -> None:
        results = [_renamed(_KINDS[number % len(_KINDS)], f"get_record_{number}") for number in range(count)]
        page = render_html(document_about(results)).encode()
        assert len(page) <= 150_000 + 8_000 * count

    def test_with_duets_and_histories(self) -> None:
        trends = [
            replace(html_cases.trend(), series=replace(html_cases.trend().series, test=f"t{n}")) for n in range(20)
        ]
        results = [_renamed(_KINDS[number % len(_KINDS)], f"t{number}") for number in range(20)]
        page = render_html(document_about(results), duets=html_cases.duets(), left_out=LEFT_OUT, trends=trends)
        assert len(page.encode()) <= 150_000 + 8_000 * (20 + len(html_cases.duets().results))

    @pytest.mark.parametrize("count", [1, 15])
    def test_however_long_their_texts_are(self, count: int) -> None:
        result = poisoned(html_cases.timed(), "x" * 10_000)
        page = render_html(document_about([result] * count))
        assert len(page.encode()) <= 150_000 + 8_000 * count

    def test_the_largest_are_told_in_less_detail_and_no_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        large, small = _renamed(html_cases.timed(), "large"), _renamed(html_cases.level(5), "small")
        document = document_about([large, small])
        monkeypatch.setattr(fitting, "MOST_BYTES", len(render_html(document).encode()) - 2 * MOST_BYTES_EACH - 1)
        seen = {str(each["name"]): each for each in _data(Parsed(render_html(document))) if "attempts" in each}
        time = seen["large"]["time"]
        assert isinstance(time, dict)
        assert time["intervals"] == 20
        assert Parsed(render_html(document)).text.count("4 more kinds in the results file") == 1


def _renamed(result: TestResult, name: str) -> TestResult:
    return replace(result, metrics=replace(result.metrics, test_name=name))


def document_about(results: Sequence[TestResult]) -> Document:
    """The report about ``results``."""
    return document_of(results, cases.MACHINE, cases.TIMESTAMP)


class TestHostileTexts:
    @pytest.mark.parametrize("text", [MARKUP, *HOSTILE_TEXTS])
    def test_they_stay_text_wherever_they_stand(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fitting, "MOST_BYTES", 10**9)  # both in the same detail
        _poisoned_page.cache_clear()  # as it was made by others
        hostile = _poisoned_page(text)
        seen, calm = Parsed(hostile), Parsed(_poisoned_page("calm"))
        assert seen.tags == calm.tags
        assert len(_data(seen)) == len(_data(calm))
        hostile.encode()  # no lone surrogate is left

    def test_data_keep_them(self) -> None:
        first = _data(Parsed(_poisoned_page(MARKUP)))
        assert any(str(each.get("name", "")).startswith("</script><script>") for each in first)

    def test_what_drives_a_screen_is_spelled_out(self) -> None:
        told = Parsed(_poisoned_page(MARKUP)).text
        assert "\x1b" not in told
        assert "\\x1b[31m" in told
        assert "{{7*7}}" in told

    def test_in_a_comparison(self) -> None:
        assert Parsed(_compared(MARKUP)).tags == Parsed(_compared("calm")).tags


@cache
def _poisoned_page(text: str) -> str:
    results = tuple(poisoned(result, text) for result in html_cases.document().results)
    document = document_of(results, poisoned(cases.MACHINE, text), cases.TIMESTAMP)
    return render_html(
        document,
        duets=poisoned(html_cases.duets(), text),
        left_out={f"{text}{number}": text for number in range(2)},
        notices=[text],
        trends=[poisoned(html_cases.trend(), text)],
    )


def _compared(name: str) -> str:
    comparison = cases.passed().comparison
    assert comparison is not None
    return render_comparison_html(
        {name: poisoned(comparison, name)}, f"{name}.json", f"{name}2.json", cases.TIMESTAMP, only_base=[name, "b"]
    )


class TestWithoutAScript:
    def test_figures_limits_and_reasons_can_be_read(self) -> None:
        said = Parsed(whole()).text
        for told in (
            "of 11 tests failed",
            "p95 latency",
            "> limit 4 ms",
            "no such key 0",
            "Answers by status",
            "Over time, in intervals of 0.1 s",
            "Most throughput at",
            "Compared with the baseline",
            "regressed",
            "Changes that stayed",
            "orders of a customer",
            "orders (about 100,000 rows)",
            "98.0 % of pages from memory",
            "the loader alone",
            "10 evicted, 20 expired",
            "a planted",
            "CPython 3.11.9",
        ):
            assert told.lower() in said.lower(), told

    def test_every_chart_has_a_table_beside_it(self) -> None:
        page = whole()
        for kind, caption in (("time", "Over time"), ("percentiles", "Latency"), ("sweep-latency", "Levels")):
            assert page.count(f'data-chart="{kind}"') <= page.count(f"<caption>{caption}")

    def test_links_lead_somewhere(self) -> None:
        seen = Parsed(whole())
        assert len(seen.ids) == len(set(seen.ids))
        targets = {value[1:] for name, value in seen.attributes if name == "href" and value.startswith("#")}
        assert targets <= set(seen.ids)
        assert len(targets) > 11

    def test_headings_leave_no_level_out(self) -> None:
        levels = [int(tag[1]) for tag, _ in Parsed(whole()).tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


class TestData:
    def test_what_is_inside_is_what_was_measured(self) -> None:
        whole_data = _data(Parsed(whole()))
        checkout = next(each for each in whole_data if each.get("name") == "checkout" and "attempts" in each)
        counts = checkout["distribution"]
        assert isinstance(counts, dict)
        assert sum(counts["counts"]) == 2_000
        time = checkout["time"]
        assert isinstance(time, dict)
        titles = [panel["title"] for panel in time["panels"]]
        assert titles == [
            "Latency", "Throughput", "Errors", "CPU", "Memory", "Disk I/O of the host", "Garbage collections"
        ]  # fmt: skip
        assert {len(line) for panel in time["panels"] for line in panel["lines"].values()} == {time["intervals"]}

    def test_nothing_measured_is_said(self) -> None:
        page = render_html(document_about([]))
        assert "No test was measured." in page
        assert 'id="tests"' not in page

    def test_duets_alone_have_a_verdict(self) -> None:
        page = render_html(document_about([]), duets=html_cases.duets(), left_out=LEFT_OUT)
        assert "3 of 8 duets regressed" in page
        assert "only candidate has it" in page


class TestAnchors:
    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (["get_record"], ["t-get-record"]),
            (["a", "A!", "a 2"], ["t-a", "t-a.2", "t-a-2"]),
            (["", "…"], ["t-test", "t-test.2"]),
        ],
    )
    def test_they_are_stable_and_their_own(self, names: list[str], expected: list[str]) -> None:
        assert anchors(names) == expected


def _themes() -> Iterator[tuple[str, dict[str, str]]]:
    found = re.findall(r"(--[\w-]+): light-dark\((#\w{6}), (#\w{6})\)", asset("report.css"))
    yield "light", {name: light for name, light, _ in found}
    yield "dark", {name: dark for name, _, dark in found}


def _luminance(colour: str) -> float:
    """Relative, as WCAG 2.2 defines it."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("theme", "colours"), list(_themes()))
@pytest.mark.parametrize(
    ("ink", "grounds", "least"),
    [
        ("--ink", ("--bg", "--panel", "--sunk", "--bad-bg", "--warn-bg"), 7.0),
        ("--dim", ("--bg", "--panel", "--sunk", "--bad-bg"), 4.5),
        ("--link", ("--bg", "--panel", "--sunk"), 4.5),
        ("--bad", ("--panel", "--bad-bg"), 4.5),
        ("--warn", ("--panel", "--warn-bg"), 4.5),
        ("--good", ("--panel", "--good-bg"), 4.5),
        *((f"--c{number}", ("--panel",), 3.0) for number in range(1, 6)),  # lines of charts: WCAG 1.4.11
    ],
)
def test_contrast(theme: str, colours: dict[str, str], ink: str, grounds: tuple[str, ...], least: float) -> None:
    for ground in grounds:
        assert _contrast(colours[ink], colours[ground]) >= least, f"{ink} on {ground}, {theme}"
