"""Subscriptions: making them, changing them, and what they sell when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_subscription_requests as asked_for
from billing.api import serializers_subscriptions as s
from billing.models import PlanVersion, Subscription
from billing.subscriptions import (
    changes,
    choosing,
    operations,
    statuses,
)
from ledger import clocks
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.models import Customer

_TAG: Final = "Subscriptions"


class SubscriptionResource(Resource):
    """
    What the views of subscriptions share.

    A key that is bound to a customer reads its own; what is sold to it is for others to decide.
    """

    whole_book = frozenset({"POST"})

    def find(self, named: str) -> Subscription:
        """Return a subscription that the caller may see."""
        return lookups.by_id_or_key(self.rows, named, "subscription")

    @property
    def rows(self) -> QuerySet[Subscription]:
        """Return the subscriptions that the caller may see."""
        rows = Subscription.objects.filter(book=self.caller.book).select_related(
            "customer__clock", "customer__book", "plan_version__plan", "asset"
        )
        return lookups.within(self.caller, rows, "customer")

    def time_of(self, customer: Customer) -> datetime:
        """Return what time it is for a customer."""
        return clocks.now_of(customer, self.now)

    def note(self, subscription: Subscription, wanted: dict[str, Any]) -> changes.Note:
        """Return what is recorded with a change."""
        return {
            "at": self.time_of(subscription.customer),
            "cause": self.caller.name,
            "reason": wanted.pop("reason", ""),
        }

    def shown(self, subscription: Subscription, *, status: int = 200) -> Response:
        """Return the answer with a subscription as it is now."""
        found = self.rows.get(pk=subscription.pk)
        return self.answer(s.SubscriptionOut, found, status=status, **self.context([found]))

    def context(self, found: Iterable[Subscription]) -> dict[str, Any]:
        """Return what a subscription's answer looks up."""
        states_of = statuses.statuses(found, lambda each: self.time_of(each.customer))
        return {"statuses": states_of}

    def plan(
        self, customer: Customer, wanted: dict[str, Any], from_: datetime
    ) -> PlanVersion | dict[str, Any]:
        """Return the plan that is named, or the document of one."""
        document: dict[str, Any] | None = wanted.pop("custom_plan", None)
        if document is not None:
            return document
        return choosing.find_plan(
            customer=customer,
            reference=wanted.pop("plan"),
            at=self.time_of(customer),
            from_=from_,
        )


class Subscriptions(SubscriptionResource):
    """GET, POST /subscriptions"""

    @operation(
        "list-subscriptions",
        summary="List subscriptions",
        tag=_TAG,
        query=asked_for.SubscriptionQuery,
        answer=listing(s.SubscriptionOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(asked_for.SubscriptionQuery)
        rows = self.rows
        if named := asked.get("customer"):
            rows = rows.filter(customer=lookups.customer(self.caller, named))
        if plan := asked.get("plan"):
            rows = rows.filter(plan_version__plan__key=plan)
        if status := asked.get("status"):
            rows = statuses.in_state(rows, status, self.now)
        found, following = pages.page(rows, asked)
        return self.page(s.SubscriptionOut, found, following, **self.context(found))

    @operation(
        "create-subscription",
        summary="Subscribe a customer to a plan",
        tag=_TAG,
        body=asked_for.SubscriptionIn,
        answer=s.SubscriptionOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(asked_for.SubscriptionIn)
        named = lookups.customer(self.caller, wanted.pop("customer"))
        customer = Customer.objects.select_related("clock", "book").get(pk=named.pk)
        at = self.time_of(customer)
        plan = self.plan(customer, wanted, wanted.get("starts_at") or at)
        wanted.pop("plan", None)
        made = operations.create(
            customer=customer, plan=plan, at=at, cause=self.caller.name, **wanted
        )
        return self.shown(made, status=201)


class OneSubscription(SubscriptionResource):
    """GET /subscriptions/{subscription}"""

    @operation(
        "get-subscription",
        summary="Get a subscription",
        tag=_TAG,
        path=["subscription"],
        answer=s.SubscriptionOut,
    )
    def get(self, request: Request, subscription: str) -> Response:
        return self.shown(self.find(subscription))


class SubscriptionChange(SubscriptionResource):
    """POST /subscriptions/{subscription}/change"""

    @operation(
        "change-subscription",
        summary="Put a subscription on another plan",
        tag=_TAG,
        path=["subscription"],
        body=asked_for.ChangeIn,
        answer=s.SubscriptionChangeOut,
    )
    @once()
    def post(self, request: Request, subscription: str) -> Response:
        found, wanted = self.find(subscription), self.body(asked_for.ChangeIn)
        note = self.note(found, wanted)
        timing = wanted["timing"]
        from_ = timing if isinstance(timing, datetime) else note["at"]
        plan = self.plan(found.customer, wanted, from_)
        wanted.pop("plan", None)
        changed = operations.change(subscription=found, plan=plan, **wanted, **note)
        stretch = changes.read(changed).timeline.stretches[-1]
        last = PlanVersion.objects.select_related("plan").get(pk=stretch.offer.id)
        current = self.rows.get(pk=found.pk)
        answer = {
            "current": current,
            "next": {"plan": last, "active_from": stretch.starts_at},
        }
        return self.answer(s.SubscriptionChangeOut, answer, **self.context([current]))


class SubscriptionCancel(SubscriptionResource):
    """POST /subscriptions/{subscription}/cancel"""

    @operation(
        "cancel-subscription",
        summary="End a subscription: now, at the end of its cycle, or at an instant",
        tag=_TAG,
        path=["subscription"],
        body=asked_for.TimingIn,
        answer=s.SubscriptionOut,
    )
    @once()
    def post(self, request: Request, subscription: str) -> Response:
        found, wanted = self.find(subscription), self.body(asked_for.TimingIn)
        note = self.note(found, wanted)
        return self.shown(operations.cancel(subscription=found, **wanted, **note))


class SubscriptionUnscheduleCancelation(SubscriptionResource):
    """POST /subscriptions/{subscription}/unschedule-cancelation"""

    @operation(
        "unschedule-cancelation",
        summary="Let a subscription go on that was to end",
        tag=_TAG,
        path=["subscription"],
        body=asked_for.ReasonIn,
        answer=s.SubscriptionOut,
    )
    @once()
    def post(self, request: Request, subscription: str) -> Response:
        found, wanted = self.find(subscription), self.body(asked_for.ReasonIn)
        note = self.note(found, wanted)
        return self.shown(operations.unschedule_cancelation(subscription=found, **note))


class SubscriptionRestore(SubscriptionResource):
    """POST /subscriptions/{subscription}/restore"""

    @operation(
        "restore-subscription",
        summary="Take back changes that lie ahead",
        tag=_TAG,
        path=["subscription"],
        body=asked_for.RestoreIn,
        answer=s.SubscriptionOut,
    )
    @once()
    def post(self, request: Request, subscription: str) -> Response:
        found, wanted = self.find(subscription), self.body(asked_for.RestoreIn)
        note = self.note(found, wanted)
        return self.shown(operations.restore(subscription=found, **wanted, **note))


class SubscriptionPause(SubscriptionResource):
    """POST /subscriptions/{subscription}/pause"""

    @operation(
        "pause-subscription",
        summary="Sell nothing until the subscription is resumed",
        tag=_TAG,
        path=["subscription"],
        body=asked_for.TimingIn,
        answer=s.SubscriptionOut,
    )
    @once()
    def post(self, request: Request, subscription: str) -> Response:
        found, wanted = self.find(subscription), self.body(asked_for.TimingIn)
        note = self.note(found, wanted)
        return self.shown(operations.pause(subscription=found, **wanted, **note))


class SubscriptionResume(SubscriptionResource):
    """POST /subscriptions/{subscription}/resume"""

    @operation(
        "resume-subscription",
        summary="Sell again what the plan says",
        tag=_TAG,
        path=["subscription"],
        body=asked_for.TimingIn,
        answer=s.SubscriptionOut,
    )
    @once()
    def post(self, request: Request, subscription: str) -> Response:
        found, wanted = self.find(subscription), self.body(asked_for.TimingIn)
        note = self.note(found, wanted)
        return self.shown(operations.resume(subscription=found, **wanted, **note))
