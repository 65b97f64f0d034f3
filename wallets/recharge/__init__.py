"""
Automatic recharge: rules that buy credit when a wallet falls below a threshold, or at intervals.

A rule has at most one open top-up; the database knows. What is pending counts as if it were there,
and one charge closes the whole gap, within the caps of a day and a month. After a decline it rests,
longer each time, and stops in the end. A stop of the book halts all its rules at once.
"""

from wallets.recharge.buying import due, pending, run
from wallets.recharge.defining import change, create, pause, resume
from wallets.recharge.stopping import end_stop, stop_all

__all__ = ["change", "create", "due", "end_stop", "pause", "pending", "resume", "run", "stop_all"]
