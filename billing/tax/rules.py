"""
Which tax a supply bears: the rules, in order, the first that fits (pure).

Sellers in the EU: at home their own rate; to businesses of other member states none, as the
customer owes it (reverse charge, Directive 2006/112 Art. 44 and 196; goods: Art. 138); to
consumers there the customer's rate for what is digital or shipped, if the book keeps one (it is
registered: OSS), else their own; outside the EU nothing. In the United States the rate of the
customer's state, if the book keeps one (nexus). Anywhere else: home rates at home, and a customer's
country only where the book keeps rates for it.

What is not known never passes silently: a decision carries its findings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from billing.tax.facts import (
    NOTES,
    VATEX,
    Category,
    Classification,
    Decision,
    Finding,
    IdPolicy,
    Place,
    Rate,
    Rates,
    Supply,
)
from billing.tax.places import in_the_eu
from ledger.money import ZERO

CRITICAL: Final = "critical"
WARNING: Final = "warning"
_UNITED_STATES: Final = "US"
_EUROPEAN: Final = "eu_vat"
_TAXED_WHERE_CONSUMED: Final = (Classification.DIGITAL, Classification.GOODS)

Rule = Callable[[Supply, Rates], Decision | None]


def decide(supply: Supply, rates: Rates) -> Decision:
    """
    Return the tax of a supply: its category, place and percentage, and why.

    Never refuses: what is missing is a finding, critical where issuing would be wrong.
    """
    decision = next(found for rule in _RULES if (found := rule(supply, rates)) is not None)
    return _exempted(decision, supply)


def _nothing_set_up(supply: Supply, rates: Rates) -> Decision | None:
    if rates and supply.seller.country:
        return None
    missing = "the supplier's country" if rates else "tax rates"
    remedy = f"enter {missing} before the next invoice, if tax is owed"
    return _free(
        Category.OUTSIDE,
        supply.buyer,
        f"the book has no {missing.removeprefix('the ')}",
        finding=Finding(
            code="no_tax_set_up", severity=CRITICAL if rates else WARNING, remedy=remedy
        ),
        vatex="",
    )


def _customer_unknown(supply: Supply, rates: Rates) -> Decision | None:
    if supply.buyer.country:
        return None
    finding = Finding(
        code="no_address",
        severity=CRITICAL,
        remedy="enter the payer's country in its billing party",
    )
    at_home = replace(supply, buyer=supply.seller)
    decision = _at_home(at_home, rates)
    assert decision is not None, "the seller is at home"
    why = ("the payer's country is not known: taxed as at home", *decision.why)
    return replace(decision, why=why, findings=(finding, *decision.findings))


def _in_the_united_states(supply: Supply, rates: Rates) -> Decision | None:
    """Take the state's sales tax where the book has it, for businesses and consumers alike."""
    if supply.buyer.country != _UNITED_STATES:
        return None
    rate = rates.of(supply.buyer, supply.tax_code, supply.at)
    if rate is not None:
        return _rated(rate, f"sales tax of {rate.jurisdiction}")
    if rates.are_kept_for(_UNITED_STATES) and not supply.buyer.region:
        finding = Finding(
            code="no_address", severity=CRITICAL, remedy="enter the payer's state: it sets the tax"
        )
    else:
        remedy = f"enter a rate for {supply.buyer.jurisdictions[0]} if tax is collected there"
        finding = Finding(code="no_nexus", severity=WARNING, remedy=remedy)
    return _free(
        Category.OUTSIDE, supply.buyer, "no sales tax is collected there", finding=finding, vatex=""
    )


def _at_home(supply: Supply, rates: Rates) -> Decision | None:
    if supply.buyer.country != supply.seller.country:
        return None
    if in_the_eu(supply.buyer, supply.classification) != in_the_eu(
        supply.seller, supply.classification
    ):
        return None  # a territory outside the VAT of its country
    rate = rates.of(supply.buyer, supply.tax_code, supply.at)
    if rate is not None:
        return _rated(rate, f"seller and customer are both in {supply.seller.country}")
    return _no_rate(supply, rates, supply.seller)


def _business_in_the_eu(supply: Supply, rates: Rates) -> Decision | None:
    """Leave the tax to a business of another member state that has a tax id."""
    if not (_is_european(supply, supply.seller) and _is_european(supply, supply.buyer)):
        return None
    if not supply.buyer_is_business or not _id_will_do(supply):
        return None
    is_goods = supply.classification == Classification.GOODS
    category = Category.INTRA_COMMUNITY if is_goods else Category.REVERSE_CHARGE
    known = supply.buyer_tax_id
    assert known is not None, "the id was looked at"
    why = f"a business in {supply.buyer.country} with the tax id {known.number} owes the tax"
    return _free(category, supply.buyer, why, finding=_doubt(supply))


def _consumer_in_the_eu(supply: Supply, rates: Rates) -> Decision | None:
    """Take the consumer's rate where the book is registered, else the seller's own."""
    if not (_is_european(supply, supply.seller) and _is_european(supply, supply.buyer)):
        return None
    doubt = _doubt(supply)
    if supply.classification in _TAXED_WHERE_CONSUMED:
        rate = rates.of(supply.buyer, supply.tax_code, supply.at)
        if rate is not None:
            return _rated(rate, f"taxed where it is consumed, in {supply.buyer.country}", doubt)
        remedy = f"enter a rate for {supply.buyer.country} once OSS applies"
        doubt = doubt or Finding(code="no_destination_rate", severity=WARNING, remedy=remedy)
    rate = rates.of(supply.seller, supply.tax_code, supply.at)
    if rate is None:
        return _no_rate(supply, rates, supply.seller)
    return _rated(rate, f"taxed where the seller is, in {supply.seller.country}", doubt)


def _registered_abroad(supply: Supply, rates: Rates) -> Decision | None:
    """Take the rate of a consumer's country for which the book keeps one."""
    if supply.buyer_is_business and _has_an_id(supply):
        return None
    if supply.classification not in _TAXED_WHERE_CONSUMED:
        return None
    rate = rates.of(supply.buyer, supply.tax_code, supply.at)
    if rate is None:
        return None
    return _rated(rate, f"the book collects tax in {rate.jurisdiction}", _doubt(supply))


def _abroad(supply: Supply, rates: Rates) -> Decision:
    """Goods that leave are exports; services abroad are outside the scope."""
    if supply.classification == Classification.GOODS:
        why = f"goods leave {supply.seller.country} for {supply.buyer.country}"
        return _free(Category.EXPORT, supply.buyer, why, vatex=_vatex(supply, Category.EXPORT))
    why = f"the customer is in {supply.buyer.country}, outside the seller's taxes"
    return _free(Category.OUTSIDE, supply.buyer, why, vatex=_vatex(supply, Category.OUTSIDE))


_RULES: Final[tuple[Rule, ...]] = (
    _nothing_set_up,
    _customer_unknown,
    _in_the_united_states,
    _at_home,
    _business_in_the_eu,
    _consumer_in_the_eu,
    _registered_abroad,
    _abroad,
)


def _exempted(decision: Decision, supply: Supply) -> Decision:
    """Let a certificate free a supply that would bear tax."""
    if decision.category != Category.STANDARD:
        return decision
    for exempt in supply.exemptions:
        if exempt.covers(decision.jurisdiction, supply.tax_code):
            return replace(
                decision,
                category=Category.EXEMPT,
                percentage=ZERO,
                note=f"{NOTES[Category.EXEMPT]}: certificate {exempt.certificate}",
                exemption_id=exempt.id,
                why=(*decision.why, f"certificate {exempt.certificate} frees it"),
            )
    return decision


def _rated(rate: Rate, why: str, finding: Finding | None = None) -> Decision:
    note = "" if rate.category in {Category.STANDARD, Category.ZERO} else rate.name
    return Decision(
        category=rate.category,
        jurisdiction=rate.jurisdiction,
        percentage=rate.percentage,
        why=(why, f"rate {rate.name or rate.jurisdiction} since {rate.valid_from.isoformat()}"),
        vatex=VATEX.get(rate.category, ""),
        note=note or NOTES.get(rate.category, ""),
        rate_id=rate.id,
        findings=() if finding is None else (finding,),
    )


def _free(
    category: Category,
    place: Place,
    why: str,
    *,
    finding: Finding | None = None,
    vatex: str | None = None,
) -> Decision:
    code = VATEX[category] if vatex is None else vatex
    return Decision(
        category=category,
        jurisdiction=place.country,
        percentage=ZERO,
        why=(why,),
        vatex=code,
        note=NOTES[category] if code else "",
        findings=() if finding is None else (finding,),
    )


def _no_rate(supply: Supply, rates: Rates, place: Place) -> Decision:
    """Say that the seller's own country has no rate for this: nobody may guess one."""
    what = f"of {supply.tax_code}" if supply.tax_code else "for what has no tax code"
    finding = Finding(
        code="no_tax_decision",
        severity=CRITICAL if rates.are_kept_for(place.country) else WARNING,
        remedy=f"enter the rate {what} in {place.country}",
    )
    why = f"no rate {what} is known in {place.country}"
    return _free(Category.OUTSIDE, place, why, finding=finding, vatex="")


def _is_european(supply: Supply, place: Place) -> bool:
    return in_the_eu(place, supply.classification)


def _vatex(supply: Supply, category: Category) -> str:
    return VATEX[category] if _is_european(supply, supply.seller) else ""


def _has_an_id(supply: Supply) -> bool:
    known = supply.buyer_tax_id
    return known is not None and known.is_well_formed and known.status != "invalid"


def _id_will_do(supply: Supply) -> bool:
    known = supply.buyer_tax_id
    if known is None or known.type != _EUROPEAN or not _has_an_id(supply):
        return False
    if known.country == supply.seller.country:
        return False  # registered at home, whatever its address says
    return supply.policy == IdPolicy.WELL_FORMED or known.status == "valid"


def _doubt(supply: Supply) -> Finding | None:
    """Return what is not certain about a business customer's tax id."""
    known = supply.buyer_tax_id
    if not supply.buyer_is_business:
        return None
    if known is None:
        return Finding(
            code="no_tax_id", severity=WARNING, remedy="enter the tax id, or mark a consumer"
        )
    if not known.is_well_formed or known.status == "invalid":
        remedy = f"correct the tax id {known.number}: it is not valid"
        return Finding(code="tax_id_invalid", severity=WARNING, remedy=remedy)
    if known.status != "valid":
        remedy = f"have the tax id {known.number} verified"
        return Finding(code="tax_id_unverified", severity=WARNING, remedy=remedy)
    return None
