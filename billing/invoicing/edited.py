"""What people changed about a draft, applied to what was composed (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from billing.invoicing.facts import Draft, DraftLine, Problem
from billing.invoicing.materials import MANUAL, Edit
from ledger.money import ZERO, multiply, negate, round_half_away, subtract, text, total

_HUNDREDTH = Decimal("0.01")


def apply(draft: Draft, edits: Sequence[Edit], *, consumer_id: int) -> list[Problem]:
    """Apply edits in order, and return what they found nothing to change in."""
    problems = []
    for edit in edits:
        if not _apply(draft, edit, consumer_id):
            remedy = "withdraw the edit: what it changes is not in the document any more"
            problems.append(
                Problem(
                    code="edit_without_target", component="document", remedy=remedy, path=edit.key
                )
            )
    return problems


def _apply(draft: Draft, edit: Edit, consumer_id: int) -> bool:
    match edit.operation:
        case "add":
            draft.lines.append(_added(edit, draft.exponent, consumer_id))
        case "describe":
            targets = _targets(draft, edit)
            for line in targets:
                line.description = str(edit.content["description"])
            return bool(targets)
        case "discount":
            targets = _targets(draft, edit)
            draft.lines += _discounts(draft, edit, targets, consumer_id)
            return bool(targets)
        case "header":
            _head(draft, edit.content)
    return True


def _targets(draft: Draft, edit: Edit) -> list[DraftLine]:
    if edit.billable_id is None:
        return list(draft.lines)
    return [line for line in draft.lines if line.billable_id == edit.billable_id]


def _head(draft: Draft, content: Mapping[str, Any]) -> None:
    draft.note = str(content.get("note", draft.note))
    draft.purchase_order = str(content.get("purchase_order", draft.purchase_order))
    draft.cost_centre = str(content.get("cost_centre", draft.cost_centre))


def _added(edit: Edit, exponent: int, consumer_id: int) -> DraftLine:
    content = edit.content
    quantity = Decimal(str(content.get("quantity", 1)))
    unit_price = Decimal(str(content["unit_price"]))
    amount = round_half_away(multiply(quantity, unit_price), exponent)
    return _manual(
        edit,
        consumer_id,
        amount,
        str(content["description"]),
        quantity=quantity,
        unit_price=unit_price,
        tax_code=str(content.get("tax_code", "")),
        is_inclusive=bool(content.get("is_inclusive", False)),
    )


def _discounts(
    draft: Draft, edit: Edit, targets: Sequence[DraftLine], consumer_id: int
) -> Iterable[DraftLine]:
    """Return a line below zero for each way in which what is discounted is taxed."""
    content = edit.content
    bases: dict[tuple[str, bool], Decimal] = {}
    for line in targets:
        taxed = line.tax_code, line.is_inclusive
        bases[taxed] = total([bases.get(taxed, ZERO), line.due])
    left = None
    if "amount" in content:
        left = round_half_away(Decimal(str(content["amount"])), draft.exponent)
    for (tax_code, is_inclusive), base in bases.items():
        if left is None:
            share = multiply(base, multiply(Decimal(str(content["percentage"])), _HUNDREDTH))
            off = round_half_away(share, draft.exponent)
        else:
            off = min(left, max(base, ZERO))
            left = subtract(left, off)
        if off > ZERO:
            yield _manual(
                edit,
                consumer_id,
                negate(off),
                str(content.get("description") or _words(content)),
                tax_code=tax_code,
                is_inclusive=is_inclusive,
            )


def _words(content: Mapping[str, Any]) -> str:
    if "percentage" in content:
        return f"Discount of {text(Decimal(str(content['percentage'])))} %"
    return "Discount"


def _manual(
    edit: Edit, consumer_id: int, amount: Decimal, description: str, **more: Any
) -> DraftLine:
    return DraftLine(
        kind=MANUAL,
        consumer_id=consumer_id,
        description=description,
        amount=amount,
        due=amount,
        edit_key=edit.key,
        product=MANUAL,
        **more,
    )
