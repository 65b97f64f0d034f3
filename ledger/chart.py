"""
The chart of accounts: which accounts there are for which purpose, opened when first needed.

Opening is idempotent and set-based. Accounts never change, so what is committed may be remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection, transaction

from ledger.errors import InvalidInputError
from ledger.models import Account, Asset, Book, Customer

_REMEMBERED: Final = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What an account is for: its type in the statements, and how its balance is kept."""

    type: str
    is_customers: bool = False
    is_guarded: bool = False
    orientation: int = 1  # +1: debits are what it holds; -1: credits are
    floor: Decimal | None = None


def _guarded(type_: str, orientation: int = -1, floor: Decimal | None = None) -> Purpose:
    return Purpose(
        type=type_, is_customers=True, is_guarded=True, orientation=orientation, floor=floor
    )


PURPOSES: Final[Mapping[str, Purpose]] = {
    # Customers' accounts. A lot cannot be overdrawn; the floor of unbilled is the credit limit.
    "credit_lot": _guarded("liability", floor=Decimal(0)),
    "captured": _guarded("liability", floor=Decimal(0)),  # waits for the usage it pays for
    "unbilled": _guarded("asset"),
    "overdraft": _guarded("asset"),
    "receivable": _guarded("asset", orientation=1),
    "unapplied_cash": _guarded("liability", floor=Decimal(0)),
    "refunds_payable": _guarded("liability", floor=Decimal(0)),
    "consumed_units": Purpose(type="memo", is_customers=True),
    # The book's own ("house") accounts: never locked, read through deltas.
    "metered_units": Purpose(type="memo", orientation=-1),
    "granted_units": Purpose(type="memo"),
    "burned_units": Purpose(type="memo", orientation=-1),  # of units granted: what usage took
    "usage_revenue": Purpose(type="income", orientation=-1),
    "deferred_revenue": Purpose(type="liability", orientation=-1),  # fees paid in advance
    "subscription_revenue": Purpose(type="income", orientation=-1),
    "commitment_revenue": Purpose(type="income", orientation=-1),  # minimums and true-ups
    "adjustment_revenue": Purpose(type="income", orientation=-1),  # of prices that were corrected
    "discounts": Purpose(type="income"),  # of coupons; lowers revenue
    "breakage_revenue": Purpose(type="income", orientation=-1),
    "one_off_revenue": Purpose(type="income", orientation=-1),
    "rebates": Purpose(type="income"),  # for volume, at the end of a term; lowers revenue
    "credit_notes": Purpose(type="income"),  # given by hand, by product; lowers revenue
    "included_tax": Purpose(type="income"),  # that prices had in them; lowers revenue
    "tax_payable": Purpose(type="liability", orientation=-1),  # by jurisdiction, category and rate
    "bad_debt": Purpose(type="expense"),
    "disputes": Purpose(type="asset"),  # money that a bank or card network holds back
    "promotional_credit": Purpose(type="expense"),
    "cost_of_revenue": Purpose(type="expense"),
    "accrued_provider_cost": Purpose(type="liability", orientation=-1),
    "rail_clearing": Purpose(type="asset"),
    "conversion": Purpose(type="liability", orientation=-1),  # money for credits, and the credits
    "bank": Purpose(type="asset"),
    "payment_fees": Purpose(type="expense"),
    "rounding": Purpose(type="expense"),
    "opening_balance": Purpose(type="equity", orientation=-1),
}


class Spec(NamedTuple):
    """Names one account: whose, for what, in which asset, and which of several."""

    book_id: int
    customer_id: int | None
    purpose: str
    asset_id: int
    discriminator: str = ""


_known: dict[Spec, int] = {}


def account(
    *,
    book: Book,
    purpose: str,
    asset: Asset,
    at: datetime,
    customer: Customer | None = None,
    discriminator: str = "",
) -> Account:
    """Return the account for a purpose, opening it at ``at`` if there is none yet."""
    spec = Spec(book.pk, customer.pk if customer else None, purpose, asset.pk, discriminator)
    return Account.objects.select_related("asset").get(pk=accounts([spec], at=at)[spec])


def accounts(specs: Iterable[Spec], *, at: datetime) -> dict[Spec, int]:
    """
    Return the numbers of the accounts named, opening those that don't exist yet.

    Two queries when all exist, none when all are remembered.

    Raises:
        InvalidInputError: an unknown purpose, or one that is not for this kind of owner.
    """
    wanted = set(specs)
    found = {spec: number for spec in wanted if (number := _known.get(spec)) is not None}
    if missing := wanted - found.keys():
        fresh = _find(missing)
        if unopened := sorted(missing - fresh.keys(), key=_order):
            _open(unopened, at=at)
            fresh |= _find(set(unopened))
        # Remembered only once committed: what is rolled back was never there.
        transaction.on_commit(lambda: _remember(fresh))
        found |= fresh
    return found


def forget() -> None:
    """Drop what is remembered (for tests that empty the database)."""
    _known.clear()


def _remember(found: Mapping[Spec, int]) -> None:
    if len(_known) > _REMEMBERED:
        _known.clear()
    _known.update(found)


def _order(spec: Spec) -> tuple[int, int, str, int, str]:
    return (spec.book_id, spec.customer_id or 0, spec.purpose, spec.asset_id, spec.discriminator)


def _columns(specs: Iterable[Spec]) -> list[list[object]]:
    return [list(column) for column in zip(*specs, strict=True)]


def _find(specs: set[Spec]) -> dict[Spec, int]:
    house = [spec for spec in specs if spec.customer_id is None]
    customers = [spec for spec in specs if spec.customer_id is not None]
    return _found(_HOUSE_ACCOUNTS, house) | _found(_CUSTOMERS_ACCOUNTS, customers)


def _found(query: str, specs: list[Spec]) -> dict[Spec, int]:
    if not specs:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(query, _columns(specs))
        return {Spec(*row[:5]): row[5] for row in cursor.fetchall()}


_CUSTOMERS_ACCOUNTS: Final = """
    SELECT a.book_id, a.customer_id, a.purpose, a.asset_id, a.discriminator, a.id
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::text[])
         AS s (book_id, customer_id, purpose, asset_id, discriminator)
    JOIN ledger_account a ON a.book_id = s.book_id AND a.customer_id = s.customer_id
         AND a.purpose = s.purpose AND a.asset_id = s.asset_id AND a.discriminator = s.discriminator
"""
# "IS NOT DISTINCT FROM" for both would keep the index from being used.
_HOUSE_ACCOUNTS: Final = _CUSTOMERS_ACCOUNTS.replace(
    "a.customer_id = s.customer_id", "a.customer_id IS NULL"
)
_OPEN: Final = """
    WITH opened AS (
        INSERT INTO ledger_account
            (id, book_id, customer_id, purpose, asset_id, discriminator, type, opened_at)
        SELECT ((s.customer_id IS NOT NULL)::integer::bigint << 62) | (s.book_id << 48)
               | (s.asset_id << 32) | nextval('ledger_account_seq'),
               s.book_id, s.customer_id, s.purpose, s.asset_id, s.discriminator,
               CASE WHEN a.kind = 'unit' THEN 'memo' ELSE s.type END, %s
        FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[])
             AS s (book_id, customer_id, purpose, asset_id, discriminator, type)
        JOIN ledger_asset a ON a.id = s.asset_id
        ON CONFLICT DO NOTHING
        RETURNING id, purpose
    )
    INSERT INTO ledger_balance
        (account_id, is_guarded, orientation, floor, debits, credits, held, version)
    SELECT o.id, p.is_guarded, p.orientation, p.floor, 0, 0, 0, 0
    FROM opened o
    JOIN unnest(%s::text[], %s::boolean[], %s::smallint[], %s::numeric[])
         AS p (purpose, is_guarded, orientation, floor) ON p.purpose = o.purpose
"""


def _open(specs: list[Spec], *, at: datetime) -> None:
    _check_owners(specs)
    types = [PURPOSES[spec.purpose].type for spec in specs]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_OPEN, [at, *_columns(specs), types, *_purpose_columns()])


def _purpose_columns() -> list[list[object]]:
    return [
        list(PURPOSES),
        [purpose.is_guarded for purpose in PURPOSES.values()],
        [purpose.orientation for purpose in PURPOSES.values()],
        [purpose.floor for purpose in PURPOSES.values()],
    ]


def _check_owners(specs: list[Spec]) -> None:
    for spec in specs:
        purpose = PURPOSES.get(spec.purpose)
        if purpose is None:
            raise InvalidInputError(
                field="purpose", value=spec.purpose, remedy=f"use one of {', '.join(PURPOSES)}"
            )
        if purpose.is_customers != (spec.customer_id is not None):
            owner = "a customer" if purpose.is_customers else "the book"
            raise InvalidInputError(
                field="customer",
                value=spec.customer_id,
                remedy=f"{spec.purpose} belongs to {owner}",
            )
