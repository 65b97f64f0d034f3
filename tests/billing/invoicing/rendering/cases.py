"""One document for each way to be taxed and paid."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from billing.invoicing.documents.printable import Address, Printable, PrintedParty
from tests.billing.invoicing.rendering import samples

AMERICAN = PrintedParty(
    name="Acme Inc.",
    address=Address(
        line1="1 Main Street", city="Reno", region="NV", postal_code="89501", country="US"
    ),
    tax_ids=(("us_ein", "911144442"),),
)
CREDITED = samples.fee(1, promotional=Decimal(9), paid=Decimal(10), due=Decimal(30))


def untaxed(category: str, code: str = "", why: str = "", **more: object) -> Printable:
    """Return a document whose tax is nothing, for a reason."""
    return samples.document(
        [samples.fee(1)], percentage="0", category=category, code=code, why=why, **more
    )


def several_rates() -> Printable:
    """Return a document with lines of two rates."""
    one = samples.document([samples.fee(1)])
    other = samples.document([samples.fee(2, amount="10.00")], percentage="7")
    sums = ("subtotal", "taxable", "tax", "total", "due")
    return replace(
        one,
        lines=one.lines + other.lines,
        taxes=one.taxes + other.taxes,
        **{name: getattr(one, name) + getattr(other, name) for name in sums},
    )


CASES: dict[str, Printable] = {
    "domestic": samples.document([samples.fee(1), samples.usage(2)]),
    "credit before tax": samples.document([CREDITED, samples.usage(2)]),
    "credit as a payment": samples.document([CREDITED, samples.usage(2)], is_payment=True),
    "all paid by credit": samples.document(
        [samples.fee(1, promotional=Decimal(49), due=Decimal(0))]
    ),
    "inclusive": samples.document(
        [samples.fee(1, amount="119.00", is_inclusive=True), samples.fee(2, is_inclusive=True)]
    ),
    "coupon": samples.document(
        [samples.fee(1), samples.fee(2, amount="-5.00", quantity=None, unit_price=None)]
    ),
    "reverse charge": untaxed("AE", "VATEX-EU-AE", "Reverse charge", jurisdiction="FR"),
    "intra-community supply": untaxed("K", "VATEX-EU-IC", jurisdiction="FR"),
    "export": untaxed("G", "VATEX-EU-G", jurisdiction="US", buyer=AMERICAN),
    "outside the scope": untaxed("O", "VATEX-EU-O", jurisdiction="US", buyer=AMERICAN),
    "no tax set up": untaxed("O", jurisdiction="", buyer=AMERICAN),
    "certificate": untaxed("E", why="Exempt from tax: certificate A-1"),
    "zero rate": untaxed("Z"),
    "without a currency's cents": samples.document(
        [samples.fee(1, amount="4900")], currency="JPY", exponent=0
    ),
    "several rates": several_rates(),
    "consumer abroad": samples.document(
        [samples.fee(1)],
        percentage="20",
        jurisdiction="FR",
        buyer=replace(samples.BUYER, tax_ids=()),
    ),
    "price below nothing": samples.document(
        [samples.fee(1), samples.fee(2, amount="-5.00", unit_price=Decimal(-5))]
    ),
    "usage that came back": samples.document(
        [
            samples.fee(1),
            samples.usage(
                2, amount="-3.00", quantity=Decimal(-30), unit_price=Decimal("0.10"), steps=()
            ),
        ]
    ),
    "credit note": samples.credit_note(),
    "debit note": samples.document([samples.fee(1)], kind="debit_note", number="DN-2026-000001"),
}
