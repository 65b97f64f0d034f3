"""As the application's role, what is posted against can be renamed, but never redefined."""

import pytest
from django.db import DatabaseError, connection, transaction

pytestmark = pytest.mark.django_db

REFUSED = "42501"  # insufficient privilege
# Table → the only columns that the application may change.
MAY_CHANGE = {
    "ledger_asset": {"name"},
    "ledger_book": {"name", "tax_ids"},
    "ledger_customer": {"name", "metadata", "is_active", "parent_id", "clock_id"},
    "wallets_wallet": {"name"},
    "wallets_creditgrant": {"name", "voided_at", "expired_at"},
    "billing_meter": {"name", "late_usage", "archived_at"},
    "billing_rate": set(),
    "billing_ratecard": {"name", "is_default"},
    "billing_subject": {"customer_id"},
    "billing_billingprofile": {"rate_card_id", "settlement", "credit_limit"},
    "billing_unattributedevent": {"posted_at", "event_id"},
    "billing_deadletter": {"times", "status", "resolved_at"},
    "billing_taxrate": {"valid_to"},
    "billing_taxid": {"status", "checked_at", "ended_at"},
    "billing_exemption": {"revoked_at"},
}


def columns_of(table):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass"
            " AND attnum > 0 AND NOT attisdropped",
            [table],
        )
        return {row[0] for row in cursor.fetchall()}


def refused(statement):
    """Say whether the application's role is refused a statement."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE meterbook_app")
        try:
            with transaction.atomic():
                cursor.execute(statement)
        except DatabaseError as error:
            return error.__cause__.sqlstate == REFUSED
        finally:
            cursor.execute("RESET ROLE")
    return False


@pytest.mark.parametrize("table", MAY_CHANGE)
def test_the_application_changes_only_what_defines_nothing(table):
    columns = columns_of(table)
    changed = {name for name in columns if not refused(f"UPDATE {table} SET {name} = {name}")}

    assert changed == MAY_CHANGE[table]


@pytest.mark.parametrize("table", [*MAY_CHANGE, "billing_accrual"])
@pytest.mark.parametrize("verb", ["DELETE FROM", "TRUNCATE"])
def test_the_application_removes_no_definition(table, verb):
    assert refused(f"{verb} {table}")
