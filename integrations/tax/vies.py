"""
Asks VIES, the EU's register of VAT numbers, and keeps what it answers as evidence.

Off unless ``METERBOOK_VIES`` is set: nobody's numbers leave by accident. VIES is often not there;
then nothing is known, which is what is written down. Drafts and invoices never wait for it.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from billing.models import Supplier, TaxEvidence, TaxId
from billing.taxation import evidence
from integrations.webhooks import addresses, calling
from ledger.errors import ConflictError, DomainError

_KIND: Final = "eu_vat"
_SECONDS: Final = 15
_MOST: Final = 64 * 1024  # bytes of an answer
_AGAIN_AFTER: Final = timedelta(days=90)
_RETRY_AFTER: Final = timedelta(hours=1)
_AT_MOST_EVERY: Final = timedelta(minutes=1)  # whoever asks
_AT_ONCE: Final = 50
_KEPT: Final = ("valid", "name", "address", "requestDate", "requestIdentifier", "errorWrappers")
_WRONG: Final = "INVALID_INPUT"


class ViesOffError(ConflictError):
    """The operator lets no tax ids leave: METERBOOK_VIES is not set."""

    code = "vies_off"


class NotAskedError(ConflictError):
    """VIES knows only European VAT numbers, and is asked only about those that hold."""

    code = "tax_id_not_asked"


@dataclass(frozen=True, slots=True)
class Answer:
    """What VIES said of a number: valid, invalid, or that it cannot say."""

    status: str
    request_identifier: str
    said: dict[str, Any]


def verify(*, tax_id: TaxId, at: datetime, cause: str) -> Answer:
    """Ask about a customer's number, and keep the answer; outside of any transaction."""
    answer = ask(tax_id.number, requester=_requester(tax_id))
    evidence.record(
        customer=tax_id.customer,
        tax_id=tax_id,
        kind=TaxEvidence.Kind.VIES,
        status=answer.status,
        answer=answer.said,
        request_identifier=answer.request_identifier,
        cause=cause,
        at=at,
    )
    return answer


def verify_now(*, tax_id: TaxId, at: datetime, cause: str) -> TaxId:
    """
    Ask about a number because somebody wants to know; outside of any transaction.

    Who was asked within a minute is not asked again: what it said stands.

    Raises:
        ViesOffError: the operator lets no numbers leave.
        NotAskedError: VIES knows nothing of such numbers, or this one has ended.
    """
    if not settings.METERBOOK_VIES:
        raise ViesOffError(tax_id=tax_id.number, remedy="let the operator set METERBOOK_VIES")
    if not is_askable(tax_id):
        raise NotAskedError(tax_id=tax_id.number, type=tax_id.type)
    just_asked = tax_id.evidence.filter(
        kind=TaxEvidence.Kind.VIES, recorded_at__gt=at - _AT_MOST_EVERY
    )
    if not just_asked.exists():
        verify(tax_id=tax_id, at=at, cause=cause)
        tax_id.refresh_from_db()
    return tax_id


def is_askable(tax_id: TaxId) -> bool:
    """Say whether VIES may know a number."""
    return tax_id.type == _KIND and tax_id.ended_at is None and tax_id.is_well_formed


def verify_due(*, clock: Callable[[], datetime], cause: str) -> int:
    """Ask about numbers that nobody has confirmed, or not for long; return how many."""
    if not settings.METERBOOK_VIES:
        return 0
    now = clock()
    just_asked = TaxEvidence.objects.filter(
        tax_id=OuterRef("pk"), kind=TaxEvidence.Kind.VIES, recorded_at__gt=now - _RETRY_AFTER
    )
    due = TaxId.objects.filter(
        Q(checked_at=None) | Q(checked_at__lt=now - _AGAIN_AFTER) | Q(status="unavailable"),
        ~Exists(just_asked),
        type=_KIND,
        ended_at=None,
        is_well_formed=True,
    )
    asked = list(due.select_related("customer__book").order_by("id")[:_AT_ONCE])
    for tax_id in asked:
        verify(tax_id=tax_id, at=clock(), cause=cause)
    return len(asked)


def ask(number: str, *, requester: str = "") -> Answer:
    """Ask about a number; whatever goes wrong is an answer, too."""
    sent = {"countryCode": number[:2], "vatNumber": number[2:]}
    if requester:
        sent |= {"requesterMemberStateCode": requester[:2], "requesterNumber": requester[2:]}
    try:
        said = _exchange(json.dumps(sent).encode())
    except DomainError as error:
        return Answer(TaxId.Status.UNAVAILABLE, "", {"error": str(error)})
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(TaxId.Status.UNAVAILABLE, "", {"error": f"{type(error).__name__}: {error}"})
    kept: dict[str, Any] = {name: said[name] for name in _KEPT if name in said}
    return Answer(_status(said), str(said.get("requestIdentifier") or ""), kept)


def _status(said: dict[str, Any]) -> str:
    if said.get("valid") is True:
        return TaxId.Status.VALID
    wrong = said.get("errorWrappers") or ()
    if any(isinstance(each, dict) and each.get("error") == _WRONG for each in wrong):
        return TaxId.Status.INVALID
    if said.get("valid") is False and not wrong:
        return TaxId.Status.INVALID
    return TaxId.Status.UNAVAILABLE


def _exchange(body: bytes) -> dict[str, Any]:
    """Ask as webhooks are sent: by https, to a public address unless the operator names others."""
    url = addresses.check("METERBOOK_VIES_URL", settings.METERBOOK_VIES_URL)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    _, content, _ = calling.exchange(url, body=body, headers=headers, seconds=_SECONDS, most=_MOST)
    said = json.loads(content)
    return said if isinstance(said, dict) else {}


def _requester(tax_id: TaxId) -> str:
    """Return the seller's own number: with it VIES gives an identifier that proves the question."""
    found = Supplier.objects.filter(book=tax_id.customer.book_id).values_list("tax_ids", flat=True)
    return str((found.first() or {}).get(_KIND, ""))
