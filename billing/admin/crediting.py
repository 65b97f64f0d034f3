"""The credit-note wizard: what is given back, how much, where to; debit notes and write-offs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from billing.admin.money import MoneyField, time_of
from billing.approving import what_of
from billing.charging.reading import exponent_of
from billing.invoicing import credit_notes, creditable, debit_notes
from billing.models import Invoice
from billing.payments.locking import NOT_PAYABLE
from ledger.admin import operations
from ledger.admin.base import cause_of
from ledger.admin.display import figures
from ledger.admin.fields import ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.money import text, total
from wallets.admin import changes
from wallets.admin.changes import ReasonedForm
from wallets.admin.fields import new_key

_LAST: Final = 3
_LINE: Final = "line_"
_WHATS: Final = (
    ("full", "All that may still be given back"),
    ("lines", "Some lines"),
    ("amount", "An amount, spread over the lines"),
)


class CreditForm(OperationForm):
    """Asks in three steps; what was said in those before goes along unseen."""

    step = forms.IntegerField(widget=forms.HiddenInput, initial=1, min_value=1, max_value=_LAST)
    key = forms.CharField(widget=forms.HiddenInput, max_length=160, initial=new_key)
    what = forms.ChoiceField(label="What is given back", choices=_WHATS, widget=forms.RadioSelect)
    amount = MoneyField(label="How much, with its tax")
    disposition = forms.ChoiceField(
        label="Where it goes",
        choices=Invoice.Disposition.choices,
        widget=forms.RadioSelect,
        initial=Invoice.Disposition.OFFSET,
        help_text="It first lowers what the document leaves to be paid.",
    )
    reason = ReasonField(max_length=300)

    def prepare(self) -> None:
        said = self.data if self.is_bound else self.initial
        self.at = min(max(int(str(said.get("step") or 1)), 1), _LAST)
        self.go = "Next" if self.at < _LAST else ""
        what = str(said.get("what") or "")
        self._ask_how_much(what)
        if self.at == 1:
            for name in ("disposition", "reason", "amount", *self._lines()):
                self.fields.pop(name, None)
            return
        self.fields["what"].widget = forms.HiddenInput()
        if self.at < _LAST:
            for name in ("disposition", "reason"):
                del self.fields[name]
            return
        for name in ("amount", *self._lines()):
            if name in self.fields:
                self.fields[name].widget = forms.HiddenInput()
        self._say_what_that_comes_to(said)

    def _ask_how_much(self, what: str) -> None:
        if what != "amount":
            del self.fields["amount"]
        if what == "lines":
            for rest in creditable.rests(self.row.pk, exponent_of(self.row.asset)):
                left = figures(rest.priced, self.row.asset)
                self.fields[f"{_LINE}{rest.line_id}"] = MoneyField(
                    label=rest.description, required=False, help_text=f"At most {left}."
                )

    def _lines(self) -> list[str]:
        return [name for name in self.fields if name.startswith(_LINE)]

    def _say_what_that_comes_to(self, said: Any) -> None:
        """Show what the note would come to beside the question where it goes."""
        given = credit_notes.preview(invoice=self.row, what=what_of(arguments(said)))
        net, tax = total(one.taxable for one in given), total(one.tax for one in given)
        code = self.row.asset.code
        words = f"{text(net)} {code} and {text(tax)} {code} tax are given back. "
        self.fields["disposition"].help_text = words + "It first lowers what is open."


def arguments(said: Any) -> dict[str, Any]:
    """Return what was said as approvals keep it."""
    lines = {
        name.removeprefix(_LINE): str(said[name])
        for name in said
        if name.startswith(_LINE) and said[name]
    }
    amount = said.get("amount")
    return {
        "what": str(said.get("what") or ""),
        "lines": lines or None,
        "amount": str(amount) if amount else None,
    }


def _credit(request: HttpRequest, row: Invoice, given: dict[str, Any]) -> Done | HttpResponse:
    step = given["step"]
    if step < _LAST:
        ahead = _LAST if given["what"] == "full" else step + 1
        kept = {name: _plain(value) for name, value in given.items() if value is not None}
        form = CreditForm(row=row, initial=kept | {"step": ahead})
        return operations.ask(admin.site.get_model_admin(Invoice), request, CREDIT, row, form)
    return changes.submit(
        request,
        book=row.book,
        operation="credit_note.issue",
        arguments={"invoice": row, "disposition": given["disposition"], **arguments(given)},
        given=given,
        done="The credit note is issued.",
    )


def _plain(value: Any) -> Any:
    return text(value) if isinstance(value, Decimal) else value


class WriteOffForm(ReasonedForm):
    amount = MoneyField(required=False, help_text="All that is open unless given.")
    relieves_tax = forms.BooleanField(
        required=False, initial=True, label="Its tax is not owed to the state any more"
    )


def _write_off(request: HttpRequest, row: Invoice, given: dict[str, Any]) -> Done:
    return changes.submit(
        request,
        book=row.book,
        operation="write_off",
        arguments={
            "invoice": row,
            "amount": given["amount"],
            "relieves_tax": given["relieves_tax"],
        },
        given=given,
        done=f"{row} is written off.",
    )


class DebitForm(ReasonedForm):
    description = forms.CharField(max_length=500)
    quantity = MoneyField(initial=1)
    unit_price = forms.DecimalField(min_value=0, max_digits=38, decimal_places=12)
    product = forms.CharField(
        max_length=100, required=False, help_text="Names the account of revenue it belongs to."
    )
    tax_code = forms.CharField(max_length=100, required=False, help_text="The usual unless given.")


def _debit(request: HttpRequest, row: Invoice, given: dict[str, Any]) -> Done:
    reason, key = given.pop("reason"), given.pop("key")
    note = debit_notes.charge(
        invoice=row,
        lines=[debit_notes.Extra(**given)],
        reason=reason,
        by=cause_of(request),
        key=key,
        at=time_of(row.payer),
    )
    return Done(message=f"{note} is issued.", row=note)


def _is_issued(row: Invoice) -> bool:
    return row.kind != Invoice.Kind.CREDIT_NOTE and row.state not in NOT_PAYABLE


CREDIT: Final = Operation(
    name="credit",
    label="Credit note",
    explanation="Gives back all of it, some lines or an amount, taxed as it was: first what, then"
    " how much, then where that goes.",
    permission="billing.credit_invoice",
    form=CreditForm,
    run=_credit,
    applies=lambda row: _is_issued(row) and bool(creditable.rests(row.pk, exponent_of(row.asset))),
)
WRITE_OFF: Final = Operation(
    name="write-off",
    label="Write off",
    explanation="It will not be paid: its net is bad debt. Money that names it later takes that"
    " back.",
    permission="billing.write_off",
    form=WriteOffForm,
    run=_write_off,
    applies=lambda row: _is_issued(row) and row.open > 0,
    is_grave=True,
)
DEBIT: Final = Operation(
    name="debit",
    label="Debit note",
    explanation="Charges something on top of it, taxed as of now, on a document of its own.",
    permission="billing.credit_invoice",
    form=DebitForm,
    run=_debit,
    applies=_is_issued,
)
OPERATIONS: Final = (CREDIT, DEBIT, WRITE_OFF)
