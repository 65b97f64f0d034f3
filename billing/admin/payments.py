"""Payments and unapplied cash: recorded, matched with proposals, taken back, paid back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing import payments
from billing.admin import money
from billing.admin.money import MoneyField, time_of
from billing.models import Invoice, Payment, Unapplied
from billing.payments import locking, policies
from billing.payments.recording import WAYS
from ledger.admin import transactions
from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.display import amount, badge, figures, instant, link
from ledger.admin.fields import AssetField, CustomerField, InstantField, ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.models import Asset
from ledger.money import text
from wallets.admin import changes
from wallets.admin.changes import ReasonedForm
from wallets.admin.fields import new_key

_OLDEST: Final = "oldest"
_CHOSEN: Final = "chosen"
_DOCUMENT: Final = "document_"  # begins the name of a field


class RecordForm(OperationForm):
    payer = CustomerField()
    currency = AssetField(Asset.Kind.CURRENCY)
    amount = MoneyField()
    method = forms.ChoiceField(choices=Payment.Method.choices)
    received_at = InstantField(label="Received (UTC)", initial=now)
    reference = forms.CharField(max_length=1000, required=False, help_text="As the payer wrote it.")
    rail = forms.CharField(max_length=100, required=False, help_text="Which account or processor.")
    external_id = forms.CharField(
        max_length=255, required=False, help_text="What that calls it: recorded only once."
    )
    key = forms.CharField(max_length=255, initial=new_key, help_text="Your own reference.")
    allocate = forms.ChoiceField(
        label="Give it to", choices=[(way, way.replace("_", " ")) for way in WAYS]
    )


class MatchForm(OperationForm):
    to = forms.ChoiceField(label="Give it to", widget=forms.RadioSelect, initial=_CHOSEN)

    def prepare(self) -> None:
        field = self.fields["to"]
        assert isinstance(field, forms.ChoiceField)
        named = {one.pk: one for one in money.owed_by(self.row)}
        offered = [(_OLDEST, "The oldest due first")]
        for place, proposal in enumerate(money.proposed(self.row)):
            numbers = [
                named[share.invoice_id].number
                for share in proposal.shares
                if share.invoice_id in named
            ]
            offered.insert(place, (f"proposal:{place}", f"{proposal.why}: {', '.join(numbers)}"))
        field.choices = [*offered, (_CHOSEN, "The amounts below")]
        likely = self._likely(list(named.values()))
        for pk, one in named.items():
            self.fields[f"{_DOCUMENT}{pk}"] = MoneyField(
                label=one.number,
                required=False,
                initial=likely.get(pk),
                help_text=f"{figures(one.open, one.asset)} open, due {one.due_date}.",
            )

    def _likely(self, owed: list[Invoice]) -> dict[int, str]:
        """Return what the surest proposal gives to each document; none: to the oldest first."""
        shares: Sequence[policies.Share]
        if found := money.proposed(self.row):
            shares = found[0].shares
        else:
            documents = [locking.as_open(one) for one in owed]
            shares = policies.oldest_first(payments.left_of(self.row), documents)
        return {share.invoice_id: text(share.amount) for share in shares}


class MatchPaymentForm(MatchForm):
    """The same, of a payment."""

    def __init__(self, *args: Any, row: Payment, **kwargs: Any) -> None:
        super().__init__(*args, row=row.money, **kwargs)


class ReverseForm(OperationForm):
    reason = ReasonField(help_text="As the bank gave it.")


class DisputeForm(OperationForm):
    key = forms.CharField(max_length=255, initial=new_key)
    amount = MoneyField(required=False, help_text="All of it unless given.")
    fee = forms.DecimalField(min_value=0, initial=0, max_digits=38, decimal_places=12)
    external_id = forms.CharField(max_length=255, required=False, label="The rail's name of it")
    answer_by = InstantField(label="Answer by (UTC)", required=False)
    reason = ReasonField()


class RefundForm(ReasonedForm):
    amount = MoneyField(required=False, help_text="All that is left unless given.")
    rail = forms.CharField(max_length=100, required=False, help_text="Who sends it.")


def _record(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    payer, asset = given.pop("payer"), given.pop("currency")
    made = payments.record(
        payer=payer, asset=asset, at=time_of(payer), by=cause_of(request), **given
    )
    left = payments.left_of(made.money)
    said = f"{figures(left, asset)} is left of it." if left else "All of it was given to documents."
    return Done(message=said, row=made)


def _match(request: HttpRequest, row: Unapplied, given: dict[str, Any]) -> Done:
    parts = _parts(row, given)
    made = payments.allocate(source=row, parts=parts, by=cause_of(request), at=time_of(row.payer))
    served = len({one.invoice_id for one in made if one.invoice_id})
    documents = "1 document" if served == 1 else f"{served} documents"
    return Done(message=f"Given to {documents}.", row=row.payment or row)


def _parts(row: Unapplied, given: dict[str, Any]) -> list[tuple[int, Any]] | None:
    chosen = str(given["to"])
    if chosen == _OLDEST:
        return None
    if chosen.startswith("proposal:"):
        found = money.proposed(row)[int(chosen.partition(":")[2])]
        return [(share.invoice_id, share.amount) for share in found.shares]
    return [
        (int(name.removeprefix(_DOCUMENT)), wanted)
        for name, wanted in given.items()
        if name.startswith(_DOCUMENT) and wanted
    ]


def _reverse(request: HttpRequest, row: Payment, given: dict[str, Any]) -> Done:
    payments.reverse(
        payment=row,
        key=f"payment:{row.pk}:reversed",
        by=cause_of(request),
        at=time_of(row.payer),
        **given,
    )
    return Done(message=f"{row} was taken back; what it had paid is owed again.")


def _dispute(request: HttpRequest, row: Payment, given: dict[str, Any]) -> Done:
    made = payments.open_dispute(payment=row, by=cause_of(request), at=time_of(row.payer), **given)
    held = figures(made.amount, row.asset)
    return Done(message=f"{held} is held back until it is decided.", row=made)


def _refund(request: HttpRequest, row: Unapplied, given: dict[str, Any]) -> Done:
    return changes.submit(
        request,
        book=row.book,
        operation="payment.refund",
        arguments={"source": row, "amount": given["amount"], "rail": given["rail"]},
        given=given,
        done="The refund is requested.",
    )


def _has_left(row: Unapplied) -> bool:
    return payments.left_of(row) > 0


RECORD: Final = Operation(
    name="record",
    label="Record a payment",
    explanation="Money that has come: it is given to what its reference names, else to the only"
    " document of its amount, else to the oldest due.",
    permission="billing.record_payment",
    form=RecordForm,
    run=_record,
)
MATCH: Final = Operation(
    name="match",
    label="Match",
    explanation="Gives what is left of it to documents: as proposed, the oldest first, or the"
    " amounts that you choose.",
    permission="billing.record_payment",
    form=MatchForm,
    run=_match,
    applies=_has_left,
)
MATCH_PAYMENT: Final = Operation(
    name="match",
    label=MATCH.label,
    explanation=MATCH.explanation,
    permission=MATCH.permission,
    form=MatchPaymentForm,
    run=lambda request, row, given: _match(request, row.money, given),
    applies=lambda row: _has_left(row.money),
)
REVERSE: Final = Operation(
    name="reverse",
    label="Take back",
    explanation="It bounced, or was entered by mistake: what it had paid is open again; what was"
    " refunded of it the payer owes by a debit note.",
    permission="billing.record_payment",
    form=ReverseForm,
    run=_reverse,
    applies=lambda row: payments.taken_back(row.money) < row.amount,
    is_grave=True,
)
DISPUTE: Final = Operation(
    name="dispute",
    label="Dispute",
    explanation="The payer takes it back through a bank or card network, which holds the money"
    " until it is decided.",
    permission="billing.decide_dispute",
    form=DisputeForm,
    run=_dispute,
)
REFUND: Final = Operation(
    name="refund",
    label="Refund",
    explanation="Asks for what is left of it, or an amount, to be given back to the payer.",
    permission="billing.refund_payment",
    form=RefundForm,
    run=_refund,
    applies=_has_left,
)


@admin.register(Payment)
class PaymentAdmin(Listing):
    adding = RECORD
    fields = (
        ("name", "payer_link", "shown_amount", "shown_left"),
        ("method", "rail", "external_id", "key"),
        ("reference", "note", "shown_fee"),
        ("received", "recorded", "cause"),
    )
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = (
        "name", "payer_link", "shown_amount", "shown_left", "method", "reference", "received",
    )  # fmt: skip
    list_filter = (BookFilter, "method")
    operations = (MATCH_PAYMENT, REVERSE, DISPUTE)
    search_fields = ("key__istartswith", "external_id__istartswith", "payer__key__istartswith")
    search_help_text = "Beginning of its key, of the rail's name of it, or of the payer's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Payment.objects.select_related(
            "payer__clock", "asset", "book", "money__asset", "money__payer__clock"
        )

    def panels(self, request: HttpRequest, obj: Payment) -> dict[str, Any]:
        rows = obj.money.allocations.select_related("invoice", "note").order_by("pk")
        tables = [money.allocations(rows, obj.asset)]
        if payments.left_of(obj.money):
            tables.insert(0, money.proposals(obj.money))
        return {"tables": tables}

    @admin.display(description="payment")
    def name(self, row: Payment) -> str:
        return str(row)

    @admin.display(description="payer")
    def payer_link(self, row: Payment) -> SafeString:
        return link(row.payer)

    @admin.display(description="amount")
    def shown_amount(self, row: Payment) -> SafeString:
        return amount(row.amount, row.asset)

    @admin.display(description="fee")
    def shown_fee(self, row: Payment) -> SafeString:
        return amount(row.fee, row.asset)

    @admin.display(description="unapplied")
    def shown_left(self, row: Payment) -> SafeString:
        return link(row.money, figures(payments.left_of(row.money), row.asset))

    @admin.display(description="received")
    def received(self, row: Payment) -> SafeString:
        return instant(row.received_at)

    @admin.display(description="recorded")
    def recorded(self, row: Payment) -> SafeString:
        return instant(row.recorded_at)


class LeftFilter(admin.SimpleListFilter):
    """Money that something is left of, unless all is asked for."""

    title = "left"
    parameter_name = "left"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waits", "Waits for somebody"), ("all", "All, also what is used up")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "all":
            return queryset
        left = queryset.exclude(amount=F("applied") + F("returned"))
        return left.filter(waits=True) if self.value() == "waits" else left


@admin.register(Unapplied)
class UnappliedAdmin(Listing):
    fields = (
        ("source", "payer_link", "shown_waits"),
        ("shown_amount", "shown_left", "made"),
    )
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = ("source", "payer_link", "shown_amount", "shown_left", "shown_waits", "made")
    list_filter = (LeftFilter, BookFilter)
    operations = (MATCH, REFUND)
    search_fields = ("payer__key__istartswith",)
    search_help_text = "Beginning of the payer's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Unapplied.objects.select_related("payer__clock", "asset", "book", "payment", "note")

    def panels(self, request: HttpRequest, obj: Unapplied) -> dict[str, Any]:
        rows = obj.allocations.select_related("invoice", "note").order_by("pk")
        tables = [money.allocations(rows, obj.asset)]
        return {"tables": [money.proposals(obj), *tables] if _has_left(obj) else tables}

    @admin.display(description="of")
    def source(self, row: Unapplied) -> SafeString:
        return link(row.payment or row.note)

    @admin.display(description="payer")
    def payer_link(self, row: Unapplied) -> SafeString:
        return link(row.payer)

    @admin.display(description="amount")
    def shown_amount(self, row: Unapplied) -> SafeString:
        return amount(row.amount, row.asset)

    @admin.display(description="left")
    def shown_left(self, row: Unapplied) -> SafeString:
        return amount(payments.left_of(row), row.asset)

    @admin.display(description="for")
    def shown_waits(self, row: Unapplied) -> SafeString:
        return badge("somebody to say", "warn") if row.waits else badge("what falls due next")

    @admin.display(description="since")
    def made(self, row: Unapplied) -> SafeString:
        return instant(row.made_at)


transactions.register_corrected("payment", "Take the payment back.")
transactions.register_corrected("allocation", "Match the money anew.")
