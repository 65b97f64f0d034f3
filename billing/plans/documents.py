"""
Plans and add-ons as JSON documents (pure).

A document is read into its full form: every field there, defaults filled in, numbers of prices
as text. What cannot be kept in that form is refused here, all of it at once; whether what can be
kept may also be sold is for ``validation`` to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from billing.plans.errors import InvalidDraftError
from billing.plans.reading import Form
from billing.rating.problems import Problem
from billing.rating.reading import Object

TERMS: Final = ("price", "unit_config", "discounts", "commitments")
SETTLEMENTS: Final = ("credit_then_invoice", "credit_only")
PAYMENT_TERMS: Final = ("in_advance", "in_arrears")
INSTANCES: Final = ("single", "multiple")
MOST_PHASES: Final = 50
MOST_CARDS: Final = 500

_TITLE: Final = frozenset({"key", "name", "description", "metadata"})
_PLAN: Final = _TITLE | {
    "currency",
    "billing_cadence",
    "pro_rating_enabled",
    "settlement_mode",
    "phases",
}
_ADDON: Final = _TITLE | {"currency", "instance_type", "rate_cards"}
_PHASE: Final = _TITLE | {"duration", "rate_cards"}
_CARD: Final = (
    _TITLE
    | {"feature", "billing_cadence", "payment_term", "entitlement", "tax_config"}
    | frozenset(TERMS)
)
_REFERENCE: Final = frozenset({"id", "key"})
_ID: Final = re.compile(r"[0-9]{1,18}")

Document = dict[str, Any]


def read_plan(document: object) -> Document:
    """
    Return a plan's document in its full form.

    Raises:
        InvalidDraftError: with all that cannot be kept: fields not known, missing or of the
            wrong kind, keys that repeat.
    """
    form = Form()
    held = form.fields(document, "", _PLAN)
    found = {} if held is None else _plan(form, held)
    refuse(form.problems)
    return found


def read_addon(document: object) -> Document:
    """Return an add-on's document in its full form; errors as ``read_plan``."""
    form = Form()
    held = form.fields(document, "", _ADDON)
    found = {} if held is None else _addon(form, held)
    refuse(form.problems)
    return found


def refuse(problems: list[Problem]) -> None:
    """
    Refuse a document that has problems.

    Raises:
        InvalidDraftError: there is one.
    """
    if problems:
        raise InvalidDraftError(problems=problems)


def _plan(form: Form, held: Object) -> Document:
    found = form.title(held, "") | {
        "currency": _currency(form, held),
        "billing_cadence": _cadence(form, held, "billing_cadence", ""),
        "pro_rating_enabled": form.flag(held, "pro_rating_enabled", "", default=True),
        "settlement_mode": form.choice(held, "settlement_mode", "", SETTLEMENTS, SETTLEMENTS[0]),
    }
    if not found["billing_cadence"]:
        form.refuse("required", "billing_cadence", "Send an ISO 8601 duration, like P1M.")
    rows = enumerate(form.rows(held, "phases", "", MOST_PHASES))
    found["phases"] = [_phase(form, row, f"phases[{place}]") for place, row in rows]
    form.unique([phase.get("key", "") for phase in found["phases"]], "phases")
    return found


def _addon(form: Form, held: Object) -> Document:
    return form.title(held, "") | {
        "currency": _currency(form, held),
        "instance_type": form.choice(held, "instance_type", "", INSTANCES),
        "rate_cards": _cards(form, held, ""),
    }


def _phase(form: Form, row: object, field: str) -> Document:
    held = form.fields(row, field, _PHASE)
    if held is None:
        return {}
    return form.title(held, field) | {
        "duration": _cadence(form, held, "duration", field),
        "rate_cards": _cards(form, held, field),
    }


def _cards(form: Form, held: Object, field: str) -> list[Document]:
    path = f"{field}.rate_cards" if field else "rate_cards"
    rows = enumerate(form.rows(held, "rate_cards", field, MOST_CARDS))
    cards = [_card(form, row, f"{path}[{place}]") for place, row in rows]
    form.unique([card.get("key", "") for card in cards], path)
    return cards


def _card(form: Form, row: object, field: str) -> Document:
    held = form.fields(row, field, _CARD)
    if held is None:
        return {}
    found = form.title(held, field) | {
        "feature": _reference(form, held.get("feature"), f"{field}.feature"),
        "billing_cadence": _cadence(form, held, "billing_cadence", field),
        "payment_term": form.choice(held, "payment_term", field, PAYMENT_TERMS, PAYMENT_TERMS[1]),
    }
    found |= {name: form.terms(held, name, field) for name in TERMS}
    found["price"] = found["price"] if found["price"] is not None else {}
    return found | {
        "entitlement": form.entitlement(held, field),
        "tax_config": _tax_config(form, held, field),
    }


def _tax_config(form: Form, held: Object, field: str) -> Document | None:
    path = f"{field}.tax_config"
    if held.get("tax_config") is None:
        return None
    config = form.fields(held["tax_config"], path, frozenset({"behavior", "code"}))
    if config is None:
        return None
    code = _reference(form, config.get("code"), f"{path}.code")
    if code is None and config.get("code") is None:
        form.refuse("required", f"{path}.code", "This field is required.")
    found: Document = {"code": code}
    if config.get("behavior") is not None:
        found["behavior"] = form.choice(config, "behavior", path, ["inclusive", "exclusive"])
    return found


def _reference(form: Form, value: object, field: str) -> Document | None:
    """Return what names something by id or key; a text is a key."""
    if value is None:
        return None
    value = {"key": value} if isinstance(value, str) and value else value
    held = form.fields(value, field, _REFERENCE)
    if held is None:
        return None
    found = {name: form.code(held, name, field) for name in ("id", "key") if held.get(name)}
    if not found:
        form.refuse("required", field, "Name it by its id or its key.")
    elif not _ID.fullmatch(found.get("id", "0")):
        form.refuse("not_an_id", f"{field}.id", "An id is all digits.", value=found["id"])
    return found


def _currency(form: Form, held: Object) -> str:
    found = form.code(held, "currency", "")
    if not found and held.get("currency") in (None, ""):
        form.refuse("required", "currency", "Send the code of a currency or credit.")
    return found


def _cadence(form: Form, held: Object, name: str, field: str) -> str:
    """Return a duration as it was written; ``validation`` reads it."""
    return form.words(held, name, field, longest=40)


_DEFAULTS: Final[Mapping[str, object]] = {
    "description": "",
    "metadata": {},
    "pro_rating_enabled": True,
    "settlement_mode": SETTLEMENTS[0],
    "payment_term": PAYMENT_TERMS[1],
    "billing_cadence": "",
    "duration": "",
    "feature": None,
    "unit_config": None,
    "discounts": None,
    "commitments": None,
    "entitlement": None,
    "tax_config": None,
}


def compact(document: Mapping[str, Any]) -> Document:
    """
    Return a document without what reading it would fill in.

    >>> compact({"key": "pro", "metadata": {}, "phases": [{"key": "main", "duration": ""}]})
    {'key': 'pro', 'phases': [{'key': 'main'}]}
    """
    found: Document = {}
    for name, value in document.items():
        if name in _DEFAULTS and value == _DEFAULTS[name]:
            continue
        is_parts = name in {"phases", "rate_cards"}
        found[name] = [compact(part) for part in value] if is_parts else value
    return found
