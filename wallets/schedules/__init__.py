"""
Credit that comes again and again: one grant per period, issued once whoever runs it and how often.

Occurrence 0 is due at ``starts_at``; the others at each end of a cycle counted from ``anchor``. Its
key, ``schedule:<schedule>:<number>``, is unique in its wallet: late, twice, by several at once
or after a restore it is issued once. Nothing has to run at the very instant: a grant is effective
when it was due, and the rest of the one before lapses then, as all credit that expires.
"""

from wallets.schedules.defining import create, end
from wallets.schedules.occurring import all_next_due, issue, next_due

__all__ = ["all_next_due", "create", "end", "issue", "next_due"]
