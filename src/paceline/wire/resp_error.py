"""Errors that a Redis or Valkey server replies with, and what to do about them."""

from paceline.core.redaction import redact
from paceline.wire.failure import WireError

LOADING = "LOADING"
_CLUSTER = "the server is part of a cluster, which is not supported: name one that stands alone"
_PASSWORD = "check user and password in the URL, before the host: USER:PASSWORD and an at sign"  # noqa: S105  # a hint
_REMEDIES = {
    "MOVED": _CLUSTER,
    "ASK": _CLUSTER,
    "CLUSTERDOWN": _CLUSTER,
    "CROSSSLOT": _CLUSTER,
    "OOM": "its memory is at maxmemory and its policy evicts nothing: use fewer or smaller values, or raise the limit",
    "READONLY": "it is a replica: name its primary, or only read what is there (prefill=0, operation='get')",
    "NOAUTH": _PASSWORD,
    "WRONGPASS": _PASSWORD,
    "NOPERM": "its user may not do this: give it the right to GET, SET, DEL, UNLINK, DBSIZE, SCAN, EXISTS and INFO",
    LOADING: "it is still reading its data: wait until that is done",
    "MISCONF": "it cannot save its data, and takes no writes until it can: look at its log",
    "WRONGTYPE": "a key holds something else than a text: name another prefix",
    "MASTERDOWN": "it is a replica without its primary",
}
_MOST_CHARACTERS = 200


def failure_of_reply(error: Exception) -> WireError:
    """A server's error reply; its kind is the protocol's own word, such as ``OOM``."""
    text = redact(str(error))
    word = text.partition(" ")[0]
    kind = word if word.isupper() and word.isascii() and word.isalpha() else "ERR"
    if kind == "ERR" and "AUTH" in text:
        return WireError("NOAUTH", f"the server says: {text[:_MOST_CHARACTERS]}; {_PASSWORD}")
    if kind == "ERR" and "max number of clients" in text:
        text += "; raise maxclients, or use fewer connections"
    remedy = _REMEDIES.get(kind)
    # A MOVED names a slot and an address, another one each time: they would make a group of errors each.
    said = "" if remedy is _CLUSTER else f"the server says: {text[:_MOST_CHARACTERS]}"
    return WireError(kind, "; ".join(part for part in (said, remedy) if part))
