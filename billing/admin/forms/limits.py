"""Fields that limits ask for: labels and thresholds, each written in a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from ledger.money import text


class LabelsField(forms.CharField):
    """Labels of usage: ``model=gpt-5, region=eu``."""

    def __init__(self, **kwargs: Any) -> None:
        usual = {"required": False, "max_length": 2500, "help_text": "Like model=gpt-5, region=eu."}
        super().__init__(**{**usual, **kwargs})

    def clean(self, value: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        for part in _parts(super().clean(value)):
            name, is_given, label = (word.strip() for word in part.partition("="))
            if not is_given or not name or not label:
                raise ValidationError("Write each as name=value, with commas between them.")
            found[name] = label
        return found

    def prepare_value(self, value: Any) -> Any:
        return written_labels(value) if isinstance(value, Mapping) else value


class PercentsField(forms.CharField):
    """Percentages: ``80, 95``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "max_length": 300, **kwargs})

    def clean(self, value: Any) -> list[Decimal]:
        try:
            found = [Decimal(part.rstrip("% ")) for part in _parts(super().clean(value))]
        except InvalidOperation:
            raise ValidationError("Write numbers with commas between them, like 80, 95.") from None
        if not all(percent.is_finite() for percent in found):
            raise ValidationError("Write numbers with commas between them, like 80, 95.")
        return found

    def prepare_value(self, value: Any) -> Any:
        return written_percents(value) if isinstance(value, list) else value


def written_labels(labels: Mapping[str, str]) -> str:
    """
    Write labels as they are asked for.

    >>> written_labels({"model": "gpt-5", "region": "eu"})
    'model=gpt-5, region=eu'
    """
    return ", ".join(f"{name}={value}" for name, value in labels.items())


def written_percents(percents: Iterable[Decimal]) -> str:
    """
    Write thresholds as they are asked for.

    >>> written_percents([Decimal("80.000"), Decimal("95.5")])
    '80, 95.5'
    """
    return ", ".join(text(percent) for percent in percents)


def _parts(written: str) -> list[str]:
    return [part.strip() for part in written.split(",") if part.strip()]
