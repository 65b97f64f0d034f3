"""
What was used beyond credit and credit limit, as far as later credit has paid for it.

A source says how much of it was left as an overdraft; credit that comes later covers the account
of the customer, not one source. What the account still owes is given to what is not billed yet,
the latest first: so credit counts for the oldest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Final

from django.db import connection

from billing.invoicing.lines import COVERED
from billing.invoicing.materials import Source
from ledger import arrays
from ledger.money import ZERO, add, subtract


def cover(sources: Iterable[Source], *, book_id: int) -> None:
    """Take what credit has covered since as paid by it; one statement, if there is an overdraft."""
    owing: defaultdict[tuple[int, int], list[Source]] = defaultdict(list)
    for source in sources:
        if source.now.overdraft or source.before.sums.overdraft or _covered_before(source):
            owing[source.consumer_id, source.asset_id].append(source)
    if not owing:
        return
    known = {source.billable_id for mine in owing.values() for source in mine}
    balances = _balances(list(owing), known, book_id)
    for place, mine in owing.items():
        _cover(mine, balances.get(place, ZERO))


def _cover(sources: list[Source], owed: Decimal) -> None:
    for source in sorted(sources, key=_latest_first):
        before = _covered_before(source)
        left = subtract(source.now.overdraft, add(source.before.sums.overdraft, before))
        standing = max(ZERO, min(left, owed)) if left > ZERO else left
        if left > ZERO:
            owed = subtract(owed, standing)
        source.covered = add(before, subtract(left, standing))
        source.now = source.now._replace(
            overdraft=subtract(source.now.overdraft, source.covered),
            paid=add(source.now.paid, source.covered),
        )


def _latest_first(source: Source) -> tuple[float, int]:
    return -source.period.starts_at.timestamp(), -source.billable_id


def _covered_before(source: Source) -> Decimal:
    if source.earlier and (written := source.earlier[0].details.get(COVERED)):
        return Decimal(written)
    return ZERO


def _balances(
    places: list[tuple[int, int]], known: Collection[int], book_id: int
) -> dict[tuple[int, int], Decimal]:
    """Return what overdrafts owe, less what later sources that are open have left there."""
    customers, assets = zip(*places, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _BALANCES,
            [arrays.whole(known), arrays.whole(customers), arrays.whole(assets), book_id],
        )
        return {(row[0], row[1]): row[2] for row in cursor.fetchall()}


# What was used last is owed first: what is open and not looked at is later than the others.
_BALANCES: Final = """
    SELECT a.customer_id, a.asset_id, greatest(0, b.debits - b.credits - coalesce((
        SELECT sum(greatest(0, p.left_there - o.billed[6]))
        FROM billing_billable o
        LEFT JOIN billing_accrual u ON u.id = o.accrual_id
        LEFT JOIN billing_charge c ON c.id = o.charge_id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(split_part(part, ':', 2)::numeric), 0) AS left_there
            FROM unnest(string_to_array(nullif(coalesce(u.taken, c.taken), ''), ',')) AS part
            WHERE split_part(part, ':', 1)::bigint = a.id) p
        WHERE o.customer_id = a.customer_id AND o.asset_id = a.asset_id
          AND o.settled_at IS NULL AND NOT o.id = ANY(%s::bigint[])), 0))
    FROM unnest(%s::bigint[], %s::bigint[]) AS n (customer_id, asset_id)
    JOIN ledger_account a ON a.customer_id = n.customer_id AND a.asset_id = n.asset_id
         AND a.book_id = %s AND a.purpose = 'overdraft'
    JOIN ledger_balance b ON b.account_id = a.id
"""
