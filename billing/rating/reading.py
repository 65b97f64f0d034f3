"""Reading terms field by field: what is wrong is noted, and reading goes on (pure)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from billing.rating.price import places_of
from billing.rating.problems import Problem
from ledger.money import MAX_DIGITS, SCALE, ZERO, text

WHOLE_DIGITS: Final = 18  # before the point; a product of three and a quantity fits 76 digits
_HUNDRED: Final = Decimal(100)
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SHOWN: Final = 80  # characters of a refused value

Object = Mapping[str, Any]


class Reader:
    """Reads parts of a document and keeps the problems it finds."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, code: str, field: str, message: str, **attributes: object) -> None:
        """Note a problem."""
        shown = {name: _shown(value) for name, value in attributes.items()}
        self.problems.append(Problem(code, field, message, shown))

    def fields(self, value: Any, field: str, known: frozenset[str]) -> Object | None:
        """Return an object whose fields are all known, as far as it is one."""
        if not isinstance(value, Mapping):
            self.refuse("not_an_object", field, "Send an object.", value=value)
            return None
        for name in value:
            if name not in known:
                message = f"This field is not known here; known are {', '.join(sorted(known))}."
                self.refuse("unknown_field", _below(field, name), message)
        return value

    def items(self, held: Object, name: str, field: str, most: int) -> Sequence[Any] | None:
        """Return a list that is required and not empty."""
        value, path = held.get(name), _below(field, name)
        if value is None:
            self.refuse("required", path, "This field is required.")
        elif not isinstance(value, list | tuple):
            self.refuse("not_a_list", path, "Send a list.", value=value)
        elif not value:
            self.refuse("empty", path, "At least one is required.")
        elif len(value) > most:
            self.refuse("too_many", path, f"Send at most {most}.", count=len(value))
        else:
            return value
        return None

    def text(self, held: Object, name: str, field: str, longest: int) -> str:
        """Return a text that may be left out."""
        value, path = held.get(name), _below(field, name)
        if value is None:
            return ""
        if not isinstance(value, str) or not value.isprintable():
            self.refuse("not_a_text", path, "Send a text that can be printed.", value=value)
        elif len(value) > longest:
            self.refuse("too_long", path, f"Send at most {longest} characters.")
        else:
            return value
        return ""

    def choice(
        self, held: Object, name: str, field: str, choices: Sequence[str], default: str = ""
    ) -> str | None:
        """Return one of the choices; without a default it is required."""
        value, path = held.get(name), _below(field, name)
        if value is None and default:
            return default
        if value is None:
            self.refuse("required", path, f"This field is required: {' or '.join(choices)}.")
        elif not isinstance(value, str) or value not in choices:
            message = f"Choose one of {', '.join(choices)}."
            self.refuse("unknown_choice", path, message, value=value)
        else:
            return value
        return None

    def integer(self, held: Object, name: str, field: str, most: int) -> int:
        """Return a whole number from zero on; zero if it is left out or wrong."""
        value, path = held.get(name), _below(field, name)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse("not_an_integer", path, "Send a whole number.", value=value)
        elif not 0 <= value <= most:
            self.refuse("out_of_range", path, f"Send a number from 0 to {most}.", value=value)
        else:
            return value
        return 0

    def number(self, held: Object, name: str, field: str) -> Decimal | None:
        """Return a number not below zero that is required; None if it is wrong."""
        if held.get(name) is None:
            self.refuse("required", _below(field, name), "This field is required.")
            return None
        return self.optional(held, name, field)

    def positive(self, held: Object, name: str, field: str) -> Decimal | None:
        """Return a number above zero that is required; None if it is wrong."""
        found = self.number(held, name, field)
        if found is None or found > ZERO:
            return found
        path = _below(field, name)
        self.refuse("not_positive", path, "Send a number above zero.", value=held[name])
        return None

    def optional(self, held: Object, name: str, field: str) -> Decimal | None:
        """Return a number not below zero; None if it is left out or wrong."""
        value = held.get(name)
        return None if value is None else self._number(value, _below(field, name))

    def quantity(self, held: Object, name: str, field: str) -> Decimal | None:
        """Return a number of any sign, as text or a JSON number; None if left out or wrong."""
        value, path = held.get(name), _below(field, name)
        if value is None:
            return None
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = _written(value)
        return self._number(value, path, whole_digits=MAX_DIGITS - SCALE, may_be_negative=True)

    def percentage(
        self, held: Object, name: str, field: str, *, is_required: bool = False
    ) -> Decimal | None:
        """Return a share of one from 0 to 100 per cent; a JSON number will do, as Konnect says."""
        value, path = held.get(name), _below(field, name)
        if value is None:
            if is_required:
                self.refuse("required", path, "This field is required.")
            return None
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            value = _written(value)
        found = self._number(value, path)
        if found is not None and found > _HUNDRED:
            self.refuse("over_100", path, "Send a percentage from 0 to 100.", value=value)
            return None
        return None if found is None else found.scaleb(-2)

    def _number(
        self,
        value: object,
        path: str,
        *,
        whole_digits: int = WHOLE_DIGITS,
        may_be_negative: bool = False,
    ) -> Decimal | None:
        if not isinstance(value, str) or len(value) > _SHOWN or not _NUMBER.fullmatch(value):
            message = 'Send a decimal number as text, like "0.25"; no exponent, no NaN.'
            self.refuse("not_a_number", path, message, value=value)
            return None
        number = Decimal(value)
        if number.adjusted() >= whole_digits:
            message = f"Send at most {whole_digits} digits before the point."
            self.refuse("too_large", path, message, value=value)
        elif places_of(number) > SCALE:
            message = f"Send at most {SCALE} digits after the point."
            self.refuse("too_many_places", path, message, value=value, places_kept=SCALE)
        elif number < ZERO and not may_be_negative:
            self.refuse("negative", path, "Send zero or more.", value=value)
        else:
            return number or ZERO
        return None


def places(numbers: Iterable[Decimal]) -> int:
    """
    Return the most places that any of these numbers needs.

    >>> places([Decimal("0.5"), Decimal("1.250"), Decimal(1)])
    2
    """
    return max(map(places_of, numbers), default=0)


def _below(field: str, name: object) -> str:
    shown = str(name)[:_SHOWN]
    return f"{field}.{shown}" if field else shown


def _written(number: int | float | Decimal) -> str:
    # A float's shortest text is what was written; it takes no part in arithmetic.
    number = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    return text(number) if number.is_finite() and abs(number.adjusted()) < _SHOWN else str(number)


def _shown(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 2**53 else str(Decimal(value))[:_SHOWN]
    if isinstance(value, Mapping | list | tuple):
        return "an object" if isinstance(value, Mapping) else "a list"
    written = str(value)
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"
