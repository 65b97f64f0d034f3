"""Which lots may pay for whose usage, found in two queries for any number of customers."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from ledger import bulk
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import left_in, owed_by, use
from wallets import burndown, expiry, funding, grants

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def candidates(*customers, since=NOON, until=NOON, **others):
    found = funding.lots_of(
        customer_ids=[customer.pk for customer in customers], since=since, until=until, **others
    )
    with transaction.atomic():
        funding.fill(found, bulk.lock(found.lots))
    return found


def grants_in(found, customer, asset=None):
    asset = asset or factories.asset()
    return [lot.grant_id for lot in found.pool(customer.pk, asset.pk)]


def test_a_customer_without_credit_has_no_lots():
    customer = factories.customer()

    assert not candidates(customer).pool(customer.pk, factories.asset().pk)


def test_lots_come_in_burn_order_over_all_wallets_of_a_customer():
    customer = factories.customer()
    first, second = (factories.wallet(customer=customer) for _ in range(2))
    last = factories.grant(wallet=first)
    early = factories.grant(wallet=second, expires_at=NOON + HOUR)
    urgent = factories.grant(wallet=first, priority=1)
    limited = factories.grant(wallet=second, feature_keys=["api"])

    assert grants_in(candidates(customer), customer) == [
        limited.pk,
        urgent.pk,
        early.pk,
        last.pk,
    ]


def test_each_asset_has_lots_of_its_own():
    tokens = factories.asset(code="tokens", kind="unit", scale=0)
    customer = factories.customer()
    dollars = factories.grant(wallet=factories.wallet(customer=customer))
    units = factories.grant(wallet=factories.wallet(customer=customer, asset=tokens))
    both = candidates(customer)

    assert grants_in(both, customer) == [dollars.pk]
    assert grants_in(both, customer, tokens) == [units.pk]
    assert candidates(customer, asset_ids=[tokens.pk]).lots.keys() == {units.account_id}


def test_what_remains_is_what_is_neither_used_nor_held():
    grant = factories.grant(amount=100)
    use(grant.wallet.customer, 30, at=NOON)

    found = candidates(grant.wallet.customer)

    assert found.lots[grant.account_id].remaining == 70


@pytest.mark.parametrize(
    ("terms", "since", "until", "is_found"),
    [
        ({"expires_at": NOON + HOUR}, NOON, NOON, True),
        ({"expires_at": NOON + HOUR}, NOON + HOUR, NOON + HOUR, False),
        ({"effective_at": NOON + HOUR}, NOON, NOON, False),
        ({"effective_at": NOON + HOUR}, NOON, NOON + HOUR, True),
    ],
    ids=["alive", "expired", "not yet", "in time for the last"],
)
def test_lots_that_no_usage_of_the_time_can_take_are_left_out(terms, since, until, is_found):
    grant = factories.grant(**terms)

    found = candidates(grant.wallet.customer, since=since, until=until)

    assert bool(found.lots) is is_found


def test_empty_and_voided_lots_are_left_out():
    wallet = factories.wallet()
    factories.grant(wallet=wallet, amount=10)
    use(wallet.customer, 10, at=NOON)
    grants.void(grant=factories.grant(wallet=wallet), at=NOON)

    assert not candidates(wallet.customer).lots


def test_a_child_draws_on_shared_wallets_above_it_after_its_own():
    company = factories.customer()
    unit = factories.customer(parent=company)
    team = factories.customer(parent=unit)
    top = factories.grant(wallet=factories.wallet(customer=company, is_shared=True), priority=1)
    middle = factories.grant(wallet=factories.wallet(customer=unit, is_shared=True))
    own = factories.grant(wallet=factories.wallet(customer=team))
    factories.grant(wallet=factories.wallet(customer=company))  # not shared

    found = candidates(team, unit)

    assert grants_in(found, team) == [own.pk, middle.pk, top.pk]
    assert grants_in(found, unit) == [middle.pk, top.pk]


def test_a_parent_does_not_draw_on_its_children():
    company = factories.customer()
    child = factories.customer(parent=company)
    factories.grant(wallet=factories.wallet(customer=child, is_shared=True))

    assert not candidates(company).lots


def test_customers_who_share_a_wallet_cannot_spend_it_twice():
    company = factories.customer()
    teams = [factories.customer(parent=company) for _ in range(2)]
    wallet = factories.wallet(customer=company, is_shared=True)
    factories.grant(wallet=wallet, amount=100)
    found = candidates(*teams)

    taken = [
        burndown.allocate(found.pool(team.pk, wallet.asset_id), Decimal(70), NOON, "api")
        for team in teams
    ]

    assert [take.amount for takes in taken for take in takes] == [70, 30]


def test_usage_of_a_child_is_paid_by_its_parent():
    company = factories.customer()
    team = factories.customer(parent=company)
    grant = factories.grant(wallet=factories.wallet(customer=company, is_shared=True), amount=50)

    use(team, 60, at=NOON)

    assert (left_in(grant), owed_by(team), owed_by(company)) == (0, 10, 0)


def test_nothing_is_reclaimed_when_nothing_was_taken():
    grant = factories.grant(amount=100, expires_at=NOON + HOUR)
    expiry.close_expired(at=NOON + HOUR)

    found = candidates(grant.wallet.customer)

    assert found.lots[grant.account_id].remaining == 100
    assert funding.reclaims(found) == []


def test_many_customers_take_as_many_queries_as_one(django_assert_num_queries):
    company = factories.customer()
    factories.grant(wallet=factories.wallet(customer=company, is_shared=True))
    teams = [factories.customer(parent=company) for _ in range(20)]
    for team in teams:
        factories.grant(wallet=factories.wallet(customer=team), expires_at=NOON + HOUR)
    expiry.close_expired(at=NOON + HOUR)

    with django_assert_num_queries(4), transaction.atomic(savepoint=False):
        found = funding.lots_of(customer_ids=[team.pk for team in teams], since=NOON, until=NOON)
        funding.fill(found, bulk.lock(found.lots))

    assert len(found.lots) == 21
