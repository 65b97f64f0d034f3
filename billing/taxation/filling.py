"""What decisions about tax make of a draft: its lines, its taxes, its totals and its problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

from django.conf import settings

from billing.invoicing.facts import Draft, DraftLine, DraftTax, Problem, Totals
from billing.models import CollectionProfile, Invoice, InvoiceLine
from billing.tax.computing import Group, LineTax, Taxable, compute, given_back
from billing.tax.facts import Decision, Supply
from billing.tax.rules import CRITICAL
from billing.taxation.reading import NOBODY, Corrected, Known
from ledger.money import ZERO, add, negate, subtract, text, total

COMPONENT: Final = "tax"  # of the problems that taxes have


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why a tax is what it is, as documents say it."""

    code: str
    note: str


def gives_back(draft: Draft, line: DraftLine, known: Known) -> Corrected | None:
    """Return the issued line that a line gives money back of, if it does."""
    amount = taxed_amount(draft, line)
    gives = amount > 0 if draft.kind == Invoice.Kind.CREDIT_NOTE else amount < 0
    # Takes some of what is given off again; of a note made by hand, also the discount itself.
    is_part = line.kind in {InvoiceLine.Kind.ADJUSTMENT, InvoiceLine.Kind.CREDIT}
    if line.corrects_line_id is None or not (gives or is_part):
        return None
    return known.corrected.get(line.corrects_line_id)


def taxed_amount(draft: Draft, line: DraftLine) -> Decimal:
    """Return what of a line is taxed: credit that was taxed when it was sold is not again."""
    amount = subtract(line.amount, line.promotional)
    if draft.paid_credit == CollectionProfile.PaidCredit.BEFORE_TAX:
        amount = subtract(amount, line.paid)
    return amount


def fill(
    draft: Draft,
    supplies: Mapping[str, Supply],
    decisions: Mapping[str, Decision],
    known: Known,
) -> None:
    reasons: dict[tuple[Group, bool], list[_Reason]] = {}
    taxed: list[DraftLine] = []
    back: dict[int, tuple[Decimal, Decimal]] = {}
    for line in draft.lines:
        corrected = gives_back(draft, line, known)
        if corrected is None:
            _bear(line, decisions[line.tax_code])
            reason = _Reason(decisions[line.tax_code].vatex, decisions[line.tax_code].note)
            taxed.append(line)
        else:
            _take_back(draft, line, corrected, back)
            reason = _Reason(corrected.code, corrected.note)
        reasons.setdefault((_group(line), line.is_inclusive), []).append(reason)
    amounts = [
        Taxable(_group(line), taxed_amount(draft, line), line.is_inclusive) for line in taxed
    ]
    for line, result in zip(taxed, compute(amounts, draft.exponent), strict=True):
        line.taxable, line.tax = result
    draft.taxes = _taxes(draft.lines, reasons)
    draft.totals = _totals(draft)
    draft.tax_decision = _recorded(draft, supplies, decisions, known)
    _report(draft, decisions)


def _bear(line: DraftLine, decision: Decision) -> None:
    line.category = decision.category.value
    line.jurisdiction = decision.jurisdiction
    line.percentage = decision.percentage


def _take_back(
    draft: Draft,
    line: DraftLine,
    of: Corrected,
    back: dict[int, tuple[Decimal, Decimal]],
) -> None:
    """Give back of an issued line's tax what belongs to the part that is given back."""
    line.category, line.jurisdiction, line.percentage = of.category, of.jurisdiction, of.percentage
    line.is_inclusive, line.tax_code = of.is_inclusive, of.tax_code
    if line.kind == InvoiceLine.Kind.CREDIT:
        return  # granted by hand: how much of it is tax was said with its amount
    assert line.corrects_line_id is not None, "it gives something back"
    before, tax_before = back.get(line.corrects_line_id, (of.back, of.back_tax))
    is_note = draft.kind == Invoice.Kind.CREDIT_NOTE
    amount = taxed_amount(draft, line)
    given = amount if is_note else negate(amount)
    tax_back = given_back(
        tax=of.tax,
        whole=of.whole,
        before=before,
        back_before=tax_before,
        now=given,
        exponent=draft.exponent,
    )
    back[line.corrects_line_id] = add(before, given), add(tax_before, tax_back)
    result = LineTax(subtract(given, tax_back) if of.is_inclusive else given, tax_back)
    if not is_note:
        result = LineTax(negate(result.base), negate(result.tax))
    line.taxable, line.tax = result


def _group(line: DraftLine) -> Group:
    return Group(line.jurisdiction, line.category, line.percentage)


def _taxes(
    lines: Iterable[DraftLine], reasons: Mapping[tuple[Group, bool], Sequence[_Reason]]
) -> list[DraftTax]:
    """Add the lines up by jurisdiction, category, rate and how the prices were given."""
    found: dict[tuple[Group, bool], DraftTax] = {}
    for line in lines:
        key = _group(line), line.is_inclusive
        tax = found.get(key)
        if tax is None:
            tax = found[key] = DraftTax(
                jurisdiction=line.jurisdiction,
                category=line.category,
                percentage=line.percentage,
                base=ZERO,
                tax=ZERO,
                is_inclusive=line.is_inclusive,
                code=next((reason.code for reason in reasons[key] if reason.code), ""),
                note="; ".join(dict.fromkeys(each.note for each in reasons[key] if each.note)),
            )
        tax.base = add(tax.base, line.taxable)
        tax.tax = add(tax.tax, line.tax)
    return list(found.values())


def _totals(draft: Draft) -> Totals:
    subtotal = total(line.amount for line in draft.lines)
    promotional = total(line.promotional for line in draft.lines)
    paid = total(line.paid for line in draft.lines)
    is_payment = draft.paid_credit == CollectionProfile.PaidCredit.AS_PAYMENT
    included = total(tax.tax for tax in draft.taxes if tax.is_inclusive)
    credited = promotional if is_payment else add(promotional, paid)
    prepaid = paid if is_payment else ZERO
    taxable = total(line.taxable for line in draft.lines)
    taxes = total(line.tax for line in draft.lines)
    whole = add(taxable, taxes)
    return Totals(
        subtotal=subtotal,
        credit=credited,
        included_tax=included,
        taxable=taxable,
        tax=taxes,
        total=whole,
        prepaid=prepaid,
        due=subtract(whole, prepaid),
    )


def _recorded(
    draft: Draft,
    supplies: Mapping[str, Supply],
    decisions: Mapping[str, Decision],
    known: Known,
) -> dict[str, Any]:
    """Write down what was decided and from what, as it is kept with the document."""
    buyer = known.buyers.get(draft.payer_id, NOBODY)
    return {
        "seller": asdict(known.seller),
        "buyer": {
            **asdict(buyer.place),
            "is_business": buyer.is_business,
            "tax_id": None if buyer.tax_id is None else asdict(buyer.tax_id),
        },
        "policy": settings.METERBOOK_TAX_IDS,
        "date": draft.tax_date.isoformat() if draft.tax_date else None,  # none: of issue
        "decisions": [_decision(supplies[code], decision) for code, decision in decisions.items()],
    }


def _decision(supply: Supply, decision: Decision) -> dict[str, Any]:
    return {
        "tax_code": supply.tax_code,
        "classification": str(supply.classification),
        "category": decision.category.value,
        "jurisdiction": decision.jurisdiction,
        "percentage": text(decision.percentage),
        "rate": decision.rate_id,
        "exemption": decision.exemption_id,
        "vatex": decision.vatex,
        "note": decision.note,
        "why": list(decision.why),
    }


def _report(draft: Draft, decisions: Mapping[str, Decision]) -> None:
    found = {
        (finding.code, finding.remedy): Problem(
            code=finding.code,
            component=COMPONENT,
            remedy=finding.remedy,
            path=f"taxes.{code}" if code else "taxes",
            is_critical=finding.severity == CRITICAL,
        )
        for code, decision in decisions.items()
        for finding in decision.findings
    }
    draft.problems += found.values()
