"""Which files both sides of a duet of a suite take from the candidate."""

from pathlib import Path

import pytest

from paceline.cli.duet_suite import Suite

FILES = (
    "conftest.py",
    "__init__.py",
    "shop/__init__.py",
    "shop/conftest.py",
    "shop/latest/__init__.py",
    "shop/latest/test_a.py",
    "shop/testsuite/__init__.py",
    "shop/testsuite/prices/__init__.py",
    "shop/testsuite/prices/test_b.py",
    "tests/__init__.py",
    "tests/perf/conftest.py",
    "tests/perf/test_c.py",
)


@pytest.mark.parametrize(
    ("word", "around"),
    [
        ("tests/perf", ["conftest.py", "tests/__init__.py"]),
        ("tests/perf/test_c.py::test_it", ["conftest.py", "tests/__init__.py", "tests/perf/conftest.py"]),
        ("shop/testsuite/prices", ["conftest.py", "shop/conftest.py", "shop/testsuite/__init__.py"]),
        ("shop/latest/test_a.py", ["conftest.py", "shop/conftest.py"]),
    ],
)
def test_what_lies_around_the_tests_is_theirs_but_no_code_under_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, around: list[str]
) -> None:
    root = tmp_path / "benchmarks"  # what the checkout lies in says nothing
    (root / ".git").mkdir(parents=True)
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    monkeypatch.chdir(root)
    taken = Suite((word, "-q")).files(root)
    assert taken[0] == Path(word.partition("::")[0])
    assert [str(path.relative_to(root)) for path in taken[1:]] == around
