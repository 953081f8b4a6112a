"""Typed values as plain dicts, lists, strings and numbers: what ``to_dict()`` returns and files contain."""

import math


def plain_hook(value: object) -> object:
    """For the encoder: a type of ours that it does not know says itself what it is made of.

    Raises:
        TypeError: a foreign type.
    """
    plain = getattr(value, "__plain__", None)
    if plain is None:
        raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} has no plain form")
    return plain()


def to_plain(value: object) -> object:
    """``value`` as JSON-like builtins; NaN and infinity become None, as they do in files.

    Raises:
        TypeError: something in it has no such form.
    """
    import msgspec

    return _without_nan(msgspec.to_builtins(value, enc_hook=plain_hook, str_keys=True))


def _without_nan(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
