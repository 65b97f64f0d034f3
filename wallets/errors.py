"""
Errors that wallets raise on purpose.

    DomainError
    └── ConflictError
        └── GrantClosedError   the grant has expired: what is left is breakage
"""

from ledger.errors import ConflictError


class GrantClosedError(ConflictError):
    """The grant has expired; what was left in it is no longer the customer's."""

    code = "grant_closed"
