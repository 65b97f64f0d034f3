"""When usage from before invoices fell due: the end that ingest would have written."""

from importlib import import_module

import pytest
from django.db import connection

from billing.models import Accrual
from tests.billing.charging.agreed import agreed, on
from tests.billing.scene import event

pytestmark = pytest.mark.django_db

BACKFILL = import_module("billing.migrations.0010_invoicing").BACKFILL


@pytest.mark.parametrize(
    ("anchor", "cadence", "since", "until"),
    [
        ("2024-01-01", "P1M", "", None),
        ("2024-01-31", "P1M", "", None),
        ("2014-01-31", "P1M", "", None),
        ("2024-01-01", "P1M", "2024-01-15", None),
        ("2024-01-01", "P1M", "2024-01-15", "2024-02-20"),
        ("2024-01-01", "P1W", "", None),
        ("2024-02-29", "P1Y", "", None),
        ("2024-01-01", "", "", "2024-05-01"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_period_ends_where_ingest_says(anchor, cadence, since, until, zone):
    made = agreed(since="2024-01-01", anchor=anchor, cadence=cadence or "P1M", zone=zone)
    meter = made.scene.meter("sum", key="calls", price=None)
    price = {"type": "unit", "amount": "1"}
    made.usage(meter, price, key="calls", since=since, until=until, cadence=cadence)
    for day in ("2024-01-20", "2024-02-10", "2024-02-29", "2024-03-30", "2024-04-15"):
        made.scene.send(event(1, at=on(day)), at=on(day))
    right = dict(Accrual.objects.filter(rate__isnull=False).values_list("pk", "period_ends_at"))
    assert right
    Accrual.objects.update(period_ends_at=on("2020-01-01"))

    with connection.cursor() as cursor:
        cursor.execute(BACKFILL)

    found = dict(Accrual.objects.filter(rate__isnull=False).values_list("pk", "period_ends_at"))
    assert found == right
