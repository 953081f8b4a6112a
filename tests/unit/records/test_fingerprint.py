from dataclasses import replace

import pytest

from paceline.records.fingerprint import Fingerprint

HERE = Fingerprint("Xeon", 2, 8, "Linux", "6.1", "x86_64", "CPython 3.11", "0.1.0")


def test_a_key_is_twelve_digits_and_the_same_in_every_process() -> None:
    assert HERE.key == "74775a7234ce"
    assert replace(HERE).key == HERE.key


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu_model": "EPYC"},
        {"cpu_count": 4},
        {"memory_gib": 16},
        {"system": "Darwin"},
        {"architecture": "arm64"},
        {"python": "CPython 3.12"},
    ],
)
def test_another_machine_or_interpreter_has_another_key(changes: dict[str, str]) -> None:
    assert replace(HERE, **changes).key != HERE.key  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{"kernel": "6.2"}, {"paceline": "9.9"}])
def test_what_changes_every_few_weeks_does_not_start_a_baseline_anew(changes: dict[str, str]) -> None:
    assert replace(HERE, **changes).key == HERE.key  # type: ignore[arg-type]
