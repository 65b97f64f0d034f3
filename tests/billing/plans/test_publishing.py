"""Publishing freezes a version, dates it, and ends the one before it."""

from datetime import timedelta

import pytest

from billing import features
from billing.models import PlanVersion
from billing.plans import addons, drafting, publishing, versions
from billing.plans.errors import UnpublishableError
from ledger.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from tests import factories
from tests.billing.plans import offers
from tests.billing.plans.offers import addon, card, fee, phase, plan
from tests.factories import NOON

DAY = timedelta(days=1)
Status = PlanVersion.Status


def statuses(book, at):
    return [versions.status_of(version, at) for version in versions.plans(book)]


def test_a_version_is_scheduled_then_active_then_archived_by_the_next(book):
    first = drafting.create(book=book, document=plan(), at=NOON)
    assert statuses(book, NOON) == [Status.DRAFT]

    publishing.publish_plan(plan=first.plan, effective_from=NOON + DAY, at=NOON)
    assert statuses(book, NOON) == [Status.SCHEDULED]
    assert statuses(book, NOON + DAY) == [Status.ACTIVE]

    drafting.next_version(plan=first.plan, at=NOON + DAY)
    publishing.publish_plan(plan=first.plan, effective_from=NOON + 3 * DAY, at=NOON + DAY)
    assert statuses(book, NOON + 2 * DAY) == [Status.ACTIVE, Status.SCHEDULED]
    assert statuses(book, NOON + 3 * DAY) == [Status.ARCHIVED, Status.ACTIVE]


def test_publishing_refuses_with_every_rule_that_is_broken(book, tokens):
    document = plan(phase("a", fee()), phase("b", card(price={"type": "unit"})))
    draft = drafting.create(book=book, document=document, at=NOON)

    with pytest.raises(UnpublishableError) as refused:
        publishing.publish_plan(plan=draft.plan, effective_from=NOON, at=NOON)

    assert [problem.field for problem in refused.value.problems] == [
        "phases[0].duration",
        "phases[1].rate_cards[0].price.amount",
    ]
    assert str(refused.value).endswith("(and 1 more)")
    draft.refresh_from_db()
    assert draft.effective_from is None


def test_a_feature_archived_meanwhile_cannot_be_published(book, tokens):
    draft = drafting.create(book=book, document=plan(phase("m", card())), at=NOON)
    features.archive(feature=tokens, at=NOON)

    with pytest.raises(UnpublishableError, match="archived"):
        publishing.publish_plan(plan=draft.plan, effective_from=NOON, at=NOON)


def test_a_version_begins_after_the_one_before_it(book):
    first = offers.publish(book, plan(), at=NOON)
    drafting.next_version(plan=first.plan, at=NOON)

    with pytest.raises(InvalidInputError, match="later instant"):
        publishing.publish_plan(plan=first.plan, effective_from=NOON, at=NOON)


def test_an_offer_ends_at_once_or_from_a_date_and_never_later_than_it_was_to(book):
    plan_ = offers.publish(book, plan(), at=NOON).plan
    publishing.archive_plan(plan=plan_, effective_to=NOON + 2 * DAY, at=NOON)
    assert statuses(book, NOON + DAY) == [Status.ACTIVE]

    publishing.archive_plan(plan=plan_, effective_to=NOON + DAY, at=NOON)
    publishing.archive_plan(plan=plan_, effective_to=NOON + 5 * DAY, at=NOON)
    assert statuses(book, NOON + DAY) == [Status.ARCHIVED]


def test_a_scheduled_version_that_is_archived_is_never_on_offer(book):
    draft = drafting.create(book=book, document=plan(), at=NOON)
    publishing.publish_plan(plan=draft.plan, effective_from=NOON + DAY, at=NOON)

    publishing.archive_plan(plan=draft.plan, effective_to=NOON, at=NOON)

    assert statuses(book, NOON) == statuses(book, NOON + 2 * DAY) == [Status.ARCHIVED]


def test_a_draft_cannot_be_archived(book):
    draft = drafting.create(book=book, document=plan(), at=NOON)

    with pytest.raises(NotFoundError):
        publishing.archive_plan(plan=draft.plan, effective_to=NOON, at=NOON)


def test_an_addon_is_published_as_a_plan_is(book, tokens):
    draft = addons.create(book=book, document=addon(card(price={})), at=NOON)
    with pytest.raises(UnpublishableError):
        publishing.publish_addon(addon=draft.addon, effective_from=NOON, at=NOON)

    addons.replace(addon=draft.addon, document=addon(card()), at=NOON)
    publishing.publish_addon(addon=draft.addon, effective_from=NOON, at=NOON)
    second = addons.next_version(addon=draft.addon, at=NOON)
    publishing.publish_addon(addon=draft.addon, effective_from=NOON + DAY, at=NOON)

    first, second = versions.addons(book)
    assert (first.effective_to, second.effective_from) == (NOON + DAY, NOON + DAY)
    assert versions.addon_document(first) == versions.addon_document(second)
    publishing.archive_addon(addon=draft.addon, effective_to=NOON + 2 * DAY, at=NOON)
    assert versions.addons(book).get(version=2).effective_to == NOON + 2 * DAY


def test_an_addon_is_named_once_and_its_draft_can_be_discarded(book):
    draft = addons.create(book=book, document=addon(), at=NOON)
    with pytest.raises(AlreadyExistsError):
        addons.create(book=book, document=addon(), at=NOON)

    addons.discard(addon=draft.addon)
    assert addons.create(book=book, document=addon(), at=NOON).version == 1


@pytest.fixture
def attach(book):
    """Return a function that attaches an add-on to a published plan of two phases."""
    document = plan(phase("trial", fee(), duration="P1M"), phase("main", fee()))
    version = offers.publish(book, document)

    def attach(offer, **terms):
        terms.setdefault("from_plan_phase", "main")
        return addons.attach(plan_version=version, addon_version=offer, at=NOON, **terms)

    return attach


def test_a_published_plan_gains_addons_and_loses_none(book, attach):
    several = offers.publish_addon(book, addon(instance_type="multiple"))

    attached = attach(several, max_quantity=5)

    assert (attached.name, attached.max_quantity) == ("Support", 5)
    with pytest.raises(AlreadyExistsError):
        attach(several)
    with pytest.raises(addons.PublishedError):
        addons.detach(attached=attached)


def test_a_draft_loses_addons_too(book):
    draft = drafting.create(book=book, document=plan(), at=NOON)
    support = offers.publish_addon(book, addon())
    attached = addons.attach(
        plan_version=draft, addon_version=support, from_plan_phase="main", at=NOON
    )

    addons.detach(attached=attached)

    assert not draft.addons.exists()


@pytest.mark.parametrize(
    ("document", "terms", "code"),
    [
        (addon(), {"from_plan_phase": "late"}, "unknown_phase"),
        (addon(currency="EUR"), {}, "currency_differs"),
        (addon(fee("support", billing_cadence="P1W")), {}, "cadence_not_compatible"),
    ],
)
def test_an_addon_must_fit_the_plan(book, attach, document, terms, code):
    offer = offers.publish_addon(book, document)

    with pytest.raises(UnpublishableError) as refused:
        attach(offer, **terms)
    assert [problem.code for problem in refused.value.problems] == [code]


def test_an_addon_that_cannot_be_bought_is_not_attached(book, attach):
    support = offers.publish_addon(book, addon())
    with pytest.raises(InvalidInputError, match="bought once"):
        attach(support, max_quantity=2)
    publishing.archive_addon(addon=support.addon, effective_to=NOON, at=NOON)
    with pytest.raises(InvalidInputError, match="archived"):
        attach(versions.addons(book).get(pk=support.pk))
    with pytest.raises(InvalidInputError, match="draft"):
        attach(addons.next_version(addon=support.addon, at=NOON))
    with pytest.raises(InvalidInputError, match="book"):
        attach(offers.publish_addon(factories.book(), addon()))


def test_a_draft_whose_phase_is_gone_cannot_be_published_with_the_addon(book):
    draft = drafting.create(book=book, document=plan(), at=NOON)
    support = offers.publish_addon(book, addon())
    addons.attach(plan_version=draft, addon_version=support, from_plan_phase="main", at=NOON)
    drafting.replace(plan=draft.plan, document=plan(phase("other", fee())), at=NOON)

    with pytest.raises(UnpublishableError) as refused:
        publishing.publish_plan(plan=draft.plan, effective_from=NOON, at=NOON)
    [found] = refused.value.problems
    assert (found.field, found.code) == ("addons[0].from_plan_phase", "unknown_phase")
