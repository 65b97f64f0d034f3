"""
From an event in the outbox to a message for each endpoint that is told of it.

An event may be handled twice: each endpoint has one delivery of it, whatever happens. Only mail
is sent again if a worker dies right after it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from integrations.models import WebhookDelivery, WebhookEndpoint
from integrations.webhooks import mail, messages
from ledger.models import Outbox

TOPIC: Final = "event"
WAITING, DEAD = WebhookDelivery.State.WAITING, WebhookDelivery.State.DEAD
_MISSED: Final = "The endpoint was disabled."

# Endpoints of the book, of the customer, and of those above it.
_TOLD: Final = """
    WITH RECURSIVE above AS (
        SELECT id, parent_id FROM ledger_customer WHERE book_id = %(book)s AND key = %(customer)s
        UNION SELECT c.id, c.parent_id FROM ledger_customer c JOIN above a ON c.id = a.parent_id)
    SELECT e.id, e.is_enabled FROM integrations_webhookendpoint e
    WHERE e.book_id = %(book)s AND e.ended_at IS NULL
      AND (e.event_types = '{}' OR %(type)s = ANY(e.event_types))
      AND (e.customer_id IS NULL OR e.customer_id IN (SELECT id FROM above))
    ORDER BY e.id
"""


def tell(*, key: str, event: Mapping[str, Any], at: datetime) -> None:
    """
    Write down what each endpoint is to be told of an event, then mail what is to be mailed.

    An endpoint that is disabled gets a delivery that is given up at once: it can be replayed.
    """
    happened_at = Outbox.objects.values_list("created_at", flat=True).get(topic=TOPIC, key=key)
    _spread(messages.id_of(key), event, happened_at, at)
    if event.get("emails"):
        mail.send(key=key, event=event, at=happened_at)


def _spread(message: str, event: Mapping[str, Any], happened_at: datetime, at: datetime) -> None:
    payload = messages.payload(
        kind=event["type"], customer=event["customer"], data=event["data"], at=happened_at
    )
    told = _told(event)
    with transaction.atomic():
        WebhookDelivery.objects.bulk_create(
            [
                WebhookDelivery(
                    endpoint_id=endpoint_id,
                    message_key=message,
                    event_type=event["type"],
                    payload=payload,
                    state=WAITING if is_enabled else DEAD,
                    last_error="" if is_enabled else _MISSED,
                    due_at=at,
                    created_at=at,
                )
                for endpoint_id, is_enabled in told.items()
            ],
            ignore_conflicts=True,
        )


def _told(event: Mapping[str, Any]) -> dict[int, bool]:
    named = {"book": event["book"], "customer": event["customer"], "type": event["type"]}
    found = WebhookEndpoint.objects.raw(_TOLD, named)
    return {endpoint.pk: endpoint.is_enabled for endpoint in found}
