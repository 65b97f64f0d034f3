"""What payers are written: in their language, in the book's words, with what they need to pay."""

from datetime import timedelta

import pytest
from django.core import mail

from billing import collection, dunning
from billing.dunning import mails, steps
from ledger import tasks
from ledger.errors import InvalidInputError
from ledger.models import Outbox
from tests import factories
from tests.billing.payments.documents import issued, pay
from tests.factories import NOON
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SELLER = {
    "legal_name": "Meter GmbH",
    "contact": {"email": "billing@meter.test"},
    "bank_accounts": [{"iban": "DE89370400440532013000", "bic": "COBADEFFXXX"}],
}


@pytest.fixture
def invoice():
    """Return an invoice that was due on 15 June, of a payer who reads German."""
    party = {"emails": ["pay@acme.test"], "locale": "de-DE", "contact": "Erika <b>"}
    return issued(factories.customer(), terms="", party=party, supplier=SELLER)


def define(invoice, **step):
    plan = [{"after_days": 3, "act": "remind", **step}, {"after_days": 9, "act": "suspend"}]
    return dunning.define(
        book=invoice.book, key="usual", steps=plan, by="ann", at=NOON, is_default=True
    )


def dun(*days):
    for day in days:
        assert dunning.dun(at=NOON + day * DAY).failures == []


def sent():
    tasks.relay_outbox()
    return mail.outbox[-1]


def test_a_reminder_says_in_the_payers_language_what_is_open_and_how_to_pay(invoice):
    define(invoice)
    pay(invoice.payer, 40)
    dun(1, 3)

    found = sent()
    assert found.subject == f"Zahlungserinnerung: {invoice.number}"
    assert (found.to, found.reply_to) == (["pay@acme.test"], ["billing@meter.test"])
    for words in (
        "Guten Tag Erika <b>,", "war am 15.06.2025 fällig", "60,00\xa0$ sind noch offen",
        "IBAN: DE89 3704 0044 0532 0130 00", "Referenz: RF", "Meter GmbH",
    ):  # fmt: skip
        assert words in found.body
    html, kind = found.alternatives[0]
    assert kind == "text/html"
    assert "Erika &lt;b&gt;" in html
    assert "DE89 3704 0044 0532 0130 00" in html


def test_a_step_has_words_of_its_own_by_language(invoice):
    define(
        invoice,
        subject="Second notice of {invoice}",
        text="Please pay {amount}.",
        words={"de": {"text": "Bitte zahlen Sie {amount}: seit {days} Tagen fällig.\n\nDanke."}},
    )
    dun(1, 3)

    found = sent()
    assert found.subject == f"Second notice of {invoice.number}"
    assert "Bitte zahlen Sie 100,00\xa0$: seit 3 Tagen fällig.\n\nDanke." in found.body
    assert "<p>Danke.</p>" in found.alternatives[0][0]


def test_who_gets_access_back_is_thanked_and_asked_for_nothing(invoice):
    define(invoice)
    dun(1, 3, 9)
    assert sent().subject == f"Zugang gesperrt: {invoice.number}"
    pay(invoice.payer, 100)
    dun(10)

    found = sent()
    assert found.subject == f"Zugang wieder frei: {invoice.number}"
    assert "IBAN" not in found.body


def test_endpoints_are_told_facts_not_mails(invoice):
    define(invoice)
    dun(1, 3)
    payload = Outbox.objects.get(payload__type="dunning.reminder").payload
    assert payload["mail"]["subject"].startswith("Zahlungserinnerung")
    assert "mail" not in payload["data"]


def test_the_same_schedule_again_changes_nothing(invoice):
    own = {"text": "Hi", "words": {"de": {"subject": "", "text": "Hallo"}}}
    assert define(invoice, **own) == define(invoice, **own)
    [first, _] = dunning.steps_of(define(invoice, **own))
    assert first.words == {"de": {"text": "Hallo"}}
    assert define(invoice).version == 2


@pytest.mark.parametrize(
    "step",
    [
        {"text": "{amonut} is open"},
        {"subject": "x" * 201},
        {"words": {"German": {"text": "x"}}},
        {"words": {"de": {"body": "x"}}},
        {"words": {"de": "x"}},
        {"words": ["de"]},
        {"words": {"de": {"text": "{betrag}"}}},
    ],
)
def test_words_that_cannot_be_are_refused_when_they_are_written(step):
    with pytest.raises(InvalidInputError):
        steps.read([{"after_days": 3, "act": "remind", **step}])


def test_words_of_a_language_that_documents_do_not_know_are_sent_all_the_same(invoice):
    step = steps.read(
        [
            {
                "after_days": 3,
                "act": "remind",
                "words": {"pt": {"text": "Por favor, pague {amount}."}},
            }
        ]
    )[0]
    made = mails.compose(act="remind", step=step, invoice=invoice, at=NOON, language="pt-BR")
    assert "Por favor, pague $100.00." in made.text


class TestPreview:
    def test_a_mail_is_seen_before_anybody_is_sent_one(self, invoice):
        schedule = define(invoice, subject="Notice of {invoice}")
        browser = Browser()
        assert (
            "dunning-mail/?schedule="
            in browser.get("billing_dunningschedule_change", schedule.pk).content.decode()
        )

        page = browser.read("billing_dunning_mail", schedule=schedule.pk, step=1, language="fr")
        assert f"Notice of {invoice.number}" in page
        assert "Notre facture" in page
        assert "has 2 steps" in browser.read("billing_dunning_mail", step=3)
        assert mail.outbox == []

    def test_words_are_defined_in_the_admin(self, invoice):
        values = {
            "book": invoice.book_id, "key": "strict",
            "steps-0-after_days": "5", "steps-0-act": "remind", "steps-0-subject": "Notice",
            "words": '{"1": {"de": {"subject": "Mahnung"}}}',
        }  # fmt: skip
        browser = Browser()
        browser.do("billing_dunningschedule_add", values=values)
        page = browser.read("billing_dunning_mail", language="de")
        assert "Mahnung" in page
        refused = browser.do(
            "billing_dunningschedule_add", values=values | {"words": '{"2": {}}'}, status=200
        )
        assert "there are 1 steps" in refused.content.decode()


@pytest.mark.parametrize("written", ["a@b.ie,c@d.ie", "A <a@b.ie>", "a@b.ie\n", "a@b@c.ie", "a"])
def test_an_address_is_one_address(written):
    with pytest.raises(InvalidInputError, match="a@b"):
        collection.set_party(customer=factories.customer(), at=NOON, emails=[written])
