"""How much of a shared wallet a descendant may use per period: what it says and when it begins."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ledger.errors import InvalidInputError
from tests import factories
from tests.factories import NOON
from wallets import shares
from wallets.models import ShareUse, WalletShare

pytestmark = pytest.mark.django_db

MAY = datetime(2025, 5, 1, tzinfo=UTC)
JUNE = datetime(2025, 6, 1, tzinfo=UTC)


@pytest.fixture
def wallet():
    return factories.wallet(is_shared=True)


@pytest.fixture
def team(wallet):
    division = factories.customer(parent=wallet.customer)
    return factories.customer(parent=division)


def give(wallet, team, amount=100, **terms):
    defaults = {"cadence": "P1M", "anchor": MAY, "at": NOON}
    return shares.give(wallet=wallet, customer=team, amount=Decimal(amount), **(defaults | terms))


def test_a_share_says_what_was_taken_in_this_period(wallet, team):
    share = give(wallet, team)
    ShareUse.objects.create(share=share, starts_at=MAY, used=90)
    ShareUse.objects.create(share=share, starts_at=JUNE, used=30, held=5)

    found = shares.standing([share], at=NOON)[share.pk]

    assert (found.period.starts_at, found.used, found.held, found.remaining) == (JUNE, 30, 5, 65)


def test_nothing_was_taken_of_a_new_share(wallet, team):
    share = give(wallet, team)

    assert shares.standing([share], at=NOON)[share.pk].remaining == 100


def test_a_share_lowered_below_what_was_taken_has_nothing_left(wallet, team):
    share = give(wallet, team)
    ShareUse.objects.create(share=share, starts_at=JUNE, used=30)

    lowered = give(wallet, team, 20)

    assert lowered == share
    assert shares.standing([lowered], at=NOON)[share.pk].remaining == 0


def test_giving_the_same_again_changes_nothing(wallet, team):
    assert give(wallet, team) == give(wallet, team, at=NOON + timedelta(days=1))


def test_other_periods_begin_a_new_share(wallet, team):
    monthly = give(wallet, team)

    weekly = give(wallet, team, cadence="P1W")

    monthly.refresh_from_db()
    assert (monthly.ended_at, weekly.ended_at) == (NOON, None)


def test_a_share_ends_once(wallet, team):
    share = give(wallet, team)

    shares.end(share=share, at=NOON)
    shares.end(share=share, at=NOON + timedelta(days=1))

    assert WalletShare.objects.get().ended_at == NOON


def test_only_shared_wallets_of_ancestors_have_shares(wallet, team):
    own = factories.wallet(customer=wallet.customer)

    with pytest.raises(InvalidInputError, match="shared"):
        give(own, team)
    with pytest.raises(InvalidInputError, match="below"):
        give(wallet, wallet.customer)
    with pytest.raises(InvalidInputError, match="below"):
        give(wallet, factories.customer(book=wallet.customer.book))
    with pytest.raises(InvalidInputError, match="amount"):
        give(wallet, team, -1)
    with pytest.raises(InvalidInputError, match="PT1H"):
        give(wallet, team, cadence="PT30M")
