"""The pictures of ``docs/images``, from real runs: ``python -m tests.pictures`` (``make pictures``), a minute.

Without a name all of them; ``python -m tests.pictures outage`` takes one again.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.functional.chromium import Browser, Page, chromium
from tests.pictures import runs
from tests.pictures.png import with_palette

_IMAGES = Path(__file__).parents[2] / "docs" / "images"
_MOST_BYTES = 200_000

_SHOW = """(selector) => {
  const place = document.querySelector(selector);
  if (place.matches('details')) place.open = true;
  place.scrollIntoView();
}"""


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        name: of its file.
        width, height: of the window, in CSS pixels.
        place: selector of what is shown from its first line on; empty for the top of the page.
        scheme: of colours.
    """

    name: str
    width: int
    height: int
    place: str = ""
    scheme: str = "light"


_SHOTS: dict[str, tuple[Callable[[Path], Path], tuple[Shot, ...]]] = {
    "demo": (
        runs.demo,
        (
            Shot("report-light", 1280, 900),
            Shot("report-phone", 390, 760),
            Shot("report-test-dark", 1280, 1500, "#t-cache-read-cached", "dark"),
        ),
    ),
    "outage": (runs.outage, (Shot("outage-over-time", 1280, 740, "figure.time"),)),
    "n-plus-one": (runs.n_plus_one, (Shot("n-plus-one", 1280, 1000),)),
}


def main(names: Sequence[str]) -> int:
    """Take the pictures of the runs called ``names``, or of all."""
    unknown = [name for name in names if name not in _SHOTS]
    if unknown:
        print(f"there is no run {', '.join(unknown)}: choose from {', '.join(_SHOTS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        # All runs first: a browser would be among the children of this process, whose CPU and memory they show.
        taken = [(_SHOTS[name][0](Path(folder)), _SHOTS[name][1]) for name in names or _SHOTS]
        with chromium() as browser:
            for page, shots in taken:
                for shot in shots:
                    _write(_IMAGES / f"{shot.name}.png", _taken(browser, page, shot))
        if not names or "demo" in names:
            runs.picture(Path(folder), _IMAGES / "latency.svg")
    return 0


def _taken(browser: Browser, file: Path, shot: Shot) -> bytes:
    size = {"width": shot.width, "height": shot.height}
    with closing(browser.new_page(viewport=size, color_scheme=shot.scheme)) as page:  # type: ignore[arg-type]  # of two
        page.goto(file.as_uri())
        if shot.place:
            page.evaluate(_SHOW, shot.place)
            _wait_for_charts(page)  # what is above may have grown
            page.evaluate(_SHOW, shot.place)
        _wait_for_charts(page)
        png = page.screenshot()
    with closing(browser.new_page()) as blank:
        return with_palette(png, blank)


def _wait_for_charts(page: Page) -> None:
    """Until all that is in the window is drawn, and a frame with it has been shown."""
    page.wait_for_function(
        """() => [...document.querySelectorAll('figure.chart')].every((figure) => {
          const { top, bottom } = figure.getBoundingClientRect();
          return !figure.checkVisibility() || bottom < 0 || top > innerHeight || 'drawn' in figure.dataset;
        })"""
    )
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def _write(file: Path, png: bytes) -> None:
    if len(png) > _MOST_BYTES:
        raise ValueError(f"{file.name} has {len(png):,} bytes; a page of documentation bears {_MOST_BYTES:,}")
    file.write_bytes(png)
    print(f"{file.name}: {len(png):,} bytes")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
