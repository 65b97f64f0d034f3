"""
Recompute everything the ledger says, and name what disagrees.

Nothing is trusted that can be computed: digests and deltas from the entries, buckets from the
deltas, balances from the buckets, seals from the digests. All of it reads one snapshot, so that
writers may go on, and streams, so that memory does not grow with the journal.

Packages above register their own checks in the setting ``LEDGER_CHECKS``: dotted names of
functions that take ``book_id`` (None for all books) and yield disagreements.
"""

from ledger.verification.findings import Disagreement, Report
from ledger.verification.verifying import verify

__all__ = ["Disagreement", "Report", "verify"]
