"""
Issuing: drafts become documents with a number, and what they say is posted.

A chunk of documents is one transaction and a constant number of statements. Its locks, in order:
payers by id (as drafting does), documents by id, what is billed (by accrual, then charge),
balances, series of numbers. A line says what its source had been billed for when it was drafted:
if that has moved since, the draft is not issued but marked stale. That is why nothing can be
billed twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction

from billing import credit_limits
from billing.invoicing import chaining, entries, numbering, states, telling
from billing.invoicing.chaining import Chain
from billing.invoicing.contents import digest_by
from billing.invoicing.errors import InvoiceDiffersError, NothingToCreditError
from billing.models import Invoice
from ledger import arrays, bulk, chart, durations
from ledger.errors import InvalidInputError
from ledger.integrity import refusals
from ledger.models import Period
from ledger.moves import Move, Posting

KIND: Final = "invoice"  # of transactions
_LONGEST_BACK: Final = timedelta(days=5 * 366)  # that a document may be dated back
_STALE: Final = {
    "code": "stale",
    "component": "document",
    "remedy": "what it is about was billed since: draft it again",
    "path": "",
    "is_critical": False,
}


@dataclass(slots=True, kw_only=True)
class Issued:
    """What became of drafts."""

    numbers: dict[int, str] = field(default_factory=dict)  # by document
    skipped: list[int] = field(default_factory=list)  # no drafts any more, or blocked
    stale: list[int] = field(default_factory=list)  # to be drafted again


def issue(
    *, invoice_ids: Sequence[int], at: datetime, by: str, issue_date: date | None = None
) -> Issued:
    """
    Issue drafts, approved or not: number them, post them, say so; all or none.

    ``issue_date`` is the day of ``at`` in the book's zone unless told: not after it, and at most
    five years before. What is issued already, discarded or blocked by a problem is skipped. Stale
    drafts are not issued.

    Raises:
        InvalidInputError: the date lies ahead, more than five years back, or in a closed month.
        InvoiceDiffersError: lines, taxes and posting of a document differ.
        NothingToCreditError: a credit note gives back more than others have left of a document.
        InsufficientBalanceError: a credit note takes back more than the customer may owe.
        TransientError: nothing was done; the same call may be made again.
    """
    result = Issued()
    try:
        with refusals(), transaction.atomic():
            locked = _lock(invoice_ids)
            ready = [one for one in locked if _may_be_issued(one)]
            result.skipped = sorted(set(invoice_ids) - {one.pk for one in ready})
            chains, result.stale = chaining.lock([one.pk for one in ready])
            flows = entries.of([one for one in ready if one.pk not in result.stale])
            accounts = chart.accounts({s for one in flows.values() for s in one.specs}, at=at)
            if covered := entries.covered_since(flows, accounts):
                flows = {number: one for number, one in flows.items() if number not in covered}
                chains, more = chaining.lock(list(flows))
                result.stale = sorted({*result.stale, *covered, *more})
            _mark_stale([one for one in ready if one.pk in result.stale], at=at, by=by)
            ready = [one for one in ready if one.pk not in result.stale]
            if ready:
                moved = {one.pk: flows[one.pk].posted_on(accounts) for one in ready}
                _issue(ready, chains, moved, result, at=at, by=by, issue_date=issue_date)
                entries.watch(accounts)
    except IntegrityError as error:
        raise _differs(error) from error
    return result


def _differs(error: IntegrityError) -> Exception:
    """Return the database's refusal of a document's figures in the words of the domain."""
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
    said = str(error).split("\n", maxsplit=1)[0]
    if name in {"billing_invoice_adds_up", "billing_invoice_totals", "billing_invoice_open"}:
        return InvoiceDiffersError(database=said)
    if name == "billing_invoice_credited":
        return NothingToCreditError(database=said, remedy=_GIVE_LESS)
    return error


_GIVE_LESS: Final = (
    "a draft: draft it again, it gives back the rest; a note made by hand: give back no more than"
    ' its document has left (its lines, less the credit notes over it), or all of it as "full"'
)


def _lock(invoice_ids: Sequence[int]) -> list[Invoice]:
    """
    Lock payers, documents, and those they correct, by id.

    Returns the documents in the order of their numbers.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_PAYERS, [arrays.whole(invoice_ids)])
        cursor.execute(_LOCK, {"ids": arrays.whole(invoice_ids)})
    rows = Invoice.objects.filter(pk__in=invoice_ids)
    rows = rows.defer("supplier", "party", "tax_decision", "note", "reason")
    return list(rows.select_related("payer", "book").order_by("book", "payer__key", "pk"))


def _may_be_issued(invoice: Invoice) -> bool:
    return invoice.state in states.PENDING and not invoice.is_blocked


def is_stale(invoice: Invoice) -> bool:
    """Whether a draft was found stale, and not drafted again since."""
    return any(problem.get("code") == _STALE["code"] for problem in invoice.problems)


def _mark_stale(stale: Sequence[Invoice], *, at: datetime, by: str) -> None:
    invoices = [one for one in stale if not is_stale(one)]
    if not invoices:
        return
    before = {one.pk: one.state for one in invoices}
    for one in invoices:
        one.state = Invoice.State.DRAFT
        one.digest = None  # so that it is written anew whatever it comes to
        one.problems = [*one.problems, _STALE]
    Invoice.objects.bulk_update(invoices, ["state", "digest", "problems"])
    telling.told(invoice_ids=list(before), action="go_stale", at=at, cause=by, before=before)


def _issue(
    invoices: Sequence[Any],
    chains: Sequence[Chain],
    moved: Mapping[int, Sequence[tuple[int, int, Decimal]]],
    result: Issued,
    *,
    at: datetime,
    by: str,
    issue_date: date | None,
) -> None:
    dates = {one.pk: _date(one, at, issue_date) for one in invoices}
    if issue_date is not None:
        _check_open(invoices, issue_date, at)
    for one in invoices:
        _fill_dates(one, dates[one.pk])
    _fill_contents(invoices)
    payers = {one.payer_id for one in invoices}
    _lock_limited(payers, moved)
    posted = _post(invoices, moved, dates, at=at, by=by)
    credit_limits.follow(payers)
    chaining.bill(chains)
    before = {one.pk: one.state for one in invoices}
    for one in invoices:
        _fill(one, posted.get(one.pk), at=at, by=by)
    _number(invoices)
    _save(invoices)
    telling.told(invoice_ids=list(before), action="issue", at=at, cause=by, before=before)
    result.numbers = {one.pk: one.number for one in invoices}


def _date(invoice: Invoice, at: datetime, issue_date: date | None) -> date:
    today = at.astimezone(ZoneInfo(invoice.book.time_zone)).date()
    if issue_date is not None and issue_date > today:
        remedy = f"a document is dated {today} or before"
        raise InvalidInputError(field="issue_date", value=issue_date.isoformat(), remedy=remedy)
    if issue_date is not None and issue_date < (first := today - _LONGEST_BACK):
        remedy = f"a document is dated {first} or after"
        raise InvalidInputError(field="issue_date", value=issue_date.isoformat(), remedy=remedy)
    return issue_date or today


def _check_open(invoices: Sequence[Invoice], on: date, at: datetime) -> None:
    """Hold documents that are dated back to months whose books are open."""
    counts = {one.book_id: _effective(one, on, at) for one in invoices}
    for book_id, instant in counts.items():
        shut = Period.objects.filter(book=book_id, starts_at__lte=instant, ends_at__gt=instant)
        if shut.exclude(state=Period.State.OPEN).exists():
            remedy = "the books of that month are closed: date it later, or reopen them"
            raise InvalidInputError(field="issue_date", value=on.isoformat(), remedy=remedy)


def _effective(invoice: Invoice, on: date, at: datetime) -> datetime:
    """Return when a document counts: now or, dated back, when its day began."""
    zone = ZoneInfo(invoice.book.time_zone)
    return at if at.astimezone(zone).date() == on else datetime.combine(on, time.min, zone)


def _lock_limited(
    payers: Collection[int], moved: Mapping[int, Sequence[tuple[int, int, Decimal]]]
) -> None:
    """Lock what limits bound together with what is moved, in one order; as a rule nothing."""
    if also := credit_limits.accounts_of(payers):
        moving = {number for moves in moved.values() for move in moves for number in move[:2]}
        bulk.lock({*also, *moving})


def _post(
    invoices: Sequence[Any],
    moved: Mapping[int, Sequence[tuple[int, int, Decimal]]],
    dates: Mapping[int, date],
    *,
    at: datetime,
    by: str,
) -> dict[int, int]:
    """Post what moves, a transaction for each document, and return them by document."""
    with_moves = [one for one in invoices if moved[one.pk]]
    postings = [
        Posting(
            book_id=one.book_id,
            kind=KIND,
            key=f"invoice:{one.pk}",
            effective_at=_effective(one, dates[one.pk], at),
            moves=[Move(*move, None, one.pk) for move in moved[one.pk]],
            cause=by,
            evidence=one.content,
        )
        for one in with_moves
    ]
    if not postings:
        return {}
    posted = bulk.post(postings=postings)
    return {one.pk: done.transaction_id for one, done in zip(with_moves, posted, strict=True)}


def _fill_dates(invoice: Invoice, on: date) -> None:
    invoice.issue_date, invoice.tax_date = on, invoice.tax_date or on
    if invoice.kind != Invoice.Kind.CREDIT_NOTE:
        invoice.due_date = _due_date(invoice, on)


def _fill_contents(invoices: Sequence[Invoice]) -> None:
    """Take the digest of what documents say, dated as they will be."""
    names = ("pk", "issue_date", "due_date", "tax_date")
    dated = [[getattr(one, name) for one in invoices] for name in names]
    with connection.cursor() as cursor:
        cursor.execute(_DIGESTS, dated)
        found = dict(cursor.fetchall())
    for one in invoices:
        one.content = bytes(found[one.pk])


def _fill(invoice: Invoice, posted: int | None, *, at: datetime, by: str) -> None:
    invoice.transaction_id, invoice.issued_at = posted, at
    if invoice.state == Invoice.State.DRAFT:
        invoice.approved_at, invoice.approved_by = at, by
    invoice.state = Invoice.State.ISSUED if invoice.due else Invoice.State.PAID
    invoice.open = invoice.due
    invoice.paid_at = None if invoice.due else at
    invoice.failure = ""


def _due_date(invoice: Invoice, on: date) -> date:
    if not invoice.payment_terms:
        return on
    zone = ZoneInfo(invoice.book.time_zone)
    terms = durations.parse("payment_terms", invoice.payment_terms)
    return (
        durations.later(datetime.combine(on, time(12), zone), terms, zone).astimezone(zone).date()
    )


def _number(invoices: Sequence[Invoice]) -> None:
    patterns = numbering.patterns([(one.book_id, one.series_key) for one in invoices])
    groups: dict[tuple[int, str, date], list[Invoice]] = defaultdict(list)
    for one in invoices:
        assert one.issue_date is not None, "it was just dated"
        groups[one.book_id, one.series_key, one.issue_date].append(one)
    for (book_id, key, on), members in sorted(groups.items()):
        taken = numbering.take(
            book_id=book_id,
            key=key,
            pattern=patterns[book_id, key],
            on=on,
            how_many=len(members),
        )
        for place, one in enumerate(members):
            one.series_id, one.sequence = taken.series_id, taken.first + place
            one.number = taken.written(place)


_SAVED: Final = (
    ("id", "bigint"),
    ("state", "text"),
    ("content", "bytea"),
    ("transaction_id", "bigint"),
    ("issued_at", "timestamptz"),
    ("issue_date", "date"),
    ("tax_date", "date"),
    ("due_date", "date"),
    ("approved_at", "timestamptz"),
    ("approved_by", "text"),
    ("open", "numeric"),
    ("paid_at", "timestamptz"),
    ("failure", "text"),
    ("series_id", "bigint"),
    ("sequence", "integer"),
    ("number", "text"),
)


def _save(invoices: Sequence[Invoice]) -> None:
    columns = [[getattr(one, name) for one in invoices] for name, _ in _SAVED]
    with connection.cursor() as cursor:
        cursor.execute(_SAVE, columns)


_LOCK_PAYERS: Final = """
    SELECT id FROM ledger_customer WHERE id IN (
        SELECT payer_id FROM billing_invoice WHERE id = ANY(%s::bigint[]))
    ORDER BY id FOR NO KEY UPDATE
"""
_LOCK: Final = """
    SELECT id FROM billing_invoice WHERE id = ANY(%(ids)s::bigint[] || ARRAY(
        SELECT corrects_id FROM billing_invoice WHERE id = ANY(%(ids)s::bigint[])))
    ORDER BY id FOR NO KEY UPDATE
"""
_DIGESTS: Final = f"""
    SELECT i.id, {digest_by("n")}
    FROM unnest(%s::bigint[], %s::date[], %s::date[], %s::date[])
        AS n (id, issue_date, due_date, tax_date)
    JOIN billing_invoice i ON i.id = n.id
"""  # noqa: S608 - fixed fragments
_SAVE: Final = f"""
    UPDATE billing_invoice i SET
        {", ".join(f"{name} = n.{name}" for name, _ in _SAVED[1:])}, version = i.version + 1
    FROM unnest({", ".join(f"%s::{kind}[]" for _, kind in _SAVED)})
        AS n ({", ".join(name for name, _ in _SAVED)})
    WHERE i.id = n.id
"""  # noqa: S608 - fixed fragments
