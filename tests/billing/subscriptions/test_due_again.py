"""What a change has looked at again, beside what late usage has."""

from django.db import transaction

from billing import rechecking
from billing.models import Subscription
from billing.subscriptions import changes
from billing.subscriptions.history import Kind
from tests.billing.subscriptions.shop import day


def due_at(subscription):
    return Subscription.objects.get(pk=subscription.pk).due_at


def test_late_usage_that_comes_during_a_change_is_looked_at_again(shop):
    subscription = shop.subscribe(shop.simple("10"))
    Subscription.objects.filter(pk=subscription.pk).update(due_at=day("04-01"))

    with transaction.atomic():
        desk = changes.sit_down(subscription)
        rechecking.subscriptions({subscription.pk: day("02-01")})  # ingest, in between
        changes.make(
            desk,
            kind=Kind.CANCELED,
            effective_at=day("03-10"),
            content={},
            request={},
            note={"at": day("03-10")},
        )

    assert due_at(subscription) == day("02-01")


def test_what_was_not_due_any_more_falls_due_when_a_change_takes_effect(shop):
    subscription = shop.subscribe(shop.simple("10"))
    Subscription.objects.filter(pk=subscription.pk).update(due_at=None)
    desk = changes.sit_down(subscription)
    changes.make(
        desk,
        kind=Kind.CANCELED,
        effective_at=day("03-10"),
        content={},
        request={},
        note={"at": day("03-10")},
    )

    assert due_at(subscription) == day("03-10")
