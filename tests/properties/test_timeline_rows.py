"""Items follow from the history alone: not from how it came to be, nor how often it is read."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, example, given, note, settings

from billing.subscriptions.history import Event, Kind
from billing.subscriptions.reconciling import reconcile
from tests.billing.subscriptions.shop import JANUARY, new_shop, stage
from tests.properties.subscription_stories import START, comes_to, histories

pytestmark = pytest.mark.django_db

WRITTEN = ("key", "phase_key", "origin", "quantity", "terms", "starts_at", "ends_at")


@pytest.fixture
def shop(db):
    shop = new_shop()
    shop.empty = shop.plan(stage("main"), key="empty")
    return shop


def write(shop, subscription, timeline):
    """Make the rows of a timeline, in the shop's own features and without its add-ons' rows."""
    features = {1: shop.feature("tokens"), 2: shop.feature("calls")}

    def own(span):
        card = span.sale.card
        feature = features.get(card.feature_id)
        card = replace(
            card,
            feature_id=feature and feature.pk,
            meter_id=feature and feature.meter_id,
        )
        return replace(span, sale=replace(span.sale, card=card, addon=None))

    reconcile(
        subscription=subscription,
        spans=[own(span) for span in timeline.spans],
        meters={feature.meter_id: feature.meter for feature in features.values()},
        at=START,
    )
    return list(subscription.items.order_by("starts_at", "key").values_list(*WRITTEN))


SAME_AGAIN = [
    Event(
        sequence=1,
        kind=Kind.CREATED,
        effective_at=START,
        content={"plan_version": 2, "overrides": [], "starting_phase": ""},
    ),
    Event(
        sequence=2,
        kind=Kind.EDITED,
        effective_at=START,
        content={"replace": [{"key": "base", "discounts": None, "phase": ""}]},
    ),
]


# Without shrinking: what a failure needs is printed, and it comes soon.
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.shrink, Phase.explain},
)
@given(histories())
@example(SAME_AGAIN)
def test_change_by_change_or_all_at_once_the_rows_are_the_same(shop, events):
    note("\n".join(map(str, events)))
    one_by_one = shop.subscribe(shop.empty, at=JANUARY)
    at_once = shop.subscribe(shop.empty, at=JANUARY)

    for count in range(1, len(events) + 1):
        rows = write(shop, one_by_one, comes_to(events[:count]))
    ids = list(one_by_one.items.order_by("pk").values_list("pk", flat=True))

    assert write(shop, one_by_one, comes_to(events)) == rows
    assert list(one_by_one.items.order_by("pk").values_list("pk", flat=True)) == ids
    assert write(shop, at_once, comes_to(events)) == rows
