"""Partitions are there before they are needed, and nothing is lost when they are not."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from ledger import partitions
from ledger.models import Delta, Entry
from tests.ledger import journal

FAR = datetime(2091, 5, 17, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def names(like):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE %s", [like]
        )
        return {name for (name,) in cursor.fetchall()}


def partition_of(model):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT tableoid::regclass::text FROM {model._meta.db_table}")
        return {name for (name,) in cursor.fetchall()}


def test_months_are_made_ahead_once():
    assert partitions.ensure(at=FAR) > 0
    assert {f"ledger_entry_2091_{month:02}" for month in (5, 6, 7, 8)} == names(
        "ledger_entry_2091_%"
    )
    assert partitions.ensure(at=FAR) == 0


def test_new_partitions_have_the_indexes_and_the_guards_of_the_others():
    partitions.ensure(at=FAR)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'ledger_entry_2091_05'")
        assert cursor.fetchone()[0] == 3
        cursor.execute(
            "SELECT tgenabled::text FROM pg_trigger"
            " WHERE tgrelid = 'ledger_entry_2091_05'::regclass"
        )
        assert cursor.fetchall() == [("A",)]


def test_the_application_may_make_them():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE meterbook_app")
        assert partitions.ensure(at=FAR) > 0


def test_rows_that_found_no_partition_are_moved_to_theirs():
    scene = journal.scene()
    with connection.cursor() as cursor:
        for table in ("ledger_entry", "ledger_delta"):
            for name in names(f"{table}_2___%"):
                cursor.execute(f"DROP TABLE {name}")
    posted = scene.top_up(10)
    before = list(Entry.objects.values())
    assert partitions.default_rows() == ["ledger_delta", "ledger_entry"]
    assert partition_of(Entry) == {"ledger_entry_default"}

    partitions.ensure(at=posted.posted_at)

    month = f"{posted.posted_at:%Y_%m}"
    assert partitions.default_rows() == []
    assert partition_of(Entry) == {f"ledger_entry_{month}"}
    assert partition_of(Delta) == {f"ledger_delta_{month}"}
    assert list(Entry.objects.values()) == before
