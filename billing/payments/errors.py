"""
Errors that payments raise on purpose.

    DomainError
    ├── ConflictError
    │   ├── PaymentStateError      the payment, refund, dispute or claim is not in such a state
    │   └── ClaimedError           somebody else collects what the document leaves to be paid
    └── InvariantError
        ├── AllocationExceedsError more than there is would be given, or more than is open settled
        └── DocumentStateError     the document is not issued, or no longer to be paid
"""

from ledger.errors import ConflictError, InvariantError


class PaymentStateError(ConflictError):
    """It is not in a state that allows this."""

    code = "payment_state"


class ClaimedError(ConflictError):
    """Somebody else collects what the document leaves to be paid."""

    code = "claimed"


class AllocationExceedsError(InvariantError):
    """More would be given than there is, or more be settled than is open."""

    code = "allocation_exceeds"


class DocumentStateError(InvariantError):
    """The document is not issued, is void, or is not of a kind that allows this."""

    code = "document_state"
