"""What people change about drafts: lines, discounts, words; kept apart from what is composed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django import forms
from django.http import HttpRequest
from django.utils.timezone import now

from billing.invoicing import edits, on_demand
from billing.models import Invoice, InvoiceEdit, InvoiceLine, TaxCode
from ledger import clocks
from ledger.admin.base import cause_of
from ledger.admin.fields import ReasonField
from ledger.admin.operations import Done, NoQuestions, Operation, OperationForm
from ledger.money import text
from wallets.admin.fields import new_key

_PERMISSION: Final = "billing.draft_invoice"
_AMOUNT: Final[Mapping[str, Any]] = {"max_digits": 38, "decimal_places": 12}


def _is_draft(row: Invoice) -> bool:
    return row.state == Invoice.State.DRAFT and not row.key


def _has_lines(row: Invoice) -> bool:
    return _is_draft(row) and row.lines.filter(billable__isnull=False).exists()


def _has_edits(row: Invoice) -> bool:
    return _is_draft(row) and _standing(row).exists()


def _standing(row: Invoice) -> Any:
    rows = InvoiceEdit.objects.filter(invoice=row, withdrawal=None)
    return rows.exclude(operation=InvoiceEdit.Operation.WITHDRAW)


class _EditForm(OperationForm):
    key = forms.CharField(max_length=255, initial=new_key, widget=forms.HiddenInput)
    reason = ReasonField()

    def prepare(self) -> None:
        if "source" in self.fields:
            field = self.fields["source"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [*self.nothing, *_sources(self.row)]

    nothing: tuple[tuple[str, str], ...] = ()


def _sources(row: Invoice) -> list[tuple[str, str]]:
    lines = InvoiceLine.objects.filter(invoice=row, billable__isnull=False).order_by("position")
    return [
        (str(line.billable_id), f"{line.position}. {line.description}: {text(line.amount)}")
        for line in lines
    ]


class AddForm(_EditForm):
    description = forms.CharField(max_length=500, help_text="As it stands on the document.")
    quantity = forms.DecimalField(initial=1, **_AMOUNT)
    unit_price = forms.DecimalField(help_text="Below zero takes something off.", **_AMOUNT)
    tax_code = forms.ModelChoiceField(TaxCode.objects.none(), required=False)
    field_order = ("description", "quantity", "unit_price", "tax_code", "reason")

    def prepare(self) -> None:
        field = self.fields["tax_code"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = TaxCode.objects.filter(book=self.row.book_id)


class LineForm(_EditForm):
    source = forms.ChoiceField(label="Line")
    field_order = ("source", "reason")


class DescribeForm(_EditForm):
    source = forms.ChoiceField(label="Line")
    description = forms.CharField(max_length=500, label="New description")
    field_order = ("source", "description", "reason")


class DiscountForm(_EditForm):
    nothing = (("", "The whole document"),)
    source = forms.ChoiceField(label="Of", required=False)
    kind = forms.ChoiceField(choices=[("percentage", "Percent"), ("amount", "Amount")])
    value = forms.DecimalField(label="How much", **_AMOUNT)
    description = forms.CharField(max_length=500, required=False, help_text="As it stands there.")
    field_order = ("source", "kind", "value", "description", "reason")


class HeaderForm(_EditForm):
    note = forms.CharField(
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "class": "vLargeTextField"}),
    )
    purchase_order = forms.CharField(max_length=200, required=False)
    cost_centre = forms.CharField(max_length=200, required=False)
    field_order = ("note", "purchase_order", "cost_centre", "reason")

    def prepare(self) -> None:
        self.initial = {
            name: getattr(self.row, name) for name in ("note", "purchase_order", "cost_centre")
        }


class WithdrawForm(_EditForm):
    edit = forms.ModelChoiceField(InvoiceEdit.objects.none(), label="Change")
    field_order = ("edit", "reason")

    def prepare(self) -> None:
        field = self.fields["edit"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = _standing(self.row).order_by("pk")
        setattr(field, "label_from_instance", said)  # noqa: B010 - Django's way, typed as a method


def said(edit: InvoiceEdit) -> str:
    """Return in words what an edit does."""
    content = edit.content
    match edit.operation:
        case "add":
            return f"added “{content['description']}”"
        case "discount":
            off = f"{content['percentage']} %" if "percentage" in content else content["amount"]
            return f"discount of {off}"
        case "describe":
            return f"described as “{content['description']}”"
        case "header":
            return "changed " + ", ".join(name.replace("_", " ") for name in content)
        case "remove":
            return "left a line to the next document"
    return "took a change back"


def _edit(
    request: HttpRequest, row: Invoice, given: Mapping[str, Any], operation: str, **terms: Any
) -> Done:
    made = edits.edit(
        invoice=row,
        operation=operation,
        key=given["key"],
        reason=given["reason"],
        by=cause_of(request),
        at=clocks.now_of(row.payer, now()),
        **terms,
    )
    return Done(message=f"{said(made).capitalize()}.", row=row)


def _add(request: HttpRequest, row: Invoice, given: dict[str, Any]) -> Done:
    content = {
        "description": given["description"],
        "quantity": text(given["quantity"]),
        "unit_price": text(given["unit_price"]),
    }
    if given["tax_code"] is not None:
        content["tax_code"] = given["tax_code"].key
    return _edit(request, row, given, InvoiceEdit.Operation.ADD, content=content)


def _discount(request: HttpRequest, row: Invoice, given: dict[str, Any]) -> Done:
    content = {given["kind"]: text(given["value"])}
    if given["description"]:
        content["description"] = given["description"]
    number = int(given["source"]) if given["source"] else None
    return _edit(
        request, row, given, InvoiceEdit.Operation.DISCOUNT, content=content, source_id=number
    )


def _describe(request: HttpRequest, row: Invoice, given: dict[str, Any]) -> Done:
    content = {"description": given["description"]}
    number = int(given["source"])
    return _edit(
        request, row, given, InvoiceEdit.Operation.DESCRIBE, content=content, source_id=number
    )


def _remove(request: HttpRequest, row: Invoice, given: dict[str, Any]) -> Done:
    return _edit(request, row, given, InvoiceEdit.Operation.REMOVE, source_id=int(given["source"]))


def _head(request: HttpRequest, row: Invoice, given: dict[str, Any]) -> Done:
    names = ("note", "purchase_order", "cost_centre")
    content = {name: given[name] for name in names if given[name] != getattr(row, name)}
    return _edit(request, row, given, InvoiceEdit.Operation.HEADER, content=content)


def _withdraw(request: HttpRequest, row: Invoice, given: dict[str, Any]) -> Done:
    return _edit(request, row, given, InvoiceEdit.Operation.WITHDRAW, withdraws=given["edit"])


def _refresh(request: HttpRequest, row: Invoice, given: dict[str, Any]) -> Done:
    at = clocks.now_of(row.payer, now())
    drafted = on_demand.again(invoice=row, at=at, by=cause_of(request))
    has_changed = row.pk in [*drafted.changed, *drafted.discarded]
    return Done(message="Drafted again." if has_changed else "Nothing has changed.", row=row)


def _operation(
    name: str,
    label: str,
    explanation: str,
    run: Callable[[HttpRequest, Any, dict[str, Any]], Done],
    form: type[OperationForm] = NoQuestions,
    applies: Callable[[Any], bool] = _is_draft,
) -> Operation:
    return Operation(
        name=name,
        label=label,
        explanation=explanation,
        permission=_PERMISSION,
        run=run,
        form=form,
        applies=applies,
    )


OPERATIONS: Final = (
    _operation(
        "refresh",
        "Draft again",
        "From what its sources have come to by now, once fees and minimums that are due are"
        " charged. What people changed about it stays.",
        _refresh,
    ),
    _operation(
        "add-line",
        "Add a line",
        "Once, on this document: not a charge of a subscription. It stays however often the"
        " document is drafted again.",
        _add,
        AddForm,
    ),
    _operation(
        "discount",
        "Give a discount",
        "A line below zero. A percentage follows the lines as they grow.",
        _discount,
        DiscountForm,
        _has_lines,
    ),
    _operation(
        "describe", "Describe a line", "In other words; its amount stays.", _describe,
        DescribeForm, _has_lines,
    ),
    _operation(
        "leave-out",
        "Leave a line to the next",
        "What it is about stays open, and is on the payer's next document.",
        _remove,
        LineForm,
        _has_lines,
    ),
    _operation(
        "header", "Change note or order", "As the document shows them.", _head, HeaderForm
    ),
    _operation(
        "withdraw",
        "Take a change back",
        "The document is drafted again without it.",
        _withdraw,
        WithdrawForm,
        _has_edits,
    ),
)  # fmt: skip
