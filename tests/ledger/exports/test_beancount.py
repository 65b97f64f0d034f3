"""Beancount's own checker accepts what is exported, and agrees on every balance."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from beancount import loader
from beancount.core import data, realization
from django.core.management import CommandError, call_command

from ledger import chart, closing, totals
from ledger.exports import beancount
from ledger.exports import journal as exported
from ledger.exports.journal import Part, export
from ledger.models import Asset, Period
from ledger.moves import Move
from tests import factories
from tests.factories import NOON
from tests.ledger import journal

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
AFTER = datetime(2025, 9, 1, tzinfo=UTC)


@pytest.fixture
def busy():
    """Return a scene of three months, with awkward names, late entries and several assets."""
    scene = journal.scene(time_zone="America/New_York")
    chance = random.Random(5)
    scene.top_up(10**9, at=NOON - 40 * DAY)
    for code in ("input_tokens", "input-tokens", "true", "9.x", "ü"):
        asset = factories.asset(code=code, kind=Asset.Kind.UNIT, scale=3)
        debit = scene.account("consumed_units", asset=asset, label='5" disk: "a\\b"').pk
        credit = scene.account("metered_units", asset=asset, label="5'' disk").pk
        scene.post([Move(debit, credit, Decimal("1.234"))], key=f'"{code}"\n\\')
    for _ in range(12):
        scene.post(
            [
                Move(
                    scene.lot.pk,
                    scene.account("usage_revenue", label=chance.choice(["a.b", "a-b", "A b"])).pk,
                    Decimal(chance.randrange(1, 10**12)).scaleb(-6),
                    NOON + timedelta(minutes=chance.randrange(-50_000, 50_000)),
                )
                for _ in range(5)
            ]
        )
    return scene


def load(part):
    """Return what beancount reads; its errors are none."""
    entries, errors, _ = loader.load_string("".join(export(part=part)))
    assert errors == []
    return entries


def held_by_account(entries):
    """Return what beancount holds by account number, by walking its own tree."""
    numbers = {
        entry.account: int(entry.meta["account"])
        for entry in entries
        if isinstance(entry, data.Open)
    }
    found = {}
    for real in realization.iter_children(realization.realize(entries), leaf_only=True):
        if real.account in numbers:
            inventory = realization.compute_balance(real)
            found[numbers[real.account]] = sum(
                (each.units.number for each in inventory), Decimal(0)
            )
    return found


def held_by_ledger(scene, **when):
    return {
        row.account_id: row.debits - row.credits
        for row in totals.of_book(scene.book.pk, **when)
        if row.debits or row.credits
    }


def test_a_whole_book_agrees(busy):
    assert held_by_account(load(Part(book=busy.book))) == held_by_ledger(busy)


def test_a_book_agrees_after_folding_and_in_small_pages(busy, monkeypatch):
    monkeypatch.setattr(exported, "PAGE", 1)

    assert held_by_account(load(Part(book=busy.book))) == held_by_ledger(busy)


def test_every_transaction_is_there_with_its_metadata(busy):
    entries = load(Part(book=busy.book))

    shown = {
        entry.meta.get("transaction") for entry in entries if isinstance(entry, data.Transaction)
    }
    assert len(shown) == 18
    [first] = [e for e in entries if isinstance(e, data.Transaction) and e.meta["key"] == "k0"]
    assert (first.payee, first.narration) == ("test", "k0")


def test_every_account_is_asserted_at_the_end(busy):
    entries = load(Part(book=busy.book))

    asserted = [entry for entry in entries if isinstance(entry, data.Balance)]
    assert len(asserted) == len(held_by_ledger(busy))
    last = max(entry.date for entry in entries if isinstance(entry, data.Transaction))
    assert {entry.date for entry in asserted} == {last + DAY}


def test_an_interval_opens_with_what_came_before(busy):
    starts_at, ends_at = NOON - DAY, NOON + 5 * DAY
    entries = load(Part(book=busy.book, starts_at=starts_at, ends_at=ends_at))

    assert held_by_account(entries) == held_by_ledger(busy, effective_at=ends_at)
    openings = [e for e in entries if isinstance(e, data.Transaction) and e.payee == "opening"]
    assert openings
    assert all("transaction" not in entry.meta for entry in openings)


def test_each_period_continues_the_one_before(busy):
    for period in Period.objects.filter(book=busy.book).order_by("starts_at"):
        entries = load(Part(book=busy.book, period=period))
        days = {entry.date for entry in entries if isinstance(entry, data.Transaction)}
        zone = ZoneInfo(busy.book.time_zone)
        assert min(days) >= period.starts_at.astimezone(zone).date()
        assert max(days) < period.ends_at.astimezone(zone).date()
        found = totals.of_periods(busy.book.pk, before=AFTER, until=period.ends_at)
        expected = {booked.account_id: booked.debits - booked.credits for booked, _ in found}
        assert held_by_account(entries) == expected
    assert held_by_account(entries) == held_by_ledger(busy)


def test_late_facts_appear_in_the_period_they_were_booked_in(busy):
    for period in Period.objects.filter(book=busy.book, ends_at__lte=NOON + 20 * DAY).order_by(
        "starts_at"
    ):
        closing.close(period=period, at=AFTER)
    late = busy.use(3, at=NOON)

    entries = load(Part(book=busy.book, period=late.period))
    [shown] = [
        entry
        for entry in entries
        if isinstance(entry, data.Transaction) and entry.meta.get("transaction") == str(late.pk)
    ]
    assert shown.date == late.period.starts_at.date()
    assert shown.meta["effective-at"] == NOON.isoformat()


def test_an_empty_book_is_accepted():
    assert load(Part(book=factories.book())) == []


def test_names_stay_apart_and_stay_the_same():
    def named(serial, discriminator):
        return beancount.Named(
            account_id=1 << 48 | serial,
            type="income",
            purpose="usage_revenue",
            customer="",
            discriminator=discriminator,
            asset="USD",
        )

    accounts = [named(1, "a.b"), named(2, "a-b"), named(3, "a b"), named(4, "…")]
    names = beancount.names(accounts)

    assert len(set(names.values())) == 4
    assert beancount.names(reversed(accounts)) == names
    assert beancount.names(accounts[:2]).items() <= names.items()


def test_the_command_writes_a_file(busy, tmp_path):
    file = tmp_path / "books.beancount"
    call_command("export_journal", book=busy.book.key, output=file, stderr=StringIO())
    entries, errors, _ = loader.load_file(str(file))

    assert errors == []
    assert held_by_account(entries) == held_by_ledger(busy)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"book": "none"}, "no book 'none'"),
        ({"period": "June"}, "not a month"),
        ({"period": "1999-01"}, "no such period"),
        ({"starts": "soon"}, "not a day"),
        ({"period": "2025-06", "starts": "2025-06-01"}, "not both"),
    ],
)
def test_the_command_says_what_to_give_it(options, message):
    chart.forget()
    factories.book()
    with pytest.raises(CommandError, match=message):
        call_command("export_journal", **options)


def test_the_command_takes_days_of_the_books_zone(busy):
    out = StringIO()
    call_command(
        "export_journal", book=busy.book.key, starts="2025-06-10", ends="2025-06-12", stdout=out
    )

    assert "2025-06-12 balance" in out.getvalue()
