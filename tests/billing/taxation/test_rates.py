"""Rates by place, code and day: one at a time, for the service and for the database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing import taxcodes
from billing.models import TaxEvidence, TaxRate
from billing.tax.facts import Place
from billing.taxation import evidence, rates
from ledger.errors import AlreadyExistsError, InvalidInputError
from tests import factories

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
NEW_YEAR = date(2027, 1, 1)


@pytest.fixture
def book():
    return factories.book()


def enter(book: Any, percentage: str = "19", **more: Any) -> TaxRate:
    given = {"jurisdiction": "DE", "valid_from": date(2021, 1, 1), "at": AT} | more
    return rates.enter(book=book, percentage=Decimal(percentage), **given)


def test_a_later_rate_ends_the_one_before_and_each_holds_on_its_days(book):
    enter(book)
    enter(book, "20", valid_from=NEW_YEAR)
    known = rates.known(book=book)

    def on(day: date) -> Decimal:
        found = known.of(Place("DE"), "", day)
        assert found is not None
        return found.percentage

    assert [on(date(2026, 12, 31)), on(NEW_YEAR)] == [19, 20]
    assert known.of(Place("DE"), "", date(2020, 1, 1)) is None


def test_a_rate_that_would_hold_beside_another_is_refused(book):
    enter(book, valid_from=NEW_YEAR)
    with pytest.raises(AlreadyExistsError):
        enter(book, "7")
    assert TaxRate.objects.get().valid_to is None, "nothing was ended by what was refused"


def test_places_and_codes_have_rates_of_their_own(book):
    code = taxcodes.create(book=book, key="books", name="Books", at=AT)
    enter(book)
    enter(book, "7", tax_code=code)
    enter(book, "20", jurisdiction="fr")
    assert TaxRate.objects.filter(valid_to=None).count() == 3


def test_a_rate_that_was_entered_in_error_is_ended_on_its_first_day(book):
    rate = enter(book, "91")
    rates.end(rate=rate, valid_to=rate.valid_from)
    assert enter(book).percentage == 19
    with pytest.raises(InvalidInputError):
        rates.end(rate=rate, valid_to=NEW_YEAR)


def test_the_database_refuses_what_the_service_would(book):
    rate = enter(book)
    same = {"book": book, "jurisdiction": "DE", "valid_from": NEW_YEAR, "created_at": AT}
    with pytest.raises(IntegrityError, match="one_at_a_time"), transaction.atomic():
        TaxRate.objects.create(percentage=7, **same)
    with pytest.raises(IntegrityError, match="percentage_of_category"), transaction.atomic():
        TaxRate.objects.create(percentage=7, category="Z", **same | {"jurisdiction": "FR"})
    foreign = taxcodes.create(book=factories.book(), key="x", name="X", at=AT)
    with pytest.raises(IntegrityError, match="another book"), transaction.atomic():
        TaxRate.objects.create(percentage=7, tax_code=foreign, **same)
    assert TaxRate.objects.get() == rate


def test_evidence_is_never_changed():
    evidence.record(customer=factories.customer(), kind="ip", answer={"country": "FR"}, at=AT)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        TaxEvidence.objects.update(answer={})
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        TaxEvidence.objects.all().delete()
