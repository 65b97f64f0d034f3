"""What should not be sent about invoices is refused, naming the field, and nothing breaks."""

import base64

import pytest

from billing.models import Party, Supplier
from tests.api import Api, code
from tests.billing.invoicing.documents import composed_draft, selling
from tests.billing.invoicing.drafting.billed import with_usage

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return selling()


@pytest.fixture
def api(scene):
    return Api(scene.book)


@pytest.mark.parametrize("name", ["corrects", "run"])
@pytest.mark.parametrize("value", ["abc", "²", "-1", "1;--", "9" * 30])
def test_a_list_is_narrowed_by_ids_only(api, name, value):
    assert code(api.get("invoices", **{name: value})) == (400, "invalid_input")


@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "9999-12-31", "NaN", 5])
def test_a_document_is_dated_within_reason(api, scene, day):
    draft = composed_draft(scene)

    refused = api.post(f"invoices/{draft.pk}/issue", {"issue_date": day})

    assert code(refused) == (400, "invalid_input")
    assert api.get(f"invoices/{draft.pk}").json()["state"] == "draft"


def test_nothing_is_not_the_word_none(api, scene):
    path = f"customers/{scene.customer.key}/billing-party"

    assert api.put(path, {"address": {"line1": "1 Main St", "line2": None}}).status_code == 200
    assert Party.objects.get().address == {"line1": "1 Main St"}
    assert code(api.put(path, {"address": {"line1": ["a"]}})) == (400, "invalid_input")
    assert code(api.put(path, {"legal_name": None})) == (400, "invalid_input")


@pytest.mark.parametrize(
    "brand",
    [{"logo": 5}, {"colour": ["#fff"]}, {"css": "x"}, {"footer": "x" * 301}, {"logo": "A" * 10**6}],
)
def test_a_brand_is_made_of_what_can_be_shown(api, brand):
    refused = api.put("billing-supplier", {"legal_name": "Meter GmbH", "brand": brand})

    assert code(refused) == (400, "invalid_input")
    assert refused.json()["errors"][0]["field"].startswith("brand.")
    assert not Supplier.objects.exists()


def test_a_logo_that_is_too_large_is_refused_with_what_would_do(api):
    picture = b"\x89PNG\r\n\x1a\n" + bytes(600 * 1024)
    brand = {"logo": base64.b64encode(picture).decode()}

    refused = api.put("billing-supplier", {"legal_name": "Meter GmbH", "brand": brand})

    [error] = refused.json()["errors"]
    assert (refused.status_code, error["field"]) == (400, "brand.logo")
    assert "at most 512 KB, this has 601 KB" in error["detail"]
    assert len(refused.content) < 1000


@pytest.mark.parametrize(
    "content",
    [
        {"description": None, "unit_price": "1"},
        {"description": ["a"], "unit_price": "1"},
        {"description": "a\0b", "unit_price": "1"},
        {"description": "a" * 501, "unit_price": "1"},
        *({"description": "a", "unit_price": price} for price in (None, True, [], "", "1_0", "١")),
        *({"description": "a", "unit_price": price} for price in ("NaN", "-Infinity", "1e99999")),
    ],
)
def test_an_edit_says_text_and_numbers(content):
    shop = with_usage()
    shop.use(7, "2024-01-10")
    shop.agreed.end("2024-03-01")
    api = Api(shop.book)
    [draft] = api.post("invoices/draft", {"payer": shop.payer.key}).json()["data"]
    body = {"operation": "add", "key": "k", "content": content, "reason": "r"}

    assert code(api.post(f"invoices/{draft['id']}/edits", body)) == (400, "invalid_input")
    assert api.get(f"invoices/{draft['id']}").json()["due"] == "27"
