"""Tax ids of customers: as they stand with an address, entered and ended with it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from billing import collection
from billing.models import TaxEvidence, TaxId
from billing.taxation import evidence, ids
from ledger.errors import InvalidInputError
from tests import factories

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
FRENCH = {"eu_vat": "FR 40303265045"}


@pytest.fixture
def customer():
    return factories.customer()


def held(customer) -> list[tuple[str, str]]:
    rows = TaxId.objects.filter(customer=customer, ended_at=None).order_by("type")
    return [(row.type, row.number) for row in rows]


def test_a_number_that_stands_with_an_address_is_entered(customer):
    party = collection.set_party(customer=customer, tax_ids=FRENCH, at=AT)
    assert party.tax_ids == {"eu_vat": "FR40303265045"}
    assert held(customer) == [("eu_vat", "FR40303265045")]


def test_a_number_that_no_longer_stands_there_is_ended_and_others_stay(customer):
    ids.enter(customer=customer, kind="us_ein", number="91-1144442", at=AT)
    collection.set_party(customer=customer, tax_ids=FRENCH, at=AT)
    collection.set_party(customer=customer, at=AT)
    assert held(customer) == [("us_ein", "911144442")]


def test_what_is_known_of_a_number_outlives_a_change_of_address(customer):
    collection.set_party(customer=customer, tax_ids=FRENCH, at=AT)
    entered = TaxId.objects.get()
    evidence.record(
        customer=customer, kind="vies", answer={}, tax_id=entered, status="valid", at=AT
    )
    collection.set_party(customer=customer, tax_ids=FRENCH, legal_name="New", at=AT)
    assert TaxId.objects.get().status == "valid"
    assert TaxEvidence.objects.count() == 2


@pytest.mark.parametrize("wrong", [{"eu_vat": "FR40303265046"}, {"vat": "1"}, {"eu_vat": "x" * 99}])
def test_a_malformed_number_is_refused_with_the_whole_party(customer, wrong):
    with pytest.raises(InvalidInputError):
        collection.set_party(customer=customer, tax_ids=wrong, at=AT)
    assert held(customer) == []
