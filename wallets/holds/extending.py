"""Extend: set more aside, or for longer."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import connection, transaction

from ledger import arrays, holding
from ledger.errors import InvalidInputError
from ledger.money import ZERO, add, exact, text
from wallets import watches
from wallets.errors import CreditExhaustedError
from wallets.holds import parts, standing
from wallets.holds.means import numbered, survey, unbilled_accounts
from wallets.holds.orders import ON_ACCOUNT, Credit, check_expiry
from wallets.holds.parts import Part
from wallets.models import Hold


def extend(
    *,
    hold: Hold,
    at: datetime,
    amount: Decimal | None = None,
    expires_in: timedelta | None = None,
    credit: Credit = ON_ACCOUNT,
) -> Hold:
    """
    Set an amount more aside, or have a hold expire so long from ``at``: never sooner than it did.

    Both or neither. This counts each time it is called: what makes a retry safe is the caller's
    Idempotency-Key, at the edge.

    Raises:
        InvalidInputError: nothing to extend, an amount not above zero, more than a day.
        PrecisionError: the amount is finer than the asset is kept.
        HoldClosedError: the hold is over.
        CreditExhaustedError: there is not so much; nothing has changed.
    """
    if amount is None and expires_in is None:
        remedy = "say how much more, or for how long"
        raise InvalidInputError(field="amount", value=None, remedy=remedy)
    if expires_in is not None:
        check_expiry(expires_in)
    with transaction.atomic():
        hold = standing.lock(hold)
        standing.check(hold, at)
        if amount is None:
            whose = (hold.customer_id, hold.asset_id)
            standing.lock_parts(hold, unbilled_accounts(hold.book_id, [whose], at=at).values())
        else:
            _set_aside(hold, amount, credit, at)
        if expires_in is not None:
            hold.expires_at = max(hold.expires_at, at + expires_in)
        hold.save(update_fields=["requested", "expires_at"])
    return hold


def _set_aside(hold: Hold, amount: Decimal, credit: Credit, at: datetime) -> None:
    if not exact(amount, hold.asset.scale) > ZERO:
        remedy = "extend by more than zero"
        raise InvalidInputError(field="amount", value=amount, remedy=remedy)
    whose = (hold.customer_id, hold.asset_id)
    surveyed = survey(book_id=hold.book_id, wanted={whose: credit}, since=at, until=at)
    spread, funds = standing.lock_parts(hold, surveyed.accounts)
    surveyed.fill(parts.give_back_expired(funds, at=at))
    surveyed.bind(since=at, until=at, held_since=hold.created_at)
    means = surveyed.means[whose]
    available = means.available(at, hold.feature_key)
    if available is not None and available < amount:
        raise CreditExhaustedError(hold=hold.key, asked=text(amount), available=text(available))
    taken, missing = means.take(amount, at, hold.feature_key)
    assert not missing, "it was there to be taken"
    uses = numbered(surveyed.place_of(whose, account_id, at) for account_id, _ in taken)
    _write(hold, taken, uses, after=len(spread))
    hold.requested = add(hold.requested, amount)


def _write(hold: Hold, taken: list[Part], uses: list[int], *, after: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD,
            [
                hold.pk,
                arrays.whole(account_id for account_id, _ in taken),
                arrays.whole(range(after, after + len(taken))),
                arrays.exact(amount for _, amount in taken),
                arrays.whole(uses),
            ],
        )
        if cursor.fetchone()[0]:
            watches.hint()
    holding.hold(dict(taken))


_ADD: Final = f"""
    WITH added AS (
        INSERT INTO wallets_holdpart AS p (hold_id, account_id, position, amount, share_use_id)
        SELECT %s, n.account_id, n.position, n.amount, nullif(n.share_use_id, 0)
        FROM unnest(%s::bigint[], %s::smallint[], %s::numeric[], %s::bigint[])
             AS n (account_id, position, amount, share_use_id)
        ON CONFLICT (hold_id, account_id) DO UPDATE SET amount = p.amount + excluded.amount
        RETURNING account_id
    ), {watches.touching("SELECT account_id FROM added")}
    SELECT coalesce(bool_or(was_still), false) FROM touched
"""  # noqa: S608 - fixed fragments
