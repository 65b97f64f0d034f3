"""
What subscriptions owe beside usage: fees, first tiers, minimums, coupons, and what is earned.

What the timeline says is compared with what ``Charge`` says is posted, and the difference is
posted. Nothing else is remembered but ``Subscription.due_at``: everything before it agrees. So a
change moves it back to where it takes effect (``billing.rechecking``), and ``settle_all`` goes on
from there.
"""

from billing.charging.settling import Step, settle_all

__all__ = ["Step", "settle_all"]
