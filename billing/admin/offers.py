"""What the pages of plans and of add-ons share: what is on offer, and its versions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.admin.drafts import Kind
from billing.admin.versions import DocumentForm, is_draft, status_badge
from billing.models import PlanVersion
from billing.plans import versions
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, instant, link
from ledger.admin.fields import AssetField
from ledger.admin.tables import Column, Table
from ledger.models import Asset


class OfferForm(DocumentForm):
    """What plans and add-ons both say of themselves."""

    name = forms.CharField(max_length=256)
    description = forms.CharField(max_length=1024, required=False)
    currency = AssetField(Asset.Kind.CURRENCY, Asset.Kind.CREDIT, help_text="What prices are in.")


class OfferPages(Listing):
    """Plans or add-ons, each with the version that is shown for it and its draft, if any."""

    keyset = ("key", "pk")
    kind: Kind
    list_filter = (BookFilter,)
    search_fields = ("key__istartswith",)
    search_help_text = "Beginning of the key"

    def enrich(self, rows: list[Any]) -> None:
        at, owner = now(), self.kind.name
        found: defaultdict[int, list[Any]] = defaultdict(list)
        own = self.kind.versions.filter(**{f"{owner}__in": [row.pk for row in rows]})
        for version in own.order_by("version"):
            found[getattr(version, f"{owner}_id")].append(version)
        for row in rows:
            row.drafted = next((one for one in found[row.pk] if is_draft(one)), None)
            row.shown = _current(found[row.pk], at) or row.drafted

    def versions(
        self,
        offer: Any,
        columns: Sequence[Column | str] = (),
        cells: Callable[[Any], Sequence[Any]] = lambda _version: (),
    ) -> Table:
        """Show all versions, the newest first; ``cells`` are those of further columns."""
        found = offer.versions.select_related("asset", self.kind.name).order_by("-version")
        rows = [
            (
                link(version, f"version {version.version}"),
                version.name,
                status_badge(version),
                version.asset.code,
                instant(version.effective_from),
                instant(version.effective_to),
                *cells(version),
            )
            for version in found
        ]
        usual = ("Version", "Name", "Status", "Currency", "On offer from", "until")
        return Table(title="Versions", columns=(*usual, *columns), rows=rows)

    @admin.display(description="name")
    def title(self, row: Any) -> str:
        return row.shown.name if row.shown else ""

    @admin.display(description="status")
    def status(self, row: Any) -> SafeString:
        return status_badge(row.shown) if row.shown else NOTHING

    @admin.display(description="version")
    def current(self, row: Any) -> SafeString:
        return link(row.shown, f"v{row.shown.version}") if row.shown else NOTHING

    @admin.display(description="draft")
    def draft(self, row: Any) -> SafeString:
        return link(row.drafted, f"v{row.drafted.version}") if row.drafted else NOTHING

    @admin.display(description="created")
    def created(self, row: Any) -> SafeString:
        return instant(row.created_at)


def _current(found: Iterable[Any], at: datetime) -> Any:
    """Return the version on offer, else the newest published one, else None."""
    published = [one for one in found if not is_draft(one)]
    active = PlanVersion.Status.ACTIVE
    offered = (one for one in reversed(published) if versions.status_of(one, at) == active)
    return next(offered, published[-1] if published else None)
