"""Reading the parts of a document: what cannot be kept is noted, and reading goes on (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from billing.rating.reading import Object, Reader
from ledger.errors import InvalidInputError
from ledger.metadata import canonical

LONGEST_NAME: Final = 256
_LONGEST_TEXT: Final = 1024
_LONGEST_CODE: Final = 100
_SLUG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_WHOLE: Final = frozenset({"precision", "free_events"})  # counts that stay numbers


class Form(Reader):
    """Reads names, keys, texts and JSON of a document."""

    def key(self, held: Object, name: str, field: str) -> str:
        """Return a key, which is required."""
        value, path = held.get(name), below(field, name)
        if value is None:
            self.refuse("required", path, "This field is required.")
        elif not isinstance(value, str) or not _SLUG.fullmatch(value):
            message = (
                "Use letters, digits, points, hyphens and underscores, at most 100, a letter or"
                " digit first."
            )
            self.refuse("not_a_key", path, message, value=value)
        else:
            return value
        return ""

    def name(self, held: Object, name: str, field: str) -> str:
        """Return a name that people read, which is required."""
        found = self.words(held, name, field, longest=LONGEST_NAME)
        if not found and not self._is_refused(below(field, name)):
            self.refuse("required", below(field, name), "Give it some text.")
        return found

    def title(self, held: Object, field: str) -> dict[str, Any]:
        """Return what everything in a catalogue has: key, name, description, metadata."""
        return {
            "key": self.key(held, "key", field),
            "name": self.name(held, "name", field),
            "description": self.words(held, "description", field),
            "metadata": self.json(held, "metadata", field),
        }

    def words(self, held: Object, name: str, field: str, *, longest: int = _LONGEST_TEXT) -> str:
        """Return a text that may be left out, without the spaces around it."""
        value, path = held.get(name), below(field, name)
        if value is None:
            return ""
        if not isinstance(value, str) or _UNSEEN.search(value):
            message = "Send a text without control characters."
            self.refuse("not_a_text", path, message, value=value)
        elif len(value.strip()) > longest:
            self.refuse("too_long", path, f"Send at most {longest} characters.")
        else:
            return value.strip()
        return ""

    def code(self, held: Object, name: str, field: str) -> str:
        """Return a short word, whose meaning is checked elsewhere."""
        return self.words(held, name, field, longest=_LONGEST_CODE)

    def flag(self, held: Object, name: str, field: str, *, default: bool) -> bool:
        """Return true or false."""
        value = held.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse("not_a_boolean", below(field, name), "Send true or false.", value=value)
            return default
        return value

    def rows(self, held: Object, name: str, field: str, most: int) -> list[Any]:
        """Return a list that may be empty or left out."""
        value, path = held.get(name), below(field, name)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            self.refuse("not_a_list", path, "Send a list.", value=value)
        elif len(value) > most:
            self.refuse("too_many", path, f"Send at most {most}.", count=len(value))
        else:
            return list(value)
        return []

    def json(self, held: Object, name: str, field: str) -> dict[str, Any]:
        """Return an object of the caller's own; empty if it is left out."""
        value, path = held.get(name), below(field, name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.refuse("not_an_object", path, "Send an object.", value=value)
            return {}
        found = self._kept(value, path)
        return found if isinstance(found, dict) else {}

    def terms(self, held: Object, name: str, field: str) -> Any:
        """Return part of what a price is made of, its numbers as text; None if it is left out."""
        value = held.get(name)
        return None if value is None else self._kept(exact(value), below(field, name))

    def entitlement(self, held: Object, field: str) -> Any:
        """Return what the buyer may use: a limit as text, a configuration as it was sent."""
        value = held.get("entitlement")
        if isinstance(value, Mapping) and value.get("limit") is not None:
            value = {**value, "limit": exact(value["limit"])}
        return None if value is None else self._kept(value, below(field, "entitlement"))

    def unique(self, keys: Iterable[str], field: str) -> None:
        """Refuse keys that repeat one before them."""
        seen: set[str] = set()
        for place, key in enumerate(keys):
            if key and key in seen:
                path = f"{field}[{place}].key"
                self.refuse("repeated", path, "One before it has the same key.", value=key)
            seen.add(key)

    def _kept(self, value: Any, path: str) -> Any:
        """Return JSON as the database will give it back."""
        try:
            return json.loads(canonical({"": value}))[""]
        except InvalidInputError as error:
            self.refuse("not_json", path, f"{error.remedy.capitalize()}.", value=error.value)
            return None

    def _is_refused(self, path: str) -> bool:
        return any(problem.field == path for problem in self.problems)


def below(field: str, name: str) -> str:
    """Return the path of a member."""
    return f"{field}.{name}" if field else name


def exact(value: Any) -> Any:
    """
    Return part of a price with its numbers as text, exactly as they were written.

    >>> exact({"amount": Decimal("0.10"), "free_events": 3, "tiers": [{"up_to_amount": 100}]})
    {'amount': '0.10', 'free_events': 3, 'tiers': [{'up_to_amount': '100'}]}
    """
    match value:
        case Mapping():
            return {
                name: inner if name in _WHOLE and isinstance(inner, int) else exact(inner)
                for name, inner in value.items()
            }
        case list() | tuple():
            return [exact(inner) for inner in value]
        case bool():
            return value
        case int() | Decimal():
            return _written(Decimal(value))
    return value


def _written(number: Decimal) -> str:
    is_sensible = number.is_finite() and abs(number.adjusted()) < _LONGEST_CODE
    return format(number, "f") if is_sensible else str(number)
