"""
Opening lots, set-based: rows, accounts and value of any number of grants in a few statements.

``grants`` issues one, ``schedules`` those that recur, ``transfers`` and ``adjustments`` parts of
others. The value comes from the book, or from another lot whose part the new one is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import connection

from ledger import arrays, bulk, chart, inputs
from ledger.errors import InvalidInputError
from ledger.money import exact
from ledger.moves import Move, Posting
from wallets import counterparts, overdraft, watches
from wallets.models import CreditGrant, Wallet

MAX_PRIORITY: Final = 32767
COST_SCALE: Final = 18  # places that a cost basis is kept to

# Keys of grants that come about here, by the word they begin with.
TOP_UP: Final = "topup"
OWN_KEYS: Final = ("adjust", "reopen", "schedule", TOP_UP, "transfer")


class Owner(NamedTuple):
    """A wallet, as far as a lot in it has to know."""

    wallet_id: int
    book_id: int
    customer_id: int
    asset_id: int
    asset_kind: str

    @property
    def payer(self) -> overdraft.Payer:
        """Return whose overdraft in what the wallet's credit covers."""
        return overdraft.Payer(self.customer_id, self.asset_id)


def owner_of(wallet: Wallet) -> Owner:
    """Return a wallet's owner; it has been read with its customer and asset."""
    customer = wallet.customer
    return Owner(wallet.pk, customer.book_id, customer.pk, wallet.asset_id, wallet.asset.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A grant to be opened, its terms checked."""

    owner: Owner
    key: str
    amount: Decimal
    funding: str
    effective_at: datetime
    priority: int = 100
    expires_at: datetime | None = None
    feature_keys: Sequence[str] = ()
    cost_basis: Decimal | None = None
    name: str = ""
    parent_id: int | None = None
    reason: str = ""
    lot_id: int | None = None  # the account of the lot that its value is a part of; none: new
    moved_at: datetime | None = None  # when the part moved; none: when the grant began

    def may_cover(self, at: datetime) -> bool:
        """Say whether it covers overdrafts at an instant."""
        return overdraft.may_cover(self, at)


def check(
    *, scale: int, amount: Decimal, funding: str, priority: int, cost_basis: Decimal | None
) -> None:
    """
    Check what all credit has to have.

    Raises:
        InvalidInputError: an amount not above zero, no such funding, out of range.
        PrecisionError: the amount is finer than the asset is kept.
    """
    if not exact(amount, scale) > 0:
        raise _refused("amount", amount, "grant more than zero")
    inputs.choice("funding", funding, CreditGrant.Funding.values)
    if not 0 <= priority <= MAX_PRIORITY:
        raise _refused("priority", priority, f"use 0 to {MAX_PRIORITY}")
    if cost_basis is not None and exact(cost_basis, COST_SCALE) < 0:
        raise _refused("cost_basis", cost_basis, "use zero or more")


def check_key(key: str, words: Collection[str] = OWN_KEYS) -> None:
    """
    Check that a caller's key is none that only grants, or changes of them, made here have.

    Raises:
        InvalidInputError: it begins like one of them.
    """
    if key.partition(":")[0] in words and ":" in key:
        raise _refused("key", key, f"begin it otherwise than {', '.join(words)}")


def _refused(field: str, value: object, remedy: str) -> InvalidInputError:
    return InvalidInputError(field=field, value=value, remedy=remedy)


def part_of(
    grant: CreditGrant, *, owner: Owner, key: str, amount: Decimal, at: datetime, reason: str
) -> Draft:
    """Return a draft for a part of a lot: funding, cost, life and features stay as they are."""
    return Draft(
        owner=owner,
        key=key,
        amount=amount,
        funding=grant.funding,
        priority=grant.priority,
        effective_at=max(grant.effective_at, at),
        expires_at=grant.expires_at,
        feature_keys=grant.feature_keys,
        cost_basis=grant.cost_basis,
        name=grant.name,
        parent_id=grant.pk,
        reason=reason,
        lot_id=grant.account_id,
        moved_at=at,
    )


def issue(
    drafts: Sequence[Draft], *, at: datetime, debts: Mapping[overdraft.Payer, overdraft.Debt]
) -> list[CreditGrant]:
    """
    Open the lots and give them their value, at ``at``; inside the caller's transaction.

    Unrestricted credit that is effective covers ``debts``, read under lock, first come first
    served. The caller has locked the lots that parts are taken from.
    """
    opened = _open(drafts, at)
    sources = _sources(drafts, at)
    postings = []
    for draft, grant in zip(drafts, opened, strict=True):
        lot_id = draft.lot_id or sources[_purse(draft)]
        moved_at = draft.moved_at or min(at, grant.effective_at)
        moves = [Move(lot_id, grant.account_id, grant.amount, moved_at, grant.pk)]
        debt = debts.get(draft.owner.payer)
        if debt is not None and debt.amount and draft.may_cover(at):
            moves.append(debt.cover(grant, grant.amount, at))
        postings.append(
            Posting(
                book_id=draft.owner.book_id,
                kind="grant",
                key=posting_key(grant.pk),
                effective_at=moved_at,
                moves=moves,
                memo=draft.reason or draft.name,
            )
        )
    bulk.post(postings=postings)
    lots = (draft.lot_id for draft in drafts if draft.lot_id is not None)
    watches.touch({*(grant.account_id for grant in opened), *lots})
    return opened


def posting_key(grant_id: int) -> str:
    """Return the key of the transaction that issued a grant."""
    return f"grant:{grant_id}"


def source_of(grant_ids: Collection[int]) -> dict[int, int]:
    """
    Return the account of the book that each grant's value came from.

    By the first entry of the grant, or of the one that it is the last part of.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SOURCES, [list(grant_ids)])
        return dict(cursor.fetchall())


_SOURCES: Final = """
    WITH RECURSIVE line AS (
        SELECT id AS grant_id, id, parent_id FROM wallets_creditgrant WHERE id = ANY(%s)
        UNION ALL
        SELECT line.grant_id, g.id, g.parent_id
        FROM line JOIN wallets_creditgrant g ON g.id = line.parent_id
    )
    SELECT line.grant_id, e.debit_account_id
    FROM line
    JOIN wallets_creditgrant g ON g.id = line.id
    JOIN wallets_wallet w ON w.id = g.wallet_id
    JOIN ledger_customer c ON c.id = w.customer_id
    JOIN ledger_transaction t ON t.book_id = c.book_id AND t.key = 'grant:' || line.id
    JOIN ledger_entry e ON e.id = t.id + 1
    WHERE line.parent_id IS NULL
"""


def _open(drafts: Sequence[Draft], at: datetime) -> list[CreditGrant]:
    ids = _next_ids(len(drafts))
    specs = [
        chart.Spec(
            draft.owner.book_id,
            draft.owner.customer_id,
            "credit_lot",
            draft.owner.asset_id,
            str(grant_id),
        )
        for draft, grant_id in zip(drafts, ids, strict=True)
    ]
    accounts = chart.accounts(specs, at=at)
    grants = [
        CreditGrant(
            id=grant_id,
            wallet_id=draft.owner.wallet_id,
            key=draft.key,
            account_id=accounts[spec],
            amount=draft.amount,
            funding=draft.funding,
            priority=draft.priority,
            effective_at=draft.effective_at,
            expires_at=draft.expires_at,
            feature_keys=list(draft.feature_keys),
            cost_basis=draft.cost_basis,
            name=draft.name,
            parent_id=draft.parent_id,
            reason=draft.reason,
            created_at=at,
        )
        for draft, grant_id, spec in zip(drafts, ids, specs, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, _columns(grants))
    return grants


def _columns(grants: Sequence[CreditGrant]) -> list[Any]:
    return [
        arrays.whole(grant.pk for grant in grants),
        arrays.whole(grant.wallet_id for grant in grants),
        arrays.texts(grant.key for grant in grants),
        arrays.whole(grant.account_id for grant in grants),
        arrays.exact(grant.amount for grant in grants),
        arrays.texts(grant.funding for grant in grants),
        arrays.whole(grant.priority for grant in grants),
        arrays.texts(grant.effective_at.isoformat() for grant in grants),
        [grant.expires_at for grant in grants],
        arrays.texts(arrays.texts(grant.feature_keys) for grant in grants),
        [grant.cost_basis for grant in grants],
        arrays.texts(grant.name for grant in grants),
        [grant.parent_id for grant in grants],
        arrays.texts(grant.reason for grant in grants),
        arrays.texts(grant.created_at.isoformat() for grant in grants),
    ]


_INSERT: Final = """
    INSERT INTO wallets_creditgrant (id, wallet_id, key, account_id, amount, funding, priority,
        effective_at, expires_at, feature_keys, cost_basis, name, parent_id, reason, created_at)
    SELECT id, wallet_id, key, account_id, amount, funding, priority, effective_at, expires_at,
           feature_keys::text[], cost_basis, name, parent_id, reason, created_at
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::numeric[], %s::text[],
                %s::smallint[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::numeric[],
                %s::text[], %s::bigint[], %s::text[], %s::timestamptz[])
         AS n (id, wallet_id, key, account_id, amount, funding, priority, effective_at, expires_at,
               feature_keys, cost_basis, name, parent_id, reason, created_at)
"""


def _next_ids(count: int) -> list[int]:
    # Known before the rows are: the lots' accounts carry them.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('wallets_creditgrant', 'id'))"
            " FROM generate_series(1, %s)",
            [count],
        )
        return [row[0] for row in cursor.fetchall()]


def _purse(draft: Draft) -> chart.Spec:
    """Name the account of the book that new credit comes from."""
    owner = draft.owner
    purpose = counterparts.source(kind=owner.asset_kind, funding=draft.funding)
    return chart.Spec(owner.book_id, None, purpose, owner.asset_id)


def _sources(drafts: Sequence[Draft], at: datetime) -> dict[chart.Spec, int]:
    new = {_purse(draft) for draft in drafts if draft.lot_id is None}
    return chart.accounts(new, at=at) if new else {}
