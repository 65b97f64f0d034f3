"""When what is due is collected, who pays for it, and by what it is grouped."""

from datetime import timedelta

import pytest

from billing import collection
from ledger.errors import InvalidInputError
from tests import factories
from tests.billing.charging.agreed import agreed, on
from tests.billing.invoicing.drafting.billed import Billed, billed, lines, money, rows, with_usage

pytestmark = pytest.mark.django_db


def test_usage_is_given_time_to_come_in_and_the_fee_waits_for_it():
    shop = with_usage()
    shop.profile(grace=timedelta(days=2))
    shop.issue("2024-01-01")
    shop.use(7, "2024-01-10")

    assert shop.draft("2024-02-01").open == []

    shop.draft("2024-02-02", at="2024-02-03")
    assert lines(shop.only) == money(("Base", "10"), ("Calls", "7"))


def test_a_fee_ahead_that_nothing_runs_with_does_not_wait():
    shop = billed()
    shop.profile(grace=timedelta(days=2))
    shop.agreed.fee(10)

    shop.draft("2024-01-01", at="2024-01-01")

    assert lines(shop.only) == money(("Base", "10"))


def test_an_anchored_calendar_collects_up_to_its_date():
    shop = with_usage()
    collection.set_profile(
        book=shop.book,
        customer=shop.payer,
        alignment="anchored",
        anchor=on("2024-01-15"),
        at=on("2024-01-01"),
    )
    shop.use(7, "2024-01-10")

    shop.draft("2024-02-10")
    assert lines(shop.only) == money(("Base", "10"))  # of January; the rest waits

    shop.draft("2024-02-15")
    assert lines(shop.only) == money(("Base", "10"), ("Base", "10"), ("Calls", "7"))


def family():
    """Return a parent and a child that pays nothing itself, with a fee each."""
    parent = billed()
    child = factories.customer(parent=parent.payer)
    parent.agreed.fee(10)
    parent.agreed.run("2024-01-01")
    return parent, child, subscribed(parent, child)


def subscribed(shop, customer, fee=4, **terms):
    """Return another customer's subscription of the same book."""
    scene = shop.agreed.scene
    own, scene.customer = scene.customer, customer
    other = agreed(scene=scene, **terms)
    other.fee(fee, key="seat")
    other.run("2024-01-01")
    scene.customer = own
    return other


def test_everybody_pays_for_itself_unless_told():
    parent, child, _ = family()

    parent.draft("2024-01-01", payers=[parent.payer, child])

    assert [(one.payer, one.due) for one in parent.drafts] == [(parent.payer, 10), (child, 4)]


def test_a_parent_that_is_named_pays_for_all_below():
    parent, child, _ = family()
    parent.profile(parent.payer, payer=parent.payer)

    parent.draft("2024-01-01", payers=[parent.payer, child])

    invoice = parent.only
    assert (invoice.payer, invoice.due) == (parent.payer, 14)
    assert [line.consumer for line in rows(invoice)] == [parent.payer, child]


def test_a_child_with_a_profile_of_its_own_pays_for_itself():
    parent, child, _ = family()
    parent.profile(parent.payer, payer=parent.payer)
    parent.profile(child)

    parent.draft("2024-01-01", payers=[parent.payer, child])

    assert [(one.payer, one.due) for one in parent.drafts] == [(parent.payer, 10), (child, 4)]


def test_payers_are_found_by_what_is_due():
    parent, child, _ = family()
    stranger = factories.customer(book=parent.book)
    parent.profile(child, payer=stranger)

    assert collection.payers_due(book=parent.book, until=on("2024-01-01")) == [
        parent.payer.pk,
        stranger.pk,
    ]


@pytest.mark.parametrize(
    ("group_by", "own"),
    [("purchase_order", {"purchase_order": "PO-7"}), ("cost_centre", {"cost_centre": "PO-7"})],
)
def test_documents_are_grouped_by_what_who_consumes_says(group_by, own):
    parent, child, _ = family()
    parent.profile(parent.payer, payer=parent.payer, group_by=group_by)
    parent.profile(child, payer=parent.payer, **own)

    parent.draft("2024-01-01")

    assert [(one.group_key, one.due) for one in parent.drafts] == [("", 10), ("PO-7", 4)]
    assert getattr(parent.drafts[1], group_by) == "PO-7"


def test_documents_are_grouped_by_child_customer():
    parent, child, _ = family()
    parent.profile(parent.payer, payer=parent.payer, group_by="customer")

    parent.draft("2024-01-01")

    assert {one.group_key: one.due for one in parent.drafts} == {parent.payer.key: 10, child.key: 4}


def test_documents_are_grouped_by_subscription():
    shop = billed()
    shop.agreed.fee(10)
    shop.agreed.run("2024-01-01")
    second = subscribed(shop, shop.payer)
    shop.profile(group_by="subscription")

    shop.draft("2024-01-01")

    assert {one.group_key: one.due for one in shop.drafts} == {
        shop.agreed.subscription.key: 10,
        second.subscription.key: 4,
    }


def test_who_benefits_stands_on_the_line():
    shop = billed()
    team = factories.customer(parent=shop.payer)
    shop.profile(beneficiary=team)
    shop.agreed.fee(10)

    shop.draft("2024-01-01")

    [line] = rows(shop.only)
    assert (line.consumer, line.beneficiary) == (shop.payer, team)


def test_a_receivable_belongs_to_who_pays():
    parent, child, _ = family()
    parent.profile(parent.payer, payer=parent.payer)

    parent.issue("2024-01-01")

    scene = parent.agreed.scene
    assert scene.holds("receivable") == 14
    assert scene.holds("unbilled", customer=child) == 0


def test_an_approved_draft_stands_and_its_payers_next_one_waits():
    shop = with_usage()
    shop.use(7, "2024-01-10")
    shop.draft("2024-02-01")
    invoice = shop.only
    invoice.state = "approved"
    invoice.save(update_fields=["state"])
    shop.use(2, "2024-01-20", received="2024-02-03")

    drafted = shop.draft("2024-02-04")

    assert drafted.open == []
    assert shop.drafts == []


def test_debts_do_not_go_around():
    parent, child, _ = family()
    collection.set_profile(
        book=parent.book, customer=child, payer=parent.payer, at=on("2024-01-01")
    )

    with pytest.raises(InvalidInputError, match="pay for"):
        collection.set_profile(
            book=parent.book, customer=parent.payer, payer=child, at=on("2024-01-01")
        )


def test_the_same_profile_again_changes_nothing():
    shop = billed()
    terms = {"book": shop.book, "customer": shop.payer, "group_by": "subscription"}
    first = collection.set_profile(**terms, at=on("2024-01-01"))

    assert collection.set_profile(**terms, at=on("2024-01-02")) == first

    changed = collection.set_profile(**(terms | {"group_by": "none"}), at=on("2024-01-03"))
    assert changed.version == 2


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"alignment": "sometimes"}, "alignment"),
        ({"alignment": "anchored"}, "anchor"),
        ({"cadence": "monthly"}, "cadence"),
        ({"grace": timedelta(days=-1)}, "grace"),
        ({"colour": "red"}, "colour"),
        ({"most_carried_months": 500}, "most_carried_months"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms, field):
    shop = billed()
    with pytest.raises(InvalidInputError) as refused:
        collection.set_profile(book=shop.book, customer=None, at=on("2024-01-01"), **terms)
    assert refused.value.facts["field"] == field


def test_family_members_of_another_shop_are_refused():
    shop, other = billed(), Billed(agreed())
    with pytest.raises(InvalidInputError, match="same book"):
        collection.set_profile(
            book=shop.book, customer=shop.payer, payer=other.payer, at=on("2024-01-01")
        )
