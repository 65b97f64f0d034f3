"""Reserve: set credit aside, once per key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import transaction

from ledger import arrays, bulk, holding, prepared
from ledger.errors import IdempotencyConflictError
from ledger.metadata import canonical
from ledger.money import add
from wallets import watches
from wallets.caps import Place
from wallets.holds import parts
from wallets.holds.means import Means, Survey, numbered, survey
from wallets.holds.orders import Credit, Order
from wallets.holds.parts import Part
from wallets.models import Hold


class Reserved(NamedTuple):
    """What became of an order."""

    hold: Hold
    is_new: bool
    available: Decimal | None = None  # of a denied one: what there was to be set aside


def reserve(order: Order) -> Reserved:
    """
    Set an amount aside until it expires, all of it or nothing, and return the hold.

    It spreads over the customer's lots in burn order, its own before shared ones, then over what
    it may owe on account. The same order under the same key returns the first hold, in
    whatever state that is by now; one that was denied stays denied.

    Raises:
        InvalidInputError: an amount not above zero, an unusable key, a time out of bounds.
        PrecisionError: the amount is finer than the asset is kept.
        IdempotencyConflictError: the key already stands for another order.
    """
    [reserved] = reserve_all([order])
    return reserved


def reserve_all(orders: Sequence[Order]) -> list[Reserved]:
    """
    Do what ``reserve`` does for orders of one book, in their order, in one transaction.

    The same few statements whatever their number. Raises what ``reserve`` raises, for the first
    order that is refused; then nothing is set aside.
    """
    for order in orders:
        order.check()
    try:
        with transaction.atomic():
            return _reserve(orders, is_again=False)
    except _KeyTakenError:  # hardly ever: so who reserves does not ask first
        with transaction.atomic():
            return _reserve(orders, is_again=True)


class _KeyTakenError(Exception):
    """A key stands for a hold already."""


def _reserve(orders: Sequence[Order], *, is_again: bool) -> list[Reserved]:
    [book_id] = {order.book_id for order in orders}
    wanted: dict[tuple[int, int], Credit] = {
        (order.customer_id, order.asset_id): order.credit for order in orders
    }
    times = [order.at for order in orders]
    surveyed = survey(book_id=book_id, wanted=wanted, since=min(times), until=max(times))
    funds = bulk.lock(surveyed.accounts)
    # Under the locks, so that a first use of the key by the same customer is over.
    known = _known(book_id, {order.key for order in orders}) if is_again else {}
    # Holds of those on test clocks expire by these, whatever the time of the others is.
    now = min((order.at for order in orders if not order.is_on_clock), default=min(times))
    surveyed.fill(parts.give_back_expired(funds, at=now))
    surveyed.bind(since=min(times), until=max(times))
    decided: dict[str, _Decision] = {}
    for order in orders:
        if order.key not in known and order.key not in decided:
            decided[order.key] = _decide(order, surveyed)
    fresh = _write(list(decided.values()), surveyed)
    if len(fresh) < len(decided):
        if not is_again:
            raise _KeyTakenError
        # Another customer's, of this very moment.
        raise IdempotencyConflictError(key=min(decided.keys() - fresh.keys()))
    return [_reserved(order, known, fresh) for order in orders]


class _Decision(NamedTuple):
    order: Order
    parts: list[Part]
    available: Decimal | None  # of one that is denied
    reason: str


def _decide(order: Order, surveyed: Survey) -> _Decision:
    means: Means = surveyed.means[order.customer_id, order.asset_id]
    available = means.available(order.at, order.feature_key)
    if order.refused_for:
        return _Decision(order, [], available, order.refused_for)
    if available is not None and available < order.amount:
        return _Decision(order, [], available, order.short_of)
    taken, missing = means.take(order.amount, order.at, order.feature_key)
    assert not missing, "it was there to be taken"
    return _Decision(order, taken, None, "")


def _reserved(order: Order, known: dict[str, Hold], fresh: dict[str, Reserved]) -> Reserved:
    found = known.get(order.key)
    reserved = fresh[order.key] if found is None else Reserved(found, is_new=False)
    if bytes(reserved.hold.fingerprint) != order.fingerprint:
        raise IdempotencyConflictError(key=order.key)
    return reserved


def _known(book_id: int, keys: set[str]) -> dict[str, Hold]:
    return {hold.key: hold for hold in Hold.objects.filter(book=book_id, key__in=keys)}


def _write(decisions: Sequence[_Decision], surveyed: Survey) -> dict[str, Reserved]:
    """Write the holds and their parts in one statement, then what the accounts hold."""
    if not decisions:
        return {}
    rows = [_hold(decision) for decision in decisions]
    spread = [
        (decision.order.key, account_id, position, amount)
        for decision in decisions
        for position, (account_id, amount) in enumerate(decision.parts)
    ]
    uses = numbered(_places(decisions, surveyed))
    wanted = [*_columns(rows), *_spread(spread), arrays.whole(uses)]
    written = prepared.rows(_INSERT, wanted)
    numbers = {key: number for key, number, _ in written}
    if any(was_still for _, _, was_still in written):
        watches.hint()
    if len(numbers) < len(decisions):
        return {}
    changes: defaultdict[int, Decimal] = defaultdict(Decimal)
    for _, account_id, _, amount in spread:
        changes[account_id] = add(changes[account_id], amount)
    holding.hold(changes)
    for row in rows:
        row.pk = numbers[row.key]
    return {
        row.key: Reserved(row, is_new=True, available=decision.available)
        for row, decision in zip(rows, decisions, strict=True)
    }


def _places(decisions: Sequence[_Decision], surveyed: Survey) -> list[Place | None]:
    """Return the periods of shares that each part counts in, in order."""
    return [
        surveyed.place_of((order.customer_id, order.asset_id), account_id, order.at)
        for order, spread, _, _ in decisions
        for account_id, _ in spread
    ]


def _hold(decision: _Decision) -> Hold:
    order = decision.order
    return Hold(
        book_id=order.book_id,
        customer_id=order.customer_id,
        asset_id=order.asset_id,
        key=order.key,
        fingerprint=order.fingerprint,
        state=Hold.State.DENIED if decision.reason else Hold.State.ACTIVE,
        requested=order.amount,
        feature_key=order.feature_key,
        purpose=order.purpose,
        reason=decision.reason,
        budget_ids=list(order.budget_ids),
        metadata=dict(order.metadata),
        expires_at=order.expires_at,
        created_at=order.at,
        closed_at=order.at if decision.reason else None,
    )


def _columns(rows: Sequence[Hold]) -> list[Any]:
    return [
        arrays.whole(row.book_id for row in rows),
        arrays.whole(row.customer_id for row in rows),
        arrays.whole(row.asset_id for row in rows),
        arrays.texts(row.key for row in rows),
        arrays.texts(f"\\x{row.fingerprint.hex()}" for row in rows),
        arrays.texts(row.state for row in rows),
        arrays.exact(row.requested for row in rows),
        arrays.texts(row.feature_key for row in rows),
        arrays.texts(row.purpose for row in rows),
        arrays.texts(row.reason for row in rows),
        arrays.texts(arrays.whole(row.budget_ids) for row in rows),
        arrays.texts(canonical(row.metadata) for row in rows),
        arrays.texts(row.expires_at.isoformat() for row in rows),
        arrays.texts(row.created_at.isoformat() for row in rows),
        [row.closed_at for row in rows],
    ]


def _spread(spread: Sequence[tuple[str, int, int, Decimal]]) -> list[Any]:
    return [
        arrays.texts(key for key, _, _, _ in spread),
        arrays.whole(account_id for _, account_id, _, _ in spread),
        arrays.whole(position for _, _, position, _ in spread),
        arrays.exact(amount for _, _, _, amount in spread),
    ]


_INSERT: Final = f"""
    WITH written AS (
        INSERT INTO wallets_hold (book_id, customer_id, asset_id, key, fingerprint, state,
            requested, captured, feature_key, purpose, reason, budget_ids, metadata, expires_at,
            created_at, closed_at)
        SELECT book_id, customer_id, asset_id, key, fingerprint, state, requested, 0, feature_key,
               purpose, reason, budget_ids::bigint[], metadata, expires_at, created_at, closed_at
        FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::bytea[], %s::text[],
                    %s::numeric[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[],
                    %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
             AS n (book_id, customer_id, asset_id, key, fingerprint, state, requested, feature_key,
                   purpose, reason, budget_ids, metadata, expires_at, created_at, closed_at)
        ON CONFLICT (book_id, key) DO NOTHING
        RETURNING id, key
    ), spread AS (
        INSERT INTO wallets_holdpart (hold_id, account_id, position, amount, share_use_id)
        SELECT w.id, p.account_id, p.position, p.amount, nullif(p.share_use_id, 0)
        FROM unnest(%s::text[], %s::bigint[], %s::smallint[], %s::numeric[], %s::bigint[])
             AS p (key, account_id, position, amount, share_use_id)
        JOIN written w ON w.key = p.key
        RETURNING account_id
    ), {watches.touching("SELECT account_id FROM spread")}
    SELECT key, id, EXISTS (SELECT FROM touched WHERE was_still) FROM written
"""  # noqa: S608 - fixed fragments
