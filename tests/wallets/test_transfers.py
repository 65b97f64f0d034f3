"""Credit moved from wallet to wallet: as it was, once, and never more than there is."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ledger.errors import IdempotencyConflictError, InvalidInputError, PrecisionError
from ledger.models import Transaction
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import hold, left_in, owed_by, use
from wallets import grants, summary, transfers
from wallets.errors import CreditExhaustedError
from wallets.rollforward import roll_forward

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
END = NOON + 24 * HOUR


@pytest.fixture
def source():
    return factories.wallet(key="source")


@pytest.fixture
def target(source):
    return factories.wallet(customer=factories.customer(book=source.customer.book), key="target")


def transfer(source, target, amount, *, key="move", at=NOON + HOUR, **others):
    return transfers.transfer(
        source=source, target=target, key=key, amount=Decimal(amount), at=at, **others
    )


def test_what_is_moved_stays_what_it_was(source, target):
    lot = factories.grant(
        wallet=source,
        funding="promotional",
        priority=7,
        expires_at=END,
        feature_keys=["chat"],
        cost_basis=Decimal("0.5"),
    )

    (part,) = transfer(source, target, 30, reason="Moved to the new team")

    assert (left_in(lot), left_in(part)) == (70, 30)
    assert (part.wallet, part.parent, part.amount) == (target, lot, 30)
    assert (part.funding, part.priority, part.expires_at) == ("promotional", 7, END)
    assert (part.feature_keys, part.cost_basis) == (["chat"], Decimal("0.5"))
    assert part.effective_at == NOON + HOUR
    assert Transaction.objects.get(key=f"grant:{part.pk}").memo == "Moved to the new team"


def test_lots_are_taken_in_burn_order(source, target):
    late = factories.grant(wallet=source, expires_at=END + HOUR)
    soon = factories.grant(wallet=source, expires_at=END)

    moved = transfer(source, target, 130)

    assert [(part.parent, part.amount) for part in moved] == [(soon, 100), (late, 30)]


def test_one_grant_may_be_named_though_it_is_not_effective_yet(source, target):
    factories.grant(wallet=source)
    later = factories.grant(wallet=source, effective_at=END)

    (part,) = transfer(source, target, 40, grant=later)

    assert (part.parent, part.effective_at) == (later, END)


def test_the_figures_say_where_it_went(source, target):
    factories.grant(wallet=source)
    transfer(source, target, 30)
    use(target.customer, 10, at=NOON + HOUR)

    figures = summary.of_wallets([source.pk, target.pk], at=NOON + 2 * HOUR)

    gave, got = figures[source.pk], figures[target.pk]
    assert (gave.granted, gave.transferred, gave.available) == (100, 30, 70)
    assert (got.granted, got.transferred, got.used, got.available) == (0, -30, 10, 20)


def test_a_transfer_moves_nothing_of_the_whole(source, target):
    factories.grant(wallet=source)
    transfer(source, target, 30)

    (row,) = roll_forward(book=source.customer.book)

    assert (row.sold, row.consumed, row.closing, row.difference) == (100, 0, 100, 0)


def test_the_past_is_what_it_was_before_the_transfer(source, target):
    factories.grant(wallet=source)
    transfer(source, target, 30)

    def before(instant):
        found = summary.of_wallets([source.pk, target.pk], at=instant, is_past=True)
        return found[source.pk].available, found[target.pk].available

    assert before(NOON + HOUR) == (100, 0)
    assert before(NOON + HOUR + timedelta(microseconds=1)) == (70, 30)


def test_what_arrives_covers_the_overdraft_first(source, target):
    factories.grant(wallet=source)
    use(target.customer, 25, at=NOON)

    (part,) = transfer(source, target, 40)

    assert (owed_by(target.customer), left_in(part)) == (0, 15)


def test_what_is_held_stays(source, target):
    hold(factories.grant(wallet=source), 80)

    with pytest.raises(CreditExhaustedError) as refused:
        transfer(source, target, 30)
    assert refused.value.facts["available"] == 20


def test_expired_and_voided_credit_cannot_be_moved(source, target):
    factories.grant(wallet=source, expires_at=NOON + HOUR)
    grants.void(grant=factories.grant(wallet=source), at=NOON)

    with pytest.raises(CreditExhaustedError):
        transfer(source, target, 1)


def test_transferring_again_changes_nothing(source, target):
    factories.grant(wallet=source, expires_at=END)
    factories.grant(wallet=source)

    first = transfer(source, target, 130)

    assert transfer(source, target, 130, at=NOON + 2 * HOUR) == first
    assert summary.of_wallets([target.pk], at=NOON + HOUR)[target.pk].available == 130


def test_a_key_that_begins_like_another_is_another(source, target):
    factories.grant(wallet=source)
    transfer(source, target, 10, key="a")

    (part,) = transfer(source, target, 20, key="a:1")

    assert part.amount == 20


def test_a_key_stands_for_one_transfer(source, target):
    lot = factories.grant(wallet=source)
    other = factories.wallet(customer=source.customer)
    transfer(source, target, 30)

    with pytest.raises(IdempotencyConflictError):
        transfer(source, target, 31)
    with pytest.raises(IdempotencyConflictError):
        transfer(other, target, 30)
    assert transfer(source, target, 30, grant=lot)


def test_a_part_that_is_voided_returns_to_where_the_whole_came_from(source, target):
    factories.grant(wallet=source, funding="promotional")
    (part,) = transfer(source, target, 30)
    (deeper,) = transfer(target, source, 20, key="back")

    grants.void(grant=part, at=NOON + HOUR)
    grants.void(grant=deeper, at=NOON + HOUR)

    (row,) = roll_forward(book=source.customer.book)
    assert (row.granted, row.refunded, row.closing, row.difference) == (100, 30, 70, 0)


def test_wallets_that_cannot_be_joined_are_refused(source, target):
    factories.grant(wallet=source)
    tokens = factories.asset(code="tokens", kind="credit")
    strange = factories.wallet(customer=target.customer, asset=tokens)
    lot_elsewhere = factories.grant(wallet=target)

    with pytest.raises(InvalidInputError, match="USD"):
        transfer(source, strange, 1)
    with pytest.raises(InvalidInputError, match="another wallet"):
        transfer(source, source, 1)
    with pytest.raises(InvalidInputError, match="same book"):
        transfer(source, factories.wallet(), 1)
    with pytest.raises(InvalidInputError, match="grant"):
        transfer(source, target, 1, grant=lot_elsewhere)
    with pytest.raises(InvalidInputError, match="more than zero"):
        transfer(source, target, 0)
    with pytest.raises(PrecisionError):
        transfer(source, target, "0.0000000000001")


def test_an_allowance_is_no_money_to_be_moved(source, target):
    allowance = grants.open_wallet(
        customer=source.customer, asset=source.asset, key="e", origin="entitlement:1", at=NOON
    )
    factories.grant(wallet=allowance)

    with pytest.raises(InvalidInputError, match="allowance"):
        transfer(allowance, target, 1)
