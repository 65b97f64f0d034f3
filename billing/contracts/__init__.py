"""
Contract commitments: a minimum to be spent on usage over a term, step by step.

A step's usage is what the running amounts of its features came to (``drawing``); usage of a
customer's descendants counts. What is missing when a step ends is charged as a true-up, what was
spent beyond it costs ``overage_multiplier`` times its price (``settling``).
"""

from billing.contracts.balances import Balance, StepBalance, balance
from billing.contracts.settling import settle
from billing.contracts.signing import create

__all__ = ["Balance", "StepBalance", "balance", "create", "settle"]
