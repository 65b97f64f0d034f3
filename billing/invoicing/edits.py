"""
What people change about drafts: kept apart from what is composed, and applied to it each time.

So an edit survives every drafting until its document is issued; a source that was removed comes
back on the next one. Withdrawing an edit is another row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from billing.invoicing import drafting
from billing.invoicing.errors import InvoiceStateError
from billing.models import Invoice, InvoiceEdit, InvoiceLine, TaxCode
from ledger import inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError, NotFoundError
from ledger.models import Customer
from ledger.money import SCALE, ZERO, exact, text

Operation = InvoiceEdit.Operation
_HUNDRED: Final = Decimal(100)
_LONGEST: Final = 500
_SHOWN: Final = 100  # characters of what is refused
_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")


def edit(
    *,
    invoice: Invoice,
    operation: str,
    key: str,
    by: str,
    reason: str,
    at: datetime,
    source_id: int | None = None,
    content: Mapping[str, Any] | None = None,
    withdraws: InvoiceEdit | None = None,
) -> InvoiceEdit:
    """
    Change a draft, and draft it again: add, remove, describe, discount, header, withdraw.

    ``source_id`` names what a line is about (its billable): lines are made anew by each drafting.
    ``add`` takes description, unit_price and perhaps quantity, tax_code, is_inclusive; ``discount``
    a percentage or an amount, of a line or of all; ``header`` note, purchase_order, cost_centre.
    Amounts may be below zero. The same key again changes nothing.

    Raises:
        InvoiceStateError: it is no draft, or one made by hand.
        InvalidInputError: something is missing or cannot be; a line without a source to change.
        IdempotencyConflictError: the key stands for another edit.
    """
    made = InvoiceEdit(
        book_id=invoice.book_id,
        invoice=invoice,
        key=inputs.key("key", key, longest=255),
        operation=inputs.choice("operation", operation, Operation.values),
        billable_id=_target(operation, source_id),
        withdraws=_withdrawn(operation, invoice, withdraws),
        content=_content(operation, invoice, content or {}),
        reason=inputs.name("reason", reason, longest=_LONGEST),
        cause=by,
        edited_at=at,
    )
    with transaction.atomic():
        Customer.objects.select_for_update(no_key=True).get(pk=invoice.payer_id)
        if known := InvoiceEdit.objects.filter(book=invoice.book_id, key=key).first():
            return _same(known, made)
        check_state(invoice)
        _check_target(made)
        made.save(force_insert=True)
        refresh(invoice=invoice, at=at, by=by)
    return made


def refresh(*, invoice: Invoice, at: datetime, by: str = drafting.CAUSE) -> drafting.Drafted:
    """
    Draft a payer's documents again, up to where the draft went.

    Raises:
        InvoiceStateError: it is no draft, or one made by hand.
    """
    check_state(invoice)
    return drafting.draft(
        book=invoice.book,
        payers=[invoice.payer_id],
        until=invoice.until or at,
        at=at,
        cause=by,
    )


def check_state(invoice: Invoice) -> None:
    """
    Hold a document to being a draft that is composed.

    Raises:
        InvoiceStateError: it is no draft, or one made by hand.
    """
    state = Invoice.objects.values_list("state", flat=True).get(pk=invoice.pk)
    if state != Invoice.State.DRAFT or invoice.key:
        remedy = "unapprove it first" if state == Invoice.State.APPROVED else "edit the next draft"
        raise InvoiceStateError(invoice=invoice.pk, state=state, remedy=remedy)


def _same(known: InvoiceEdit, made: InvoiceEdit) -> InvoiceEdit:
    names = ("invoice_id", "operation", "billable_id", "withdraws_id", "content", "reason")
    if any(getattr(known, name) != getattr(made, name) for name in names):
        raise IdempotencyConflictError(key=made.key)
    return known


def _target(operation: str, source_id: int | None) -> int | None:
    if operation in {Operation.REMOVE, Operation.DESCRIBE} and source_id is None:
        remedy = "name what a line of the draft is about"
        raise InvalidInputError(field="source_id", value=None, remedy=remedy)
    if operation in {Operation.REMOVE, Operation.DESCRIBE, Operation.DISCOUNT}:
        return source_id
    return None


def _check_target(made: InvoiceEdit) -> None:
    """Check that a source is on the draft, or was before somebody removed it."""
    number = made.billable_id
    if number is None:
        return
    lines = InvoiceLine.objects.filter(invoice=made.invoice_id, billable=number)
    edited = InvoiceEdit.objects.filter(invoice=made.invoice_id, billable=number)
    if not lines.exists() and not edited.exists():
        raise NotFoundError(source=number, invoice=made.invoice_id)


def _withdrawn(
    operation: str, invoice: Invoice, withdraws: InvoiceEdit | None
) -> InvoiceEdit | None:
    if operation != Operation.WITHDRAW:
        return None
    if withdraws is None or withdraws.invoice_id != invoice.pk:
        remedy = "name an edit of this draft that stands"
        raise InvalidInputError(field="withdraws", value=withdraws and withdraws.pk, remedy=remedy)
    return withdraws


def _content(operation: str, invoice: Invoice, said: Mapping[str, Any]) -> dict[str, Any]:
    return _CONTENTS[operation](invoice, said)


def _nothing(_: Invoice, said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ())
    return {}


def _added(invoice: Invoice, said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ("description", "unit_price", "quantity", "tax_code", "is_inclusive"))
    found: dict[str, Any] = {
        "description": _words(said, "description"),
        "unit_price": text(_number(said, "unit_price")),
        "quantity": text(_number(said, "quantity")) if "quantity" in said else "1",
    }
    if code := str(said.get("tax_code", "")):
        if not TaxCode.objects.filter(book=invoice.book_id, key=code).exists():
            remedy = "name a tax code of the book"
            raise InvalidInputError(field="tax_code", value=code, remedy=remedy)
        found["tax_code"] = code
    if said.get("is_inclusive"):
        found["is_inclusive"] = True
    return found


def _described(_: Invoice, said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ("description",))
    return {"description": _words(said, "description")}


def _discounted(_: Invoice, said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ("percentage", "amount", "description"))
    if ("percentage" in said) == ("amount" in said):
        remedy = "send a percentage or an amount"
        raise InvalidInputError(field="discount", value=None, remedy=remedy)
    name = "percentage" if "percentage" in said else "amount"
    value = _number(said, name)
    if value <= ZERO or (name == "percentage" and value > _HUNDRED):
        remedy = "send more than 0" + (", at most 100" if name == "percentage" else "")
        raise InvalidInputError(field=name, value=text(value), remedy=remedy)
    found = {name: text(value)}
    if said.get("description"):
        found["description"] = _words(said, "description")
    return found


def _headed(_: Invoice, said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ("note", "purchase_order", "cost_centre"))
    if not said:
        remedy = "send note, purchase_order or cost_centre"
        raise InvalidInputError(field="header", value=None, remedy=remedy)
    longest = {"note": 5_000, "purchase_order": 200, "cost_centre": 200}
    return {name: _text(name, value, longest[name]) for name, value in said.items()}


def _text(name: str, value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest or "\x00" in value:
        remedy = f"send text of at most {longest} characters"
        raise InvalidInputError(field=name, value=str(value)[:_SHOWN], remedy=remedy)
    return value


def _only(said: Mapping[str, Any], names: tuple[str, ...]) -> None:
    if unknown := sorted(set(said) - set(names)):
        remedy = f"use some of {', '.join(names)}" if names else "leave it out"
        raise InvalidInputError(field=unknown[0], value=str(said[unknown[0]]), remedy=remedy)


def _words(said: Mapping[str, Any], name: str) -> str:
    return inputs.name(name, _text(name, said.get(name, ""), _LONGEST), longest=_LONGEST)


def _number(said: Mapping[str, Any], name: str) -> Decimal:
    written = str(said.get(name))
    if not _DECIMAL.fullmatch(written):
        remedy = "send a number, as text"
        raise InvalidInputError(field=name, value=written[:_SHOWN], remedy=remedy)
    return exact(Decimal(written), SCALE)


_CONTENTS: Final[Mapping[str, Callable[[Invoice, Mapping[str, Any]], dict[str, Any]]]] = {
    Operation.ADD: _added,
    Operation.REMOVE: _nothing,
    Operation.DESCRIBE: _described,
    Operation.DISCOUNT: _discounted,
    Operation.HEADER: _headed,
    Operation.WITHDRAW: _nothing,
}
