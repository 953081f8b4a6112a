"""Start-up: a command-line tool and a test session pay for every import."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.figure import Figure
from bench.pairing import Spread, ratios, timed

_PAIRS = 21
_HEAVY = ("numpy", "scipy", "psutil", "sqlalchemy", "rich")
_COUNT_HEAVY = f"import sys, paceline; print(sum(name in sys.modules for name in {_HEAVY}))"


def python(*arguments: str) -> list[str]:
    """A command for this interpreter."""
    return [sys.executable, *arguments]


def run(command: Sequence[str]) -> str:
    """What ``command`` prints.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def figures() -> Iterator[Figure]:
    """Processes from start to end, against an interpreter that does nothing."""
    script = Path(sys.executable).with_name("paceline")
    commands = [python("-c", "pass"), python("-c", "import paceline"), [str(script), "--help"]]
    imported, helped = ratios(_PAIRS, *(timed(partial(run, command)) for command in commands))
    yield Figure("import paceline / python -c pass", imported, at_most=10)
    yield Figure("paceline --help / python -c pass", helped, at_most=15)
    heavy = float(run(python("-c", _COUNT_HEAVY)))
    yield Figure(f"of {', '.join(_HEAVY)} in it", Spread(heavy, heavy, heavy), "modules", at_most=0)
