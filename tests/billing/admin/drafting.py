"""Drafts of plans, and their forms as a browser sends them."""

from django.urls import reverse

from billing.plans import drafting, versions
from tests import factories
from tests.billing.plans import offers

EVIL = "<script>alert(1)</script>"


def drafted(book, *phases, **others):
    return drafting.create(book=book, document=offers.plan(*phases, **others), at=factories.NOON)


def document(version):
    return versions.plan_document(versions.plans(version.plan.book).get(pk=version.pk))


def seen(version):
    version.refresh_from_db()
    return version.updated_at.isoformat()


def address(version, phase, card="", view="card"):
    query = f"phase={phase}" + (f"&card={card}" if card else "")
    return f"{reverse(f'admin:billing_planversion_{view}', args=[version.pk])}?{query}"


def send(browser, version, values, *, phase="main", card="", view="card"):
    return browser.client.post(
        address(version, phase, card, view), {"seen": seen(version), **values}
    )


GRADUATED = {
    "name": "Tokens",
    "feature": "tokens",
    "price_type": "graduated",
    "tiers-0-up_to_amount": "1000",
    "tiers-0-unit_price": "0.10",
    "tiers-7-unit_price": "0.05",
    "tiers-7-flat_price": "3",
    "billing_cadence": "P1M",
    "payment_term": "in_arrears",
    "discount_percentage": "10",
    "minimum_amount": "20",
    "maximum_amount": "500",
}
