"""Add-ons: what is bought on top of plans, written as plans are."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.admin import drafts
from billing.admin.drafts import seen
from billing.admin.plans import OfferForm
from billing.admin.versions import (
    ArchiveForm,
    OfferPages,
    PartForm,
    PublishForm,
    VersionPages,
    current,
    edit,
    is_draft,
    is_published,
    status_badge,
)
from billing.models import Addon, AddonVersion
from billing.plans import addons, publishing
from ledger.admin.base import BookFilter
from ledger.admin.display import NOTHING, instant, link
from ledger.admin.fields import BookField
from ledger.admin.operations import Done, Operation
from ledger.admin.tables import Table


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


def _next(request: HttpRequest, row: Addon, given: dict[str, Any]) -> Done:
    version = addons.next_version(addon=row, at=now())
    return Done(message=f"Drafted {version}, a copy of the newest version.", row=version)


def _publish(request: HttpRequest, row: AddonVersion, given: dict[str, Any]) -> Done:
    at = now()
    since = given["effective_from"] or at
    version = publishing.publish_addon(addon=row.addon, effective_from=since, at=at)
    return Done(message=f"Published {version}.", row=version)


def _archive(request: HttpRequest, row: AddonVersion, given: dict[str, Any]) -> Done:
    at = now()
    until = given["effective_to"] or at
    version = publishing.archive_addon(
        addon=row.addon, effective_to=until, at=at, version=row.version
    )
    return Done(message=f"Archived {version}.", row=version)


def _discard(request: HttpRequest, row: AddonVersion, given: dict[str, Any]) -> Done:
    addons.discard(addon=row.addon)
    return Done(message=f"Threw the draft {row} away.", row=row.addon)


NEXT: Final = Operation(
    name="next-version",
    label="Draft the next version",
    explanation="A copy of the newest version, to be changed and published.",
    permission="billing.add_addonversion",
    run=_next,
    applies=lambda row: not row.versions.filter(effective_from=None).exists(),
)
EDIT: Final = Operation(
    name="edit",
    label="Change",
    explanation="What the whole add-on says; rate cards have their own forms.",
    permission="billing.change_addonversion",
    form=GeneralForm,
    run=partial(edit, kind=drafts.ADDON),
    applies=is_draft,
)
PUBLISH: Final = Operation(
    name="publish",
    label="Publish",
    explanation="Puts it on offer and freezes it: it never changes again.",
    permission="billing.change_addon",
    form=PublishForm,
    run=_publish,
    applies=is_draft,
)
ARCHIVE: Final = Operation(
    name="archive",
    label="Archive",
    explanation="Nobody can buy it any more. Those who have keep it.",
    permission="billing.change_addon",
    form=ArchiveForm,
    run=_archive,
    applies=is_published,
    is_grave=True,
)
DISCARD: Final = Operation(
    name="discard",
    label="Throw away",
    explanation="Deletes this draft. Published versions stay.",
    permission="billing.change_addonversion",
    run=_discard,
    applies=is_draft,
    is_grave=True,
)


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
    keyset = ("key", "pk")
    list_display = ("key", "title", "status", "current", "draft")
    list_filter = (BookFilter,)
    list_select_related = ("book",)
    operations = (NEXT,)
    search_fields = ("key__istartswith",)

    def enrich(self, rows: list[Any]) -> None:
        at = now()
        found: defaultdict[int, list[AddonVersion]] = defaultdict(list)
        wanted = AddonVersion.objects.filter(addon__in=[row.pk for row in rows])
        for version in wanted.order_by("version"):
            found[version.addon_id].append(version)
        for row in rows:
            row.drafted = next((one for one in found[row.pk] if is_draft(one)), None)
            row.shown = current(found[row.pk], at) or row.drafted

    def panels(self, request: HttpRequest, obj: Addon) -> dict[str, Any]:
        rows = [
            (
                link(version, f"version {version.version}"),
                version.name,
                status_badge(version),
                version.asset.code,
                instant(version.effective_from),
                instant(version.effective_to),
            )
            for version in obj.versions.select_related("asset", "addon").order_by("-version")
        ]
        columns = ("Version", "Name", "Status", "Currency", "On offer from", "until")
        return {"tables": [Table(title="Versions", columns=columns, rows=rows)]}


@admin.register(AddonVersion)
class AddonVersionAdmin(VersionPages):
    drafting = "billing.change_addonversion"
    fields = (
        ("addon_link", "version", "status"),
        ("name", "asset", "instance_type"),
        ("since", "until"),
        "description",
    )
    readonly_fields = (
        "addon_link", "version", "status", "name", "asset", "instance_type", "since", "until",
        "description",
    )  # fmt: skip
    kind = drafts.ADDON
    list_display = ("title", "name", "status", "asset", "instance_type", "since", "until")
    operations = (PUBLISH, EDIT, ARCHIVE, DISCARD)
    search_fields = ("addon__key__istartswith",)
    siblings = staticmethod(
        lambda version: (
            AddonVersion.objects.filter(addon=version.addon_id)
            .select_related("addon", "asset")
            .order_by("version")
        )
    )

    class OwnBook(BookFilter):
        path = "addon__book_id"

    list_filter = (OwnBook,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return AddonVersion.objects.select_related("addon__book", "asset")

    @admin.display(description="version")
    def title(self, row: AddonVersion) -> str:
        return str(row)

    @admin.display(description="add-on")
    def addon_link(self, row: AddonVersion) -> SafeString:
        return link(row.addon) if row.addon_id else NOTHING
