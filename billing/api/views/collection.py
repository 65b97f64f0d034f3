"""Who sells, who buys, and how invoices are put together."""

from __future__ import annotations

from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from billing import collection
from billing.api import serializers_collection as s
from billing.models import CollectionProfile, Party, Supplier
from ledger.api import lookups
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.errors import NotFoundError
from ledger.models import Customer

_TAG: Final = "Invoices"


class _Setting(Resource):
    """What is set by hand; writing is for finance."""

    scopes = {"GET": "read", "HEAD": "read", "PUT": "finance"}
    whole_book = frozenset({"PUT"})

    def profile_of(self, customer: Customer | None) -> CollectionProfile:
        """Return a customer's own profile, or the book's."""
        rows = CollectionProfile.objects.filter(book=self.caller.book, effective_to=None)
        found = rows.filter(customer=customer).first()
        if found is None:
            raise NotFoundError(collection_profile=customer.key if customer else "the book's")
        return found

    def set_profile(self, customer: Customer | None) -> CollectionProfile:
        """Write what was sent as a customer's own profile, or the book's."""
        wanted: dict[str, Any] = self.body(s.CollectionProfileIn)
        for name in ("payer", "beneficiary"):
            if wanted.get(name) is not None:
                wanted[name] = lookups.customer(self.caller, wanted[name])
        return collection.set_profile(
            book=self.caller.book,
            customer=customer,
            at=self.now,
            cause=self.caller.name,
            **wanted,
        )


class BookCollectionProfile(_Setting):
    """GET, PUT /collection-profile"""

    whole_book = frozenset({"GET", "HEAD", "PUT"})

    @operation(
        "get-collection-profile",
        summary="Get how invoices are put together, unless a customer has it otherwise",
        tag=_TAG,
        answer=s.CollectionProfileOut,
    )
    def get(self, request: Request) -> Response:
        return self.answer(s.CollectionProfileOut, self.profile_of(None))

    @operation(
        "set-collection-profile",
        summary="Say how invoices are put together, unless a customer has it otherwise",
        tag=_TAG,
        body=s.CollectionProfileIn,
        answer=s.CollectionProfileOut,
    )
    @once()
    def put(self, request: Request) -> Response:
        return self.answer(s.CollectionProfileOut, self.set_profile(None))


class CustomerCollectionProfile(_Setting):
    """GET, PUT /customers/{customer}/collection-profile"""

    @operation(
        "get-customer-collection-profile",
        summary="Get a customer's own way of putting invoices together",
        tag=_TAG,
        path=["customer"],
        answer=s.CollectionProfileOut,
    )
    def get(self, request: Request, customer: str) -> Response:
        owner = lookups.customer(self.caller, customer)
        return self.answer(s.CollectionProfileOut, self.profile_of(owner))

    @operation(
        "set-customer-collection-profile",
        summary="Say how the invoices of a customer, and of all below it, are put together",
        tag=_TAG,
        path=["customer"],
        body=s.CollectionProfileIn,
        answer=s.CollectionProfileOut,
    )
    @once()
    def put(self, request: Request, customer: str) -> Response:
        owner = lookups.customer(self.caller, customer)
        return self.answer(s.CollectionProfileOut, self.set_profile(owner))


class BillingParty(_Setting):
    """GET, PUT /customers/{customer}/billing-party"""

    @operation(
        "get-billing-party",
        summary="Get how documents name a customer",
        tag=_TAG,
        path=["customer"],
        answer=s.PartyOut,
    )
    def get(self, request: Request, customer: str) -> Response:
        owner = lookups.customer(self.caller, customer)
        party = Party.objects.filter(customer=owner).first()
        if party is None:
            raise NotFoundError(billing_party=customer)
        return self.answer(s.PartyOut, party)

    @operation(
        "set-billing-party",
        summary="Say how documents name a customer",
        tag=_TAG,
        path=["customer"],
        body=s.PartyIn,
        answer=s.PartyOut,
    )
    @once()
    def put(self, request: Request, customer: str) -> Response:
        owner = lookups.customer(self.caller, customer)
        party = collection.set_party(customer=owner, at=self.now, **self.body(s.PartyIn))
        return self.answer(s.PartyOut, party)


class BillingSupplier(_Setting):
    """GET, PUT /billing-supplier"""

    @operation(
        "get-billing-supplier",
        summary="Get how documents name the book",
        tag=_TAG,
        answer=s.SupplierOut,
    )
    def get(self, request: Request) -> Response:
        supplier = Supplier.objects.filter(book=self.caller.book).first()
        if supplier is None:
            raise NotFoundError(billing_supplier=self.caller.book.key)
        return self.answer(s.SupplierOut, supplier)

    @operation(
        "set-billing-supplier",
        summary="Say how documents name the book; from then on it invoices by itself",
        tag=_TAG,
        body=s.SupplierIn,
        answer=s.SupplierOut,
    )
    @once()
    def put(self, request: Request) -> Response:
        wanted = self.body(s.SupplierIn)
        supplier = collection.set_supplier(book=self.caller.book, at=self.now, **wanted)
        return self.answer(s.SupplierOut, supplier)
