"""The page in a real browser: it runs under its own policy, draws, filters, sorts, and asks nobody for anything."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from paceline.cli.main import cli
from paceline.core.errors import ConfigurationError, OutputError
from paceline.report.html.page import render_comparison_html, render_html
from paceline.store.codec import encode_results
from paceline.store.duets import StoredDuets, duets_to_plain
from tests.functional.chromium import Browser, BrowserContext, Page, chromium, expect
from tests.functional.plugin_runs import run_apart, suite
from tests.functional.test_cli_compare import stored, write_baseline, write_run
from tests.unit.report import cases, duet_cases, html_cases
from tests.unit.report.duet_cases import LEFT_OUT, NOTICES
from tests.unit.report.test_html import MARKUP, document_about

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.real

# Whether something else than the ground was painted on each canvas of a figure.
PAINTED = """
figure => [...figure.querySelectorAll('canvas')].map(canvas => {
  const seen = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return new Set(seen).size;
})
"""

# Of every visible text: its contrast with what is painted behind it, as WCAG 2.2 defines it, where that is below AA.
POOR_CONTRAST = """
() => {
  const parse = (text) => {
    const [red, green, blue, alpha] = text.match(/[\\d.]+/g).map(Number), unit = text.startsWith('color(') ? 255 : 1;
    return [red * unit, green * unit, blue * unit, alpha ?? 1];
  };
  const over = (top, below) => top.slice(0, 3).map((each, n) => each * top[3] + below[n] * (1 - top[3])).concat(1);
  const linear = (each) => each <= .04045 ? each / 12.92 : ((each + .055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]) =>
    .2126 * linear(red / 255) + .7152 * linear(green / 255) + .0722 * linear(blue / 255);
  const above = (element) => element ? [element, ...above(element.parentElement)] : [];
  const ground = (element) => above(element).reverse()
    .reduce((below, at) => over(parse(getComputedStyle(at).backgroundColor), below), [255, 255, 255, 1]);
  const poor = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility() || element.closest('script, .hidden, .skip, svg')) continue;
    const behind = ground(element), ink = parse(getComputedStyle(element).color);
    for (const at of above(element)) ink[3] *= Number(getComputedStyle(at).opacity);
    const [low, high] = [over(ink, behind), behind].map(luminance).sort((a, b) => a - b);
    const ratio = (high + .05) / (low + .05);
    seen += 1;
    if (ratio < 4.5) poor.push(text.slice(0, 40) + ' ' + ratio.toFixed(2));
  }
  return [seen, poor];
}
"""


@dataclass
class Seen:
    """What a page said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages on the disk, as a reader opens them."""
    folder = tmp_path_factory.mktemp("pages")
    comparison = cases.passed().comparison
    assert comparison is not None
    written = {
        "whole": render_html(
            html_cases.document(),
            duets=html_cases.duets(),
            left_out=LEFT_OUT,
            notices=NOTICES,
            trends=[html_cases.trend()],
        ),
        "hostile": render_html(
            document_about([html_cases.poisoned(each, MARKUP) for each in html_cases.document().results]),
            trends=[html_cases.poisoned(html_cases.trend(), MARKUP)],
        ),
        "compared": render_comparison_html({"get": comparison}, "main.json", "branch.json", cases.TIMESTAMP),
        "single": render_html(document_about([html_cases.timed()])),
        "many": render_html(document_about([html_cases.level(1)] * 130)),
    }
    for name, text in written.items():
        (folder / f"{name}.html").write_text(text)
    return {name: folder / f"{name}.html" for name in written}


@pytest.fixture(scope="module")
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    """What most pages are opened in."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture
def opened(browser: Browser, desktop: BrowserContext, pages: dict[str, Path]) -> Iterator[Callable[..., Seen]]:
    """Open a page of ``pages``; whatever it complains of or asks for fails the test."""
    contexts: list[BrowserContext] = []
    everything: list[Seen] = []

    def open_page(name: str, anchor: str = "", **options: Any) -> Seen:
        if options:
            contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options))
        seen = Seen((contexts[-1] if options else desktop).new_page())
        everything.append(seen)
        seen.page.on("console", lambda message: seen.said.append(message.text))
        seen.page.on("pageerror", lambda error: seen.said.append(str(error)))
        seen.page.on("request", lambda request: seen.asked.append(request.url))
        seen.page.goto(pages[name].as_uri() + anchor)
        return seen

    yield open_page
    for seen in everything:
        assert not seen.said
        assert [url for url in seen.asked if not url.startswith(("file:", "blob:", "data:"))] == []
        assert len({url.partition("#")[0] for url in seen.asked if url.startswith("file:")}) == 1
    for seen in everything:
        seen.page.close()
    for context in contexts:
        context.close()


def _colours(page: Page, selector: str) -> list[int]:
    figure = page.locator(selector)
    # What is above may grow when it is laid out, and move the figure away again.
    page.wait_for_function(
        "figure => { figure.scrollIntoView({block: 'center'}); return 'drawn' in figure.dataset; }",
        arg=figure.element_handle(),
    )
    found: list[int] = figure.evaluate(PAINTED)
    return found


class TestCharts:
    def test_they_are_drawn_when_they_are_looked_at(self, opened: Callable[..., Seen]) -> None:
        page = opened("whole", "#t-checkout").page
        assert page.locator("canvas").count() < page.locator("figure.chart").count()
        for figure, canvases in (
            ("#t-checkout figure[data-chart=distribution]", 1),
            ("#t-checkout figure[data-chart=percentiles]", 1),
            ("#t-checkout figure[data-chart=time]", 7),
            ("figure[data-chart=sweep-throughput]", 1),
            ("figure[data-chart=sweep-latency]", 1),
            ("figure[data-chart=trend]", 1),
        ):
            drawn = _colours(page, figure)
            assert len(drawn) == canvases, figure
            assert min(drawn) > 10, figure  # inks and their edges; an empty canvas has one
        names = page.locator("canvas").evaluate_all("all => all.map(each => [each.role, each.ariaLabel])")
        assert all(
            role == "img" and re.search(r" of \w+; a table with the figures follows", name) for role, name in names
        )

    def test_far_away_they_are_gone_and_come_back(self, opened: Callable[..., Seen]) -> None:
        page = opened("single", viewport={"width": 1280, "height": 400}).page
        figure = page.locator("figure[data-chart=time]")
        drawn = _colours(page, "figure[data-chart=time]")
        height = figure.evaluate("figure => figure.offsetHeight")
        page.evaluate(
            "const more = document.createElement('p'); more.style.height = '9000px'; document.body.append(more)"
        )
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(page.locator("canvas")).to_have_count(0)
        assert figure.evaluate("figure => figure.offsetHeight") == height
        assert _colours(page, "figure[data-chart=time]") == drawn

    def test_behind_them_are_tables_of_every_interval(self, opened: Callable[..., Seen]) -> None:
        page = opened("single").page
        behind = page.locator("details.behind[data-table=time]")
        behind.locator("summary").click()
        expect(behind.locator("tbody tr")).to_have_count(100)
        assert behind.locator("thead th").count() == behind.locator("tbody tr").first.locator("th, td").count() == 14
        assert behind.locator("[role=region]").get_attribute("aria-label") == "Over time, in intervals of 0.1 s"

    def test_a_cursor_in_one_is_a_cursor_in_all(self, opened: Callable[..., Seen]) -> None:
        page = opened("single").page
        _colours(page, "figure[data-chart=time]")
        page.locator("figure.time .u-over").nth(3).hover()
        shown = page.locator("figure.time .u-legend .u-series:first-child .u-value").all_inner_texts()
        assert len(shown) == 7
        assert len(set(shown)) == 1
        assert shown[0].endswith(" s")

    def test_without_a_cursor_legends_are_keys(self, opened: Callable[..., Seen]) -> None:
        page = opened("single").page
        _colours(page, "figure[data-chart=time]")
        latency = page.locator("figure.time .u-legend").first
        expect(latency).to_have_text(re.compile(r"^median\s*p95\s*p99\s*$"), use_inner_text=True)


class TestFindingATest:
    def test_by_status_and_name(self, opened: Callable[..., Seen]) -> None:
        page = opened("whole").page
        rows = page.locator("#all tbody tr:visible")
        expect(rows).to_have_count(11)
        page.locator("button.filter[data-status=passed]").click()
        expect(rows).to_have_count(6)
        page.keyboard.press("/")
        page.keyboard.type("CHECK")
        expect(rows).to_have_count(1)
        expect(page.locator("details.test[data-status]:visible")).to_have_count(1)
        expect(page.locator("#shown")).to_have_text("1 of 11 tests are shown.")

    def test_by_sorting(self, opened: Callable[..., Seen]) -> None:
        page = opened("whole").page
        head = page.locator("#all th", has_text="median")
        head.locator("button").click()
        expect(head).to_have_attribute("aria-sort", "descending")
        medians = page.locator("#all tbody tr").evaluate_all("rows => rows.map(row => row.dataset.v.split(',')[0])")
        known = [float(each) for each in medians if each]
        assert known == sorted(known, reverse=True)
        assert medians[-1] == ""  # what has none comes last, whichever way
        head.locator("button").click()
        expect(head).to_have_attribute("aria-sort", "ascending")
        again = page.locator("#all tbody tr").evaluate_all("rows => rows.map(row => row.dataset.v.split(',')[0])")
        assert [float(each) for each in again if each] == sorted(known)
        assert again[-1] == ""

    def test_by_its_address(self, opened: Callable[..., Seen]) -> None:
        page = opened("whole", "#t-get-record").page
        expect(page.locator("#t-get-record")).to_have_attribute("open", "")
        assert page.locator("#t-get-record").bounding_box()["y"] < 200  # type: ignore[index]  # it is there
        page.locator("#all a", has_text="shop").click()
        expect(page.locator("#t-shop")).to_have_attribute("open", "")

    def test_by_opening_them_all(self, opened: Callable[..., Seen]) -> None:
        page = opened("many").page
        expect(page.locator("details.test[open]")).to_have_count(0)
        page.locator("#open-all").click()
        expect(page.locator("details.test[open]")).to_have_count(130)
        last = page.locator("details.test").last
        # Twenty by twenty they are laid out when they come near.
        assert page.locator(".lot").count() == 7
        assert not last.locator("h3").evaluate("each => each.checkVisibility({contentVisibilityAuto: true})")
        assert _colours(page, ".lot:last-of-type > :last-of-type figure[data-chart=distribution]")
        assert last.locator("h3").evaluate("each => each.checkVisibility({contentVisibilityAuto: true})")
        assert page.locator("canvas").count() < 40
        page.locator("#open-all").click()
        expect(page.locator("details.test[open]")).to_have_count(0)


class TestTakingAway:
    def test_markdown(self, opened: Callable[..., Seen]) -> None:
        page = opened("hostile", permissions=["clipboard-read", "clipboard-write"]).page
        page.locator("#copy").click()
        expect(page.locator("#copy")).to_have_text("Copied")
        text: str = page.evaluate("navigator.clipboard.readText()")
        lines = [line for line in text.splitlines() if line.startswith("| ")]
        assert len(lines) == 2 + 11
        assert all("`" in line for line in lines[2:])

    def test_the_data(self, opened: Callable[..., Seen]) -> None:
        page = opened("whole").page
        with page.expect_download() as download:
            page.locator("#download").click()
        content = json.loads(Path(download.value.path()).read_text())
        assert download.value.suggested_filename == "paceline-report.json"
        assert content["schema"] == "paceline/report/1"
        assert len(content["results"]) == 11
        assert len(content["sweeps"]) == len(content["trends"]) == 1


class TestReaders:
    def test_hostile_texts_run_nothing(self, opened: Callable[..., Seen]) -> None:
        page = opened("hostile").page
        page.on("dialog", lambda dialog: pytest.fail(f"{dialog.message} was shown"))
        page.locator("#open-all").click()
        _colours(page, "figure[data-chart=time]")
        assert page.locator("main img, main script:not([type='application/json'])").count() == 0
        assert page.locator("h3", has_text="<script>alert(1)</script>").count() == 11

    def test_dark_and_light(self, opened: Callable[..., Seen]) -> None:
        ground = "getComputedStyle(document.body).backgroundColor"
        page = opened("single", color_scheme="dark").page
        dark = page.evaluate(ground)
        page.locator("#theme").click()
        expect(page.locator("#theme")).to_have_text("Light")
        light = page.evaluate(ground)
        assert dark != light
        page.reload()
        assert page.evaluate(ground) == light  # the choice is kept
        assert opened("single", color_scheme="light").page.evaluate(ground) == light

    def test_a_switch_of_colours_paints_anew(self, opened: Callable[..., Seen]) -> None:
        page = opened("single", color_scheme="light").page
        _colours(page, "figure[data-chart=distribution]")
        shot = "figure => figure.querySelector('canvas').toDataURL()"
        before = page.locator("figure[data-chart=distribution]").evaluate(shot)
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(
            "before => document.querySelector('figure[data-chart=distribution] canvas').toDataURL() !== before",
            arg=before,
        )

    def test_a_phone_scrolls_one_way_only(self, opened: Callable[..., Seen]) -> None:
        for name in ("whole", "hostile", "compared"):
            page = opened(name, viewport={"width": 360, "height": 640}).page
            page.evaluate("document.querySelectorAll('details.test').forEach((each) => { each.open = true; })")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, name

    def test_a_keyboard_is_enough(self, opened: Callable[..., Seen]) -> None:
        page = opened("whole").page
        page.keyboard.press("Tab")
        expect(page.locator("a.skip")).to_be_focused()
        expect(page.locator("a.skip")).to_be_visible()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        summary = page.locator("#t-shop > summary")
        summary.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#t-shop")).to_have_attribute("open", "")
        outline = summary.evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline == "solid"

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_every_text_can_be_told_from_its_ground(self, opened: Callable[..., Seen], scheme: str) -> None:
        page = opened("whole", color_scheme=scheme).page
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        page.locator("button.filter[data-status=passed]").click()  # one that is off, too
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.hidden = false; })")
        seen, poor = page.evaluate(POOR_CONTRAST)
        assert seen > 500
        assert poor == []

    def test_without_a_script_nothing_waits_for_one(self, opened: Callable[..., Seen]) -> None:
        page = opened("whole", java_script_enabled=False).page
        expect(page.locator("figure.chart:visible")).to_have_count(0)
        expect(page.locator("button:visible")).to_have_count(0)
        expect(page.get_by_text("of 11 tests failed")).to_be_visible()

    def test_paper_shows_everything(self, opened: Callable[..., Seen]) -> None:
        page = opened("whole").page
        page.pdf(format="A4")  # fires what printing fires
        drawn = page.locator("#t-checkout figure[data-drawn]").count()
        assert drawn == 3
        expect(page.locator("#t-shop")).not_to_have_attribute("open", "")  # as it was before


@contextmanager
def _looked_at(browser: Browser, file: Path) -> Iterator[Page]:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    yield page
    page.close()
    assert not said


def _ran(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    """A command in this process; of the browser's the tests are, and what a process does is tested elsewhere."""
    monkeypatch.chdir(folder)
    return CliRunner().invoke(cli, arguments, standalone_mode=False)


class TestDoors:
    """The commands that write a page."""

    def test_measuring_with_a_history_and_report(
        self, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "work_of_pages.py").write_text("def work():\n    return sum(range(500))\n")
        monkeypatch.syspath_prepend(tmp_path)
        call = ("call", "work_of_pages:work", "-n", "50", "--history", "--json", "run.json")
        for _ in range(2):
            ended = _ran(tmp_path, monkeypatch, *call, "--html", "page.html", "-q")
            assert (ended.return_value, ended.output) == (0, ""), ended.exception
        with _looked_at(browser, tmp_path / "page.html") as page:
            expect(page.locator("#t-work-of-pages-work")).to_have_count(1)
            expect(page.locator("figure[data-chart=trend]")).to_have_count(1)
        ended = _ran(tmp_path, monkeypatch, "report", "run.json", "--html", "again.html", "--svg", "all.svg")
        assert (ended.return_value, ended.output) == (0, ""), ended.exception
        with _looked_at(browser, tmp_path / "again.html") as page:
            expect(page.locator("h1")).to_contain_text("The test")
        with _looked_at(browser, tmp_path / "all.svg") as page:
            assert "work_of_pages:work" in (page.locator("svg").text_content() or "")

    def test_compare(self, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_baseline(tmp_path / "base.json", get=stored(), only_there=stored())
        write_run(tmp_path / "run.json", get=20.0)
        ended = _ran(tmp_path, monkeypatch, "compare", "base.json", "run.json", "--html", "page.html", "-q")
        assert (ended.return_value, ended.output) == (1, ""), ended.exception
        with _looked_at(browser, tmp_path / "page.html") as page:
            expect(page.locator("h1")).to_have_text("The test: regressed.")
            expect(page.get_by_text("Only in base.json")).to_be_visible()

    def test_pytest(self, browser: Browser, pytester: pytest.Pytester) -> None:
        suite(pytester, "def test_it(perf):\n    perf(work, iterations=50, name='<b>work</b>')\n")
        run_apart(pytester, "--perf-html=page.html").assert_outcomes(passed=1)
        with _looked_at(browser, pytester.path / "page.html") as page:
            expect(page.locator("h3")).to_have_text("<b>work</b>")

    def test_duets(self, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        duets = duets_to_plain(StoredDuets(tuple(duet_cases.records()), left_out=LEFT_OUT))
        (tmp_path / "duet.json").write_bytes(encode_results((), cases.MACHINE, cases.TIMESTAMP, duets))
        ended = _ran(tmp_path, monkeypatch, "report", "duet.json", "--html", "page.html")
        assert (ended.return_value, ended.output) == (0, ""), ended.exception
        with _looked_at(browser, tmp_path / "page.html") as page:
            assert page.locator("svg.forest circle.dot").count() > 100
            expect(page.locator("h1")).to_contain_text("3 of 8 duets regressed")

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("report", "run.json", "--history"), "name its file with --html"),
            (("report", "run.json", "--html", "no/folder.html"), "there is no folder"),
            (("report", "run.json", "--html", "x", "--svg", "x"), "both name x"),
            (("compare", "run.json", "run.json", "--json", "x", "--html", "x"), "both name x"),
        ],
    )
    def test_what_cannot_be_written_is_said_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
    ) -> None:
        write_run(tmp_path / "run.json", get=1.0)
        ended = _ran(tmp_path, monkeypatch, *arguments)
        assert isinstance(ended.exception, ConfigurationError | OutputError)
        assert told in str(ended.exception)
