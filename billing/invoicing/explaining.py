"""
A line explains itself: price, tiers, credit, the charges and the usage behind it.

What a line is for lies between two snapshots of the database: what a transaction wrote that the
later one sees and the earlier one does not. So nothing is copied or marked, and a page of a
million events is found by the index of their customer and time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from django.db.models import QuerySet

from billing.invoicing.facts import Billed
from billing.models import (
    Accrual,
    Billable,
    ChargeChange,
    Invoice,
    InvoiceLine,
    LateUsage,
    Rate,
    UsageBatch,
    UsageEvent,
)
from ledger.ids import head_of
from ledger.models import Entry
from wallets.models import CreditGrant

MOST_COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """Credit that paid for part of a line."""

    grant_id: int | None
    grant: str
    wallet: str
    funding: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A line of a document about the same source."""

    line_id: int
    invoice_id: int
    number: str
    kind: str
    quantity: Decimal | None
    due: Decimal


@dataclass(slots=True, kw_only=True)
class Explanation:
    """How a line came about."""

    line: InvoiceLine
    before: Billed | None = None  # what documents had said of the source
    upto: Billed | None = None  # what they say with the line
    price: Mapping[str, Any] = field(default_factory=dict)  # as it was agreed
    changes: Sequence[ChargeChange] = ()  # of a charge: its postings
    documents: Sequence[Said] = ()  # all that say something of the source
    funding: Sequence[Funding] = ()  # in the order in which it was taken
    events: int = 0  # usage that came in, as far as it is counted
    taken_back: int = 0  # usage that was voided or amended


def explain(*, line: InvoiceLine, documents: QuerySet[Invoice] | None = None) -> Explanation:
    """
    Return how a line came about; its events and entries are pages of their own.

    ``documents`` are those that may be named beside it; all, unless told.
    """
    found = Explanation(line=line, funding=_funding(line))
    if line.before is not None and line.upto is not None:
        found.before, found.upto = Billed.read(line.before), Billed.read(line.upto)
    billable = line.billable
    if billable is None:
        return found
    found.documents = _documents(billable, documents)
    found.price = _price(line)
    if billable.charge_id is not None:
        found.changes = _changes(line, billable.charge_id)
    else:
        found.events = _count(events(line=line))
        found.taken_back = _count(events(line=line, taken_back=True))
    return found


def events(*, line: InvoiceLine, taken_back: bool = False) -> QuerySet[UsageEvent]:
    """
    Return the usage that a line is for; ``taken_back``: what left it again by corrections.

    What came and went between two documents is in both. None of a line that is no usage.
    """
    billable = line.billable
    if billable is None or billable.accrual_id is None:
        return UsageEvent.objects.none()
    accrual: Accrual = Accrual.objects.get(pk=billable.accrual_id)
    late = LateUsage.objects.filter(pk=accrual.pk).first()
    since = min(accrual.period_start, late.earliest_at) if late else accrual.period_start
    found = UsageEvent.objects.filter(
        customer=accrual.customer_id,
        occurred_at__gte=since,
        occurred_at__lt=max(billable.due_at, accrual.period_ends_at),
        accrual_ids__contains=[accrual.pk],
    )
    statement = _CORRECTED if taken_back else _CAME
    return found.extra(  # noqa: S610 - a constant
        where=[statement], params=[line.cut_to, line.cut_from]
    )


def entries(*, line: InvoiceLine, event: UsageEvent | None = None) -> QuerySet[Entry]:
    """Return the entries of a line's charge, or of one of its events; of all: ``behind.page``."""
    if event is not None:
        posted = UsageBatch.objects.get(pk=head_of(event.pk)).transaction_ids
        return Entry.objects.of(*posted).filter(source_id=event.pk)
    billable = line.billable
    if billable is None or billable.charge_id is None:
        return Entry.objects.none()
    posted = [change.transaction_id for change in _changes(line, billable.charge_id)]
    return Entry.objects.of(*posted).filter(source_id=billable.charge_id)


def _changes(line: InvoiceLine, charge_id: int) -> list[ChargeChange]:
    rows = ChargeChange.objects.filter(charge=charge_id).exclude(reason="earned")
    within = rows.extra(  # noqa: S610 - a constant
        where=[_POSTED], params=[line.cut_to, line.cut_from]
    )
    return list(within.order_by("pk"))


def _count(rows: QuerySet[UsageEvent]) -> int:
    return len(rows.values_list("pk", flat=True)[: MOST_COUNTED + 1])


def _documents(billable: Billable, among: QuerySet[Invoice] | None) -> list[Said]:
    rows = InvoiceLine.objects.filter(billable=billable).select_related("invoice")
    if among is not None:
        rows = rows.filter(invoice__in=among.values("pk"))
    standing = rows.exclude(invoice__state__in=["discarded", "void"]).order_by("pk")
    return [
        Said(
            line_id=row.pk,
            invoice_id=row.invoice_id,
            number=row.invoice.number,
            kind=row.invoice.kind,
            quantity=row.quantity,
            due=row.due,
        )
        for row in standing
    ]


def _price(line: InvoiceLine) -> Mapping[str, Any]:
    if line.rate_id is not None and (rate := Rate.objects.filter(pk=line.rate_id).first()):
        if rate.terms is not None:
            terms: Mapping[str, Any] = rate.terms
            return terms
        return {"price": {"type": "unit", "amount": f"{rate.unit_price.normalize():f}"}}
    if line.item is not None:
        agreed: Mapping[str, Any] = line.item.terms
        return agreed
    return {}


def _funding(line: InvoiceLine) -> list[Funding]:
    numbers = [one["grant_id"] for one in line.sources if one.get("grant_id")]
    grants = CreditGrant.objects.select_related("wallet").in_bulk(numbers) if numbers else {}
    found = []
    for one in line.sources:
        grant = grants.get(one.get("grant_id"))
        found.append(
            Funding(
                grant_id=one.get("grant_id"),
                grant=grant.key if grant is not None else "",
                wallet=grant.wallet.key if grant is not None else "",
                funding=one["funding"],
                amount=Decimal(one["amount"]),
            )
        )
    return found


_WITHIN: Final = """
    pg_visible_in_snapshot({xid}, %s::pg_snapshot)
    AND pg_visible_in_snapshot({xid}, nullif(%s, '')::pg_snapshot) IS NOT true"""
_CAME: Final = f"""EXISTS (
    SELECT FROM billing_usagebatch b
    WHERE b.id = (billing_usageevent.id & -16384) AND {_WITHIN.format(xid="b.xid")})
"""
_CORRECTED: Final = f"""EXISTS (
    SELECT FROM billing_correction c
    WHERE c.event_id = billing_usageevent.id AND {_WITHIN.format(xid="c.xid")})
"""
_POSTED: Final = f"""EXISTS (
    SELECT FROM ledger_receipt r
    WHERE r.transaction_id = billing_chargechange.transaction_id
      AND {_WITHIN.format(xid="r.xid")})
"""
