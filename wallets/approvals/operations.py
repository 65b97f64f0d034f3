"""Changes of credit as data: what may need a second person, and how it is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from django.utils.dateparse import parse_datetime

from ledger import inputs
from ledger.errors import InvalidInputError, NotFoundError
from ledger.models import Asset, Book
from wallets import adjustments, grants, schedules, summary, topups, transfers
from wallets.models import CreditGrant, TopUp, Wallet

Arguments = Mapping[str, Any]


class Act(NamedTuple):
    """How a change is done: under which key, why, when, and by whom."""

    key: str
    reason: str
    at: datetime
    cause: str


class Order(NamedTuple):
    """A change that was read: how much it is, and how it is done; returns what it did."""

    asset: Asset
    amount: Decimal
    run: Callable[[Act], str]


def _grant(book: Book, arguments: Arguments, at: datetime) -> Order:
    wallet, amount = _wallet(book, arguments, "wallet"), _amount(arguments)
    terms = _terms(arguments, ("effective_at", "expires_at"), ("cost_basis",))

    def run(act: Act) -> str:
        made = grants.issue(
            wallet=wallet,
            key=act.key,
            amount=amount,
            at=act.at,
            reason=act.reason,
            **terms,
        )
        return f"grant {made.pk}"

    return Order(wallet.asset, amount, run)


def _schedule(book: Book, arguments: Arguments, at: datetime) -> Order:
    wallet, amount = _wallet(book, arguments, "wallet"), _amount(arguments)
    terms = _terms(
        arguments,
        ("starts_at", "ends_at", "anchor"),
        ("cost_basis", "rollover_minimum", "rollover_maximum"),
        ("cadence", "time_zone", "lifetime"),
    )
    for name in ("cadence", "starts_at"):
        if name not in terms:
            raise InvalidInputError(field=name, value=None, remedy="say when credit comes")

    def run(act: Act) -> str:
        made = schedules.create(wallet=wallet, key=act.key, amount=amount, at=act.at, **terms)
        return f"schedule {made.pk}"

    return Order(wallet.asset, amount, run)


def _adjust(book: Book, arguments: Arguments, at: datetime) -> Order:
    grant, amount = _grant_of(book, arguments), _amount(arguments)

    def run(act: Act) -> str:
        change = adjustments.adjust(
            grant=grant, key=act.key, amount=amount, reason=act.reason, at=act.at
        )
        return f"grant {change.pk}"

    return Order(grant.wallet.asset, amount, run)


def _void(book: Book, arguments: Arguments, at: datetime) -> Order:
    grant = _grant_of(book, arguments)
    figures = summary.of_grants([grant.pk], at=at)[grant.pk]

    def run(act: Act) -> str:
        grants.void(grant=grant, at=act.at, key=act.key, reason=act.reason)
        return f"grant {grant.pk}"

    return Order(grant.wallet.asset, max(figures.available, figures.pending), run)


def _transfer(book: Book, arguments: Arguments, at: datetime) -> Order:
    source, target = (_wallet(book, arguments, name) for name in ("source", "target"))
    amount = _amount(arguments)
    grant = _grant_of(book, arguments) if arguments.get("grant") else None

    def run(act: Act) -> str:
        moved = transfers.transfer(
            source=source,
            target=target,
            key=act.key,
            amount=amount,
            at=act.at,
            grant=grant,
            reason=act.reason,
        )
        return f"grants {', '.join(str(part.pk) for part in moved)}"

    return Order(source.asset, amount, run)


def _confirm(book: Book, arguments: Arguments, at: datetime) -> Order:
    found = TopUp.objects.select_related("currency").filter(book=book)
    top_up = found.filter(pk=_number(arguments, "top_up")).first()
    if top_up is None:
        raise NotFoundError(top_up=arguments["top_up"])
    payment_key = inputs.key("payment_key", arguments.get("payment_key", ""), longest=255)

    def run(act: Act) -> str:
        paid = topups.settle(
            top_up=top_up, payment_key=payment_key, at=act.at, cause=f"{act.cause}: {act.reason}"
        )
        return f"grant {paid.grant_id}"

    return Order(top_up.currency, top_up.price, run)


OPERATIONS: Final[Mapping[str, Callable[[Book, Arguments, datetime], Order]]] = {
    "grant": _grant,
    "schedule": _schedule,
    "adjust": _adjust,
    "void": _void,
    "transfer": _transfer,
    "confirm": _confirm,
}


def read(book: Book, operation: str, arguments: Arguments, at: datetime) -> Order:
    """
    Read what is to be done, as it would be done at ``at``.

    Raises:
        InvalidInputError: an unknown operation, or arguments that cannot be read.
        NotFoundError: the book has nothing of that id.
    """
    return OPERATIONS[inputs.choice("operation", operation, OPERATIONS)](book, arguments, at)


def _terms(
    arguments: Arguments,
    instants: Collection[str],
    numbers: Collection[str],
    words: Collection[str] = (),
) -> dict[str, Any]:
    """Return the terms that are given: those of all credit, and these."""
    plain = (*words, "funding", "priority", "feature_keys", "name")
    terms = {name: arguments[name] for name in plain if name in arguments}
    terms |= {name: _instant(arguments, name) for name in instants if arguments.get(name)}
    return terms | {name: _amount(arguments, name) for name in numbers if arguments.get(name)}


def _wallet(book: Book, arguments: Arguments, name: str) -> Wallet:
    wallets = Wallet.objects.select_related("asset").filter(customer__book=book)
    wallet = wallets.filter(pk=_number(arguments, name)).first()
    if wallet is None:
        raise NotFoundError(**{name: arguments[name]})
    return wallet


def _grant_of(book: Book, arguments: Arguments) -> CreditGrant:
    found = CreditGrant.objects.select_related("wallet__asset").filter(wallet__customer__book=book)
    grant = found.filter(pk=_number(arguments, "grant")).first()
    if grant is None:
        raise NotFoundError(grant=arguments["grant"])
    return grant


def _number(arguments: Arguments, name: str) -> int:
    value = arguments.get(name)
    if not str(value).isascii() or not str(value).isdigit():
        raise InvalidInputError(field=name, value=value, remedy="name it by its id")
    return int(str(value))


def _amount(arguments: Arguments, name: str = "amount") -> Decimal:
    value = arguments.get(name)
    try:
        amount = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite():
        raise InvalidInputError(field=name, value=value, remedy="write an amount, like '12.50'")
    return amount


def _instant(arguments: Arguments, name: str) -> datetime | None:
    value = arguments.get(name)
    try:
        found = parse_datetime(value) if value else None
    except (TypeError, ValueError):
        found = None
    if value and (found is None or found.utcoffset() is None):
        remedy = "write a time with its offset, like 2026-03-01T12:00:00Z"
        raise InvalidInputError(field=name, value=value, remedy=remedy)
    return found
