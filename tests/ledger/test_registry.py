"""Books, assets and customers are named once, and their tree stays a tree."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from ledger import registry
from ledger.errors import AlreadyExistsError, InvalidInputError
from ledger.models import Asset, Customer

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def book():
    return registry.create_book(key="acme", name="ACME Inc.", base_currency="USD", at=NOON)


@pytest.fixture
def enter(book):
    """Return a function that enters a customer, perhaps below another."""

    def create(key: str, parent: Customer | None = None) -> Customer:
        return registry.create_customer(book=book, key=key, name=key, parent=parent, at=NOON)

    return create


def test_a_book_brings_its_base_currency(book):
    assert Asset.objects.get(code="USD").scale == 12
    assert registry.currency(code="USD") == Asset.objects.get()


def test_a_book_is_named_once(book):
    with pytest.raises(AlreadyExistsError, match="acme"):
        registry.create_book(key="acme", name="Other", base_currency="EUR", at=NOON)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "with space"),
        ("key", ""),
        ("name", "  "),
        ("name", "x" * 201),
        ("name", "null \0"),
        ("base_currency", "XQQ"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../etc/passwd"),
    ],
)
def test_a_book_is_refused_what_it_cannot_be(field, value):
    given = {"key": "b", "name": "B", "base_currency": "USD", "time_zone": "UTC", field: value}

    with pytest.raises(InvalidInputError) as refused:
        registry.create_book(**given, at=NOON)
    assert refused.value.field == field


def test_a_currency_is_one_that_exists():
    with pytest.raises(InvalidInputError, match="ISO 4217"):
        registry.create_asset(code="DOUBLOON", name="Doubloon", kind="currency")


@pytest.mark.parametrize("scale", [-1, 13])
def test_a_scale_fits_the_ledger(scale):
    with pytest.raises(InvalidInputError, match="0 to 12"):
        registry.create_asset(code="tok", name="Tokens", kind="unit", scale=scale)


def test_a_unit_cannot_become_a_currency():
    registry.create_asset(code="EUR", name="Europium", kind="unit")

    with pytest.raises(InvalidInputError, match="names a unit"):
        registry.currency(code="EUR")


def test_customers_stand_in_a_tree(enter):
    root = enter("root")
    team = enter("team", enter("unit", root))

    assert len(registry.subtree(root.pk)) == 3
    assert registry.subtree(team.pk) == [team.pk]


def test_a_customer_moves_with_what_is_below_it(enter):
    old, new = enter("old"), enter("new")
    unit = enter("unit", old)
    team = enter("team", unit)

    registry.update_customer(customer=unit, parent=new)

    assert registry.subtree(old.pk) == [old.pk]
    assert set(registry.subtree(new.pk)) == {new.pk, unit.pk, team.pk}


def test_a_customer_cannot_stand_below_itself(enter):
    root = enter("root")
    unit = enter("unit", root)

    with pytest.raises(InvalidInputError, match="not root or below it"):
        registry.update_customer(customer=root, parent=unit)
    with pytest.raises(IntegrityError, match="below itself"), transaction.atomic():
        Customer.objects.filter(pk=root.pk).update(parent=unit)


def test_a_parent_is_of_the_same_book(enter):
    other = registry.create_book(key="other", name="Other", base_currency="USD", at=NOON)
    stranger = registry.create_customer(book=other, key="s", name="S", at=NOON)

    with pytest.raises(InvalidInputError, match="same book"):
        enter("child", stranger)


def test_a_customers_key_is_taken_once_per_book(enter):
    enter("10023")

    with pytest.raises(AlreadyExistsError):
        enter("10023")


def test_metadata_that_cannot_be_stored_is_refused(book):
    with pytest.raises(InvalidInputError, match="metadata"):
        registry.create_customer(
            book=book, key="c", name="C", metadata={"n": float("inf")}, at=NOON
        )


def test_a_change_leaves_the_rest(enter):
    customer = enter("c", enter("p"))

    changed = registry.update_customer(customer=customer, name="New name")

    assert (changed.name, changed.parent_id) == ("New name", customer.parent_id)
    assert registry.update_customer(customer=changed, is_active=False).name == "New name"
