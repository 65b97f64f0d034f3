"""Usage in the admin: counted, priced, attributed, corrected, and shown."""

from decimal import Decimal

import pytest
from django.urls import reverse

from billing import catalogue
from billing.metering import history
from billing.models import (
    BillingProfile,
    Correction,
    DeadLetter,
    Meter,
    Rate,
    RateCard,
    Subject,
    UnattributedEvent,
)
from tests import factories
from tests.billing.scene import HOUR, event
from tests.factories import NOON
from tests.ledger.admin.browser import Browser, counted

pytestmark = pytest.mark.django_db


class TestCatalogue:
    def test_a_meter_is_added_renamed_and_archived(self, scene):
        browser = Browser()
        values = {
            "book": scene.book.pk, "key": "tokens", "event_type": "llm", "aggregation": "sum",
            "value_path": "$.n", "unit": scene.things.pk, "dimensions": '{"model": "$.model"}',
        }  # fmt: skip

        browser.do("billing_meter_add", values=values)
        meter = Meter.objects.get(key="tokens")
        browser.do("billing_meter_rename", meter.pk, values={"name": "Tokens"})
        browser.do("billing_meter_archive", meter.pk)

        meter.refresh_from_db()
        assert (meter.name, meter.dimensions) == ("Tokens", {"model": "$.model"})
        assert meter.archived_at is not None

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"value_path": "n"}, "value_path"),
            ({"dimensions": "[1]"}, "dimensions"),
            ({"dimensions": "{"}, "dimensions"),
            ({"key": "with space"}, "key"),
        ],
    )
    def test_a_meter_that_cannot_be_is_refused_at_its_field(self, scene, wrong, field):
        values = {
            "book": scene.book.pk, "key": "k", "event_type": "llm", "aggregation": "sum",
            "value_path": "$.n", "unit": scene.things.pk, **wrong,
        }  # fmt: skip

        page = Browser().do("billing_meter_add", values=values, status=200)

        assert field in page.context["form"].errors

    def test_a_new_price_is_a_new_rate(self, scene):
        values = {"meter": scene.meters["sum"].pk, "unit_price": "0.25", "match": '{"model": "m"}'}

        Browser().do("billing_ratecard_add-rate", scene.card.pk, values=values)

        assert sorted(Rate.objects.values_list("unit_price", flat=True)) == [
            Decimal("0.25"),
            Decimal("0.5"),
        ]
        said = Browser().read("billing_ratecard_change", scene.card.pk)
        assert "model = m 0.25 USD" in said

    def test_a_rate_card_becomes_the_default(self, scene):
        browser = Browser()
        values = {"book": scene.book.pk, "key": "new", "asset": scene.dollars.pk}
        browser.do("billing_ratecard_add", values=values)
        card = RateCard.objects.get(key="new")

        browser.do("billing_ratecard_make-default", card.pk)

        assert RateCard.objects.get(is_default=True) == card

    def test_a_profile_is_set_and_changed(self, scene):
        browser = Browser()
        values = {"customer": scene.customer.key, "settlement": "credit_only"}
        browser.do("billing_billingprofile_add", values=values)
        browser.do(
            "billing_billingprofile_edit",
            scene.customer.pk,
            values={"settlement": "credit_then_invoice", "credit_limit": "500"},
        )

        profile = BillingProfile.objects.get()
        assert (profile.settlement, profile.credit_limit) == ("credit_then_invoice", 500)


class TestAttribution:
    def test_mapping_a_subject_posts_what_waited(self, scene):
        scene.send(event(4, subject="stranger"), event(6, subject="stranger"))
        row = UnattributedEvent.objects.first()
        browser = Browser()
        assert "Events of unknown subjects 2" in browser.read("index")

        browser.do("billing_unattributedevent_map", row.pk, values={"customer": scene.customer.key})

        assert scene.units("sum") == 10
        assert Subject.objects.get(key="stranger").customer == scene.customer
        browser.do("billing_unattributedevent_map", row.pk, status=403)

    def test_a_subject_is_mapped_and_changes_hands(self, scene):
        browser = Browser()
        other = factories.customer(book=scene.book)
        browser.do(
            "billing_subject_add",
            values={"book": scene.book.pk, "key": "s", "customer": scene.customer.key},
        )
        subject = Subject.objects.get(key="s")
        browser.do("billing_subject_remap", subject.pk, values={"customer": other.key})

        subject.refresh_from_db()
        assert subject.customer == other

    def test_a_customer_that_is_unknown_is_refused(self, scene):
        values = {"book": scene.book.pk, "key": "s", "customer": "nobody"}

        page = Browser().do("billing_subject_add", values=values, status=200)

        assert "customer" in page.context["form"].errors

    def test_a_key_that_two_books_have_needs_its_book(self, scene):
        other = factories.customer(key=scene.customer.key)
        browser = Browser()
        values = {"book": other.book.pk, "key": "s", "customer": scene.customer.key}

        page = browser.do("billing_subject_add", values=values, status=200)
        values["customer"] = f"{other.book.key}:{other.key}"
        browser.do("billing_subject_add", values=values)

        assert "book:key" in page.context["form"].errors["customer"][0]
        assert Subject.objects.get(key="s").customer == other


class TestEvents:
    def test_an_event_shows_what_it_posted(self, scene):
        scene.send(event(4, id="e1"), event(9, id="e2"))

        said = Browser().read("billing_usageevent_change", scene.find("e1").pk)

        assert "4 thing" in said
        assert "2.00 USD" in said
        assert "4.50 USD" not in said

    def test_data_is_shown_and_not_run(self, scene):
        scene.send(event(1, id="e1", note="<script>alert(1)</script>"))

        page = Browser().get("billing_usageevent_change", scene.find("e1").pk).content.decode()

        assert "<script>alert(1)" not in page
        assert "&lt;script&gt;alert(1)" in page

    def test_an_event_is_voided_with_a_reason(self, scene):
        scene.send(event(4, id="e1"), event(6, id="e2"))
        voided = scene.find("e1")
        browser = Browser(permissions=["billing.view_usageevent", "billing.correct_usageevent"])

        browser.do("billing_usageevent_void", voided.pk, values={"reason": "a test"})

        correction = Correction.objects.get()
        assert scene.units("sum") == 6
        assert (correction.reason, correction.cause) == (
            "a test",
            f"user:{browser.user.username}",
        )
        said = browser.read("billing_usageevent_change", voided.pk)
        assert "voided" in said
        assert "a test" in said
        assert "What corrections posted" in said
        browser.do("billing_usageevent_void", voided.pk, values={"reason": "r"}, status=403)

    def test_an_event_is_amended_as_it_is_written(self, scene):
        scene.send(event(4, id="e1"))
        first = scene.find("e1")
        browser = Browser()
        form = browser.get("billing_usageevent_amend", first.pk).context["form"]
        written = form["event"].value()
        assert '"n": 4' in written

        browser.do(
            "billing_usageevent_amend",
            first.pk,
            values={"event": written.replace('"n": 4', '"n": 7.25'), "reason": "typo"},
        )

        assert scene.units("sum") == Decimal("7.25")
        assert scene.find("e1").pk != first.pk

    def test_numbers_are_offered_exactly_as_they_were_sent(self, scene):
        scene.send(event(Decimal("4.10"), id="e1", big=Decimal("12345678901234567890.123456789")))

        form = Browser().get("billing_usageevent_amend", scene.find("e1").pk).context["form"]

        assert "12345678901234567890.123456789" in form["event"].value()

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('"id": "e1"', '"id": "other"', "keep the source"),
            ('"n": 4', '"n": "many"', "send a number"),
            ("{", "", ""),
        ],
    )
    def test_what_cannot_replace_an_event_is_refused(self, scene, old, new, said):
        scene.send(event(4, id="e1"))
        first = scene.find("e1")
        browser = Browser()
        written = browser.get("billing_usageevent_amend", first.pk).context["form"]["event"].value()

        page = browser.do(
            "billing_usageevent_amend",
            first.pk,
            values={"event": written.replace(old, new, 1), "reason": "r"},
            status=200,
        )

        assert said in str(page.context["form"].errors)
        assert page.context["form"].errors
        assert not Correction.objects.exists()

    def test_correcting_needs_the_permission(self, scene):
        scene.send(event(4, id="e1"))
        browser = Browser(permissions=["billing.view_usageevent"])

        browser.do(
            "billing_usageevent_void", scene.find("e1").pk, values={"reason": "r"}, status=403
        )

    def test_events_are_found_by_number_customer_and_name(self, scene):
        scene.send(event(4, id="e1"), event(5, id="e2"))
        child = scene.child("below")
        scene.send(event(4, id="e3", subject="below"))
        third = scene.find("e3")
        browser = Browser()

        for term in (str(third.pk), child.key, "gateway e3"):
            page = browser.get("billing_usageevent_changelist", q=term)
            assert [row.pk for row in page.context["cl"].result_list] == [third.pk]
        page = browser.get("billing_usageevent_changelist", customer__id__exact=child.pk)
        assert [row.pk for row in page.context["cl"].result_list] == [third.pk]


class TestDeadLetters:
    def test_a_letter_is_mended_and_replayed(self, scene):
        scene.send(event("many", id="e1"))
        letter = DeadLetter.objects.get()
        browser = Browser()
        raw = browser.get("billing_deadletter_replay", letter.pk).context["form"]["raw"].value()

        browser.do(
            "billing_deadletter_replay", letter.pk, values={"raw": raw.replace('"many"', "3")}
        )

        letter.refresh_from_db()
        assert letter.status == "replayed"
        assert scene.units("sum") == 3

    def test_what_is_refused_again_says_why(self, scene):
        scene.send(event("many", id="e1"))
        letter = DeadLetter.objects.get()

        page = Browser().do(
            "billing_deadletter_replay", letter.pk, values={"raw": letter.raw}, status=200
        )

        assert "send a number" in page.context["form"].errors["raw"][0]
        assert DeadLetter.objects.get(pk=letter.pk).status == "open"

    def test_a_letter_is_dismissed(self, scene):
        scene.send(event("many"))
        letter = DeadLetter.objects.get()

        Browser().do("billing_deadletter_dismiss", letter.pk)

        letter.refresh_from_db()
        assert letter.status == "dismissed"

    def test_many_are_replayed_at_once(self, scene):
        early = NOON - 24 * 365 * HOUR
        scene.send(event(2, id="e1"), event(3, id="e2"), event("x", id="e3"), at=early)
        letters = list(DeadLetter.objects.values_list("pk", flat=True))
        assert len(letters) == 3
        browser = Browser()

        browser.do(
            "billing_deadletter_changelist",
            values={"action": "replay_selected", "_selected_action": letters},
        )

        assert scene.units("sum") == 5
        assert "Taken: 2. Refused again: 1." in browser.read("billing_deadletter_changelist")

    def test_many_are_dismissed_at_once(self, scene):
        scene.send(event("x"), event("y"))
        letters = list(DeadLetter.objects.values_list("pk", flat=True))

        Browser().do(
            "billing_deadletter_changelist",
            values={"action": "dismiss_selected", "_selected_action": letters},
        )

        assert set(DeadLetter.objects.values_list("status", flat=True)) == {"dismissed"}

    def test_replaying_needs_the_permission(self, scene):
        scene.send(event("many"))
        letter = DeadLetter.objects.get()
        browser = Browser(permissions=["billing.view_deadletter"])

        browser.do("billing_deadletter_replay", letter.pk, values={"raw": "{}"}, status=403)
        browser.do(
            "billing_deadletter_changelist",
            values={"action": "dismiss_selected", "_selected_action": [letter.pk]},
            status=200,
        )
        letter.refresh_from_db()
        assert letter.status == "open"


def grow(scene, count):
    for _ in range(count):
        child = scene.child(factories.name("subject"))
        scene.send(event(3), event(factories.name("bad")), event(1, subject=factories.name("who")))
        catalogue.set_profile(customer=child)
        name = factories.name("voided")
        scene.send(event(2, id=name))
        scene.void(name)
        scene.meter("count", key=factories.name("meter").lower())


@pytest.mark.parametrize(
    "name",
    [
        "billingprofile", "deadletter", "meter", "rate", "ratecard", "subject",
        "unattributedevent", "usageevent", "correction",
    ],
)  # fmt: skip
def test_lists_take_the_same_queries_however_long(scene, name):
    browser = Browser()
    page = f"billing_{name}_changelist"
    grow(scene, 2)
    few = browser.queries(page)
    grow(scene, 5)
    many = browser.queries(page)

    assert len(many) == len(few) <= 9
    assert not counted(many)


def test_what_a_customer_owes_stands_beside_it(scene):
    scene.send(event(10))
    browser = Browser()

    assert "5.00 USD" in browser.read("ledger_customer_changelist")
    glance = browser.read("index")
    assert "Unbilled in USD 5.00 USD" in glance
    assert "Drafts to be solved 0" in glance
    assert "Overdue documents 0" in glance
    assert "Payments not given to documents 0" in glance
    page = browser.get("ledger_customer_change", scene.customer.pk).content.decode()
    assert reverse("admin:billing_usage") in page


def test_an_account_line_leads_to_its_event(scene):
    scene.grant(100)
    scene.send(event(10, id="e1"))
    found = history.find(book=scene.book, source="gateway", external_id="e1")
    grant = scene.customer.wallets.get().grants.get()

    page = Browser().get("ledger_account_change", grant.account_id, period="all").content.decode()

    assert reverse("admin:billing_usageevent_change", args=[found.pk]) in page
    assert reverse("admin:wallets_creditgrant_change", args=[grant.pk]) in page
