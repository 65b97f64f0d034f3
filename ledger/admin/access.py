"""API keys: issued here, their secret shown once, revoked."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger import access
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import badge, instant, link, url
from ledger.admin.fields import BookField, CustomerField, InstantField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.models import ApiKey


class KeyForm(OperationForm):
    book = BookField()
    name = forms.CharField(max_length=200, help_text="Who uses it, for what.")
    scopes = forms.MultipleChoiceField(
        choices=ApiKey.Scope.choices, widget=forms.CheckboxSelectMultiple
    )
    customer = CustomerField(
        required=False, help_text="Binds the key to this customer and what is below it."
    )
    expires_at = InstantField(label="Expires (UTC)", required=False)


def _revoke(request: HttpRequest, row: ApiKey, given: dict[str, Any]) -> Done:
    return Done(message=f"Revoked {row.name}.", row=access.revoke(key=row, at=now()))


REVOKE: Final = Operation(
    name="revoke",
    label="Revoke",
    explanation="Ends the key for good: calls with it are refused from now on.",
    permission="ledger.change_apikey",
    run=_revoke,
    applies=lambda row: row.revoked_at is None,
    is_grave=True,
)


@admin.register(ApiKey)
class ApiKeyAdmin(Listing):
    fields = (
        "name", "prefix", "book", "bound_to", "scopes", "state", "created", "expires", "revoked",
        "last_used",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("name", "prefix", "book", "bound_to", "scope_list", "state", "last_used")
    list_filter = (BookFilter,)
    list_select_related = ("book", "customer")
    operations = (REVOKE,)
    search_fields = ("name", "prefix")

    @property
    def adding(self) -> Operation:  # type: ignore[override]
        return Operation(
            name="add",
            label="Issue a key",
            explanation="The key is shown once, on the next page: only its digest is kept.",
            permission="ledger.add_apikey",
            form=KeyForm,
            run=self._issue,
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return ApiKey.objects.defer("digest")

    def _issue(self, request: HttpRequest, row: None, given: dict[str, Any]) -> HttpResponse:
        key, secret = access.issue_key(at=now(), **given)
        self.log_addition(request, key, f"Issued with scopes {', '.join(key.scopes)}")
        context = {
            **self.admin_site.each_context(request),
            "title": "API key issued",
            "opts": self.opts,
            "app_label": "ledger",
            "key": key,
            "secret": secret,
            "target": url(key, "change", key.pk),
        }
        response = TemplateResponse(request, "admin/ledger/secret.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.display(description="bound to")
    def bound_to(self, row: ApiKey) -> SafeString:
        return link(row.customer)

    @admin.display(description="scopes")
    def scope_list(self, row: ApiKey) -> str:
        return ", ".join(row.scopes)

    @admin.display(description="state")
    def state(self, row: ApiKey) -> SafeString:
        if row.revoked_at is not None:
            return badge("revoked", "bad")
        if row.expires_at is not None and row.expires_at <= now():
            return badge("expired", "warn")
        return badge("active", "good")

    @admin.display(description="created")
    def created(self, row: ApiKey) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="expires")
    def expires(self, row: ApiKey) -> SafeString:
        return instant(row.expires_at)

    @admin.display(description="revoked")
    def revoked(self, row: ApiKey) -> SafeString:
        return instant(row.revoked_at)

    @admin.display(description="last used")
    def last_used(self, row: ApiKey) -> SafeString:
        return instant(row.last_used_at)
