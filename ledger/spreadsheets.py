"""Text in files that spreadsheets open, so that none of it runs there (pure)."""

from decimal import Decimal
from typing import Final

from ledger.money import text

_STARTS_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def cell(value: object) -> str:
    """
    Write a value so that no spreadsheet takes it for a formula; numbers stay numbers.

    >>> cell("=HYPERLINK(1)"), cell(Decimal("-1.50"))
    ("'=HYPERLINK(1)", '-1.5')
    """
    if isinstance(value, Decimal):
        return text(value)
    written = "" if value is None else str(value)
    return f"'{written}" if written.startswith(_STARTS_FORMULA) else written
