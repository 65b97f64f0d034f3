"""The example of the issue, as charges: $6 in advance for January, $10 from 2 January on."""

from decimal import Decimal

import pytest

from billing import due
from billing.models import Charge, ChargeChange
from billing.subscriptions import changing
from ledger import verification
from tests.billing.subscriptions.shop import DAY, JANUARY, new_shop

pytestmark = pytest.mark.django_db

SECOND = JANUARY + DAY


def test_what_was_paid_for_the_rest_comes_back_and_the_new_price_is_charged_for_it():
    shop = new_shop()
    small, large = shop.simple("6", key="small"), shop.simple("10", key="large")
    subscription = shop.subscribe(small, proration="always")
    due.run(customer=subscription.customer, until=JANUARY)
    assert [row.posted for row in Charge.objects.all()] == [6]

    changing.change(subscription=subscription, plan=large, at=SECOND)
    due.run(customer=subscription.customer, until=SECOND)

    changes = ChargeChange.objects.filter(effective_at__gte=SECOND).exclude(reason="earned")
    assert sorted(row.amount for row in changes) == [Decimal("-5.81"), Decimal("9.68")]
    assert sorted(row.posted for row in Charge.objects.all()) == [
        Decimal("0.19"),
        Decimal("9.68"),
    ]
    assert verification.verify().disagreements == []
