"""Usage events as they were taken: what they posted, and how they are corrected."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.admin.corrections import event_link, transaction_links
from billing.metering import corrections, decode, history
from billing.metering.facts import Fact
from billing.models import Correction, UsageBatch, UsageEvent
from ledger.admin import entries, sources, transactions
from ledger.admin.base import BookFilter, Listing, cause_of, row_number
from ledger.admin.display import badge, instant, link, url
from ledger.admin.fields import ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table
from ledger.errors import InvalidInputError, NotFoundError
from ledger.ids import LINES, head_of
from ledger.models import Book, Customer, Entry

_ENTRIES: Final = 100
_STATES: Final[dict[str | None, tuple[str, str]]] = {
    None: ("stands", "good"),
    Correction.Kind.VOID: ("voided", "bad"),
    Correction.Kind.AMEND: ("amended", "warn"),
}


class VoidForm(OperationForm):
    reason = ReasonField()


class AmendForm(OperationForm):
    event = forms.CharField(widget=forms.Textarea(attrs={"rows": 14, "cols": 80}))
    reason = ReasonField()

    def prepare(self) -> None:
        self.fields["event"].initial = written(self.row)

    def clean_event(self) -> Fact:
        sent = decode.one(self.cleaned_data["event"].encode(), 0)
        if isinstance(sent, Fact):
            return sent
        raise forms.ValidationError(sent.detail)


def written(event: UsageEvent) -> str:
    """Write an event as it could be sent again, numbers exactly as they were sent."""
    envelope = {
        "specversion": "1.0",
        "id": event.external_id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.occurred_at.isoformat(),
    }
    head = json.dumps(envelope, indent=2, ensure_ascii=False)
    return f'{head[:-2]},\n  "data": {history.fact_of(event).data_json}\n}}'


def _void(request: HttpRequest, row: UsageEvent, given: dict[str, Any]) -> Done:
    corrections.void(
        book=row.book,
        event=row,
        key=f"admin:void:{row.pk}",
        at=now(),
        reason=given["reason"],
        cause=cause_of(request),
    )
    return Done(message=f"Voided {row}.", row=row)


def _amend(request: HttpRequest, row: UsageEvent, given: dict[str, Any]) -> Done:
    fact: Fact = given["event"]
    if (fact.source, fact.external_id) != (row.source, row.external_id):
        remedy = f"keep the source {row.source} and the id {row.external_id}"
        raise InvalidInputError(field="event", value=fact.external_id, remedy=remedy)
    correction = corrections.amend(
        book=row.book,
        event=row,
        replacement=fact,
        key=f"admin:amend:{row.pk}",
        at=now(),
        reason=given["reason"],
        cause=cause_of(request),
    )
    replacement = UsageEvent.objects.get(pk=correction.replacement_id or 0)
    return Done(message=f"Amended {row}.", row=replacement)


def _stands(row: UsageEvent) -> bool:
    return not Correction.objects.filter(event_id=row.pk).exists()


VOID: Final = Operation(
    name="void",
    label="Void",
    explanation="The meter's value becomes what it is without this event; the difference is posted "
    "and credit returns to the lots it came from.",
    permission="billing.correct_usageevent",
    form=VoidForm,
    run=_void,
    applies=_stands,
    is_grave=True,
)
AMEND: Final = Operation(
    name="amend",
    label="Amend",
    explanation="Replaces the event under the same source and id; the difference is posted.",
    permission="billing.correct_usageevent",
    form=AmendForm,
    run=_amend,
    applies=_stands,
)


@admin.register(UsageEvent)
class UsageEventAdmin(Listing):
    fields = (
        "id", "source", "external_id", "type", "subject", "customer_link", "book_key", "state",
        "occurred", "received", "data_text",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("id", "type", "subject", "customer_link", "occurred", "received", "state")
    list_filter = (BookFilter,)
    operations = (AMEND, VOID)
    search_fields = ("pk",)
    search_help_text = "Event number, customer's key, or source and id with a space between"

    def get_queryset(self, request: HttpRequest) -> Any:
        return UsageEvent.objects.select_related("customer", "book")

    def get_keyset(self, request: HttpRequest) -> Sequence[str]:
        # A customer's events are indexed by time.
        return ("-occurred_at", "-pk") if "customer__id__exact" in request.GET else self.keyset

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return (queryset.filter(_wanted(search_term)) if search_term else queryset), False

    def enrich(self, rows: list[Any]) -> None:
        kinds = dict(
            Correction.objects.filter(event_id__in=[row.pk for row in rows]).values_list(
                "event_id", "kind"
            )
        )
        for row in rows:
            row.correction = kinds.get(row.pk)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            self.enrich([row])
        return row

    def panels(self, request: HttpRequest, obj: UsageEvent) -> dict[str, Any]:
        found = list(Correction.objects.filter(Q(event_id=obj.pk) | Q(replacement_id=obj.pk)))
        posted = _posted_by(obj)
        tables = [entries.table(posted, title="What it posted")]
        if found:
            later = [number for row in found for number in row.transaction_ids]
            changed = list(Entry.objects.of(*later)[:_ENTRIES]) if later else []
            tables += [_corrections(found), entries.table(changed, title="What corrections posted")]
        return {"tables": tables}

    @admin.display(description="customer")
    def customer_link(self, row: UsageEvent) -> SafeString:
        return link(row.customer)

    @admin.display(description="book")
    def book_key(self, row: UsageEvent) -> str:
        return row.book.key

    @admin.display(description="state")
    def state(self, row: Any) -> SafeString:
        return badge(*_STATES[row.correction])

    @admin.display(description="occurred")
    def occurred(self, row: UsageEvent) -> SafeString:
        return instant(row.occurred_at)

    @admin.display(description="received")
    def received(self, row: UsageEvent) -> SafeString:
        return instant(row.received_at)

    @admin.display(description="data")
    def data_text(self, row: UsageEvent) -> SafeString:
        return format_html('<pre class="mb-code">{}</pre>', history.fact_of(row).data_json)


def _wanted(term: str) -> Q:
    wanted = Q(pk__in=[])
    if (number := row_number(term)) is not None:
        wanted |= Q(pk=number)
    owners = list(Customer.objects.filter(key=term).values_list("pk", flat=True))
    if owners:
        wanted |= Q(customer_id__in=owners)
    source, space, external_id = term.partition(" ")
    if space:
        wanted |= Q(pk__in=_named(source, external_id.strip()))
    return wanted


def _named(source: str, external_id: str) -> list[int]:
    found = []
    for book in Book.objects.all():
        try:
            found.append(history.find(book=book, source=source, external_id=external_id).pk)
        except NotFoundError:
            continue
    return found


def _posted_by(event: UsageEvent) -> list[Entry]:
    batch = UsageBatch.objects.filter(pk=head_of(event.pk)).first()
    if batch is None or not batch.transaction_ids:
        return []
    of_batch = Entry.objects.of(*batch.transaction_ids)
    return list(of_batch.filter(source_id=event.pk)[:_ENTRIES])


def _corrections(found: Sequence[Correction]) -> Table:
    rows = [
        (
            row.get_kind_display(),
            event_link(row.event_id),
            event_link(row.replacement_id),
            instant(row.corrected_at),
            row.cause,
            row.reason,
            transaction_links(row.transaction_ids),
        )
        for row in found
    ]
    columns = ("Correction", "Event", "Replaced by", "At", "By", "Reason", "Transactions")
    return Table(title="Corrections", columns=columns, rows=rows)


for _kind in ("usage", "correction"):
    transactions.register_corrected(_kind, "Void or amend the event: its meter follows.")


@sources.register
def _event_links(source_ids: Collection[int]) -> Mapping[int, SafeString]:
    # Ids with the time in them are events'; every event has a line number in its batch.
    ours = [source_id for source_id in source_ids if source_id >= LINES << 8]
    named = UsageEvent.objects.filter(pk__in=ours).values_list("pk", "type") if ours else ()
    return {
        event_id: format_html(
            '<a href="{}">{}</a>', url(UsageEvent, "change", event_id), f"event: {type_}"
        )
        for event_id, type_ in named
    }
