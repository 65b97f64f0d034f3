"""Changes as data: what may need a second person, and how it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string

from ledger import clocks, inputs
from ledger.errors import InvalidInputError, NotFoundError
from ledger.models import Asset, Book
from ledger.money import ZERO, add, exact
from wallets import adjustments, grants, schedules, summary, topups, transfers
from wallets.approvals.reading import (
    Act,
    Arguments,
    Order,
    amount_of,
    grant_of,
    instant,
    terms_of,
    top_up_of,
    wallet_of,
)
from wallets.models import TopUp

Availability = TopUp.Availability
_TERMS: Final = ("availability", "priority", "feature_keys")


def _grant(book: Book, arguments: Arguments, at: datetime) -> Order:
    wallet, amount = wallet_of(book, arguments, "wallet"), amount_of(arguments)
    terms = terms_of(arguments, ("effective_at", "expires_at"), ("cost_basis",))

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

    return Order(wallet.customer, wallet.asset, amount, run)


def _schedule(book: Book, arguments: Arguments, at: datetime) -> Order:
    wallet, amount = wallet_of(book, arguments, "wallet"), amount_of(arguments)
    terms = terms_of(
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

    # The most that one of its grants may be: the next makes up what is missing to the minimum.
    most = add(exact(amount), exact(terms.get("rollover_minimum", ZERO)))
    return Order(wallet.customer, wallet.asset, most, run)


def _adjust(book: Book, arguments: Arguments, at: datetime) -> Order:
    grant, amount = grant_of(book, arguments), amount_of(arguments)

    def run(act: Act) -> str:
        change = adjustments.adjust(
            grant=grant, key=act.key, amount=amount, reason=act.reason, at=act.at
        )
        return f"grant {change.pk}"

    return Order(grant.wallet.customer, grant.wallet.asset, amount, run)


def _void(book: Book, arguments: Arguments, at: datetime) -> Order:
    grant = grant_of(book, arguments)
    owner = grant.wallet.customer
    figures = summary.of_grants([grant.pk], at=clocks.now_of(owner, at))[grant.pk]

    def run(act: Act) -> str:
        grants.void(grant=grant, at=act.at, key=act.key, reason=act.reason)
        return f"grant {grant.pk}"

    return Order(owner, grant.wallet.asset, max(figures.available, figures.pending), run)


def _transfer(book: Book, arguments: Arguments, at: datetime) -> Order:
    source, target = (wallet_of(book, arguments, name) for name in ("source", "target"))
    amount = amount_of(arguments)
    grant = grant_of(book, arguments) if arguments.get("grant") else None

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

    return Order(source.customer, source.asset, amount, run)


def _top_up(book: Book, arguments: Arguments, at: datetime) -> Order:
    """Credit that is bought, and may be there before it is paid."""
    wallet, amount = wallet_of(book, arguments, "wallet"), amount_of(arguments)
    terms = {name: arguments[name] for name in _TERMS if name in arguments}
    expires_at = instant(arguments, "expires_at")
    currency = None
    if code := arguments.get("currency"):
        currency = Asset.objects.filter(code=code).first()
        if currency is None:
            raise NotFoundError(asset=code)

    def run(act: Act) -> str:
        made = topups.request(
            wallet=wallet,
            key=act.key,
            amount=amount,
            at=act.at,
            currency=currency,
            expires_at=expires_at,
            cause=said(act),
            **terms,
        )
        return f"top-up {made.pk}"

    is_early = terms.get("availability", Availability.ON_SETTLEMENT) != Availability.ON_SETTLEMENT
    return Order(wallet.customer, wallet.asset, amount if is_early else ZERO, run)


def _confirm(book: Book, arguments: Arguments, at: datetime) -> Order:
    top_up = top_up_of(book, arguments)
    payment_key = inputs.key("payment_key", arguments.get("payment_key", ""), longest=255)

    def run(act: Act) -> str:
        paid = topups.settle(top_up=top_up, payment_key=payment_key, at=act.at, cause=said(act))
        return f"grant {paid.grant_id}"

    return Order(top_up.wallet.customer, top_up.currency, top_up.price, run)


def _fail(book: Book, arguments: Arguments, at: datetime) -> Order:
    """Credit that was there before its payment is taken back; without that nothing changes."""
    top_up = top_up_of(book, arguments)

    def run(act: Act) -> str:
        topups.fail(top_up=top_up, reason=act.reason, at=act.at, cause=act.cause)
        return f"top-up {top_up.pk}"

    amount = ZERO if top_up.grant_id is None else top_up.price
    return Order(top_up.wallet.customer, top_up.currency, amount, run)


def _refund(book: Book, arguments: Arguments, at: datetime) -> Order:
    top_up = top_up_of(book, arguments)

    def run(act: Act) -> str:
        topups.refund(top_up=top_up, reason=act.reason, at=act.at, cause=act.cause)
        return f"top-up {top_up.pk}"

    return Order(top_up.wallet.customer, top_up.currency, top_up.price, run)


Reading = Callable[[Book, Arguments, datetime], Order]
OPERATIONS: Final[Mapping[str, Reading]] = {
    "grant": _grant,
    "schedule": _schedule,
    "adjust": _adjust,
    "void": _void,
    "transfer": _transfer,
    "top_up": _top_up,
    "confirm": _confirm,
    "fail": _fail,
    "refund": _refund,
}


def read(book: Book, operation: str, arguments: Arguments, at: datetime) -> Order:
    """
    Read what is to be done, as it would be done at ``at``.

    Packages above name theirs in the setting ``APPROVAL_OPERATIONS``.

    Raises:
        InvalidInputError: an unknown operation, or arguments that cannot be read.
        NotFoundError: the book has nothing of that id.
    """
    known: dict[str, str] = settings.APPROVAL_OPERATIONS
    name = inputs.choice("operation", operation, [*OPERATIONS, *known])
    reading: Reading = OPERATIONS[name] if name in OPERATIONS else import_string(known[name])
    return reading(book, arguments, at)


def said(act: Act) -> str:
    """Return who did it and why, in one line."""
    return f"{act.cause}: {act.reason}" if act.reason else act.cause
