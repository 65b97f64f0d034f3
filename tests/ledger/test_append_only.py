"""As the application's role, the database refuses every verb that would change history."""

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction

from tests.ledger import journal

pytestmark = pytest.mark.django_db

# Table → a column to change; all that the application may only append to, or only read.
HISTORY = {
    "ledger_transaction": "memo",
    "ledger_entry": "amount",
    "ledger_account": "purpose",
    "ledger_seal": "entries",
    "ledger_delta": "debits",
    "ledger_receipt": "entries",
    "ledger_bucket": "debits",
    "ledger_partitioned": "name",
    "billing_usageevent": "subject",
    "billing_usagebatch": "received_at",
    "billing_eventkey": "content",
    "billing_correction": "key",
}
DERIVED = ["ledger_delta", "ledger_receipt", "ledger_bucket", "ledger_partitioned"]
KEPT = ["ledger_balance", "ledger_period", "ledger_watermark"]
BALANCE = ["account_id", "is_guarded", "orientation", "debits", "credits"]
PERIOD = ["id", "book_id", "starts_at", "ends_at"]
PARTITIONED = ["ledger_entry", "ledger_delta", "billing_usageevent"]
REFUSALS = {
    "42501",  # insufficient privilege
    "23001",  # restrict violation: append-only
    "23503",  # foreign key violation: there is no such transaction
    "23505",  # unique violation: the transaction has its receipt
    "23514",  # check violation
}
TRIGGERS = {
    "ledger_transaction": "append_only",
    "ledger_entry": "ledger_entry_project",
    "ledger_balance": "ledger_balance_opens_empty",
    "ledger_watermark": "ledger_watermark_fold",
}


def verbs() -> Iterator[str]:
    for table, column in HISTORY.items():
        yield f"UPDATE {table} SET {column} = {column}"
        yield f"UPDATE {table} SET {column} = NULL WHERE false"
        yield f"DELETE FROM {table}"
        yield f"TRUNCATE {table} CASCADE"
        yield (
            f"MERGE INTO {table} t USING (SELECT 1) s ON true"
            f" WHEN MATCHED THEN UPDATE SET {column} = t.{column}"
        )
        yield f"MERGE INTO {table} t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE"
        yield f"ALTER TABLE {table} DISABLE TRIGGER ALL"
        yield f"ALTER TABLE {table} DROP COLUMN {column}"
        yield f"ALTER TABLE {table} OWNER TO meterbook_app"
        yield f"DROP TABLE {table} CASCADE"
        yield f"CREATE RULE quiet AS ON INSERT TO {table} DO INSTEAD NOTHING"
        yield (
            f"CREATE TRIGGER mine BEFORE INSERT ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
        )
    for table in DERIVED:
        yield f"INSERT INTO {table} SELECT * FROM {table}"
    for table in KEPT:
        yield f"DELETE FROM {table}"
        yield f"TRUNCATE {table} CASCADE"
        yield f"ALTER TABLE {table} DISABLE TRIGGER ALL"
        yield f"DROP TABLE {table} CASCADE"
    yield from (f"UPDATE ledger_balance SET {column} = {column}" for column in BALANCE)
    yield from (f"UPDATE ledger_period SET {column} = {column}" for column in PERIOD)
    for table, trigger in TRIGGERS.items():
        yield f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"
        yield f"DROP TRIGGER {trigger} ON {table}"
    for table in PARTITIONED:
        partition = f"{table}_default"
        yield f"INSERT INTO {partition} SELECT * FROM {table}"
        yield f"UPDATE {partition} SET {HISTORY[table]} = {HISTORY[table]}"
        yield f"DELETE FROM {partition}"
        yield f"TRUNCATE {partition}"
        yield f"ALTER TABLE {table} DETACH PARTITION {partition}"
        yield f"DROP TABLE {partition}"
    yield from CUNNING


CUNNING = [
    "SET session_replication_role = replica",
    "ALTER TABLE ledger_balance DROP CONSTRAINT ledger_balance_floor",
    "DROP FUNCTION ledger_project_entries() CASCADE",
    (
        "CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$"
    ),
    (
        "CREATE OR REPLACE FUNCTION ledger_fold(most_entries bigint) RETURNS integer LANGUAGE sql"
        " AS $$ SELECT 0 $$"
    ),
    "CALL ledger_make_append_only('ledger_outbox')",
    "SELECT ledger_make_partition('ledger_entry', 'id', now(), true)",
    "UPDATE ledger_watermark SET xid = 0 WHERE name = 'fold'",
    "UPDATE ledger_watermark SET name = 'other' WHERE name = 'fold'",
    "INSERT INTO ledger_watermark VALUES ('fold', 0, 0)",
    "INSERT INTO ledger_watermark VALUES ('fold', 0, 0) ON CONFLICT (name) DO UPDATE SET xid = 0",
    (
        "INSERT INTO ledger_transaction (id, book_id, kind, key, fingerprint, effective_at,"
        " period_id) SELECT id, book_id, kind, key, fingerprint, effective_at, period_id"
        " FROM ledger_transaction ON CONFLICT (id) DO UPDATE SET memo = 'x'"
    ),
    "INSERT INTO ledger_entry SELECT * FROM ledger_entry ON CONFLICT (id) DO UPDATE SET amount = 9",
    "INSERT INTO ledger_seal SELECT * FROM ledger_seal ON CONFLICT (seq) DO UPDATE SET entries = 9",
    (
        "INSERT INTO ledger_account SELECT * FROM ledger_account"
        " ON CONFLICT (id) DO UPDATE SET purpose = 'x'"
    ),
    (
        "INSERT INTO ledger_balance SELECT * FROM ledger_balance"
        " ON CONFLICT (account_id) DO UPDATE SET debits = 9"
    ),
    # One more entry for a transaction that is complete.
    (
        "INSERT INTO ledger_entry SELECT id + 1, transaction_id, debit_account_id,"
        " credit_account_id, amount, effective_at FROM ledger_entry ORDER BY id DESC LIMIT 1"
    ),
    # An entry for a transaction that is not there.
    (
        "INSERT INTO ledger_entry SELECT 16385, 16384, debit_account_id, credit_account_id,"
        " amount, effective_at FROM ledger_entry LIMIT 1"
    ),
    # A new account that holds something.
    (
        "WITH a AS (INSERT INTO ledger_account (id, book_id, purpose, type, asset_id,"
        " discriminator, opened_at) SELECT id + 999, book_id, purpose, type, asset_id, 'forged',"
        " opened_at FROM ledger_account WHERE customer_id IS NULL LIMIT 1 RETURNING id)"
        " INSERT INTO ledger_balance (account_id, is_guarded, orientation, debits, credits, held,"
        " version) SELECT id, false, 1, 5, 0, 0, 0 FROM a"
    ),
    "COPY ledger_delta FROM PROGRAM 'true'",
]


@pytest.mark.parametrize("statement", list(verbs()))
def test_the_application_is_refused(statement):
    scene = journal.scene()
    scene.top_up(10)
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_fold(1)")
        cursor.execute(
            "INSERT INTO ledger_seal VALUES (1, 0, 0, 1, 1, '', '', now()) ON CONFLICT DO NOTHING"
        )
        cursor.execute("SET LOCAL ROLE meterbook_app")
        with pytest.raises(DatabaseError) as refused, transaction.atomic():
            cursor.execute(statement)
    assert refused.value.__cause__.sqlstate in REFUSALS


def test_the_application_cannot_give_itself_more_rights():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE meterbook_app")
        for table in HISTORY:
            cursor.execute(f"GRANT ALL ON {table} TO meterbook_app")  # only warns
            for privilege in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER"):
                cursor.execute("SELECT has_table_privilege(%s, %s)", [table, privilege])
                assert cursor.fetchone() == (False,), (table, privilege)


def test_the_guards_of_every_partition_are_always_on():
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname FROM ledger_partitioned p
            JOIN pg_inherits i ON i.inhparent = to_regclass(p.name)
            JOIN pg_class c ON c.oid = i.inhrelid
            WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid
                              AND t.tgname = 'append_only' AND t.tgenabled = 'A')
            """
        )
        assert cursor.fetchall() == []


def test_the_owner_too_is_stopped_unless_triggers_are_taken_off():
    scene = journal.scene()
    scene.top_up(10)
    for table in ("ledger_transaction", "ledger_entry", "ledger_delta", "ledger_receipt"):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"DELETE FROM {table}")
