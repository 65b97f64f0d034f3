"""Taxes by API: rates, tax ids, evidence, certificates, and what a sale would bear."""

from __future__ import annotations

import pytest
from django.utils.timezone import now

from billing import taxcodes
from billing.models import Party, Supplier
from tests import factories
from tests.api import Api, code

RATE = {"jurisdiction": "de", "percentage": "19", "valid_from": "2021-01-01"}


@pytest.fixture
def customer(book):
    """Return a French business of a German seller."""
    Supplier.objects.create(book=book, address={"country": "DE"}, updated_at=now())
    customer = factories.customer(book=book, key="contoso")
    Party.objects.create(customer=customer, address={"country": "FR"}, updated_at=now())
    return customer


def test_a_rate_ends_the_one_before_it_and_may_be_ended(api):
    first = api.post("tax-rates", RATE).json()
    assert (first["jurisdiction"], first["percentage"], first["valid_to"]) == ("DE", "19", None)
    second = api.post("tax-rates", RATE | {"percentage": "20", "valid_from": "2027-01-01"}).json()
    listed = api.get("tax-rates", jurisdiction="de").json()["data"]
    assert [row["valid_to"] for row in listed] == ["2027-01-01", None]
    ended = api.post(f"tax-rates/{second['id']}/end", {"valid_to": "2028-01-01"}).json()
    assert ended["valid_to"] == "2028-01-01"
    again = api.post(f"tax-rates/{second['id']}/end", {"valid_to": "2029-01-01"})
    assert code(again) == (400, "invalid_input")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"jurisdiction": "Germany!"}, "jurisdiction"),
        ({"percentage": "0"}, "percentage"),
        ({"percentage": "101"}, "percentage"),
        ({"percentage": "19", "category": "Z"}, "percentage"),
        ({"valid_to": "2020-01-01"}, "valid_to"),
        ({"valid_from": "soon"}, "valid_from"),
    ],
)
def test_what_cannot_be_a_rate_is_refused_by_its_field(api, wrong, field):
    response = api.post("tax-rates", RATE | wrong)
    assert code(response) == (400, "invalid_input")
    assert response.json()["errors"][0]["field"] == field


def test_two_rates_at_once_are_refused(api):
    api.post("tax-rates", RATE)
    assert code(api.post("tax-rates", RATE | {"percentage": "7"})) == (409, "already_exists")


def test_a_tax_id_is_entered_replaced_and_ended(api, customer):
    body = {"customer": "contoso", "type": "eu_vat", "number": "FR 40 303 265 045"}
    first = api.post("tax-ids", body).json()
    assert (first["number"], first["status"]) == ("FR40303265045", "unverified")
    assert api.post("tax-ids", body).json() == first
    second = api.post("tax-ids", body | {"number": "DE136695976"}).json()
    assert api.post(f"tax-ids/{second['id']}/end").json()["ended_at"]
    assert code(api.post(f"tax-ids/{second['id']}/end")) == (409, "tax_id_ended")
    assert len(api.get("tax-ids", customer="contoso").json()["data"]) == 2
    evidence = api.get("tax-evidence", customer="contoso").json()["data"]
    assert {row["kind"] for row in evidence} == {"format"}


def test_a_tax_id_with_a_wrong_digit_is_refused(api, customer):
    body = {"customer": "contoso", "type": "eu_vat", "number": "FR40303265046"}
    response = api.post("tax-ids", body)
    assert code(response) == (400, "invalid_input")
    assert response.json()["errors"][0]["field"] == "number"


def test_evidence_from_elsewhere_is_kept(api, customer):
    body = {"customer": "contoso", "kind": "ip", "answer": {"country": "FR"}}
    made = api.post("tax-evidence", body).json()
    assert (made["answer"], made["kind"]) == ({"country": "FR"}, "ip")
    assert code(api.post("tax-evidence", body | {"kind": "vies"})) == (400, "invalid_input")


def test_a_certificate_frees_until_it_is_revoked(api, customer):
    body = {
        "customer": "contoso",
        "jurisdiction": "US-CA",
        "certificate": "R-1",
        "valid_from": "2026-01-01",
    }
    made = api.post("tax-exemptions", body).json()
    assert code(api.post("tax-exemptions", body)) == (409, "already_exists")
    assert code(api.post("tax-exemptions", body | {"tax_codes": ["no"]})) == (404, "not_found")
    path = f"tax-exemptions/{made['id']}/revoke"
    assert api.post(path).json()["revoked_at"]
    assert code(api.post(path)) == (409, "exemption_revoked")
    assert len(api.get("tax-exemptions").json()["data"]) == 1


def test_a_decision_is_shown_with_its_reasons_before_anything_is_sold(api, customer):
    api.post("tax-rates", RATE)
    preview = api.post("tax-decisions/preview", {"customer": "contoso"}).json()
    assert (preview["category"], preview["percentage"]) == ("S", "19")
    assert [problem["code"] for problem in preview["problems"]] == ["no_tax_id"]
    api.post("tax-ids", {"customer": "contoso", "type": "eu_vat", "number": "FR40303265045"})
    preview = api.post("tax-decisions/preview", {"customer": "contoso"}).json()
    assert (preview["category"], preview["vatex"]) == ("AE", "VATEX-EU-AE")
    unknown = {"customer": "contoso", "tax_code": "no"}
    assert code(api.post("tax-decisions/preview", unknown)) == (404, "not_found")


def test_a_code_says_what_is_sold(api, book):
    taxcodes.create(book=book, key="books", name="Books", classification="goods", at=now())
    assert api.get("tax-codes/books").json()["classification"] == "goods"
    changed = api.put("tax-codes/books", {"name": "Books", "classification": "digital"}).json()
    assert changed["classification"] == "digital"
    assert code(api.post("tax-codes", {"key": "x", "name": "X", "classification": "?"}))[0] == 400


def test_a_bound_key_sees_its_own_taxes_only(api, book, customer):
    api.post("tax-rates", RATE)
    api.post("tax-ids", {"customer": "contoso", "type": "eu_vat", "number": "FR40303265045"})
    other = factories.customer(book=book)
    bound = Api(book, customer=other)
    assert bound.get("tax-ids").json()["data"] == []
    assert code(bound.get("tax-rates")) == (404, "not_found")
    own = Api(book, customer=customer)
    assert len(own.get("tax-ids").json()["data"]) == 1
    assert code(own.post("tax-ids", {})) == (404, "not_found")


def test_taxes_are_changed_by_finance_only(book):
    reading = Api(book, scopes=["read", "manage"])
    assert code(reading.post("tax-rates", RATE)) == (403, "scope_missing")
