"""Contracts: what usage has drawn, what will be missing, what is charged as a step ends."""

from decimal import Decimal

import pytest

from billing import catalogue, checks, contracts, due
from billing.models import Charge, Feature
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.models import Asset
from tests import factories
from tests.billing.charging.agreed import agreed, on
from tests.billing.scene import START, event, left, new_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter("sum", price=1)
    return scene


def sign(scene, *amounts, **terms):
    terms = {"key": "k", "starts_at": on("2025-01-01"), "ramp": "P1M", **terms}
    return contracts.create(
        customer=terms.pop("customer", scene.customer),
        asset=scene.dollars,
        amounts=[Decimal(amount) for amount in amounts],
        at=START,
        **terms,
    )


def use(scene, value, at, *, received="", **more):
    return scene.send(event(value, at=on(at), **more), at=on(received or at))


def run(scene, until):
    return due.run(customer=scene.customer, until=on(until))


def charged(kind):
    return [row.posted for row in Charge.objects.filter(kind=kind).order_by("starts_at")]


def test_what_is_missing_is_charged_when_a_step_ends(scene):
    sign(scene, 100, 200)
    use(scene, 30, "2025-01-10")
    use(scene, 250, "2025-02-10")

    run(scene, "2025-01-31T23:59:59")
    assert charged("true_up") == []
    run(scene, "2025-03-01")

    assert charged("true_up") == [70]
    assert -scene.holds("commitment_revenue") == 70
    assert scene.unbilled == 350
    assert not list(checks.charges_were_posted(book_id=None))


def test_spending_beyond_a_step_costs_its_multiple(scene):
    sign(scene, 100, overage_multiplier=Decimal("1.25"))
    use(scene, 140, "2025-01-10")
    run(scene, "2025-02-01")

    assert charged("overage") == [10]
    assert charged("true_up") == []


def test_late_usage_lowers_the_true_up(scene):
    sign(scene, 100, 100)
    run(scene, "2025-02-10")
    assert charged("true_up") == [100]

    use(scene, 30, "2025-01-31", received="2025-02-11")
    run(scene, "2025-02-11")

    assert charged("true_up") == [70]
    assert scene.unbilled == 100


def test_usage_of_descendants_draws_it_down(scene):
    sign(scene, 100)
    scene.child("team")
    use(scene, 30, "2025-01-10", subject="team")
    run(scene, "2025-02-01")

    assert charged("true_up") == [70]


def test_late_usage_of_a_descendant_lowers_the_true_up(scene):
    sign(scene, 100)
    scene.child("team")
    run(scene, "2025-02-10")
    use(scene, 30, "2025-01-10", received="2025-02-11", subject="team")
    run(scene, "2025-02-11")

    assert charged("true_up") == [70]


def test_only_the_features_it_names_count(scene):
    Feature.objects.create(book=scene.book, key="gpu", name="GPU", created_at=START)
    scene.meter("max", key="gpu", type="gpu", price=1, feature="gpu")
    sign(scene, 100, feature_keys=["gpu"])
    use(scene, 30, "2025-01-10")
    use(scene, 20, "2025-01-10", type="gpu")
    run(scene, "2025-02-01")

    assert charged("true_up") == [80]


def test_a_month_of_usage_is_cut_where_a_step_ends(scene):
    """Price lists count by the month, the contract from the 15th: entries say what was when."""
    contract = sign(scene, 100, 100, starts_at=on("2025-01-15"))
    for value, at in ((1, "2025-01-14"), (2, "2025-01-15"), (4, "2025-02-14"), (8, "2025-02-15")):
        use(scene, value, at)
    use(scene, 16, "2025-03-14T23:59:59")
    use(scene, 32, "2025-03-15")
    run(scene, "2025-04-01")

    assert charged("true_up") == [94, 76]
    steps = contracts.balance(contract=contract, at=on("2025-04-01")).steps
    assert [step.drawn for step in steps] == [6, 24]


def test_a_cut_knows_what_was_taken_back(scene):
    sign(scene, 100, starts_at=on("2025-05-15"))
    lot = scene.grant(3)
    use(scene, 5, "2025-05-10", id="before")
    use(scene, 7, "2025-05-20", id="after")
    scene.void("after")
    use(scene, 2, "2025-05-21")
    run(scene, "2025-06-15")

    assert charged("true_up") == [98]
    assert lot


def test_a_first_tier_belongs_to_where_its_period_begins(scene):
    book = agreed(scene=scene, since="2025-01-01")
    meter = scene.meter("max", key="peak", type="peak", price=None)
    flat = {"type": "flat", "amount": "10"}
    tiers = [{"flat_price": flat, "unit_price": {"type": "unit", "amount": "1"}}]
    book.usage(meter, {"type": "graduated", "tiers": tiers}, until="2025-02-01")
    sign(scene, 100, starts_at=on("2025-01-15"))
    run(scene, "2025-01-02")
    use(scene, 5, "2025-01-20", type="peak")
    run(scene, "2025-02-15")

    assert charged("true_up") == [95]


def test_the_balance_says_how_fast_and_what_will_be_missing(scene):
    contract = sign(scene, 310, 100, overage_multiplier=Decimal(2))
    use(scene, 31, "2025-01-05")

    found = contracts.balance(contract=contract, at=on("2025-01-11"))

    assert (found.committed, found.drawn, found.remaining) == (410, 31, 379)
    step = found.current
    assert (step.committed, step.drawn, step.remaining) == (310, 31, 279)
    assert step.burn_rate == Decimal("3.1")
    assert step.projected_drawn == Decimal("96.1")
    assert step.projected_shortfall == Decimal("213.9")
    assert (step.overage, step.overage_surcharge) == (0, 0)


def test_a_past_balance_counts_what_had_happened(scene):
    contract = sign(scene, 310)
    use(scene, 31, "2025-01-05")
    use(scene, 9, "2025-01-08")

    past = contracts.balance(contract=contract, at=on("2025-01-08"), is_past=True)

    assert past.drawn == 31
    assert contracts.balance(contract=contract, at=on("2025-01-08")).drawn == 40


def test_before_the_term_and_after_it_no_step_is_current(scene):
    contract = sign(scene, 100)

    assert contracts.balance(contract=contract, at=on("2024-12-31")).current is None
    assert contracts.balance(contract=contract, at=on("2025-02-01")).current is None


def test_steps_do_not_drift(scene):
    contract = sign(scene, *[1] * 12, starts_at=on("2024-01-31"))

    ends = [f"{step.ends_at:%d.%m.}" for step in _all_steps(contract)]
    assert ends[:4] == ["29.02.", "31.03.", "30.04.", "31.05."]
    assert contract.ends_at == on("2025-01-31")


def _all_steps(contract):
    return contracts.balance(contract=contract, at=contract.ends_at).steps


def test_years_may_ramp(scene):
    contract = sign(scene, 1000, 2000, 3000, ramp="P1Y")

    assert contract.ends_at == on("2028-01-01")
    assert contracts.balance(contract=contract, at=on("2026-06-01")).current.committed == 2000


def test_the_same_key_enters_it_once(scene):
    assert sign(scene, 100) == sign(scene, 100)
    with pytest.raises(IdempotencyConflictError):
        sign(scene, 200)


@pytest.mark.parametrize(
    ("amounts", "terms", "field"),
    [
        ([], {}, "amounts"),
        ([1] * 241, {}, "amounts"),
        ([5, -1], {}, "amounts.1"),
        ([5], {"ramp": "monthly"}, "ramp"),
        ([5], {"overage_multiplier": Decimal("0.5")}, "overage_multiplier"),
        ([5], {"feature_keys": ["nothing"]}, "feature_keys"),
        ([5], {"time_zone": "Mars/Olympus"}, "time_zone"),
    ],
)
def test_what_cannot_be_promised_is_refused(scene, amounts, terms, field):
    with pytest.raises(InvalidInputError) as refused:
        sign(scene, *amounts, **terms)

    assert refused.value.field == field
    assert refused.value.remedy


def test_units_are_no_money(scene):
    with pytest.raises(InvalidInputError) as refused:
        contracts.create(
            customer=scene.customer,
            asset=factories.asset(code="hour", kind=Asset.Kind.UNIT),
            key="k",
            starts_at=START,
            ramp="P1M",
            amounts=[Decimal(1)],
            at=START,
        )

    assert refused.value.field == "asset"


def test_running_again_changes_nothing(scene):
    contract = sign(scene, 100)
    run(scene, "2025-02-01")
    contract.refresh_from_db()
    assert contract.due_at is None
    contract.due_at = on("2025-02-01")
    contract.save()

    assert run(scene, "2025-02-01").true_ups == 0
    assert charged("true_up") == [100]


def test_a_shortfall_rolls_over_and_only_the_last_step_is_charged(scene):
    contract = sign(scene, 100, 200, 100, shortfall="roll_over")
    use(scene, 30, "2025-01-10")
    use(scene, 210, "2025-02-10")
    use(scene, 110, "2025-03-10")
    run(scene, "2025-03-31")
    assert charged("true_up") == []

    standing = contracts.balance(contract=contract, at=on("2025-03-31"))
    assert [step.rolled_in for step in standing.steps] == [0, 70, 60]
    assert [step.committed for step in standing.steps] == [100, 270, 160]
    assert (standing.committed, standing.drawn, standing.remaining) == (400, 350, 50)

    run(scene, "2025-04-01")
    assert charged("true_up") == [50]
    assert not list(checks.charges_were_posted(book_id=None))


def test_spending_beyond_begins_above_what_rolled_over(scene):
    sign(scene, 100, 100, shortfall="roll_over", overage_multiplier=Decimal("1.5"))
    use(scene, 60, "2025-01-10")
    use(scene, 150, "2025-02-10")
    run(scene, "2025-03-01")

    assert (charged("true_up"), charged("overage")) == ([], [5])


def test_late_usage_of_a_step_moves_the_ones_that_follow(scene):
    sign(scene, 100, 100, shortfall="roll_over")
    run(scene, "2025-03-10")
    assert charged("true_up") == [200]

    use(scene, 80, "2025-01-20", received="2025-03-11")
    run(scene, "2025-03-11")

    assert charged("true_up") == [120]
    assert scene.unbilled == 200


VOLUME = {"basis": "volume", "tiers": [{"above": "200", "percentage": "10"}]}


def test_what_was_agreed_for_volume_comes_back_at_the_end_of_the_term(scene):
    contract = sign(scene, 100, 100, rebates=VOLUME)
    use(scene, 150, "2025-01-10")
    use(scene, 151, "2025-02-10")
    run(scene, "2025-02-28")
    assert charged("rebate") == []
    assert contracts.balance(contract=contract, at=on("2025-02-28")).rebate == Decimal("30.1")

    run(scene, "2025-03-01")

    assert charged("rebate") == [Decimal("-30.1")]
    assert scene.holds("rebates", "k") == Decimal("30.1")
    assert scene.unbilled == Decimal("270.9")
    assert not list(checks.charges_were_posted(book_id=None))


def test_late_usage_raises_a_rebate(scene):
    sign(scene, 0, rebates=VOLUME)
    use(scene, 201, "2025-01-10")
    run(scene, "2025-02-01")
    use(scene, 99, "2025-01-31", received="2025-02-05")
    run(scene, "2025-02-05")

    assert charged("rebate") == [-30]
    assert scene.unbilled == 270


def test_a_rebate_goes_back_to_credit_where_nothing_is_invoiced(scene):
    catalogue.set_profile(customer=scene.customer, settlement="credit_only")
    lot = scene.grant(1000)
    sign(scene, 0, rebates=VOLUME)
    use(scene, 300, "2025-01-10")
    run(scene, "2025-02-01")

    assert (left(lot), scene.unbilled) == (730, 0)
    assert not list(checks.charges_were_posted(book_id=None))


@pytest.mark.parametrize("terms", [{"shortfall": "forgive"}, {"rebates": {"tiers": []}}])
def test_unknown_policies_and_empty_rebates_are_refused(scene, terms):
    with pytest.raises(InvalidInputError):
        sign(scene, 100, **terms)
