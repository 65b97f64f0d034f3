"""
What a document says, in no language and no format: the one source of PDF, e-invoice and CSV (pure).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ledger.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a party is."""

    line1: str = ""
    line2: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedParty:
    """The seller or the buyer as a document names it."""

    name: str
    address: Address = field(default_factory=Address)
    tax_ids: tuple[tuple[str, str], ...] = ()  # type, number
    registration: str = ""
    contact: str = ""
    email: str = ""
    phone: str = ""
    endpoint: str = ""  # scheme:id of an electronic address

    def tax_id(self, *kinds: str) -> str:
        """Return the first number of one of these types."""
        found = dict(self.tax_ids)
        return next((found[kind] for kind in kinds if kind in found), "")

    @property
    def vat_id(self) -> str:
        """Return the number that VAT goes by, if the party has one."""
        return self.tax_id("eu_vat", "gb_vat", "ch_vat", "no_vat", "is_vat", "li_vat") or next(
            (number for kind, number in self.tax_ids if kind.endswith("vat")), ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One row of how a line came about: a tier, free units, a discount."""

    text: str
    kind: str = "usage"  # or flat, fee, free_units, discount, maximum, commitment
    tier: int | None = None  # counted from 1
    quantity: str = ""
    price: str = ""
    amount: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedLine:
    """One line: what was supplied when, how much of it, and what it comes to."""

    position: int
    kind: str
    consumer: str  # its key
    consumer_name: str  # as it is now
    description: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    quantity: Decimal | None = None
    unit: str = ""
    unit_price: Decimal | None = None
    steps: tuple[Step, ...] = ()
    price_version: str = ""
    amount: Decimal = ZERO
    promotional: Decimal = ZERO
    paid: Decimal = ZERO
    due: Decimal = ZERO
    tax_code: str = ""
    category: str = ""
    jurisdiction: str = ""
    percentage: Decimal = ZERO
    is_inclusive: bool = False
    taxable: Decimal = ZERO
    tax: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTax:
    """One tax of the document."""

    jurisdiction: str
    category: str
    percentage: Decimal
    base: Decimal
    tax: Decimal
    is_inclusive: bool = False
    code: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccount:
    """Where the buyer may pay to."""

    iban: str
    bic: str = ""
    holder: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preceding:
    """The issued document that a credit or debit note is about."""

    number: str
    issue_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Printable:
    """All that a document says. Amounts of a credit note are what is given back."""

    kind: str  # invoice, debit_note, credit_note
    number: str
    currency: str
    exponent: int
    seller: PrintedParty
    buyer: PrintedParty
    buyer_key: str
    issue_date: date | None
    due_date: date | None
    tax_date: date | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    time_zone: str = "UTC"
    language: str = "en"
    lines: tuple[PrintedLine, ...] = ()
    taxes: tuple[PrintedTax, ...] = ()
    subtotal: Decimal = ZERO
    credit: Decimal = ZERO
    included_tax: Decimal = ZERO
    taxable: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO
    prepaid: Decimal = ZERO
    due: Decimal = ZERO
    purchase_order: str = ""
    cost_centre: str = ""
    reason: str = ""
    note: str = ""
    payment_terms: str = ""
    preceding: Preceding | None = None
    bank_accounts: tuple[BankAccount, ...] = ()
    is_issued: bool = True

    @property
    def is_credit_note(self) -> bool:
        """Tell whether the document gives money back."""
        return self.kind == "credit_note"


def address_of(held: Mapping[str, Any]) -> Address:
    """Read an address as parties keep it."""
    return Address(**{each.name: str(held.get(each.name) or "") for each in fields(Address)})
