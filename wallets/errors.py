"""
Errors that wallets raise on purpose.

    DomainError
    ├── ConflictError
    │   ├── GrantClosedError     the grant has expired: what is left is breakage
    │   ├── HoldClosedError      the hold has been captured, released, denied, or has expired
    │   ├── EventCapturedError   another capture pays for the usage event
    │   ├── TopUpStateError      the top-up is not in a state that allows it
    │   ├── NothingUnusedError   nothing is left of the credit to be taken back
    │   ├── RechargeStateError   the rule, or the stop of all, is not in a state that allows it
    │   └── ApprovalStateError   it has been decided, or is not this person's to decide
    ├── InvariantError
    │   └── CaptureExceedsHoldError   more is to be captured than was set aside
    └── ExhaustedError
        └── CreditExhaustedError     there is not enough credit for what is to be set aside or taken
"""

from ledger.errors import ConflictError, ExhaustedError, InvariantError


class GrantClosedError(ConflictError):
    """The grant has expired; what was left in it is no longer the customer's."""

    code = "grant_closed"


class HoldClosedError(ConflictError):
    """The hold is over: it was captured, released or denied, or it has expired."""

    code = "hold_closed"


class EventCapturedError(ConflictError):
    """Another capture pays for the usage event."""

    code = "event_captured"


class TopUpStateError(ConflictError):
    """The top-up is not in a state that allows this."""

    code = "topup_state"


class NothingUnusedError(ConflictError):
    """Nothing is left of the credit: it has been used, is held, or was taken back."""

    code = "nothing_unused"


class RechargeStateError(ConflictError):
    """The automatic recharge is not in a state that allows this."""

    code = "recharge_state"


class ApprovalStateError(ConflictError):
    """It was decided, is to be decided by another than who asked, or has become larger."""

    code = "approval_state"


class CaptureExceedsHoldError(InvariantError):
    """More is to be captured than was set aside: extend the hold, or say what may go beyond it."""

    code = "capture_exceeds_hold"


class CreditExhaustedError(ExhaustedError):
    """There is not enough credit."""

    code = "credit_exhausted"
