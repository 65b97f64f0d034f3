"""
What must hold between usage and the ledger; each check yields what disagrees.

They read the entries and the events themselves. The setting ``LEDGER_CHECKS`` names them;
``ledger.verification`` runs them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from django.db import connection

from billing.metering import readings
from billing.metering.facts import Fact
from billing.metering.naming import product_of
from billing.models import Meter
from ledger.money import ZERO, add, text
from ledger.verification import Disagreement

_REMEDY: Final = (
    "The entries are the truth if the journal itself verifies. Compare with a backup and find out"
    " who wrote to the tables of billing past the application."
)
_MOST: Final = 20  # disagreements named by one query


def quantities_were_posted(*, book_id: int | None) -> Iterator[Disagreement]:
    """Each customer's running values of a meter sum to what its account of units holds."""
    for customer, meter, said, posted in _rows(_QUANTITIES, book_id):
        detail = f"running values say {text(said)}, entries {text(posted)}"
        yield _found("quantities", f"meter {meter} of customer {customer}", detail)


def amounts_were_posted(*, book_id: int | None) -> Iterator[Disagreement]:
    """The running amounts of each product sum to the revenue that usage brought."""
    said: defaultdict[tuple[int, int, str], Decimal] = defaultdict(Decimal)
    for book, asset, meter, match, amount in _rows(_AMOUNTS, book_id):
        place = book, asset, product_of(meter, json.loads(match))
        said[place] = add(said[place], amount)
    posted = {row[:3]: row[3] for row in _rows(_REVENUE, book_id)}
    for place in sorted(said.keys() | posted.keys()):
        ours, theirs = said.get(place, ZERO), posted.get(place, ZERO)
        if ours != theirs:
            detail = f"running amounts say {text(ours)}, entries {text(theirs)}"
            yield _found("revenue", f"{place[2]} in book {place[0]}, asset {place[1]}", detail)


def takings_add_up(*, book_id: int | None) -> Iterator[Disagreement]:
    """What each series says it took is its amount, and what each account gave to usage."""
    for accrual, amount, taken in _rows(_TAKEN_BY_SERIES, book_id):
        detail = f"amounts to {text(amount)}, says it took {text(taken)}"
        yield _found("takings", f"accrual {accrual}", detail)
    for account, taken, given in _rows(_TAKEN_FROM_ACCOUNTS, book_id):
        detail = f"series took {text(taken)}, entries say {text(given)}"
        yield _found("takings", f"account {account}", detail)


def batches_were_posted(*, book_id: int | None) -> Iterator[Disagreement]:
    """Each batch has the events and the transactions it says, and they carry its digest."""
    for batch, problem in _rows(_BATCHES, book_id):
        yield _found("batches", f"batch {batch}", problem)


def events_are_those_taken(*, book_id: int | None) -> Iterator[Disagreement]:
    """Each event's name was taken, and those of a batch give the batch's digest."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_EVENTS, {"book": book_id})
        stream = (row for rows in iter(lambda: cursor.fetchmany(5000), []) for row in rows)
        for _, group in groupby(stream, key=itemgetter(0)):
            yield from _batch(list(group))


def events_were_counted(*, book_id: int | None) -> Iterator[Disagreement]:
    """What the meters read in the events that stand is what the running values counted."""
    meters = Meter.objects.order_by("pk").select_related("unit")
    for meter in meters if book_id is None else meters.filter(book_id=book_id):
        is_summed = meter.aggregation in {Meter.Aggregation.SUM, Meter.Aggregation.COUNT}
        reading = readings.of(meter, [])
        statement = _COUNTED.replace(
            "<READINGS>", reading.sql.replace("{events}", "billing_usageevent")
        )
        parameters = {**reading.parameters, "summed": is_summed, "most": _MOST}
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            for customer, said, counted, value, total in cursor.fetchall():
                detail = (
                    f"running values count {said} events ({text(value)}), the events that stand"
                    f" are {counted} ({text(total)})"
                )
                yield _found("events", f"meter {meter.key} of customer {customer}", detail)


def charges_were_posted(*, book_id: int | None) -> Iterator[Disagreement]:
    """Each charge is what its changes, its entries and its takings come to, and earned alike."""
    for charge, what, said, found in _rows(_CHARGES, book_id):
        yield _found("charges", f"charge {charge}", f"says {text(said)}, {what} {text(found)}")


def _batch(rows: list[tuple[Any, ...]]) -> Iterator[Disagreement]:
    said, is_whole = [], True
    for _, event, book, source, external, _, taken, content in rows:
        key = Fact(0, source, external, "", "", None, {}, "", b"").key(book)
        if taken is not None and UUID(key) != taken:
            yield _found("events", f"event {event}", "its source or id is not what was taken")
            return
        is_whole = is_whole and taken is not None
        said.append(f"{event}|{key}|{content}\n")
    digest = blake2b("".join(said).encode(), digest_size=32).digest()
    batch, expected = rows[0][0], bytes(rows[0][5])
    # Amendments, and usage kept until its subject was mapped, took their names before.
    if is_whole and digest != expected:
        yield _found("events", f"batch {batch}", "its events do not give its digest")


def _found(check: str, subject: str, detail: str) -> Disagreement:
    return Disagreement(check, subject, detail, _REMEDY)


def _rows(query: str, book_id: int | None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"book": book_id, "most": _MOST})
        return list(cursor.fetchall())


_OF_BOOK: Final = "(%(book)s::bigint IS NULL OR m.book_id = %(book)s)"
_QUANTITIES: Final = f"""
    WITH said AS MATERIALIZED (
        SELECT a.customer_id, a.meter_id, sum(a.quantity) AS quantity
        FROM billing_accrual a GROUP BY 1, 2
    ), moved AS MATERIALIZED (
        SELECT debit_account_id AS account_id, sum(amount) AS amount FROM ledger_entry
        WHERE debit_account_id >= 4611686018427387904 GROUP BY 1
        UNION ALL
        SELECT credit_account_id, -sum(amount) FROM ledger_entry
        WHERE credit_account_id >= 4611686018427387904 GROUP BY 1
    ), posted AS (
        SELECT a.customer_id, m.id AS meter_id, sum(moved.amount) AS quantity
        FROM moved JOIN ledger_account a ON a.id = moved.account_id
        JOIN billing_meter m ON m.book_id = a.book_id AND m.key = a.discriminator
        WHERE a.purpose = 'consumed_units' GROUP BY 1, 2
    )
    SELECT customer_id, m.key, coalesce(said.quantity, 0), coalesce(posted.quantity, 0)
    FROM said FULL JOIN posted USING (customer_id, meter_id)
    JOIN billing_meter m ON m.id = meter_id
    WHERE coalesce(said.quantity, 0) <> coalesce(posted.quantity, 0) AND {_OF_BOOK}
    ORDER BY customer_id, m.key LIMIT %(most)s
"""  # noqa: S608 - fixed fragments

_AMOUNTS: Final = f"""
    SELECT m.book_id, r.asset_id, m.key, r.match::text, sum(a.amount)
    FROM billing_accrual a
    JOIN billing_rate r ON r.id = a.rate_id
    JOIN billing_meter m ON m.id = a.meter_id
    WHERE {_OF_BOOK} GROUP BY 1, 2, 3, 4
"""  # noqa: S608 - fixed fragments
_REVENUE: Final = f"""
    SELECT m.book_id, m.asset_id, m.discriminator, sum(d.credits - d.debits)
    FROM ledger_account m
    JOIN ledger_delta d ON d.account_id = m.id
    JOIN ledger_transaction t ON t.id = d.transaction_id
        AND t.kind IN ('usage', 'correction', 'charge')
    WHERE m.purpose = 'usage_revenue' AND {_OF_BOOK} GROUP BY 1, 2, 3
"""  # noqa: S608 - fixed fragments

_PARTS: Final = """
    SELECT a.id, a.amount, m.book_id, split_part(part, ':', 1)::bigint AS account_id,
           split_part(part, ':', 2)::numeric AS taken
    FROM billing_accrual a
    JOIN billing_meter m ON m.id = a.meter_id
    LEFT JOIN LATERAL unnest(string_to_array(nullif(a.taken, ''), ',')) part ON true
    WHERE (%(book)s::bigint IS NULL OR m.book_id = %(book)s)
"""
_TAKEN_BY_SERIES: Final = f"""
    SELECT id, amount, coalesce(sum(taken), 0) FROM ({_PARTS}) part
    GROUP BY id, amount HAVING amount <> coalesce(sum(taken), 0)
    ORDER BY id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_TAKEN_FROM_ACCOUNTS: Final = f"""
    WITH revenue AS MATERIALIZED (
        SELECT id FROM ledger_account m WHERE purpose = 'usage_revenue' AND {_OF_BOOK}
    ), given AS (
        SELECT account_id, sum(amount) AS amount FROM (
            SELECT transaction_id, debit_account_id AS account_id, amount FROM ledger_entry
            WHERE credit_account_id IN (SELECT id FROM revenue)
            UNION ALL
            SELECT transaction_id, credit_account_id, -amount FROM ledger_entry
            WHERE debit_account_id IN (SELECT id FROM revenue)) e
        JOIN ledger_transaction t ON t.id = e.transaction_id
            AND t.kind IN ('usage', 'correction', 'charge')
        GROUP BY account_id
    ), taken AS (
        SELECT account_id, sum(taken) AS amount FROM ({_PARTS}) part
        WHERE account_id IS NOT NULL GROUP BY account_id
    )
    SELECT account_id, coalesce(taken.amount, 0), coalesce(given.amount, 0)
    FROM given FULL JOIN taken USING (account_id)
    WHERE coalesce(taken.amount, 0) <> coalesce(given.amount, 0)
    ORDER BY account_id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments

_BATCHES: Final = """
    WITH found AS (
        SELECT id & -16384 AS batch_id, min(book_id) AS book_id, count(*) AS events
        FROM billing_usageevent GROUP BY 1
    ), made AS MATERIALIZED (
        SELECT b.id AS batch_id, count(*) AS transactions, count(t.id) AS posted,
               bool_and(t.book_id = b.book_id AND t.kind IN ('usage', 'correction')
                        AND (t.kind = 'correction' OR t.evidence = b.digest)) AS is_so
        FROM billing_usagebatch b
        CROSS JOIN LATERAL unnest(b.transaction_ids) AS made (id)
        LEFT JOIN ledger_transaction t ON t.id = made.id
        GROUP BY b.id
    ), compared AS (
        SELECT coalesce(b.id, f.batch_id) AS id, coalesce(b.book_id, f.book_id) AS book_id,
               CASE WHEN b.id IS NULL THEN 'has ' || f.events || ' events but is not there'
                    WHEN b.events <> coalesce(f.events, 0)
                    THEN 'says ' || b.events || ' events, there are ' || coalesce(f.events, 0)
                    WHEN m.transactions <> m.posted THEN 'names a transaction that is not there'
                    WHEN NOT m.is_so THEN 'its transactions do not carry its digest'
               END AS problem
        FROM billing_usagebatch b
        FULL JOIN found f ON f.batch_id = b.id
        LEFT JOIN made m ON m.batch_id = b.id
        UNION ALL
        SELECT t.id, t.book_id, 'usage was posted that no batch brought' FROM ledger_transaction t
        LEFT JOIN billing_usagebatch b ON b.id = split_part(t.key, ':', 2)::bigint
        WHERE t.kind = 'usage' AND NOT coalesce(t.id = ANY(b.transaction_ids), false)
    )
    SELECT id, problem FROM compared
    WHERE problem IS NOT NULL AND (%(book)s::bigint IS NULL OR book_id = %(book)s)
    ORDER BY id LIMIT %(most)s
"""

# Entries name their charge as their source. What the customer owes is on the other side of its own
# accounts; what is earned on those of revenue.
_CHARGES: Final = """
    WITH house AS MATERIALIZED (
        SELECT id, purpose FROM ledger_account
        WHERE customer_id IS NULL AND purpose IN
            ('deferred_revenue', 'subscription_revenue', 'commitment_revenue', 'discounts',
             'one_off_revenue', 'adjustment_revenue', 'rebates')
    ), entry AS (
        SELECT e.source_id AS charge_id,
               CASE WHEN c.id IS NULL THEN -e.amount WHEN d.id IS NULL THEN e.amount ELSE 0 END
                   AS posted,
               CASE WHEN c.purpose <> 'deferred_revenue' THEN e.amount ELSE 0 END
               - CASE WHEN d.purpose <> 'deferred_revenue' THEN e.amount ELSE 0 END AS earned
        FROM ledger_entry e
        JOIN ledger_transaction t ON t.id = e.transaction_id AND t.kind = 'charge'
        LEFT JOIN house c ON c.id = e.credit_account_id
        LEFT JOIN house d ON d.id = e.debit_account_id
        WHERE c.id IS NOT NULL OR d.id IS NOT NULL
    ), entries AS (
        SELECT charge_id, sum(posted) AS posted, sum(earned) AS earned FROM entry GROUP BY 1
    ), changes AS MATERIALIZED (
        SELECT charge_id, coalesce(sum(amount) FILTER (WHERE reason <> 'earned'), 0) AS posted
        FROM billing_chargechange GROUP BY 1
    ), taken AS MATERIALIZED (
        SELECT c.id AS charge_id, sum(split_part(part, ':', 2)::numeric) AS posted
        FROM billing_charge c, unnest(string_to_array(nullif(c.taken, ''), ',')) part GROUP BY 1
    ), said AS (
        SELECT m.id, m.book_id, m.posted, m.earned, e.posted AS entered, e.earned AS revenue,
               n.posted AS changed, k.posted AS took
        FROM billing_charge m
        LEFT JOIN entries e ON e.charge_id = m.id
        LEFT JOIN changes n ON n.charge_id = m.id
        LEFT JOIN taken k ON k.charge_id = m.id
        UNION ALL
        SELECT e.charge_id, t.book_id, 0, 0, e.posted, e.earned, 0, 0 FROM entries e
        LEFT JOIN billing_charge t ON t.id = e.charge_id WHERE t.id IS NULL
    )
    SELECT m.id, v.what, v.said, v.found FROM said m
    CROSS JOIN LATERAL (VALUES ('its entries', m.posted, coalesce(m.entered, 0)),
                               ('its changes', m.posted, coalesce(m.changed, 0)),
                               ('its takings', m.posted, coalesce(m.took, 0)),
                               ('earned by its entries', m.earned, coalesce(m.revenue, 0)))
        AS v (what, said, found)
    WHERE v.said <> v.found AND (m.book_id IS NULL OR %(book)s::bigint IS NULL
                                 OR m.book_id = %(book)s)
    ORDER BY m.id LIMIT %(most)s
"""

_EVENTS: Final = """
    SELECT b.id, e.id, e.book_id, e.source, e.external_id, b.digest, k.key, k.content
    FROM billing_usageevent e
    JOIN billing_usagebatch b ON b.id = e.id & -16384
    LEFT JOIN billing_eventkey k ON k.event_id = e.id
    WHERE %(book)s::bigint IS NULL OR e.book_id = %(book)s
    ORDER BY e.id
"""
_COUNTED: Final = """
    WITH said AS (
        SELECT customer_id, sum(events) AS events, sum(quantity) AS value
        FROM billing_accrual WHERE meter_id = %(meter)s GROUP BY 1
    ), found AS (
        SELECT customer_id, count(*) AS events, sum(value) AS value
        FROM (<READINGS>) reading GROUP BY 1
    )
    SELECT customer_id, coalesce(s.events, 0)::bigint, coalesce(f.events, 0),
           coalesce(s.value, 0), coalesce(f.value, 0)
    FROM said s FULL JOIN found f USING (customer_id)
    WHERE coalesce(s.events, 0) <> coalesce(f.events, 0)
       OR (%(summed)s AND coalesce(s.value, 0) <> coalesce(f.value, 0))
    ORDER BY customer_id LIMIT %(most)s
"""
