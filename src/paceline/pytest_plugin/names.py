"""What a test's figures are called: its node id, unique in the suite and the same in every session."""

import re
from typing import Any

import pytest

from paceline.core.findings import Finding
from paceline.core.redaction import redact

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{5,}\b")
# Values that pytest names by what they are; all others by argument and position.
_TELLING = (str, bytes, int, float, complex, bool, type(None), re.Pattern)


def name_of(item: pytest.Item) -> tuple[str, tuple[Finding, ...]]:
    """The name of what ``item`` measures, and what is to be said about it.

    An id with an address in memory is another one in every session, and one that looks like a credential is hidden in
    every file: there the positions of the parameters take its place.
    """
    spec = getattr(item, "callspec", None)
    if spec is None:
        return item.nodeid, ()
    params: dict[str, Any] = spec.params
    indices: dict[str, int] = spec.indices
    if _ADDRESS.search(spec.id) or redact(item.nodeid) != item.nodeid:
        positions = "-".join(f"{argument}{index}" for argument, index in indices.items())
        return f"{item.nodeid.removesuffix(f'[{spec.id}]')}[{positions}]", (_numbered(tuple(indices)),)
    unnamed = tuple(argument for argument, index in indices.items() if _is_numbered(argument, index, params, spec.id))
    return item.nodeid, (_numbered(unnamed),) if unnamed else ()


def _is_numbered(argument: str, index: int, params: dict[str, Any], test_id: str) -> bool:
    value = params.get(argument)
    if isinstance(value, _TELLING) or isinstance(getattr(value, "__name__", None), str):
        return False
    return f"{argument}{index}" in test_id.split("-")


def _numbered(arguments: tuple[str, ...]) -> Finding:
    told = ", ".join(map(repr, arguments))
    return Finding(
        code="numbered-parameters",
        seen=f"The values of {told} have no ids of their own: the test is told apart by their positions.",
        why="When values are added or sorted anew, it is held against the baseline of another one.",
        advice="Give them ids: pytest.param(value, id='name'), or ids= in parametrize.",
    )
