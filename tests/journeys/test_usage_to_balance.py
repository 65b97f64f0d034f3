"""From an event on the wire to a balance that anyone can explain, a month long."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing import catalogue
from billing.metering import deadletters, unattributed
from billing.models import DeadLetter
from ledger import balances, verification
from ledger.models import Account
from tests import factories
from tests.api import Api
from tests.billing.scene import DAY, HOUR, START, event, left, new_scene
from tests.factories import NOON
from wallets import expiry

pytestmark = pytest.mark.django_db(transaction=True)

BATCH = "application/cloudevents-batch+json"


@pytest.fixture
def scene():
    """A company with a shared promotion, a team with credit of its own, and models for sale."""
    scene = new_scene()
    tokens = scene.meter(
        "sum",
        key="tokens",
        price="0.01",
        cost="0.004",
        path="$.usage.tokens",
        dimensions={"model": "$.model"},
    )
    scene.rate(tokens, "0.05", cost="0.03", match={"model": "large"})
    scene.meter("max", key="seats", price=2, path="$.seats", type="seats")
    return scene


def send(scene, *events):
    api = Api(scene.book, scopes=["ingest"])
    response = api.send("post", "events", b"[" + b",".join(events) + b"]", content_type=BATCH)
    assert response.status_code == 200, response.content
    return response.json()


def call(number, tokens, *, at=NOON, model="small", subject="team"):
    return event(id=f"call-{number}", at=at, subject=subject, model=model, usage={"tokens": tokens})


def test_a_month_of_usage_ends_in_balances_that_entries_explain(scene):
    team = scene.child("team")
    wallet = factories.wallet(customer=scene.customer, asset=scene.dollars, is_shared=True)
    promotion = scene.grant(
        5, wallet=wallet, funding="promotional", expires_at=NOON + DAY, at=START
    )
    paid = scene.grant(10, customer=team)
    catalogue.set_profile(customer=team, credit_limit=Decimal(20))

    # Usage comes in: the team's own credit pays first, then what the company shares.
    taken = send(scene, call(1, 500), call(2, 100, model="large"), call(1, 500))
    assert (taken["accepted"], taken["duplicate"]) == (2, 1)
    assert (left(paid), left(promotion)) == (0, 5)

    taken = send(
        scene,
        call(3, 200),
        event(type="seats", subject="team", seats=3, id="seats-1"),
        call(4, "plenty"),
        call(5, 1000, subject="agent-7"),
    )
    assert (taken["accepted"], taken["rejected"], taken["unattributed"]) == (2, 1, 1)
    assert (left(promotion), scene.holds("unbilled", customer=team)) == (0, 3)

    # The promotion expires empty; what was refused is mended, what was unknown is mapped.
    expiry.close_expired(at=NOON + 2 * DAY)
    letter = DeadLetter.objects.get()
    deadletters.replay(letter=letter, raw=call(4, 50).decode(), at=NOON + 2 * DAY)
    scene.subject("agent-7", team)
    unattributed.post_mapped(book=scene.book, at=NOON + 2 * DAY)
    assert scene.holds("unbilled", customer=team) == Decimal("13.5")

    # A call is amended, seats are reported in error: the difference goes back.
    scene.amend(call(5, 400, subject="agent-7"))
    scene.void("seats-1")
    assert scene.holds("unbilled", customer=team) == Decimal("4.5")
    assert (left(promotion), left(paid)) == (3, 0)

    # What came back to the promotion after its end expires with it.
    expiry.close_expired(at=NOON + 3 * DAY)
    assert (left(promotion), scene.holds("promotional_credit")) == (0, 2)

    assert scene.units("tokens", team) == 500 + 100 + 200 + 50 + 400
    assert scene.units("seats", team) == 0
    assert scene.revenue == Decimal("11.5") + 5
    assert scene.holds("cost_of_revenue") == Decimal("4.6") + 3
    explained(scene)


def explained(scene):
    """Every balance read from the books is what its entries say, and the books verify."""
    for account in Account.objects.filter(book=scene.book):
        now = balances.now([account.pk])[account.pk]
        said = scene.holds(account.purpose, account.discriminator, account.customer)
        assert abs(now.settled) == abs(said), account
    report = verification.verify()
    assert report.disagreements == []


def test_balances_of_yesterday_do_not_change_by_what_comes_late(scene):
    team = scene.child("team")
    send(scene, call(1, 100))
    unbilled = Account.objects.get(purpose="unbilled", customer=team)

    def owed(at):
        found = balances.as_of(account_ids=[unbilled.pk], effective_at=at)
        return found[unbilled.pk].settled

    before = owed(NOON + HOUR), owed(NOON - HOUR)
    send(scene, call(2, 300, at=NOON + 2 * HOUR), call(3, 50, at=NOON + timedelta(minutes=90)))

    assert (owed(NOON + HOUR), owed(NOON - HOUR)) == before
    assert abs(owed(NOON + DAY)) == Decimal("4.5")
