"""Messages to webhook endpoints, each call of them, and the way to send one again."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from integrations.models import WebhookDelivery
from integrations.webhooks import deliveries
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import badge, instant, link
from ledger.admin.operations import Done, Operation
from ledger.admin.tables import Table, number

State = WebhookDelivery.State
_TONES: Final = {
    State.DELIVERED.value: "good",
    State.WAITING.value: "warn",
    State.DEAD.value: "bad",
}


class EndpointsBookFilter(BookFilter):
    path = "endpoint__book_id"


def _replay(request: HttpRequest, row: WebhookDelivery, given: dict[str, Any]) -> Done:
    again = deliveries.replay(delivery=row, at=now())
    return Done(message=f"{row.message_key} is sent again.", row=again)


REPLAY: Final = Operation(
    name="replay",
    label="Send again",
    explanation="Sends the message again, under the same id: a receiver may know it already.",
    permission="integrations.replay_webhookdelivery",
    run=_replay,
    applies=lambda row: row.state != State.WAITING and row.endpoint.is_enabled,
)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(Listing):
    fields = (
        "message_key", "to", "event_type", "state_badge", "attempts", "due", "delivered",
        "last_status", "last_error", "payload",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("message_key", "to", "event_type", "state_badge", "attempts", "due")
    list_filter = (EndpointsBookFilter, "state")
    list_select_related = ("endpoint",)
    operations = (REPLAY,)
    search_fields = ("message_key",)
    search_help_text = "The whole webhook-id"

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return (queryset.filter(message_key=search_term) if search_term else queryset), False

    def panels(self, request: HttpRequest, obj: WebhookDelivery) -> dict[str, Any]:
        table = Table(
            title="Calls",
            columns=[number("number"), "at", "status", "error", number("ms")],
            rows=[
                [
                    call.number,
                    instant(call.attempted_at),
                    call.status or "–",
                    call.error,
                    call.milliseconds,
                ]
                for call in obj.history.all()
            ],
            empty="It was not called yet.",
        )
        return {"tables": [table]}

    @admin.display(description="endpoint")
    def to(self, row: WebhookDelivery) -> SafeString:
        return link(row.endpoint)

    @admin.display(description="state")
    def state_badge(self, row: WebhookDelivery) -> SafeString:
        return badge(row.get_state_display(), _TONES[row.state])

    @admin.display(description="due")
    def due(self, row: WebhookDelivery) -> SafeString:
        return instant(row.due_at)

    @admin.display(description="delivered")
    def delivered(self, row: WebhookDelivery) -> SafeString:
        return instant(row.delivered_at)
