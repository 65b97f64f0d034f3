"""
Value paths into an event's data, and numbers from what is found there (pure).

A path is JSONPath with members only: ``$.usage.tokens``, ``$["input tokens"].total``, ``$``.
It is parsed once, into a tuple of names.

Numbers are never floats: events are decoded by ``msgspec.json.Decoder(float_hook=decimal)``,
which gives Decimal for whatever has a point or an exponent. Measured with msgspec 0.22:

    1e400, 1e99999999        a Decimal as written (refused here by size)
    1e9999999999999999999999 the hook itself fails, with decimal.InvalidOperation; so
                             ``decimal`` below answers NaN, which is refused here
    -0, -0.0                 int 0, Decimal("-0.0")
    integers                 int, of any size up to some 300 digits; beyond, ValidationError
    0.111… (400 digits)      a Decimal with every digit
    NaN, Infinity, 01, +1, .5, 1., 0x10   DecodeError
    {"a": 1, "a": 2}         the last of duplicate keys: 2
    "\\ud800"                 DecodeError; bytes that are not UTF-8: UnicodeDecodeError
    [[[… thousands deep      RecursionError, which is no DecodeError
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from ledger.errors import InvalidInputError, PrecisionError
from ledger.money import SCALE, WHOLE_DIGITS, WIDE, exact, text

Path = tuple[str, ...]
MISSING: Final = object()

_STEP: Final = re.compile(
    r"""\.(?P<name>[A-Za-z_][A-Za-z0-9_]*) | \[(?P<quoted>"(?:[^"\\]|\\["\\])*")\]""", re.VERBOSE
)
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,6})?", re.ASCII)
_LONGEST_PATH: Final = 1_000
_LONGEST_NUMBER: Final = 100
_LONGEST_LABEL: Final = 1_000
_SMALL: Final = 10**18
_NOT_FINITE: Final = frozenset({"nan", "snan", "inf", "infinity"})
_NAN: Final = Decimal("NaN")


class InvalidValueError(InvalidInputError):
    """
    An event's value is not what its meter counts.

    ``reason`` is stable: missing, not_a_number, not_finite, too_large, too_fine, not_a_label.
    """

    code = "invalid_value"

    def __init__(self, *, reason: str, value: object, remedy: str, field: str = "value") -> None:
        super().__init__(field=field, value=value, remedy=remedy, reason=reason)
        self.reason = reason


def decimal(written: str) -> Decimal:
    """Return a JSON number with a point or an exponent; NaN if even Decimal cannot hold it."""
    try:
        return Decimal(written)
    except InvalidOperation:
        return _NAN


def parse(path: str) -> Path:
    r"""
    Read a value path into the names it steps through.

    Raises:
        InvalidInputError: it is not ``$`` followed by ``.name`` and ``["name"]`` steps.

    >>> parse('$.usage["input tokens"]')
    ('usage', 'input tokens')
    """
    names: list[str] = []
    place = 1
    if not path.startswith("$") or len(path) > _LONGEST_PATH:
        raise _bad_path(path)
    while place < len(path):
        step = _STEP.match(path, place)
        if step is None:
            raise _bad_path(path)
        quoted = step["quoted"]
        names.append(re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted else step["name"])
        place = step.end()
    return tuple(names)


def extract(data: object, path: Path) -> object:
    """
    Return what lies at ``path``, or MISSING; null counts as missing.

    >>> extract({"usage": {"tokens": 7}}, ("usage", "tokens"))
    7
    """
    for name in path:
        if not isinstance(data, dict):
            return MISSING
        data = data.get(name)
    return MISSING if data is None else data


def number(value: object, scale: int = SCALE) -> Decimal:
    """
    Return a value as an exact number of at most ``scale`` places.

    Integers, decimals and text that spells one are numbers; true and false are not.

    Raises:
        InvalidValueError: missing, not a number, not finite, larger than 26 digits before
            the point, or finer than ``scale``.

    >>> number("12.50", 2)
    Decimal('12.50')
    """
    if type(value) is int:  # nearly all of them, and nearly all small
        return Decimal(value) if -_SMALL < value < _SMALL else _exact(Decimal(value), scale)
    if isinstance(value, Decimal):
        return _exact(value, scale)
    if isinstance(value, str):
        return _exact(_spelled(value), scale)
    if value is MISSING or value is None:
        raise InvalidValueError(reason="missing", value=None, remedy="send a value at this path")
    raise InvalidValueError(reason="not_a_number", value=value, remedy="send a number")


def label(value: object) -> str | None:
    """
    Return a dimension's (or a unique count's) text; None if there is none.

    Text stays as it is, numbers and booleans are written plainly: 1.50, 1.5 and "1.5" are one.

    Raises:
        InvalidValueError: an object or a list, or too long to be a label.

    >>> [label(value) for value in ("gpt", 4, Decimal("1.50"), True)]
    ['gpt', '4', '1.5', 'true']
    """
    if type(value) is str and len(value) <= _LONGEST_LABEL and "\0" not in value:
        return value  # nearly all of them
    if value is MISSING or value is None:
        return None
    written = _plainly(value)
    if written is None or len(written) > _LONGEST_LABEL or "\0" in written:
        raise InvalidValueError(
            reason="not_a_label", value=value, remedy="send a short text, a number or a boolean"
        )
    return written


def _plainly(value: object) -> str | None:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal() if value.is_finite() and abs(value.adjusted()) < _LONGEST_LABEL:
            return text(value)
    return None


def _exact(amount: Decimal, scale: int) -> Decimal:
    if not amount.is_finite():
        raise InvalidValueError(reason="not_finite", value=amount, remedy="send a finite number")
    try:
        return WIDE.plus(exact(amount, scale))  # drops zeros far behind the point
    except PrecisionError:
        if amount.adjusted() >= WHOLE_DIGITS:
            remedy = f"send at most {WHOLE_DIGITS} digits before the point"
            raise InvalidValueError(reason="too_large", value=amount, remedy=remedy) from None
        remedy = f"send at most {scale} places after the point"
        raise InvalidValueError(reason="too_fine", value=amount, remedy=remedy) from None


def _spelled(value: str) -> Decimal:
    written = value.strip(" \t\r\n")
    if len(written) <= _LONGEST_NUMBER and _NUMBER.fullmatch(written):
        return Decimal(written)
    if written.lower().lstrip("+-") in _NOT_FINITE:
        return _NAN
    raise InvalidValueError(reason="not_a_number", value=value, remedy="send a number")


def _bad_path(path: str) -> InvalidInputError:
    remedy = """write $ and then members, like $.usage.tokens or $["input tokens"]"""
    return InvalidInputError(field="path", value=path, remedy=remedy)
