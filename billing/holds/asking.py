"""Setting aside for a customer: how it pays decides from what; a quantity is estimated first."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from billing.entitlements import parties, sale
from billing.entitlements.answers import Answer, Ask, Reason, Reserve
from billing.entitlements.check import check
from billing.entitlements.parties import Party
from billing.metering import snapshot
from billing.metering.snapshot import Terms
from ledger.errors import DomainError, InvalidInputError, InvariantError, NotFoundError
from ledger.models import Asset
from ledger.money import ZERO, exact
from wallets import holds
from wallets.holds import Credit, Order, Reserved
from wallets.holds.orders import USUAL
from wallets.models import Hold

_LONGEST_ID: Final = 19  # digits


class NothingToReserveError(InvariantError):
    """It costs nothing that has an end: there is nothing to set aside."""

    code = "nothing_to_reserve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a caller wants set aside: an amount of an asset, or what a quantity will cost."""

    customer: str  # id or key
    key: str
    amount: Decimal | None = None
    asset: str = ""  # its code; of the amount
    quantity: Decimal | None = None
    labels: Mapping[str, str] = field(default_factory=dict)  # of the usage, for its price
    feature_key: str = ""
    expires_in: timedelta = USUAL
    purpose: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_amount(self) -> bool:
        """Whether it is an amount of credit, whatever it is for."""
        return self.amount is not None and self.quantity is None


def reserve_all(
    *, book_id: int, wanted: Sequence[Wanted], at: datetime, reach: Container[int] | None = None
) -> list[Reserved | DomainError]:
    """
    Set aside what is wanted, each all of it or nothing, once per key; or return why it cannot be.

    An amount is taken from credit alone; all of them in one transaction, by the same few
    statements. A quantity is what the decision core is asked about: its price is estimated, and
    limits and budgets count it. Instead of what was reserved stands:

    - NotFoundError: no such customer within ``reach``, or no such asset.
    - InvalidInputError: both amount and quantity or neither; and as ``wallets.holds.reserve``.
    - NothingToReserveError: the quantity costs nothing that has an end.
    - PrecisionError: the amount is finer than the asset is kept.
    - IdempotencyConflictError: the key stands for another question about a quantity.

    Raises:
        IdempotencyConflictError: a key stands for another amount. Of the others some may be
            reserved then; asked again, they get the same answer.
    """
    amounts = [one for one in wanted if one.is_amount]
    found = iter(_reserve_amounts(book_id, amounts, at, reach))
    return [
        next(found) if one.is_amount else _reserve_quantity(book_id, one, at, reach)
        for one in wanted
    ]


def _reserve_amounts(
    book_id: int, wanted: Sequence[Wanted], at: datetime, reach: Container[int] | None
) -> Iterable[Reserved | DomainError]:
    if not wanted:
        return
    orders = _orders(book_id, wanted, at, reach)
    good = [order for order in orders if isinstance(order, Order)]
    reserved = iter(holds.reserve_all(good) if good else ())
    for order in orders:
        yield next(reserved) if isinstance(order, Order) else order


def _reserve_quantity(
    book_id: int, wanted: Wanted, at: datetime, reach: Container[int] | None
) -> Reserved | DomainError:
    if wanted.quantity is None or wanted.amount is not None:
        remedy = "send an amount of an asset, or a quantity of a feature"
        return InvalidInputError(field="amount", value=wanted.amount, remedy=remedy)
    ask = replace(
        _about(wanted.customer),
        feature_key=wanted.feature_key,
        quantity=wanted.quantity,
        labels=wanted.labels,
        reserve=Reserve(key=wanted.key, expires_in=wanted.expires_in, purpose=wanted.purpose),
    )
    try:
        if exact(wanted.quantity) < ZERO:
            remedy = "send zero or more"
            raise InvalidInputError(field="quantity", value=wanted.quantity, remedy=remedy)
        [answer] = check(book_id=book_id, asks=[ask], at=at, reach=reach)
        return _decided(answer, wanted)
    except DomainError as error:
        return error


def credit_of(*, book_id: int, customer_id: int) -> Credit:
    """Return how far a customer may owe on account. One query, unless definitions have changed."""
    terms = snapshot.current(book_id).terms_of([customer_id])[customer_id]
    return Credit(may_owe=not terms.is_credit_only, limit=terms.credit_limit)


class _Counted(NamedTuple):
    id: int
    scale: int


def _orders(
    book_id: int, wanted: Sequence[Wanted], at: datetime, reach: Container[int] | None
) -> list[Order | DomainError]:
    """Return what to order, or why not. One query, unless definitions have changed."""
    asks = [_about(one.customer) for one in wanted]
    found = parties.find(book_id=book_id, asks=asks, reach=reach)
    names = [parties.name_of(ask) for ask in asks]
    known = [found.by_name.get(name) if name else None for name in names]
    terms: Mapping[int, Terms] = {}
    if found.by_name:
        catalogue = snapshot.at_version(book_id, found.version)
        terms = catalogue.terms_of(party.id for party in found.by_name.values())
    orders: list[Order | DomainError] = []
    for one, party in zip(wanted, known, strict=True):
        try:
            if party is None:
                raise NotFoundError(customer=one.customer)
            order = _order(book_id, one, party, terms[party.id], found.version, at)
            order.check()
        except DomainError as error:
            orders.append(error)
        else:
            orders.append(order)
    return orders


def _order(
    book_id: int, wanted: Wanted, party: Party, terms: Terms, version: int, at: datetime
) -> Order:
    assert wanted.amount is not None, "a quantity is estimated first"
    asset = _asset(book_id, version, wanted.asset)
    return Order(
        book_id=book_id,
        customer_id=party.id,
        asset_id=asset.id,
        scale=asset.scale,
        key=wanted.key,
        amount=wanted.amount,
        at=party.time(at),
        is_on_clock=party.now_at is not None,
        expires_in=wanted.expires_in,
        feature_key=wanted.feature_key,
        purpose=wanted.purpose,
        credit=Credit(may_owe=not terms.is_credit_only, limit=terms.credit_limit),
        metadata=wanted.metadata,
        refused_for="" if party.is_active else Reason.CUSTOMER_SUSPENDED.value,
    )


def _about(customer: str) -> Ask:
    """Ask about a customer by its id or key."""
    if customer.isascii() and customer.isdigit() and len(customer) <= _LONGEST_ID:
        return Ask(customer_id=int(customer))
    return Ask(customer_key=customer.removeprefix("key:"))


def _asset(book_id: int, version: int, code: str) -> _Counted:
    for asset_id, (known, scale) in sale.at_version(book_id, version).assets.items():
        if known == code:
            return _Counted(asset_id, scale)
    asset = Asset.objects.filter(code=code).first() if "\0" not in code else None
    if asset is None:
        raise NotFoundError(asset=code)
    return _Counted(asset.pk, asset.scale)


def _decided(answer: Answer, wanted: Wanted) -> Reserved:
    if answer.reason is Reason.CUSTOMER_UNKNOWN:
        raise NotFoundError(customer=wanted.customer)
    if answer.hold is not None:
        return Reserved(answer.hold, is_new=answer.is_allowed)
    if answer.is_allowed:
        raise NothingToReserveError(customer=wanted.customer, feature=wanted.feature_key)
    denied = Hold(key=wanted.key, state=Hold.State.DENIED, reason=answer.reason.value)
    return Reserved(denied, is_new=False)
