"""Verification passes on what the ledger wrote, and names whatever was changed past it."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from ledger import sealing, verification
from ledger.errors import NotFoundError
from ledger.models import Balance, Entry, Seal
from tests.ledger import journal
from tests.ledger.tampering import as_owner, checks, first_entry, found, sealed_scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _ledger_alone(settings):
    """Leave out what packages above check: these books have lots that nobody granted."""
    settings.LEDGER_CHECKS = []


@pytest.fixture
def scene():
    return sealed_scene()


def test_what_the_ledger_wrote_is_clean(scene):
    report = verification.verify(head=sealing.head())

    assert report.disagreements == []
    assert (report.transactions, report.entries) == (6, 10)
    assert report.seals == Seal.objects.count()


def test_an_empty_ledger_is_clean():
    assert verification.verify().is_clean


def test_small_spans_find_the_same(scene, monkeypatch):
    monkeypatch.setattr(verification.journal, "ENTRIES", 2)
    report = verification.verify()

    assert (report.transactions, report.entries, report.is_clean) == (6, 10, True)


@pytest.mark.parametrize(
    "change",
    [
        "amount = amount + 1",
        "source_id = 5",
        "effective_at = effective_at + interval '1 microsecond'",
        "debit_account_id = credit_account_id, credit_account_id = debit_account_id",
    ],
)
def test_an_entry_that_was_changed(scene, change):
    entry = first_entry()
    as_owner(f"UPDATE ledger_entry SET {change} WHERE id = %s", entry.pk)

    assert any(
        check == "transactions" and str(entry.transaction_id) in text and "digest" in text
        for check, text in found()
    )


def test_an_entry_that_was_deleted(scene):
    entry = Entry.objects.filter(amount=3, debit_account=scene.lot).get()
    as_owner("DELETE FROM ledger_entry WHERE id = %s", entry.pk)

    assert any("has 4 entries, its receipt says 5" in text for _, text in found())
    assert {"transactions", "deltas"} <= checks()


def test_all_entries_of_a_transaction_deleted(scene):
    entry = first_entry()
    as_owner("DELETE FROM ledger_entry WHERE id = %s", entry.pk)

    assert any("its 1 entries are gone" in text for _, text in found())


def test_an_entry_that_was_put_in(scene):
    entry = first_entry()
    as_owner(
        "INSERT INTO ledger_entry SELECT id + 9, transaction_id, debit_account_id,"
        " credit_account_id, 5, effective_at FROM ledger_entry WHERE id = %s",
        entry.pk,
    )

    assert any("has 2 entries, its receipt says 1" in text for _, text in found())


def test_an_entry_without_any_transaction(scene):
    entry = first_entry()
    as_owner(
        "INSERT INTO ledger_entry SELECT 16385, 16384, debit_account_id,"
        " credit_account_id, 5, effective_at FROM ledger_entry WHERE id = %s",
        entry.pk,
    )

    assert ("transactions", "transaction 16384: entries without their transaction") in found()


def test_a_transaction_without_entries(scene):
    header = first_entry().transaction
    as_owner(
        "INSERT INTO ledger_transaction (book_id, kind, key, fingerprint, effective_at, period_id)"
        " SELECT book_id, kind, 'forged', fingerprint, effective_at, period_id"
        " FROM ledger_transaction WHERE id = %s",
        header.pk,
    )

    assert any("(forged): has no receipt" in text for _, text in found())


@pytest.mark.parametrize(
    "change",
    [
        "memo = 'another'",
        "key = 'another'",
        "kind = 'another'",
        "cause = 'another'",
        "metadata = '{\"a\": 1}'",
        "evidence = 'x'",
        "effective_at = effective_at - interval '1 day'",
        "fingerprint = sha256('x')",
    ],
)
def test_a_header_that_was_changed(scene, change):
    number = first_entry().transaction_id
    as_owner(f"UPDATE ledger_transaction SET {change} WHERE id = %s", number)

    assert checks() == {"transactions"}


def test_a_receipt_that_was_changed_to_match_breaks_the_seal(scene):
    number = first_entry().transaction_id
    as_owner("UPDATE ledger_transaction SET memo = 'another' WHERE id = %s", number)
    as_owner(
        "UPDATE ledger_receipt r SET digest = sha256(convert_to(ledger_header_line(t, 1)"
        " || E'\\n' || (SELECT ledger_entry_line(id, debit_account_id, credit_account_id, amount,"
        " effective_at, source_id) FROM ledger_entry WHERE id = t.id + 1), 'UTF8'))"
        " FROM ledger_transaction t WHERE t.id = r.transaction_id AND t.id = %s",
        number,
    )

    assert checks() == {"seals"}


@pytest.mark.parametrize(
    "change",
    [
        "debits = debits + 1",
        "credits = credits + 1",
        "entries = 9",
        "effective_date = '2025-01-01'",
    ],
)
def test_a_delta_that_was_changed(scene, change):
    as_owner(f"UPDATE ledger_delta SET {change} WHERE account_id = %s", scene.lot.pk)

    assert {"deltas", "buckets"} <= checks()


def test_a_delta_that_was_deleted(scene):
    as_owner("DELETE FROM ledger_delta WHERE account_id = %s", scene.revenue.pk)

    assert "deltas" in checks()


@pytest.mark.parametrize("account", ["lot", "revenue", "clearing"])
@pytest.mark.parametrize("column", ["debits", "credits"])
def test_a_balance_that_was_changed(scene, account, column):
    number = getattr(scene, account).pk
    as_owner(
        f"UPDATE ledger_balance SET {column} = {column} + 0.000000000001 WHERE account_id = %s",
        number,
    )

    [(check, text)] = found()
    assert check == "balances"
    assert str(number) in text


def test_a_balance_below_its_floor(scene):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_balance DROP CONSTRAINT ledger_balance_floor")
        try:
            as_owner("UPDATE ledger_balance SET floor = 5000 WHERE account_id = %s", scene.lot.pk)
            assert checks() == {"floors"}
        finally:
            cursor.execute("UPDATE ledger_balance SET floor = NULL")
            cursor.execute(
                "ALTER TABLE ledger_balance ADD CONSTRAINT ledger_balance_floor CHECK"
                " (floor IS NULL OR floor <= orientation * (debits - credits) - held)"
            )


@pytest.mark.parametrize(
    "change", ["debits = debits + 1", "entries = entries + 1", "posted_date = '2025-01-01'"]
)
def test_a_bucket_that_was_changed(scene, change):
    as_owner(f"UPDATE ledger_bucket SET {change} WHERE account_id = %s", scene.lot.pk)

    assert "buckets" in checks()


def test_a_bucket_that_was_deleted(scene):
    as_owner("DELETE FROM ledger_bucket WHERE account_id = %s", scene.revenue.pk)

    assert {"buckets", "balances", "assets"} <= checks()


def test_a_watermark_that_was_moved(scene):
    as_owner("UPDATE ledger_watermark SET xid = 0 WHERE name = 'fold'")

    assert "buckets" in checks()


@pytest.mark.parametrize(
    "change",
    [
        "hash = sha256('x')",
        "previous = sha256('x')",
        "transactions = transactions + 1",
        "entries = entries + 1",
        "last_transaction_id = last_transaction_id - 1",
    ],
)
def test_a_seal_that_was_changed(scene, change):
    as_owner(f"UPDATE ledger_seal SET {change} WHERE seq = 1")

    assert checks() == {"seals"}


def test_a_seal_that_was_deleted(scene):
    assert Seal.objects.count() > 1
    as_owner("DELETE FROM ledger_seal WHERE seq = 1")

    assert ("seals", "seal 2: follows a missing one: seal 1 is gone") in found()


def cut_off(scene):
    """Take away the last seals with everything after them, and mend all that derives from it."""
    first = Seal.objects.get(seq=1)
    for table, column in (
        ("ledger_entry", "transaction_id"),
        ("ledger_delta", "transaction_id"),
        ("ledger_receipt", "transaction_id"),
        ("ledger_transaction", "id"),
    ):
        as_owner(f"DELETE FROM {table} WHERE {column} > %s", first.last_transaction_id)
    as_owner("DELETE FROM ledger_seal WHERE seq > 1")
    as_owner(
        "UPDATE ledger_balance b SET debits = s.debits, credits = s.credits"
        " FROM (SELECT account_id, sum(debits) AS debits, sum(credits) AS credits"
        " FROM ledger_delta GROUP BY account_id) s WHERE s.account_id = b.account_id"
    )


def test_a_tail_that_was_cut_off_shows_against_the_exported_head(monkeypatch):
    scene = journal.scene()
    scene.top_up(1000)
    journal.fold()
    journal.seal()
    scene.use(1)
    journal.seal()
    head = sealing.parse_head(sealing.export_head())
    cut_off(scene)

    assert verification.verify().is_clean, "nothing inside the database can tell"
    [cut] = verification.verify(head=head).disagreements
    assert cut.check == "head"
    assert "cut off" in cut.detail


def test_a_chain_that_was_made_anew_shows_against_the_exported_head(scene):
    head = sealing.head()
    as_owner("UPDATE ledger_seal SET hash = sha256('x') WHERE seq = %s", head.seq)

    assert "head" in {found.check for found in verification.verify(head=head).disagreements}


def test_what_derives_from_the_journal_can_be_rebuilt(scene):
    before = Balance.objects.get(account=scene.lot)
    as_owner("DELETE FROM ledger_bucket WHERE account_id = %s", scene.revenue.pk)
    as_owner("UPDATE ledger_balance SET credits = credits + 1, debits = debits + 1")
    assert not verification.verify().is_clean

    call_command("rebuild_balances", stdout=StringIO())

    after = Balance.objects.get(account=scene.lot)
    assert verification.verify().is_clean
    assert (after.debits, after.credits, after.held) == (before.debits, before.credits, before.held)


def test_an_account_whose_number_is_anothers(scene):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_number")
    as_owner("UPDATE ledger_account SET customer_id = NULL WHERE id = %s", scene.lot.pk)
    assert "accounts" in checks()

    as_owner(
        "UPDATE ledger_account SET customer_id = %s WHERE id = %s", scene.customer.pk, scene.lot.pk
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_number CHECK ((id >> 48) &"
            " 16383 = book_id AND (id >> 32) & 65535 = asset_id AND (id >> 62 = 1) ="
            " (customer_id IS NOT NULL))"
        )


def test_a_reversal_of_more_than_was_posted(scene):
    reversal = Entry.objects.get(transaction__kind="reversal")
    as_owner("UPDATE ledger_entry SET amount = 51 WHERE id = %s", reversal.pk)

    assert any(
        check == "reversals" and "of 50 " in text and "51 was reversed" in text
        for check, text in found()
    )


def test_another_books_damage_is_left_out(scene):
    other = journal.scene()
    as_owner("UPDATE ledger_entry SET amount = 999 WHERE id = %s", first_entry().pk)

    assert verification.verify(book=other.book).is_clean
    assert not verification.verify(book=scene.book).is_clean


def test_since_a_seal_only_what_came_after_is_looked_at(scene):
    as_owner("UPDATE ledger_transaction SET memo = 'x' WHERE id = %s", first_entry().transaction_id)
    report = verification.verify(since_seal=Seal.objects.count())

    assert report.is_clean
    assert report.transactions < 6
    with pytest.raises(NotFoundError):
        verification.verify(since_seal=99)


def test_a_journal_of_another_cluster_is_named(scene):
    as_owner("UPDATE ledger_receipt SET xid = '999999999999' WHERE transaction_id ="
             " (SELECT max(transaction_id) FROM ledger_receipt)")  # fmt: skip

    assert "cluster" in checks()


def extra_check(*, book_id):
    yield verification.Disagreement("extra", f"book {book_id}", "is odd", "look")


def test_packages_above_register_their_checks(settings):
    settings.LEDGER_CHECKS = [f"{__name__}.extra_check"]

    assert found() == {("extra", "book None: is odd")}
