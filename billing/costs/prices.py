"""The prices that a book goes by at an instant, and the models it knows no price of."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.models import CostPrice, UnknownModel
from ledger.models import Book


def in_force(*, book: Book, at: datetime) -> QuerySet[CostPrice]:
    """Return the prices that hold at an instant: a book's own where it has one."""
    own = _holding(at).filter(
        book=book, provider__iexact=OuterRef("provider"), model__iexact=OuterRef("model")
    )
    later = Q(effective_from__gt=OuterRef("effective_from")) | Q(
        effective_from=OuterRef("effective_from"), pk__gt=OuterRef("pk")
    )
    found = _holding(at).filter(Q(book=None) | Q(book=book))
    return found.exclude(Q(book=None) & Exists(own)).exclude(
        Q(book=book) & Exists(own.filter(later))
    )


def visible(book: Book) -> QuerySet[CostPrice]:
    """Return every price that a book has gone by or may yet, withdrawn ones too."""
    return CostPrice.objects.filter(Q(book=None) | Q(book=book))


def overrides(book: Book) -> QuerySet[CostPrice]:
    """Return a book's own prices that have not been withdrawn, past and coming ones too."""
    return CostPrice.objects.filter(book=book, removed_at=None)


def unknown_models(book: Book) -> QuerySet[UnknownModel]:
    """Return the models that usage named and no price was known of."""
    return UnknownModel.objects.filter(book=book)


def _holding(at: datetime) -> QuerySet[CostPrice]:
    return CostPrice.objects.filter(
        Q(effective_to=None) | Q(effective_to__gt=at),
        effective_from__lte=at,
        removed_at=None,
    )
