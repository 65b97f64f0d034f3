"""What a payer has is its own, whoever else is charged in the same batch."""

from decimal import Decimal

from billing.metering.funding import Payer
from tests.billing.charging.agreed import on
from wallets.burndown import Lot

MINE, THEIRS, GONE, TO_COME, UNBILLED, OVERDRAFT = range(1, 7)


def lot(number, *, since="2024-01-01", until=None):
    return Lot(
        account_id=number,
        grant_id=number,
        remaining=Decimal(7),
        effective_at=on(since),
        expires_at=until and on(until),
    )


def test_what_was_given_back_is_taken_again_only_from_lots_of_ones_own_that_live():
    mine = [lot(MINE), lot(GONE, until="2024-02-01"), lot(TO_COME, since="2024-03-01")]
    payer = Payer(
        lots=mine,
        unbilled_id=UNBILLED,
        overdraft_id=OVERDRAFT,
        room=None,
        known={each.account_id: each for each in [*mine, lot(THEIRS)]},
    )

    left = {number: payer.left_on(number, Decimal(9), on("2024-02-01")) for number in range(1, 7)}

    assert left == {MINE: 7, THEIRS: 0, GONE: 0, TO_COME: 0, UNBILLED: 9, OVERDRAFT: 9}
