"""What pages about money share: amounts with their currency, times of payers, tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.timezone import now

from billing import payments
from billing.models import Allocation, Invoice, Unapplied
from billing.payments.policies import Proposal
from ledger import clocks
from ledger.admin.display import amount, badge, instant, link
from ledger.admin.tables import Table, number
from ledger.models import Asset, Customer
from ledger.money import ZERO

_MOST: Final = 200


class MoneyField(forms.DecimalField):
    """An amount of money above zero."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_digits": 38, "decimal_places": 12, **kwargs})

    def clean(self, value: Any) -> Decimal | None:
        given: Decimal | None = super().clean(value)
        if given is not None and given <= ZERO:
            raise ValidationError("Write an amount above zero.")
        return given


def time_of(payer: Customer) -> datetime:
    """Return what time it is for a payer."""
    return clocks.now_of(payer, now())


def owed_by(money: Unapplied) -> list[Invoice]:
    """Return what the owner of money owes in its currency, the oldest due first."""
    rows = Invoice.objects.filter(payer=money.payer_id, asset=money.asset_id, open__gt=0)
    rows = rows.exclude(number="").exclude(kind=Invoice.Kind.CREDIT_NOTE)
    return list(rows.select_related("asset").order_by("due_date", "pk")[:_MOST])


def proposed(money: Unapplied) -> list[Proposal]:
    """Return what money may be for, the surest first."""
    return payments.proposals(
        payer=money.payer,
        asset=money.asset,
        amount=payments.left_of(money),
        reference=money.payment.reference if money.payment else "",
    )


def proposals(money: Unapplied) -> Table:
    """Show what money may be for, and why."""
    numbers = dict(Invoice.objects.filter(payer=money.payer_id).values_list("pk", "number"))
    rows = [
        (
            badge(one.why, "good" if one.why in {"reference", "amount"} else ""),
            ", ".join(numbers.get(share.invoice_id, "") for share in one.shares),
            amount(sum((share.amount for share in one.shares), ZERO), money.asset),
        )
        for one in proposed(money)
    ]
    columns = ("Why", "Documents", number("Amount"))
    return Table(title="What it may be for", columns=columns, rows=rows, empty="Nothing is owed.")


def allocations(rows: Iterable[Allocation], asset: Asset) -> Table:
    """Show what settled a document, or where money went."""
    columns = ("When", "What", "Document", number("Amount"), "Why", "By")
    shown = [
        (
            instant(row.at),
            row.get_kind_display().replace("_", " ").lower()
            + (", taken back" if row.reverses_id else ""),
            link(row.invoice or row.note),
            amount(row.amount, asset),
            row.reason or row.policy,
            row.cause,
        )
        for row in rows
    ]
    return Table(title="Where it went", columns=columns, rows=shown, empty="Nowhere yet.")
