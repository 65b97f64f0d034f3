"""Plans looked at in the admin: who may, what is compared, what a list takes."""

import re

import pytest
from django.utils.timezone import now

from billing.models import Plan, Subscription
from billing.plans import drafting, publishing
from tests import factories
from tests.billing.admin.drafting import EVIL, GRADUATED, address, document, drafted, send
from tests.billing.plans import offers
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db


class TestPermissions:
    def test_looking_drafting_and_publishing_are_different_rights(self, book):
        version = drafted(book)
        looks = Browser(permissions=["billing.view_planversion", "billing.view_plan"])
        drafts = Browser(permissions=["billing.view_planversion", "billing.change_planversion"])
        page = ("billing_planversion_change", version.pk)

        assert not looks.offers("edit", *page)
        assert drafts.offers("edit", *page)
        assert not drafts.offers("publish", *page)
        assert looks.client.get(address(version, "main", "fee")).status_code == 200
        assert send(looks, version, GRADUATED).status_code == 403
        assert send(looks, version, {}, card="fee", view="remove").status_code == 403
        assert send(looks, version, {}, phase="", view="phase").status_code == 403
        assert send(drafts, version, GRADUATED).status_code == 302
        drafts.do("billing_planversion_publish", version.pk, status=403)

    def test_a_published_version_can_be_tried_and_not_changed(self, book):
        version = offers.publish(book, offers.plan())
        browser = Browser()

        said = browser.client.get(address(version, "main", "fee")).content.decode()
        sent = send(browser, version, GRADUATED, card="fee")

        assert "nothing is saved" in said
        assert sent.status_code == 403

    def test_finance_may_do_all_of_it(self, book):
        version = drafted(book)
        browser = Browser(role="Finance operations")

        assert send(browser, version, GRADUATED).status_code == 302
        browser.do("billing_planversion_publish", version.pk)


class TestLooking:
    def test_two_versions_stand_side_by_side(self, book):
        version = offers.publish(book, offers.plan())
        drafting.next_version(plan=version.plan, at=now(), document=offers.plan(
            offers.phase("main", offers.fee(amount="25")), name="Pro 2"))  # fmt: skip
        draft = version.plan.versions.get(version=2)

        said = Browser().read("billing_planversion_compare", draft.pk)

        assert "name Pro Pro 2" in said
        assert "phase main, rate card fee, price, amount 20 25" in said
        assert "currency" not in said

    def test_the_list_shows_what_is_on_offer_and_to_how_many(self, book):
        version = offers.publish(book, offers.plan(name="The plan"))
        drafting.next_version(plan=version.plan, at=now())
        for _ in range(2):
            Subscription.objects.create(
                book=book, customer=factories.customer(book=book), key=factories.name("s"),
                plan_version=version, asset=version.asset, billing_anchor=factories.NOON,
                billing_cadence="P1M", time_zone="UTC", settlement_mode="credit_only",
                starts_at=factories.NOON, created_at=factories.NOON,
            )  # fmt: skip

        said = Browser().read("billing_plan_changelist")

        assert "pro The plan active v1 v2 2" in said

    @pytest.mark.parametrize("page", ["billing_plan_changelist", "billing_planversion_changelist"])
    def test_number_of_queries_does_not_depend_on_rows(self, book, page):
        browser = Browser()

        def publish(count):
            for _ in range(count):
                offers.publish(book, offers.plan(key=factories.name("plan")))

        publish(2)
        few = browser.queries(page)
        publish(6)

        assert len(browser.queries(page)) == len(few) <= 12

    def test_a_version_is_read_in_a_fixed_number_of_queries(self, book):
        offers.feature(book, "other")
        small = drafted(book, key="small")
        phases = [
            offers.phase(f"p{i}", offers.fee(), offers.card(), duration="P1M") for i in range(5)
        ]
        large = drafted(book, *phases, key="large")
        browser = Browser()
        page = "billing_planversion_change"

        few = len(browser.queries(page, small.pk))

        # One more: the features that its rate cards name have a meter with a unit.
        assert len(browser.queries(page, large.pk)) <= few + 1
        assert few <= 40

    def test_names_are_shown_and_not_run(self, book):
        card = offers.fee(name=EVIL, description=EVIL)
        version = drafted(book, offers.phase("main", card, name=EVIL), name=EVIL)
        browser = Browser()
        drafting.replace(plan=version.plan, document=document(version), at=now())
        values = {**GRADUATED, "name": EVIL, "display_unit": EVIL, "operation": "divide",
                  "conversion_factor": "10"}  # fmt: skip
        pages = [
            browser.get("billing_plan_changelist").content,
            browser.get("billing_plan_change", version.plan_id).content,
            browser.get("billing_planversion_change", version.pk).content,
            browser.client.get(address(version, "main", "fee")).content,
            send(browser, version, {**values, "key": EVIL}).content,
            browser.client.post(
                address(version, "main", view="preview"), {**values, "sample-quantity": "5"}
            ).json()["panel"].encode(),
        ]  # fmt: skip

        assert all(b"<script>alert" not in page for page in pages)
        assert sum(b"&lt;script&gt;alert" in page for page in pages) == len(pages)

    def test_pages_run_no_inline_script(self, book):
        version = drafted(book)
        browser = Browser()
        pages = [
            browser.get("billing_planversion_change", version.pk).content.decode(),
            browser.client.get(address(version, "main", "fee")).content.decode(),
        ]

        for page in pages:
            inline = re.findall(r"<script(?![^>]*src=)(?![^>]*application/json)[^>]*>", page)
            assert not inline
            assert " onclick=" not in page
            assert not re.search(r'<(?!svg)[a-z]+[^>]* style="', page)

    def test_an_add_on_is_offered_and_taken_off(self, book):
        version = drafted(book)
        addon = offers.publish_addon(book, offers.addon())
        browser = Browser()

        browser.do(
            "billing_planversion_attach",
            version.pk,
            values={"addon_version": addon.pk, "from_plan_phase": "main"},
        )
        assert "support v1 Support main" in browser.read("billing_planversion_change", version.pk)
        browser.do(
            "billing_planversion_detach",
            version.pk,
            values={"attached": version.addons.get().pk},
        )

        assert not version.addons.exists()
        assert Plan.objects.get() == version.plan
        assert publishing.publish_plan(plan=version.plan, effective_from=now(), at=now())
