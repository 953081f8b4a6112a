# ruff: noqa: T201  # a command: it prints
"""How much would the tests notice? A seeded sample of small changes to the code, each run against its tests.

    python -m tests.quality.mutants [--count 100] [--seed 20261122]

Each mutant is a copy of ``src`` in a temporary folder with one change; the working tree is never touched. mutmut
and cosmic-ray were looked at: neither samples by a seed; the one runs every function through a trampoline, the
other changes the files in place.

Not mutated: docstrings and other texts, annotations, ``if TYPE_CHECKING``, ``__repr__``, imports, decorators (that
data is frozen has a test of its own) and ``strict=`` of ``zip``, which guards against mistakes there are none of.
"""

import argparse
import ast
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path("src/paceline")
ROOMS = ("stats", "records", "judge")
MOST_ALIVE = 0.10
_TIMEOUT_S = 300.0
_PARALLEL = 2

# What no test can notice: (file, what the changed lines become) -> reason.
_ONLY_LONGER = "the rest stays 0 and is left out"
_BOTH_EXACT = "at the border both ways are exact"
_MORE_WORK = "what need not be merged is merged all the same"
EQUIVALENT: dict[tuple[str, str], str] = {
    ("records/histogram.py", "dense = np.zeros(highest + lowest + 1, dtype=np.int64)"): _ONLY_LONGER,
    ("records/histogram.py", "dense = np.zeros(highest - lowest + 2, dtype=np.int64)"): _ONLY_LONGER,
    ("records/histogram.py", "most = int(counts.max()) if len(counts) else 1"): "both fit into 8 bits",
    ("judge/diagnosis.py", "weak = [p for p in asked if count * (1 - p / 100) <= _TAIL_SAMPLES - 1e-09]"): (
        "nothing is 1e-9 below a whole number"
    ),
    (
        "records/recorder.py",
        "return np.maximum(offsets_ns, 1) // self._series.interval_ns",
    ): "0 and 1 ns are one interval",
    ("stats/steady_state.py", "centre = median(points) if points else -1.0"): "no points are too few anyway",
    ("stats/steady_state.py", "centre = median(points) if points else 1.0"): "no points are too few anyway",
    ("records/histogram.py", "return parts[-1] if parts else cls()"): "there is only one",
    (
        "records/time_series.py",
        "untouched = bisect_left(early, late[0].position if late else 1, key=lambda piece: piece.position)",
    ): _MORE_WORK,
    (
        "records/time_series.py",
        "early, late = sorted((fine.slices, coarse.slices), key=lambda slices: slices[-1].position if slices else 0)",
    ): _MORE_WORK,
    (
        "records/time_series.py",
        "early, late = sorted((fine.slices, coarse.slices), key=lambda slices: slices[0].position if slices else 1)",
    ): _MORE_WORK,
    ("stats/summary.py", "limbs = [part >> _LIMB_BITS * place & _LIMB_MASK for place in range(4)]"): _ONLY_LONGER,
    ("stats/summary.py", "if maximum * int(values.size) < _INT64_MAX:"): _BOTH_EXACT,
    ("stats/summary.py", "if maximum * maximum * int(values.size) < _INT64_MAX:"): _BOTH_EXACT,
    ("judge/diagnosis.py", "direction = 'rose' if found.relative_change >= 0 else 'fell'"): "0 does not come so far",
}

_OTHERS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.USub: (ast.UAdd,),
}
_REMOVABLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Delete)
_NOT_MUTATED = {"annotation", "returns", "decorator_list", "format_spec"}


class Fate(Enum):
    """What became of a mutant; one that never ends is noticed too."""

    ALIVE = "alive"
    NOTICED = "noticed"
    ENDLESS = "endless"


@dataclass(frozen=True)
class Mutant:
    """One change to one file.

    Attributes:
        path: of the file, from the root of the project.
        line: near which it was made.
        diff: lines taken away and put in their place, without comments.
        source: the whole file with the change.
    """

    path: Path
    line: int
    diff: tuple[str, ...]
    source: str

    @property
    def equivalent(self) -> str | None:
        """Why no test can notice it, if that is known."""
        put = " ".join(line[1:].strip() for line in self.diff if line.startswith("+"))
        return EQUIVALENT.get((self.path.relative_to(PACKAGE).as_posix(), put))


def _setting(node: ast.AST, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _changes(node: ast.AST) -> Iterator[Callable[[], None]]:
    """Every change to ``node`` itself, not yet made; the tree is spent after one."""
    yield from _other_operators(node)
    yield from _other_values(node)
    yield from _other_ways(node)
    yield from _removed_statements(node)


def _other_operators(node: ast.AST) -> Iterator[Callable[[], None]]:
    match node:
        case ast.Compare(ops=operators):
            for place, operator in enumerate(operators):
                for other in _OTHERS[type(operator)]:
                    yield _setting(node, "ops", [*operators[:place], other(), *operators[place + 1 :]])
        case ast.BoolOp(op=operator) | ast.BinOp(op=operator) | ast.AugAssign(op=operator) | ast.UnaryOp(op=operator):
            for other in _OTHERS.get(type(operator), ()):
                yield _setting(node, "op", other())


def _other_values(node: ast.AST) -> Iterator[Callable[[], None]]:
    match node:
        case ast.Constant(value=bool(value)):
            yield _setting(node, "value", not value)
        case ast.Constant(value=int(number) | float(number)):
            yield _setting(node, "value", number + 1)
            yield _setting(node, "value", number - 1)
        case ast.Return(value=ast.Constant(value=None)):
            return
        case ast.Return(value=ast.expr()):
            yield _setting(node, "value", ast.Constant(None))


def _other_ways(node: ast.AST) -> Iterator[Callable[[], None]]:
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield _setting(node, "operand", _negated(operand))
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield _setting(node, "test", _negated(test))
        case ast.comprehension(ifs=conditions):
            for place, condition in enumerate(conditions):
                yield _setting(node, "ifs", [*conditions[:place], _negated(condition), *conditions[place + 1 :]])


def _removed_statements(node: ast.AST) -> Iterator[Callable[[], None]]:
    if isinstance(node, ast.Module | ast.ClassDef):
        return
    for name in ("body", "orelse", "finalbody"):
        statements = getattr(node, name, None)
        if not isinstance(statements, list):  # a lambda's body is no list
            continue
        for place, statement in enumerate(statements):
            if isinstance(statement, _REMOVABLE) and not _is_text(statement):
                yield _setting(node, name, [*statements[:place], ast.Pass(), *statements[place + 1 :]])


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _is_text(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _walk(node: ast.AST, line: int = 0) -> Iterator[tuple[int, Callable[[], None]]]:
    """Line and change, for all that may be mutated in and below ``node``."""
    line = getattr(node, "lineno", line)
    for change in _changes(node):
        yield line, change
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and name not in _NOT_MUTATED and not _left_alone(child):
                yield from _walk(child, line)


def _left_alone(node: ast.AST) -> bool:
    match node:
        case ast.If(test=ast.Name("TYPE_CHECKING")) | ast.FunctionDef(name="__repr__") | ast.keyword(arg="strict"):
            return True
        case _:
            return False


def count_of(source: str) -> int:
    """How many mutants a file has."""
    return sum(1 for _ in _walk(ast.parse(source)))


def mutant_of(path: Path, source: str, number: int) -> Mutant:
    """The ``number``-th mutant of a file."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    line, change = list(_walk(tree))[number]
    change()
    mutated = ast.unparse(ast.fix_missing_locations(tree))
    compared = difflib.unified_diff(original.splitlines(), mutated.splitlines(), n=0, lineterm="")
    diff = tuple(text for text in compared if text[:1] in "+-" and text[:3] not in {"+++", "---"})
    return Mutant(path, line, diff, mutated)


def sample(count: int, seed: int) -> list[Mutant]:
    """``count`` of all mutants of all rooms, the same ones for the same seed and code."""
    files = sorted(path for room in ROOMS for path in (ROOT / PACKAGE / room).glob("*.py"))
    sources = {path: path.read_text(encoding="utf-8") for path in files}
    every = [(path, number) for path, source in sources.items() for number in range(count_of(source))]
    chosen = random.Random(seed).sample(every, min(count, len(every)))
    return [mutant_of(path.relative_to(ROOT), sources[path], number) for path, number in chosen]


@contextmanager
def _copy_of_src() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="paceline-mutant-") as folder:
        shutil.copytree(ROOT / "src", Path(folder) / "src", ignore=shutil.ignore_patterns("__pycache__"))
        yield Path(folder)


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )


def _tests_pass(folder: Path, first: str = ROOMS[0]) -> bool:
    rooms = sorted(ROOMS, key=lambda room: room != first)  # those of the changed room notice soonest
    tests = [f"tests/unit/{room}" for room in rooms]
    return _python(folder, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests).returncode == 0


def fate_of(mutant: Mutant) -> Fate:
    """Run the tests against it."""
    with _copy_of_src() as folder:
        (folder / mutant.path).write_text(mutant.source, encoding="utf-8")
        try:
            return Fate.ALIVE if _tests_pass(folder, first=mutant.path.parent.name) else Fate.NOTICED
        except subprocess.TimeoutExpired:
            return Fate.ENDLESS


def _ground_holds() -> bool:
    """Whether figures mean anything: a copy is what is tested, and it passes without a mutant."""
    with _copy_of_src() as folder:
        imported = _python(folder, "-c", "import paceline; print(paceline.__file__)").stdout
        objection = None
        if not imported.startswith(str(folder)):
            objection = f"the copy is not what is imported, but {imported.strip()}"
        elif not _tests_pass(folder):
            objection = "the tests fail without any mutant"
    if objection is not None:
        print(f"mutants: {objection}", file=sys.stderr)
    return objection is None


def main() -> int:
    """Run the sample; 1 when too many live, 2 when nothing can be said."""
    parser = argparse.ArgumentParser(description="a seeded sample of mutants against their tests")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=20_261_122)
    asked = parser.parse_args()
    if not _ground_holds():
        return 2
    mutants = [mutant for mutant in sample(asked.count, asked.seed) if mutant.equivalent is None]
    fates = Counter[Fate]()
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for mutant, fate in zip(mutants, pool.map(fate_of, mutants), strict=True):
            fates[fate] += 1
            if fate is Fate.ALIVE:
                print(f"\n{mutant.path}:{mutant.line}", *mutant.diff, sep="\n  ", flush=True)
    if not _ground_holds():  # somebody may have edited a test meanwhile
        return 2
    alive = fates[Fate.ALIVE]
    share = alive / len(mutants)
    print(
        f"\n{alive} of {len(mutants)} mutants alive ({share:.1%}; seed {asked.seed}), {fates[Fate.NOTICED]} noticed, "
        f"{fates[Fate.ENDLESS]} never ended; fewer than {MOST_ALIVE:.0%} alive pass"
    )
    return int(share >= MOST_ALIVE)


if __name__ == "__main__":
    sys.exit(main())
