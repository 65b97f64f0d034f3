"""Documents as files over the API."""

from __future__ import annotations

import hashlib

import pytest

from tests import factories
from tests.api import Api, code
from tests.billing.invoicing.documents import composed_draft, issued_invoice, selling

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return selling()


@pytest.fixture
def invoice(scene):
    address = {"address": {"country": "DE"}}
    return issued_invoice(scene, 100, tax=19, supplier=address, party=address)


@pytest.mark.parametrize(
    ("kind", "media", "start"),
    [
        ("pdf", "application/pdf", b"%PDF"),
        ("facturx", "application/pdf", b"%PDF"),
        ("ubl", "application/xml", b"<?xml"),
        ("cii", "application/xml", b"<?xml"),
        ("csv", "text/csv; charset=utf-8", b"\xef\xbb\xbfnumber"),
    ],
)
def test_a_document_is_downloaded_in_any_format(scene, invoice, kind, media, start):
    response = Api(scene.book).get(f"invoices/{invoice.number}/download", format=kind)
    assert (response.status_code, response["Content-Type"]) == (200, media)
    assert response.content.startswith(start)
    assert response["ETag"] == f'"{hashlib.sha256(response.content).hexdigest()}"'
    assert invoice.number in response["Content-Disposition"]


def test_what_was_rendered_is_listed_with_its_digest(scene, invoice):
    api = Api(scene.book)
    content = api.get(f"invoices/{invoice.pk}/download", language="de").content
    (listed,) = api.get(f"invoices/{invoice.pk}/documents").json()["data"]
    assert (listed["format"], listed["language"]) == ("pdf", "de")
    assert listed["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_draft_has_no_e_invoice(scene):
    draft = composed_draft(scene, 10)
    api = Api(scene.book)
    assert api.get(f"invoices/{draft.pk}/download").status_code == 200
    assert code(api.get(f"invoices/{draft.pk}/download", format="ubl")) == (409, "not_issued")


@pytest.mark.parametrize("query", [{"format": "docx"}, {"language": "../x"}, {"unknown": "1"}])
def test_a_file_that_there_is_not_is_refused(scene, invoice, query):
    response = Api(scene.book).get(f"invoices/{invoice.pk}/download", **query)
    assert code(response) == (400, "invalid_input")


def test_a_bound_key_gets_its_own_documents_only(scene, invoice):
    own = Api(scene.book, customer=invoice.payer)
    other = Api(scene.book, customer=factories.customer(book=scene.book))
    assert own.get(f"invoices/{invoice.pk}/download").status_code == 200
    assert code(other.get(f"invoices/{invoice.pk}/download")) == (404, "not_found")
