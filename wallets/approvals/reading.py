"""Reading what a change of credit is about: rows by id, amounts and instants as text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from django.db.models import Model
from django.utils.dateparse import parse_datetime

from ledger.errors import InvalidInputError, NotFoundError
from ledger.models import Asset, Book, Customer
from ledger.money import text
from wallets.models import CreditGrant, TopUp, Wallet

Arguments = Mapping[str, Any]


class Act(NamedTuple):
    """How a change is done: under which key, why, when, and by whom."""

    key: str
    reason: str
    at: datetime
    cause: str


class Order(NamedTuple):
    """A change that was read: whose, how much, and how it is done; returns what it did."""

    customer: Customer | None  # none: the book's own
    asset: Asset
    amount: Decimal
    run: Callable[[Act], str]


def terms_of(
    arguments: Arguments,
    instants: Collection[str],
    numbers: Collection[str],
    words: Collection[str] = (),
) -> dict[str, Any]:
    """Return the terms that are given: those of all credit, and these."""
    plain = (*words, "funding", "priority", "feature_keys", "name")
    terms = {name: arguments[name] for name in plain if name in arguments}
    terms |= {name: instant(arguments, name) for name in instants if arguments.get(name)}
    return terms | {name: amount_of(arguments, name) for name in numbers if arguments.get(name)}


def wallet_of(book: Book, arguments: Arguments, name: str) -> Wallet:
    """Return the wallet that an argument names."""
    wallets = Wallet.objects.select_related("asset", "customer__clock")
    wallets = wallets.filter(customer__book=book)
    wallet = wallets.filter(pk=number(arguments, name)).first()
    if wallet is None:
        raise NotFoundError(**{name: arguments[name]})
    return wallet


def grant_of(book: Book, arguments: Arguments) -> CreditGrant:
    """Return the grant that is named."""
    found = CreditGrant.objects.select_related("wallet__asset", "wallet__customer__clock")
    found = found.filter(wallet__customer__book=book)
    grant = found.filter(pk=number(arguments, "grant")).first()
    if grant is None:
        raise NotFoundError(grant=arguments["grant"])
    return grant


def top_up_of(book: Book, arguments: Arguments) -> TopUp:
    """Return the top-up that is named."""
    found = TopUp.objects.select_related("currency", "wallet__customer__clock").filter(book=book)
    top_up = found.filter(pk=number(arguments, "top_up")).first()
    if top_up is None:
        raise NotFoundError(top_up=arguments["top_up"])
    return top_up


def number(arguments: Arguments, name: str) -> int:
    """Return the id that an argument gives."""
    value = arguments.get(name)
    if not str(value).isascii() or not str(value).isdigit():
        raise InvalidInputError(field=name, value=value, remedy="name it by its id")
    return int(str(value))


def amount_of(arguments: Arguments, name: str = "amount") -> Decimal:
    """Return the amount that an argument gives."""
    value = arguments.get(name)
    try:
        amount = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite():
        raise InvalidInputError(field=name, value=value, remedy="write an amount, like '12.50'")
    return amount


def instant(arguments: Arguments, name: str) -> datetime | None:
    """Return the instant that an argument gives, if any."""
    value = arguments.get(name)
    try:
        found = parse_datetime(value) if value else None
    except (TypeError, ValueError):
        found = None
    if value and (found is None or found.utcoffset() is None):
        remedy = "write a time with its offset, like 2026-03-01T12:00:00Z"
        raise InvalidInputError(field=name, value=value, remedy=remedy)
    return found


def written(arguments: Arguments) -> dict[str, Any]:
    """Write arguments as JSON has them: rows by id, amounts and instants as text, no empty ones."""
    return {name: _plain(value) for name, value in arguments.items() if value not in (None, "", [])}


def _plain(value: Any) -> Any:
    match value:
        case Model():
            return str(value.pk)
        case Decimal():
            return text(value)
        case datetime():
            return value.isoformat()
    return value
