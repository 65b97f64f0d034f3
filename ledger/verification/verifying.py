"""Run every check on one snapshot of the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from ledger import horizon
from ledger.errors import ForeignHistoryError, NotFoundError
from ledger.models import Book, Seal
from ledger.sealing import Head
from ledger.verification import chain, journal, projections
from ledger.verification.findings import Disagreement, Progress, Report, Scope


def verify(
    *,
    book: Book | None = None,
    head: Head | None = None,
    since_seal: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """
    Recompute the ledger and report what disagrees, first the journal, then what derives from it.

    ``head`` is the end of the chain as it was kept elsewhere. ``since_seal`` trusts everything up
    to a seal and looks only at what came after it. ``book`` leaves out other books' rows; the
    chain is of all books and is always followed.

    Raises:
        NotFoundError: there is no such seal to start from.
    """
    tell = progress or (lambda *_: None)
    report = Report()
    with _snapshot():
        since = _trusted(since_seal)
        scope = _scope(book, since)
        _journal(report, scope, tell)
        _chain(report, since, head, tell)
        checks = projections.ALWAYS if since else {**projections.WHOLE, **projections.ALWAYS}
        for done, (name, check) in enumerate(checks.items()):
            tell(name, done, len(checks))
            report.disagreements += check(scope)
        _registered(report, scope, tell)
    return report


@contextmanager
def _snapshot() -> Iterator[None]:
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL jit = off; SET LOCAL work_mem = '64MB'")
        yield


def _trusted(since_seal: int | None) -> Seal | None:
    if not since_seal:
        return None
    since = Seal.objects.filter(seq=since_seal).first()
    if since is None:
        raise NotFoundError(seal=since_seal)
    return since


def _scope(book: Book | None, since: Seal | None) -> Scope:
    book_id = book.pk if book else None
    if since is None:
        return Scope(book_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(min(transaction_id), 9223372036854775807) FROM ledger_receipt"
            " WHERE (xid, transaction_id) > (%s::text::xid8, %s)",
            [str(since.last_xid), since.last_transaction_id],
        )
        return Scope(book_id, cursor.fetchone()[0])


def _journal(report: Report, scope: Scope, tell: Progress) -> None:
    spans = journal.spans(scope)
    total = sum(entries for *_, entries in spans)
    for first, last, transactions, entries in spans:
        tell("journal", report.entries, total)
        report.disagreements += journal.check(scope, first, last)
        report.transactions += transactions
        report.entries += entries
    tell("journal", total, total)


def _chain(report: Report, since: Seal | None, head: Head | None, tell: Progress) -> None:
    try:
        horizon.check()
    except ForeignHistoryError as error:
        report.disagreements.append(
            Disagreement("cluster", "the journal", str(error), error.__doc__ or "")
        )
    total = Seal.objects.count()
    for found in chain.check(since):
        if isinstance(found, Disagreement):
            report.disagreements.append(found)
        else:
            report.seals += 1
            tell("seals", report.seals, total)
    report.disagreements += chain.check_head(head)
    last = Seal.objects.order_by("-seq").first()
    report.head = str(Head(last.seq, bytes(last.hash))) if last else ""


def _registered(report: Report, scope: Scope, tell: Progress) -> None:
    names: Iterable[str] = getattr(settings, "LEDGER_CHECKS", ())
    for done, name in enumerate(names):
        tell(name, done, len(list(names)))
        report.disagreements += import_string(name)(book_id=scope.book_id)
