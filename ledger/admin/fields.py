"""Form fields that operations share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from django import forms
from django.core.exceptions import ValidationError

from ledger.models import Asset, Book, Customer

if TYPE_CHECKING:
    _ModelChoiceField: TypeAlias = forms.ModelChoiceField[Any]
else:
    _ModelChoiceField = forms.ModelChoiceField


class InstantField(forms.DateTimeField):
    """A point in time, asked for in UTC."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(
            format="%Y-%m-%dT%H:%M:%S", attrs={"type": "datetime-local", "step": "1"}
        )
        super().__init__(widget=widget, **{"label": "At (UTC)", **kwargs})


class BookField(_ModelChoiceField):
    """One of the few books."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Book.objects.all(), **{"empty_label": None, **kwargs})


class AssetField(_ModelChoiceField):
    """An asset, of some kinds if they are named."""

    def __init__(self, *kinds: str, **kwargs: Any) -> None:
        assets = Asset.objects.filter(kind__in=kinds) if kinds else Asset.objects.all()
        super().__init__(assets, **kwargs)


class CustomerField(forms.CharField):
    """A customer by its key; ``book:key`` where several books have the key."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"help_text": "The customer's key.", **kwargs})

    def prepare_value(self, value: Any) -> Any:
        return value.key if isinstance(value, Customer) else value

    def clean(self, value: Any) -> Customer | None:
        text = super().clean(value)
        if not text:
            return None
        found: list[Customer] = list(self._found(text)[:2])
        if not found:
            raise ValidationError("There is no customer with this key.")
        if len(found) > 1:
            raise ValidationError("Several books have this key: write it as book:key.")
        return found[0]

    def _found(self, text: str) -> Any:
        customers = Customer.objects.select_related("book")
        exact = customers.filter(key=text)
        book, colon, key = text.partition(":")
        named = customers.filter(book__key=book, key=key)
        return named if colon and not exact.exists() else exact


class JsonField(forms.JSONField):
    """An object in JSON, in a small monospaced box."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 4, "cols": 60, "class": "vLargeTextField"})
        super().__init__(**{"widget": widget, "required": False, **kwargs})

    def clean(self, value: Any) -> dict[str, Any]:
        cleaned = super().clean(value)
        if cleaned is None:
            return {}
        if not isinstance(cleaned, dict):
            raise ValidationError("Write an object: {…}.")
        return cleaned


class ReasonField(forms.CharField):
    """Why something is done; kept with what it posts."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 2, "cols": 60, "class": "vLargeTextField"})
        super().__init__(**{"label": "Reason", "max_length": 500, "widget": widget, **kwargs})
