"""Whatever catalogue a book has, a file carries it to an empty book unchanged."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import catalogue
from billing.models import Addon, AddonVersion, Plan, PlanVersion
from billing.plans import addons, documents, drafting, publishing, versions
from billing.plans.files import exchange, writing
from ledger import registry
from tests import factories
from tests.billing.plans import offers
from tests.factories import NOON

DAY = timedelta(days=1)
words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12
)
names = words.filter(str.strip)
keys = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,6}", fullmatch=True)
plain = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | words
metadata = st.dictionaries(words, plain | st.lists(plain, max_size=3), max_size=3)
amounts = st.decimals(0, 1000, places=4).map(str)
cadences = st.sampled_from(["P1M", "P3M", "P1Y"])
tiers = st.integers(1, 100).map(
    lambda limit: [
        {"up_to_amount": str(limit), "unit_price": {"type": "unit", "amount": "0.5"}},
        {"flat_price": {"type": "flat", "amount": "1"}},
    ]
)
usage = (
    st.builds(lambda amount: {"type": "unit", "amount": amount}, amounts)
    | st.builds(lambda found: {"type": "graduated", "tiers": found}, tiers)
    | st.just({"type": "free"})
)
titles = {"description": words, "metadata": metadata}


def cards(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    usual = {"key": st.just(kind), "name": names, "billing_cadence": cadences, **titles}
    if kind == "fee":
        price = st.builds(lambda amount: {"type": "flat", "amount": amount}, amounts)
        return st.fixed_dictionaries(
            usual | {"price": price, "payment_term": st.sampled_from(["in_advance", "in_arrears"])}
        )
    entitlement = st.none() | st.builds(
        lambda config: {"type": "static", "config": config}, metadata
    )
    return st.fixed_dictionaries(
        usual
        | {
            "feature": st.just("tokens"),
            "price": usage,
            "entitlement": entitlement,
            "discounts": st.none() | st.just({"percentage": 10}),
        }
    )


phases = st.lists(st.tuples(cards("fee"), cards("tokens")), min_size=1, max_size=3).map(
    lambda found: [
        {
            "key": f"phase-{place}",
            "name": f"Phase {place}",
            "duration": None if place == len(found) - 1 else "P1Y",
            "rate_cards": list(sold),
        }
        for place, sold in enumerate(found)
    ]
)
plans = st.fixed_dictionaries(
    {
        "name": names,
        "currency": st.sampled_from(["USD", "EUR"]),
        "billing_cadence": cadences,
        "pro_rating_enabled": st.booleans(),
        "settlement_mode": st.sampled_from(documents.SETTLEMENTS),
        "phases": phases,
        **titles,
    }
)
extras = st.fixed_dictionaries(
    {
        "name": names,
        "currency": st.just("USD"),
        "instance_type": st.sampled_from(documents.INSTANCES),
        "rate_cards": cards("fee").map(lambda found: [found]),
        **titles,
    }
)
offers_of = st.dictionaries(keys, st.lists(plans, min_size=1, max_size=3), max_size=2)
addons_of = st.dictionaries(keys, st.lists(extras, min_size=1, max_size=2), max_size=2)


@pytest.mark.django_db
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    plans=offers_of,
    extras=addons_of,
    leaves_draft=st.booleans(),
    prices=st.lists(st.decimals("0.001", 9, places=3), max_size=3),
    form=st.sampled_from(writing.FORMATS),
)
def test_a_file_carries_every_catalogue(plans, extras, leaves_draft, prices, form):
    with transaction.atomic():
        book = factories.book()
        offers.feature(book)
        _price(book, prices)
        _publish_addons(book, extras)
        _publish_plans(book, plans, leaves_draft=leaves_draft)
        document = exchange.export(book=book)
        empty = factories.book()

        exchange.load(book=empty, document=writing.read(writing.written(document, form)), at=NOON)

        assert exchange.export(book=empty) == document
        assert exchange.load(book=empty, document=document, at=NOON) == []
        transaction.set_rollback(True)


def _price(book: Any, prices: list[Decimal]) -> None:
    card = catalogue.create_rate_card(
        book=book, key="list", asset=registry.currency(code="USD"), at=NOON
    )
    meter = catalogue.Meter.objects.get(book=book)
    for place, price in enumerate(prices):
        catalogue.add_rate(
            rate_card=card,
            meter=meter,
            unit_price=price,
            effective_from=NOON + place * DAY,
            at=NOON,
        )


def _publish_addons(book: Any, found: dict[str, list[dict[str, Any]]]) -> None:
    for key, texts in found.items():
        for number, text in enumerate(texts):
            offers.publish_addon(book, text | {"key": key}, NOON + number * DAY)
    assert AddonVersion.objects.filter(addon__book=book).count() == sum(map(len, found.values()))


def _publish_plans(
    book: Any, found: dict[str, list[dict[str, Any]]], *, leaves_draft: bool
) -> None:
    on_offer = AddonVersion.objects.filter(addon__in=Addon.objects.filter(book=book)).first()
    for key, texts in found.items():
        for number, text in enumerate(texts):
            last = number == len(texts) - 1
            draft = _draft(book, key, text)
            if on_offer is not None and number == 0:
                addons.attach(
                    plan_version=draft,
                    addon_version=on_offer,
                    from_plan_phase="phase-0",
                    at=on_offer.effective_from,
                )
            whole = versions.plans(book).get(pk=draft.pk)
            if (last and leaves_draft) or versions.plan_problems(whole):
                break
            publishing.publish_plan(plan=draft.plan, effective_from=NOON + number * DAY, at=NOON)


def _draft(book: Any, key: str, text: dict[str, Any]) -> PlanVersion:
    plan = Plan.objects.filter(book=book, key=key).first()
    if plan is None:
        return drafting.create(book=book, document=text | {"key": key}, at=NOON)
    return drafting.next_version(plan=plan, document=text | {"key": key}, at=NOON)
