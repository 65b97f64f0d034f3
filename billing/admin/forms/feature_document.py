"""A feature's filters and unit cost as a form's values, and back (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

Row = Mapping[str, str]
ABSENT: Final = "absent"
_LISTED: Final = frozenset({"in", "nin"})
OPERATORS: Final = (
    ("eq", "is"),
    ("neq", "is not"),
    ("in", "is one of"),
    ("nin", "is none of"),
    ("contains", "contains"),
    ("ncontains", "does not contain"),
    ("exists", "is there"),
    (ABSENT, "is not there"),
)
LOOKED_UP: Final = ("provider", "model", "token_type")
_SAID: Final = dict(OPERATORS)


def filters(rows: Iterable[Row]) -> dict[str, Any]:
    """
    Return filters as a document.

    >>> filters([{"dimension": "model", "operator": "in", "value": "a, b"},
    ...          {"dimension": "region", "operator": "absent", "value": ""}])
    {'model': {'in': ['a', 'b']}, 'region': {'exists': False}}
    """
    return {row["dimension"]: _condition(row) for row in rows}


def _condition(row: Row) -> dict[str, Any]:
    operator, value = row.get("operator") or "eq", row.get("value") or ""
    if operator in ("exists", ABSENT):
        return {"exists": operator == "exists"}
    if operator in _LISTED:
        return {operator: [one.strip() for one in value.split(",") if one.strip()]}
    return {operator: value}


def in_words(document: Mapping[str, Any]) -> list[str]:
    """
    Say what filters let through.

    >>> in_words({"model": {"in": ["a", "b"]}, "region": {"or": [{"eq": "eu"}, {"exists": False}]}})
    ['model is one of a, b', 'region is eu or is not there']
    """
    return [f"{name} {_said(condition)}" for name, condition in document.items()]


def _said(condition: Mapping[str, Any]) -> str:
    [(operator, value)] = condition.items()
    if operator in ("and", "or"):
        return f" {operator} ".join(_said(inner) for inner in value)
    if operator == "exists":
        return _SAID["exists"] if value else _SAID[ABSENT]
    return f"{_SAID[operator]} {', '.join(value) if operator in _LISTED else value}"


def unit_cost(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a unit costs us; None if nothing was chosen."""
    match values.get("cost_type"):
        case "manual":
            amount = values.get("cost_amount")
            return {"type": "manual", **({"amount": amount} if amount else {})}
        case "llm":
            names = [name for own in LOOKED_UP for name in (own, f"{own}_property")]
            return {
                "type": "llm",
                **{name: values[name] for name in names if values.get(name)},
            }
    return None


def cost_values(document: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what a form shows for a unit cost."""
    held = dict(document or {})
    shown = {"cost_type": held.pop("type", ""), "cost_amount": held.pop("amount", "")}
    return shown | held


def cost_in_words(document: Mapping[str, Any] | None) -> str:
    """Say what a unit costs us."""
    if document is None:
        return ""
    if document["type"] == "manual":
        return f"{document['amount']} per unit"
    looked_up = (
        f"{own.replace('_', ' ')} {document.get(own) or 'by ' + document[f'{own}_property']}"
        for own in LOOKED_UP
    )
    return f"price book: {', '.join(looked_up)}"
