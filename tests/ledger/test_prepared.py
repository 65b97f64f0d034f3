"""Statements that are planned once per connection."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger import prepared
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[True, False], ids=["prepared", "plain"])
def ask(request, settings):
    """Return the function, with and without preparing."""
    settings.METERBOOK_PREPARE = request.param
    return prepared.rows


def test_rows_come_with_their_types(ask):
    customer = factories.customer()
    statement = "SELECT id, key, created_at FROM ledger_customer WHERE id = ANY(%s::bigint[])"

    assert ask(statement, [f"{{{customer.pk}}}"]) == [
        (customer.pk, customer.key, customer.created_at)
    ]


def test_it_counts_as_a_statement_and_takes_part_in_the_transaction(ask):
    with CaptureQueriesContext(connection) as captured, transaction.atomic():
        customer = factories.customer()
        assert ask("SELECT key FROM ledger_customer WHERE id = %s", [customer.pk]) == [
            (customer.key,)
        ]
    assert any("SELECT key FROM ledger_customer" in one["sql"] for one in captured)


def test_refusals_are_djangos(ask):
    with pytest.raises(ProgrammingError), transaction.atomic():
        ask("SELECT nothing FROM nowhere", [])
    with pytest.raises(IntegrityError), transaction.atomic():
        ask("INSERT INTO ledger_customer (id) VALUES (%s) RETURNING id", [1])


def test_a_statement_is_planned_once():
    with connection.cursor() as cursor:
        for number in range(3):
            prepared.rows("SELECT 41 + %s", [number])
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s", ["%41 +%"]
        )
        assert cursor.fetchone() == (1,)
