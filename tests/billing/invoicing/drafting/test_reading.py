"""What drafts are read from: a fixed number of statements, no event and no entry."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.invoicing import drafting, statements
from billing.models import Subject
from tests import factories
from tests.billing.charging.agreed import on
from tests.billing.scene import event, new_scene

pytestmark = pytest.mark.django_db


def used_by(customers):
    """Return a book in which so many customers used something in January."""
    scene = new_scene()
    scene.meter("sum")
    scene.meter("count")
    made = []
    for _ in range(customers):
        customer = factories.customer(book=scene.book)
        Subject.objects.create(
            book=scene.book, key=customer.key, customer=customer, created_at=on("2025-01-01")
        )
        scene.send(event(5, subject=customer.key, at=on("2025-02-10")), at=on("2025-02-10T01:00"))
        made.append(customer)
    return scene, made


def statements_of(scene, customers):
    with CaptureQueriesContext(
        connection,
    ) as found:
        drafted = drafting.draft(
            book=scene.book,
            payers=[one.pk for one in customers],
            until=on("2025-03-01"),
            at=on("2025-03-02"),
        )
    assert len(drafted.new) == len(customers)
    return [query["sql"] for query in found.captured_queries]


def test_many_payers_take_as_many_statements_as_one():
    one = statements_of(*used_by(1))
    many = statements_of(*used_by(7))

    assert len(many) == len(one)
    assert len(one) < 40


def test_no_event_and_no_entry_is_read():
    said = statements_of(*used_by(2))

    assert not [sql for sql in said if "usageevent" in sql or "ledger_entry" in sql]


def test_open_sources_are_found_by_their_index():
    _, [customer] = used_by(1)
    with connection.cursor() as cursor:
        for other in ("seqscan", "hashjoin", "mergejoin", "material"):  # the tables are small here
            cursor.execute(f"SET LOCAL enable_{other} = off")
        cursor.execute(
            f"EXPLAIN {statements.FIND}",
            [[customer.pk], [on("2025-03-01") + timedelta(days=1)]],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "billing_billable_open" in plan
