"""
What was promised to be spent: how far it is drawn down, what was charged for it, what came back.

Commitments of contracts, and the minimums of subscriptions beside them. Prepaid commitments are
credit: what lapses of that is breakage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import Sum

from billing import contracts
from billing.models import Charge, ChargeChange, Contract
from billing.reports import ties
from billing.reports.ties import Tie
from ledger.models import Book
from ledger.money import ZERO, add, negate, subtract

_OF_COMMITMENTS: Final = (Charge.Kind.MINIMUM, Charge.Kind.TRUE_UP, Charge.Kind.OVERAGE)
_REVENUE: Final = "commitment_revenue"
_REBATES: Final = "rebates"
_REPORT: Final = "commitments"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentRow:
    """One contract as of an instant."""

    customer: str
    contract: str
    asset: str
    committed: Decimal
    drawn: Decimal
    remaining: Decimal
    true_up: Decimal  # charged so far
    overage: Decimal
    rebate: Decimal  # given back so far, above zero


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentReport:
    """All contracts whose term has begun; minimums and breakage by asset."""

    rows: list[CommitmentRow]
    minimums: dict[str, Decimal]
    breakage: dict[str, Decimal]
    ties: list[Tie]


def commitments(*, book: Book, at: datetime) -> CommitmentReport:
    """
    Return where commitments stand, as of an instant.

    Raises:
        OutOfBalanceError: debits and credits of an asset differ.
    """
    changes = ChargeChange.objects.filter(charge__book=book, effective_at__lt=at)
    changes = changes.exclude(reason="earned")
    found = Contract.objects.filter(book=book, starts_at__lt=at).select_related(
        "book", "customer", "asset"
    )
    charged = _by_contract(changes.filter(charge__contract__in=found))
    rows = [_row(contract, at, charged) for contract in found.order_by("customer__key", "key")]
    of_kinds = changes.filter(charge__kind__in=(*_OF_COMMITMENTS, Charge.Kind.REBATE))
    sums = of_kinds.values_list("charge__kind", "charge__asset__code").annotate(sum=Sum("amount"))
    said: defaultdict[ties.Place, Decimal] = defaultdict(lambda: ZERO)
    minimums: dict[str, Decimal] = {}
    for kind, asset, amount in sums.order_by():
        place = (_REBATES if kind == Charge.Kind.REBATE else _REVENUE), asset
        said[place] = subtract(said[place], amount)
        if kind == Charge.Kind.MINIMUM:
            minimums[asset] = amount
    held = ties.held(book, at)
    return CommitmentReport(
        rows=rows,
        minimums=minimums,
        breakage={
            asset: negate(amount)
            for (purpose, asset), amount in held.items()
            if purpose == "breakage_revenue" and amount
        },
        ties=ties.tie(_REPORT, said, held, (_REVENUE, _REBATES)),
    )


def _by_contract(changes: object) -> Mapping[tuple[int, str], Decimal]:
    found: dict[tuple[int, str], Decimal] = {}
    rows = changes.values_list("charge__contract_id", "charge__kind")  # type: ignore[attr-defined]
    for contract, kind, amount in rows.annotate(sum=Sum("amount")).order_by():
        found[contract, kind] = add(found.get((contract, kind), ZERO), amount)
    return found


def _row(
    contract: Contract, at: datetime, charged: Mapping[tuple[int, str], Decimal]
) -> CommitmentRow:
    standing = contracts.balance(contract=contract, at=at, is_past=True)
    return CommitmentRow(
        customer=contract.customer.key,
        contract=contract.key,
        asset=contract.asset.code,
        committed=standing.committed,
        drawn=standing.drawn,
        remaining=standing.remaining,
        true_up=charged.get((contract.pk, Charge.Kind.TRUE_UP), ZERO),
        overage=charged.get((contract.pk, Charge.Kind.OVERAGE), ZERO),
        rebate=negate(charged.get((contract.pk, Charge.Kind.REBATE), ZERO)),
    )
