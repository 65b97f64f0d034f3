"""What a subscription sells: its items, add-ons, history, and moving to a newer version."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_subscription_requests as asked_for
from billing.api import serializers_subscriptions as s
from billing.api.views.subscriptions import SubscriptionResource
from billing.models import SubscriptionEvent
from billing.subscriptions import addons, choosing, history, operations
from ledger.api import pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.schema import operation

_TAG: Final = "Subscriptions"


class SubscriptionEdit(SubscriptionResource):
    """POST /subscriptions/{subscription}/edit"""

    @operation(
        "edit-subscription",
        summary="Add, remove and replace items of one subscription",
        tag=_TAG,
        path=["subscription"],
        body=asked_for.EditIn,
        answer=s.SubscriptionOut,
    )
    @once()
    def post(self, request: Request, subscription: str) -> Response:
        found, wanted = self.find(subscription), self.body(asked_for.EditIn)
        note = self.note(found, wanted)
        return self.shown(operations.edit(subscription=found, **wanted, **note))


class SubscriptionMigrate(SubscriptionResource):
    """POST /subscriptions/{subscription}/migrate"""

    @operation(
        "migrate-subscription",
        summary="Move a subscription to a newer version of its plan, or say what would differ",
        tag=_TAG,
        path=["subscription"],
        body=asked_for.MigrateIn,
        answer=s.MigrationOut,
    )
    @once()
    def post(self, request: Request, subscription: str) -> Response:
        found, wanted = self.find(subscription), self.body(asked_for.MigrateIn)
        note = self.note(found, wanted)
        reference = {"key": found.plan_version.plan.key, "version": wanted.get("version")}
        version = choosing.find_plan(
            customer=found.customer, reference=reference, at=note["at"], from_=note["at"]
        )
        answer = operations.migrate_or_try(
            subscription=found,
            version=version,
            timing=wanted["timing"],
            is_dry_run=wanted["dry_run"],
            **note,
        )
        return self.answer(s.MigrationOut, answer)


class SubscriptionAddons(SubscriptionResource):
    """GET, POST /subscriptions/{subscription}/addons"""

    @operation(
        "list-subscription-addons",
        summary="List a subscription's add-ons, with their quantities over time",
        tag=_TAG,
        path=["subscription"],
        answer=listing(s.SubscriptionAddonOut),
    )
    def get(self, request: Request, subscription: str) -> Response:
        found = self.find(subscription)
        at = self.time_of(found.customer)
        return self.page(s.SubscriptionAddonOut, addons.overview(subscription=found, at=at), None)

    @operation(
        "set-subscription-addon",
        summary="Have so many of an add-on from an instant on; nought ends it",
        tag=_TAG,
        path=["subscription"],
        body=asked_for.AddonIn,
        answer=s.SubscriptionAddonOut,
        status=201,
    )
    @once()
    def post(self, request: Request, subscription: str) -> Response:
        found, wanted = self.find(subscription), self.body(asked_for.AddonIn)
        note = self.note(found, wanted)
        timing = wanted["timing"]
        addon = choosing.find_addon(
            book_id=found.book_id,
            reference=wanted.pop("addon"),
            at=note["at"],
            from_=timing if isinstance(timing, datetime) else note["at"],
        )
        bought = operations.set_quantity(subscription=found, addon=addon, **wanted, **note)
        shown = addons.overview(subscription=found, at=note["at"])
        one = next(each for each in shown if each.bought == bought)
        return self.answer(s.SubscriptionAddonOut, one, status=201)


class SubscriptionHistory(SubscriptionResource):
    """GET /subscriptions/{subscription}/history"""

    @operation(
        "list-subscription-history",
        summary="List a subscription's changes, with who and why",
        tag=_TAG,
        path=["subscription"],
        query=PageQuery,
        answer=listing(s.SubscriptionEventOut),
    )
    def get(self, request: Request, subscription: str) -> Response:
        found = self.find(subscription)
        events = SubscriptionEvent.objects.filter(subscription=found)
        kinds = [kind.value for kind in history.WITHDRAWING]
        withdrawn = {
            sequence
            for event in events.filter(kind__in=kinds)
            for sequence in event.content["withdraws"]
        }
        rows, following = pages.page(events, self.asked(PageQuery))
        return self.page(s.SubscriptionEventOut, rows, following, withdrawn=withdrawn)


class SubscriptionItems(SubscriptionResource):
    """GET /subscriptions/{subscription}/items"""

    @operation(
        "list-subscription-items",
        summary="List what a subscription sells, past and ahead",
        tag=_TAG,
        path=["subscription"],
        query=asked_for.ItemQuery,
        answer=listing(s.SubscriptionItemOut),
    )
    def get(self, request: Request, subscription: str) -> Response:
        found, asked = self.find(subscription), self.asked(asked_for.ItemQuery)
        items = found.items.select_related("feature", "meter").order_by("starts_at", "key")
        if at := asked.get("at"):
            items = items.filter(Q(ends_at=None) | Q(ends_at__gt=at), starts_at__lte=at)
        return self.page(s.SubscriptionItemOut, list(items), None)
