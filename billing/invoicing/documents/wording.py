"""The words, numbers and dates of documents in the reader's language (pure)."""

from __future__ import annotations

import json
import re
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal

from billing.tax.places import EU

_TEXTS: Final = Path(__file__).parent / "texts"
DEFAULT: Final = "en"
LANGUAGES: Final = tuple(sorted(path.stem for path in _TEXTS.glob("*.json")))
_NAMED: Final = {
    "JP": "consumption_tax",
    "US": "sales_tax",
    **dict.fromkeys(("AU", "CA", "IN", "NZ", "SG"), "gst"),
}
_VAT: Final = EU | {"CH", "GB", "IS", "LI", "NO", "XI"}
_MOST_PLACES: Final = 12
_BESIDE: Final = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")  # KWD1, 1KWD
_APART: Final = "\xa0"
_COUNTABLE: Final = re.compile(r"[a-z -]*[a-z]{3}[a-rt-z]|day|job|run")  # a word, not GB or kwh
_MINUS: Final = "\u2212"


@dataclass(frozen=True, slots=True)
class Wording:
    """How a document is written for readers of a language."""

    language: str  # of the words
    locale: Locale  # of numbers and dates
    texts: dict[str, Any]

    def __getitem__(self, name: str) -> str:
        return str(self.texts[name])

    def named(self, group: str, name: str) -> str:
        """Return a text of a group, or nothing."""
        return str(self.texts[group].get(name, ""))

    def group(self, group: str) -> dict[str, str]:
        """Return the texts of a group."""
        return dict(self.texts[group])

    def money(self, amount: Decimal, currency: str, exponent: int) -> str:
        """
        Write an amount with its currency.

        >>> wording("de").money(Decimal("1234.5"), "EUR", 2)
        '1.234,50\\xa0€'
        >>> wording("en").money(Decimal(5831), "JPY", 0), wording("en").money(Decimal(1), "KWD", 3)
        ('¥5,831', 'KWD\\xa01.000')
        """
        pattern = copy(self.locale.currency_formats["standard"])
        pattern.frac_prec = (exponent, exponent)
        written = pattern.apply(amount, self.locale, currency=currency, currency_digits=False)
        return _BESIDE.sub(_APART, str(written).replace("-", _MINUS))

    def amount(self, amount: Decimal, exponent: int) -> str:
        """
        Write an amount without its currency.

        >>> wording("en").amount(Decimal("1234.5"), 2), wording("fr").amount(Decimal(0), 0)
        ('1,234.50', '0')
        """
        fraction = f".{'0' * exponent}" if exponent else ""
        written = format_decimal(amount, format=f"#,##0{fraction}", locale=self.locale)
        return str(written).replace("-", _MINUS)

    def number(self, number: Decimal, places: int = _MOST_PLACES, least: int = 0) -> str:
        """
        Write a quantity or a price with the digits it has.

        >>> wording("en").number(Decimal("1300.500")), wording("en").number(Decimal("0.1"), least=2)
        ('1,300.5', '0.10')
        """
        fraction = "0" * least + "#" * (places - least)
        written = format_decimal(number, format=f"#,##0.{fraction}", locale=self.locale)
        return str(written).replace("-", _MINUS)

    def units(self, unit: str, quantity: Decimal | None) -> str:
        """
        Write what is counted, in the plural where English has one and it is a word.

        >>> [wording("en").units(unit, Decimal(2)) for unit in ("call", "query", "GB", "tokens")]
        ['calls', 'queries', 'GB', 'tokens']
        """
        is_one = quantity is None or abs(quantity) == 1
        if is_one or self.language != DEFAULT or not _COUNTABLE.fullmatch(unit):
            return unit
        if unit.endswith(("x", "ch", "sh")):
            return f"{unit}es"
        if unit.endswith("y") and unit[-2] not in "aeiou":
            return f"{unit[:-1]}ies"
        return f"{unit}s"

    def percentage(self, percentage: Decimal) -> str:
        """
        Write a rate.

        >>> wording("en").percentage(Decimal("19.000000")), wording("de").percentage(Decimal("8.1"))
        ('19%', '8,1\\xa0%')
        """
        number = self.number(percentage, 6)
        return str(self.locale.percent_formats[None].pattern).replace("#,##0", number)

    def date(self, day: date) -> str:
        """
        Write a day.

        >>> wording("en").date(date(2026, 3, 1)), wording("de").date(date(2026, 3, 1))
        ('Mar 1, 2026', '01.03.2026')
        """
        return str(format_date(day, format="medium", locale=self.locale))

    def period(self, starts_at: datetime, ends_at: datetime, zone: str) -> str:
        """
        Write a period by its first and last day where the book is.

        >>> from datetime import UTC
        >>> starts, ends = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
        >>> wording("en").period(starts, ends, "UTC")
        'Feb 1, 2026 – Feb 28, 2026'
        """
        place = ZoneInfo(zone)
        first = starts_at.astimezone(place).date()
        last = (ends_at.astimezone(place) - timedelta(microseconds=1)).date()
        if first >= last:
            return self.date(first)
        return f"{self.date(first)} – {self.date(last)}"

    def tax_name(self, jurisdiction: str) -> str:
        """
        Return what a jurisdiction's tax is called.

        >>> wording("de").tax_name("DE"), wording("en").tax_name("US-CA")
        ('USt.', 'Sales tax')
        """
        country = jurisdiction[:2]
        if country in _VAT:
            return self.named("names", "vat")
        return self.named("names", _NAMED.get(country, "tax"))


@lru_cache(maxsize=64)
def wording(language: str) -> Wording:
    """
    Return the wording of a language, like ``de`` or ``de-AT``; the nearest there is, else English.

    >>> wording("de-AT").language, wording("xx").language, str(wording("pt-BR").locale)
    ('de', 'en', 'en')
    """
    known = language.replace("-", "_").split("_")[0].lower()
    if known not in LANGUAGES:
        return wording(DEFAULT)
    texts = json.loads((_TEXTS / f"{known}.json").read_text(encoding="utf-8"))
    return Wording(known, _locale(language, known), texts)


def _locale(language: str, known: str) -> Locale:
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        return Locale.parse(known)
