"""What if? Recorded usage under other prices; nothing is recorded."""

from __future__ import annotations

from typing import Final, NoReturn

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_simulations as s
from billing.simulations import asking, comparing
from billing.simulations.comparing import Totals
from billing.simulations.offers import LEAVES_OUT, Offer
from ledger.api import lookups
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.errors import InvalidInputError
from ledger.models import Book, Customer
from ledger.periods import Period

MOST_CUSTOMERS: Final = 1_000
MOST_EVENTS: Final = 100_000


class Simulations(Resource):
    """POST /simulations"""

    scopes = {"POST": "read"}
    whole_book = frozenset({"POST"})

    @operation(
        "simulate-usage",
        summary="Compute what recorded usage would have cost under other prices",
        description="What was posted is what series and charges say whose time starts within"
        " `from` and `to`; choose whole billing periods. A plan is taken as if the customers had"
        " been in it from `from` on. At most 1,000 customers, and 100,000 events where prices look"
        " at each event; `manage.py simulate` has no limit. Nothing is recorded.",
        tag="Prices",
        body=s.SimulationIn,
        answer=s.SimulationOut,
    )
    def post(self, request: Request) -> Response:
        asked = self.body(s.SimulationIn)
        book, span = self.caller.book, asking.span_of(asked["from"], asked["to"])
        named = asked.get("customers")
        customers = named and list(
            {found.pk: found for found in map(self._customer, named)}.values()
        )
        offer = asking.offer_of(book=book, span=span, asked=asked)
        _check_size(book, offer, span, customers)
        totals = Totals()
        compared = comparing.simulate(book=book, offer=offer, span=span, customers=customers)
        written = {
            "starts_at": span.starts_at,
            "to": span.ends_at,
            "currency": offer.asset.code,
            "data": [totals.take(row) for row in compared],
            "totals": totals,
            "leaves_out": LEAVES_OUT,
        }
        return self.answer(s.SimulationOut, written)

    def _customer(self, text: str) -> Customer:
        return lookups.customer(self.caller, text)


def _check_size(book: Book, offer: Offer, span: Period, customers: list[Customer] | None) -> None:
    count = comparing.count_customers(book=book, span=span, customers=customers)
    if count > MOST_CUSTOMERS:
        _refuse(f"{count:,} customers", f"at most {MOST_CUSTOMERS:,}")
    most = MOST_EVENTS + 1
    count = comparing.count_events(
        book=book, offer=offer, span=span, most=most, customers=customers
    )
    if count > MOST_EVENTS:
        wanted = "customers with fewer events: such a price looks at each"
        _refuse(f"more than {MOST_EVENTS:,} events", wanted)


def _refuse(value: str, wanted: str) -> NoReturn:
    remedy = f"name {wanted}; or use manage.py simulate, which has no limit"
    raise InvalidInputError(field="customers", value=value, remedy=remedy)
