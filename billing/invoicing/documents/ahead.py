"""
PDF before anybody asks: of documents that were issued lately to somebody with a mail address.

What was issued never changes, so a file that is there already is as good as one made on demand, and
the first download is as quick as the second. Whoever asks in between renders it itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from billing.invoicing.documents import pdf, storing
from billing.models import Document, Invoice
from ledger.sweeps import Sweep

_LATELY: Final = timedelta(days=3)
_LOOKED_AT: Final = 20_000  # the newest documents: a turn costs the same in a large book
_AT_ONCE: Final = 100  # some seconds of work


def render_due(*, at: datetime) -> Sweep:
    """
    Render what is to be sent and has no PDF of today's look yet; the newest first.

    Safe to run twice, late, or concurrently. What cannot be rendered keeps nothing else waiting.
    """
    asked: dict[str, Any] = {
        "looked_at": _LOOKED_AT,
        "since": at - _LATELY,
        "at": at,
        "format": Document.Format.PDF.value,
        "template": pdf.TEMPLATE,
        "most": _AT_ONCE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE, asked)
        numbers = [row[0] for row in cursor.fetchall()]
    swept = Sweep()
    for number in numbers:
        with swept.each(number):
            invoice = Invoice.objects.get(pk=number)
            storing.render(invoice=invoice, format=Document.Format.PDF, at=at)
            swept.done += 1
    return swept


_DUE: Final = """
    SELECT i.id
    FROM (SELECT id, number, state, sent_at, issued_at, party FROM billing_invoice
          ORDER BY id DESC LIMIT %(looked_at)s) i
    WHERE i.number <> '' AND i.state <> 'void' AND i.sent_at IS NULL
      AND i.issued_at > %(since)s AND i.issued_at <= %(at)s
      AND coalesce(i.party #>> '{emails,0}', '') <> ''
      AND NOT EXISTS (SELECT FROM billing_document d
                      WHERE d.invoice_id = i.id AND d.format = %(format)s
                        AND d.template = %(template)s)
    ORDER BY i.id DESC LIMIT %(most)s
"""
