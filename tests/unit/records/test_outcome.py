from typing import Any

import pytest

from paceline.core.errors import ConfigurationError
from paceline.records.outcome import AttemptEnd, Outcome


def test_ends_are_numbered_as_files_and_folds_rely_on() -> None:
    assert [(end.name, end.value) for end in AttemptEnd] == [
        ("OK", 0),
        ("HIT", 1),
        ("MISS", 2),
        ("ERROR", 3),
        ("TIMEOUT", 4),
    ]


def test_hits_and_misses_cost_no_new_object() -> None:
    assert Outcome.hit() is Outcome.hit()
    assert Outcome.hit() == Outcome(AttemptEnd.HIT)
    assert Outcome.miss() is Outcome.miss()
    assert Outcome.miss() == Outcome(AttemptEnd.MISS)
    assert Outcome.hit().kind == ""


def test_an_error_has_a_kind() -> None:
    assert Outcome.error("503") == Outcome(AttemptEnd.ERROR, "503")


@pytest.mark.parametrize("kind", ["", None, 503, b"503"])
def test_an_error_without_a_name_is_refused(kind: Any) -> None:
    with pytest.raises(ConfigurationError, match="needs a non-empty text that names the error, not"):
        Outcome.error(kind)
