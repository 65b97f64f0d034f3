"""Holds: what is set aside, on which lots, and what was taken of it; released here in need."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ledger.admin import transactions
from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.display import NOTHING, amount, badge, instant, link
from ledger.admin.fields import ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table, number
from ledger.models import Book, Transaction
from ledger.money import ZERO
from wallets import holds
from wallets.admin.states import owners, time_of
from wallets.holds import standing
from wallets.models import Hold, HoldPart

State = Hold.State
_CAPTURES: Final = 50
_TONES: Final = {State.ACTIVE: "good", State.DENIED: "bad", State.EXPIRED: "warn"}


class ReleaseForm(OperationForm):
    reason = ReasonField(help_text="Kept in the hold's history here.")


def _release(request: HttpRequest, row: Hold, given: dict[str, Any]) -> Done:
    released = holds.release(hold=row, at=time_of(row.customer))
    said = f"{released.key} is {released.state}: {given['reason']} ({cause_of(request)})"
    return Done(message=said, row=released)


RELEASE: Final = Operation(
    name="release",
    label="Release",
    explanation="Gives back what it still sets aside, and ends it: a capture that comes later is"
    " refused.",
    permission="wallets.release_hold",
    form=ReleaseForm,
    run=_release,
    applies=lambda row: _state(row) == State.ACTIVE,
    is_grave=True,
)


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return State.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(state=self.value()) if self.value() in State.values else queryset


@admin.register(Hold)
class HoldAdmin(Listing):
    fields = (
        ("key", "customer_link", "state_shown"),
        ("requested_shown", "captured_shown", "remaining"),
        ("purpose", "feature_key", "reason"),
        ("created", "expires", "closed"),
        "metadata",
    )
    readonly_fields = (
        "key", "customer_link", "state_shown", "requested_shown", "captured_shown", "remaining",
        "purpose", "feature_key", "reason", "created", "expires", "closed", "metadata",
    )  # fmt: skip
    list_display = (
        "key", "customer_link", "requested_shown", "captured_shown", "remaining", "purpose",
        "state_shown", "expires",
    )  # fmt: skip
    list_filter = (BookFilter, StateFilter, "asset")
    operations = (RELEASE,)
    search_fields = ("key",)
    search_help_text = "Customer's key or its beginning, or the hold's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Hold.objects.select_related("customer__clock", "asset")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        if not search_term:
            return queryset, False
        # By book and key there is an index; there are few books and many holds.
        books = list(Book.objects.values_list("pk", flat=True))
        named = list(
            Hold.objects.filter(book__in=books, key=search_term).values_list("pk", flat=True)
        )
        return queryset.filter(Q(customer__in=owners(search_term)) | Q(pk__in=named)), False

    def panels(self, request: HttpRequest, obj: Hold) -> dict[str, Any]:
        return {"tables": [_parts(obj), _captures(obj)]}

    @admin.display(description="customer")
    def customer_link(self, row: Hold) -> SafeString:
        return link(row.customer)

    @admin.display(description="state")
    def state_shown(self, row: Hold) -> SafeString:
        state = _state(row)
        return badge(state, _TONES.get(State(state), ""))

    @admin.display(description="asked for")
    def requested_shown(self, row: Hold) -> SafeString:
        return amount(row.requested, row.asset)

    @admin.display(description="captured")
    def captured_shown(self, row: Hold) -> SafeString:
        return amount(row.captured, row.asset) if row.captured else NOTHING

    @admin.display(description="still set aside")
    def remaining(self, row: Hold) -> SafeString:
        is_active = _state(row) == State.ACTIVE
        return amount(standing.remaining(row), row.asset) if is_active else NOTHING

    @admin.display(description="made")
    def created(self, row: Hold) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="expires")
    def expires(self, row: Hold) -> SafeString:
        return instant(row.expires_at)

    @admin.display(description="over since")
    def closed(self, row: Hold) -> SafeString:
        over: datetime | None = row.closed_at
        return instant(row.expires_at if over is None and _state(row) != State.ACTIVE else over)


def _state(hold: Hold) -> str:
    """Return its state at its customer's time, whether or not a sweep has run."""
    return standing.state_at(hold, time_of(hold.customer))


def _parts(hold: Hold) -> Table:
    parts = HoldPart.objects.filter(hold=hold).select_related(
        "account", "account__grant__wallet__customer"
    )
    is_active = _state(hold) == State.ACTIVE
    rows = []
    for part in parts:
        grant = getattr(part.account, "grant", None)
        rows.append(
            (
                link(grant) if grant else link(part.account, "on account"),
                amount(part.amount if is_active else ZERO, hold.asset),
            )
        )
    return Table(
        title="Where it lies, in burn order",
        columns=("Lot", number("Still set aside")),
        rows=rows,
        empty="It was denied: nothing was set aside.",
    )


def _captures(hold: Hold) -> Table:
    found = hold.captures.annotate(
        named=Count("events"), awaited=Count("events", filter=Q(events__arrived_at=None))
    )
    captures = list(found.order_by("pk")[:_CAPTURES])
    posted = Transaction.objects.in_bulk(
        [one.transaction_id for one in captures if one.transaction_id is not None]
    )
    rows = [
        (
            capture.key,
            amount(capture.amount, hold.asset),
            amount(capture.remaining, hold.asset) if capture.remaining else NOTHING,
            f"{capture.named - capture.awaited} of {capture.named} came" if capture.named else "",
            link(posted.get(capture.transaction_id), capture.transaction_id),
            instant(capture.created_at),
        )
        for capture in captures
    ]
    return Table(
        title="What was captured",
        columns=(
            "Capture", number("Amount"), number("Waits for usage"), "Events it pays for",
            "Transaction", "At",
        ),
        rows=rows,
        empty="Nothing was captured.",
    )  # fmt: skip


transactions.register_corrected("capture", "It is final: give back what was too much as a grant.")
