"""Usage events that came before the capture that names them: what has been paid for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from decimal import Decimal

from billing.metering.facts import Fact
from billing.models import EventKey, UnattributedEvent, UsageBatch, UsageEvent
from ledger.errors import InvalidInputError
from ledger.ids import asset_of, head_of, is_house
from ledger.models import Entry
from ledger.money import ZERO, add, subtract
from wallets.holds import Arrived
from wallets.holds.captures import Name


def paid_in(*, book_id: int, customer_id: int, asset_id: int) -> Arrived:
    """
    Return the function that says which events have come, and what each has cost in an asset.

    It raises InvalidInputError for usage that is not the customer's.
    """

    def arrived(names: Collection[Name]) -> Mapping[Name, Decimal]:
        events = recorded(book_id, names)
        _check_owner(events, customer_id)
        paid = paid_for(set(events.values()), asset_id)
        return {name: paid[event_id] for name, event_id in events.items()}

    return arrived


def recorded(book_id: int, names: Collection[Name]) -> dict[Name, int]:
    """Return the ids of those events that have been recorded. One query if none has."""
    by_key = {_key(book_id, name): name for name in names}
    taken = EventKey.objects.filter(pk__in=by_key).values_list("pk", "event_id")
    found = {by_key[key.hex]: event_id for key, event_id in taken}
    if not found:
        return found
    posted = set(UsageEvent.objects.filter(pk__in=found.values()).values_list("pk", flat=True))
    became = dict.fromkeys(posted, 0)
    for kept in UnattributedEvent.objects.filter(pk__in=set(found.values()) - posted):
        if kept.event_id is not None:
            became[kept.pk] = kept.event_id
    return {
        name: became[event_id] or event_id for name, event_id in found.items() if event_id in became
    }


def _check_owner(events: Mapping[Name, int], customer_id: int) -> None:
    if not events:
        return
    others = UsageEvent.objects.filter(pk__in=events.values()).exclude(customer_id=customer_id)
    strange = set(others.values_list("pk", flat=True))
    for name, event_id in sorted(events.items()):
        if event_id in strange:
            remedy = "name usage of the hold's own customer"
            raise InvalidInputError(field="events", value="/".join(name), remedy=remedy)


def _key(book_id: int, name: Name) -> str:
    source, external_id = name
    return Fact(0, source, external_id, "", "", None, {}, "", b"").key(book_id)


def paid_for(event_ids: Collection[int], asset_id: int) -> Mapping[int, Decimal]:
    """Return what customers' accounts gave for events as they came, less what they got back."""
    paid: defaultdict[int, Decimal] = defaultdict(Decimal)
    if not event_ids:
        return paid
    batches = UsageBatch.objects.filter(pk__in={head_of(event_id) for event_id in event_ids})
    posted = [number for batch in batches for number in batch.transaction_ids]
    for entry in Entry.objects.of(*posted).filter(source_id__in=event_ids) if posted else ():
        debit, credit, event_id = entry.debit_account_id, entry.credit_account_id, entry.source_id
        assert event_id is not None, "it was asked for by it"
        if asset_of(debit) == asset_id and is_house(debit) != is_house(credit):
            sign = subtract if is_house(debit) else add
            paid[event_id] = sign(paid[event_id], entry.amount)
    return defaultdict(lambda: ZERO, paid)
