"""``manage.py ageing`` and ``manage.py dun``; the jobs that set off and dun."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now as clock

from billing import dunning, tasks
from billing.models import Dunning
from tests import factories
from tests.billing.invoicing.rendering.samples import text_of
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


def test_a_statement_is_written_to_a_file(invoice, tmp_path, capsys):
    file = tmp_path / "statement.pdf"
    asked = {"book": invoice.book.key, "since": "2020-01-01", "until": "2099-12-31"}

    call_command("statement", "acme", **asked, file=file)
    call_command("statement", "acme", **asked, format="csv", file=tmp_path / "statement.csv")

    assert invoice.number in text_of(file.read_bytes())
    assert invoice.number in (tmp_path / "statement.csv").read_text()
    assert "bytes, SHA-256" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("payer", "more", "said"),
    [
        ("nobody", {}, "no customer nobody"),
        ("acme", {"until": "31.12.2099"}, "no date"),
        ("acme", {"currency": "XXX"}, "no currency XXX"),
        ("acme", {"until": "2019-12-31"}, "ends_at"),
    ],
)
def test_a_statement_that_cannot_be_is_refused(invoice, payer, more, said):
    asked = {"book": invoice.book.key, "since": "2020-01-01", "until": "2099-12-31", **more}

    with pytest.raises(CommandError, match=said):
        call_command("statement", payer, **asked)
