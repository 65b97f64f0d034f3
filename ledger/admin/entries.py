"""Entries: in tables of other pages, and each by itself with the reason for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.admin import sources
from ledger.admin.base import Listing, row_number
from ledger.admin.display import NOTHING, amount, instant, link
from ledger.admin.tables import Table, number
from ledger.ids import LINES
from ledger.models import Account, Entry, Transaction


def accounts_by_id(numbers: Collection[int]) -> dict[int, Account]:
    """Return accounts with all that is shown of them, in one query."""
    return Account.objects.select_related("asset", "customer").in_bulk(list(set(numbers)))


def account_link(account: Account | None) -> SafeString:
    """Show an account as whose it is, and what for."""
    if account is None:
        return NOTHING
    owner = account.customer.key if account.customer else "house"
    label = (
        f"{account.purpose}:{account.discriminator}" if account.discriminator else account.purpose
    )
    return format_html('{}<br><span class="mb-hint">{}</span>', link(account, label), owner)


def table(entries: Sequence[Entry], *, title: str = "Entries", **others: Any) -> Table:
    """Draw entries with their accounts and sources: two queries, however many there are."""
    numbers = {entry.debit_account_id for entry in entries}
    accounts = accounts_by_id(numbers | {entry.credit_account_id for entry in entries})
    reasons = sources.links({entry.source_id for entry in entries})
    rows = [
        (
            link(entry, f"#{entry.pk - entry.transaction_id}"),
            account_link(accounts.get(entry.debit_account_id)),
            account_link(accounts.get(entry.credit_account_id)),
            amount(entry.amount, accounts[entry.debit_account_id].asset),
            instant(entry.effective_at),
            reasons.get(entry.source_id or 0, NOTHING),
        )
        for entry in entries
    ]
    columns = ("Entry", "Debit", "Credit", number("Amount"), "Effective", "Why")
    return Table(title=title, columns=columns, rows=rows, **others)


@admin.register(Entry)
class EntryAdmin(Listing):
    fields = ("id", "posting", "debit", "credit", "moved", "effective", "why")
    readonly_fields = fields
    list_display = ("id", "debit", "credit", "moved", "effective")
    search_fields = ("pk",)
    search_help_text = "Entry or transaction number"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        return Entry.objects.select_related(
            "debit_account__customer", "debit_account__asset", "credit_account__customer"
        )

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        if not search_term:
            return queryset, False
        wanted = row_number(search_term)
        if wanted is None:
            return queryset.none(), False
        is_head = wanted % LINES == 0  # a transaction's number stands for all its entries
        last = wanted + LINES - 1 if is_head else wanted
        return queryset.filter(pk__gte=wanted, pk__lte=last), False

    @admin.display(description="transaction")
    def posting(self, entry: Entry) -> SafeString:
        return link(Transaction.objects.filter(pk=entry.transaction_id).first())

    @admin.display(description="debit")
    def debit(self, entry: Entry) -> SafeString:
        return account_link(entry.debit_account)

    @admin.display(description="credit")
    def credit(self, entry: Entry) -> SafeString:
        return account_link(entry.credit_account)

    @admin.display(description="amount")
    def moved(self, entry: Entry) -> SafeString:
        return amount(entry.amount, entry.debit_account.asset)

    @admin.display(description="effective")
    def effective(self, entry: Entry) -> SafeString:
        return instant(entry.effective_at)

    @admin.display(description="why")
    def why(self, entry: Entry) -> SafeString:
        return sources.links({entry.source_id}).get(entry.source_id or 0, NOTHING)
