import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.redaction import HIDDEN, redact, redact_tree


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://app:hunter2@db:5432/shop", "postgresql://***@db:5432/shop"),
        ("redis://:hunter2@cache/0 refused", "redis://***@cache/0 refused"),
        ("http://a:b@c@d/x and http://e:f@g", "http://***@d/x and http://***@g"),
        ("Authorization: Bearer eyJhbGciOi.J9", "Authorization: ***"),
        ("Authorization: Token 0123456789", "Authorization: ***"),
        ("sent with bearer eyJhbGciOiJ9 today", "sent with bearer *** today"),
        ("Proxy-Authorization: Basic dTpw\nHost: x", "Proxy-Authorization: ***\nHost: x"),
        ("Cookie: theme=dark; session=s3cr3t", "Cookie: ***"),
        ("Set-Cookie: session=s3cr3t; Path=/", "Set-Cookie: ***"),
        ("https://h/?api_key=abc&page=2", "https://h/?api_key=***&page=2"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=*** psql"),
        ("DB_PASSWORD_FILE: /run/x", "DB_PASSWORD_FILE: ***"),
        ("{'password': 'hun ter2', 'user': 'app'}", "{'password': ***, 'user': 'app'}"),
        ('{"token": "a\\"b c", "n": 1}', '{"token": ***, "n": 1}'),
        ("{b'secret': b'hunter2'}", "{b'secret': ***}"),
        ("(password='it\\'s me', x=1)", "(password=***, x=1)"),
        ("{'Authorization': 'Token abc def', 'Accept': '*'}", "{'Authorization': ***, 'Accept': '*'}"),
        ("private-key = xyz; rest", "private-key = ***; rest"),
        ("AccountKey=xyz; passphrase: xyz; ?signature=xyz", "AccountKey=***; passphrase: ***; ?signature=***"),
        ("refused eyJhbGciOiJ9.eyJzdWIi.c2ln, sorry", "refused ***, sorry"),
        ("as AKIAIOSFODNN7EXAMPLE now", "as *** now"),
        ("tool --db-password hunter2 --verbose", "tool --db-password *** --verbose"),
        ("tool --token --verbose", "tool --token --verbose"),
    ],
)
def test_credentials_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "connection to db:5432 refused after 3 tries",
        "http://host:8080/users/@me",
        "GET https://host/path?page=2 returned 503",
        "the token has expired",
        "mail to someone@example.org",
        "basic usage",
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


_WORD = st.text(string.ascii_letters + string.digits, min_size=8, max_size=16).map(lambda word: f"Zq{word}")


@given(secret=_WORD, before=st.text(max_size=20), after=st.text(max_size=20))
def test_whatever_stands_around_it_a_password_in_a_url_does_not_survive(secret: str, before: str, after: str) -> None:
    assert secret not in redact(f"{before} db://user:{secret}@host {after}")


@given(secret=_WORD, name=st.sampled_from(["password", "api_key", "X-Auth-Token", "clientSecret", "cookie"]))
def test_redaction_is_idempotent(secret: str, name: str) -> None:
    once = redact(f"{name}={secret} http://u:{secret}@h {name}: {secret}")
    assert secret not in once
    assert redact(once) == once


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a-",
        "token",
        "://",
        "://a@",
        "password=",
        "basic ",
        "cookie",
        "secret'",
        "x='",
        "password ",
        "@",
        "-",
        "eyJaaaaa-",
        "eyJaaaaa.",
        "--password",
        "--token ",
    ],
)
def test_a_megabyte_of_foreign_text_passes_through(piece: str) -> None:
    # What is slow here is quadratic, and would not end: no clock is needed to notice.
    text = piece * (300_000 // len(piece))
    assert len(redact(text)) <= len(text) + len(HIDDEN) * text.count("=") + 3 * text.count("@")


def test_a_tree_loses_the_values_of_secret_keys_and_nothing_else() -> None:
    tree = {
        "url": "http://u:p@h/",
        "password": "hunter2",
        "X-Api-Key": b"raw",
        "credentials": {"user": "app", "pass": "x"},
        "max_token": 512,
        "secret": None,
        "token": True,
        "ratio_token": 0.5,
        "password_age": "3 days",
        "list": ["http://u:p@h/", ("plain", 1.5)],
        7: "seven",
    }
    assert redact_tree(tree) == {
        "url": "http://***@h/",
        "password": HIDDEN,
        "X-Api-Key": HIDDEN,
        "credentials": HIDDEN,
        "max_token": 512,
        "secret": None,
        "token": True,
        "ratio_token": 0.5,
        "password_age": "3 days",
        "list": ["http://***@h/", ["plain", 1.5]],
        7: "seven",
    }
