"""Plans made by forms: nobody writes JSON, and what is wrong stands where it is wrong."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from billing.models import PlanVersion
from billing.plans import drafting
from ledger.models import Asset
from tests.billing.admin.drafting import GRADUATED, address, document, drafted, seen, send
from tests.billing.plans import offers
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db


class TestDrafting:
    def test_a_plan_is_made_without_touching_json(self, book):
        browser = Browser()
        values = {
            "book": book.pk, "key": "team", "name": "Team", "billing_cadence": "P1M",
            "currency": Asset.objects.get(code="USD").pk, "pro_rating_enabled": "on",
            "settlement_mode": "credit_then_invoice",
        }  # fmt: skip
        browser.do("billing_plan_add", values=values)
        version = PlanVersion.objects.get(plan__key="team")

        sent = send(browser, version, GRADUATED, phase="standard")
        assert sent.status_code == 302
        browser.do("billing_planversion_publish", version.pk)

        [card] = document(version)["phases"][0]["rate_cards"]
        assert card["key"] == "tokens"
        assert card["price"]["tiers"] == [
            {"up_to_amount": "1000", "unit_price": {"type": "unit", "amount": "0.10"}},
            {
                "unit_price": {"type": "unit", "amount": "0.05"},
                "flat_price": {"type": "flat", "amount": "3"},
            },
        ]
        assert card["discounts"] == {"percentage": "10"}
        assert card["commitments"] == {"minimum_amount": "20", "maximum_amount": "500"}
        version.refresh_from_db()
        assert version.effective_from is not None

    def test_a_rate_table_is_made_of_rows(self, book):
        version = drafted(book)
        values = {
            "feature": "tokens", "price_type": "rate_table", "dimensions": "model, token",
            "rates-0-value0": "gpt-5", "rates-0-value1": "input", "rates-0-amount": "0.01",
            "rates-1-value0": "small", "rates-1-amount": "0.02", "default": "0.05",
            "billing_cadence": "P1M", "payment_term": "in_arrears",
        }  # fmt: skip

        assert send(Browser(), version, values).status_code == 302

        assert document(version)["phases"][0]["rate_cards"][1]["price"] == {
            "type": "rate_table",
            "dimensions": ["model", "token"],
            "rates": [
                {"match": {"model": "gpt-5", "token": "input"}, "amount": "0.01"},
                {"match": {"model": "small"}, "amount": "0.02"},
            ],
            "default": "0.05",
        }

    def test_saving_what_is_shown_changes_nothing(self, book):
        card = offers.card(
            price={"type": "volume", "tiers": [{"unit_price": {"type": "unit", "amount": "0.5"}}]},
            unit_config={"operation": "divide", "conversion_factor": "1000", "rounding": "ceiling"},
            entitlement={"type": "static", "config": {"models": ["a"], "n": 5, "s": "5"}},
            metadata={"kept": "as it was"},
        )
        version = drafted(book, offers.phase("main", card))
        before = document(version)
        browser = Browser()
        form = browser.client.get(address(version, "main", "tokens")).context["form"]
        values = {name: form[name].value() for name in form.fields}
        rows = {
            f"{name}-{i}-{column}": value
            for name, listed in values.items()
            if isinstance(listed, list)
            for i, row in enumerate(listed)
            for column, value in row.items()
        }
        flat = {name: v for name, v in values.items() if v and not isinstance(v, list)}

        assert send(browser, version, {**flat, **rows}, card="tokens").status_code == 302

        assert document(version) == before

    def test_an_allowance_keeps_what_was_used_beyond(self, book):
        version = drafted(book, offers.phase("main", offers.card()))
        browser = Browser()
        form = browser.client.get(address(version, "main", "tokens")).context["form"]
        shown = {name: form[name].value() for name in form.fields}
        values = {name: v for name, v in shown.items() if v and not isinstance(v, list)}
        allowed = {"entitlement_type": "metered", "limit": "100", "preserves_overage": "on"}

        send(browser, version, {**values, **allowed}, card="tokens")

        assert document(version)["phases"][0]["rate_cards"][0]["entitlement"] == {
            "type": "metered", "limit": "100", "is_soft_limit": False, "preserves_overage": True,
        }  # fmt: skip
        page = browser.read("billing_planversion_change", version.pk)
        assert "100 units, overage kept" in page

    def test_phases_are_added_moved_and_removed(self, book):
        version = drafted(book)
        browser = Browser()
        trial = {"name": "Trial", "key": "trial", "duration": "P14D", "position": "1"}

        assert send(browser, version, trial, phase="", view="phase").status_code == 302
        assert [one["key"] for one in document(version)["phases"]] == ["trial", "main"]
        assert send(browser, version, {}, phase="trial", view="remove").status_code == 302
        assert send(browser, version, {}, card="fee", view="remove").status_code == 302

        assert document(version)["phases"] == [
            {"key": "main", "name": "Main", "description": "", "metadata": {}, "duration": "",
             "rate_cards": []}
        ]  # fmt: skip

    def test_a_draft_somebody_else_has_changed_is_not_overwritten(self, book):
        version = drafted(book)
        before = seen(version)
        drafting.replace(plan=version.plan, document=offers.plan(name="Other"), at=now())
        browser = Browser()

        page = browser.client.post(address(version, "main"), {**GRADUATED, "seen": before})
        phase = browser.client.post(
            address(version, "main", view="phase"), {"name": "N", "key": "n", "seen": before}
        )

        assert "meanwhile" in page.content.decode()
        assert "meanwhile" in phase.content.decode()
        assert len(document(version)["phases"][0]["rate_cards"]) == 1

    def test_versions_are_drafted_published_archived_and_thrown_away(self, book):
        version = drafted(book)
        browser = Browser()
        soon = now() + timedelta(days=2)
        at = {"effective_from": f"{soon:%Y-%m-%dT%H:%M:%S}"}
        browser.do("billing_planversion_publish", version.pk, values=at)
        assert "scheduled" in browser.read("billing_planversion_change", version.pk)
        browser.do("billing_planversion_archive", version.pk)
        assert "archived" in browser.read("billing_planversion_change", version.pk)

        browser.do("billing_plan_next-version", version.plan_id)
        draft = PlanVersion.objects.get(effective_from=None)
        browser.do("billing_planversion_discard", draft.pk)

        assert PlanVersion.objects.get() == version

    def test_what_the_whole_plan_says_is_changed(self, book):
        version = drafted(book)
        values = {
            "name": "New", "billing_cadence": "P1Y", "settlement_mode": "credit_only",
            "currency": version.asset_id,
        }  # fmt: skip

        Browser().do("billing_planversion_edit", version.pk, values=values)

        version.refresh_from_db()
        assert (version.name, version.billing_cadence, version.is_prorated) == ("New", "P1Y", False)


class TestProblems:
    def test_all_that_is_wrong_stands_at_its_fields_at_once(self, book):
        version = drafted(book)
        wrong = {
            **GRADUATED,
            "tiers-0-unit_price": "-1",
            "tiers-3-up_to_amount": "500",
            "tiers-3-unit_price": "0.07",
            "minimum_amount": "900",
            "billing_cadence": "monthly",
        }
        browser = Browser()

        sent = send(browser, version, wrong)

        assert sent.status_code == 302
        assert sent["Location"] == address(version, "main", "tokens")
        form = browser.client.get(sent["Location"]).context["form"]
        assert set(form.fields["tiers"].widget.problems) == {
            (0, "unit_price"), (1, "up_to_amount")
        }  # fmt: skip
        assert set(form.notes) == {"minimum_amount", "billing_cadence"}
        assert "3 things" not in browser.read("billing_planversion_change", version.pk)
        assert "4 things to mend" in browser.read("billing_planversion_change", version.pk)

    def test_a_draft_with_problems_cannot_be_published(self, book):
        version = drafted(book, offers.phase("main", offers.card(billing_cadence="")))

        page = Browser().do("billing_planversion_publish", version.pk, status=200)

        assert "rate_cards[0].billing_cadence" in page.content.decode()
        version.refresh_from_db()
        assert version.effective_from is None

    def test_what_cannot_be_kept_is_refused_at_its_field(self, book):
        version = drafted(book)

        page = send(Browser(), version, {**GRADUATED, "key": "fee"})

        assert page.status_code == 200
        assert "same key" in str(page.context["form"].errors["key"])
        phase = send(Browser(), version, {"name": "N", "key": "a b"}, phase="", view="phase")
        assert "letters" in str(phase.context["form"].errors["key"])

    @pytest.mark.parametrize(
        ("phase", "card"), [("nowhere", ""), ("main", "nothing"), ("", ""), ("", "fee")]
    )
    def test_what_is_not_there_is_not_found(self, book, phase, card):
        version = drafted(book)

        assert Browser().client.get(address(version, phase, card)).status_code == 404


class TestPreview:
    def ask(self, version, values, browser=None, phase="main"):
        browser = browser or Browser()
        return browser.client.post(address(version, phase, view="preview"), values)

    def test_it_prices_what_has_not_been_saved(self, book):
        version = drafted(book)

        answer = self.ask(version, {**GRADUATED, "sample-quantity": "1500"}).json()

        assert answer["problems"] == []
        assert answer["document"]["total"] == "115.2"  # 0.9 × (1000 × 0.10 + 3 + 500 × 0.05)
        assert [line["exact_amount"] for line in answer["document"]["lines"]] == [
            "100", "3", "25", "-12.8",
        ]  # fmt: skip
        assert ["1000", "90"] in [point[:2] for point in answer["points"]]
        assert ["1001", "92.745"] in [point[:2] for point in answer["points"]]
        assert 'class="mb-limit-name"' in answer["panel"]
        assert "1,000 tokens cost 90.00 USD" in answer["panel"]
        assert document(version)["phases"][0]["rate_cards"][0]["key"] == "fee"

    def test_numbers_are_exact_whatever_their_size(self, book):
        values = {**GRADUATED, "price_type": "unit", "amount": "0.000000123456",
                  "minimum_amount": "", "maximum_amount": "", "discount_percentage": "",
                  "sample-quantity": "123456789012345678"}  # fmt: skip

        answer = self.ask(drafted(book), values).json()

        expected = Decimal("0.000000123456") * Decimal(123456789012345678)
        assert Decimal(answer["document"]["exact_total"]) == expected

    def test_it_names_the_field_of_each_problem(self, book):
        values = {**GRADUATED, "tiers-0-up_to_amount": "0", "maximum_amount": "x"}

        answer = self.ask(drafted(book), values).json()

        places = {(each["field"], each["row"], each["column"]) for each in answer["problems"]}
        assert places == {("tiers", 0, "up_to_amount"), ("maximum_amount", None, "")}
        assert answer["document"] is None

    @pytest.mark.parametrize("quantity", ["", "x", "-5", "1e9", "9" * 40, "NaN"])
    @pytest.mark.parametrize("kind", ["unit", "percentage"])
    def test_a_quantity_that_is_none_is_answered_not_crashed(self, book, quantity, kind):
        values = {
            "feature": "tokens", "price_type": kind, "amount": "1", "rate": "1", "fixed_fee": "1",
            "sample-quantity": quantity, "sample-events": "3",
        }  # fmt: skip

        assert self.ask(drafted(book), values).status_code == 200

    def test_a_rate_of_a_table_is_chosen(self, book):
        values = {
            "feature": "tokens", "price_type": "rate_table", "dimensions": "model",
            "rates-0-value0": "a", "rates-0-amount": "1", "rates-1-value0": "b",
            "rates-1-amount": "2", "sample-quantity": "10", "sample-rate": "2",
        }  # fmt: skip

        assert self.ask(drafted(book), values).json()["document"]["total"] == "20"

    def test_it_works_without_javascript(self, book):
        version = drafted(book)

        page = send(Browser(), version, {**GRADUATED, "sample-quantity": "1500", "preview": "Show"})

        said = re.sub(r"<[^>]+>", " ", page.content.decode())
        assert "115.20" in said
        assert len(document(version)["phases"][0]["rate_cards"]) == 1

    def test_only_those_who_may_look_are_answered(self, book):
        version = drafted(book)
        stranger = Browser(permissions=["billing.view_meter"])

        assert self.ask(version, GRADUATED, stranger).status_code == 403
        assert Browser().client.get(address(version, "main", view="preview")).status_code == 405
