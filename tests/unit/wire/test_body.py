"""One body a request, whichever way it is given; what cannot be sent is said without showing it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.wire.body import check_one_body, checked_body, json_text, plain_body

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("body", "value", "sent"),
    [
        (None, None, None),
        ("ü", None, "ü".encode()),
        ("", None, b""),
        (b"\xff", None, b"\xff"),
        (bytearray(b"ab"), None, b"ab"),
        (memoryview(b"ab"), None, b"ab"),
        (None, {"a": [1, "ü"]}, '{"a":[1,"ü"]}'.encode()),
        (None, 0, b"0"),
    ],
)
def test_bytes(body: object, value: object, sent: bytes | None) -> None:
    assert plain_body(body, value) == sent


@given(values)
def test_json_says_the_value(value: Any) -> None:
    assert json.loads(json_text(value)) == value


def test_what_was_given_may_be_changed_afterwards() -> None:
    given_body = bytearray(b"ab")
    kept = checked_body(given_body)
    given_body[0] = 0
    assert kept == b"ab"


@pytest.mark.parametrize(
    ("body", "value", "said"),
    [
        ({"SECRET": 1}, None, "body must be text or bytes, not dict; for data there is json"),
        (5, None, "not int"),
        ("SECRET\udc80", None, "body holds a lone surrogate"),
        (None, "SECRET\udc80", "json holds a lone surrogate"),
        (None, {"SECRET": object()}, "json cannot be said in JSON"),
        (None, float("nan"), "json cannot be said in JSON"),
    ],
)
def test_what_cannot_be_sent(body: object, value: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        plain_body(body, value)
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("given_ones", "said"),
    [
        ({"body": "", "json": 0}, "body and json are both"),
        ({"json": False, "form": {}}, "json and form are both"),
        ({"body": b"", "json": 0, "form": ()}, "body and json and form are both"),
    ],
)
def test_there_is_one(given_ones: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check_one_body(**given_ones)
    for name, value in given_ones.items():
        check_one_body(**{name: value})
    check_one_body()
