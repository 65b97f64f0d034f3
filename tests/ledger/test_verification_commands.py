"""The command that verifies says what it looked at, and fails where something disagrees."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from ledger import chart, verification
from tests.ledger.tampering import as_owner, first_entry, sealed_scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _ledger_alone(settings):
    """Leave out what packages above check: these books have lots that nobody granted."""
    settings.LEDGER_CHECKS = []


@pytest.fixture
def scene():
    return sealed_scene()


def test_the_command_tells_what_it_recomputed(scene, tmp_path):
    head = tmp_path / "head"
    call_command("export_head", output=head)
    out = StringIO()
    call_command("verify_ledger", head=str(head), stdout=out)

    assert "6 transactions, 10 entries" in out.getvalue()
    assert "agrees with itself" in out.getvalue()


def test_the_command_fails_naming_the_first_disagreement(scene):
    entry = first_entry()
    as_owner("UPDATE ledger_entry SET amount = 999 WHERE id = %s", entry.pk)
    out = StringIO()

    with pytest.raises(CommandError, match=f"transaction {entry.transaction_id}.*digest"):
        call_command("verify_ledger", "--json", stdout=out)
    assert json.loads(out.getvalue())["is_clean"] is False


def test_the_command_refuses_a_book_that_is_none():
    chart.forget()
    with pytest.raises(CommandError, match="no book 'none'"):
        call_command("verify_ledger", book="none")


def test_the_application_may_verify(scene):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE meterbook_app")
        assert verification.verify().is_clean
