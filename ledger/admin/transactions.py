"""Transactions with their entries; what was posted wrongly is reversed here."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger import posting
from ledger.admin import entries
from ledger.admin.base import BookFilter, Listing, cause_of, row_number
from ledger.admin.display import NOTHING, badge, digest, instant, link, period_name
from ledger.admin.fields import InstantField, ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.ids import first_id_at, head_of
from ledger.models import Book, Entry, Transaction
from ledger.money import text

_ENTRIES: Final = 100  # on a page
_MOST_IN_PARTS: Final = 50  # entries that can be reversed one by one
_WINDOWS: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


class PostedFilter(admin.SimpleListFilter):
    """When it was posted, through the range of ids of that time."""

    title = "posted"
    parameter_name = "posted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, f"In the last {name}") for name in _WINDOWS]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        window = _WINDOWS.get(self.value() or "")
        return queryset.filter(pk__gte=first_id_at(now() - window)) if window else queryset


class ReversalFilter(admin.SimpleListFilter):
    title = "reversal"
    parameter_name = "reversal"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("is", "Reverses another"), ("was", "Was reversed")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "is":
            return queryset.exclude(reverses=None)
        return queryset.exclude(reversed_by=None) if self.value() == "was" else queryset


class ReverseForm(OperationForm):
    reason = ReasonField()
    effective_at = InstantField(
        label="Effective (UTC)",
        required=False,
        help_text="When it takes effect; now if left empty.",
    )

    def prepare(self) -> None:
        found = list(Entry.objects.of(self.row)[: _MOST_IN_PARTS + 1])
        self.entries = found if len(found) <= _MOST_IN_PARTS else []
        accounts = entries.accounts_by_id(
            {entry.debit_account_id for entry in self.entries}
            | {entry.credit_account_id for entry in self.entries}
        )
        for entry in self.entries:
            debit, credit = accounts[entry.debit_account_id], accounts[entry.credit_account_id]
            self.fields[f"amount_{entry.pk}"] = forms.DecimalField(
                label=f"{credit.purpose} → {debit.purpose}",
                help_text=f"Of {text(entry.amount)} {debit.asset.code}; 0 leaves it as it is.",
                initial=text(entry.amount),
                min_value=Decimal(0),
                max_value=entry.amount,
                max_digits=38,
                decimal_places=12,
            )

    def amounts(self) -> dict[int, Decimal] | None:
        """Return how much of each entry is reversed; None for all of it."""
        chosen = {entry.pk: self.cleaned_data[f"amount_{entry.pk}"] for entry in self.entries}
        whole = {entry.pk: entry.amount for entry in self.entries}
        return None if chosen == whole else chosen

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        return cleaned if self.errors else {**cleaned, "amounts": self.amounts()}


def _reverse(request: HttpRequest, row: Transaction, given: dict[str, Any]) -> Done:
    reversal = posting.reverse(
        transaction=row,
        key=f"reversal:{row.pk}",
        effective_at=given["effective_at"] or now(),
        amounts=given["amounts"],
        memo=given["reason"],
        cause=cause_of(request),
    )
    return Done(message=f"Reversed {row.key}.", row=reversal)


def _is_reversible(row: Transaction) -> bool:
    return not hasattr(row, "reversed_by") and row.kind not in _CORRECTED


_CORRECTED: Final[dict[str, str]] = {}


def register_corrected(kind: str, how: str) -> None:
    """Say how transactions of a kind are corrected, where reversing one would tell half of it."""
    _CORRECTED[kind] = how


REVERSE: Final = Operation(
    name="reverse",
    label="Reverse",
    explanation="Posts the mirror image as a new transaction; nothing is erased. "
    "A transaction can be reversed once, wholly or in part.",
    permission="ledger.reverse_transaction",
    form=ReverseForm,
    run=_reverse,
    applies=_is_reversible,
    is_grave=True,
)


@admin.register(Transaction)
class TransactionAdmin(Listing):
    fields = (
        "id", "key", "book", "kind", "memo", "cause", "effective", "posted", "booked_in",
        "reverses_link", "reversed_link", "metadata", "entry_count", "receipt_digest", "remedy",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("key", "kind", "book", "effective", "posted", "cause", "state")
    list_filter = (BookFilter, PostedFilter, ReversalFilter)
    list_select_related = ("book", "reversed_by")
    operations = (REVERSE,)
    search_fields = ("key",)
    search_help_text = "The whole key, or the number of a transaction or of one of its entries"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transaction]:
        return Transaction.objects.select_related(
            "book", "reversed_by", "reverses", "receipt", "period__book"
        ).defer("evidence", "fingerprint")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        if not search_term:
            return queryset, False
        books = list(Book.objects.values_list("pk", flat=True))  # the index begins with the book
        wanted = Q(book__in=books, key=search_term)
        if (number := row_number(search_term)) is not None:
            wanted |= Q(pk=head_of(number))
        return queryset.filter(wanted), False

    def panels(self, request: HttpRequest, obj: Transaction) -> dict[str, Any]:
        after = row_number(request.GET.get("entries_after", "")) or obj.pk
        found = list(Entry.objects.of(obj).filter(pk__gt=after)[: _ENTRIES + 1])
        has_more = len(found) > _ENTRIES
        shown = found[:_ENTRIES]
        table = entries.table(
            shown,
            previous_url="?" if after != obj.pk else "",
            next_url=f"?entries_after={shown[-1].pk}" if has_more else "",
        )
        return {"tables": [table]}

    @admin.display(description="effective")
    def effective(self, row: Transaction) -> SafeString:
        return instant(row.effective_at)

    @admin.display(description="posted")
    def posted(self, row: Transaction) -> SafeString:
        return instant(row.posted_at)

    @admin.display(description="booked in")
    def booked_in(self, row: Transaction) -> SafeString:
        return link(row.period, period_name(row.period))

    @admin.display(description="reverses")
    def reverses_link(self, row: Transaction) -> SafeString:
        return link(row.reverses)

    @admin.display(description="reversed by")
    def reversed_link(self, row: Transaction) -> SafeString:
        return link(getattr(row, "reversed_by", None))

    @admin.display(description="entries")
    def entry_count(self, row: Transaction) -> int:
        return row.receipt.entries

    @admin.display(description="digest")
    def receipt_digest(self, row: Transaction) -> SafeString:
        return digest(row.receipt.digest)

    @admin.display(description="state")
    def state(self, row: Transaction) -> SafeString:
        if hasattr(row, "reversed_by"):
            return badge("reversed", "warn")
        return badge("reversal") if row.reverses_id else NOTHING

    @admin.display(description="how to correct it")
    def remedy(self, row: Transaction) -> str:
        return _CORRECTED.get(row.kind, "Reverse it, wholly or in part.")
