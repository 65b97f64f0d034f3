"""Who sells, who buys, who pays for whom, and how invoices are put together."""

from billing.collection.paying import consumers_of, payers_due, payers_of, profiles_of
from billing.collection.setting import set_party, set_profile, set_supplier

__all__ = [
    "consumers_of",
    "payers_due",
    "payers_of",
    "profiles_of",
    "set_party",
    "set_profile",
    "set_supplier",
]
