"""
Metadata written exactly as PostgreSQL prints the jsonb it becomes (pure).

jsonb keeps keys by length, then by bytes; it prints ``{"a": 1, "bb": [true, null]}`` with a
space after each colon and comma, numbers in plain notation, text unescaped but for quotes,
backslashes and control characters. Digests rely on both sides writing the same, so what
is written into the column is this text, or what ``json.dumps`` makes of the same values.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from ledger.errors import InvalidInputError

_MAX_DEPTH: Final = 16
_MAX_EXPONENT: Final = 1000


def canonical(metadata: Mapping[str, object] | None) -> str:
    """
    Return the text of ``metadata::jsonb``; nothing is an empty object.

    Raises:
        InvalidInputError: something JSON in PostgreSQL cannot hold (NaN, a null
            character, a lone surrogate, an object of ours), or nested too deep.

    >>> canonical({"team": "ml", "id": 7, "tags": ["a", None]})
    '{"id": 7, "tags": ["a", null], "team": "ml"}'
    """
    return _written(metadata, 0) if metadata else "{}"


def _written(value: object, depth: int) -> str:
    if depth > _MAX_DEPTH:
        raise _refused(value, "nest metadata less deeply")
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            return _quoted(value)
        case int() | float() | Decimal():
            return _number(value)
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise _refused(value, "use text for keys")
            keys = sorted(value, key=lambda key: (len(_bytes(key)), _bytes(key)))
            members = (f"{_quoted(key)}: {_written(value[key], depth + 1)}" for key in keys)
            return "{" + ", ".join(members) + "}"
        case list() | tuple():
            return "[" + ", ".join(_written(item, depth + 1) for item in value) + "]"
    raise _refused(value, "use text, numbers, true, false, null, lists and objects")


def _quoted(value: str) -> str:
    if "\0" in value:
        raise _refused(value, "leave out null characters")
    _bytes(value)
    return json.dumps(value, ensure_ascii=False)


def _bytes(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise _refused(value, "use valid Unicode text") from None


def _number(value: int | float | Decimal) -> str:
    # A float reaches the database by its shortest decimal form, so that form is what counts.
    amount = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not amount.is_finite() or abs(amount.adjusted()) > _MAX_EXPONENT:
        raise _refused(value, "use finite numbers of a sensible size")
    return format(amount or amount.copy_abs(), "f")


def _refused(value: object, remedy: str) -> InvalidInputError:
    return InvalidInputError(field="metadata", value=value, remedy=remedy)
