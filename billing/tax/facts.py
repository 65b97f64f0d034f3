"""What a decision about tax is made from, and what it says (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Category(StrEnum):
    """How a supply is taxed, in the letters of EN 16931 (UNTDID 5305)."""

    STANDARD = "S"
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    INTRA_COMMUNITY = "K"
    EXPORT = "G"
    OUTSIDE = "O"


class Classification(StrEnum):
    """What is supplied, as far as the place of taxation depends on it."""

    SERVICES = "services"
    GOODS = "goods"
    DIGITAL = "digital"
    OTHER = "other"


class IdPolicy(StrEnum):
    """What a business customer's tax id must be before tax is left to the customer."""

    WELL_FORMED = "well_formed"
    VERIFIED = "verified"


# A rate of nothing needs its reason on the document; the codes are the list of the CEF.
VATEX: Final[Mapping[Category, str]] = {
    Category.REVERSE_CHARGE: "VATEX-EU-AE",
    Category.INTRA_COMMUNITY: "VATEX-EU-IC",
    Category.EXPORT: "VATEX-EU-G",
    Category.OUTSIDE: "VATEX-EU-O",
}
NOTES: Final[Mapping[Category, str]] = {
    Category.REVERSE_CHARGE: "Reverse charge",
    Category.INTRA_COMMUNITY: "Intra-Community supply",
    Category.EXPORT: "Export outside the EU",
    Category.OUTSIDE: "Not subject to VAT",
    Category.EXEMPT: "Exempt from tax",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A country (ISO 3166-1, ``XI`` for Northern Ireland's goods) and a region in it."""

    country: str
    region: str = ""

    @property
    def jurisdictions(self) -> tuple[str, ...]:
        """
        Return the places whose rates may apply, the narrowest first.

        >>> Place("US", "CA-LOS-ANGELES").jurisdictions
        ('US-CA-LOS-ANGELES', 'US-CA-LOS', 'US-CA', 'US')
        """
        parts = [self.country, *self.region.split("-")] if self.region else [self.country]
        return tuple("-".join(parts[:count]) for count in range(len(parts), 0, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxIdFact:
    """A customer's tax id as it is known: its form, and what an authority said of it."""

    type: str
    number: str
    country: str
    is_well_formed: bool
    status: str = "unverified"  # unverified, valid, invalid, unavailable
    evidence_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempt:
    """A certificate that frees a customer from tax in a jurisdiction; no codes: for all."""

    id: int
    jurisdiction: str
    certificate: str
    tax_codes: frozenset[str] = frozenset()

    def covers(self, jurisdiction: str, tax_code: str) -> bool:
        """
        Tell whether tax of ``jurisdiction`` on a code falls away.

        >>> exempt = Exempt(id=1, jurisdiction="US-CA", certificate="R-1")
        >>> [exempt.covers(place, "saas") for place in ("US-CA-LA", "US-CA", "US-CAX", "US")]
        [True, True, False, False]
        """
        is_inside = jurisdiction == self.jurisdiction or jurisdiction.startswith(
            f"{self.jurisdiction}-"
        )
        return is_inside and (not self.tax_codes or tax_code in self.tax_codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What a jurisdiction takes of a tax code over a stretch of days; no code: of any."""

    id: int
    tax_code: str
    jurisdiction: str
    category: Category
    percentage: Decimal
    name: str = ""
    valid_from: date = date.min
    valid_to: date | None = None  # the first day it no longer holds

    def holds(self, on: date) -> bool:
        """Tell whether the rate is in force on a day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


class Rates:
    """The rates of a book, found by place, code and day."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._found: dict[tuple[str, str], list[Rate]] = {}
        self._places: set[str] = set()
        for rate in rates:
            self._found.setdefault((rate.jurisdiction, rate.tax_code), []).append(rate)
            self._places.add(rate.jurisdiction)

    def __bool__(self) -> bool:
        return bool(self._places)

    def of(self, place: Place, tax_code: str, on: date) -> Rate | None:
        """Return the rate of a code at a place: the narrowest place's own, then its general one."""
        for jurisdiction in place.jurisdictions:
            for code in (tax_code, "") if tax_code else ("",):
                for rate in self._found.get((jurisdiction, code), ()):
                    if rate.holds(on):
                        return rate
        return None

    def are_kept_for(self, country: str) -> bool:
        """Tell whether the book has rates anywhere in a country: it is registered there."""
        return any(place == country or place.startswith(f"{country}-") for place in self._places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a decision that a person should look at before a document is issued."""

    code: str
    severity: str  # critical, warning
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """One kind of thing sold by one party to another on a day."""

    seller: Place
    buyer: Place
    buyer_is_business: bool
    buyer_tax_id: TaxIdFact | None
    classification: str
    tax_code: str
    exemptions: tuple[Exempt, ...]
    at: date
    policy: IdPolicy = IdPolicy.WELL_FORMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Which tax a supply bears, and why."""

    category: Category
    jurisdiction: str
    percentage: Decimal
    why: tuple[str, ...]
    vatex: str = ""
    note: str = ""
    rate_id: int | None = None
    exemption_id: int | None = None
    findings: tuple[Finding, ...] = field(default=())
