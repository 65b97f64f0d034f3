"""Usage paid from wallets, as the package above does it; and what the ledger then says."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from ledger import bulk, chart, posting
from ledger.models import Account, Asset, Balance, Customer, Transaction
from ledger.moves import Move
from tests import factories
from wallets import funding
from wallets.burndown import allocate
from wallets.models import CreditGrant


@transaction.atomic
def use(
    customer: Customer,
    amount: Decimal | int | str,
    *,
    at: datetime,
    asset: Asset | None = None,
    feature: str = "api",
    key: str = "",
) -> Transaction:
    """Post usage that happened at an instant: from lots, the rest as an overdraft."""
    asset = asset or factories.asset()
    debt = overdraft_of(customer, asset, at)
    revenue = chart.account(book=customer.book, purpose="usage_revenue", asset=asset, at=at)
    candidates = funding.lots_of(customer_ids=[customer.pk], since=at, until=at)
    funding.fill(candidates, bulk.lock([debt.pk, *candidates.lots]))

    pool = candidates.pool(customer.pk, asset.pk)
    paid = [
        (take.lot.account_id, take.amount) for take in allocate(pool, Decimal(amount), at, feature)
    ]
    rest = Decimal(amount) - sum(part for _, part in paid)
    paid += [(debt.pk, rest)] if rest else []
    return posting.post(
        book=customer.book,
        kind="spending",
        key=key or factories.name("usage"),
        effective_at=at,
        moves=[
            *funding.reclaims(candidates),
            *(Move(debit=payer, credit=revenue.pk, amount=part) for payer, part in paid),
        ],
    )


def overdraft_of(customer: Customer, asset: Asset, at: datetime) -> Account:
    return chart.account(
        book=customer.book, customer=customer, purpose="overdraft", asset=asset, at=at
    )


def left_in(grant: CreditGrant) -> Decimal:
    """Return what a lot holds, held or not."""
    balance = Balance.objects.get(pk=grant.account_id)
    return balance.credits - balance.debits


def owed_by(customer: Customer, asset: Asset | None = None) -> Decimal:
    """Return what a customer used beyond its credit."""
    asset = asset or factories.asset()
    balance = Balance.objects.filter(
        account__customer=customer, account__asset=asset, account__purpose="overdraft"
    ).first()
    return balance.debits - balance.credits if balance else Decimal(0)


def hold(grant: CreditGrant, amount: Decimal | int) -> None:
    """Set some of a lot aside."""
    Balance.objects.filter(pk=grant.account_id).update(held=amount)
