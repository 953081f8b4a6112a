"""What an HTML report carries: templates, style, script, and the charting library (uPlot, MIT, ``make assets``)."""

from functools import cache
from importlib.resources import files

# Of the two files of uPlot 1.6.32 as npm has them; a test compares.
UPLOT_SHA256 = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
_HERE = files(__package__)


@cache
def asset(name: str) -> str:
    """The text of a file that comes with this package."""
    return (_HERE / "assets" / name).read_text("utf-8")


def template(name: str) -> str | None:
    """The text of a template; None where there is none, as Jinja2 asks it of a loader."""
    file = _HERE / "templates" / name
    return file.read_text("utf-8") if file.is_file() else None


@cache
def style() -> str:
    """All of the style, the library's first."""
    return asset("uPlot.min.css") + "\n" + asset("report.css")


@cache
def script() -> str:
    """All of the script, the library's first, with the notice that its licence wants in every copy."""
    return f"/*\n{asset('uPlot.LICENSE')}*/\n" + asset("uPlot.iife.min.js") + "\n" + asset("report.js")
