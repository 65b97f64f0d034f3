"""Webhooks: endpoints, their secrets, and what was sent to them."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api import serializers_webhooks as s
from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.webhooks import catalogue, deliveries, endpoints
from ledger.api import lookups, pages
from ledger.api.fields import listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.errors import InvalidInputError

_TAG = "Webhooks"
_ONCE_SHOWN = (
    "The secret is shown in this answer only, and kept for no repetition of the request: there is"
    " no Idempotency-Key. "
)


def _endpoints_of(view: Resource) -> QuerySet[WebhookEndpoint]:
    found = WebhookEndpoint.objects.filter(book=view.caller.book)
    return lookups.within(view.caller, found, "customer")


def _endpoint(view: Resource, named: str) -> WebhookEndpoint:
    return lookups.by_id_or_key(_endpoints_of(view), named, "webhook")


class EventTypes(Resource):
    """GET /webhooks/event-types"""

    @operation(
        "list-webhook-event-types",
        summary="List the types of events that endpoints are told",
        tag=_TAG,
        answer=listing(s.EventTypeOut),
    )
    def get(self, request: Request) -> Response:
        return self.page(s.EventTypeOut, list(catalogue.EVENT_TYPES.values()), None)


class Endpoints(Resource):
    """GET, POST /webhooks"""

    @operation(
        "list-webhooks",
        summary="List webhook endpoints",
        tag=_TAG,
        query=s.EndpointQuery,
        answer=listing(s.EndpointOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.EndpointQuery)
        found = _endpoints_of(self)
        if named := asked.get("customer"):
            found = found.filter(customer=lookups.customer(self.caller, named))
        return self.page(s.EndpointOut, *pages.page(found, asked))

    @operation(
        "create-webhook",
        summary="Make a webhook endpoint, once per key",
        tag=_TAG,
        body=s.EndpointIn,
        answer=s.EndpointSecretOut,
        status=201,
        description=_ONCE_SHOWN + "If the answer was lost, rotate the secret.",
    )
    def post(self, request: Request) -> Response:
        wanted = self.body(s.EndpointIn)
        named = wanted.pop("customer", None)
        if named is None and self.caller.customer_id is not None:
            remedy = "name your customer"
            raise InvalidInputError(field="customer", value=None, remedy=remedy)
        endpoint, secret = endpoints.create(
            book=self.caller.book,
            customer=None if named is None else lookups.customer(self.caller, named),
            at=self.now,
            **wanted,
        )
        return self.answer(s.EndpointSecretOut, endpoint, status=201, secret=secret)


class OneEndpoint(Resource):
    """GET, PATCH, DELETE /webhooks/{webhook}"""

    scopes = Resource.scopes | {"DELETE": "manage"}

    @operation(
        "get-webhook",
        summary="Get a webhook endpoint",
        tag=_TAG,
        path=["webhook"],
        answer=s.EndpointOut,
    )
    def get(self, request: Request, webhook: str) -> Response:
        return self.answer(s.EndpointOut, _endpoint(self, webhook))

    @operation(
        "update-webhook",
        summary="Change where a webhook endpoint is, or what it is told",
        tag=_TAG,
        path=["webhook"],
        body=s.EndpointChange,
        answer=s.EndpointOut,
    )
    @once()
    def patch(self, request: Request, webhook: str) -> Response:
        found, wanted = _endpoint(self, webhook), self.body(s.EndpointChange)
        return self.answer(s.EndpointOut, endpoints.change(endpoint=found, **wanted))

    @operation(
        "end-webhook",
        summary="End a webhook endpoint, for good",
        tag=_TAG,
        path=["webhook"],
        answer=None,
        status=204,
    )
    @once()
    def delete(self, request: Request, webhook: str) -> Response:
        endpoints.end(endpoint=_endpoint(self, webhook), at=self.now)
        return Response(status=204)


class EndpointRotation(Resource):
    """POST /webhooks/{webhook}/rotate"""

    @operation(
        "rotate-webhook-secret",
        summary="Replace a webhook endpoint's secret; both sign for a time",
        tag=_TAG,
        path=["webhook"],
        body=s.RotateIn,
        answer=s.EndpointSecretOut,
        description=_ONCE_SHOWN + "If the answer was lost, discard the current secret.",
    )
    def post(self, request: Request, webhook: str) -> Response:
        found, wanted = _endpoint(self, webhook), self.body(s.RotateIn)
        overlap = timedelta(seconds=wanted.pop("overlap_seconds"))
        endpoint, secret = endpoints.rotate(endpoint=found, at=self.now, overlap=overlap, **wanted)
        return self.answer(s.EndpointSecretOut, endpoint, secret=secret)


class EndpointDisabling(Resource):
    """POST /webhooks/{webhook}/disable"""

    @operation(
        "disable-webhook",
        summary="Call a webhook endpoint no more, for now",
        tag=_TAG,
        path=["webhook"],
        body=s.DisableIn,
        answer=s.EndpointOut,
    )
    @once()
    def post(self, request: Request, webhook: str) -> Response:
        found, wanted = _endpoint(self, webhook), self.body(s.DisableIn)
        reason = wanted["reason"] or f"Disabled by {self.caller.name}."
        ended = endpoints.disable(endpoint=found, at=self.now, reason=reason)
        return self.answer(s.EndpointOut, ended)


class EndpointEnabling(Resource):
    """POST /webhooks/{webhook}/enable"""

    @operation(
        "enable-webhook",
        summary="Call a webhook endpoint again, from now on",
        tag=_TAG,
        path=["webhook"],
        answer=s.EndpointOut,
    )
    @once()
    def post(self, request: Request, webhook: str) -> Response:
        found = _endpoint(self, webhook)
        return self.answer(s.EndpointOut, endpoints.enable(endpoint=found))


class EndpointTest(Resource):
    """POST /webhooks/{webhook}/test"""

    @operation(
        "test-webhook",
        summary="Send a webhook endpoint a test message",
        tag=_TAG,
        path=["webhook"],
        answer=s.DeliveryOut,
        status=201,
    )
    @once()
    def post(self, request: Request, webhook: str) -> Response:
        found = _endpoint(self, webhook)
        sent = endpoints.send_test(endpoint=found, at=self.now)
        return self.answer(s.DeliveryOut, sent, status=201)


class EndpointDeliveries(Resource):
    """GET /webhooks/{webhook}/deliveries"""

    @operation(
        "list-webhook-deliveries",
        summary="List what a webhook endpoint was sent, newest first",
        tag=_TAG,
        path=["webhook"],
        query=s.DeliveryQuery,
        answer=listing(s.DeliveryOut),
    )
    def get(self, request: Request, webhook: str) -> Response:
        asked = self.asked(s.DeliveryQuery)
        found = WebhookDelivery.objects.filter(endpoint=_endpoint(self, webhook))
        if state := asked.get("state"):
            found = found.filter(state=state)
        if kind := asked.get("type"):
            found = found.filter(event_type=kind)
        return self.page(s.DeliveryOut, *pages.page(found, asked, newest_first=True))


class EndpointReplay(Resource):
    """POST /webhooks/{webhook}/replay"""

    @operation(
        "replay-webhook",
        summary="Send again all that a webhook endpoint missed since an instant",
        tag=_TAG,
        path=["webhook"],
        body=s.MissedIn,
        answer=s.MissedOut,
    )
    @once()
    def post(self, request: Request, webhook: str) -> Response:
        found, wanted = _endpoint(self, webhook), self.body(s.MissedIn)
        replayed = deliveries.replay_failed(endpoint=found, at=self.now, **wanted)
        return self.answer(s.MissedOut, {"replayed": replayed})


def _delivery(view: Resource, named: str) -> WebhookDelivery:
    found = WebhookDelivery.objects.filter(endpoint__book=view.caller.book)
    return lookups.by_id(
        lookups.within(view.caller, found, "endpoint__customer"), named, "delivery"
    )


class OneDelivery(Resource):
    """GET /webhook-deliveries/{delivery}"""

    @operation(
        "get-webhook-delivery",
        summary="Get a webhook's message and what became of each call",
        tag=_TAG,
        path=["delivery"],
        answer=s.DeliveryDetail,
    )
    def get(self, request: Request, delivery: str) -> Response:
        return self.answer(s.DeliveryDetail, _delivery(self, delivery))


class DeliveryReplay(Resource):
    """POST /webhook-deliveries/{delivery}/replay"""

    @operation(
        "replay-webhook-delivery",
        summary="Send a webhook's message again, under the same id",
        tag=_TAG,
        path=["delivery"],
        answer=s.DeliveryOut,
    )
    @once()
    def post(self, request: Request, delivery: str) -> Response:
        found = _delivery(self, delivery)
        return self.answer(s.DeliveryOut, deliveries.replay(delivery=found, at=self.now))
