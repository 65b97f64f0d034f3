"""A document beside the one of the period before: what is new, gone, more or less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from django.db.models import Exists, OuterRef

from billing.models import Invoice, InvoiceLine
from ledger.money import ZERO, add, subtract

Name = tuple[object, ...]
_PERIODIC: Final = frozenset(
    {InvoiceLine.Kind.FEE, InvoiceLine.Kind.USAGE, InvoiceLine.Kind.MINIMUM}
)
_WHOLE: Final = Decimal(100)


@dataclass(slots=True, kw_only=True)
class Side:
    """What one of two documents says of something."""

    quantity: Decimal = ZERO
    amount: Decimal = ZERO
    due: Decimal = ZERO
    lines: int = 0


@dataclass(slots=True, kw_only=True)
class Pair:
    """What two documents say of the same thing."""

    kind: str
    consumer: str
    description: str
    now: Side = field(default_factory=Side)
    before: Side = field(default_factory=Side)

    @property
    def difference(self) -> Decimal:
        """Return how much more it comes to."""
        return subtract(self.now.amount, self.before.amount)

    @property
    def percentage(self) -> Decimal | None:
        """Return how much more that is of what it was; None: there was nothing."""
        if not self.before.amount:
            return None
        share = self.difference / abs(self.before.amount) * _WHOLE
        return share.quantize(Decimal("0.1"))

    @property
    def is_new(self) -> bool:
        """Whether only the later one says something of it."""
        return not self.before.lines

    @property
    def is_gone(self) -> bool:
        """Whether only the earlier one says something of it."""
        return not self.now.lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A document, the one before, and what they say thing by thing."""

    invoice: Invoice
    previous: Invoice | None
    pairs: list[Pair]


def compare(*, invoice: Invoice) -> Comparison:
    """Return a document beside the payer's last one before it that says the same kind of thing."""
    previous = previous_of(invoice)
    pairs: dict[Name, Pair] = {}
    for line in _lines(invoice):
        _take(_pair(pairs, line).now, line)
    if previous is not None:
        for line in _lines(previous):
            _take(_pair(pairs, line).before, line)
    return Comparison(invoice=invoice, previous=previous, pairs=list(pairs.values()))


def previous_of(invoice: Invoice) -> Invoice | None:
    """
    Return the payer's last invoice before a document, of its currency and group.

    What is for periods stands beside what is for periods, what is for part of one beside the like,
    and what is charged once beside neither.
    """
    is_periodic = invoice.lines.filter(kind__in=_PERIODIC).exists()
    rows = Invoice.objects.filter(
        payer=invoice.payer_id,
        asset=invoice.asset_id,
        group_key=invoice.group_key,
        kind=Invoice.Kind.INVOICE,
        pk__lt=invoice.pk,
        key="",
    )
    periodic = Exists(InvoiceLine.objects.filter(invoice=OuterRef("pk"), kind__in=_PERIODIC))
    found = rows.filter(
        periodic if is_periodic else ~periodic, is_progressive=invoice.is_progressive
    )
    found = found.exclude(number="").exclude(state=Invoice.State.VOID)
    return found.order_by("-pk").first()


def _lines(invoice: Invoice) -> Iterable[InvoiceLine]:
    return (
        InvoiceLine.objects.filter(invoice=invoice).select_related("consumer").order_by("position")
    )


def _pair(pairs: dict[Name, Pair], line: InvoiceLine) -> Pair:
    name = (line.kind, line.consumer_id, line.product, line.description)
    if name not in pairs:
        pairs[name] = Pair(
            kind=line.kind, consumer=line.consumer.name, description=line.description
        )
    return pairs[name]


def _take(side: Side, line: InvoiceLine) -> None:
    side.quantity = add(side.quantity, line.quantity or ZERO)
    side.amount = add(side.amount, line.amount)
    side.due = add(side.due, line.due)
    side.lines += 1
