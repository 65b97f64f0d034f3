"""A line explains itself down to its price, its charges, its credit and its events."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.charging.oneoffs import charge_once
from billing.invoicing import behind, comparing, explaining, sources
from billing.models import InvoiceLine
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import rows, with_usage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop():
    sources.forget()
    return with_usage()


def usage(invoice):
    return next(line for line in rows(invoice) if line.billable.accrual_id)


def names(found):
    return sorted(event.external_id for event in found)


def test_a_line_of_usage_names_its_events(shop):
    shop.use(3, "2024-01-10", id="one")
    shop.use(4, "2024-01-11", id="two")
    [january] = shop.issue("2024-02-01")
    shop.use(2, "2024-01-20", received="2024-02-03", id="late")
    shop.agreed.scene.void("one")
    shop.use(1, "2024-02-05", id="february")
    shop.draft("2024-02-04")

    assert names(explaining.events(line=usage(january))) == ["one", "two"]
    note = InvoiceLine.objects.get(invoice__state="draft")
    assert names(explaining.events(line=note)) == ["late"]
    assert names(explaining.events(line=note, taken_back=True)) == ["one"]


def test_an_explanation_has_price_quantities_and_documents(shop):
    shop.use(3, "2024-01-10")
    shop.agreed.scene.grant(1, at=on("2024-01-01"), key="gift")
    shop.use(2, "2024-01-11")
    [january] = shop.issue("2024-02-01")

    found = explaining.explain(line=usage(january))

    assert found.upto is not None
    assert (found.upto.sums.quantity, found.upto.printed.due) == (5, 4)
    assert found.price == {"price": {"type": "unit", "amount": "1"}}
    assert [(one.number, one.due) for one in found.documents] == [(january.number, 4)]
    assert [(one.grant, one.amount) for one in found.funding] == [("gift", 1)]
    assert (found.events, found.taken_back) == (2, 0)


def test_events_lead_to_entries(shop):
    shop.use(3, "2024-01-10")
    [january] = shop.issue("2024-02-01")
    line = usage(january)
    [event] = explaining.events(line=line)

    found = explaining.entries(line=line, event=event)

    assert Decimal(3) in [entry.amount for entry in found]


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_a_line_of_usage_pages_the_entries_of_all_its_events(shop, size):
    shop.agreed.scene.grant(1, at=on("2024-01-01"), key="gift")
    for day, value in enumerate([3, 0, 0, 4, 2], start=10):  # nothing used makes no entries
        shop.use(value, f"2024-01-{day}", id=f"e{day}")
    [january] = shop.issue("2024-02-01")
    shop.use(8, "2024-02-10", id="february")
    line = usage(january)

    found, after, pages = [], None, 0
    while pages == 0 or after is not None:
        with CaptureQueriesContext(connection) as asked:
            entries, after = behind.page(line=line, size=size, after=after)
        assert len(asked) <= 6
        assert len(entries) <= size
        found += entries
        pages += 1

    expected = [
        entry.pk
        for event in explaining.events(line=line).order_by("pk")
        for entry in explaining.entries(line=line, event=event)
    ]
    assert [entry.pk for entry in found] == expected
    assert len(expected) > 5


def test_a_line_of_a_fee_names_its_postings(shop):
    shop.issue("2024-01-01")
    shop.agreed.replace("base", 20, "2024-01-11")
    shop.draft("2024-01-11")

    [note] = [one for one in shop.drafts if one.kind == "credit_note"]
    [line] = rows(note)
    found = explaining.explain(line=line)

    [change] = found.changes
    assert change.amount == -line.due
    assert [entry.amount for entry in explaining.entries(line=line)] == [line.due]
    assert explaining.events(line=line).count() == 0


def test_a_draft_stands_beside_the_period_before(shop):
    shop.use(3, "2024-01-10")
    shop.issue("2024-02-01")
    shop.use(9, "2024-02-10")
    shop.draft("2024-03-01")

    found = comparing.compare(invoice=shop.only)

    base, calls = found.pairs
    assert found.previous is not None
    assert (base.difference, base.percentage) == (-10, Decimal("-50.0"))
    assert (calls.now.quantity, calls.before.quantity, calls.percentage) == (9, 3, Decimal("200.0"))


def test_what_is_charged_once_stands_beside_no_period(shop):
    shop.use(3, "2024-01-10")
    shop.issue("2024-02-01")
    charge_once(
        customer=shop.payer, asset=shop.agreed.scene.dollars, name="Setup",
        unit_price=Decimal(50), at=on("2024-02-03"), key="setup",
    )  # fmt: skip
    shop.draft("2024-02-04")

    found = comparing.compare(invoice=shop.only)

    assert found.previous is None
    assert [(pair.description, pair.is_gone) for pair in found.pairs] == [("Setup", False)]


def test_there_may_be_no_period_before(shop):
    shop.draft("2024-01-01")

    found = comparing.compare(invoice=shop.only)

    assert found.previous is None
    assert [pair.is_new for pair in found.pairs] == [True]
