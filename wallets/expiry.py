"""
Closing lots that have expired: what is left of them goes to breakage.

Nothing waits for this: an expired lot pays for no usage after its end and counts as expired in
every figure, whether the sweep has run or not. The sweep makes the ledger say so too. What it
posts is effective when the lot expired, and ``wallets.funding`` takes back from breakage what
usage from before that instant still needs when it arrives late.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from django.db import connection, transaction
from django.db.models import Min

from ledger import bulk, chart
from ledger.money import text
from ledger.moves import Move, Posting
from wallets import counterparts, issuing, watches
from wallets.holds import parts
from wallets.issuing import Draft
from wallets.models import CreditGrant

_CHUNK: Final = 500


def close_expired(*, at: datetime, limit: int | None = None, customer_id: int | None = None) -> int:
    """
    Close the lots that have expired by ``at``, and return how many were closed or emptied.

    Those of one customer, or of all that live by the real time; who lives by a test clock closes
    lots as that advances, but what reaches closed ones is followed here too, at the clock's time.

    What is left, less what is held, goes to breakage (paid), takes back the expense
    (promotional) or returns to the units granted (units). What reaches a closed or voided lot
    afterwards, a released hold or a correction, follows it on the next run; a wallet that reopens
    has it as credit again, which lives as long as the lot did. Safe to run twice, late, or
    concurrently; each chunk is committed by itself.
    """
    closed = _close_all(_DUE, at, limit, customer_id)
    rest = None if limit is None else limit - closed
    return closed + _close_all(_LEFT_BEHIND, at, rest, customer_id)


def follow(*, at: datetime, customer_id: int) -> int:
    """Empty a customer's closed lots once more, as ``close_expired`` does; return how many."""
    return _close_all(_LEFT_BEHIND, at, None, customer_id)


def _close_all(query: str, at: datetime, limit: int | None, customer_id: int | None) -> int:
    done = 0
    while limit is None or done < limit:
        chunk = _CHUNK if limit is None else min(_CHUNK, limit - done)
        with transaction.atomic():
            closed = _close(_locked(query, at, chunk, customer_id), at)
        done += closed
        if not closed:
            break
    return done


def all_next(*, customer_ids: Collection[int]) -> dict[int, datetime]:
    """Return when customers' lots expire next, of those who have any left to close. One query."""
    open_ = CreditGrant.objects.filter(
        wallet__customer__in=customer_ids,
        expired_at=None,
        voided_at=None,
        expires_at__isnull=False,
    )
    found = open_.values("wallet__customer").annotate(next=Min("expires_at")).order_by()
    return dict(found.values_list("wallet__customer", "next"))


class _Expired(NamedTuple):
    """A grant to be closed, its row locked."""

    grant_id: int
    account_id: int
    funding: str
    expires_at: datetime | None
    expired_at: datetime | None
    voided_at: datetime | None
    book_id: int
    asset_id: int
    asset_kind: str
    reopens: bool
    at: datetime  # the time that its customer lives by

    @property
    def is_reopened(self) -> bool:
        """Say whether what is left came after the lot was closed, and is credit again."""
        return self.reopens and self.voided_at is None and self.expired_at is not None


# Rows that somebody else is closing are left to them.
_GRANTS: Final = """
    SELECT g.id, g.account_id, g.funding, g.expires_at, g.expired_at, g.voided_at,
           c.book_id, w.asset_id, a.kind, w.after_expiry = 'reopen',
           CASE WHEN %(customer)s::bigint IS NULL AND k.id IS NOT NULL THEN k.now_at
                ELSE %(at)s::timestamptz END
    FROM wallets_creditgrant g
    JOIN wallets_wallet w ON w.id = g.wallet_id
    JOIN ledger_customer c ON c.id = w.customer_id
    JOIN ledger_asset a ON a.id = w.asset_id
    LEFT JOIN ledger_testclock k ON k.id = c.clock_id
"""
# One customer's, or those of all who live by the real time.
_DUE: Final = f"""{_GRANTS}
    WHERE g.expires_at <= %(at)s AND g.expired_at IS NULL AND g.voided_at IS NULL
      AND CASE WHEN %(customer)s::bigint IS NULL THEN k.id IS NULL ELSE c.id = %(customer)s END
    ORDER BY g.expires_at, g.id LIMIT %(limit)s FOR NO KEY UPDATE OF g SKIP LOCKED
"""
_LEFT_BEHIND: Final = f"""{_GRANTS}
    JOIN ledger_balance b ON b.account_id = g.account_id
    WHERE (g.expired_at IS NOT NULL OR g.voided_at IS NOT NULL)
      AND b.credits - b.debits > b.held
      AND (%(customer)s::bigint IS NULL OR c.id = %(customer)s)
    ORDER BY g.id LIMIT %(limit)s FOR NO KEY UPDATE OF g SKIP LOCKED
"""


def _locked(query: str, at: datetime, limit: int, customer_id: int | None) -> list[_Expired]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"at": at, "customer": customer_id, "limit": limit})
        return [_Expired(*row) for row in cursor.fetchall()]


def _close(expired: Sequence[_Expired], at: datetime) -> int:
    locked = bulk.lock(grant.account_id for grant in expired)
    funds = parts.give_back_expired(locked, at=at)
    filled = [grant for grant in expired if funds[grant.account_id].available]
    takers = _takers(filled, at)
    postings = [
        _posting(grant, funds[grant.account_id], takers[grant.grant_id])
        for grant in filled
        if not grant.is_reopened
    ]
    if postings:
        bulk.post(postings=postings)
    _reopen([grant for grant in filled if grant.is_reopened], funds)
    closed = [grant.grant_id for grant in expired if grant.voided_at is None]
    CreditGrant.objects.filter(pk__in=closed, expired_at=None).update(expired_at=at)
    watches.touch([grant.account_id for grant in expired])
    return len(expired)


def _takers(expired: Sequence[_Expired], at: datetime) -> dict[int, int]:
    """Return the account of the book that takes what is left of each grant."""
    specs = {
        grant.grant_id: chart.Spec(
            grant.book_id,
            None,
            counterparts.sink(kind=grant.asset_kind, funding=grant.funding),
            grant.asset_id,
        )
        for grant in expired
        if grant.voided_at is None and not grant.is_reopened
    }
    accounts = chart.accounts(specs.values(), at=at) if specs else {}
    takers = {grant_id: accounts[spec] for grant_id, spec in specs.items()}
    voided = [grant.grant_id for grant in expired if grant.voided_at is not None]
    return takers | issuing.source_of(voided) if voided else takers


def _reopen(returned: Sequence[_Expired], funds: Mapping[int, bulk.Funds]) -> None:
    """Make credit again of what came to closed lots, for as long as those lived."""
    for at in sorted({one.at for one in returned}):  # the real time, and those of clocks
        drafts = _drafts([one for one in returned if one.at == at], funds, at)
        issuing.issue(drafts, at=at, debts={})


def _drafts(
    returned: Sequence[_Expired], funds: Mapping[int, bulk.Funds], at: datetime
) -> list[Draft]:
    ids = [one.grant_id for one in returned]
    grants = CreditGrant.objects.select_related("wallet__customer", "wallet__asset").in_bulk(ids)
    drafts = []
    for one in returned:
        grant, lot = grants[one.grant_id], funds[one.account_id]
        assert grant.expires_at is not None, "it was closed by it"
        assert lot.available is not None, "a lot has a floor"
        part = issuing.part_of(
            grant,
            owner=issuing.owner_of(grant.wallet),
            key=f"reopen:{grant.pk}:{text(lot.debits)}",
            amount=lot.available,
            at=at,
            reason="Returned after the grant had expired.",
        )
        drafts.append(replace(part, expires_at=at + (grant.expires_at - grant.effective_at)))
    return drafts


def _posting(grant: _Expired, funds: bulk.Funds, taker_id: int) -> Posting:
    kind = "expiry" if grant.voided_at is None else "void"
    effective_at = grant.voided_at or grant.expires_at
    assert effective_at is not None, "a grant without end was voided, or is not here"
    assert funds.available is not None, "a lot has a floor"
    key = f"{kind}:{grant.grant_id}"
    if grant.voided_at is not None or grant.expired_at is not None:
        key += f":{text(funds.debits)}"  # closed before; each time it is emptied, debits have grown
    move = Move(
        debit=grant.account_id, credit=taker_id, amount=funds.available, source_id=grant.grant_id
    )
    return Posting(
        book_id=grant.book_id, kind=kind, key=key, effective_at=effective_at, moves=[move]
    )
