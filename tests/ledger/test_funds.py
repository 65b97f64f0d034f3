"""What a guarded balance holds and may give, to the last place."""

from decimal import Decimal

from ledger.bulk import Funds

WHOLE = Decimal(99999999999999999999999999)
TINY = Decimal("0.000000000001")


def test_funds_are_exact_where_the_default_context_would_round():
    owed = Funds(WHOLE, TINY, Decimal(0), None, 1)
    lot = Funds(TINY, WHOLE, TINY, Decimal(0), -1)

    assert str(owed.settled) == "99999999999999999999999998.999999999999"
    assert str(lot.settled) == "99999999999999999999999998.999999999999"
    assert str(lot.available) == "99999999999999999999999998.999999999998"


def test_an_account_without_lower_bound_gives_without_end():
    assert Funds(WHOLE, TINY, Decimal(0), None, 1).available is None
