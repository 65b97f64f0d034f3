"""A usage query says what a naive reader of all events says, folded or not, at any moment."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from zoneinfo import ZoneInfo

import msgspec
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.metering import rollups, usage, windows
from billing.metering.aggregations import Reading, value_of
from billing.metering.paths import label, number
from billing.models import Accrual, Correction, Meter
from ledger.models import Book, Customer
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime(2025, 3, 29, 22, 30, tzinfo=UTC)  # clocks in Berlin change that night
END = datetime(2025, 4, 29, 22, 30, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
ZONES = [ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu"), UTC]
numbers = count(1)
written = msgspec.json.Encoder(decimal_format="number").encode


@dataclass
class World:
    """A book with a meter of each kind, and everything that was written into it."""

    book: Book
    customers: list[Customer]
    meters: list[Meter]
    accruals: dict[Customer, list[int]]
    events: dict[int, tuple] = field(default_factory=dict)
    voided: set[int] = field(default_factory=set)

    def write(self, drawn):
        """Write a batch, as ingest does."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT ledger_next_id()")
            batch = cursor.fetchone()[0]
            cursor.execute(
                "INSERT INTO billing_usagebatch (id, book_id, received_at, events, transaction_ids,"
                " digest) VALUES (%s, %s, %s, %s, '{}', '')",
                [batch, self.book.pk, START, len(drawn)],
            )
            for line, (who, subject, minutes, data) in enumerate(drawn, 1):
                at = START + timedelta(minutes=minutes)
                event = (self.customers[who], f"s{subject}", at, data, f"api\n{next(numbers)}")
                source, name = event[4].split("\n")
                cursor.execute(
                    "INSERT INTO billing_usageevent VALUES"
                    " (%s, %s, %s, %s, 'call', %s, %s, %s, %s, %s, %s)",
                    [
                        *(batch + line, self.book.pk, source, name, event[1], event[0].pk),
                        *(at, START, written(data).decode(), self.accruals[event[0]]),
                    ],
                )
                self.events[batch + line] = event

    def void(self, place):
        """Take an event back."""
        standing = sorted(self.events.keys() - self.voided)
        if standing:
            taken = standing[place % len(standing)]
            Correction.objects.create(
                book=self.book, key=str(taken), kind="void", event_id=taken, corrected_at=START
            )
            self.voided.add(taken)

    def expected(self, meter, cuts, customers, group_by, filters):
        """Answer by reading every event, one by one."""
        groups = defaultdict(list)
        for event_id, (customer, subject, at, data, key) in self.events.items():
            labels = {"subject": subject, "customer": customer.key}
            labels |= {name: label(data.get(path[2:])) for name, path in meter.dimensions.items()}
            place = sum(cut <= at for cut in cuts) - 1
            if (
                event_id not in self.voided
                and cuts[0] <= at < cuts[-1]
                and customer in customers
                and all(labels[name] in allowed for name, allowed in filters.items())
            ):
                group = tuple(labels[name] for name in group_by)
                value = number(data["n"]) if meter.value_path == "$.n" else None
                reading = Reading(value, label(data.get("who")), at, key)
                groups[cuts[place], group].append(reading)
        return {
            group: (value_of(meter.aggregation, found, meter.unit.scale), len(found))
            for group, found in groups.items()
        }


def new_world():
    book = factories.book()
    unit = factories.asset(code="thing", kind="unit", scale=3)
    company = factories.customer(book=book)
    team = factories.customer(parent=company)
    other = factories.customer(book=book)
    paths = {"count": "", "unique_count": "$.who"}
    meters = [
        Meter.objects.create(
            book=book,
            key=kind,
            event_type="call",
            aggregation=kind,
            value_path=paths.get(kind, "$.n"),
            dimensions={"model": "$.model", "tier": "$.tier"},
            unit=unit,
            feature_key=kind,
            created_at=START,
        )
        for kind in Meter.Aggregation.values
    ]
    customers = [company, team, other]
    accruals = {
        customer: [
            Accrual.objects.create(
                customer=customer, meter=meter, period_start=START, period_ends_at=END
            ).pk
            for meter in meters
        ]
        for customer in customers
    }
    return World(book, customers, meters, accruals)


values = st.sampled_from([0, 1, -2, Decimal("3.50"), "4.125", 7, " 1e2", Decimal("-0.0")])
payloads = st.builds(
    lambda n, model, tier, who: {
        name: value
        for name, value in {"n": n, "model": model, "tier": tier, "who": who}.items()
        if value is not None
    },
    values,
    st.sampled_from(["gpt", "claude", None]),
    st.sampled_from([1, Decimal("1.50"), "1.5", True]),
    st.sampled_from(["ann", "bob", 7]),
)
minutes = st.integers(0, 60) | st.integers(0, 3 * 24 * 60) | st.integers(0, 40 * 24 * 60)
events = st.tuples(st.integers(0, 2), st.integers(0, 1), minutes, payloads)
steps = st.lists(
    st.tuples(st.just("write"), st.lists(events, min_size=1, max_size=8))
    | st.tuples(st.just("void"), st.integers(0, 1000))
    | st.tuples(st.just("fold"), st.integers(1, 10)),
    min_size=1,
    max_size=10,
)
ranges = st.tuples(
    st.integers(-30, 26 * 60), st.sampled_from([1, 7, 15, 60, 61, 24 * 60, 50 * 60, 45 * 24 * 60])
)
questions = st.fixed_dictionaries(
    {
        "window": st.sampled_from([None, *windows.Window]),
        "zone": st.sampled_from([*ZONES, NEW_YORK]),
        "group_by": st.lists(
            st.sampled_from(["model", "tier", "subject", "customer"]), unique=True, max_size=3
        ),
        "filters": st.dictionaries(
            st.sampled_from(["model", "tier"]),
            st.lists(st.sampled_from(["gpt", "1.5", "true", None]), min_size=1, max_size=2),
            max_size=2,
        ),
    }
)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps, st.data())
def test_rows_are_what_all_events_say(drawn, data):
    world = new_world()
    actions = {
        "write": world.write,
        "void": world.void,
        "fold": lambda most: rollups.fold_some(most_events=most),
    }
    for name, argument in drawn:
        actions[name](argument)

        compare(world, data)


def compare(world, data):
    minute, length = data.draw(ranges)
    question = data.draw(questions)
    meter = data.draw(st.sampled_from(world.meters))
    from_at = START + timedelta(minutes=minute)
    to_at = from_at + timedelta(minutes=length)
    if question["window"] == "minute":
        to_at = min(to_at, from_at + timedelta(days=1))
    asked = data.draw(st.sampled_from([None, [0], [1], [1, 2]]))
    below = data.draw(st.booleans())
    chosen = [0, 1, 2] if asked is None else [0, 1] if below and asked == [0] else asked
    page, found = None, []
    while page is None or page.cursor:
        page = usage.query(
            book=world.book,
            meter=meter,
            starts_at=from_at,
            ends_at=to_at,
            customers=None if asked is None else [world.customers[place] for place in asked],
            include_descendants=below,
            limit=data.draw(st.sampled_from([1000, 2])) if not found else 1000,
            cursor=page and page.cursor,
            **question,
        )
        found += page.rows
    cuts = windows.cuts(from_at, to_at, question["window"], question["zone"])
    expected = world.expected(
        meter,
        cuts,
        [world.customers[place] for place in chosen],
        question["group_by"],
        question["filters"],
    )
    rows = {(row.window_start, tuple(row.group.values())): row for row in found}
    assert len(rows) == len(found)
    assert {key: (row.value, row.events) for key, row in rows.items()} == expected
    assert [row.window_start for row in found] == sorted(row.window_start for row in found)
