"""Add-ons are written as plans are."""

import pytest
from django.urls import reverse

from billing.models import Addon, AddonVersion
from billing.plans import addons
from ledger import registry
from ledger.models import Asset
from tests import factories
from tests.billing.plans import offers
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def book():
    registry.currency(code="USD")
    return factories.book()


def address(version, card="", view="card"):
    query = f"?card={card}" if card else ""
    return reverse(f"admin:billing_addonversion_{view}", args=[version.pk]) + query


def test_an_add_on_is_made_by_forms_and_published(book):
    browser = Browser()
    values = {
        "book": book.pk, "key": "support", "name": "Support", "instance_type": "multiple",
        "currency": Asset.objects.get(code="USD").pk,
    }  # fmt: skip
    browser.do("billing_addon_add", values=values)
    version = AddonVersion.objects.get()
    assert "1 thing to mend" in browser.read("billing_addonversion_change", version.pk)
    card = {
        "name": "Support", "key": "support", "price_type": "flat", "amount": "25",
        "billing_cadence": "P1M", "payment_term": "in_advance",
        "seen": version.updated_at.isoformat(),
    }  # fmt: skip

    asked = browser.client.post(address(version, view="preview"), card)
    sent = browser.client.post(address(version), card)
    browser.do("billing_addonversion_publish", version.pk)

    assert asked.json()["document"]["total"] == "25"
    assert sent.status_code == 302
    assert version.rate_cards.get().price == {"type": "flat", "amount": "25"}
    assert "support Support active v1 –" in browser.read("billing_addon_changelist")


def test_a_next_version_is_drafted_changed_and_compared(book):
    first = offers.publish_addon(book, offers.addon(instance_type="multiple"))
    browser = Browser()
    browser.do("billing_addon_next-version", first.addon_id)
    draft = AddonVersion.objects.get(effective_from=None)
    values = {"name": "Better", "currency": draft.asset_id, "instance_type": "single"}
    browser.do("billing_addonversion_edit", draft.pk, values=values)

    said = browser.read("billing_addonversion_compare", draft.pk)

    assert "name Support Better" in said
    assert "instance type multiple single" in said
    browser.do("billing_addonversion_discard", draft.pk)
    browser.do("billing_addonversion_archive", first.pk)
    assert "archived" in browser.read("billing_addon_changelist")


def test_a_rate_card_is_removed(book):
    version = addons.create(book=book, document=offers.addon(), at=factories.NOON)

    sent = Browser().client.post(address(version, "support", "remove"))

    assert sent.status_code == 302
    assert not version.rate_cards.exists()
    assert Browser().client.get(address(version, "support")).status_code == 404


@pytest.mark.parametrize("page", ["billing_addon_changelist", "billing_addonversion_changelist"])
def test_number_of_queries_does_not_depend_on_rows(book, page):
    browser = Browser()

    def publish(count):
        for _ in range(count):
            offers.publish_addon(book, offers.addon(key=factories.name("addon")))

    publish(2)
    few = browser.queries(page)
    publish(6)

    assert Addon.objects.count() == 8
    assert len(browser.queries(page)) == len(few) <= 12


def test_publishing_needs_more_than_drafting(book):
    version = addons.create(book=book, document=offers.addon(), at=factories.NOON)
    drafts = Browser(permissions=["billing.view_addonversion", "billing.change_addonversion"])

    assert drafts.offers("edit", "billing_addonversion_change", version.pk)
    drafts.do("billing_addonversion_publish", version.pk, status=403)
