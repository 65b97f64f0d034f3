"""Customers apart: a key that is bound to one learns nothing of others by its invoices."""

import pytest
from django.utils.timezone import now

from billing import collection
from tests import factories
from tests.api import Api, code
from tests.billing.invoicing.documents import composed_draft, issued_invoice, selling, used

pytestmark = pytest.mark.django_db


@pytest.fixture
def family():
    """Return a book, and a parent that pays for two children."""
    scene = selling()
    parent = factories.customer(book=scene.book)
    children = [factories.customer(book=scene.book, parent=parent) for _ in range(2)]
    for child in children:
        collection.set_profile(book=scene.book, customer=child, payer=parent, at=now())
    return scene, parent, children


def test_who_does_not_pay_previews_nothing_of_what_is_paid_for_others(family):
    scene, parent, (mine, other) = family
    for child, amount in ((mine, 5), (other, 77)):
        used(scene, amount, customer=child)

    asked = Api(scene.book, customer=mine).get(f"customers/{mine.key}/upcoming-invoice")
    paying = Api(scene.book, customer=parent).get(f"customers/{mine.key}/upcoming-invoice")

    assert code(asked) == (404, "not_found")
    assert paying.json()["documents"][0]["due"] == "82"


def test_who_pays_for_a_stranger_sees_its_lines_but_not_its_usage(family):
    scene, _, (mine, _) = family
    collection.set_profile(book=scene.book, customer=mine, at=now())
    invoice = issued_invoice(
        scene, 9, payer=mine, line={"cut_from": "1:1:", "cut_to": "9999999:9999999:"}
    )
    bound, whole = Api(scene.book, customer=mine), Api(scene.book)

    [line] = bound.get(f"invoices/{invoice.pk}/lines").json()["data"]

    for part in ("explanation", "events"):
        path = f"invoices/{invoice.pk}/lines/{line['id']}/{part}"
        assert code(bound.get(path)) == (404, "not_found")
        assert whole.get(path).status_code == 200


def test_an_explanation_names_no_draft_and_no_document_of_another_payer(family):
    scene, parent, (mine, other) = family
    cut = {"cut_from": "1:1:", "cut_to": "9999999:9999999:"}
    first = issued_invoice(scene, 3, customer=mine, line=cut)
    others = issued_invoice(scene, 4, customer=mine, payer=other, line=cut)
    draft = composed_draft(scene, 5, customer=mine, line=cut)

    def named(api):
        [line] = api.get(f"invoices/{first.pk}/lines").json()["data"]
        found = api.get(f"invoices/{first.pk}/lines/{line['id']}/explanation").json()
        return [one["invoice_id"] for one in found["documents"]]

    assert named(Api(scene.book, customer=mine)) == [str(first.pk)]
    assert named(Api(scene.book, customer=parent)) == [str(first.pk), str(others.pk)]
    assert named(Api(scene.book)) == [str(one.pk) for one in (first, others, draft)]


@pytest.mark.parametrize(
    "path",
    ["documents", "download", "download?format=csv", "compare", "edits", "history", "lines", ""],
)
def test_nothing_of_anothers_invoice_is_there(family, path):
    scene, _, (mine, other) = family
    invoice = issued_invoice(scene, 9, customer=other)

    for named in (invoice.pk, invoice.number):
        found = Api(scene.book, customer=mine).get(f"invoices/{named}/{path}".rstrip("/"))
        assert code(found) == (404, "not_found")
