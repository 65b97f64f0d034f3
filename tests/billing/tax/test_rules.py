"""Which tax a supply bears: who sells to whom, where, and what is known of it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.tax import places
from billing.tax.facts import Category, Exempt, IdPolicy, Rate, Rates, Supply, TaxIdFact
from billing.tax.rules import decide

DAY = date(2026, 10, 31)


def rate(jurisdiction: str, percentage: str, **more: Any) -> Rate:
    return Rate(
        id=more.pop("id", 1),
        tax_code=more.pop("tax_code", ""),
        jurisdiction=jurisdiction,
        category=more.pop("category", Category.STANDARD),
        percentage=Decimal(percentage),
        **more,
    )


RATES = Rates(
    [
        rate("DE", "16", valid_from=date(2020, 7, 1), valid_to=date(2021, 1, 1)),
        rate("DE", "19", valid_from=date(2021, 1, 1)),
        rate("DE", "7", tax_code="books"),
        rate("FR", "20"),
        rate("CH", "8.1"),
        rate("US-CA", "7.25"),
        rate("US-CA-LA", "9.5"),
        rate("DE", "0", tax_code="courses", category=Category.EXEMPT, name="§ 4 Nr. 21 UStG"),
    ]
)
FRENCH_ID = TaxIdFact(type="eu_vat", number="FR40303265045", country="FR", is_well_formed=True)


def supply(**changes: Any) -> Supply:
    """Return a German seller's digital service to a German business."""
    given: dict[str, Any] = {
        "seller": places.normal("DE"),
        "buyer": places.normal("DE"),
        "buyer_is_business": True,
        "buyer_tax_id": None,
        "classification": "digital",
        "tax_code": "",
        "exemptions": (),
        "at": DAY,
    }
    return Supply(**(given | changes))


def decided(**changes: Any) -> tuple[str, str, str]:
    decision = decide(supply(**changes), RATES)
    return decision.category.value, decision.jurisdiction, f"{decision.percentage:f}"


def codes(**changes: Any) -> list[tuple[str, str]]:
    found = decide(supply(**changes), RATES).findings
    return [(finding.code, finding.severity) for finding in found]


FRANCE: dict[str, Any] = {"buyer": places.normal("FR"), "buyer_tax_id": FRENCH_ID}


def test_at_home_the_rate_of_the_day_applies():
    assert decided() == ("S", "DE", "19")
    assert decided(at=date(2020, 12, 31)) == ("S", "DE", "16")


def test_a_code_with_its_own_rate_bears_it():
    assert decided(tax_code="books") == ("S", "DE", "7")
    assert decided(tax_code="anything") == ("S", "DE", "19")


def test_an_exempt_code_says_by_what_law():
    decision = decide(supply(tax_code="courses"), RATES)
    assert (decision.category, decision.note) == (Category.EXEMPT, "§ 4 Nr. 21 UStG")


def test_a_business_of_another_member_state_owes_the_tax_itself():
    decision = decide(supply(**FRANCE), RATES)
    assert (decision.category, decision.vatex) == (Category.REVERSE_CHARGE, "VATEX-EU-AE")
    assert decision.percentage == 0
    assert decision.note == "Reverse charge"


def test_goods_for_a_business_of_another_member_state_are_an_intra_community_supply():
    assert decided(**FRANCE, classification="goods") == ("K", "FR", "0")


def test_an_id_that_nobody_verified_is_accepted_with_a_warning():
    assert codes(**FRANCE) == [("tax_id_unverified", "warning")]


def test_an_id_is_not_enough_where_it_must_be_verified():
    changes = FRANCE | {"policy": IdPolicy.VERIFIED}
    assert decided(**changes) == ("S", "FR", "20")
    verified = TaxIdFact(
        type="eu_vat", number="FR40303265045", country="FR", is_well_formed=True, status="valid"
    )
    assert decided(**changes | {"buyer_tax_id": verified})[0] == "AE"


@pytest.mark.parametrize("status", ["valid", "unverified"])
def test_an_id_of_the_sellers_own_country_is_no_reverse_charge(status: str):
    german = TaxIdFact(
        type="eu_vat", number="DE136695976", country="DE", is_well_formed=True, status=status
    )
    assert decided(buyer=places.normal("FR"), buyer_tax_id=german)[0] == "S"


def test_an_invalid_id_is_taxed_like_a_consumer_and_said():
    invalid = TaxIdFact(
        type="eu_vat", number="FR40303265045", country="FR", is_well_formed=True, status="invalid"
    )
    changes = FRANCE | {"buyer_tax_id": invalid}
    assert decided(**changes) == ("S", "FR", "20")
    assert codes(**changes) == [("tax_id_invalid", "warning")]


def test_digital_services_for_consumers_are_taxed_where_these_are():
    assert decided(buyer=places.normal("FR"), buyer_is_business=False) == ("S", "FR", "20")


def test_other_services_for_consumers_are_taxed_where_the_seller_is():
    changes = {"buyer": places.normal("FR"), "buyer_is_business": False}
    assert decided(**changes, classification="services") == ("S", "DE", "19")


def test_without_the_consumers_rate_the_sellers_is_taken_and_said():
    changes = {"buyer": places.normal("IT"), "buyer_is_business": False}
    assert decided(**changes) == ("S", "DE", "19")
    assert codes(**changes) == [("no_destination_rate", "warning")]


def test_services_outside_the_union_are_out_of_scope_and_goods_are_exports():
    japan = {"buyer": places.normal("JP")}
    assert decided(**japan) == ("O", "JP", "0")
    assert decided(**japan, classification="goods") == ("G", "JP", "0")
    assert decide(supply(**japan, classification="goods"), RATES).vatex == "VATEX-EU-G"


def test_consumers_of_a_country_the_book_is_registered_in_bear_its_tax():
    swiss = {"buyer": places.normal("CH"), "buyer_is_business": False}
    assert decided(**swiss) == ("S", "CH", "8.1")


def test_the_canaries_are_outside_the_unions_tax():
    assert decided(buyer=places.normal("ES", "CN"), buyer_is_business=False)[0] == "O"


def test_northern_ireland_is_inside_for_goods_only():
    northern = TaxIdFact(type="eu_vat", number="XI980780684", country="GB", is_well_formed=True)
    changes = {"buyer": places.normal("XI"), "buyer_tax_id": northern}
    assert decided(**changes, classification="goods")[0] == "K"
    assert decided(**changes)[0] == "O"


def test_american_customers_bear_the_tax_of_the_narrowest_place_that_has_one():
    assert decided(buyer=places.normal("US", "CA-LA")) == ("S", "US-CA-LA", "9.5")
    assert decided(buyer=places.normal("US", "CA-SF")) == ("S", "US-CA", "7.25")


def test_a_state_without_a_rate_takes_none_and_says_so():
    assert decided(buyer=places.normal("US", "NY")) == ("O", "US", "0")
    assert codes(buyer=places.normal("US", "NY")) == [("no_nexus", "warning")]


def test_an_american_without_a_state_is_critical_where_states_have_rates():
    assert codes(buyer=places.normal("US")) == [("no_address", "critical")]


def test_a_certificate_frees_from_the_tax_of_its_place_and_codes():
    certificate = Exempt(
        id=7, jurisdiction="US-CA", certificate="R-77", tax_codes=frozenset({"saas"})
    )
    here = {"buyer": places.normal("US", "CA-LA"), "exemptions": (certificate,)}
    decision = decide(supply(**here, tax_code="saas"), RATES)
    assert (decision.category, decision.exemption_id) == (Category.EXEMPT, 7)
    assert "R-77" in decision.note
    assert decided(**here, tax_code="books")[0] == "S"


def test_a_customer_without_a_country_is_taxed_as_at_home_and_blocks():
    assert decided(buyer=places.normal("Deutschland")) == ("S", "DE", "19")
    assert codes(buyer=places.normal("")) == [("no_address", "critical")]


def test_a_book_without_any_rate_takes_no_tax_and_warns():
    decision = decide(supply(), Rates([]))
    assert (decision.category, decision.percentage) == (Category.OUTSIDE, 0)
    assert [(f.code, f.severity) for f in decision.findings] == [("no_tax_set_up", "warning")]


def test_rates_without_a_sellers_country_block():
    assert codes(seller=places.normal("")) == [("no_tax_set_up", "critical")]


def test_a_code_without_a_rate_at_home_blocks_as_nobody_may_guess_it():
    rates = Rates([rate("DE", "7", tax_code="books")])
    decision = decide(supply(tax_code="saas"), rates)
    assert decision.category == Category.OUTSIDE
    assert [(f.code, f.severity) for f in decision.findings] == [("no_tax_decision", "critical")]


@pytest.mark.parametrize("seller", ["DE", "US", "CH", "JP", ""])
@pytest.mark.parametrize("buyer", ["DE", "FR", "ES-CN", "US", "US-CA", "GB", "XI", "JP", "CH", ""])
@pytest.mark.parametrize("classification", ["digital", "services", "goods", "other"])
@pytest.mark.parametrize("is_business", [True, False])
def test_every_supply_gets_a_decision_whose_percentage_fits_its_category(
    seller: str, buyer: str, classification: str, is_business: bool
):
    country, _, region = buyer.partition("-")
    decision = decide(
        supply(
            seller=places.normal(seller),
            buyer=places.normal(country, region),
            classification=classification,
            buyer_is_business=is_business,
        ),
        RATES,
    )
    assert (decision.percentage > 0) is (decision.category == Category.STANDARD)
    assert decision.why
