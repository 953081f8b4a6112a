"""Bearer tokens: the database holds their digests only, so that who reads it cannot use them."""

import hashlib
import secrets
from dataclasses import dataclass

from records_service.database import Database
from records_service.errors import NotAllowedError

_SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose token it is, and what it may do."""

    owner: str
    may_write: bool


def issue_token(database: Database, owner: str, *, may_write: bool = False) -> str:
    """A new token; it is not stored and cannot be shown again."""
    token = secrets.token_urlsafe(32)
    with database.transaction() as connection:
        connection.execute("INSERT INTO tokens VALUES (?, ?, ?)", (_digest(token), owner, may_write))
    return token


def identify(database: Database, authorization: str) -> Identity:
    """Who sent this ``Authorization`` header.

    Raises:
        NotAllowedError: nobody who is known.
    """
    if not authorization.lower().startswith(_SCHEME):
        raise NotAllowedError("a token is needed: Authorization: Bearer TOKEN")
    digest = _digest(authorization[len(_SCHEME) :].strip())
    row = database.connection.execute("SELECT owner, may_write FROM tokens WHERE digest = ?", (digest,)).fetchone()
    if row is None:
        raise NotAllowedError("this token is not known")
    return Identity(row[0], bool(row[1]))


def _digest(token: str) -> bytes:
    # Tokens have 256 random bits: there is nothing to guess that a slow hash would protect.
    return hashlib.sha256(token.encode()).digest()
