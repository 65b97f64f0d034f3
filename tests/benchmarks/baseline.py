"""The yardstick: COPY of the same rows into plain tables with a primary key and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from django.db import connection

from billing.metering.facts import Fact, Sent

_SCHEMA = """
    DROP TABLE IF EXISTS plain_event, plain_entry;
    CREATE TABLE plain_event (id bigint PRIMARY KEY, book_id bigint, source text, external_id text,
        type text, subject text, customer_id bigint, occurred_at timestamptz,
        received_at timestamptz, data jsonb);
    CREATE TABLE plain_entry (id bigint PRIMARY KEY, transaction_id bigint, debit_account_id bigint,
        credit_account_id bigint, amount numeric(38, 12), effective_at timestamptz,
        source_id bigint);
"""
_numbers = count(1)


def make() -> None:
    """Make the plain tables anew."""
    with connection.cursor() as cursor:
        cursor.execute(_SCHEMA)


def copy(batch: Sequence[Sent], *, entries: int = 2) -> None:
    """Write a batch durably: its events, and so many entries for each."""
    events, moved = [], []
    for fact in batch:
        assert isinstance(fact, Fact)
        event_id, when = next(_numbers), fact.occurred_at.isoformat() if fact.occurred_at else ""
        events.append(
            f"{event_id}\t1\t{fact.source}\t{fact.external_id}\t{fact.type}\t{fact.subject}\t7"
            f"\t{when}\t{when}\t{fact.data_json}\n"
        )
        moved += [
            f"{next(_numbers)}\t1\t4611967493404098561\t281479271677953\t0.0123\t{when}\t{event_id}\n"
            for _ in range(entries)
        ]
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        with cursor.copy("COPY plain_event FROM STDIN") as table:
            table.write("".join(events))
        with cursor.copy("COPY plain_entry FROM STDIN") as table:
            table.write("".join(moved))
        cursor.execute("COMMIT")
