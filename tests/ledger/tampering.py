"""A ledger with a past, and changing it past the application."""

from decimal import Decimal

from django.db import connection, transaction

from ledger import posting, verification
from ledger.models import Entry
from ledger.moves import Move
from tests.factories import NOON
from tests.ledger import journal

TABLES = [
    "ledger_entry",
    "ledger_delta",
    "ledger_transaction",
    "ledger_receipt",
    "ledger_seal",
    "ledger_account",
]


def sealed_scene():
    """Return a ledger with several seals, folded and unfolded rows, and a partial reversal."""
    scene = journal.scene()
    scene.top_up(1000)
    scene.post([Move(scene.lot.pk, scene.revenue.pk, Decimal(n)) for n in range(1, 6)])
    scene.consume(3)
    journal.fold()
    journal.seal()
    used = scene.use(50)
    posting.reverse(
        transaction=used, key="undo", effective_at=NOON, amounts={used.pk + 1: Decimal(20)}
    )
    journal.seal()
    scene.use(7)
    return scene


def as_owner(sql, *parameters):
    """Write past the application: every trigger off, the constraints' too."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled = 'A'"
        )
        always = cursor.fetchall()
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        cursor.execute(sql, parameters)
        assert cursor.rowcount != 0, "nothing was tampered with"
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
        for table, trigger in always:
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


def found():
    return {(each.check, str(each)) for each in verification.verify().disagreements}


def checks():
    return {each.check for each in verification.verify().disagreements}


def first_entry():
    return Entry.objects.order_by("id").first()
