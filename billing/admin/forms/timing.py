"""When a change takes effect, who makes it and why: what every change asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.timezone import now

from billing.models import Subscription
from billing.subscriptions.changes import IMMEDIATE, NEXT_CYCLE, Note, Timing
from ledger import clocks
from ledger.admin.base import cause_of
from ledger.admin.fields import InstantField, ReasonField
from ledger.admin.operations import OperationForm
from ledger.errors import DomainError

_AT = "at"


class ReasonedForm(OperationForm):
    reason = ReasonField(required=False)

    def refuse(self, error: DomainError) -> None:
        name = str(getattr(error, "field", "")).partition(".")[0]
        if name in self.fields:
            self.add_error(name, str(getattr(error, "remedy", error)))
        else:
            super().refuse(error)


class TimingForm(ReasonedForm):
    timing = forms.ChoiceField(
        label="When",
        choices=[(IMMEDIATE, "now"), (NEXT_CYCLE, "at the next cycle"), (_AT, "at an instant")],
    )
    instant = InstantField(required=False)
    field_order: Sequence[str] = ("timing", "instant", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["instant"].widget.attrs["data-shown-for"] = f"timing={_AT}"

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("timing") == _AT and not given.get("instant"):
            self.add_error("instant", "Say at which instant.")
        return given

    class Media:
        css = {"all": ["billing/admin.css"]}
        js = ["billing/choices.js"]


def timing_of(given: dict[str, Any]) -> Timing:
    """Return when a change takes effect, as the domain wants it."""
    if given["timing"] == _AT:
        instant: datetime = given["instant"]
        return instant
    return "next_billing_cycle" if given["timing"] == NEXT_CYCLE else "immediate"


def note_of(request: HttpRequest, row: Subscription, given: dict[str, Any]) -> Note:
    """Return what is recorded with a change: when, who and why."""
    at = clocks.now_of(row.customer, now())
    return Note(at=at, cause=cause_of(request), reason=given.get("reason") or "")
