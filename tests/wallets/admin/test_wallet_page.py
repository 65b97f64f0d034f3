"""The page of a wallet: figures, lots in burn order, holds, what feeds it, and a picture."""

import re
from decimal import Decimal

import pytest

from tests import factories
from tests.factories import NOON
from tests.ledger.admin.browser import Browser, counted
from tests.wallets.admin.scene import DAY, TENTH, spend_daily, wallet_at
from tests.wallets.holds.setting_aside import hold
from tests.wallets.spending import use
from wallets import alerts, days, forecast, recharge, schedules, shares
from wallets.admin import picture

pytestmark = pytest.mark.django_db

PAGE = "wallets_wallet_change"


@pytest.fixture
def wallet():
    """150 dollars, ten of which were used on each of the last ten days."""
    wallet = wallet_at()
    factories.grant(wallet=wallet, amount=150, key="first")
    spend_daily(wallet, 10)
    return wallet


def drawn(page) -> str:
    return re.search(r'(?s)<svg class="mb-plane mb-balance".*?</svg>', page.content.decode())[0]


def said_of_days(svg: str) -> list[str]:
    return re.findall(r'<rect class="mb-day"[^>]*><title>(.*?)</title>', svg)


def points(svg: str, kind: str) -> list[tuple[float, float]]:
    path = re.search(rf'<path class="{kind}" d="M(.*?)"', svg)[1]
    return [tuple(map(float, point.split())) for point in path.split(" L")]


def test_figures_say_what_is_there_and_how_long_it_lasts(wallet):
    hold(wallet.customer, 20, at=TENTH)

    said = Browser().read(PAGE, wallet.pk)

    assert "Available 30.00 USD" in said
    assert "Held 20.00 USD" in said
    assert "Settled 50.00 USD" in said
    assert "Overdraft –" in said
    assert "Runs out 2025-06-28 in 3.0 days at 10.00 USD per day" in said
    assert "The pace is the average of 10 days, 100.00 USD in all" in said


def test_what_was_used_beyond_the_credit_is_not_hidden(wallet):
    use(wallet.customer, 57, at=TENTH)

    said = Browser().read(PAGE, wallet.pk)

    assert "Overdraft 7.00 USD" in said
    assert "Runs out nothing left to use" in said
    assert "Nothing is left to be used." in said


def test_lots_stand_in_the_order_they_burn(wallet):
    factories.grant(wallet=wallet, key="late", expires_at=TENTH + 30 * DAY)
    factories.grant(wallet=wallet, key="soon", expires_at=TENTH + 3 * DAY)
    factories.grant(wallet=wallet, key="chat-only", feature_keys=["chat"])
    factories.grant(wallet=wallet, key="over", expires_at=NOON + DAY)
    factories.grant(
        wallet=wallet, key="dear", priority=200, funding="promotional", cost_basis=Decimal("0.5")
    )

    said = Browser().read(PAGE, wallet.pk)

    lots = said.partition("Lots, in the order they burn")[2].partition("What became")[0]
    order = [lots.index(f" {key} active") for key in ("chat-only", "soon", "late", "first", "dear")]
    assert order == sorted(order)
    assert "over" not in lots
    assert "dear active 100.00 USD – – 200 everything promotional 0.5" in lots
    assert "100 chat paid" in lots


def test_open_holds_on_it_are_shown_and_those_that_are_over_are_not(wallet):
    open_ = hold(wallet.customer, 20, at=TENTH, purpose="A long answer")
    over = hold(wallet.customer, 5, at=NOON)

    said = Browser().read(PAGE, wallet.pk)

    assert f"{open_.key} {wallet.customer} A long answer 20.00 USD" in said
    assert over.key not in said


def test_what_feeds_it_and_who_shares_it_are_shown():
    wallet = wallet_at(is_shared=True)
    team = factories.customer(parent=wallet.customer, key="team")
    schedules.create(
        wallet=wallet, key="monthly", amount=Decimal(40), cadence="P1M", starts_at=NOON, at=NOON
    )
    shares.give(wallet=wallet, customer=team, amount=Decimal(15), cadence="P1M", at=NOON)

    said = Browser().read(PAGE, wallet.pk)

    assert "monthly 40.00 USD P1M 2025-06-15" in said
    assert "team 15.00 USD P1M 0.00 USD 0.00 USD 15.00 USD" in said


def test_the_picture_goes_day_by_day_to_now_and_then_ahead(wallet):
    svg = drawn(Browser().get(PAGE, wallet.pk))

    told = said_of_days(svg)
    past, ahead = points(svg, "mb-line"), points(svg, "mb-ahead")
    assert len(told) == len(past) == 31
    assert told[-1] == "2025-06-25: 50.00 USD left"
    assert told[-2] == "2025-06-24: 50.00 USD left, 10.00 USD used"
    assert told[-11] == (
        "2025-06-15: 140.00 USD left, 10.00 USD used, 150.00 USD granted or lapsed"
    )
    assert told[0] == "2025-05-26: 0.00 USD left"
    highest, base = min(y for _, y in past), 250
    assert (base - past[-11][1]) / (base - past[-1][1]) == pytest.approx(140 / 50, abs=0.001)
    assert past[-11][1] == highest
    assert ahead[0] == past[-1]
    assert ahead[-1][1] == base
    day = past[1][0] - past[0][0]
    assert ahead[-1][0] - ahead[0][0] == pytest.approx(5 * day, abs=0.05)
    assert "runs out 2025-06-30" in svg


def test_the_picture_is_said_in_words_for_those_who_do_not_see_it(wallet):
    svg = drawn(Browser().get(PAGE, wallet.pk))

    assert '<title id="mb-balance-title">What is left in acme/main, in USD</title>' in svg
    assert (
        "0.00 USD was left at the end of 2025-05-26 and 50.00 USD is left now."
        " At 10.00 USD per day nothing is left to be used from 2025-06-30 on."
    ) in svg


def test_ninety_days_are_looked_at_if_asked_for(wallet):
    browser = Browser()

    ninety = browser.get(PAGE, wallet.pk, days="90")

    assert len(said_of_days(drawn(ninety))) == 91
    assert "<strong>90 days</strong>" in ninety.content.decode()
    assert len(said_of_days(drawn(browser.get(PAGE, wallet.pk, days="junk")))) == 31


def test_credit_that_lasts_longer_is_cut_where_the_picture_ends():
    wallet = wallet_at()
    factories.grant(wallet=wallet, amount=1010)
    spend_daily(wallet, 1)

    svg = drawn(Browser().get(PAGE, wallet.pk))

    ahead = points(svg, "mb-ahead")
    assert ahead[-1][0] == 940  # the end of the plane
    assert (250 - ahead[-1][1]) / (250 - ahead[0][1]) == pytest.approx(969 / 1000, abs=0.001)
    assert "runs out" not in svg


def test_what_expires_ahead_falls_at_once(wallet):
    factories.grant(wallet=wallet, amount=100, expires_at=TENTH + DAY)
    story = picture.Story(
        days=days.history(wallet_id=wallet.pk, at=TENTH),
        forecast=forecast.of_wallets([wallet.pk], at=TENTH)[wallet.pk],
        at=TENTH,
        asset=wallet.asset,
    )

    assert [(left.at, left.amount) for left in story.future] == [
        (TENTH, 150),
        (TENTH, 150),
        (TENTH + DAY, 140),
        (TENTH + DAY, 50),
        (TENTH + 6 * DAY, 0),
    ]


def test_a_wallet_that_never_had_anything_has_a_page():
    wallet = wallet_at()

    said = Browser().read(PAGE, wallet.pk)

    assert "Nothing is left in any lot." in said
    assert "No credit has been granted." in said


def test_the_page_takes_the_same_queries_however_much_is_in_it(wallet):
    browser = Browser()
    few = browser.queries(PAGE, wallet.pk)
    for number in range(6):
        factories.grant(wallet=wallet, expires_at=TENTH + number * DAY + DAY)
    for name in ("a", "b"):
        schedules.create(
            wallet=wallet, key=name, amount=Decimal(1), cadence="P1D", starts_at=TENTH, at=TENTH
        )
        recharge.create(
            wallet=wallet, key=name, method="fixed", amount=Decimal(5), threshold=Decimal(1),
            at=TENTH,
        )  # fmt: skip
        alerts.create(wallet=wallet, key=name, kind="balance", threshold=Decimal(1), at=TENTH)
    many = browser.queries(PAGE, wallet.pk)

    assert len(many) == len(few) <= 29
    assert not counted(many)
