"""The checks of usage: silent on sound books, and naming what was tampered with."""

from decimal import Decimal

import pytest
from django.db import connection

from billing import checks
from billing.metering import unattributed
from billing.models import Accrual, UsageBatch, UsageEvent
from ledger.models import Entry
from tests.billing.scene import LATER, event, new_scene
from tests.factories import customer as new_customer

pytestmark = pytest.mark.django_db

CHECKS = [
    checks.quantities_were_posted,
    checks.amounts_were_posted,
    checks.takings_add_up,
    checks.batches_were_posted,
    checks.events_are_those_taken,
    checks.events_were_counted,
]
TABLES = ("ledger_entry", "billing_usageevent", "billing_usagebatch", "billing_eventkey")


@pytest.fixture
def scene():
    """Usage to which everything has happened: credit, credit limit, corrections, late mapping."""
    scene = new_scene()
    scene.meter("sum", price=2, cost=1, dimensions={"model": "$.model"})
    scene.rate(scene.meters["sum"], 3, match={"model": "a"})
    for aggregation in ("max", "unique_count", "avg", "latest", "count"):
        scene.meter(aggregation)
    scene.grant(10)
    scene.limit(40)
    scene.send(event(3, id="one"), event(4, id="two", model="a"), event(9, subject="late"))
    scene.send(event(-2, id="less"), event(5, id="more"), event(1, type="unmetered"))
    scene.void("two")
    scene.amend(event(8, id="more", model="a"))
    scene.subject("late", new_customer(parent=scene.customer))
    unattributed.post_mapped(book=scene.book, at=LATER)
    return scene


def tamper(statement, *parameters):
    """Change something as the owner of the database may, with triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with pending ones stays as it is
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement, parameters)


def found():
    """Return which checks find something, in all books."""
    return {check.__name__ for check in CHECKS if list(check(book_id=None))}


def test_sound_books_pass(scene):
    assert found() == set()
    assert [list(check(book_id=scene.book.pk)) for check in CHECKS] == [[]] * len(CHECKS)


def test_empty_books_pass():
    assert found() == set()


def an_event(external_id="one"):
    return UsageEvent.objects.get(external_id=external_id)


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        (
            "UPDATE billing_accrual SET quantity = quantity + 1 WHERE id = {accrual}",
            {"quantities_were_posted", "events_were_counted"},
        ),
        (
            "UPDATE billing_accrual SET amount = amount + 1 WHERE id = {accrual}",
            {"amounts_were_posted", "takings_add_up"},
        ),
        ("UPDATE billing_accrual SET taken = '' WHERE id = {accrual}", {"takings_add_up"}),
        (
            "UPDATE billing_accrual SET events = events + 1 WHERE id = {accrual}",
            {"events_were_counted"},
        ),
        (
            "UPDATE billing_usagebatch SET digest = '' WHERE id = {batch}",
            {"batches_were_posted", "events_are_those_taken"},
        ),
        (
            "UPDATE billing_usagebatch SET transaction_ids = '{{}}' WHERE id = {batch}",
            {"batches_were_posted"},
        ),
        (
            "UPDATE billing_usagebatch SET transaction_ids = '{{7}}' WHERE id = {batch}",
            {"batches_were_posted"},
        ),
        ("DELETE FROM billing_usagebatch WHERE id = {batch}", {"batches_were_posted"}),
        (
            "DELETE FROM billing_usageevent WHERE id = {event}",
            {"batches_were_posted", "events_are_those_taken", "events_were_counted"},
        ),
        (
            "UPDATE billing_usageevent SET external_id = 'x' WHERE id = {event}",
            {"events_are_those_taken"},
        ),
        (
            "UPDATE billing_usageevent SET data = '{{\"n\": 7}}' WHERE id = {event}",
            {"events_were_counted"},
        ),
        (
            "UPDATE billing_eventkey SET content = content + 1 WHERE event_id = {event}",
            {"events_are_those_taken"},
        ),
        (
            (
                "INSERT INTO billing_usageevent SELECT id + 9000, book_id, source, 'y', type,"
                " subject, customer_id, occurred_at, received_at, data, accrual_ids"
                " FROM billing_usageevent WHERE id = {event}"
            ),
            {"batches_were_posted", "events_were_counted"},
        ),
        (
            "UPDATE billing_usageevent SET customer_id = customer_id + 1 WHERE id = {event}",
            {"events_were_counted"},
        ),
    ],
)
def test_tampering_with_usage_is_found(scene, statement, names):
    row = an_event()
    accrual = Accrual.objects.get(pk__in=row.accrual_ids, meter=scene.meters["sum"])
    batch = UsageBatch.objects.get(pk=row.pk & -16384)
    tamper(statement.format(event=row.pk, batch=batch.pk, accrual=accrual.pk))

    assert found() == names


def test_an_entry_that_was_changed_is_found(scene):
    taken = Entry.objects.filter(source_id=an_event().pk)
    for entry in taken:
        tamper("UPDATE ledger_entry SET amount = amount + 1 WHERE id = %s", entry.pk)

    assert {"quantities_were_posted", "takings_add_up"} <= found()


def test_what_disagrees_is_named_with_both_figures(scene):
    accrual = Accrual.objects.get(pk__in=an_event().accrual_ids, meter=scene.meters["sum"])
    tamper("UPDATE billing_accrual SET amount = %s WHERE id = %s", Decimal(99), accrual.pk)

    [line, *_] = checks.takings_add_up(book_id=scene.book.pk)
    assert str(line) == f"accrual {accrual.pk}: amounts to 99, says it took 2"
