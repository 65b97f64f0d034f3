"""Who calls: in which book, within which scopes, for which customers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.db.models import QuerySet

from ledger import registry
from ledger.errors import DomainError
from ledger.models import ApiKey, Book, Customer


class BookUnnamedError(DomainError):
    """Several books exist: name one in the header Meterbook-Book."""

    code = "book_required"


@dataclass(frozen=True)
class Caller:
    """
    A key or a signed-in person, and what it may see.

    ``customer_id`` binds it to that customer and what is below it; the rest of the book does not
    exist for it.
    """

    name: str  # as it is recorded in what it causes
    scopes: frozenset[str]
    known_book: Book | None
    customer_id: int | None = None
    is_staff: bool = False

    @property
    def book(self) -> Book:
        """
        Return the book it works in.

        Raises:
            BookUnnamedError: a signed-in person must say which.
        """
        if self.known_book is None:
            raise BookUnnamedError
        return self.known_book

    @cached_property
    def reach(self) -> frozenset[int] | None:
        """Return the customers it is bound to; None if it is bound to none."""
        return None if self.customer_id is None else frozenset(registry.subtree(self.customer_id))

    @property
    def customers(self) -> QuerySet[Customer]:
        """Return the customers it may see."""
        customers = Customer.objects.filter(book=self.book)
        return customers if self.reach is None else customers.filter(pk__in=self.reach)


def of_key(key: ApiKey) -> Caller:
    """Return the caller that a key stands for."""
    return Caller(
        name=f"key:{key.prefix}",
        scopes=frozenset(key.scopes),
        known_book=key.book,
        customer_id=key.customer_id,
    )
