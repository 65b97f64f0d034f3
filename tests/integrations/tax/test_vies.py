"""VIES is asked about VAT numbers; what it answers is evidence, and that it does not, too."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.models import Supplier, TaxEvidence
from billing.taxation import ids
from integrations.tax import vies
from ledger.models import Outbox
from tests import factories
from tests.api import Api, code
from tests.fakes import receiver
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
NUMBER = "FR40303265045"


@pytest.fixture
def register(settings):
    """Return VIES on the loopback interface."""
    with receiver.listening() as listening:
        settings.METERBOOK_VIES = True
        settings.METERBOOK_VIES_URL = f"{listening.address}/check"
        settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = receiver.LOOPBACK
        yield listening


@pytest.fixture
def tax_id():
    customer = factories.customer()
    numbers = {"eu_vat": "DE136695976"}
    Supplier.objects.create(book=customer.book, tax_ids=numbers, updated_at=AT)
    return ids.enter(customer=customer, kind="eu_vat", number=NUMBER, at=AT)


def says(**said: Any) -> receiver.Fault:
    return receiver.status(200, json.dumps(said).encode(), content_type="application/json")


VALID = says(valid=True, requestIdentifier="WAPI1", name="CONTOSO", address="PARIS")


def asked(tax_id: Any, at: datetime = AT) -> int:
    found = vies.verify_due(clock=lambda: at, cause="test")
    tax_id.refresh_from_db()
    return found


def test_a_number_is_confirmed_with_the_identifier_that_proves_it(register, tax_id):
    register.faults.append(VALID)
    assert asked(tax_id) == 1
    assert (tax_id.status, tax_id.checked_at) == ("valid", AT)
    found = TaxEvidence.objects.get(kind="vies")
    assert (found.request_identifier, found.answer["name"]) == ("WAPI1", "CONTOSO")
    assert register.received[0].said == {
        "countryCode": "FR",
        "vatNumber": "40303265045",
        "requesterMemberStateCode": "DE",
        "requesterNumber": "136695976",
    }


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (says(valid=False), "invalid"),
        (says(errorWrappers=[{"error": "INVALID_INPUT"}]), "invalid"),
        (says(actionSucceed=False, errorWrappers=[{"error": "MS_UNAVAILABLE"}]), "unavailable"),
        (says(valid=False, errorWrappers=[{"error": "MS_MAX_CONCURRENT_REQ"}]), "unavailable"),
        (says(), "unavailable"),
        (receiver.status(200, b"[]"), "unavailable"),
        (receiver.status(502, b"<html>"), "unavailable"),
        (receiver.closes, "unavailable"),
        (receiver.nonsense, "unavailable"),
    ],
)
def test_what_it_answers_is_known_and_what_it_does_not_is_not(register, tax_id, answer, status):
    register.faults.append(answer)
    asked(tax_id)
    assert tax_id.status == status
    assert TaxEvidence.objects.filter(kind="vies").count() == 1


def test_that_it_is_away_takes_nothing_back(register, tax_id):
    register.faults += [VALID, receiver.closes]
    asked(tax_id)
    assert asked(tax_id, AT + timedelta(days=91)) == 1
    assert (tax_id.status, tax_id.checked_at) == ("valid", AT)


def test_it_is_asked_again_after_a_while_only(register, tax_id):
    register.faults += [receiver.closes, VALID]
    assert asked(tax_id) == 1
    assert asked(tax_id, AT + timedelta(minutes=30)) == 0
    assert asked(tax_id, AT + timedelta(hours=2)) == 1
    assert asked(tax_id, AT + timedelta(days=30)) == 0
    assert len(register.received) == 2


def test_nobody_is_asked_unless_it_is_wanted(register, tax_id, settings):
    settings.METERBOOK_VIES = False
    assert asked(tax_id) == 0
    assert register.received == []


def test_numbers_of_other_kinds_are_not_its_business(register, tax_id):
    ids.end(tax_id=tax_id, at=AT)
    ids.enter(customer=tax_id.customer, kind="gb_vat", number="980780684", at=AT)
    assert vies.verify_due(clock=lambda: AT, cause="test") == 0


def told() -> list[dict[str, Any]]:
    rows = Outbox.objects.filter(topic="event").order_by("pk").values_list("payload", flat=True)
    return [row["data"] for row in rows if row["type"] == "tax_id.verified"]


def test_whoever_listens_is_told_what_is_new_only(register, tax_id):
    register.faults += [VALID, VALID, receiver.closes, says(valid=False)]
    for days in (0, 91, 182, 273):
        asked(tax_id, AT + timedelta(days=days))

    assert [(data["before"], data["status"]) for data in told()] == [
        ("unverified", "valid"),
        ("valid", "invalid"),
    ]
    assert told()[0]["request_identifier"] == "WAPI1"


@pytest.mark.parametrize("url", ["http://vies.example/check", "https://user:x@vies.example/"])
def test_it_is_asked_by_https_only(register, tax_id, settings, url):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = []
    settings.METERBOOK_VIES_URL = url
    asked(tax_id)
    assert tax_id.status == "unavailable"
    assert "METERBOOK_VIES_URL" in TaxEvidence.objects.get(kind="vies").answer["error"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "[::1]"])
def test_no_private_address_is_asked_unless_the_operator_names_it(register, tax_id, settings, host):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = []
    settings.METERBOOK_VIES_URL = f"https://{host}/check"
    asked(tax_id)
    assert tax_id.status == "unavailable"
    assert "address" in TaxEvidence.objects.get(kind="vies").answer["error"]
    assert register.received == []


class TestNow:
    def test_it_is_asked_when_somebody_wants_to_know(self, register, tax_id):
        register.faults += [receiver.closes, VALID]
        api = Api(tax_id.customer.book)
        path = f"tax-ids/{tax_id.pk}/verify"

        first = api.post(path).json()
        again = api.post(path).json()

        assert first["status"] == again["status"] == "unavailable"
        assert len(register.received) == 1
        assert verified(tax_id, AT + timedelta(days=9999)).status == "valid"

    def test_a_person_asks_in_the_admin(self, register, tax_id):
        register.faults.append(VALID)
        browser = Browser()
        assert "Verify now" in browser.read("billing_taxid_change", tax_id.pk)

        browser.do("billing_taxid_verify", tax_id.pk)

        tax_id.refresh_from_db()
        assert tax_id.status == "valid"
        assert "WAPI1" in browser.read("billing_taxid_change", tax_id.pk)

    def test_nobody_is_asked_unless_the_operator_wants_it(self, register, tax_id, settings):
        settings.METERBOOK_VIES = False
        response = Api(tax_id.customer.book).post(f"tax-ids/{tax_id.pk}/verify")
        assert code(response) == (409, "vies_off")
        assert "Verify now" not in Browser().read("billing_taxid_change", tax_id.pk)

    def test_what_has_ended_is_not_asked_about(self, register, tax_id):
        ids.end(tax_id=tax_id, at=AT)
        response = Api(tax_id.customer.book).post(f"tax-ids/{tax_id.pk}/verify")
        assert code(response) == (409, "tax_id_not_asked")
        assert register.received == []

    def test_books_stand_apart(self, register, tax_id):
        assert Api(factories.book()).post(f"tax-ids/{tax_id.pk}/verify").status_code == 404


def verified(tax_id: Any, at: datetime) -> Any:
    return vies.verify_now(tax_id=tax_id, at=at, cause="test")
