"""Endpoints: made, changed, given new secrets, disabled, ended."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.webhooks import addresses, catalogue, keeping, messages, signing
from integrations.webhooks.errors import (
    EndpointDisabledError,
    EndpointEndedError,
    SecretRotatingError,
)
from ledger import inputs, outbox
from ledger.errors import InvalidInputError
from ledger.integrity import taken
from ledger.models import Book, Customer

OVERLAP: Final = timedelta(days=1)  # that the secret before signs, too, unless told otherwise
LONGEST_OVERLAP: Final = timedelta(days=30)


def create(
    *,
    book: Book,
    key: str,
    url: str,
    at: datetime,
    customer: Customer | None = None,
    event_types: Iterable[str] = (),
) -> tuple[WebhookEndpoint, str]:
    """
    Make an endpoint and return it with its secret, which is shown this once.

    It is told what happens to the customer and all below it, or in the whole book; no event types
    mean all of them.

    Raises:
        InvalidInputError: a URL that may not be called, an unknown event type, another book's
            customer.
        AlreadyExistsError: the book has an endpoint of that key, perhaps one that was ended.
    """
    if customer is not None and customer.book_id != book.pk:
        remedy = "name a customer of the book"
        raise InvalidInputError(field="customer", value=customer.key, remedy=remedy)
    secret = secrets.token_bytes(signing.BYTES)
    endpoint = WebhookEndpoint(
        book=book,
        customer=customer,
        key=inputs.key("key", key),
        url=addresses.check("url", url),
        event_types=_types(event_types),
        secret=keeping.encrypt(secret),
        created_at=at,
    )
    with transaction.atomic(), taken(key=key):
        endpoint.save(force_insert=True)
    return endpoint, signing.secret_text(secret)


def change(
    *,
    endpoint: WebhookEndpoint,
    url: str | None = None,
    event_types: Iterable[str] | None = None,
) -> WebhookEndpoint:
    """
    Change where an endpoint is, or what it is told; messages under way go to the new address.

    Raises:
        InvalidInputError: as ``create``.
        EndpointEndedError: it was ended.
    """
    with transaction.atomic():
        found = _locked(endpoint)
        found.url = found.url if url is None else addresses.check("url", url)
        if event_types is not None:
            found.event_types = _types(event_types)
        found.save(update_fields=["url", "event_types"])
    return found


def rotate(
    *,
    endpoint: WebhookEndpoint,
    at: datetime,
    overlap: timedelta = OVERLAP,
    discards_current: bool = False,
) -> tuple[WebhookEndpoint, str]:
    """
    Give an endpoint a new secret and return it, shown this once; the one before signs, too.

    It does so for the time of the overlap. ``discards_current`` is for a new secret that its
    receiver never got, as an answer was lost: it is replaced, and the one before goes on signing.

    Raises:
        InvalidInputError: an overlap below zero, or of more than 30 days.
        SecretRotatingError: the secret before the current one still signs.
        EndpointEndedError: it was ended.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        remedy = "give a duration from zero to 30 days"
        raise InvalidInputError(field="overlap", value=str(overlap), remedy=remedy)
    secret = secrets.token_bytes(signing.BYTES)
    with transaction.atomic():
        found = _locked(endpoint)
        is_rotating = found.previous_until is not None and found.previous_until > at
        if is_rotating and not discards_current:
            raise SecretRotatingError(until=found.previous_until)
        if not is_rotating:
            found.previous_secret = found.secret
        found.previous_until = at + overlap
        found.secret = keeping.encrypt(secret)
        found.save(update_fields=["secret", "previous_secret", "previous_until"])
    return found, signing.secret_text(secret)


def disable(*, endpoint: WebhookEndpoint, at: datetime, reason: str) -> WebhookEndpoint:
    """
    Call an endpoint no more; what waits for it is given up, and can be replayed. Again: nothing.

    Raises:
        EndpointEndedError: it was ended.
    """
    with transaction.atomic():
        found = _locked(endpoint)
        if found.is_enabled:
            stop(found, at=at, reason=reason)
    return found


def stop(endpoint: WebhookEndpoint, *, at: datetime, reason: str) -> None:
    """Disable an endpoint that is locked, in the caller's transaction, and tell the others."""
    since = endpoint.failing_since
    endpoint.is_enabled, endpoint.disabled_reason = False, reason
    endpoint.save(update_fields=["is_enabled", "disabled_reason"])
    _give_up(endpoint, "The endpoint was disabled.")
    outbox.publish(
        topic="event",
        key=f"{catalogue.DISABLED}:{endpoint.pk}:{at.isoformat()}",
        payload={
            "type": catalogue.DISABLED,
            "book": endpoint.book_id,
            "customer": endpoint.customer.key if endpoint.customer else None,
            "data": {
                "endpoint": endpoint.key,
                "endpoint_id": str(endpoint.pk),
                "reason": reason,
                "failing_since": since and messages.instant(since),
            },
        },
        at=at,
    )


def enable(*, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """
    Call an endpoint again, from now on; replay what it missed. Again: nothing.

    Raises:
        EndpointEndedError: it was ended.
    """
    with transaction.atomic():
        found = _locked(endpoint)
        found.is_enabled, found.disabled_reason, found.failing_since = True, "", None
        found.save(update_fields=["is_enabled", "disabled_reason", "failing_since"])
    return found


def end(*, endpoint: WebhookEndpoint, at: datetime) -> None:
    """End an endpoint for good; what was sent to it stays on record. Again changes nothing."""
    with transaction.atomic():
        found = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        if found.ended_at is None:
            found.is_enabled, found.ended_at = False, at
            found.save(update_fields=["is_enabled", "ended_at"])
            _give_up(found, "The endpoint was ended.")


def send_test(*, endpoint: WebhookEndpoint, at: datetime) -> WebhookDelivery:
    """
    Send an endpoint a message that says it is a test, whatever event types it chose.

    Raises:
        EndpointDisabledError: it is disabled.
        EndpointEndedError: it was ended.
    """
    with transaction.atomic():
        found = _locked(endpoint)
        if not found.is_enabled:
            raise EndpointDisabledError(endpoint=found.key)
        return WebhookDelivery.objects.create(
            endpoint=found,
            message_key=messages.new_id(),
            event_type=catalogue.TEST,
            payload=messages.payload(
                kind=catalogue.TEST,
                customer=found.customer.key if found.customer else None,
                data={"endpoint": found.key},
                at=at,
            ),
            due_at=at,
            created_at=at,
        )


def keys_of(endpoint: WebhookEndpoint, *, at: datetime) -> list[bytes]:
    """
    Return the secrets that sign at an instant.

    Raises:
        SecretUnreadableError: SECRET_KEY was changed.
    """
    found = [endpoint.secret]
    if endpoint.previous_secret and endpoint.previous_until and endpoint.previous_until > at:
        found.append(endpoint.previous_secret)
    return [keeping.decrypt(secret) for secret in found]


def _locked(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    found = WebhookEndpoint.objects.select_for_update(of=("self",))
    row = found.select_related("customer", "book").get(pk=endpoint.pk)
    if row.ended_at is not None:
        raise EndpointEndedError(endpoint=row.key)
    return row


def _give_up(endpoint: WebhookEndpoint, why: str) -> None:
    endpoint.deliveries.filter(state=WebhookDelivery.State.WAITING).update(
        state=WebhookDelivery.State.DEAD, claimed_until=None, last_error=why
    )


def _types(names: Iterable[str]) -> list[str]:
    known = set(catalogue.EVENT_TYPES) - {catalogue.TEST}
    return sorted({inputs.choice("event_types", name, sorted(known)) for name in names})
