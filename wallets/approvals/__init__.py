"""
What changes much credit at once needs a second person.

``submit`` does a small change at once and asks for a large one; ``METERBOOK_APPROVAL_ABOVE`` says
per asset what is large. Somebody else approves, which does it, once, or refuses with a reason.
Operations and arguments are data: what was asked for is what is done, and stays on record.
"""

from wallets.approvals.deciding import (
    Submitted,
    approve,
    ask,
    is_needed,
    most_alone,
    refuse,
    submit,
)
from wallets.approvals.operations import OPERATIONS
from wallets.approvals.reading import written

__all__ = [
    "OPERATIONS",
    "Submitted",
    "approve",
    "ask",
    "is_needed",
    "most_alone",
    "refuse",
    "submit",
    "written",
]
