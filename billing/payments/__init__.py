"""
Payments: money that comes, what it is for, what goes back, and who still owes what.

    payment → unapplied cash → allocation to documents
                    └────────→ refund, credit of a wallet, back to the bank

All money of a payer moves under one lock; the database keeps every sum and refuses more than there
is. ``README.md`` says what is posted for each.
"""

from billing.payments.allocating import allocate, left_of, unallocate
from billing.payments.claims import claim, hold, release
from billing.payments.disputes import decide, open_dispute
from billing.payments.recording import proposals, record
from billing.payments.refunds import fail, refund, send, settle
from billing.payments.reversing import reverse, taken_back
from billing.payments.writeoffs import write_off

__all__ = [
    "allocate",
    "claim",
    "decide",
    "fail",
    "hold",
    "left_of",
    "open_dispute",
    "proposals",
    "record",
    "refund",
    "release",
    "reverse",
    "send",
    "settle",
    "taken_back",
    "unallocate",
    "write_off",
]
