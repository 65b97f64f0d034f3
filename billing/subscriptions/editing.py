"""Editing the items of one subscription: adding, removing, replacing their terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from django.db import transaction

from billing.models import Subscription
from billing.subscriptions import documents
from billing.subscriptions.changes import IMMEDIATE, Desk, Note, Timing, make, sit_down
from billing.subscriptions.history import Kind
from billing.subscriptions.offers import Document, Offer
from ledger.errors import InvalidInputError


def edit(
    *,
    subscription: Subscription,
    add: Sequence[Document] = (),
    remove: Sequence[Document] = (),
    replace: Sequence[Document] = (),
    timing: Timing = IMMEDIATE,
    **note: Unpack[Note],
) -> Subscription:
    """
    Sell other items, or on other terms, from an instant on and until the plan is changed.

    ``add`` are rate cards of the subscription's own; ``remove`` names keys; ``replace`` gives a
    key new terms. Each may name a phase, and then holds in that one only.

    Raises:
        InvalidInputError: nothing to do, unknown keys, phases or features, a key that is there
            already, terms that cannot be read, cadences that do not divide.
        SameInstantError, SubscriptionStateError, BegunError, FeatureTakenError,
        PeriodClosedError, IdempotencyConflictError: as ``make``.
    """
    with transaction.atomic():
        desk = sit_down(subscription)
        request = documents.plain(
            {"add": add, "remove": remove, "replace": replace, "timing": timing}
        )
        if desk.is_repeated(Kind.EDITED, request, note):
            return desk.subscription
        if not (add or remove or replace):
            remedy = "say what to add, remove or replace"
            raise InvalidInputError(field="edit", value=None, remedy=remedy)
        effective_at = desk.instant(timing, note["at"])
        offer = desk.timeline.stretch_at(effective_at).offer
        # What the plan sells in any phase, and what has been added before.
        known = offer.card_keys | {
            span.key for span in desk.timeline.spans if span.sale.addon is None
        }
        content = {
            "add": _added(desk, add, offer, set(desk.timeline.sales_at(effective_at))),
            "remove": _removed(remove, offer, known),
            "replace": [
                documents.a_patch(f"replace.{place}", patch, offer, known=known)
                for place, patch in enumerate(replace)
            ],
        }
        _check_once(content)
        return make(
            desk,
            kind=Kind.EDITED,
            effective_at=effective_at,
            content=content,
            request=request,
            note=note,
        )


def _added(
    desk: Desk, sent: Sequence[Document], offer: Offer, taken: set[str]
) -> list[dict[str, Any]]:
    cards = []
    for place, entry in enumerate(sent):
        field = f"add.{place}"
        card = documents.a_card(field, entry, offer, desk.catalogue, desk.subscription.book)
        if card["key"] in taken:
            remedy = "it is sold already: replace its terms, or choose another key"
            raise InvalidInputError(field=f"{field}.key", value=card["key"], remedy=remedy)
        cards.append(card)
    return cards


def _removed(sent: Sequence[Document], offer: Offer, known: set[str]) -> list[dict[str, str]]:
    found = []
    for place, entry in enumerate(sent):
        key, phase = str(entry.get("key") or ""), str(entry.get("phase") or "")
        documents.check_phase(f"remove.{place}.phase", phase, offer)
        documents.check_key(f"remove.{place}", key, known)
        found.append({"key": key, "phase": phase})
    return found


def _check_once(content: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    seen: set[str] = set()
    for name, entries in content.items():
        for place, entry in enumerate(entries):
            if entry["key"] in seen:
                remedy = "name each item once in an edit"
                field = f"{name}.{place}.key"
                raise InvalidInputError(field=field, value=entry["key"], remedy=remedy)
            seen.add(entry["key"])
