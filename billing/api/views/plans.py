"""
Plans: drafted, published, archived.

An address names a version by its id, or a plan by its key: then what is read is the version that
is on offer, and what is written its draft.
"""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_plans as s
from billing.api.views import offers
from billing.models import PlanAddon, PlanVersion
from billing.plans import addons, drafting, publishing, versions
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation

_EVERY_METHOD: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
_SCOPES: Final = {**Resource.scopes, "DELETE": "manage"}


def _plans(view: Resource) -> QuerySet[PlanVersion]:
    return versions.plans(view.caller.book)


class _Plan(Resource):
    whole_book = _EVERY_METHOD
    scopes = _SCOPES

    def draft(self, plan: str) -> PlanVersion:
        """Return the draft that an address names."""
        return offers.find_draft(_plans(self), plan, "plan")

    def any(self, plan: str, number: int | None = None) -> PlanVersion:
        """Return the version that an address names."""
        return offers.find(_plans(self), plan, "plan", at=self.now, number=number)

    def shown(self, version: PlanVersion, *, status: int = 200) -> Response:
        """Answer with a version, as it is now kept."""
        whole = _plans(self).get(pk=version.pk)
        return self.answer(s.PlanVersionOut, offers.plan_out(whole, self.now), status=status)


class Plans(_Plan):
    """GET, POST /plans"""

    @operation(
        "list-plans",
        summary="List plans, version by version",
        tag="Plans",
        query=s.OfferQuery,
        answer=listing(s.PlanVersionOut),
    )
    def get(self, request: Request) -> Response:
        asked, at = self.asked(s.OfferQuery), self.now
        found = _plans(self).filter(plan__customer=None)
        if key := asked.get("key"):
            found = found.filter(plan__key=key)
        if status := asked.get("status"):
            found = offers.with_status(found, status, at)
        rows, following = pages.page(found, asked)
        return self.page(s.PlanVersionOut, [offers.plan_out(row, at) for row in rows], following)

    @operation(
        "create-plan",
        summary="Draft a new plan",
        description="A draft may be unfinished: `validation_errors` lists what keeps it from"
        " publication.",
        tag="Plans",
        body=s.PlanDocument,
        answer=s.PlanVersionOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        draft = drafting.create(book=self.caller.book, document=request.data, at=self.now)
        return self.shown(draft, status=201)


class OnePlan(_Plan):
    """GET, PUT, DELETE /plans/{plan}"""

    @operation(
        "get-plan",
        summary="Get a plan: a version by its id, or by key the one on offer",
        tag="Plans",
        path=["plan"],
        query=s.VersionQuery,
        answer=s.PlanVersionOut,
    )
    def get(self, request: Request, plan: str) -> Response:
        number = self.asked(s.VersionQuery).get("version")
        return self.answer(s.PlanVersionOut, offers.plan_out(self.any(plan, number), self.now))

    @operation(
        "replace-plan",
        summary="Replace a plan's draft, as a whole",
        tag="Plans",
        path=["plan"],
        body=s.PlanDocument,
        answer=s.PlanVersionOut,
    )
    @once()
    def put(self, request: Request, plan: str) -> Response:
        draft = self.draft(plan)
        drafting.replace(plan=draft.plan, document=request.data, at=self.now)
        return self.shown(draft)

    @operation(
        "discard-plan-draft",
        summary="Throw a plan's draft away",
        tag="Plans",
        path=["plan"],
        answer=None,
        status=204,
    )
    @once()
    def delete(self, request: Request, plan: str) -> Response:
        drafting.discard(plan=self.draft(plan).plan)
        return Response(status=204)


class PlanVersions(_Plan):
    """GET, POST /plans/{plan}/versions"""

    @operation(
        "list-plan-versions",
        summary="List the versions of a plan",
        tag="Plans",
        path=["plan"],
        query=PageQuery,
        answer=listing(s.PlanVersionOut),
    )
    def get(self, request: Request, plan: str) -> Response:
        at = self.now
        found = _plans(self).filter(plan=self.any(plan).plan)
        rows, following = pages.page(found, self.asked(PageQuery))
        return self.page(s.PlanVersionOut, [offers.plan_out(row, at) for row in rows], following)

    @operation(
        "draft-next-plan-version",
        summary="Draft the next version of a plan, as a copy",
        tag="Plans",
        path=["plan"],
        body=s.NextVersionIn,
        answer=s.PlanVersionOut,
        status=201,
    )
    @once()
    def post(self, request: Request, plan: str) -> Response:
        found = self.any(plan).plan
        wanted = self.body(s.NextVersionIn)
        return self.shown(drafting.next_version(plan=found, at=self.now, **wanted), status=201)


class PlanPublication(_Plan):
    """POST /plans/{plan}/publish"""

    @operation(
        "publish-plan",
        summary="Publish a plan's draft: it never changes again",
        description="The version before it is archived from the same instant. What keeps the draft"
        " from publication is listed in `errors`.",
        tag="Plans",
        path=["plan"],
        body=s.PublishIn,
        answer=s.PlanVersionOut,
    )
    @once()
    def post(self, request: Request, plan: str) -> Response:
        wanted = {"effective_from": self.now, **self.body(s.PublishIn)}
        draft = self.draft(plan)
        return self.shown(publishing.publish_plan(plan=draft.plan, at=self.now, **wanted))


class PlanArchive(_Plan):
    """POST /plans/{plan}/archive"""

    @operation(
        "archive-plan",
        summary="End the offer of a plan's version; subscriptions to it go on",
        tag="Plans",
        path=["plan"],
        body=s.ArchiveIn,
        answer=s.PlanVersionOut,
    )
    @once()
    def post(self, request: Request, plan: str) -> Response:
        wanted = {"effective_to": self.now, **self.body(s.ArchiveIn)}
        found = self.any(plan)
        archived = publishing.archive_plan(
            plan=found.plan, version=found.version, at=self.now, **wanted
        )
        return self.shown(archived)


class PlanAddons(_Plan):
    """GET, POST /plans/{plan}/addons"""

    @operation(
        "list-plan-addons",
        summary="List the add-ons that may be bought with a plan",
        tag="Plans",
        path=["plan"],
        query=PageQuery,
        answer=listing(s.PlanAddonOut),
    )
    def get(self, request: Request, plan: str) -> Response:
        found = PlanAddon.objects.filter(plan_version=self.any(plan))
        attached = found.select_related("addon_version__addon")
        return self.page(s.PlanAddonOut, *pages.page(attached, self.asked(PageQuery)))

    @operation(
        "attach-addon",
        summary="Let an add-on be bought with a plan, from a phase on",
        tag="Plans",
        path=["plan"],
        body=s.PlanAddonIn,
        answer=s.PlanAddonOut,
        status=201,
    )
    @once()
    def post(self, request: Request, plan: str) -> Response:
        wanted: dict[str, Any] = self.body(s.PlanAddonIn)
        named = wanted.pop("addon")
        found = offers.find_open(_plans(self), plan, "plan", at=self.now)
        addon = offers.find(versions.addons(self.caller.book), named, "addon", at=self.now)
        attached = addons.attach(plan_version=found, addon_version=addon, at=self.now, **wanted)
        return self.answer(s.PlanAddonOut, attached, status=201)


class OnePlanAddon(_Plan):
    """GET, DELETE /plans/{plan}/addons/{plan_addon}"""

    @operation(
        "get-plan-addon",
        summary="Get an add-on of a plan",
        tag="Plans",
        path=["plan", "plan_addon"],
        answer=s.PlanAddonOut,
    )
    def get(self, request: Request, plan: str, plan_addon: str) -> Response:
        return self.answer(s.PlanAddonOut, self._found(plan, plan_addon))

    @operation(
        "detach-addon",
        summary="Take an add-on from a plan's draft",
        tag="Plans",
        path=["plan", "plan_addon"],
        answer=None,
        status=204,
    )
    @once()
    def delete(self, request: Request, plan: str, plan_addon: str) -> Response:
        addons.detach(attached=self._found(plan, plan_addon))
        return Response(status=204)

    def _found(self, plan: str, plan_addon: str) -> PlanAddon:
        rows = PlanAddon.objects.filter(plan_version__plan=self.any(plan).plan)
        return lookups.by_id(rows.select_related("addon_version__addon"), plan_addon, "plan_addon")
