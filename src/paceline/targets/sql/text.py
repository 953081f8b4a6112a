"""What can be said of a statement by its words: whether it only reads, whether it destroys, what it is called."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import HIDDEN, redact

_LONGEST_NAME = 60
_READING = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "DESCRIBE", "DESC"})
# ``FOR UPDATE`` takes locks, ``SELECT ... INTO`` makes a table: neither only reads.
_WRITING = frozenset(
    {"INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "CALL", "DO", "CREATE", "ALTER", "DROP", "TRUNCATE", "SHARE"}
)
_DESTRUCTIVE = frozenset({"DROP", "DELETE", "TRUNCATE", "ALTER"})
_TRANSACTION = frozenset({"BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "ABORT", "END", "XA"})
_TRANSACTION_BY_TWO = frozenset({("PREPARE", "TRANSACTION"), ("SET", "AUTOCOMMIT"), ("SET", "TRANSACTION")})
# What they run cannot be looked into, or it is done outside every transaction: files, programs.
_OPAQUE = frozenset({"CALL", "DO", "EXECUTE", "COPY", "ATTACH"})
_FILES = frozenset({"OUTFILE", "DUMPFILE"})
# https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html; and a procedure may commit.
_COMMITTING = frozenset(
    {"CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "INSTALL", "UNINSTALL", "GRANT", "REVOKE", "LOCK", "UNLOCK"}
    | {"LOAD", "ANALYZE", "CACHE", "CHECK", "FLUSH", "OPTIMIZE", "REPAIR", "RESET", "CHANGE", "STOP", "CALL", "EXECUTE"}
    | {"SET", "PURGE", "SHUTDOWN", "KILL"}
)
_WORD = re.compile(r"[A-Za-z_\u0080-\uffff][\w$]*")
_DOLLAR = re.compile(r"\$(?:[A-Za-z_]\w*)?\$")
_PASSWORD = re.compile(
    r"(?i)(?P<word>\b(?:PASSWORD|IDENTIFIED(?:\s+(?:WITH|VIA)\s+\S+)?\s+(?:BY|AS|USING)(?:\s+PASSWORD)?)[\s=(]*)"
    r"(?:E?'(?:[^'\\]|''|\\.)*(?:'|$)|\"(?:[^\"\\]|\\.)*(?:\"|$))"
)
_NUMBER = re.compile(r"\d[\w.]*")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a quoted name or a sign of a statement; comments and texts are none.

    Attributes:
        text: of a word as it stands, of a quoted name without its quotes.
        quoted: whether it was quoted, and so is a name whatever it says.
        start: where it begins.
    """

    text: str
    quoted: bool
    start: int


def tokens(sql: str, *, backslashes: bool = False) -> Iterator[Token]:
    """The tokens of ``sql``.

    Args:
        sql: of one statement or several.
        backslashes: whether to read it as MySQL does: a text may hold a quote behind one, ``#`` begins a comment and
            ``--`` only before a blank.

    Raises:
        ConfigurationError: a text, a name or a comment has no end, or a comment is one on some databases only.
    """
    at = 0
    escaped = -1  # where a text would begin that has backslashes on PostgreSQL: E'...'
    while at < len(sql):
        sign = sql[at]
        if _begins_line_comment(sql, at, mysql=backslashes):
            at = _after(sql, "\n", at, len(sql))
        elif sql.startswith("/*", at):
            at = _comment_end(sql, at)
        elif sign == "'":
            at = _text_end(sql, at, backslashes=backslashes or at == escaped)
        elif sign in '"`':
            end = _text_end(sql, at, backslashes=backslashes and sign == '"')
            yield Token(sql[at + 1 : end - 1].replace(sign * 2, sign), quoted=True, start=at)
            at = end
        elif sign == "$" and not backslashes and (tag := _DOLLAR.match(sql, at)) is not None:
            at = _after(sql, tag[0], tag.end())
        elif (word := _WORD.match(sql, at) or _NUMBER.match(sql, at)) is not None:
            yield Token(word[0], quoted=False, start=at)
            at = word.end()
            escaped = at if word[0] in {"E", "e"} else -1
        else:
            if not sign.isspace():
                yield Token(sign, quoted=False, start=at)
            at += 1


def _begins_line_comment(sql: str, at: int, *, mysql: bool) -> bool:
    if not mysql:
        return sql.startswith("--", at)
    return sql[at] == "#" or (
        sql.startswith("--", at) and (at + 2 == len(sql) or not sql[at + 2].isprintable() or sql[at + 2] == " ")
    )


def _comment_end(sql: str, start: int) -> int:
    end = _after(sql, "*/", start + 2)
    if sql.startswith(("/*!", "/*M!"), start):
        raise ConfigurationError(
            f"statement: {sql[start:end]!r} is a comment on some databases and code on MySQL and MariaDB: write it out"
        )
    if "/*" in sql[start + 2 : end]:
        raise ConfigurationError(
            "statement: a comment within a comment ends in different places on different databases: take it out"
        )
    return end


def _after(sql: str, end: str, start: int, otherwise: int | None = None) -> int:
    found = sql.find(end, start)
    if found >= 0:
        return found + len(end)
    if otherwise is None:
        raise ConfigurationError(f"statement: {end!r} is missing after {name_of(sql[:start])!r}")
    return otherwise


def _text_end(sql: str, start: int, *, backslashes: bool) -> int:
    quote, at = sql[start], start + 1
    while at < len(sql):
        if backslashes and sql[at] == "\\":
            at += 2
        elif sql[at] != quote:
            at += 1
        elif sql.startswith(quote, at + 1):
            at += 2
        else:
            return at + 1
    raise ConfigurationError(f"statement: a {quote} is missing after {name_of(sql[: start + 1])!r}")


@dataclass(frozen=True)
class Kind:
    """What a statement does, as far as its words tell.

    Attributes:
        reads_only: whether it changes nothing and takes no locks.
        destroys: the word that makes it one to be asked for; empty where there is none. What cannot be looked into
            (``CALL``, ``DO``, ``COPY``) may do anything.
        defines: whether it is one of MySQL's that end their transaction by themselves.
    """

    reads_only: bool
    destroys: str = ""
    defines: bool = False


def kind_of(sql: str, *, backslashes: bool = False) -> Kind:
    """The kind of one statement.

    Raises:
        ConfigurationError: it is empty, more than one, or one that begins or ends a transaction.
    """
    found = list(tokens(sql, backslashes=backslashes))
    while found and found[-1].text == ";":
        found.pop()
    if not found:
        raise ConfigurationError("statement is empty")
    if any(token.text == ";" and not token.quoted for token in found):
        raise ConfigurationError(
            f"statement: {name_of(sql)!r} is more than one: give each its own SqlStatement in statements= "
            "(on the command line a file of them, --file)"
        )
    words = [token.text.upper() for token in found if not token.quoted]
    first = words[0] if words else ""
    if first in _TRANSACTION or any((first, word) in _TRANSACTION_BY_TWO for word in words[1:]):
        raise ConfigurationError(
            f"statement: {first} is not yours to write: transaction=True and commit=True say where one begins and ends"
        )
    harmful = [word for before, word in pairwise(["", *words]) if word in _DESTRUCTIVE | _FILES and before != "ON"]
    destroys = first if first in _OPAQUE else next(iter(harmful), "")
    return Kind(
        reads_only=first in _READING and not _WRITING & set(words),
        destroys=destroys,
        defines=first in _COMMITTING,
    )


def name_of(sql: str) -> str:
    """A statement's name where it has no other: the statement itself, in one line and without passwords."""
    line = " ".join(without_passwords(sql).split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 3]}..."


def without_passwords(sql: str) -> str:
    """``sql`` without the texts behind PASSWORD and IDENTIFIED BY, and without what else looks like a credential."""
    return redact(_PASSWORD.sub(rf"\g<word>'{HIDDEN}'", sql))


def filter_words(sql: str) -> frozenset[str]:
    """The words of ``sql`` behind its first WHERE, in lower case: among them the columns that it chooses rows by."""
    words = [token.text.lower() for token in tokens(sql)]
    return frozenset(words[words.index("where") + 1 :]) if "where" in words else frozenset()


def table_aliases(sql: str) -> dict[str, str]:
    """Tables by the names that ``sql`` calls them by, in lower case."""
    found = [token.text.lower() for token in tokens(sql)]
    aliases: dict[str, str] = {}
    for place, word in enumerate(found[:-1]):
        if word not in {"from", "join", ",", "update", "into"} or not _is_name(found[place + 1]):
            continue
        at = place + 1
        while found[at + 1 : at + 2] == ["."] and at + 2 < len(found):
            at += 2  # schema.table
        table = found[at]
        aliases.setdefault(table, table)
        if found[at + 1 : at + 2] == ["as"]:
            at += 1
        alias = found[at + 1 : at + 2]
        if alias and _is_name(alias[0]) and alias[0].upper() not in _NO_ALIAS:
            aliases[alias[0]] = table
    return aliases


_NO_ALIAS = frozenset(
    {"WHERE", "ON", "USING", "JOIN", "LEFT", "RIGHT", "INNER", "OUTER", "CROSS", "NATURAL", "FULL", "GROUP", "ORDER"}
    | {"LIMIT", "OFFSET", "UNION", "EXCEPT", "INTERSECT", "HAVING", "SET", "VALUES", "RETURNING", "WINDOW", "FOR"}
    | {"INDEXED", "NOT", "SELECT"}
)


def _is_name(word: str) -> bool:
    return bool(word) and (word[0].isalpha() or word[0] == "_" or ord(word[0]) > 127)  # noqa: PLR2004  # beyond ASCII
