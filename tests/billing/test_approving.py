"""A second person decides about what was asked for, not about what became of it since."""

from decimal import Decimal

import pytest

from billing import payments
from tests.billing.invoicing.documents import ISSUED, issued_invoice, selling
from tests.billing.payments.documents import pay
from wallets import approvals
from wallets.errors import ApprovalStateError

pytestmark = pytest.mark.django_db


def test_what_has_become_larger_since_it_was_asked_for_is_asked_for_again(settings):
    settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(50)}
    scene = selling()
    invoice = issued_invoice(scene, 100)
    payment = pay(scene.customer, 40, at=ISSUED)
    invoice.refresh_from_db()
    asked = {
        "book": scene.book, "operation": "write_off", "key": "w", "reason": "Gone", "by": "ann",
        "arguments": approvals.written({"invoice": invoice}), "at": ISSUED,
    }  # fmt: skip
    waiting = approvals.ask(**asked)
    payments.reverse(payment=payment, reason="AC04", by="bank", key="r", at=ISSUED)

    with pytest.raises(ApprovalStateError, match=r"asked_for: 60, comes_to: 100"):
        approvals.approve(approval=waiting, by="bob", at=ISSUED)

    approvals.refuse(approval=waiting, by="bob", reason="It is more now", at=ISSUED)
    again = approvals.ask(**asked)
    assert (again.state, again.amount) == ("waiting", 100)
    assert approvals.approve(approval=again, by="bob", at=ISSUED).state == "approved"
