"""Drafts in the admin: the work list, one document beside the last, one line explained."""

import pytest
from django.urls import reverse

from billing.models import CollectionProfile, Invoice, InvoiceEdit, Party, Supplier
from tests import factories
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import rows, with_usage

pytestmark = pytest.mark.django_db

LIST = "admin:billing_invoice_drafts"


@pytest.fixture
def shop():
    made = with_usage()
    made.use(3, "2024-01-10")
    made.issue("2024-02-01")
    made.use(40, "2024-02-10")
    made.draft("2024-03-01")
    return made


def page(client, model, row):
    answer = client.get(reverse(f"admin:billing_{model}_change", args=[row.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_work_list_shows_problems_first(admin_client, shop):
    shop.profile(minimum=1000)
    shop.draft("2024-03-01")
    other = with_usage()
    other.draft("2024-01-01")

    shown = admin_client.get(reverse(LIST)).content.decode()

    assert shown.index("below minimum") < shown.index(other.payer.name)
    assert "unusual" not in shown.split(other.payer.name)[1]
    assert "+118 %" in shown or "+117 %" in shown


def test_the_work_list_is_narrowed(admin_client, shop):
    assert shop.payer.name in admin_client.get(reverse(LIST), {"look": "ready"}).content.decode()
    none = admin_client.get(reverse(LIST), {"kind": "credit_note"}).content.decode()
    assert "No draft waits" in none


def test_what_is_ticked_is_approved_issued_or_discarded(admin_client, shop):
    number = shop.only.pk

    for deed, state in (("approve", "approved"), ("issue", "issued")):
        answer = admin_client.post(reverse(LIST), {deed: "yes", "document": [number]}, follow=True)
        assert answer.status_code == 200
        assert Invoice.objects.get(pk=number).state == state

    refused = admin_client.post(
        reverse(LIST), {"discard": "yes", "document": [number]}, follow=True
    )
    assert "it is issued" in refused.content.decode()


def test_a_document_stands_beside_the_one_before(admin_client, shop):
    shown = page(admin_client, "invoice", shop.only)

    assert "Beside INV-2024-000001" in shown
    assert "Why?" in shown
    assert "+1,233.3 %" in shown  # 3 calls became 40


def test_a_line_is_explained_by_one_click(admin_client, shop):
    *_, usage = rows(shop.only)

    shown = page(admin_client, "invoiceline", usage)

    assert "How it comes about" in shown
    assert "A line is a difference" in shown
    assert "All documents about it" in shown


def test_a_line_of_a_fee_shows_its_entries(admin_client, shop):
    base, *_ = rows(shop.only)

    assert "Price, as it was agreed" in page(admin_client, "invoiceline", base)


@pytest.mark.parametrize(
    ("name", "given", "due"),
    [
        ("add-line", {"description": "Set-up", "quantity": "1", "unit_price": "5"}, 55),
        ("discount", {"kind": "percentage", "value": "10"}, 45),
        ("header", {"note": "Hello"}, 50),
        ("refresh", {}, 50),
    ],
)
def test_a_draft_is_changed(admin_client, shop, name, given, due):
    path = reverse(f"admin:billing_invoice_{name}", args=[shop.only.pk])
    assert admin_client.get(path).status_code == 200

    answer = admin_client.post(path, {"key": "k", "reason": "agreed", **given}, follow=True)

    assert answer.status_code == 200
    assert shop.only.due == due


def test_a_line_is_left_out_and_taken_back_in(admin_client, shop):
    *_, usage = rows(shop.only)
    path = reverse("admin:billing_invoice_leave-out", args=[shop.only.pk])
    admin_client.post(path, {"key": "k", "reason": "disputed", "source": str(usage.billable_id)})
    assert shop.only.due == 10

    edit = InvoiceEdit.objects.get()
    assert "left a line" in page(admin_client, "invoice", shop.only).lower()
    path = reverse("admin:billing_invoice_withdraw", args=[shop.only.pk])
    admin_client.post(path, {"key": "w", "reason": "solved", "edit": edit.pk})

    assert shop.only.due == 50


def test_how_invoices_are_put_together_is_set(admin_client, shop):
    path = reverse("admin:billing_collectionprofile_add")
    assert admin_client.get(path).status_code == 200
    given = {
        "book": shop.book.pk, "customer": shop.payer.key, "alignment": "subscription",
        "cadence": "P1M", "grace": "2:00:00", "group_by": "cost_centre", "minimum": "0",
        "below_minimum": "carry", "most_carried_months": "3", "approval": "manual",
        "auto_delay": "0", "payment_terms": "P14D", "collection": "send",
        "corrections": "credit_note", "paid_credit": "before_tax", "zero_invoices": "skip",
        "series_key": "INV",
    }  # fmt: skip

    admin_client.post(path, given)

    held = CollectionProfile.objects.get()
    assert (held.group_by, held.approval, held.cause) == ("cost_centre", "manual", "user:admin")
    assert "P2W" in page(admin_client, "collectionprofile", held)
    path = reverse("admin:billing_collectionprofile_edit", args=[held.pk])
    assert admin_client.get(path).status_code == 200
    admin_client.post(path, given | {"group_by": "none"})
    assert CollectionProfile.objects.get(effective_to=None).version == 2


def test_buyer_and_seller_are_set(admin_client, shop):
    customer = factories.customer(book=shop.book)
    path = reverse("admin:billing_party_add")
    assert admin_client.get(path).status_code == 200
    given = {"legal_name": "Acme", "address_city": "Cork", "address_country": "IE"}
    admin_client.post(path, given | {"customer": customer.key, "emails": "a@b.ie, c@d.ie"})
    party = Party.objects.get()
    assert (party.address, party.emails) == (
        {"city": "Cork", "country": "IE"}, ["a@b.ie", "c@d.ie"],
    )  # fmt: skip
    path = reverse("admin:billing_party_edit", args=[party.pk])
    assert "Cork" in admin_client.get(path).content.decode()
    assert "Cork" in page(admin_client, "party", party)

    path = reverse("admin:billing_supplier_add")
    assert admin_client.get(path).status_code == 200
    admin_client.post(path, {"book": shop.book.pk, "iban": "DE89370400440532013000", **given})
    supplier = Supplier.objects.get()
    assert supplier.bank_accounts == [{"iban": "DE89370400440532013000"}]
    path = reverse("admin:billing_supplier_edit", args=[supplier.pk])
    assert "DE89370400440532013000" in admin_client.get(path).content.decode()
    assert "Cork" in page(admin_client, "supplier", supplier)


def test_only_who_may_approves(client, django_user_model, shop):
    reader = django_user_model.objects.create_user("reader", password="x", is_staff=True)
    from django.contrib.auth.models import Permission

    reader.user_permissions.add(Permission.objects.get(codename="view_invoice"))
    client.force_login(reader)

    assert "Approve" not in client.get(reverse(LIST)).content.decode()
    asked = client.post(reverse(LIST), {"approve": "yes", "document": [shop.only.pk]})
    assert asked.status_code == 403
    assert on("2024-03-01") == shop.only.until
