"""Books, assets and customers."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from ledger import registry
from ledger.api import lookups, pages
from ledger.api import serializers as s
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.errors import NotFoundError
from ledger.models import Asset, Book, Customer


class Books(Resource):
    """GET, POST /books"""

    staff_only = frozenset({"POST"})

    @operation(
        "list-books",
        summary="List the books that the caller may see",
        tag="Books",
        query=PageQuery,
        answer=listing(s.BookOut),
    )
    def get(self, request: Request) -> Response:
        """A key sees its own book, staff all."""
        books = Book.objects.all()
        if not self.caller.is_staff:
            books = books.filter(pk=self.caller.book.pk)
        return self.page(s.BookOut, *pages.page(books, self.asked(PageQuery)))

    @operation(
        "create-book",
        summary="Open a set of books",
        description="For signed-in staff: a key works in the book it was issued for.",
        tag="Books",
        body=s.BookIn,
        answer=s.BookOut,
        status=201,
    )
    def post(self, request: Request) -> Response:
        """Its key is what makes it happen once: no Idempotency-Key, which belongs to a book."""
        book = registry.create_book(at=self.now, **self.body(s.BookIn))
        return self.answer(s.BookOut, book, status=201)


class OneBook(Resource):
    """GET, PATCH /books/{book}"""

    whole_book = frozenset({"PATCH"})

    def _book(self, text: str) -> Book:
        books = Book.objects.all()
        if not self.caller.is_staff:
            books = books.filter(pk=self.caller.book.pk)
        return lookups.by_id_or_key(books, text, "book")

    @operation("get-book", summary="Get a book", tag="Books", path=["book"], answer=s.BookOut)
    def get(self, request: Request, book: str) -> Response:
        return self.answer(s.BookOut, self._book(book))

    @operation(
        "update-book",
        summary="Change a book's name or tax ids",
        tag="Books",
        path=["book"],
        body=s.BookChange,
        answer=s.BookOut,
    )
    @once()
    def patch(self, request: Request, book: str) -> Response:
        found = self._book(book)
        return self.answer(s.BookOut, registry.update_book(book=found, **self.body(s.BookChange)))


class Assets(Resource):
    """GET, POST /assets"""

    whole_book = frozenset({"POST"})

    @operation(
        "list-assets",
        summary="List assets",
        tag="Assets",
        query=s.AssetQuery,
        answer=listing(s.AssetOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.AssetQuery)
        assets = Asset.objects.filter(**_given(asked, kind="kind"))
        return self.page(s.AssetOut, *pages.page(assets, asked))

    @operation(
        "create-asset",
        summary="Name something to be counted",
        description="Assets are shared by all books; neither code, kind nor scale ever changes.",
        tag="Assets",
        body=s.AssetIn,
        answer=s.AssetOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        asset = registry.create_asset(**self.body(s.AssetIn))
        return self.answer(s.AssetOut, asset, status=201)


class OneAsset(Resource):
    """GET /assets/{code}"""

    @operation("get-asset", summary="Get an asset", tag="Assets", path=["code"], answer=s.AssetOut)
    def get(self, request: Request, code: str) -> Response:
        return self.answer(s.AssetOut, lookups.asset(code))


class Customers(Resource):
    """GET, POST /customers"""

    @operation(
        "list-customers",
        summary="List customers",
        tag="Customers",
        query=s.CustomerQuery,
        answer=listing(s.CustomerOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.CustomerQuery)
        customers = self.caller.customers.filter(**_given(asked, key="key", kind="kind"))
        if asked["is_active"] is not None:
            customers = customers.filter(is_active=asked["is_active"])
        if parent := asked.get("parent"):
            above = None if parent == "none" else lookups.customer(self.caller, parent)
            customers = customers.filter(parent=above)
        return self.page(s.CustomerOut, *pages.page(customers, asked))

    @operation(
        "create-customer",
        summary="Enter a customer",
        tag="Customers",
        body=s.CustomerIn,
        answer=s.CustomerOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.CustomerIn)
        wanted["parent"] = _parent(self, wanted.get("parent"))
        customer = registry.create_customer(book=self.caller.book, at=self.now, **wanted)
        return self.answer(s.CustomerOut, customer, status=201)


class OneCustomer(Resource):
    """GET, PATCH /customers/{customer}"""

    @operation(
        "get-customer",
        summary="Get a customer",
        tag="Customers",
        path=["customer"],
        answer=s.CustomerOut,
    )
    def get(self, request: Request, customer: str) -> Response:
        return self.answer(s.CustomerOut, lookups.customer(self.caller, customer))

    @operation(
        "update-customer",
        summary="Change a customer, or move it in the tree",
        tag="Customers",
        path=["customer"],
        body=s.CustomerChange,
        answer=s.CustomerOut,
    )
    @once()
    def patch(self, request: Request, customer: str) -> Response:
        found = lookups.customer(self.caller, customer)
        wanted = self.body(s.CustomerChange)
        if "parent" in wanted:
            wanted["parent"] = _parent(self, wanted["parent"], moved=found)
        changed = registry.update_customer(customer=found, **wanted)
        return self.answer(s.CustomerOut, changed)


def _parent(view: Resource, text: str | None, moved: Customer | None = None) -> Customer | None:
    """Return the parent that is named; callers bound to a customer stay below it."""
    bound = view.caller.customer_id
    if text is None and bound is None:
        return None
    if text is None or (moved is not None and moved.pk == bound):
        raise NotFoundError(parent=text or "none")
    return lookups.customer(view.caller, text)


def _given(asked: dict[str, object], **columns: str) -> dict[str, object]:
    return {column: asked[name] for name, column in columns.items() if asked.get(name)}
