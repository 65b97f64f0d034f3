"""
The end of an accounting period: a checklist, and nothing closes past what it finds.

Each check is a function of a period that says what it found and what to do about it. What blocks
is put right, or somebody answers for it (``waive``), with a reason, for exactly what was found.
Closing and reopening leave rows that nobody can change.
"""

from billing.closing.checklist import CHECKS, check
from billing.closing.closing import ClosingBlockedError, close, reopen, waive
from billing.closing.findings import Finding

__all__ = ["CHECKS", "ClosingBlockedError", "Finding", "check", "close", "reopen", "waive"]
