"""Many writers on the same wallets: nothing is lost, nothing happens twice, nobody is stuck."""

from datetime import timedelta
from decimal import Decimal
from functools import partial
from random import Random

import pytest
from django.db import connection

from billing import catalogue
from billing.metering import corrections, deadletters, unattributed
from billing.metering.corrections import AlreadyCorrectedError
from billing.metering.facts import Outcome
from billing.models import Accrual, Correction, DeadLetter, EventKey, UsageEvent
from ledger import bulk, chart, posting
from ledger.errors import InsufficientBalanceError
from ledger.models import Balance
from ledger.moves import Move, Posting
from tests import factories
from tests.billing.scene import HOUR, LATER, START, event, left, left_in, new_scene
from tests.concurrency.at_once import at_once
from tests.factories import NOON
from wallets import expiry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scene():
    return new_scene()


def balanced():
    """Assert that every balance is the sum of its entries, and all of an asset is nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENT)
        assert cursor.fetchall() == []
        cursor.execute(_DELTAS)
        assert cursor.fetchall() == []


def lot_of(scene, amount, customer=None):
    """Return a lot, and the account of revenue that it is spent to."""
    revenue = chart.account(
        book=scene.book, purpose="usage_revenue", asset=scene.dollars, at=START
    ).pk
    return scene.grant(amount, customer=customer or scene.customer), revenue


def spend(scene, lot, revenue, key, amount):
    try:
        posting.post(
            book=scene.book,
            kind="test",
            key=key,
            moves=[Move(lot, revenue, Decimal(amount))],
            effective_at=NOON,
        )
    except InsufficientBalanceError:
        return 0
    return 1


# --- Posting ----------------------------------------------------------------------------


def test_sixteen_writers_spend_a_lot_to_nothing_and_no_further(scene):
    lot, revenue = lot_of(scene, 100)

    def writer(number):
        return sum(spend(scene, lot, revenue, f"{number}/{n}", 1) for n in range(10))

    spent = at_once([partial(writer, number) for number in range(16)])

    assert sum(spent) == 100
    assert left(lot) == 0
    balanced()


def test_one_key_posted_by_sixteen_posts_once(scene):
    lot, revenue = lot_of(scene, 100)

    at_once([partial(spend, scene, lot, revenue, "same", 7)] * 16)

    assert left(lot) == 93


def test_postings_over_wallets_in_any_order_never_wait_in_a_circle(scene):
    lots = [lot_of(scene, 10_000)[0] for _ in range(8)]
    revenue = lot_of(scene, 1)[1]

    def writer(number):
        random = Random(number)
        for n in range(12):
            some = random.sample(lots, 4)
            moves = [Move(lot, revenue, Decimal(1)) for lot in some]
            if n % 2:
                posting.post(
                    book=scene.book, kind="t", key=f"{number}/{n}", moves=moves, effective_at=NOON
                )
            else:
                bulk.post(postings=[_posting(scene, f"{number}/{n}/{m}", [m]) for m in moves])

    before = deadlocks()
    at_once([partial(writer, number) for number in range(16)])

    assert sum(10_000 - left(lot) for lot in lots) == 16 * 12 * 4
    assert deadlocks() == before
    balanced()


def _posting(scene, key, moves):
    return Posting(book_id=scene.book.pk, kind="t", key=key, effective_at=NOON, moves=moves)


def deadlocks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


# --- Ingest -----------------------------------------------------------------------------


@pytest.mark.parametrize("clients", [4])
def test_the_same_batch_sent_by_four_clients_at_once_posts_once(scene, clients):
    scene.meter()
    lot = scene.grant(50)
    batch = [event(1, id=f"e{n}") for n in range(200)]

    outcomes = at_once([partial(scene.send, *batch) for _ in range(clients)])

    assert sum(o.accepted for o in outcomes) == 200
    assert sum(o.duplicate for o in outcomes) == 200 * (clients - 1)
    assert (scene.units("sum"), left(lot), scene.unbilled) == (200, 0, 150)
    assert UsageEvent.objects.count() == EventKey.objects.count() == 200
    balanced()


def test_overlapping_batches_in_any_order_post_each_event_once(scene):
    scene.meter("sum", cost="0.5")
    scene.meter("max")
    scene.meter("unique_count", path="$.who")
    teams = [scene.child(f"s{n}") for n in range(5)]
    shared = scene.grant(
        300, wallet=factories.wallet(customer=scene.customer, asset=scene.dollars, is_shared=True)
    )
    events = [
        event(n % 7, id=f"e{n}", subject=f"s{n % 5}", who=f"w{n % 11}", at=NOON + timedelta(0, n))
        for n in range(400)
    ]

    def client(number):
        random, total = Random(number), Outcome()
        mine = random.sample(events, 300)
        for start in range(0, 300, 60):
            total.add(scene.send(*mine[start : start + 60]))
        return total

    before = deadlocks()
    outcomes = at_once([partial(client, number) for number in range(8)])

    assert sum(o.accepted + o.duplicate for o in outcomes) == 8 * 300
    taken = set(UsageEvent.objects.values_list("external_id", flat=True))
    assert sum(o.accepted for o in outcomes) == len(taken) == UsageEvent.objects.count()
    wanted = sum(int(name[1:]) % 7 for name in taken)
    assert sum(scene.units("sum", team) for team in teams) == wanted
    assert [scene.units("unique-count", team) for team in teams] == [11] * 5
    assert [scene.units("max", team) for team in teams] == [6] * 5
    assert left(shared) == 0
    assert deadlocks() == before
    balanced()


def test_credit_limit_holds_against_sixteen(scene):
    scene.meter()
    scene.limit(100)
    lot = scene.grant(50)

    at_once([partial(scene.send, *[event(5) for _ in range(4)]) for _ in range(16)])

    assert (left(lot), scene.unbilled, scene.overdraft) == (0, 100, 170)
    assert Balance.objects.get(account__purpose="unbilled").floor == -100


def test_first_usage_of_one_customer_by_many_opens_its_accounts_once(scene):
    scene.meter("sum", cost=1)

    outcomes = at_once([partial(scene.send, event(2), event(3)) for _ in range(12)])

    assert sum(o.accepted for o in outcomes) == 24
    assert scene.units("sum") == scene.unbilled == scene.holds("cost_of_revenue") == 60
    assert Accrual.objects.count() == 1


def test_conflicting_events_at_once_take_one_and_keep_the_others(scene):
    scene.meter()

    outcomes = at_once([partial(scene.send, event(n, id="one")) for n in range(1, 9)])

    assert sum(o.accepted for o in outcomes) == 1
    assert sum(o.conflicting for o in outcomes) == DeadLetter.objects.count() == 7
    assert scene.units("sum") in range(1, 9)


def test_the_same_rejects_sent_at_once_are_one_letter_that_counts(scene):
    scene.meter()

    at_once([partial(scene.send, event("x", id="bad"), b"{", event(1)) for _ in range(8)])

    assert sorted(DeadLetter.objects.values_list("times", flat=True)) == [8, 8]
    assert scene.units("sum") == 8


# --- Corrections ------------------------------------------------------------------------


def test_an_event_voided_by_eight_at_once_goes_once(scene):
    scene.meter("max")
    lot = scene.grant(100)
    scene.send(event(9, id="one"), event(4))
    found = scene.find("one")

    def void(number):
        try:
            return corrections.void(book=scene.book, event=found, key=f"k{number}", at=LATER)
        except AlreadyCorrectedError:
            return None

    won = at_once([partial(void, number) for number in range(8)])

    assert sum(one is not None for one in won) == Correction.objects.count() == 1
    assert (scene.units("max"), left(lot)) == (4, 96)


@pytest.mark.parametrize("kind", ["call", "unmetered"])
def test_one_correction_key_used_by_eight_at_once_gives_all_the_first(scene, kind):
    scene.meter()
    scene.send(event(9, id="one", type=kind))
    found = scene.find("one")

    def void():
        return corrections.void(book=scene.book, event=found, key="same", at=LATER).pk

    assert len(set(at_once([void] * 8))) == 1
    assert scene.units("sum") == 0


def use(scene, number):
    """Send usage of three teams in small batches, late and early."""
    random = Random(number)
    for _ in range(6):
        minutes = [random.randrange(170) for _ in range(5)]
        scene.send(
            *[
                event(random.randrange(13), subject=f"s{k % 3}", at=NOON + timedelta(minutes=m))
                for k, m in enumerate(minutes)
            ]
        )


def correct(scene, number):
    """Void every other old event of a third of them, and amend the others."""
    for n in range(number, 24, 3):
        if n % 2:
            found = scene.find(f"old{n}")
            corrections.void(book=scene.book, event=found, key=f"v{n}", at=LATER)
        else:
            scene.amend(event(n % 5, id=f"old{n}", subject=f"s{n % 3}"))


def sweep():
    for hours in (1, 2, 3) * 3:
        expiry.close_expired(at=NOON + hours * HOUR)


def sell(scene, teams):
    for n in range(8):
        scene.grant(3, customer=teams[n % 3], at=LATER)


def test_usage_corrections_grants_and_sweeps_at_once_add_up(scene):
    kinds = ["sum", "max", "avg", "latest"]
    for kind in kinds:
        scene.meter(kind, cost="0.25")
    teams = [scene.child(f"s{n}") for n in range(3)]
    wallet = factories.wallet(customer=scene.customer, asset=scene.dollars, is_shared=True)
    lots = [scene.grant(40, wallet=wallet, expires_at=NOON + h * HOUR) for h in (1, 2, 3)]
    catalogue.set_profile(customer=teams[0], credit_limit=Decimal(30))
    catalogue.set_profile(customer=teams[1], settlement="credit_only")
    for n in range(24):
        scene.send(event(n % 9, id=f"old{n}", subject=f"s{n % 3}", at=NOON + timedelta(0, n * 60)))

    at_once(
        [
            *[partial(use, scene, number) for number in range(10)],
            *[partial(correct, scene, number) for number in range(3)],
            *[sweep, sweep, partial(sell, scene, teams)],
        ]
    )

    assert Correction.objects.count() == 24
    for kind in kinds:
        quantities = Accrual.objects.filter(meter__key=kind).values_list("quantity", flat=True)
        assert sum(scene.units(kind, team) for team in teams) == sum(quantities)
        assert -scene.holds("usage_revenue", kind) == sum(quantities)
        assert scene.holds("cost_of_revenue", f"acme/{kind}") * 4 == sum(quantities)
    assert min(left_in(lots)) >= 0
    assert scene.holds("unbilled", customer=teams[0]) <= 30
    balanced()


# --- Sweeps -----------------------------------------------------------------------------


def test_usage_mapped_at_once_posts_once(scene):
    scene.meter()
    scene.send(*[event(1, subject="new") for _ in range(50)])
    scene.subject("new")

    outcomes = at_once([partial(unattributed.post_mapped, book=scene.book, at=LATER)] * 4)

    assert sum(o.accepted for o in outcomes) == 50
    assert scene.units("sum") == 50


def test_a_letter_replayed_at_once_is_taken_once(scene):
    scene.meter()
    scene.send(event("x", id="bad"))
    letter = DeadLetter.objects.get()
    mended = event(3, id="bad").decode()

    def replay():
        try:
            return deadletters.replay(letter=letter, raw=mended, at=LATER).accepted
        except deadletters.DeadLetterClosedError:
            return 0

    assert sum(at_once([replay] * 6)) == 1
    assert scene.units("sum") == 3


_DIFFERENT = """
    SELECT b.account_id FROM ledger_balance b
    LEFT JOIN (SELECT account_id, sum(debit) AS debits, sum(credit) AS credits
               FROM (SELECT debit_account_id AS account_id, amount AS debit, 0 AS credit
                     FROM ledger_entry
                     UNION ALL SELECT credit_account_id, 0, amount FROM ledger_entry) side
               GROUP BY account_id) e ON e.account_id = b.account_id
    WHERE b.is_guarded AND (b.debits, b.credits) <> (coalesce(e.debits, 0), coalesce(e.credits, 0))
       OR b.orientation * (b.debits - b.credits) - b.held < b.floor
"""
_DELTAS = """
    SELECT account_id FROM (
        SELECT account_id, debits, credits FROM ledger_delta
        UNION ALL SELECT debit_account_id, -amount, 0 FROM ledger_entry
        UNION ALL SELECT credit_account_id, 0, -amount FROM ledger_entry) side
    GROUP BY account_id HAVING sum(debits) <> 0 OR sum(credits) <> 0
"""
