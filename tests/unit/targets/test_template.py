import json
import pickle
import re
from itertools import pairwise
from random import Random
from urllib.parse import parse_qsl, unquote, urlencode
from uuid import RFC_4122, UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.targets.template import (
    BUILT_IN,
    Slot,
    Template,
    as_is,
    compile_target,
    compile_template,
    for_form,
    for_header,
    for_json,
    for_url,
    has_placeholder,
    joined,
    uuid4_text,
)
from paceline.wire.request import encode_request

KNOWN = (*BUILT_IN, "name", "first name")
texts = st.text(st.characters(exclude_categories=["Cs"]))


def test_what_is_filled_in_and_what_is_not() -> None:
    template = compile_template("a{{n}}b{{ first name }}{{uuid}}c", as_is, KNOWN)
    assert template.names == {"n", "first name", "uuid"}
    assert template.render({"n": "7", "first name": "Ann", "uuid": "U"}) == b"a7bAnnUc"


@pytest.mark.parametrize(
    "text", ["", "plain", "{n}", "{{}}", "{{n}", "{n}}", "{{n", '{{"n"}}', "{{a\\b}}", "{{\n}}", "ü"]
)
def test_other_braces_stand_for_themselves(text: str) -> None:
    template = compile_template(text, as_is, KNOWN)
    assert template.slots == ()
    assert template.render({}) == text.encode()
    assert not has_placeholder(text)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"\{\{nmae\}\} names nothing .*\{\{n\}\}, \{\{uuid\}\}, \{\{name\}\}"):
        compile_template("{{nmae}}", as_is, KNOWN)
    with pytest.raises(ConfigurationError, match="known are"):
        compile_template("{{ }}", as_is, KNOWN)


def test_a_lone_surrogate_is_refused() -> None:
    for literal in (as_is, for_url):
        with pytest.raises(ConfigurationError, match="lone surrogate"):
            compile_template("a\ud800", as_is, literal=literal)


@given(texts, texts)
def test_a_json_string_stays_one_whatever_is_filled_in(value: str, around: str) -> None:
    text = json.dumps({"a": [around, "<{{name}}>"], around: 1}, ensure_ascii=False)
    if has_placeholder(around):
        return
    data = compile_template(text, for_json, KNOWN).render({"name": value})
    assert json.loads(data) == {"a": [around, f"<{value}>"], around: 1}


@given(texts, texts, texts)
@example("a/../b", "c&d=e#f", "?#{{%")
def test_a_url_keeps_its_parts_whatever_is_filled_in(one: str, other: str, written: str) -> None:
    template = compile_target("/a/{{name}}/b?x={{first name}}&y=1", KNOWN)
    target = template.render({"name": one, "first name": other}).decode()
    path, _, query = target.partition("?")
    assert [unquote(part) for part in path.split("/")] == ["", "a", one, "b"]
    assert parse_qsl(query, keep_blank_values=True, strict_parsing=True) == [("x", other), ("y", "1")]
    assert encode_request("GET", target, "h")
    if not has_placeholder(written):
        assert encode_request("GET", compile_target("/" + written, KNOWN).render({}).decode(), "h")


@given(texts)
def test_a_form_value_stays_one_whatever_is_filled_in(value: str) -> None:
    data = compile_template("a={{name}}&b=1", for_form, KNOWN).render({"name": value}).decode()
    assert parse_qsl(data, keep_blank_values=True, strict_parsing=True) == [("a", value), ("b", "1")]
    assert data == urlencode({"a": value, "b": "1"})


@given(st.text())
def test_a_header_never_holds_more_than_a_line(value: str) -> None:
    template = compile_template("<{{name}}>", for_header, KNOWN)
    try:
        data = template.render({"name": value})
    except ConfigurationError:
        assert re.search(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]", value)
        return
    assert data == f"<{value}>".encode()
    assert not re.search(rb"[\r\n\0]", data)


@given(st.lists(st.sampled_from(["{{n}}", "{{name}}", "a", "{", "}", " ", "{{"]), max_size=8))
def test_joining_is_writing_one_after_the_other(parts: list[str]) -> None:
    values = {"n": "1", "name": "Ann"}
    try:
        templates = [compile_template(part, as_is, KNOWN) for part in parts]
    except ConfigurationError:
        return
    whole = joined(templates)
    assert whole.render(values) == b"".join(template.render(values) for template in templates)
    kinds = [isinstance(piece, bytes) for piece in whole.pieces]
    assert not any(one and other for one, other in pairwise(kinds))


def test_a_template_is_picklable_and_shows_no_literal() -> None:
    template = compile_template("Bearer SECRET {{n}}", for_header, KNOWN)
    assert pickle.loads(pickle.dumps(template)) == template
    assert repr(template) == "Template(2 pieces, n to fill in)"
    assert joined([]) == Template(())
    assert joined([b"a", b"", b"b", Template((Slot("n", as_is),))]).pieces == (b"ab", Slot("n", as_is))


@given(st.integers())
def test_uuids_are_random_ones_and_repeatable(seed: int) -> None:
    text = uuid4_text(Random(seed))
    uuid = UUID(text)
    assert str(uuid) == text
    assert (uuid.version, uuid.variant) == (4, RFC_4122)
    assert text == uuid4_text(Random(seed))
    assert text == str(UUID(int=Random(seed).getrandbits(128), version=4))
    # What the fast way writes without escaping is the same escaped, everywhere.
    for escape in (as_is, for_url, for_form, for_json, for_header):
        assert escape(text) == text
        assert escape("0123456789") == "0123456789"
