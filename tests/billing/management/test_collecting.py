"""``manage.py ageing`` and ``manage.py dun``; the jobs that set off and dun."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils.timezone import now as clock

from billing import dunning, tasks
from billing.models import Dunning
from tests import factories
from tests.billing.payments.documents import issued, now, pay

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice():
    payer = factories.customer(key="acme")
    long_ago = clock() - timedelta(days=40)
    dunning.define(
        book=payer.book, key="usual", steps=[{"after_days": 3, "act": "remind"}], by="ann",
        at=long_ago, is_default=True,
    )  # fmt: skip
    return issued(payer, at=long_ago, terms="")


def test_ageing_shows_who_owes_what(invoice, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")

    call_command("ageing", book=invoice.book.key)

    shown = capsys.readouterr().out
    assert invoice.payer.key in shown
    assert "31–60 days" in shown
    assert "100" in shown
    assert "…" not in shown


def test_ageing_of_a_day_long_ago_is_empty(invoice, capsys):
    call_command("ageing", book=invoice.book.key, at="2020-01-31")

    assert invoice.payer.key not in capsys.readouterr().out


def test_dun_says_what_it_did(invoice, capsys):
    call_command("dun", book=invoice.book.key)

    assert "1 begun, 1 steps done, 0 ended." in capsys.readouterr().out


def test_the_jobs_do_the_same(invoice):
    money = pay(invoice.payer, 30, at=clock(), allocate="nothing").money
    type(money).objects.update(waits=False)

    assert tasks.set_off() == 1
    assert tasks.dun() == 2

    assert now(invoice).open == 70
    assert Dunning.objects.get().position == 1
