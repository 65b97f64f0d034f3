"""
Top-ups: credit that is bought, from the request over the payment to the grant.

    request → awaiting_payment → (authorised) → settled → (refunded)
                       └──────────────┴──────→ failed

Each step is recorded once, with who and why. A payment is tied to one top-up by its key: the same
payment again changes nothing. The grant is there on settlement, or on creation or authorisation;
then what is not paid yet stands on the customer's account ``receivable``.
"""

from wallets.topups.advancing import authorise, await_payment, expire_unpaid, fail, settle
from wallets.topups.pricing import Price, currency_of, places_of, price_of
from wallets.topups.refunding import refund
from wallets.topups.requesting import request
from wallets.topups.standing import OPEN

__all__ = [
    "OPEN",
    "Price",
    "authorise",
    "await_payment",
    "currency_of",
    "expire_unpaid",
    "fail",
    "places_of",
    "price_of",
    "refund",
    "request",
    "settle",
]
