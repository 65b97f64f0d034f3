"""A wallet whose customer lives by a clock of its own, ten days after noon."""

from datetime import timedelta

from ledger.models import Customer, TestClock
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import use
from wallets.models import Wallet

DAY = timedelta(days=1)
TENTH = NOON + 10 * DAY


def customer_at(at=TENTH, **terms) -> Customer:
    """Return a customer for whom it is that time."""
    book = terms.pop("book", None) or factories.book()
    clock = TestClock.objects.create(
        book=book, key=factories.name("clock"), now_at=at, created_at=NOON
    )
    return factories.customer(book=book, clock=clock, **terms)


def wallet_at(at=TENTH, **terms) -> Wallet:
    """Return a wallet in dollars, "acme/main" unless told, at that time."""
    is_shared = terms.pop("is_shared", False)
    owner = customer_at(at, **{"key": "acme", **terms})
    return factories.wallet(customer=owner, key="main", is_shared=is_shared)


def spend_daily(wallet: Wallet, amount, *, count=10) -> None:
    """Use so much at noon of as many days."""
    for number in range(count):
        use(wallet.customer, amount, at=NOON + number * DAY)
