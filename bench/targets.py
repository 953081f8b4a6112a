"""Targets next to what they stand on: ``python -m bench.targets [SECTION ...]``.

Both sides of a pair run within a fraction of a second of each other, in random order. A figure that falls short is
printed as such; the exit code is 1 only where a section could not be run.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from subprocess import SubprocessError

from bench.figure import HEADINGS, Figure, row
from bench.targets_cache import cache
from bench.targets_sql import sql

SECTIONS: Mapping[str, Callable[[], Iterator[Figure]]] = {"sql": sql, "cache": cache}


def main(arguments: Sequence[str]) -> int:
    """Run the sections and print their figures as they are taken."""
    unknown = [name for name in arguments if name not in SECTIONS]
    if unknown:
        print(f"no section {unknown[0]}; usage: python -m bench.targets [{' | '.join(SECTIONS)}] ...", file=sys.stderr)
        return 2
    print(row(HEADINGS))
    broken = 0
    for name in arguments or SECTIONS:
        try:
            for figure in SECTIONS[name]():
                print(row(figure.cells()), flush=True)
        except (AssertionError, OSError, RuntimeError, SubprocessError) as error:
            print(f"{name} could not be measured: {error}", file=sys.stderr)
            broken = 1
    return broken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
