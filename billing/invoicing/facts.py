"""
What drafting, taxes, issuing and documents say to each other about an invoice (pure).

Money is exact. "Printed" amounts are rounded to the places of the currency; they are what a
document shows. Of a credit note all amounts are what is given back, above zero: its kind is its
sign. ``amount = promotional + paid + due`` holds in every line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from ledger.money import ZERO, add, subtract
from ledger.periods import Period


class Sums(NamedTuple):
    """What a source has come to, exactly, and who bears it."""

    quantity: Decimal = ZERO
    amount: Decimal = ZERO
    promotional: Decimal = ZERO  # given credit paid for it
    paid: Decimal = ZERO  # credit that was bought paid for it
    unbilled: Decimal = ZERO  # stands on account
    overdraft: Decimal = ZERO  # stands beyond credit and credit limit


class Printed(NamedTuple):
    """What documents have shown of a source, together."""

    amount: Decimal = ZERO
    promotional: Decimal = ZERO
    paid: Decimal = ZERO
    due: Decimal = ZERO


class Billed(NamedTuple):
    """All that documents have said of a source: kept with it as ten numbers in this order."""

    sums: Sums = Sums()
    printed: Printed = Printed()

    @classmethod
    def read(cls, numbers: list[Decimal]) -> Billed:
        """Read what is kept."""
        return cls(Sums(*numbers[:6]), Printed(*numbers[6:]))

    @property
    def numbers(self) -> list[Decimal]:
        """Return what is kept."""
        return [*self.sums, *self.printed]

    def since(self, before: Billed) -> Billed:
        """Return the difference to what was said before."""
        return Billed(
            Sums(*[subtract(a, b) for a, b in zip(self.sums, before.sums, strict=True)]),
            Printed(*[subtract(a, b) for a, b in zip(self.printed, before.printed, strict=True)]),
        )

    def plus(self, more: Billed) -> Billed:
        """Return this and more together."""
        return Billed(
            Sums(*[add(a, b) for a, b in zip(self.sums, more.sums, strict=True)]),
            Printed(*[add(a, b) for a, b in zip(self.printed, more.printed, strict=True)]),
        )


NOTHING_BILLED: Final = Billed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong or odd about a draft. A critical one keeps it from being approved."""

    code: str
    component: str  # customer, line, tax, price, usage, payment, document
    remedy: str
    path: str = ""  # of the field it is about
    is_critical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSource:
    """Which credit paid how much of a line, in the order in which it was taken."""

    account_id: int  # of the lot
    grant_id: int | None
    funding: str  # promotional, paid
    amount: Decimal  # exact


@dataclass(slots=True, kw_only=True)
class DraftLine:
    """One line as it will be printed, and what it does to its source."""

    kind: str  # InvoiceLine.Kind
    consumer_id: int
    description: str
    period: Period | None = None
    billable_id: int | None = None
    item_id: int | None = None
    rate_id: int | None = None
    contract_id: int | None = None
    beneficiary_id: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    quantity: Decimal | None = None
    unit: str = ""
    unit_price: Decimal | None = None
    arithmetic: list[dict[str, Any]] = field(default_factory=list)  # tiers, free units, discounts
    price_version: str = ""
    # Printed: what the document shows.
    amount: Decimal = ZERO
    promotional: Decimal = ZERO
    paid: Decimal = ZERO
    due: Decimal = ZERO
    # Exact: what leaves the consumer's accounts when it is issued.
    exact_due: Decimal = ZERO  # of ``unbilled``
    exact_overdraft: Decimal = ZERO  # of ``overdraft``
    before: Billed | None = None  # what documents had said of the source; none: no source
    upto: Billed | None = None  # what they will have said with this line
    cut_from: str = ""  # snapshots of the database: between them lies what the line is for
    cut_to: str = ""
    sources: list[LineSource] = field(default_factory=list)
    corrects_line_id: int | None = None
    edit_key: str = ""
    is_expected: bool = False  # of a preview: nothing has been posted for it yet
    # What taxes are about, and what they come to: filled in by ``billing.taxation``.
    product: str = ""  # names the accounts of revenue it belongs to
    tax_code: str = ""
    is_inclusive: bool = False  # the price has the tax in it
    category: str = ""  # of EN 16931 (UNCL 5305): S, Z, E, AE, K, G, O
    jurisdiction: str = ""
    percentage: Decimal = ZERO
    taxable: Decimal = ZERO
    tax: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class DraftTax:
    """One rate of tax on a document: base times rate, rounded once."""

    jurisdiction: str
    category: str
    percentage: Decimal
    base: Decimal
    tax: Decimal
    is_inclusive: bool = False
    code: str = ""  # why there is none (VATEX)
    note: str = ""


@dataclass(slots=True, kw_only=True)
class Totals:
    """What a document comes to: ``taxable + included_tax = subtotal - credit``."""

    subtotal: Decimal = ZERO  # of the lines
    credit: Decimal = ZERO  # credit that lowers what is taxed
    included_tax: Decimal = ZERO  # that prices had in them
    taxable: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO  # taxable + tax
    prepaid: Decimal = ZERO  # credit that counts as a payment
    due: Decimal = ZERO  # total - prepaid


@dataclass(slots=True, kw_only=True)
class Draft:
    """One document that could be issued."""

    kind: str  # Invoice.Kind
    payer_id: int
    asset_id: int
    exponent: int  # decimal places of the currency
    group_key: str = ""
    series_key: str = ""
    lines: list[DraftLine] = field(default_factory=list)
    taxes: list[DraftTax] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    problems: list[Problem] = field(default_factory=list)
    tax_decision: dict[str, Any] = field(default_factory=dict)
    corrects_id: int | None = None  # the document that this one corrects
    left: Decimal | None = None  # of that, before tax, less what notes gave back; none: not known
    cut: str = ""
    until: datetime | None = None
    tax_date: date | None = None
    profile_id: int | None = None
    is_progressive: bool = False
    paid_credit: str = "before_tax"  # or as_payment
    purchase_order: str = ""
    cost_centre: str = ""
    note: str = ""
