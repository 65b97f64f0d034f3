"""
What drafts are composed of (pure): sources with their sums, how a payer collects, edits.

A source is one running value of usage or one charge. It says what it has come to and what documents
have said of it; the difference is the next line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from billing.invoicing.facts import NOTHING_BILLED, Billed, LineSource, Sums
from billing.rating.rated import Rated
from ledger.money import ZERO
from ledger.periods import Period

USAGE: Final = "usage"
ADJUSTMENT: Final = "adjustment"
MANUAL: Final = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How a payer's invoices are put together; what is not said is as it is here."""

    id: int | None = None
    version: int = 0
    customer_id: int | None = None  # whose it is; none: the book's, or nobody's
    alignment: str = "subscription"
    anchor: datetime | None = None
    cadence: str = "P1M"
    grace: timedelta = timedelta(hours=1)
    payer_id: int | None = None
    group_by: str = "none"
    purchase_order: str = ""
    cost_centre: str = ""
    beneficiary_id: int | None = None
    threshold: Decimal | None = None
    progressive_cadence: str = ""
    minimum: Decimal = ZERO
    below_minimum: str = "carry"
    most_carried_months: int = 3
    approval: str = "auto"
    auto_delay: timedelta = timedelta(0)
    payment_terms: str = "P30D"
    collection: str = "send"
    corrections: str = "credit_note"
    paid_credit: str = "before_tax"
    zero_invoices: str = "skip"
    dunning_schedule: str = ""
    series_key: str = "INV"

    @property
    def is_progressive(self) -> bool:
        """Whether usage may be invoiced before its period ends."""
        return self.threshold is not None or self.progressive_cadence != ""


class Consumer(NamedTuple):
    """Who used something, as far as its lines are grouped by it."""

    id: int
    key: str
    name: str
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A line of an issued document that billed a source, or gave some of it back."""

    line_id: int
    invoice_id: int
    kind: str  # of the document
    number: str
    payer_id: int
    group_key: str
    series_key: str
    due: Decimal
    creditable: Decimal  # of what was due, less what credit notes gave back
    discount: Decimal = ZERO  # its share of what was taken off the document by hand
    left: Decimal = ZERO  # of the document, less what credit notes gave back
    is_running: bool  # the period went on when it was issued
    details: Mapping[str, Any]
    sources: Sequence[LineSource]
    tax_code: str
    category: str
    jurisdiction: str
    percentage: Decimal
    is_inclusive: bool


@dataclass(slots=True, kw_only=True)
class Source:
    """One running value or charge, what it has come to, and what documents have said of it."""

    billable_id: int
    kind: str  # of its lines
    consumer_id: int
    asset_id: int
    due_at: datetime
    period: Period
    now: Sums
    before: Billed = NOTHING_BILLED
    name: str
    product: str = ""
    item_id: int | None = None
    rate_id: int | None = None
    contract_id: int | None = None
    subscription_id: int | None = None
    subscription_key: str = ""
    is_in_advance: bool = False
    is_credit_only: bool = False
    is_running: bool = False  # its period goes on
    may_fall: bool = False  # more usage may make it cheaper
    parts: Sequence[LineSource] = ()  # which credit paid how much of it, all in all
    covered: Decimal = ZERO  # of what it left as overdraft: paid by credit that came later
    cut: str = ""
    cut_before: str = ""
    earlier: list[Earlier] = field(default_factory=list)  # the last first
    rated: Rated | None = None  # of usage
    contributed: Decimal = ZERO  # by its events, where the price looks at each
    sold: Mapping[str, Decimal] = field(default_factory=dict)  # billing units by rate of a table
    is_gone: bool = False  # all its events were taken back
    unit: str = ""
    price_version: str = ""
    explanation: Mapping[str, Any] = field(default_factory=dict)  # of a charge
    tax_code: str = ""
    is_inclusive: bool = False
    is_expected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Something that a person changed about a draft."""

    key: str
    operation: str
    billable_id: int | None
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """What a document is in."""

    asset_id: int
    code: str
    exponent: int
    is_currency: bool


class Place(NamedTuple):
    """Which open draft a document is: there is one of each."""

    payer_id: int
    asset_id: int
    group_key: str
    kind: str
    corrects_id: int | None
