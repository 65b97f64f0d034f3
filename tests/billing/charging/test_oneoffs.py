"""One-off charges: once per key, at their time, paid as usage is."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing import checks, due
from billing.charging import oneoffs
from billing.invoicing import drafting
from billing.models import Charge, InvoiceLine, TaxCode
from ledger import verification
from ledger.errors import IdempotencyConflictError, InvalidInputError, PrecisionError
from tests.billing.charging.agreed import on
from tests.billing.scene import START, new_scene

pytestmark = pytest.mark.django_db

MARCH = on("2025-03-10")


@pytest.fixture
def scene():
    return new_scene()


def charge(scene, price="250", *, key="k", at=MARCH, **more):
    more = {"name": "Onboarding", "customer": scene.customer, "asset": scene.dollars, **more}
    return oneoffs.charge_once(unit_price=Decimal(price), key=key, at=at, **more)


def test_it_is_owed_at_once_and_revenue_at_once(scene):
    made = charge(scene, "12.345", quantity=Decimal(3), product="services")

    assert (made.posted, made.earned) == (Decimal("37.04"), Decimal("37.04"))
    assert scene.unbilled == Decimal("37.04")
    assert -scene.holds("one_off_revenue", "services") == Decimal("37.04")
    assert made.changes.get().explanation == {"price": "12.345", "quantity": "3"}
    assert not list(checks.charges_were_posted(book_id=None))


def test_the_same_key_charges_once(scene):
    again = [charge(scene), charge(scene, at=on("2025-03-11"))]

    assert again[0] == again[1]
    assert scene.unbilled == 250
    with pytest.raises(IdempotencyConflictError, match="k"):
        charge(scene, "251")


def test_what_is_due_later_waits_for_its_time(scene):
    made = charge(scene, due_at=on("2025-04-01"))
    assert (made.posted, scene.unbilled) == (0, 0)

    due.run(customer=scene.customer, until=on("2025-03-31T23:59:59"))
    assert scene.unbilled == 0
    for _ in range(2):
        due.run(customer=scene.customer, until=on("2025-04-02"))

    made.refresh_from_db()
    assert (made.posted, scene.unbilled, made.scheduled_at) == (250, 250, None)
    assert made.changes.get().effective_at == on("2025-04-01")


def test_the_sweep_finds_what_waits(scene):
    charge(scene, due_at=on("2025-04-01"))

    swept = due.sweep(at=on("2025-04-02"))

    assert (swept.failures, swept.charges, scene.unbilled) == ([], 1, 250)


def test_credit_pays_first(scene):
    scene.grant(100)
    charge(scene)

    assert scene.unbilled == 150
    assert verification.verify().disagreements == []


def test_what_costs_nothing_is_on_record_and_posts_nothing(scene):
    made = charge(scene, "0")

    assert (made.posted, made.changes.count(), made.scheduled_at) == (0, 0, None)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"quantity": Decimal(0)}, "quantity"),
        ({"price": "-1"}, "unit_price"),
        ({"name": " "}, "name"),
        ({"tax_code": "nobody-knows"}, "tax_code"),
        ({"key": ""}, "key"),
    ],
)
def test_what_is_wrong_is_named(scene, wrong, field):
    with pytest.raises(InvalidInputError) as caught:
        charge(scene, **wrong)

    assert caught.value.field == field
    assert not Charge.objects.exists()


def test_units_are_no_price(scene):
    with pytest.raises(InvalidInputError, match="currency"):
        charge(scene, asset=scene.things)
    with pytest.raises(PrecisionError):
        charge(scene, "0.0000000000001")


def test_a_tax_code_of_the_book_is_kept(scene):
    TaxCode.objects.create(book=scene.book, key="services", name="Services", created_at=START)

    assert charge(scene, tax_code="services").tax_code == "services"


def test_the_database_refuses_one_without_a_price(scene):
    made = charge(scene)

    with pytest.raises(IntegrityError, match="billing_charge_one_off"), transaction.atomic():
        Charge.objects.filter(pk=made.pk).update(unit_price=None)
    with pytest.raises(IntegrityError, match="billing_charge_of_something"), transaction.atomic():
        Charge.objects.filter(pk=made.pk).update(kind="flat", quantity=None)


def test_it_is_invoiced_on_a_line_of_its_own(scene):
    charge(scene, quantity=Decimal(2), product="services")
    drafting.draft(
        book=scene.book, payers=[scene.customer.pk], until=on("2025-03-11"), at=on("2025-03-11")
    )

    [line] = InvoiceLine.objects.all()
    assert (line.kind, line.description, line.product) == ("one_off", "Onboarding", "services")
    assert (line.quantity, line.unit_price, line.amount) == (2, 250, 500)
