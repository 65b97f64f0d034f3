"""A payer's documents, usage, charges and money worked on by many at once."""

from decimal import Decimal
from functools import partial
from itertools import cycle, islice

import pytest

from billing import payments
from billing.charging import adjusting
from billing.invoicing import lifecycle, making
from billing.models import Invoice
from billing.payments import dispositions
from ledger import verification
from ledger.errors import DomainError, TransientError
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import with_usage
from tests.billing.scene import event
from tests.concurrency.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)

MARCH, NOW = on("2024-03-01"), on("2024-03-02")


def test_nothing_is_billed_twice_or_lost_and_nobody_waits_in_a_circle():  # noqa: C901, PLR0915
    shop = with_usage()
    for number in range(8):
        shop.use(3, "2024-01-10", id=f"first-{number}")
    shop.agreed.run("2024-03-01")
    payer, dollars = shop.payer, shop.agreed.scene.dollars

    def make():
        making.make(book=shop.book, payer_ids=[payer.pk], until=MARCH, at=NOW, by="test")

    def late(number):
        shop.agreed.scene.send(event(2, at=on("2024-02-15"), id=f"late-{number}"), at=NOW)

    def adjust(number):
        adjusting.adjust(
            customer=payer, name="Sorry", asset=dollars, amount=Decimal("-0.5"), reason="Down",
            key=f"sorry-{number}", at=on("2024-02-20"),
        )  # fmt: skip

    def pay(number):
        payments.record(
            payer=payer, asset=dollars, amount=Decimal(9), method="bank", received_at=NOW, at=NOW,
            key=f"paid-{number}",
        )  # fmt: skip

    def void(number):
        shop.agreed.scene.void(f"first-{number}")

    def take_back():
        for invoice in Invoice.objects.filter(payer=payer, state="issued").order_by("-pk")[:1]:
            lifecycle.void(invoice=invoice, reason="Wrong", by="test", at=NOW)

    def set_off():
        dispositions.set_off_open(payer_id=payer.pk, by="test", at=NOW)

    def tried(call):
        try:
            call()
        except TransientError:
            raise
        except DomainError:
            pass  # its document was paid, or taken back, meanwhile

    calls = [partial(one, number) for number in range(8) for one in (late, adjust, pay, void)]
    calls += islice(cycle([make, take_back, make, set_off]), 16)
    at_once([partial(tried, call) for call in calls])
    shop.agreed.run("2024-03-01")  # late usage has charges looked at again
    make()
    make()

    assert shop.agreed.scene.unbilled == 0
    assert verification.verify(book=shop.book).disagreements == []
