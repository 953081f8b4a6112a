"""Print the table: ``python -m bench`` for all figures, ``python -m bench loops imports`` for some.

The exit code is 0 whatever the figures are: they are for reading. Only a bench that breaks is an error.
"""

import sys
from collections.abc import Callable, Iterator, Sequence

from bench import batches, concurrent, display, html, imports, loops, plugin, recorder, report, scale
from bench.figure import HEADINGS, Figure, row

BENCHES: dict[str, Callable[[], Iterator[Figure]]] = {
    "loops": loops.figures,
    "batches": batches.figures,
    "recorder": recorder.figures,
    "concurrent": concurrent.figures,
    "display": display.figures,
    "imports": imports.figures,
    "report": report.figures,
    "html": html.figures,
    "plugin": plugin.figures,
}
LONG: dict[str, Callable[[], Iterator[Figure]]] = {"scale": scale.figures}
"""Those that are taken only by name."""


def main(names: Sequence[str]) -> int:
    """Run the benches called ``names``, or all."""
    known = BENCHES | LONG
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"there is no bench {', '.join(unknown)}: choose from {', '.join(known)}", file=sys.stderr)
        return 2
    print(row(HEADINGS))
    short = []
    for name in names or BENCHES:
        for figure in known[name]():
            print(row(figure.cells()), flush=True)
            if figure.verdict == "FALLS SHORT":
                short.append(figure.name)
    print(f"\n{len(short)} fall short: {'; '.join(short)}" if short else "\nAll that was asked for holds.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
