"""
Comparing what customers were charged with what an offer would have charged them.

Nothing is written: all of it runs in one transaction that the database holds to reading. Customers
are taken a few hundred at a time, so that a book of any size needs the same memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.cycles import round_share
from billing.metering import snapshot
from billing.metering.costs import Costs
from billing.models import Accrual, Charge, Meter, UsageEvent
from billing.simulations import posted, quantities
from billing.simulations.offers import Card, Fee, Offer
from billing.simulations.posted import Series
from billing.simulations.quantities import Usage
from ledger.errors import InvalidInputError
from ledger.models import Book, Customer
from ledger.money import ZERO, add, round_half_away, subtract
from ledger.periods import Period

AT_A_TIME: Final = 500  # customers


@dataclass(slots=True, kw_only=True)
class Row:
    """
    One customer's use of one feature, what it cost and what it would have.

    ``simulated`` is None where the offer has no price for any of a meter's usage.
    """

    customer: str  # the key
    feature: str
    unit: str = ""  # none: a fee
    quantity: Decimal = ZERO
    unpriced: Decimal = ZERO  # how much of the quantity the offer has no price for
    posted: Decimal = ZERO
    simulated: Decimal | None = ZERO

    @property
    def difference(self) -> Decimal | None:
        """Return how much more it would have cost."""
        return None if self.simulated is None else subtract(self.simulated, self.posted)

    def add(self, amount: Decimal) -> None:
        """Have it cost more in the simulation."""
        self.simulated = add(self.simulated or ZERO, amount)


@dataclass(slots=True)
class Totals:
    """Sums over rows; what the offer has no price for is summed up apart."""

    customers: int = 0
    posted: Decimal = ZERO
    simulated: Decimal = ZERO
    not_compared: Decimal = ZERO  # posted for usage that the offer has no price for
    _last: str = field(default="", repr=False)

    @property
    def difference(self) -> Decimal:
        """Return how much more all would have cost."""
        return subtract(self.simulated, self.posted)

    def take(self, row: Row) -> Row:
        """Add a row, and return it; those of a customer follow each other."""
        self.customers += row.customer != self._last
        self._last = row.customer
        if row.simulated is None:
            self.not_compared = add(self.not_compared, row.posted)
        else:
            self.posted = add(self.posted, row.posted)
            self.simulated = add(self.simulated, row.simulated)
        return row


def simulate(
    *,
    book: Book,
    offer: Offer,
    span: Period,
    customers: Sequence[Customer] | None = None,
    advance: Callable[[int], None] = lambda _customers: None,
) -> Iterator[Row]:
    """
    Yield what each customer's usage in ``span`` cost and would have cost, by feature.

    Without customers it is all who used or were charged something. What was posted is what series
    and charges say whose time starts within the span. ``advance`` is told how many customers are
    done.

    Raises:
        InvalidInputError: something was charged in another currency than the offer's.
    """
    with _reading():
        costs = _costs(book, offer)
        for some in _batches(book, span, customers):
            comparison = _Comparison(book, offer, span, some, costs)
            yield from comparison.rows()
            advance(len(some))


def count_customers(
    *, book: Book, span: Period, customers: Sequence[Customer] | None = None
) -> int:
    """Return how many customers a simulation is about."""
    return _active(book, span).count() if customers is None else len(customers)


def count_events(
    *,
    book: Book,
    offer: Offer,
    span: Period,
    most: int,
    customers: Sequence[Customer] | None = None,
) -> int:
    """Return how many events a simulation must read one by one; more than ``most`` is ``most``."""
    types = {
        cards[0].meter.event_type
        for cards in offer.cards.values()
        if quantities.must_read_events(cards)
    }
    if not types:
        return 0
    whose = Customer.objects.filter(book=book) if customers is None else customers
    events = UsageEvent.objects.filter(
        customer__in=whose,
        type__in=types,
        occurred_at__gte=span.starts_at,
        occurred_at__lt=span.ends_at,
    )
    return events.order_by()[:most].count()


@contextmanager
def _reading() -> Iterator[None]:
    """Run in a transaction that cannot write, and sees one state of the database throughout."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET TRANSACTION READ ONLY")
        yield


def _costs(book: Book, offer: Offer) -> Costs | None:
    needed = any(quantities.reads_costs(cards) for cards in offer.cards.values())
    return snapshot.current(book.pk).costs if needed else None


def _batches(
    book: Book, span: Period, customers: Sequence[Customer] | None
) -> Iterator[list[Customer]]:
    if customers is not None:
        named = sorted(customers, key=lambda customer: customer.pk)
        yield from (named[at : at + AT_A_TIME] for at in range(0, len(named), AT_A_TIME))
        return
    last = 0
    while some := list(_active(book, span).filter(pk__gt=last).order_by("pk")[:AT_A_TIME]):
        yield some
        last = some[-1].pk


def _active(book: Book, span: Period) -> QuerySet[Customer]:
    """Return the customers that used or were charged something within a time."""
    series = Accrual.objects.filter(
        customer_id=OuterRef("pk"),
        period_start__gte=span.starts_at,
        period_start__lt=span.ends_at,
    )
    events = UsageEvent.objects.filter(
        customer_id=OuterRef("pk"),
        occurred_at__gte=span.starts_at,
        occurred_at__lt=span.ends_at,
    )
    charged = Charge.objects.filter(
        customer_id=OuterRef("pk"), starts_at__gte=span.starts_at, starts_at__lt=span.ends_at
    )
    return Customer.objects.filter(
        Q(Exists(series)) | Q(Exists(charged)) | Q(Exists(events)), book=book
    )


class _Comparison:
    """Some customers, compared."""

    def __init__(
        self,
        book: Book,
        offer: Offer,
        span: Period,
        customers: Sequence[Customer],
        costs: Costs | None,
    ) -> None:
        self._book, self._offer, self._span, self._costs = book, offer, span, costs
        self._customers = {customer.pk: customer for customer in customers}
        self._rows: dict[tuple[int, str], Row] = {}
        self._meters: dict[int, Meter] = {
            meter_id: cards[0].meter for meter_id, cards in offer.cards.items()
        }

    def rows(self) -> Iterator[Row]:
        """Yield the rows of one customer after the other, by feature."""
        series = posted.series_of(self._customers, self._span)
        by_meter: defaultdict[int, list[Series]] = defaultdict(list)
        for one in series:
            if self._offer.only_meter in (None, one.meter_id):
                by_meter[one.meter_id].append(one)
        self._know(by_meter)
        for meter_id, cards in self._offer.cards.items():
            self._rate(cards, self._used(meter_id, cards, by_meter[meter_id]))
        for meter_id, held in by_meter.items():
            self._take_posted(self._meters[meter_id], held)
        if self._offer.has_fees:
            self._take_fees()
        for _, row in sorted(self._rows.items(), key=lambda held: held[0]):
            yield row

    def _know(self, meter_ids: Iterable[int]) -> None:
        if unknown := set(meter_ids) - self._meters.keys():
            found = Meter.objects.filter(pk__in=unknown).select_related("unit")
            self._meters |= {meter.pk: meter for meter in found}

    def _used(self, meter_id: int, cards: Sequence[Card], series: Sequence[Series]) -> Usage:
        if quantities.must_read_events(cards):
            return quantities.of_events(
                cards=cards, customers=self._customers, span=self._span, costs=self._costs
            )
        apart = posted.subscribed(self._customers, meter_id, self._span)
        listed = [one for one in series if one.customer_id not in apart]
        counted = quantities.of_series(cards, self._span, listed)
        if counted is None:
            counted, apart = Usage(), set(self._customers)
        if apart:
            others = [self._customers[one] for one in sorted(apart)]
            summed = quantities.of_sums(
                book=self._book, cards=cards, customers=others, span=self._span
            )
            counted.by_cycle |= summed.by_cycle
            counted.unpriced |= summed.unpriced
        return counted

    def _rate(self, cards: Sequence[Card], used: Usage) -> None:
        for (customer_id, card, _), one in used.by_cycle.items():
            row = self._row(customer_id, card.feature, card.meter)
            row.quantity = add(row.quantity, one.quantity)
            row.add(card.rated.amount(one.quantity, one.contributed))
        for customer_id, quantity in used.unpriced.items():
            row = self._row(customer_id, cards[0].meter.feature_key, cards[0].meter)
            row.quantity = add(row.quantity, quantity)
            row.unpriced = add(row.unpriced, quantity)
        for card in cards:
            if card.is_due_anyway and (card.rated.minimum or card.rated.starting):
                self._take_due(card, used)

    def _take_due(self, card: Card, used: Usage) -> None:
        """Add what is due without usage: a first tier's flat price, what lacks to a minimum."""
        for customer_id in self._customers:
            for place, cycle in enumerate(card.cycles):
                one = used.by_cycle.get((customer_id, card, place))
                due = card.rated.starting if one is None else ZERO
                ends = cycle.ends_at <= self._span.ends_at
                if card.rated.minimum is not None and ends:
                    amount = due if one is None else self._amount(card, one)
                    lacking = max(ZERO, subtract(card.rated.minimum, amount))
                    due = add(due, round_half_away(lacking, self._offer.exponent))
                if due:
                    self._row(customer_id, card.feature, card.meter).add(due)

    @staticmethod
    def _amount(card: Card, used: quantities.Used) -> Decimal:
        return card.rated.amount(used.quantity, used.contributed)

    def _take_posted(self, meter: Meter, series: Sequence[Series]) -> None:
        cards = self._offer.cards.get(meter.pk, ())
        for one in series:
            feature = posted.feature_of(one, meter, cards) if cards else meter.feature_key
            row = self._row(one.customer_id, feature, meter)
            if not cards:
                row.simulated = None
                row.quantity = row.unpriced = add(row.quantity, one.quantity)
            self._charge(row, one.amount, one.asset)

    def _take_fees(self) -> None:
        for charged in posted.charged(self._customers, self._span):
            row = self._row(charged.customer_id, charged.feature)
            row.simulated = row.simulated or ZERO
            self._charge(row, charged.amount, charged.asset)
        for fee in self._offer.fees:
            amount = self._fee(fee)
            for customer_id in self._customers:
                self._row(customer_id, fee.feature).add(amount)

    def _fee(self, fee: Fee) -> Decimal:
        """Return a flat price over the span: of a cycle that is cut, the share that is left."""
        if not fee.cycles:
            return round_half_away(fee.amount, self._offer.exponent)
        due = ZERO
        for cycle in fee.cycles:
            share = cycle.share(self._span)
            due = add(due, round_share(fee.amount, share, self._offer.exponent))
        return due

    def _charge(self, row: Row, amount: Decimal, asset: str) -> None:
        if amount and asset != self._offer.asset.code:
            raise InvalidInputError(
                field=self._offer.field,
                value=self._offer.asset.code,
                remedy=f"{row.customer} was charged for {row.feature} in {asset}: choose a price"
                " in that, or name customers that were charged in this",
            )
        row.posted = add(row.posted, amount)

    def _row(self, customer_id: int, feature: str, meter: Meter | None = None) -> Row:
        row = self._rows.get((customer_id, feature))
        if row is None:
            row = Row(customer=self._customers[customer_id].key, feature=feature)
            self._rows[customer_id, feature] = row
        if meter is not None:
            row.unit = meter.unit.code
        return row
