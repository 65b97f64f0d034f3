"""Where callers hold credit, batches are short, so that holds do not wait for long."""

from datetime import datetime, timedelta

import pytest

from billing.metering import pace
from ledger.models import Transaction
from tests.billing.scene import event, new_scene
from tests.wallets.holds.setting_aside import hold

AT = datetime.fromisoformat("2026-03-01T12:00:00+00:00")


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    pace.forget()


def test_transactions_are_long_where_nobody_holds_credit():
    assert pace.events(1, at=AT) == pace.MANY


def test_transactions_of_a_book_are_short_for_a_minute_after_a_hold_was_met():
    pace.meet_holds(1, at=AT)

    assert pace.events(1, at=AT + timedelta(seconds=59)) == pace.FEW
    assert pace.events(1, at=AT + timedelta(seconds=61)) == pace.MANY
    assert pace.events(2, at=AT) == pace.MANY


@pytest.mark.django_db
def test_batch_after_one_that_met_a_hold_is_cut_short(monkeypatch):
    monkeypatch.setattr(pace, "FEW", 10)
    scene = new_scene()
    scene.meter()
    scene.grant(1000)
    events = [event(1) for _ in range(25)]

    scene.send(*events)
    hold(scene.customer, 5)
    scene.send(*[event(1) for _ in range(25)])
    before = Transaction.objects.filter(kind="usage").count()
    scene.send(*[event(1) for _ in range(25)])

    assert before == 2
    assert Transaction.objects.filter(kind="usage").count() - before == 3
