"""
Events as mail, for the addresses that an alert names or a payer has.

At least once: a worker that dies right after sending leads to a second mail. Both carry the same
Message-ID, which is made of the event's key, so that readers' programs may show one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from integrations.webhooks.catalogue import EVENT_TYPES
from integrations.webhooks.messages import id_of

_TEXT: Final = "integrations/mail/event.txt"
_HTML: Final = "integrations/mail/event.html"


def send(*, key: str, event: Mapping[str, Any], at: datetime) -> None:
    """Send one mail about an event, to all its addresses: in its own words, if it has any."""
    written = event.get("mail") or _usual(event, at)
    _, sender = parseaddr(settings.DEFAULT_FROM_EMAIL)
    mail = EmailMultiAlternatives(
        subject=" ".join(str(written["subject"]).split()),
        body=written["text"],
        to=list(event["emails"]),
        reply_to=[written["reply_to"]] if written.get("reply_to") else None,
        headers={
            "Message-ID": f"<{id_of(key)}@{sender.rpartition('@')[2]}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(written["html"], "text/html")
    mail.send()


def _usual(event: Mapping[str, Any], at: datetime) -> dict[str, str]:
    """Write what an event says, name by value."""
    kind = EVENT_TYPES[event["type"]]
    subject = f"{kind.title}: {event['customer']}" if event["customer"] else kind.title
    facts = [(name.replace("_", " "), value) for name, value in event["data"].items()]
    context = {
        "title": subject,
        "when": kind.when,
        "customer": event["customer"],
        "facts": facts,
        "at": at,
    }
    return {
        "subject": subject,
        "text": render_to_string(_TEXT, context),
        "html": render_to_string(_HTML, context),
    }
