"""Form fields about credit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from ledger.admin.base import row_number
from ledger.money import ZERO
from wallets.models import Wallet


def new_key() -> str:
    """Return a key for what somebody does by hand."""
    return f"admin-{uuid4().hex[:12]}"


class CreditField(forms.DecimalField):
    """An amount of credit above zero, as fine as it is kept."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_digits": 38, "decimal_places": 12, **kwargs})

    def clean(self, value: Any) -> Decimal | None:
        amount: Decimal | None = super().clean(value)
        if amount is not None and amount <= ZERO:
            raise ValidationError("Write an amount above zero.")
        return amount


class FeaturesField(forms.CharField):
    """Keys of features, with commas between them."""

    def __init__(self, **kwargs: Any) -> None:
        words = "Keys of the features it pays for, with commas; empty is all."
        super().__init__(**{"required": False, "help_text": words, **kwargs})

    def clean(self, value: Any) -> list[str]:
        return [key.strip() for key in super().clean(value).split(",") if key.strip()]


class WalletField(forms.CharField):
    """A wallet by its customer's key and its own, as ``acme/main``, or by its number."""

    book_id: int | None = None  # in which it has to be; any unless set

    def __init__(self, **kwargs: Any) -> None:
        words = "The customer's key and the wallet's, as acme/main; or the wallet's number."
        super().__init__(**{"help_text": words, **kwargs})

    def clean(self, value: Any) -> Wallet | None:
        text = super().clean(value)
        if not text:
            return None
        found = list(self._found(text)[:2])
        if not found:
            raise ValidationError("There is no such wallet.")
        if len(found) > 1:
            raise ValidationError("Several books have such a wallet: write its number.")
        return found[0]

    def _found(self, text: str) -> QuerySet[Wallet]:
        wallets = Wallet.objects.select_related("asset", "customer__book", "customer__clock")
        if self.book_id is not None:
            wallets = wallets.filter(customer__book=self.book_id)
        if (number := row_number(text)) is not None:
            return wallets.filter(pk=number)
        named = Q(pk__in=[])
        for place, letter in enumerate(text):
            if letter == "/":
                named |= Q(customer__key=text[:place], key=text[place + 1 :])
        return wallets.filter(named)


def within(form: forms.Form, wallet: Wallet) -> None:
    """Have a form's wallet fields name wallets of the same book as this one."""
    for field in form.fields.values():
        if isinstance(field, WalletField):
            field.book_id = wallet.customer.book_id
