"""
What happens to a document between its draft and its end; ``states`` says what may.

Once issued, its state follows from what is settled of it and from the calendar: ``refresh_state``
brings it up to that, whoever allocated something or let a day pass. Each change is written down
and told in its transaction. Failures never change a state: the same action may be taken again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F

from billing.invoicing import issuing, states, telling, voiding
from billing.invoicing.errors import BlockedDraftError, InvoiceStateError, StaleDraftError
from billing.invoicing.states import Facts, Offered
from billing.models import Invoice
from ledger import inputs
from ledger.integrity import refusals
from ledger.money import ZERO
from wallets import approvals

State = Invoice.State

# What brought a settled state about, by the state.
_CAUSES: Final[Mapping[str, str]] = {
    State.PARTIALLY_PAID: "pay_partly",
    State.PAID: "pay",
    State.OVERDUE: "mark_overdue",
    State.UNCOLLECTIBLE: "write_off",
    State.ISSUED: "reopen",
}
_SETTLED: Final = [
    State.ISSUED,
    State.PARTIALLY_PAID,
    State.PAID,
    State.OVERDUE,
    State.UNCOLLECTIBLE,
]


def facts_of(invoice: Invoice, at: datetime) -> Facts:
    """Return what a document's actions depend on, at an instant of its payer's time."""
    settled = (invoice.paid, invoice.credited, invoice.written_off, invoice.refunded)
    return replace(
        _settled_facts(invoice, at),
        is_blocked=invoice.is_blocked,
        is_settled=any(settled),
        not_void_because=voiding.why_not(invoice) if invoice.number else "",
    )


def available(*, invoice: Invoice, at: datetime) -> list[Offered]:
    """Return what may be done with a document now, and which state that leads to."""
    return states.available(facts_of(invoice, at))


def approve(*, invoice: Invoice, by: str, at: datetime) -> Invoice:
    """
    Freeze a draft, so that it is issued as it is; by itself once its delay is over.

    What is so large that it needs a second person is issued by that one, not by itself. Approving
    again changes nothing.

    Raises:
        InvoiceStateError: it is neither a draft nor approved.
        BlockedDraftError: a critical problem has to be solved first.
    """
    with transaction.atomic():
        invoice = _lock(invoice)
        if invoice.state == State.APPROVED:
            return invoice
        _check("approve", invoice, at)
        is_large = approvals.is_needed(asset=invoice.asset, amount=invoice.due)
        issue_after = None if is_large else at + _delay(invoice)
        values = {"approved_at": at, "approved_by": by, "issue_after": issue_after}
        return _move(invoice, State.APPROVED, "approve", values, at=at, by=by)


def unapprove(*, invoice: Invoice, by: str, at: datetime, reason: str = "") -> Invoice:
    """
    Make an approved document a draft again, which may change; a draft stays one.

    Raises:
        InvoiceStateError: it is not approved.
    """
    with transaction.atomic():
        invoice = _lock(invoice)
        if invoice.state == State.DRAFT:
            return invoice
        _check("unapprove", invoice, at)
        values = {"approved_at": None, "approved_by": "", "issue_after": None}
        return _move(invoice, State.DRAFT, "unapprove", values, at=at, by=by, reason=reason)


def discard(*, invoice: Invoice, by: str, at: datetime, reason: str = "") -> Invoice:
    """
    Throw a draft away; what it was about is on the next one. Again changes nothing.

    Raises:
        InvoiceStateError: it has a number already.
    """
    with transaction.atomic():
        invoice = _lock(invoice)
        if invoice.state == State.DISCARDED:
            return invoice
        _check("discard", invoice, at)
        values = {"closed_at": at, "closed_reason": reason}
        return _move(invoice, State.DISCARDED, "discard", values, at=at, by=by, reason=reason)


def issue(*, invoice: Invoice, by: str, at: datetime, **terms: Any) -> Invoice:
    """
    Issue one draft, approved or not; issued already, it stays as it is.

    Raises:
        InvoiceStateError: it was discarded.
        BlockedDraftError: a critical problem has to be solved first.
        StaleDraftError: what it is about was billed since; it is a draft to be made anew.
        DomainError: as ``issuing.issue``.
    """
    done = issuing.issue(invoice_ids=[invoice.pk], at=at, by=by, **terms)
    invoice = Invoice.objects.select_related("book", "payer", "profile", "asset").get(pk=invoice.pk)
    if done.stale:
        raise StaleDraftError(invoice=invoice.pk, remedy="draft it again, then issue it")
    if not invoice.number:
        _check("issue", invoice, at)
    return invoice


def needs_another(*, invoice: Invoice, by: str, at: datetime) -> bool:
    """Say whether a draft could be issued, but not by somebody alone: nobody else approved it."""
    if states.why_not("issue", facts_of(invoice, at)):
        return False
    if not approvals.is_needed(asset=invoice.asset, amount=invoice.due):
        return False
    return invoice.state != State.APPROVED or invoice.approved_by == by


def send(*, invoice: Invoice, by: str, at: datetime, to: str = "") -> Invoice:
    """
    Note that a document was sent to its payer.

    Raises:
        InvoiceStateError: it is not issued.
    """
    with transaction.atomic():
        invoice = _lock(invoice)
        _check("send", invoice, at)
        facts = {"to": to} if to else {}
        values = {"sent_at": invoice.sent_at or at}
        return _move(invoice, invoice.state, "send", values, at=at, by=by, facts=facts)


def void(*, invoice: Invoice, reason: str, by: str, at: datetime) -> Invoice:
    """
    Take an issued document back as if it had never been: what it was about can be billed again.

    It keeps its number. Voiding again changes nothing.

    Raises:
        InvalidInputError: no reason.
        InvoiceStateError: something is settled of it, its month is closed, a later document
            builds on it, or its book credits instead: give a credit note.
    """
    reason = inputs.name("reason", reason, longest=500)
    with refusals(), transaction.atomic():
        invoice = _lock(invoice)
        if invoice.state == State.VOID:
            return invoice
        voiding.lock(invoice)
        _check("void", invoice, at)
        reversal_id = voiding.take_back(invoice, by=by, at=at)
        values: dict[str, Any] = {"open": ZERO, "closed_at": at, "closed_reason": reason}
        return _move(
            invoice,
            State.VOID,
            "void",
            values | {"reversal_id": reversal_id},
            at=at,
            by=by,
            reason=reason,
        )


def failed(*, invoice_ids: Collection[int], error: str, by: str, at: datetime) -> None:
    """Note that something did not work for documents; it may be tried again."""
    with transaction.atomic():
        rows = Invoice.objects.filter(pk__in=invoice_ids).select_for_update(no_key=True)
        numbers = [one.pk for one in rows.order_by("pk")]
        Invoice.objects.filter(pk__in=numbers).update(failure=error, attempts=F("attempts") + 1)
        telling.told(invoice_ids=numbers, action="fail", at=at, cause=by, reason=error)


def refresh_state(*, invoice_ids: Collection[int], at: datetime, by: str = "") -> list[int]:
    """
    Bring issued documents to the state that follows from what is settled of them.

    Returns those that changed. Must be called after what settles has been written, in its
    transaction; documents are locked by id.
    """
    with transaction.atomic():
        locked = Invoice.objects.filter(pk__in=invoice_ids, state__in=_SETTLED)
        rows = list(
            locked.select_for_update(no_key=True, of=("self",))
            .select_related("book")
            .order_by("pk")
        )
        changed: dict[str, list[Invoice]] = defaultdict(list)
        for one in rows:
            after = states.settled_state(_settled_facts(one, at))
            if after != one.state:
                changed[after].append(one)
        for after, members in changed.items():
            before = {one.pk: one.state for one in members}
            paid_at = at if after == State.PAID else None
            Invoice.objects.filter(pk__in=before).update(
                state=after, paid_at=paid_at, version=F("version") + 1
            )
            telling.told(
                invoice_ids=list(before), action=_CAUSES[after], at=at, cause=by, before=before
            )
    return [one.pk for members in changed.values() for one in members]


def _settled_facts(invoice: Invoice, at: datetime) -> Facts:
    return Facts(
        kind=invoice.kind,
        state=invoice.state,
        due=invoice.due,
        open=invoice.open,
        written_off=invoice.written_off,
        due_date=invoice.due_date,
        today=_today(invoice, at),
    )


def _today(invoice: Invoice, at: datetime) -> date:
    return at.astimezone(ZoneInfo(invoice.book.time_zone)).date()


def _delay(invoice: Invoice) -> timedelta:
    profile = invoice.profile
    is_automatic = profile is not None and profile.approval == profile.Approval.AUTO
    return profile.auto_delay if profile is not None and is_automatic else timedelta(0)


def _lock(invoice: Invoice) -> Invoice:
    locked = Invoice.objects.select_for_update(no_key=True, of=("self",))
    return locked.select_related("book", "payer", "profile", "asset").get(pk=invoice.pk)


def _check(name: str, invoice: Invoice, at: datetime) -> None:
    reason = states.why_not(name, facts_of(invoice, at))
    if not reason:
        return
    if invoice.is_blocked and invoice.state in states.PENDING:
        codes = [one["code"] for one in invoice.problems if one.get("is_critical")]
        raise BlockedDraftError(document=invoice.pk, problems=codes)
    raise InvoiceStateError(document=str(invoice), action=name, reason=reason)


def _move(
    invoice: Invoice,
    state: str,
    action: str,
    values: Mapping[str, Any],
    *,
    at: datetime,
    by: str,
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Invoice:
    """Write a document's new state and what goes with it, write it down and tell it."""
    before = {invoice.pk: invoice.state}
    invoice.state = state
    invoice.version += 1
    for name, value in values.items():
        setattr(invoice, name, value)
    invoice.save(update_fields=["state", "version", *values])
    telling.told(
        invoice_ids=[invoice.pk],
        action=action,
        at=at,
        cause=by,
        before=before,
        reason=reason,
        facts=facts,
    )
    return invoice
