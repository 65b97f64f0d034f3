"""Usage that no line can hold yet is said of the draft it would be on."""

import pytest

from billing.metering import deadletters, unattributed
from billing.models import DeadLetter
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import with_usage
from tests.billing.scene import event
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    found = with_usage()
    found.use(7, "2024-01-10")
    return found


def send(shop, *events, at="2024-01-20"):
    return shop.agreed.scene.send(*events, at=on(at))


def remedy(shop):
    [problem] = [one for one in shop.only.problems if one["code"] == "usage_waits"]
    return problem["remedy"]


def said(shop):
    """Return the problems of the open draft that are about usage."""
    shop.draft("2024-02-01")
    found = [one for one in shop.only.problems if one["component"] == "usage"]
    return [(one["code"], one["path"], one["is_critical"]) for one in found]


def test_a_draft_whose_usage_was_all_taken_says_nothing(shop):
    assert said(shop) == []


def test_what_was_refused_is_said_until_it_is_mended(shop):
    send(shop, event("many", at=on("2024-01-12")), event("all", at=on("2024-01-13")), b"{")
    assert said(shop) == [("usage_waits", "api", False)]
    assert "2 refused: mend and replay the dead letters" in remedy(shop)

    page = Browser().get("billing_invoice_change", shop.only.pk).content.decode()
    assert "/deadletter/?status__exact=open" in page
    for letter in DeadLetter.objects.filter(raw__contains="api"):
        deadletters.dismiss(letter=letter, at=on("2024-01-21"))
    assert said(shop) == []


def test_what_waits_since_before_its_subject_was_known_is_said(shop):
    send(shop, event(3, subject="robot", at=on("2024-01-12")))
    send(shop, event(3, subject="robot", at=on("2024-02-12")), at="2024-02-13")
    assert said(shop) == []

    shop.agreed.scene.subject("robot")
    assert said(shop) == [("usage_waits", "robot", False)]
    assert remedy(shop).startswith("events are not on it; 1 to be posted")
    unattributed.post_mapped(book=shop.book, at=on("2024-02-14"))

    assert said(shop) == []


def test_what_others_sent_is_their_business(shop):
    shop.agreed.scene.child("neighbour")
    send(shop, event("many", subject="neighbour", at=on("2024-01-12")))

    assert said(shop) == []
