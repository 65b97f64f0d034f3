"""Webhook endpoints: made, changed, tested, disabled; their secrets are shown once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.timezone import now

from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.webhooks import catalogue, deliveries, endpoints
from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.display import badge, instant, link, url
from ledger.admin.fields import BookField, CustomerField, InstantField, ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table

_CHANGE: Final = "integrations.change_webhookendpoint"
_SHOWN: Final = 20  # deliveries on an endpoint's page


def _is_living(row: WebhookEndpoint) -> bool:
    return row.ended_at is None


class EventTypesField(forms.MultipleChoiceField):
    """Which events; none means all."""

    def __init__(self) -> None:
        kinds = [kind for kind in catalogue.EVENT_TYPES.values() if kind.name != catalogue.TEST]
        super().__init__(
            choices=[(kind.name, f"{kind.name}: {kind.title}") for kind in kinds],
            widget=forms.CheckboxSelectMultiple,
            required=False,
            help_text="None: all of them.",
        )


class EndpointForm(OperationForm):
    book = BookField()
    key = forms.CharField(max_length=200)
    url = forms.CharField(max_length=2000, label="URL", help_text="https, at a public address.")
    customer = CustomerField(
        required=False, help_text="It is told of this customer and all below it, or of the book."
    )
    event_types = EventTypesField()


class ChangeForm(OperationForm):
    url = forms.CharField(max_length=2000, label="URL")
    event_types = EventTypesField()

    def prepare(self) -> None:
        self.fields["url"].initial = self.row.url
        self.fields["event_types"].initial = self.row.event_types


class RotateForm(OperationForm):
    overlap_hours = forms.IntegerField(
        initial=24,
        min_value=0,
        max_value=int(endpoints.LONGEST_OVERLAP / timedelta(hours=1)),
        help_text="How long the secret before signs, too.",
    )
    discards_current = forms.BooleanField(
        required=False, help_text="Its receiver never got the current one: it is thrown away."
    )


class DisableForm(OperationForm):
    reason = ReasonField()


class ReplayForm(OperationForm):
    since = InstantField(label="Since (UTC)")


def _change(request: HttpRequest, row: WebhookEndpoint, given: dict[str, Any]) -> Done:
    changed = endpoints.change(endpoint=row, **given)
    return Done(message=f"Changed {row.key}.", row=changed)


def _disable(request: HttpRequest, row: WebhookEndpoint, given: dict[str, Any]) -> Done:
    reason = f"{given['reason']} ({cause_of(request)})"
    return Done(
        message=f"Disabled {row.key}.",
        row=endpoints.disable(endpoint=row, at=now(), reason=reason),
    )


def _enable(request: HttpRequest, row: WebhookEndpoint, given: dict[str, Any]) -> Done:
    return Done(message=f"Enabled {row.key}.", row=endpoints.enable(endpoint=row))


def _test(request: HttpRequest, row: WebhookEndpoint, given: dict[str, Any]) -> Done:
    sent = endpoints.send_test(endpoint=row, at=now())
    return Done(message=f"A test of {row.key} is on its way.", row=sent)


def _replay(request: HttpRequest, row: WebhookEndpoint, given: dict[str, Any]) -> Done:
    count = deliveries.replay_failed(endpoint=row, since=given["since"], at=now())
    return Done(message=f"{count} messages are sent to {row.key} again.", row=row)


def _end(request: HttpRequest, row: WebhookEndpoint, given: dict[str, Any]) -> Done:
    endpoints.end(endpoint=row, at=now())
    return Done(message=f"Ended {row.key}.", row=row)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(Listing):
    fields = (
        "key", "book", "told_of", "url", "types", "state", "disabled_reason", "failing",
        "rotating", "created", "ended",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("key", "book", "told_of", "url", "state", "failing")
    list_filter = (BookFilter, "is_enabled")
    list_select_related = ("book", "customer")
    search_fields = ("key",)

    @property
    def adding(self) -> Operation:  # type: ignore[override]
        return Operation(
            name="add",
            label="Make an endpoint",
            explanation="Its secret is shown once, on the next page.",
            permission="integrations.add_webhookendpoint",
            form=EndpointForm,
            run=self._create,
        )

    @property
    def operations(self) -> tuple[Operation, ...]:  # type: ignore[override]
        rotate = Operation(
            name="rotate",
            label="Rotate the secret",
            explanation="The new one is shown once, on the next page; both sign for a time.",
            permission=_CHANGE,
            form=RotateForm,
            run=self._rotate,
            applies=_is_living,
        )
        return (TEST, CHANGE, rotate, REPLAY, DISABLE, ENABLE, END)

    def get_queryset(self, request: HttpRequest) -> Any:
        return WebhookEndpoint.objects.defer("secret", "previous_secret")

    def panels(self, request: HttpRequest, obj: WebhookEndpoint) -> dict[str, Any]:
        sent = WebhookDelivery.objects.filter(endpoint=obj)[:_SHOWN]
        table = Table(
            title="Latest messages",
            columns=["message", "type", "state", "attempts", "last error", "made"],
            rows=[
                [
                    link(row),
                    row.event_type,
                    row.state,
                    row.attempts,
                    row.last_error,
                    instant(row.created_at),
                ]
                for row in sent
            ],
            empty="Nothing was sent yet.",
        )
        return {"tables": [table]}

    def _create(self, request: HttpRequest, row: None, given: dict[str, Any]) -> HttpResponse:
        endpoint, secret = endpoints.create(at=now(), **given)
        self.log_addition(request, endpoint, f"Made, to call {endpoint.url}")
        return self._shown(request, endpoint, secret, "Webhook endpoint made")

    def _rotate(
        self, request: HttpRequest, row: WebhookEndpoint, given: dict[str, Any]
    ) -> HttpResponse:
        endpoint, secret = endpoints.rotate(
            endpoint=row,
            at=now(),
            overlap=timedelta(hours=given["overlap_hours"]),
            discards_current=given["discards_current"],
        )
        self.log_change(request, endpoint, "Rotated the secret")
        return self._shown(request, endpoint, secret, "Secret rotated")

    def _shown(
        self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str, title: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "app_label": "integrations",
            "endpoint": endpoint,
            "secret": secret,
            "target": url(endpoint, "change", endpoint.pk),
        }
        response = TemplateResponse(request, "admin/integrations/secret.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.display(description="told of")
    def told_of(self, row: WebhookEndpoint) -> SafeString | str:
        return link(row.customer) if row.customer else "the whole book"

    @admin.display(description="event types")
    def types(self, row: WebhookEndpoint) -> str:
        return ", ".join(row.event_types) or "all"

    @admin.display(description="state")
    def state(self, row: WebhookEndpoint) -> SafeString:
        if row.ended_at is not None:
            return badge("ended", "bad")
        return badge("enabled", "good") if row.is_enabled else badge("disabled", "warn")

    @admin.display(description="failing since")
    def failing(self, row: WebhookEndpoint) -> SafeString:
        return instant(row.failing_since)

    @admin.display(description="secret before signs until")
    def rotating(self, row: WebhookEndpoint) -> SafeString:
        return instant(row.previous_until)

    @admin.display(description="created")
    def created(self, row: WebhookEndpoint) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="ended")
    def ended(self, row: WebhookEndpoint) -> SafeString:
        return instant(row.ended_at)


TEST: Final = Operation(
    name="test",
    label="Send a test",
    explanation="Sends a message that says it is a test.",
    permission=_CHANGE,
    run=_test,
    applies=lambda row: row.is_enabled,
)
CHANGE: Final = Operation(
    name="alter",
    label="Change",
    explanation="Messages under way go to the new address.",
    permission=_CHANGE,
    form=ChangeForm,
    run=_change,
    applies=_is_living,
)
REPLAY: Final = Operation(
    name="replay",
    label="Replay",
    explanation="Sends again all that was given up since an instant.",
    permission="integrations.replay_webhookdelivery",
    form=ReplayForm,
    run=_replay,
    applies=lambda row: row.is_enabled,
)
DISABLE: Final = Operation(
    name="disable",
    label="Disable",
    explanation="It is called no more; what it misses can be replayed once it is enabled.",
    permission=_CHANGE,
    form=DisableForm,
    run=_disable,
    applies=lambda row: row.is_enabled,
)
ENABLE: Final = Operation(
    name="enable",
    label="Enable",
    explanation="It is called again, from now on. Replay what it missed.",
    permission=_CHANGE,
    run=_enable,
    applies=lambda row: row.ended_at is None and not row.is_enabled,
)
END: Final = Operation(
    name="end",
    label="End",
    explanation="It is called no more, for good; what was sent to it stays on record.",
    permission="integrations.delete_webhookendpoint",
    run=_end,
    applies=_is_living,
    is_grave=True,
)
