"""What may be done with a wallet: credit issued into it, and moved to another one."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest

from ledger.admin.display import figures
from ledger.admin.fields import AssetField, CustomerField, InstantField
from ledger.admin.operations import Done, Operation, OperationForm
from wallets import grants, issuing
from wallets.admin import changes
from wallets.admin.changes import ReasonedForm
from wallets.admin.fields import CreditField, FeaturesField, WalletField, new_key, within
from wallets.admin.states import time_of
from wallets.models import CreditGrant, Wallet


class WalletForm(OperationForm):
    customer = CustomerField()
    asset = AssetField()
    key = forms.CharField(max_length=200)
    name = forms.CharField(max_length=200, required=False)
    is_shared = forms.BooleanField(
        required=False,
        label="Shared",
        help_text="Also pays for what the customer's descendants use.",
    )
    after_expiry = forms.ChoiceField(
        choices=[
            (Wallet.AfterExpiry.BREAKAGE, "Breakage: it has expired, like the rest"),
            (Wallet.AfterExpiry.REOPEN, "Reopen: it lives as long again as the lot did"),
        ],
        required=False,
        label="After expiry",
        help_text="What a correction returns to a lot that has expired meanwhile; for good.",
    )


class GrantForm(ReasonedForm):
    key = forms.CharField(
        max_length=200,
        initial=new_key,
        help_text="Your own reference; the same key issues the grant only once.",
    )
    amount = CreditField()
    funding = forms.ChoiceField(choices=CreditGrant.Funding.choices)
    priority = forms.IntegerField(
        initial=100, min_value=0, max_value=issuing.MAX_PRIORITY, help_text="Low burns first."
    )
    effective_at = InstantField(label="Effective (UTC)", required=False, help_text="Empty is now.")
    expires_at = InstantField(label="Expires (UTC)", required=False, help_text="Empty is never.")
    features = FeaturesField()
    cost_basis = forms.DecimalField(
        required=False,
        min_value=0,
        max_digits=38,
        decimal_places=issuing.COST_SCALE,
        help_text="Money paid per unit, in the book's base currency.",
    )
    name = forms.CharField(max_length=200, required=False)

    def prepare(self) -> None:
        super().prepare()
        self.fields["amount"].help_text = f"In {self.row.asset.code}."


class TransferForm(ReasonedForm):
    target = WalletField(label="To the wallet")
    amount = CreditField()

    def prepare(self) -> None:
        super().prepare()
        within(self, self.row)
        self.fields[
            "amount"
        ].help_text = f"In {self.row.asset.code}; from all that is effective, in burn order."


def _open(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    given["after_expiry"] = given["after_expiry"] or Wallet.AfterExpiry.BREAKAGE
    wallet = grants.open_wallet(at=time_of(given["customer"]), **given)
    return Done(message=f"Opened {wallet}.", row=wallet)


def _issue(request: HttpRequest, row: Wallet, given: dict[str, Any]) -> Done:
    terms = ("amount", "funding", "priority", "effective_at", "expires_at", "cost_basis", "name")
    return changes.submit(
        request,
        book=row.customer.book,
        operation="grant",
        arguments={
            "wallet": row,
            "feature_keys": given["features"],
            **{name: given[name] for name in terms},
        },
        given=given,
        done=f"Issued {given['key']}.",
        goes_on=True,
    )


def transfer(
    request: HttpRequest, wallet: Wallet, given: dict[str, Any], *, grant: CreditGrant | None = None
) -> Done:
    """Move credit to the wallet that was named, from one grant or in burn order."""
    target, moved = given["target"], figures(given["amount"], wallet.asset)
    return changes.submit(
        request,
        book=wallet.customer.book,
        operation="transfer",
        arguments={"source": wallet, "target": target, "amount": given["amount"], "grant": grant},
        given=given,
        done=f"{moved} {wallet.asset.code} moved to {target}.",
    )


OPEN: Final = Operation(
    name="add",
    label="Open a wallet",
    explanation="Prepaid credit of a customer in one asset.",
    permission="wallets.add_wallet",
    form=WalletForm,
    run=_open,
)
ISSUE: Final = Operation(
    name="issue",
    label="Issue a grant",
    explanation="Puts a block of credit into the wallet. Paid credit is taken from clearing, "
    "promotional credit is an expense. It first covers what the customer has overdrawn.",
    permission="wallets.add_creditgrant",
    form=GrantForm,
    run=_issue,
)
TRANSFER: Final = Operation(
    name="transfer",
    label="Transfer",
    explanation="Moves credit to another wallet of the same book and asset, lot by lot: priority, "
    "expiry, features and cost stay as they are. What is held stays.",
    permission="wallets.transfer_creditgrant",
    form=TransferForm,
    run=transfer,
    applies=lambda row: not row.origin,
)
