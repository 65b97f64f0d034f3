"""Plans are drafted from documents, replaced, copied and discarded."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from billing import taxcodes
from billing.models import Plan, PlanPhase, PlanRateCard, PlanVersion
from billing.plans import addons, drafting, publishing, versions
from billing.plans.errors import (
    DraftExistsError,
    InvalidDraftError,
    NoDraftError,
    PublishedError,
)
from billing.plans.freezing import frozen
from ledger.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from tests import factories
from tests.billing.plans import offers
from tests.billing.plans.offers import card, fee, phase, plan
from tests.factories import NOON

LATER = NOON + timedelta(days=1)


def test_a_draft_says_what_its_document_said(book, tokens):
    taxcodes.create(book=book, key="saas", name="Software", at=NOON)
    sold = card(
        price={"type": "unit", "amount": "0.10"},
        discounts={"percentage": 12},
        commitments={"minimum_amount": "5"},
        unit_config={"operation": "divide", "conversion_factor": "1000", "rounding": "ceiling"},
        entitlement={"type": "static", "config": {"models": ["gpt-5"], "most": 3}},
        tax_config={"code": {"key": "saas"}, "behavior": "exclusive"},
        metadata={"team": "ml"},
    )
    document = plan(phase("trial", duration="P1M"), phase("main", fee(), sold), metadata={"a": 1})

    draft = drafting.create(book=book, document=document, at=NOON)

    kept = versions.plan_document(versions.plans(book).get(pk=draft.pk))
    assert [each["key"] for each in kept["phases"]] == ["trial", "main"]
    [first, second] = kept["phases"][1]["rate_cards"]
    assert (first["key"], first["feature"]) == ("fee", None)
    assert second["feature"] == {"id": str(tokens.pk), "key": "tokens"}
    assert second["price"] == {"type": "unit", "amount": "0.10"}
    assert second["discounts"] == {"percentage": "12"}
    assert second["entitlement"]["config"] == {"models": ["gpt-5"], "most": 3}
    assert second["tax_config"]["code"]["key"] == "saas"
    assert kept["metadata"] == {"a": 1}
    assert (draft.version, draft.effective_from) == (1, None)


def test_a_draft_may_break_rules_and_says_which(book, tokens):
    draft = drafting.create(book=book, document=plan(phase("m", card(price={}))), at=NOON)

    [found] = versions.plan_problems(versions.plans(book).get(pk=draft.pk))
    assert found.field == "phases[0].rate_cards[0].price.type"


def test_what_is_not_there_is_refused_all_at_once(book):
    tax = {"code": {"id": "77"}}
    document = plan(phase("main", card(), fee(tax_config=tax)), currency="ZZZ")

    with pytest.raises(InvalidDraftError) as refused:
        drafting.create(book=book, document=document, at=NOON)

    assert [(problem.field, problem.code) for problem in refused.value.problems] == [
        ("currency", "unknown_currency"),
        ("phases[0].rate_cards[0].feature", "unknown_feature"),
        ("phases[0].rate_cards[1].tax_config.code", "unknown_tax_code"),
    ]
    assert not Plan.objects.filter(book=book).exists()


def test_features_of_other_books_are_not_there(book):
    other = offers.feature(factories.book())
    document = plan(phase("main", card(feature={"id": str(other.pk)})))

    with pytest.raises(InvalidDraftError, match="no such feature"):
        drafting.create(book=book, document=document, at=NOON)


def test_an_id_that_is_another_keys_is_refused(book, tokens):
    offers.feature(book, "seats")
    document = plan(phase("main", card(feature={"id": str(tokens.pk), "key": "seats"})))

    with pytest.raises(InvalidDraftError, match="tokens's"):
        drafting.create(book=book, document=document, at=NOON)


def test_a_plan_is_named_once_and_again_when_its_only_draft_is_gone(book):
    draft = drafting.create(book=book, document=plan(), at=NOON)
    with pytest.raises(AlreadyExistsError):
        drafting.create(book=book, document=plan(), at=NOON)

    drafting.discard(plan=draft.plan)
    assert not PlanPhase.objects.exists()
    assert drafting.create(book=book, document=plan(), at=NOON).plan == draft.plan


def test_a_draft_is_replaced_as_a_whole(book, tokens):
    draft = drafting.create(book=book, document=plan(), at=NOON)
    document = plan(phase("x", duration="P1M"), phase("y", card()), name="Other", currency="EUR")

    drafting.replace(plan=draft.plan, document=document, at=LATER)

    kept = versions.plans(book).get(pk=draft.pk)
    assert (kept.name, kept.asset.code, kept.updated_at) == ("Other", "EUR", LATER)
    assert [each.key for each in kept.phases.all()] == ["x", "y"]
    assert PlanRateCard.objects.count() == 1
    with pytest.raises(InvalidInputError, match="key"):
        drafting.replace(plan=draft.plan, document=plan(key="other"), at=LATER)


def test_the_next_version_is_a_copy_with_its_addons(book):
    support = offers.publish_addon(book, offers.addon())
    first = offers.publish(book, plan())
    addons.attach(plan_version=first, addon_version=support, from_plan_phase="main", at=NOON)

    second = drafting.next_version(plan=first.plan, at=LATER)

    assert second.version == 2
    kept = versions.plans(book).get(pk=second.pk)
    assert versions.plan_document(kept) == versions.plan_document(first)
    assert [each.addon_version for each in kept.addons.all()] == [support]
    with pytest.raises(DraftExistsError):
        drafting.next_version(plan=first.plan, at=LATER)


def test_the_next_version_may_copy_an_older_one(book):
    first = offers.publish(book, plan(name="First"))
    offers.publish(book, plan(name="Second"), at=LATER)

    assert drafting.next_version(plan=first.plan, at=LATER, copy=1).name == "First"
    drafting.discard(plan=first.plan)
    with pytest.raises(NotFoundError):
        drafting.next_version(plan=first.plan, at=LATER, copy=7)


def test_without_a_draft_there_is_nothing_to_replace_or_discard(book):
    published = offers.publish(book, plan())

    with pytest.raises(NoDraftError):
        drafting.replace(plan=published.plan, document=plan(), at=LATER)
    with pytest.raises(NoDraftError):
        drafting.discard(plan=published.plan)


def test_a_custom_plan_is_one_customers_own(book):
    customer = factories.customer(book=book)

    draft = drafting.create(book=book, document=plan(), at=NOON, customer=customer)

    assert draft.plan.customer == customer
    drafting.discard(plan=draft.plan)
    with pytest.raises(AlreadyExistsError):
        drafting.create(book=book, document=plan(), at=NOON)


@pytest.mark.parametrize(
    "change",
    [
        lambda version: PlanVersion.objects.filter(pk=version.pk).update(name="Other"),
        lambda version: version.phases.all().delete(),
        lambda version: PlanRateCard.objects.filter(phase__plan_version=version).update(price={}),
        lambda version: PlanPhase.objects.create(plan_version=version, position=9, key="n"),
        lambda version: PlanVersion.objects.filter(pk=version.pk).delete(),
    ],
)
def test_the_database_refuses_to_change_what_is_published(book, change):
    published = offers.publish(book, plan())

    with pytest.raises(PublishedError), frozen(), transaction.atomic():
        change(published)
    assert versions.plan_problems(versions.plans(book).get(pk=published.pk)) == []


def test_other_refusals_are_not_taken_for_it(book):
    Plan.objects.create(book=book, key="pro", created_at=NOON)

    with pytest.raises(IntegrityError), frozen(), transaction.atomic():
        Plan.objects.create(book=book, key="pro", created_at=NOON)


def test_a_plan_is_read_in_as_many_queries_however_long_it_is(book, django_assert_num_queries):
    features = [offers.feature(book, f"f{number}") for number in range(6)]
    cards = [card(feature.key) for feature in features]
    for number in range(3):
        offers.publish(book, plan(phase("main", *cards), key=f"p{number}"))

    with django_assert_num_queries(4):
        for version in versions.plans(book):
            assert versions.plan_problems(version) == []


def test_publishing_needs_a_draft(book):
    published = offers.publish(book, plan())

    with pytest.raises(NoDraftError):
        publishing.publish_plan(plan=published.plan, effective_from=LATER, at=LATER)
