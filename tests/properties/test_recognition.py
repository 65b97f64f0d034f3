"""Whatever is sold and changed: revenue is earned by time, and every report ties out."""

from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing import contracts, due
from billing.charging import adjusting, oneoffs
from billing.charging.slips import is_deferred
from billing.models import Accrual, Charge
from billing.reports import checks, commitments, contract_balances, deferred, revenue
from ledger import balances
from ledger.models import Account
from ledger.money import ZERO, negate, round_half_away, total
from tests.billing.charging.agreed import on
from tests.properties.test_charging import FIRST, LAST, OVER, Life, changes, instants, plans

pytestmark = pytest.mark.django_db

APRIL = on("2024-04-01")
cents = st.integers(-3000, 3000).filter(bool).map(lambda number: Decimal(number).scaleb(-2))


def unearned(charge, at):
    """Return what of a fee is still to be earned, by seconds and by nothing else."""
    whole = charge.ends_at - charge.starts_at
    passed = min(max(at - charge.starts_at, 0 * whole), whole)
    share = Fraction(int(passed.total_seconds()), int(whole.total_seconds()))
    exact = Decimal(share.numerator) * charge.posted / Decimal(share.denominator)
    return charge.posted - round_half_away(exact, 2)


def income(book):
    rows = balances.trial_balance(book=book)
    return total(negate(row.closing) for row in rows if row.type == Account.Type.INCOME)


def ties(book, since, until):
    span = {"book": book, "starts_at": since, "ends_at": until}
    found = [
        *deferred.deferred(**span).ties,
        *contract_balances.contract_balances(**span).ties,
        *commitments.commitments(book=book, at=until).ties,
        *revenue.revenue(**span).ties,
    ]
    return [one for one in found if one.difference]


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.shrink, Phase.explain},
)
@given(
    plan=plans,
    made=st.lists(changes, max_size=5),
    by_hand=st.lists(st.tuples(instants, cents), max_size=3),
    price=st.sampled_from(["0", "0.3", "2"]),
    cuts=st.lists(instants, min_size=2, max_size=2),
)
def test_whatever_happens_revenue_is_earned_by_time_and_reports_tie_out(
    plan, made, by_hand, price, cuts
):
    with transaction.atomic():
        life = Life(plan)
        scene = life.book.scene
        contracts.create(
            customer=scene.customer, asset=scene.dollars, key="c", starts_at=FIRST, ramp="P1M",
            amounts=[Decimal(30), Decimal(20)], shortfall="roll_over", at=FIRST,
            rebates={"basis": "graduated", "tiers": [{"above": "5", "percentage": "12.5"}]},
        )  # fmt: skip
        for change in sorted(made, key=lambda change: change[1]):
            life.run(change[1])
            life.change(*change)
        life.run(LAST)
        _by_hand(scene, by_hand, is_credit_only=plan["settlement"] == "credit_only")
        _reprice(scene, price)
        life.run(OVER)
        due.run(customer=scene.customer, until=OVER)

        fees = [row for row in Charge.objects.filter(kind="flat") if is_deferred(row)]
        report = deferred.deferred(book=scene.book, starts_at=FIRST, ends_at=APRIL)
        said = total(row.closing for row in report.fees)
        assert said == total(unearned(row, APRIL) for row in fees if row.due_at < APRIL)
        whole = revenue.revenue(book=scene.book, starts_at=on("2020-01-01"), ends_at=OVER)
        assert whole.totals.get("USD", ZERO) == income(scene.book)
        since, until = sorted(cuts)
        assert ties(scene.book, since, until) == []
        assert ties(scene.book, FIRST, OVER) == []
        assert list(checks.reports_tie_out(book_id=scene.book.pk)) == []
        transaction.set_rollback(True)


def _by_hand(scene, given_, *, is_credit_only):
    for place, (at, amount) in enumerate(given_):
        if amount > 0:
            oneoffs.charge_once(
                customer=scene.customer, name="Extra", asset=scene.dollars, unit_price=amount,
                key=f"o{place}", at=LAST, due_at=at,
            )  # fmt: skip
        elif not is_credit_only:
            adjusting.adjust(
                customer=scene.customer, name="Less", asset=scene.dollars, amount=amount,
                reason="drawn at random", key=f"a{place}", at=at,
            )  # fmt: skip


def _reprice(scene, price):
    for accrual in Accrual.objects.filter(customer=scene.customer, rate__isnull=False):
        if accrual.period_ends_at <= LAST:
            adjusting.reprice(
                accrual=accrual, terms={"price": {"type": "unit", "amount": price}},
                reason="drawn at random", key=f"p{accrual.pk}", at=LAST,
            )  # fmt: skip
