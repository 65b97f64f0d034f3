"""
Why nothing is done with a document (pure).

    ConflictError
    ├── InvoiceStateError     its state does not allow that
    └── StaleDraftError       what it is about has been billed otherwise since it was drafted
    InvariantError
    ├── BlockedDraftError     a critical problem has to be solved first
    ├── NothingToCreditError  less of it is left to be given back
    ├── InvoiceDiffersError   lines, taxes and what would be posted differ
    └── SecondPersonError     it is so much that somebody else must have a look
"""

from __future__ import annotations

from ledger.errors import ConflictError, InvariantError


class InvoiceStateError(ConflictError):
    """The document is not in a state that allows this."""

    code = "invoice_state"


class StaleDraftError(ConflictError):
    """What the draft is about has been billed otherwise since: draft it again."""

    code = "stale_draft"


class BlockedDraftError(InvariantError):
    """The draft has a critical problem: solve it, then draft it again."""

    code = "blocked_draft"


class InvoiceDiffersError(InvariantError):
    """The document's lines, its taxes and what would be posted differ."""

    code = "invoice_differs"


class NothingToCreditError(InvariantError):
    """Less of the document is left to be given back than is asked for."""

    code = "nothing_to_credit"


class SecondPersonError(InvariantError):
    """It comes to so much that whoever issues it must be another than whoever approved it."""

    code = "second_person_needed"
