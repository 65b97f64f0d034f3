"""Who buys credit gets a receipt: what was paid, when, for how much credit; no tax invoice."""

import pytest

from billing.models import CollectionProfile, Party
from tests import factories
from tests.api import Api, code
from tests.billing.invoicing.rendering.samples import text_of
from tests.factories import NOON
from tests.wallets.topups.buying import ask, credits_wallet, pay
from wallets import topups

pytestmark = pytest.mark.django_db
LATER = "Tax is charged when the credit is used"


@pytest.fixture
def wallet():
    return credits_wallet()


def read(top_up, **asked):
    answer = Api(top_up.book).get(f"top-ups/{top_up.pk}/receipt", **asked)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"] == "application/pdf"
    return text_of(answer.content)


def test_it_says_what_was_paid_for_which_credit(wallet):
    top_up = pay(ask(wallet, 1500, key="order-7"), "wire-88")

    said = read(top_up)

    for words in (
        "Receipt", "order-7", "wire-88", "Jun 15, 2025", "Prepaid credit: 1,500 credit", "$150.00",
        "This receipt is not a tax invoice.",
    ):  # fmt: skip
        assert words in said
    assert LATER not in said


def test_it_says_when_tax_is_charged_if_that_is_later(wallet):
    CollectionProfile.objects.create(
        book=wallet.customer.book, customer=None, effective_from=NOON, paid_credit="as_payment"
    )
    assert LATER in " ".join(read(pay(ask(wallet))).split())


def test_it_is_in_the_customers_language_or_another(wallet):
    Party.objects.create(customer=wallet.customer, locale="de", updated_at=NOON)
    top_up = pay(ask(wallet))
    assert "Quittung" in read(top_up)
    assert "Reçu" in read(top_up, language="fr")


def test_what_was_given_back_stands_on_it(wallet):
    top_up = topups.refund(top_up=pay(ask(wallet)), reason="Unwanted", at=NOON)
    assert "Given back" in read(top_up)
    assert "−$10.00" in read(top_up)


def test_what_was_not_paid_has_none(wallet):
    top_up = ask(wallet)
    answer = Api(top_up.book).get(f"top-ups/{top_up.pk}/receipt")
    assert code(answer) == (409, "top_up_not_paid")


def test_others_do_not_see_it(wallet):
    top_up = pay(ask(wallet))
    path = f"top-ups/{top_up.pk}/receipt"
    neighbour = factories.customer(book=top_up.book)
    assert Api(factories.book()).get(path).status_code == 404
    assert Api(top_up.book, customer=neighbour).get(path).status_code == 404
    assert Api(top_up.book, customer=wallet.customer).get(path).status_code == 200
