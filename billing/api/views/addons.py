"""Add-ons: drafted, published and archived as plans are."""

from __future__ import annotations

from typing import Final

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_plans as s
from billing.api.views import offers
from billing.models import AddonVersion
from billing.plans import addons, publishing, versions
from ledger.api import pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation

_EVERY_METHOD: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
_SCOPES: Final = {**Resource.scopes, "DELETE": "manage"}


def _addons(view: Resource) -> QuerySet[AddonVersion]:
    return versions.addons(view.caller.book)


class _Addon(Resource):
    whole_book = _EVERY_METHOD
    scopes = _SCOPES

    def draft(self, addon: str) -> AddonVersion:
        """Return the draft that an address names."""
        return offers.find_draft(_addons(self), addon, "addon")

    def any(self, addon: str, number: int | None = None) -> AddonVersion:
        """Return the version that an address names."""
        return offers.find(_addons(self), addon, "addon", at=self.now, number=number)

    def shown(self, version: AddonVersion, *, status: int = 200) -> Response:
        """Answer with a version, as it is now kept."""
        whole = _addons(self).get(pk=version.pk)
        return self.answer(s.AddonVersionOut, offers.addon_out(whole, self.now), status=status)


class Addons(_Addon):
    """GET, POST /addons"""

    @operation(
        "list-addons",
        summary="List add-ons, version by version",
        tag="Add-ons",
        query=s.OfferQuery,
        answer=listing(s.AddonVersionOut),
    )
    def get(self, request: Request) -> Response:
        asked, at = self.asked(s.OfferQuery), self.now
        found = _addons(self)
        if key := asked.get("key"):
            found = found.filter(addon__key=key)
        if status := asked.get("status"):
            found = offers.with_status(found, status, at)
        rows, following = pages.page(found, asked)
        return self.page(s.AddonVersionOut, [offers.addon_out(row, at) for row in rows], following)

    @operation(
        "create-addon",
        summary="Draft a new add-on",
        description="A draft may be unfinished: `validation_errors` lists what keeps it from"
        " publication.",
        tag="Add-ons",
        body=s.AddonDocument,
        answer=s.AddonVersionOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        draft = addons.create(book=self.caller.book, document=request.data, at=self.now)
        return self.shown(draft, status=201)


class OneAddon(_Addon):
    """GET, PUT, DELETE /addons/{addon}"""

    @operation(
        "get-addon",
        summary="Get an add-on: a version by its id, or by key the one on offer",
        tag="Add-ons",
        path=["addon"],
        query=s.VersionQuery,
        answer=s.AddonVersionOut,
    )
    def get(self, request: Request, addon: str) -> Response:
        number = self.asked(s.VersionQuery).get("version")
        return self.answer(s.AddonVersionOut, offers.addon_out(self.any(addon, number), self.now))

    @operation(
        "replace-addon",
        summary="Replace an add-on's draft, as a whole",
        tag="Add-ons",
        path=["addon"],
        body=s.AddonDocument,
        answer=s.AddonVersionOut,
    )
    @once()
    def put(self, request: Request, addon: str) -> Response:
        draft = self.draft(addon)
        addons.replace(addon=draft.addon, document=request.data, at=self.now)
        return self.shown(draft)

    @operation(
        "discard-addon-draft",
        summary="Throw an add-on's draft away",
        tag="Add-ons",
        path=["addon"],
        answer=None,
        status=204,
    )
    @once()
    def delete(self, request: Request, addon: str) -> Response:
        addons.discard(addon=self.draft(addon).addon)
        return Response(status=204)


class AddonVersions(_Addon):
    """GET, POST /addons/{addon}/versions"""

    @operation(
        "list-addon-versions",
        summary="List the versions of an add-on",
        tag="Add-ons",
        path=["addon"],
        query=PageQuery,
        answer=listing(s.AddonVersionOut),
    )
    def get(self, request: Request, addon: str) -> Response:
        at = self.now
        found = _addons(self).filter(addon=self.any(addon).addon)
        rows, following = pages.page(found, self.asked(PageQuery))
        return self.page(s.AddonVersionOut, [offers.addon_out(row, at) for row in rows], following)

    @operation(
        "draft-next-addon-version",
        summary="Draft the next version of an add-on, as a copy",
        tag="Add-ons",
        path=["addon"],
        body=s.NextVersionIn,
        answer=s.AddonVersionOut,
        status=201,
    )
    @once()
    def post(self, request: Request, addon: str) -> Response:
        found = self.any(addon).addon
        wanted = self.body(s.NextVersionIn)
        return self.shown(addons.next_version(addon=found, at=self.now, **wanted), status=201)


class AddonPublication(_Addon):
    """POST /addons/{addon}/publish"""

    @operation(
        "publish-addon",
        summary="Publish an add-on's draft: it never changes again",
        description="The version before it is archived from the same instant. What keeps the draft"
        " from publication is listed in `errors`.",
        tag="Add-ons",
        path=["addon"],
        body=s.PublishIn,
        answer=s.AddonVersionOut,
    )
    @once()
    def post(self, request: Request, addon: str) -> Response:
        wanted = {"effective_from": self.now, **self.body(s.PublishIn)}
        draft = self.draft(addon)
        return self.shown(publishing.publish_addon(addon=draft.addon, at=self.now, **wanted))


class AddonArchive(_Addon):
    """POST /addons/{addon}/archive"""

    @operation(
        "archive-addon",
        summary="End the offer of an add-on's version; subscriptions to it go on",
        tag="Add-ons",
        path=["addon"],
        body=s.ArchiveIn,
        answer=s.AddonVersionOut,
    )
    @once()
    def post(self, request: Request, addon: str) -> Response:
        wanted = {"effective_to": self.now, **self.body(s.ArchiveIn)}
        found = self.any(addon)
        archived = publishing.archive_addon(
            addon=found.addon, version=found.version, at=self.now, **wanted
        )
        return self.shown(archived)
