"""That reports of revenue come to what the trial balance says; run by ``verify_ledger``."""

from __future__ import annotations

from collections.abc import Iterator

from billing.reports import contract_balances, deferred, ties
from ledger.models import Book
from ledger.verification import Disagreement


def reports_tie_out(*, book_id: int | None) -> Iterator[Disagreement]:
    """Fees paid in advance and contract balances, as reported, are what the trial balance holds."""
    books = Book.objects.order_by("pk")
    for book in books if book_id is None else books.filter(pk=book_id):
        yield from ties.disagreements(book, deferred.fee_ties(book))
        found = contract_balances.contract_balances(book=book)
        yield from ties.disagreements(book, found.ties)
