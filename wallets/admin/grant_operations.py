"""What may be done with a grant: adjusted, moved, voided; with a reason, large ones by two."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest

from ledger.admin.display import figures
from ledger.admin.operations import Done, Operation
from wallets.admin import changes, wallet_operations
from wallets.admin.changes import ReasonedForm
from wallets.admin.fields import CreditField, within
from wallets.admin.states import time_of
from wallets.models import CreditGrant


class AdjustForm(ReasonedForm):
    direction = forms.ChoiceField(
        choices=[("more", "Give more"), ("less", "Take from what is unused")],
        widget=forms.RadioSelect,
        initial="more",
        label="Do",
    )
    amount = CreditField()

    def prepare(self) -> None:
        super().prepare()
        self.fields["amount"].help_text = f"In {self.row.wallet.asset.code}."


class TransferForm(wallet_operations.TransferForm):
    def prepare(self) -> None:
        ReasonedForm.prepare(self)
        wallet = self.row.wallet
        within(self, wallet)
        self.fields["amount"].help_text = f"In {wallet.asset.code}; from this grant only."


def _adjust(request: HttpRequest, row: CreditGrant, given: dict[str, Any]) -> Done:
    is_more = given["direction"] == "more"
    change = given["amount"] if is_more else given["amount"].copy_negate()
    shown = f"{figures(given['amount'], row.wallet.asset)} {row.wallet.asset.code}"
    return changes.submit(
        request,
        book=row.wallet.customer.book,
        operation="adjust",
        arguments={"grant": row, "amount": change},
        given=given,
        done=f"{shown} {'added to' if is_more else 'taken from'} {row.key}.",
    )


def _void(request: HttpRequest, row: CreditGrant, given: dict[str, Any]) -> Done:
    return changes.submit(
        request,
        book=row.wallet.customer.book,
        operation="void",
        arguments={"grant": row},
        given=given,
        done=f"Voided {row.key}.",
    )


def _transfer(request: HttpRequest, row: CreditGrant, given: dict[str, Any]) -> Done:
    return wallet_operations.transfer(request, row.wallet, given, grant=row)


def _is_open(row: CreditGrant) -> bool:
    is_over = row.expires_at is not None and row.expires_at <= time_of(row.wallet.customer)
    return row.voided_at is None and row.expired_at is None and not is_over


ADJUST: Final = Operation(
    name="adjust",
    label="Adjust",
    explanation="More is a grant beside it on the same terms. Less is split off and voided at "
    "once; what is held cannot be taken. What it was issued for stays on record.",
    permission="wallets.adjust_creditgrant",
    form=AdjustForm,
    run=_adjust,
    applies=_is_open,
)
TRANSFER: Final = Operation(
    name="transfer",
    label="Transfer",
    explanation=wallet_operations.TRANSFER.explanation,
    permission=wallet_operations.TRANSFER.permission,
    form=TransferForm,
    run=_transfer,
    applies=lambda row: _is_open(row) and not row.wallet.origin,
)
VOID: Final = Operation(
    name="void",
    label="Void",
    explanation="Returns what is unused to where it came from, for good; what was used stays used.",
    permission="wallets.void_creditgrant",
    form=ReasonedForm,
    run=_void,
    applies=_is_open,
    is_grave=True,
)
