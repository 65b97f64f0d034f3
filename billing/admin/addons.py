"""Add-ons: what is bought on top of plans, written as plans are."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.timezone import now

from billing.admin import drafts, version_operations
from billing.admin.drafts import seen
from billing.admin.offers import OfferForm, OfferPages
from billing.admin.versions import PartForm, VersionPages
from billing.models import Addon, AddonVersion
from billing.plans import addons
from ledger.admin.base import BookFilter
from ledger.admin.fields import BookField
from ledger.admin.operations import Done, Operation


class AddonForm(OfferForm):
    instance_type = forms.ChoiceField(label="Bought", choices=AddonVersion.Instances.choices)


class NewAddonForm(AddonForm):
    book = BookField()
    key = forms.CharField(max_length=100, help_text="How programs name it; it stays.")
    field_order = ("book", "key")


class GeneralForm(AddonForm, PartForm):
    def prepare(self) -> None:
        version = self.row
        names = ("name", "description", "instance_type")
        self.initial = {name: getattr(version, name) for name in names}
        self.initial |= {"currency": version.asset, "seen": seen(version)}


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    book = given.pop("book")
    document = {**given, "currency": given["currency"].code, "rate_cards": []}
    version = addons.create(book=book, document=document, at=now())
    return Done(message=f"Drafted {version.addon.key}: add its rate cards.", row=version)


OPERATIONS: Final = version_operations.of(drafts.ADDON, GeneralForm, noun="add-on", verb="buy")


@admin.register(Addon)
class AddonAdmin(OfferPages):
    adding = Operation(
        name="add",
        label="Draft an add-on",
        explanation="A draft can be changed until it is published.",
        permission="billing.add_addon",
        form=NewAddonForm,
        run=_create,
    )
    fields = ("key", "book", "created")
    readonly_fields = fields
    kind = drafts.ADDON
    list_display = ("key", "title", "status", "current", "draft")
    list_select_related = ("book",)
    operations = (OPERATIONS.draft_next,)

    def panels(self, request: HttpRequest, obj: Addon) -> dict[str, Any]:
        return {"tables": [self.versions(obj)]}


@admin.register(AddonVersion)
class AddonVersionAdmin(VersionPages):
    drafting = "billing.change_addonversion"
    fields = (
        ("offer_link", "version", "status"),
        ("name", "asset", "instance_type"),
        ("since", "until"),
        "description",
    )
    readonly_fields = (
        "offer_link", "version", "status", "name", "asset", "instance_type", "since", "until",
        "description",
    )  # fmt: skip
    kind = drafts.ADDON
    list_display = ("title", "name", "status", "asset", "instance_type", "since", "until")
    operations = OPERATIONS[1:]
    search_fields = ("addon__key__istartswith",)

    class OwnBook(BookFilter):
        path = "addon__book_id"

    list_filter = (OwnBook,)
