"""Drafts by API: made, previewed, edited, explained; and how they are collected."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from billing.models import Invoice
from tests import factories
from tests.api import Api, code
from tests.billing.invoicing.drafting.billed import with_usage

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    made = with_usage()
    made.use(7, "2024-01-10")
    made.agreed.end("2024-03-01")
    return made


@pytest.fixture
def api(shop):
    return Api(shop.book)


def drafted(api, shop):
    answer = api.post("invoices/draft", {"payer": shop.payer.key})
    assert answer.status_code == 200, answer.content
    [draft] = answer.json()["data"]
    return draft


def test_what_is_due_is_charged_and_drafted(api, shop):
    draft = drafted(api, shop)

    assert (draft["state"], draft["due"], draft["payer"]) == ("draft", "27", shop.payer.key)
    assert drafted(api, shop)["id"] == draft["id"]
    lines = api.get(f"invoices/{draft['id']}/lines").json()["data"]
    assert [line["description"] for line in lines] == ["Base", "Base", "Calls"]


def test_what_lies_ahead_is_previewed_not_drafted(api, shop):
    later = (now() + timedelta(days=1)).isoformat()

    refused = api.post("invoices/draft", {"payer": shop.payer.key, "until": later})
    assert code(refused) == (400, "invalid_input")

    found = api.get(f"customers/{shop.payer.key}/upcoming-invoice").json()
    assert (found["payer"], len(found["documents"])) == (shop.payer.key, 1)
    [document] = found["documents"]
    assert (document["due"], document["currency"]) == ("27", "USD")
    assert {line["is_expected"] for line in document["lines"]} == {False, True}
    assert not Invoice.objects.exists()


def test_a_draft_is_edited_and_the_edit_withdrawn(api, shop):
    path = f"invoices/{drafted(api, shop)['id']}"
    *_, usage = api.get(f"{path}/lines").json()["data"]
    discount = {
        "operation": "discount", "key": "k", "source_id": usage["source_id"],
        "content": {"percentage": "50"}, "reason": "outage",
    }  # fmt: skip

    made = api.post(f"{path}/edits", discount)

    assert made.status_code == 201
    assert api.post(f"{path}/edits", discount).json() == made.json()
    assert api.get(path).json()["due"] == "23.5"
    assert api.get(f"{path}/edits").json()["data"] == [made.json()]
    withdrawal = {"key": "w", "reason": "no outage"}
    assert api.post(f"{path}/edits/{made.json()['id']}/withdraw", withdrawal).status_code == 201
    assert api.get(path).json()["due"] == "27"
    assert api.post(f"{path}/refresh").json()["due"] == "27"


def test_an_edit_that_cannot_be_is_refused(api, shop):
    path = f"invoices/{drafted(api, shop)['id']}/edits"

    refused = api.post(path, {"operation": "add", "key": "k", "content": {}, "reason": "r"})
    assert code(refused) == (400, "invalid_input")
    unknown = {"operation": "remove", "key": "k", "source_id": 1234, "reason": "r"}
    assert code(api.post(path, unknown)) == (404, "not_found")


@pytest.mark.django_db(transaction=True)  # what is for a line is told by what was committed
def test_a_line_is_explained(api, shop):
    path = f"invoices/{drafted(api, shop)['id']}"
    base, _, usage = api.get(f"{path}/lines").json()["data"]

    found = api.get(f"{path}/lines/{usage['id']}/explanation").json()

    assert (found["upto"]["quantity"], found["upto"]["due"]) == ("7", "7")
    assert found["price"] == {"price": {"type": "unit", "amount": "1"}}
    assert api.get(f"{path}/lines/{usage['id']}/events").status_code == 200
    assert api.get(f"{path}/lines/{base['id']}/entries").status_code == 200
    entries = f"{path}/lines/{usage['id']}/entries"
    first = api.get(f"{entries}?page[size]=1").json()
    rest = api.get(f"{entries}?page[after]={first['next']}").json()
    assert first["data"] + rest["data"] == api.get(entries).json()["data"]
    assert len(rest["data"]) >= 1
    assert api.get(f"{path}/lines/{base['id']}/explanation").json()["events"] == 0


def test_a_draft_is_held_beside_the_period_before(api, shop):
    path = f"invoices/{drafted(api, shop)['id']}"

    found = api.get(f"{path}/compare").json()

    assert (found["previous"], found["total"]) == (None, "27")
    assert [pair["is_new"] for pair in found["lines"]] == [True, True]


def test_a_customers_own_key_sees_its_preview_but_no_drafts(api, shop):
    path = f"invoices/{drafted(api, shop)['id']}"
    own = Api(shop.book, customer=shop.payer)

    assert own.get(f"customers/{shop.payer.key}/upcoming-invoice").status_code == 200
    assert code(own.get(path)) == (404, "not_found")
    assert own.get(f"{path}/edits").status_code in (403, 404)


def test_how_invoices_are_put_together_is_set(api, shop):
    path = f"customers/{shop.payer.key}/collection-profile"
    payer = factories.customer(book=shop.book)
    assert code(api.get(path)) == (404, "not_found")

    made = api.put(
        path, {"grace": "P2D", "payer": payer.key, "minimum": "5", "payment_terms": "P14D"}
    )

    assert made.status_code == 200, made.content
    found = made.json()
    assert (found["grace"], found["payer_id"], found["version"]) == ("P2D", str(payer.pk), 1)
    assert api.get(path).json() == found
    assert code(api.put(path, {"grace": "P1M"})) == (400, "invalid_input")
    assert api.put("collection-profile", {"grace": "PT0S"}).json()["customer_id"] is None


def test_buyer_and_seller_are_set(api, shop):
    path = f"customers/{shop.payer.key}/billing-party"

    party = api.put(path, {"legal_name": "Acme", "address": {"city": "Cork", "country": "IE"}})
    supplier = api.put("billing-supplier", {"legal_name": "Meter", "may_void": False})

    assert api.get(path).json() == party.json()
    assert api.get("billing-supplier").json() == supplier.json()
    wrong = api.put(path, {"address": {"country": "Ireland"}})
    assert code(wrong) == (400, "invalid_input")
    assert drafted(api, shop)["party"]["legal_name"] == "Acme"
