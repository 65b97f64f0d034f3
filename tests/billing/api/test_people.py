"""People who are signed in may do by the API what they may do on the pages, and no more."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests import factories
from tests.api import Api, code

pytestmark = pytest.mark.django_db

NEEDED = {
    "periods/1/close": "close_period",
    "periods/1/reopen": "reopen_period",
    "periods/1/checks/seals/waive": "waive_closingcheck",
    "invoices/1/approve": "approve_invoice",
    "invoices/1/issue": "approve_invoice",
    "invoices/1/void": "void_invoice",
    "invoices/1/discard": "draft_invoice",
    "invoices/1/edits": "draft_invoice",
    "credit-notes": "credit_invoice",
    "debit-notes": "credit_invoice",
    "payments": "record_payment",
    "payments/1/reverse": "record_payment",
    "refunds": "refund_payment",
    "write-offs": "write_off",
    "disputes": "decide_dispute",
}


@pytest.fixture
def person(book):
    """Return a function that signs somebody of finance in, with further permissions."""

    def sign_in(*permissions):
        user = User.objects.create_user(factories.name("user"), is_staff=True)
        names = ("view_transaction", "add_transaction", *permissions)
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
        client = Client(headers={"Meterbook-Book": book.key, "Idempotency-Key": "k"})
        client.force_login(user)
        return lambda path, body=None: client.post(
            f"/api/v1/{path}", body or {}, content_type="application/json"
        )

    return sign_in


def test_a_person_needs_for_each_step_what_its_page_asks_for(person):
    bare = person()

    for path, permission in NEEDED.items():
        assert code(bare(path)) == (403, "permission_missing"), path
        assert code(person(permission)(path))[0] in {400, 404}, path


def test_many_documents_need_what_one_does(person):
    ids = {"ids": ["1"]}

    assert code(person()("invoices/bulk", {"action": "issue"} | ids)) == (403, "permission_missing")
    discarding = person("draft_invoice")
    assert code(discarding("invoices/bulk", {"action": "issue"} | ids))[0] == 403
    assert code(discarding("invoices/bulk", {"action": "discard"} | ids))[0] == 404


def test_a_key_is_bounded_by_its_scopes_alone(book):
    assert code(Api(book).post("invoices/1/void", {"reason": "x"})) == (404, "not_found")
