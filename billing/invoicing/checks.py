"""
What must hold between documents, their sources and the ledger; each check yields what disagrees.

``LEDGER_CHECKS`` names them; ``ledger.verification`` runs them. That receivables tie out is said
by ``billing.payments.checks``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import connection

from billing.charging.reading import exponent_of
from billing.invoicing.contents import DIGEST
from ledger import arrays
from ledger.models import Asset
from ledger.money import text
from ledger.verification import Disagreement

_REMEDY: Final = (
    "The entries are the truth if the journal itself verifies, then the lines of what was issued."
    " Compare with a backup, and find out who wrote to the tables of billing past the application."
)
_MOST: Final = 20  # disagreements named by one query


def invoices_add_up(*, book_id: int | None) -> Iterator[Disagreement]:
    """Of each issued document, lines, taxes and what was posted come to what it says."""
    for number, what, said, found in _rows(_ADD_UP, book_id):
        detail = f"says {text(said)}, its {what} come to {text(found)}"
        yield _found(f"document {number}", detail)


def lines_say_what_they_do(*, book_id: int | None) -> Iterator[Disagreement]:
    """What a line prints and takes off accounts is what it adds to what is billed."""
    for number, position, what in _rows(_LINES, book_id):
        yield _found(f"document {number}", f"line {position}: {what} is not what its source moved")


def billables_are_sums_of_lines(*, book_id: int | None) -> Iterator[Disagreement]:
    """What is billed of each source is what its issued lines say, together."""
    for billable, place, said, found in _rows(_BILLED, book_id):
        detail = f"number {place} of what is billed is {text(said)}, lines come to {text(found)}"
        yield _found(f"billable {billable}", detail)


def unbilled_ties_out(*, book_id: int | None) -> Iterator[Disagreement]:
    """What stands unbilled of each customer is what its sources put there and no document took."""
    for customer, asset, standing, left in _rows(_UNBILLED, book_id):
        detail = f"{text(standing)} {asset} stand unbilled, sources have {text(left)} left"
        yield _found(f"customer {customer}", detail)


def numbers_have_no_gap(*, book_id: int | None) -> Iterator[Disagreement]:
    """Each number of a series up to its last stands for one document."""
    for series, following, documents, last in _rows(_NUMBERS, book_id):
        detail = f"the next is {following}, there are {documents} up to {last}"
        yield _found(f"series {series}", detail)


def nothing_is_forgotten(*, book_id: int | None) -> Iterator[Disagreement]:
    """What is not looked at any more has come to what was billed, but for less than a cent."""
    assets = list(Asset.objects.filter(kind=Asset.Kind.CURRENCY).order_by("pk"))
    units = {
        "assets": arrays.whole(asset.pk for asset in assets),
        "places": arrays.whole(exponent_of(asset) for asset in assets),
    }
    for billable, owed, billed in _rows(_FORGOTTEN, book_id, **units):
        detail = f"is settled, {text(owed)} stand on account of it, {text(billed)} were billed"
        yield _found(f"billable {billable}", detail)


def tax_ties_out(*, book_id: int | None) -> Iterator[Disagreement]:
    """What documents posted to each account of tax is what they say."""
    for label, asset, said, posted in _rows(_TAX, book_id):
        detail = f"documents say {text(said)} {asset}, entries {text(posted)}"
        yield _found(f"tax {label}", detail)


def contents_are_as_issued(*, book_id: int | None) -> Iterator[Disagreement]:
    """Each issued document says what it said then: its posting and its history know that."""
    for number, problem in _rows(_CONTENTS, book_id):
        yield _found(f"document {number}", problem)


def states_follow_what_is_open(*, book_id: int | None) -> Iterator[Disagreement]:
    """What is paid, uncollectible or void leaves nothing open; what else is issued does."""
    for number, state, left in _rows(_STATES, book_id):
        yield _found(f"document {number}", f"is {state} and leaves {text(left)} open")


ALL: Final = (
    invoices_add_up,
    lines_say_what_they_do,
    billables_are_sums_of_lines,
    unbilled_ties_out,
    numbers_have_no_gap,
    nothing_is_forgotten,
    tax_ties_out,
    contents_are_as_issued,
    states_follow_what_is_open,
)


def _found(subject: str, detail: str) -> Disagreement:
    return Disagreement("invoices", subject, detail, _REMEDY)


def _rows(query: str, book_id: int | None, **more: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"book": book_id, "most": _MOST, **more})
        return list(cursor.fetchall())


_ISSUED: Final = "i.number <> '' AND (%(book)s::bigint IS NULL OR i.book_id = %(book)s)"
_SIGN: Final = "CASE i.kind WHEN 'credit_note' THEN -1 ELSE 1 END"
_ADD_UP: Final = f"""
    WITH issued AS MATERIALIZED (SELECT * FROM billing_invoice i WHERE {_ISSUED}),
    line AS MATERIALIZED (
        SELECT invoice_id AS id, sum(amount) AS amount, sum(taxable) AS taxable, sum(tax) AS tax
        FROM billing_invoiceline WHERE invoice_id IN (SELECT id FROM issued) GROUP BY 1
    ), rate AS MATERIALIZED (
        SELECT invoice_id AS id, sum(tax) AS tax FROM billing_invoicetax
        WHERE invoice_id IN (SELECT id FROM issued) GROUP BY 1
    ), posted AS MATERIALIZED (
        SELECT i.id, sum(CASE WHEN a.id = e.debit_account_id THEN e.amount ELSE -e.amount END)
            AS amount
        FROM issued i
        JOIN ledger_entry e ON e.transaction_id = i.transaction_id
        JOIN ledger_account a ON a.id IN (e.debit_account_id, e.credit_account_id)
            AND a.customer_id = i.payer_id AND a.purpose = 'receivable' AND a.discriminator = ''
        GROUP BY i.id
    )
    SELECT i.number, v.what, v.said, v.found FROM issued i
    LEFT JOIN line USING (id) LEFT JOIN rate USING (id) LEFT JOIN posted USING (id)
    CROSS JOIN LATERAL (VALUES
        ('lines', i.subtotal, coalesce(line.amount, 0)),
        ('lines'' bases', i.taxable, coalesce(line.taxable, 0)),
        ('lines'' taxes', i.tax, coalesce(line.tax, 0)),
        ('taxes', i.tax, coalesce(rate.tax, 0)),
        ('entries', i.due * {_SIGN}, coalesce(posted.amount, 0))) v (what, said, found)
    WHERE v.said <> v.found ORDER BY i.id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_LINES: Final = f"""
    SELECT i.number, l.position, v.what
    FROM billing_invoiceline l JOIN billing_invoice i ON i.id = l.invoice_id
    CROSS JOIN LATERAL (VALUES
        ('what is due', l.exact_due, l.upto[5] - l.before[5]),
        ('what is overdrawn', l.exact_overdraft, l.upto[6] - l.before[6]),
        ('the amount', l.amount, l.upto[7] - l.before[7]),
        ('what is printed as due', l.due, l.upto[10] - l.before[10])) v (what, said, moved)
    WHERE l.upto IS NOT NULL AND {_ISSUED} AND v.said <> v.moved * {_SIGN}
    ORDER BY l.id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_BILLED: Final = f"""
    WITH line AS (
        SELECT l.billable_id, n.place, sum(l.upto[n.place] - l.before[n.place]) AS moved
        FROM billing_invoiceline l JOIN billing_invoice i ON i.id = l.invoice_id
        CROSS JOIN generate_series(1, 10) AS n (place)
        WHERE l.upto IS NOT NULL AND {_ISSUED} AND i.state <> 'void' GROUP BY 1, 2
    ), said AS (
        SELECT b.id AS billable_id, n.place, b.billed[n.place] AS billed
        FROM billing_billable b CROSS JOIN generate_series(1, 10) AS n (place)
        WHERE (%(book)s::bigint IS NULL OR b.book_id = %(book)s)
          AND (b.last_line_id IS NOT NULL OR b.billed[2] <> 0 OR b.billed[7] <> 0)
    )
    SELECT billable_id, place, coalesce(billed, 0), coalesce(moved, 0)
    FROM said FULL JOIN line USING (billable_id, place)
    WHERE coalesce(billed, 0) <> coalesce(moved, 0) ORDER BY 1, 2 LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
# What sources put on account and, of ``b``, what was billed of that.
_ON_ACCOUNT: Final = """(
    SELECT coalesce(sum(split_part(part, ':', 2)::numeric), 0)
    FROM unnest(string_to_array(nullif(coalesce(a.taken, c.taken), ''), ',')) part
    JOIN ledger_account u ON u.id = split_part(part, ':', 1)::bigint AND u.purpose = 'unbilled')
"""
_UNBILLED: Final = f"""
    WITH source AS (
        SELECT b.book_id, b.customer_id, b.asset_id, sum({_ON_ACCOUNT} - b.billed[5]) AS amount
        FROM billing_billable b
        LEFT JOIN billing_accrual a ON a.id = b.accrual_id
        LEFT JOIN billing_charge c ON c.id = b.charge_id
        WHERE %(book)s::bigint IS NULL OR b.book_id = %(book)s GROUP BY 1, 2, 3
    ), standing AS (
        SELECT u.book_id, u.customer_id, u.asset_id, sum(s.debits - s.credits) AS amount
        FROM ledger_account u JOIN ledger_balance s ON s.account_id = u.id
        WHERE u.purpose = 'unbilled' AND (%(book)s::bigint IS NULL OR u.book_id = %(book)s)
        GROUP BY 1, 2, 3
    )
    SELECT customer_id, t.code, coalesce(standing.amount, 0), coalesce(source.amount, 0)
    FROM source FULL JOIN standing USING (book_id, customer_id, asset_id)
    JOIN ledger_asset t ON t.id = asset_id
    WHERE coalesce(standing.amount, 0) <> coalesce(source.amount, 0)
    ORDER BY 1, 2 LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_NUMBERS: Final = """
    SELECT s.key || ' ' || s.year, s.next, count(i.id), coalesce(max(i.sequence), 0)
    FROM billing_series s LEFT JOIN billing_invoice i ON i.series_id = s.id
    WHERE %(book)s::bigint IS NULL OR s.book_id = %(book)s
    GROUP BY s.id
    HAVING count(i.id) <> s.next - 1 OR coalesce(max(i.sequence), 0) <> s.next - 1
    ORDER BY s.id LIMIT %(most)s
"""
_FORGOTTEN: Final = f"""
    SELECT b.id, o.amount, b.billed[5]
    FROM billing_billable b
    JOIN unnest(%(assets)s::bigint[], %(places)s::integer[]) AS n (asset_id, places)
        ON n.asset_id = b.asset_id
    LEFT JOIN billing_accrual a ON a.id = b.accrual_id
    LEFT JOIN billing_charge c ON c.id = b.charge_id
    CROSS JOIN LATERAL (SELECT {_ON_ACCOUNT} AS amount) o
    WHERE b.settled_at IS NOT NULL AND (%(book)s::bigint IS NULL OR b.book_id = %(book)s)
      AND o.amount <> b.billed[5] AND abs(o.amount - b.billed[5]) >= power(10::numeric, -n.places)
    ORDER BY b.id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_TAX: Final = f"""
    WITH said AS (
        SELECT i.book_id, i.asset_id, sum(t.tax * {_SIGN}) AS amount,
               left(concat(t.jurisdiction, ':', t.category, ':', trim_scale(t.percentage)), 200)
                   AS label
        FROM billing_invoicetax t JOIN billing_invoice i ON i.id = t.invoice_id
        WHERE {_ISSUED} GROUP BY 1, 2, 4
    ), account AS (
        SELECT id, book_id, asset_id, discriminator AS label FROM ledger_account
        WHERE purpose = 'tax_payable' AND (%(book)s::bigint IS NULL OR book_id = %(book)s)
    ), posted AS (
        SELECT a.book_id, a.asset_id, a.label, sum(d.credits - d.debits) AS amount
        FROM account a JOIN ledger_delta d ON d.account_id = a.id
        JOIN ledger_transaction t ON t.id = d.transaction_id AND t.kind = 'invoice'
        GROUP BY 1, 2, 3
    )
    SELECT label, c.code, coalesce(said.amount, 0), coalesce(posted.amount, 0)
    FROM said FULL JOIN posted USING (book_id, asset_id, label)
    JOIN ledger_asset c ON c.id = asset_id
    WHERE coalesce(said.amount, 0) <> coalesce(posted.amount, 0) ORDER BY 1 LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_CONTENTS: Final = f"""
    SELECT number, problem FROM (
        SELECT i.id, i.number, CASE
            WHEN i.content IS DISTINCT FROM {DIGEST} THEN 'says something else than when issued'
            WHEN i.transaction_id IS NOT NULL AND t.evidence IS DISTINCT FROM i.content
            THEN 'its posting does not carry its digest'
            WHEN NOT EXISTS (
                SELECT FROM billing_invoiceevent e WHERE e.invoice_id = i.id AND e.action = 'issue'
                  AND e.facts ->> 'number' = i.number)
            THEN 'was issued by another number' END AS problem
        FROM billing_invoice i LEFT JOIN ledger_transaction t ON t.id = i.transaction_id
        WHERE {_ISSUED}) found
    WHERE problem IS NOT NULL ORDER BY id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_STATES: Final = f"""
    SELECT i.number, i.state, i.open FROM billing_invoice i
    WHERE {_ISSUED} AND (i.open = 0) <> (i.state IN ('paid', 'uncollectible', 'void'))
    ORDER BY i.id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
