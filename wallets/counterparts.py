"""
Where a grant's value comes from, and where it goes when nobody uses it.

The book's accounts that a lot may face, beside those of usage. Units of a meter are no money:
they come from the units granted and go back there, however the grant was funded.
"""

from typing import Final

from ledger.models import Asset
from wallets.models import CreditGrant

CLEARING: Final = "rail_clearing"
PROMOTIONAL: Final = "promotional_credit"
BREAKAGE: Final = "breakage_revenue"
UNITS: Final = "granted_units"

SOURCES: Final = (CLEARING, PROMOTIONAL, UNITS)
SINKS: Final = (BREAKAGE, PROMOTIONAL, UNITS)


def source(*, kind: str, funding: str) -> str:
    """Return the purpose of the account that a grant's value is taken from."""
    if kind == Asset.Kind.UNIT:
        return UNITS
    return PROMOTIONAL if funding == CreditGrant.Funding.PROMOTIONAL else CLEARING


def sink(*, kind: str, funding: str) -> str:
    """Return the purpose of the account that takes what is left when a grant expires."""
    if kind == Asset.Kind.UNIT:
        return UNITS
    return PROMOTIONAL if funding == CreditGrant.Funding.PROMOTIONAL else BREAKAGE
