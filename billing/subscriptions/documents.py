"""What callers write about items, checked: overrides, patches, cards of their own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from billing import cycles
from billing.models import Feature, PlanRateCard
from billing.subscriptions.loading import Catalogue, terms_of
from billing.subscriptions.offers import PATCHED, TERMS, Card, Document, Offer
from ledger import durations, inputs
from ledger.durations import Duration
from ledger.errors import InvalidInputError
from ledger.metadata import canonical
from ledger.models import Book
from ledger.money import text

_PATCH: Final = frozenset({"key", "phase", *PATCHED})
_TEXTS: Final = ("key", "phase", "name", "billing_cadence", "payment_term")
_OBJECTS: Final = (*TERMS, "entitlement", "tax_config")
_ID: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_CARD: Final = frozenset({*_PATCH, "feature"})


def plain(value: Any) -> Any:
    """
    Return what was sent as JSON keeps it: exact numbers and instants as text.

    >>> plain({"percentage": Decimal("12.50")})
    {'percentage': '12.5'}
    """
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return text(Decimal(str(value)))
    if isinstance(value, Decimal):
        return text(value)
    return value.isoformat() if isinstance(value, datetime) else value


def overrides(field: str, sent: Iterable[Document], offer: Offer) -> list[dict[str, Any]]:
    """
    Return negotiated terms, checked against the plan that they are for.

    Raises:
        InvalidInputError: an unknown item, phase or field; a cadence that does not divide.
    """
    checked = []
    for place, patch in enumerate(sent):
        at = f"{field}.{place}"
        checked.append(a_patch(at, patch, offer, known=_keys(offer, patch.get("phase") or "")))
    return checked


def a_patch(field: str, sent: Document, offer: Offer, *, known: Collection[str]) -> dict[str, Any]:
    """Return one item's new terms; errors as ``overrides``."""
    patch = _fields(field, sent, _PATCH)
    check_phase(f"{field}.phase", patch["phase"], offer)
    check_key(field, patch["key"], known)
    if not patch.keys() & set(PATCHED):
        remedy = f"say what changes: one of {', '.join(PATCHED)}"
        raise InvalidInputError(field=field, value=patch["key"], remedy=remedy)
    _check_pace(field, patch, offer.billing_cadence)
    return patch


def a_card(
    field: str, sent: Document, offer: Offer, catalogue: Catalogue, book: Book
) -> dict[str, Any]:
    """
    Return a card of a subscription's own, as its history keeps it.

    Raises:
        InvalidInputError: an unknown field, phase or feature, a malformed key, a price that is
            missing, a cadence that does not divide.
    """
    card = _fields(field, sent, _CARD)
    check_phase(f"{field}.phase", card["phase"], offer)
    if not isinstance(card.get("price"), dict):
        remedy = "send a price, like {'type': 'flat', 'amount': '10'}"
        raise InvalidInputError(field=f"{field}.price", value=card.get("price"), remedy=remedy)
    _check_pace(field, card, offer.billing_cadence)
    key = inputs.slug(f"{field}.key", str(card["key"]))
    feature = _feature(f"{field}.feature", card.get("feature"), book, catalogue)
    made = Card(
        key=key,
        name=inputs.name(f"{field}.name", str(card.get("name") or key)),
        terms=terms_of(card),
        payment_term=card.get("payment_term") or PlanRateCard.Term.IN_ARREARS.value,
        billing_cadence=card.get("billing_cadence") or "",
        feature_id=feature.pk if feature else None,
        feature_key=feature.key if feature else "",
        meter_id=feature.meter_id if feature else None,
        entitlement=card.get("entitlement"),
        tax_config=card.get("tax_config"),
    )
    return {**made.paced(str(offer.billing_cadence)).document(), "phase": card["phase"]}


def check_phase(field: str, phase: str, offer: Offer) -> None:
    """
    Check that a plan has a phase, if one is named.

    Raises:
        InvalidInputError: it has none of that key.
    """
    if phase and offer.position(phase) is None:
        known = ", ".join(own.key for own in offer.phases)
        remedy = f"name one of the phases of {offer.label}: {known}"
        raise InvalidInputError(field=field, value=phase, remedy=remedy)


def check_key(field: str, key: str, known: Collection[str]) -> None:
    """
    Check that an item is known.

    Raises:
        InvalidInputError: there is none of that key.
    """
    if key not in known:
        remedy = f"name one of the items: {', '.join(sorted(known)) or 'there are none'}"
        raise InvalidInputError(field=f"{field}.key", value=key, remedy=remedy)


def _keys(offer: Offer, phase: str) -> set[str]:
    position = offer.position(phase)
    if position is None:
        return offer.card_keys
    return {card.key for card in offer.phases[position].cards}


def _fields(field: str, sent: Document, known: frozenset[str]) -> dict[str, Any]:
    if not isinstance(sent, Mapping):
        raise InvalidInputError(field=field, value=sent, remedy="send an object with a key")
    for name in sent:
        if name not in known:
            remedy = f"use only {', '.join(sorted(known))}"
            raise InvalidInputError(field=f"{field}.{name}", value=sent[name], remedy=remedy)
    found: dict[str, Any] = plain(sent)
    try:
        canonical(found)
    except InvalidInputError as error:
        raise InvalidInputError(field=field, value=error.value, remedy=error.remedy) from error
    found["key"], found["phase"] = found.get("key") or "", found.get("phase") or ""
    _check_kinds(field, found, _TEXTS, str, "send a text")
    _check_kinds(field, found, _OBJECTS, dict, "send an object")
    return found


def _check_kinds(
    field: str, found: Document, names: Iterable[str], kind: type, remedy: str
) -> None:
    for name in names:
        value = found.get(name)
        if value and not isinstance(value, kind):
            raise InvalidInputError(field=f"{field}.{name}", value=value, remedy=remedy)


def _check_pace(field: str, found: dict[str, Any], plan: Duration) -> None:
    if cadence := found.get("billing_cadence"):
        name = f"{field}.billing_cadence"
        cycles.check_cadence(name, durations.parse(name, cadence), plan)
    elif "billing_cadence" in found:
        found["billing_cadence"] = ""
    if term := found.get("payment_term"):
        inputs.choice(f"{field}.payment_term", term, PlanRateCard.Term.values)


def _feature(field: str, named: Any, book: Book, catalogue: Catalogue) -> Feature | None:
    """Return a feature by its key, or by an object with its key or id."""
    if not named:
        return None
    reference = {"key": named} if isinstance(named, str) else named
    features = Feature.objects.filter(book=book).select_related("meter__unit")
    feature = None
    if isinstance(reference, dict):
        number = str(reference.get("id") or "")
        key = str(reference.get("key") or "")
        named_by = {"pk": int(number)} if _ID.fullmatch(number) else {"key": key}
        feature = features.filter(**named_by).first()
    if feature is None or feature.archived_at is not None:
        remedy = "name a feature of the book, that is not archived, by its key or id"
        raise InvalidInputError(field=field, value=named, remedy=remedy)
    catalogue.know_feature(feature)
    return feature
