"""What a type of event says: when, with which data, and its JSON Schema (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
ID: Final[Schema] = {"type": "string", "pattern": "^[0-9]+$"}
AMOUNT: Final[Schema] = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
WHOLE: Final[Schema] = {"type": "integer", "minimum": 0}
NOON: Final = "2026-03-01T12:00:00Z"


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that may be missing."""
    return schema | {"type": [schema["type"], "null"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A type of event; ``fields`` are those that ``data`` always has."""

    name: str
    title: str  # of a mail about it
    when: str
    fields: Mapping[str, Schema]
    example: Mapping[str, Any]

    @property
    def data_schema(self) -> Schema:
        """Return the JSON Schema of the event's data."""
        return {
            "type": "object",
            "required": list(self.fields),
            "properties": dict(self.fields),
            "additionalProperties": True,
        }

    @property
    def schema(self) -> Schema:
        """Return the JSON Schema of a message's body."""
        return {
            "type": "object",
            "required": ["type", "timestamp", "customer", "data"],
            "properties": {
                "type": {"const": self.name},
                "timestamp": INSTANT | {"description": "When it happened."},
                "customer": or_null(TEXT) | {"description": "The customer's key."},
                "data": self.data_schema,
            },
            "additionalProperties": True,
        }

    @property
    def message(self) -> dict[str, Any]:
        """Return a message's body, as an example."""
        return {
            "type": self.name,
            "timestamp": NOON,
            "customer": "acme",
            "data": dict(self.example),
        }
