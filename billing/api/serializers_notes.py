"""Credit and debit notes that somebody asks for, and dunning, in JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.dunning.steps import ACTS
from billing.models import DunningAct, Invoice
from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery

_AT: Final = "2026-03-12T12:00:00Z"
_ID: Final = r"^[0-9]{1,19}$"


class CreditedLineIn(Body):
    """A line that is given back: all of it unless an amount is given, in its price's terms."""

    line = serializers.RegexField(_ID)
    amount = Number(required=False, allow_null=True)

    example: ClassVar[dict[str, Any]] = {"line": "310", "amount": "20"}


class CreditNoteIn(Body):
    """What of a document is given back, and where that goes."""

    invoice = serializers.CharField(max_length=120)
    key = serializers.CharField(max_length=255, trim_whitespace=False)
    what = serializers.ChoiceField([("full", "full"), ("lines", "lines"), ("amount", "amount")])
    lines = CreditedLineIn(many=True, required=False, max_length=200)  # type: ignore[call-arg]
    amount = Number(required=False, allow_null=True, help_text="With its tax.")
    disposition = serializers.ChoiceField(
        Invoice.Disposition.choices, default=Invoice.Disposition.OFFSET
    )
    wallet = serializers.RegexField(
        _ID, required=False, allow_null=True, help_text="Makes credit of a credit balance."
    )
    reason = serializers.CharField(max_length=500)
    reason_code = serializers.CharField(max_length=40, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {
        "invoice": "INV-2026-000041",
        "key": "outage-2026-03-02",
        "what": "amount",
        "amount": "11.90",
        "disposition": "offset",
        "reason": "Outage of 2 March",
    }


class DebitLineIn(Body):
    """What is charged on top."""

    description = serializers.CharField(max_length=500)
    unit_price = Number()
    quantity = Number(default="1")
    product = serializers.CharField(max_length=100, default="", allow_blank=True)
    tax_code = serializers.CharField(max_length=100, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {
        "description": "Setup",
        "unit_price": "50",
        "quantity": "1",
        "product": "setup",
    }


class DebitNoteIn(Body):
    """What is charged on top of a document."""

    invoice = serializers.CharField(max_length=120)
    key = serializers.CharField(max_length=255, trim_whitespace=False)
    lines = DebitLineIn(many=True, max_length=100)  # type: ignore[call-arg]
    reason = serializers.CharField(max_length=500)

    example: ClassVar[dict[str, Any]] = {
        "invoice": "INV-2026-000041",
        "key": "setup-acme",
        "lines": [DebitLineIn.example],
        "reason": "The setup was forgotten",
    }


class DunningStepIn(Body):
    """What is done so many days after the due date."""

    after_days = serializers.IntegerField(min_value=1, max_value=3650)
    act = serializers.ChoiceField([(act, act) for act in ACTS])
    text = serializers.CharField(
        max_length=2000,
        default="",
        allow_blank=True,
        help_text="In place of the usual words, with {invoice}, {amount}, {due_date}, {days},"
        " {name}, {seller} and {reference} filled in.",
    )
    subject = serializers.CharField(max_length=200, default="", allow_blank=True)
    words = serializers.DictField(
        child=serializers.DictField(child=serializers.CharField(max_length=2000, allow_blank=True)),
        default=dict,
        help_text="The same by language, like de.",
    )

    example: ClassVar[dict[str, Any]] = {
        "after_days": 3,
        "act": "remind",
        "text": "{invoice} was due on {due_date}: perhaps it escaped your notice.",
        "subject": "A friendly reminder of {invoice}",
        "words": {"de": {"subject": "Freundliche Erinnerung an {invoice}"}},
    }


class DunningScheduleIn(Body):
    """A schedule, or a new version of it."""

    key = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=200, default="", allow_blank=True)
    steps = DunningStepIn(many=True, max_length=20)  # type: ignore[call-arg]
    minimums = serializers.DictField(
        child=serializers.CharField(max_length=40), default=dict, help_text="By currency."
    )
    is_default = serializers.BooleanField(default=False)

    example: ClassVar[dict[str, Any]] = {
        "key": "usual",
        "steps": [DunningStepIn.example],
        "minimums": {"EUR": "5"},
        "is_default": True,
    }


class DunningScheduleOut(serializers.Serializer[Any]):
    """A version of a schedule."""

    id = Id()
    key = serializers.CharField()
    version = serializers.IntegerField()
    name = serializers.CharField()
    steps = DunningStepIn(many=True)
    minimums = serializers.DictField(child=serializers.CharField())
    is_default = serializers.BooleanField()
    effective_from = Instant()
    effective_to = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "2",
        "key": "usual",
        "version": 1,
        "name": "",
        "steps": [DunningStepIn.example],
        "minimums": {"EUR": "5"},
        "is_default": True,
        "effective_from": _AT,
        "effective_to": None,
    }


class DunningScheduleQuery(PageQuery):
    """Which versions."""

    key = serializers.CharField(required=False, max_length=100)
    is_current = serializers.BooleanField(required=False, allow_null=True, default=None)


class DunningActOut(serializers.Serializer[Any]):
    """Something that was done to have a document paid."""

    act = serializers.ChoiceField(DunningAct.Act.choices)
    step = serializers.SerializerMethodField()
    at = Instant()
    cause = serializers.CharField()
    facts = serializers.DictField()

    example: ClassVar[dict[str, Any]] = {
        "act": "remind",
        "step": 1,
        "at": _AT,
        "cause": "dunning",
        "facts": {"open": "119", "text": ""},
    }

    def get_step(self, row: DunningAct) -> int | None:
        """Count steps from 1."""
        return None if row.position is None else row.position + 1


class DunningOut(serializers.Serializer[Any]):
    """Where an overdue document stands in its schedule."""

    invoice_id = Id(source="pk")
    invoice = serializers.CharField(source="invoice.number")
    payer = serializers.CharField(source="invoice.payer.key")
    open = Amount(source="invoice.open")
    currency = serializers.CharField(source="invoice.asset.code")
    schedule = serializers.CharField(source="schedule.key")
    version = serializers.IntegerField(source="schedule.version")
    steps_done = serializers.IntegerField(source="position")
    next_at = Instant(allow_null=True)
    paused_until = Instant(allow_null=True)
    promised_until = Instant(allow_null=True)
    promised_amount = Amount(allow_null=True)
    is_suspended = serializers.BooleanField()
    started_at = Instant()
    stopped_at = Instant(allow_null=True)
    stopped_because = serializers.CharField()
    acts = DunningActOut(many=True, source="acts.all")

    example: ClassVar[dict[str, Any]] = {
        "invoice_id": "41",
        "invoice": "INV-2026-000041",
        "payer": "acme",
        "open": "119",
        "currency": "EUR",
        "schedule": "usual",
        "version": 1,
        "steps_done": 1,
        "next_at": "2026-04-14T00:00:00Z",
        "paused_until": None,
        "promised_until": None,
        "promised_amount": None,
        "is_suspended": False,
        "started_at": _AT,
        "stopped_at": None,
        "stopped_because": "",
        "acts": [DunningActOut.example],
    }


class DunningQuery(PageQuery):
    """Which documents."""

    is_open = serializers.BooleanField(required=False, allow_null=True, default=True)


class PauseIn(Body):
    """Until when nothing is asked for, and why."""

    until = Instant()
    reason = serializers.CharField(max_length=500)

    example: ClassVar[dict[str, Any]] = {"until": _AT, "reason": "They look into it"}


class PromiseIn(Body):
    """What the payer promised: all that is open unless an amount is given."""

    until = Instant()
    amount = Number(required=False, allow_null=True)
    reason = serializers.CharField(max_length=500)
    lifts = serializers.BooleanField(default=False, help_text="Gives access back at once.")

    example: ClassVar[dict[str, Any]] = {"until": _AT, "reason": "On the phone"}


class DunningEndIn(Body):
    """Why nothing more is asked for."""

    reason = serializers.CharField(max_length=500)

    example: ClassVar[dict[str, Any]] = {"reason": "Goodwill"}
