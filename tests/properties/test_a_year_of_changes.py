"""A year of changes on a test clock ends with what a plain computation from scratch says."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from django.db import transaction
from django.test import override_settings as override
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from billing.invoicing import sources
from billing.models import InvoiceLine, PlanAddon, Supplier
from billing.subscriptions import addons, changing, states
from ledger import clocks, verification
from ledger.money import total
from tests.billing.charging.agreed import on
from tests.billing.scene import event, new_scene
from tests.billing.subscriptions.shop import Shop, flat, stage, usage

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

HOUR = timedelta(hours=1)
FIRST, LAST, OVER = on("2024-01-01"), on("2024-12-30T12:00"), on("2025-01-20")
HOURS = int((LAST - FIRST) / HOUR) - 1
BEFORE = on("2023-12-01")
# What a month costs, and a token beside it. "care" is paid for afterwards.
PLANS = {
    "small": ({"base": Decimal("9.99")}, Decimal("0.25")),
    "large": ({"base": Decimal(31)}, Decimal("0.07")),
    "cared": ({"base": Decimal(20), "care": Decimal("7.77")}, Decimal("0.13")),
}
SEAT = Decimal("3.33")
CENT = Decimal("0.01")

deeds = st.one_of(
    st.tuples(st.just("change"), st.sampled_from(sorted(PLANS))),
    st.tuples(st.just("seats"), st.integers(0, 4)),
    st.tuples(st.just("pause"), st.none()),
    st.tuples(st.just("resume"), st.none()),
    st.tuples(st.just("use"), st.integers(1, 99)),
)
years = st.lists(
    st.tuples(st.integers(1, HOURS), deeds),
    min_size=4, max_size=14, unique_by=lambda one: one[0],
).map(sorted)  # fmt: skip


class Sold:
    """What is sold at an instant: nothing else is known of the past."""

    def __init__(self):
        self.plan, self.seats, self.is_paused = "small", 0, False

    def does(self, deed, what):
        """Take a deed in, and say whether it was possible and changes anything."""
        if deed == "change":
            possible = not self.is_paused and what != self.plan
            self.plan = what if possible else self.plan
        elif deed == "seats":
            possible = not self.is_paused and what != self.seats
            self.seats = what if possible else self.seats
        elif deed == "use":
            possible = not self.is_paused
        else:
            possible = self.is_paused == (deed == "resume")
            self.is_paused = (deed == "pause") if possible else self.is_paused
        return possible

    @property
    def fees(self):
        """Return what a month costs, by item."""
        if self.is_paused:
            return {}
        monthly, _ = PLANS[self.plan]
        seats = {"seats/seat": ("", self.seats, SEAT)} if self.seats else {}
        return {key: (self.plan, 1, amount) for key, amount in monthly.items()} | seats


def from_scratch(year):
    """Say what items come to in each month: by the hours that each was sold, and by tokens."""
    found, sold, running = defaultdict(Decimal), Sold(), {}
    changes = [(FIRST, ("start", None)), *((FIRST + HOUR * hour, deed) for hour, deed in year)]
    for at, (deed, what) in [*changes, (LAST, ("end", None))]:
        possible = deed in {"start", "end"} or sold.does(deed, what)
        if deed == "use" and possible:
            found["tokens", at.month] += what * PLANS[sold.plan][1]
        now = {} if deed == "end" else sold.fees
        for key in [key for key in running if running[key][0] != now.get(key)]:
            (_, count, amount), since = running.pop(key)
            for month, share in months(since, at):
                found[key, month] += (count * amount * share).quantize(CENT, ROUND_HALF_UP)
        running = {key: running.get(key, (what, at)) for key, what in now.items()}
    return {what: amount for what, amount in found.items() if amount}


def months(since, until):
    """Yield the months that a time touches, and its share of each."""
    for month in range(since.month, until.month + 1):
        first = datetime(2024, month, 1, tzinfo=UTC)
        next_ = datetime(2024 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        covered = min(until, next_) - max(since, first)
        if covered:
            yield month, Decimal(covered // HOUR) / Decimal((next_ - first) // HOUR)


class Life:
    """The same year, told to the product: a subscription, a clock, invoices as they fall due."""

    def __init__(self):
        sources.forget()
        self.scene = new_scene()
        shop = Shop(book=self.scene.book, dollars=self.scene.dollars)
        Supplier.objects.create(book=shop.book, legal_name="Us", updated_at=BEFORE)
        self.plans = {key: self._plan(shop, key, *terms) for key, terms in PLANS.items()}
        small, *others = self.plans.values()
        self.seats = shop.addon(small, flat(str(SEAT), key="seat"))
        for plan in others:
            PlanAddon.objects.create(
                plan_version=plan, addon_version=self.seats, name="seats", from_plan_phase="main",
                created_at=BEFORE,
            )  # fmt: skip
        self.customer = self.scene.customer
        self.clock = clocks.create(book=shop.book, key="year", now_at=BEFORE, at=BEFORE)
        clocks.attach(customer=self.customer, clock=self.clock)
        self.subscription = shop.subscribe(
            small, customer=self.customer, at=BEFORE, starts_at=FIRST
        )

    def _plan(self, shop, key, fees, token):
        terms = {"base": "in_advance", "care": "in_arrears"}
        cards = [flat(str(fee), key=one, payment_term=terms[one]) for one, fee in fees.items()]
        return shop.plan(stage("main", *cards, usage(str(token))), key=key)

    def to(self, instant):
        """Let time pass."""
        self.clock.refresh_from_db()
        return clocks.advance(clock=self.clock, to=instant)

    def does(self, deed, what, at):
        """Do what the customer, or who sells to it, does."""
        self.subscription.refresh_from_db()
        sub = {"subscription": self.subscription, "at": at}
        if deed == "change":
            changing.change(**sub, plan=self.plans[what])
        elif deed == "seats":
            addons.set_quantity(**sub, addon=self.seats, quantity=what)
        elif deed == "use":
            outcome = self.scene.send(event(what, at=at, type="tokens"), at=at)
            assert not outcome.rejected, outcome.rows
        else:
            {"pause": states.pause, "resume": states.resume}[deed](**sub)

    def live(self, year):
        """Tell the year."""
        sold = Sold()
        for hour, (deed, what) in year:
            at = FIRST + HOUR * hour
            self.to(at)
            if sold.does(deed, what):
                self.does(deed, what, at)
        self.to(LAST)
        self.subscription.refresh_from_db()
        states.cancel(subscription=self.subscription, at=LAST)
        self.to(OVER)

    @property
    def invoiced(self):
        """Return what documents say, all together, of each item in each month."""
        found = defaultdict(Decimal)
        lines = InvoiceLine.objects.filter(invoice__book=self.scene.book)
        for line in lines.exclude(invoice__number="").select_related("invoice", "item"):
            sign = -1 if line.invoice.kind == "credit_note" else 1
            found[line.item.key, line.period_starts_at.month] += sign * line.due
        return {what: amount for what, amount in found.items() if amount}


# Without shrinking: what a failure needs is printed, and it comes soon.
@settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.shrink, Phase.explain},
)
@given(years)
def test_a_year_of_changes_is_invoiced_as_computed_from_scratch(year):
    note(f"{year=}")
    with override(METERBOOK_TEST_CLOCKS=True), transaction.atomic():
        life = Life()
        life.live(year)

        expected = from_scratch(year)
        assert life.invoiced == expected
        assert life.scene.holds("receivable") == total(expected.values())
        assert life.scene.unbilled == 0
        assert life.to(OVER).invoices == 0
        assert verification.verify(book=life.scene.book).is_clean
        transaction.set_rollback(True)
