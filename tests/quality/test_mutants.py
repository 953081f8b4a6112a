from pathlib import Path

import pytest

from tests.quality import mutants
from tests.quality.mutants import Mutant, count_of, mutant_of, sample

PATH = Path("src/paceline/stats/made_up.py")


def _mutants(source: str) -> list[Mutant]:
    return [mutant_of(PATH, source, number) for number in range(count_of(source))]


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("x = a < b", {"x = a <= b", "x = a >= b"}),
        ("x = a is not None", {"x = a is None"}),
        ("x = a and b", {"x = a or b"}),
        ("x = not a", {"x = not not a"}),
        ("x = -a // b", {"x = +a // b", "x = -a * b"}),
        ("x = 5", {"x = 6", "x = 4"}),
        ("x = True", {"x = False"}),
        ("x = [y for y in z if y]", {"x = [y for y in z if not y]"}),
        ("x = a if b else c", {"x = a if not b else c"}),
        ("def f():\n    return x", {"return None"}),
        ("def f():\n    g()\n    x = y", {"pass"}),
        ("if a:\n    b = c", {"if not a:", "pass"}),
        ("while a:\n    b += c", {"while not a:", "pass", "b -= c"}),
    ],
)
def test_each_operator_makes_its_changes(source: str, changed: set[str]) -> None:
    added = {line[1:].strip() for mutant in _mutants(source) for line in mutant.diff if line.startswith("+")}
    assert added == changed


@pytest.mark.parametrize(
    "source",
    [
        '"""Text."""',
        "def f(a: 'Literal[1]') -> 'Literal[2]':\n    '''Text.'''",
        "if TYPE_CHECKING:\n    x = 5",
        "def __repr__(self):\n    return 5",
        "@dataclass(frozen=True)\nclass C:\n    x: int",
        "x = f'{y:{z}.3f}'",
        "zip(a, b, strict=True)",
        "import x",
        "def f():\n    return None",
    ],
)
def test_what_is_no_behaviour_is_left_alone(source: str) -> None:
    assert count_of(source) == 0


def test_a_mutant_says_where_it_is_and_what_it_changed() -> None:
    first = _mutants("x = 1\n\n\ny = a + b  # why\n")[-1]
    assert (first.line, first.diff) == (4, ("-y = a + b", "+y = a - b"))
    assert first.source == "x = 1\ny = a - b"


def test_an_equivalent_mutant_is_known_by_file_and_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "EQUIVALENT", {("stats/made_up.py", "y = a - b"): "b is always 0"})
    assert [mutant.equivalent for mutant in _mutants("y = a + b")] == ["b is always 0"]
    assert [mutant.equivalent for mutant in _mutants("y = a * b")] == [None]


def test_the_sample_is_that_of_its_seed() -> None:
    assert sample(5, seed=1) == sample(5, seed=1) != sample(5, seed=2)
    assert len({(mutant.path, mutant.diff, mutant.line) for mutant in sample(30, seed=3)}) == 30
