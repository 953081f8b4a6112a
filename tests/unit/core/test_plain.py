import math
from dataclasses import dataclass
from enum import Enum

import pytest

from paceline.core.plain import to_plain


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    x: float
    label: Colour = Colour.RED


class Opaque:
    """Nothing knows what it is made of."""


class Telling:
    def __plain__(self) -> dict[str, object]:
        return {"points": (Point(math.nan),)}


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (1.5, 1.5),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        ("nan", "nan"),
        (0, 0),
        (True, True),
        (None, None),
        (Point(2.0), {"x": 2.0, "label": "red"}),
        ({"a": (1.0, math.nan, [math.inf])}, {"a": [1.0, None, [None]]}),
        ({1: "one"}, {"1": "one"}),
        (Telling(), {"points": [{"x": None, "label": "red"}]}),
    ],
)
def test_values_become_builtins_without_nan(value: object, plain: object) -> None:
    assert to_plain(value) == plain


def test_a_foreign_type_is_named() -> None:
    with pytest.raises(TypeError, match=r"test_plain\.Opaque has no plain form"):
        to_plain({"inside": [Opaque()]})
