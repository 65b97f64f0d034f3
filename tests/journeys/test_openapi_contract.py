"""Whatever the OpenAPI document allows to be sent, the service answers; nothing fails inside."""

import json
import os
from decimal import Decimal
from itertools import count

import pytest
import schemathesis
from django.db import connection, transaction
from django.test import Client, override_settings
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from billing.api.serializers_charges import ContractIn, OneOffIn
from billing.api.serializers_collection import SupplierIn
from billing.api.serializers_costs import OverrideIn
from billing.api.serializers_coupons import CouponIn
from billing.api.serializers_drafts import InvoiceEditIn
from billing.api.serializers_holds import HoldIn
from billing.api.serializers_invoice_runs import RunIn
from billing.api.serializers_limits import BudgetIn
from billing.api.serializers_money_back import DisputeIn, RefundIn
from billing.api.serializers_notes import CreditNoteIn, DunningScheduleIn
from billing.api.serializers_payments import RecordedPaymentIn
from billing.api.serializers_plans import AddonDocument, PlanDocument
from billing.api.serializers_taxes import ExemptionIn, TaxIdIn, TaxRateIn
from billing.metering import snapshot
from billing.models import (
    Allocation,
    CostPrice,
    CouponRedemption,
    DeadLetter,
    Dispute,
    DunningSchedule,
    Entitlement,
    Exemption,
    Invoice,
    InvoiceEdit,
    InvoiceLine,
    Payment,
    PlanAddon,
    Refund,
    TaxId,
    TaxRate,
    Unapplied,
    UsageEvent,
)
from integrations.api.serializers_webhooks import EndpointIn
from integrations.models import WebhookDelivery
from ledger import registry
from ledger.api.serializers_clocks import ClockIn
from ledger.config.wsgi import application
from ledger.models import Account, Period, Transaction
from tests import factories
from tests.api import Api
from wallets.api.serializers import GrantIn
from wallets.api.serializers_alerts import AlertIn
from wallets.api.serializers_credit import ScheduleIn
from wallets.api.serializers_figures import ShareIn
from wallets.api.serializers_topups import RechargeRuleIn, TopUpIn
from wallets.models import (
    Alert,
    Approval,
    GrantSchedule,
    RechargeRule,
    RechargeStop,
    TopUp,
    Wallet,
    WalletShare,
)

EXAMPLES = int(os.environ.get("MB_CONTRACT_EXAMPLES", "6"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# An example meets what is there, or wants undone what nobody has done.
COLLISIONS = {
    "allocation_exceeds",
    "already_exists",
    "coupon_refused",
    "draft_exists",
    "insufficient_balance",
    "invoice_state",
    "payment_state",
    "subscription_state",
    "topup_state",
}
# These name a time that was to come, or what only a longer history has.
OF_A_HISTORY = {
    "correct-price",
    "pause-dunning",
    "promise-payment",
    "release-invoice-claim",
    "reopen-period",
    "waive-period-check",
    "withdraw-invoice-edit",
}


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """Return a client of a book that has something of everything, made once for the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield furnished()
        transaction.set_rollback(True)


@pytest.fixture
def api(world, db, monkeypatch):
    """Return the same client; what a test does with it is undone."""
    # Requests must not close the connection, as with Django's own test client.
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)
    yield world
    snapshot.forget()  # versions are undone, too, and would be given out again


def furnished() -> Api:
    """Furnish a book."""
    registry.currency(code="USD")
    registry.currency(code="EUR")
    api = Api(factories.book(key="b"))
    api.post("assets", {"code": "tokens", "name": "Tokens", "kind": "unit", "scale": 0})
    customer = factories.customer(book=api.book, key="c")
    factories.grant(wallet=factories.wallet(customer=customer, is_shared=True))
    meter = {"key": "m", "event_type": "t", "aggregation": "sum", "unit": "tokens"}
    paths = {"value_property": "$.tokens", "dimensions": {"model": "$.model", "token": "$.type"}}
    api.post("meters", meter | paths)
    api.post("rate-cards", {"key": "r", "asset": "USD", "is_default": True})
    api.post("rate-cards/r/rates", {"meter": "m", "unit_price": "0.01"})
    api.put("subjects/s", {"customer": "c"})
    for event_id, value in (("e1", 7), ("e2", "many")):
        event = {"id": event_id, "source": "x", "type": "t", "subject": "s"}
        api.post("events", event | {"data": {"tokens": value}})
    offer(api)
    credit(api)
    buy(api)
    ask(api)
    limit(api)
    tax(api)
    bill(api)
    api.named = what_exists(api)
    return api


def offer(api: Api) -> None:
    """Offer a plan, by now in its second version, and an add-on, each with a draft of its next."""
    api.post("features", {"key": "f", "name": "F", "meter": {"id": "m"}})
    api.post("tax-codes", {"key": "t", "name": "T"})
    api.post("coupons", CouponIn.example)
    api.post("plans", PlanDocument.example)
    api.post("addons", AddonDocument.example | {"instance_type": "multiple"})
    api.post("addons/support/publish")
    api.post("addons/support/versions")
    api.post("plans/pro/addons", {"addon": "support", "from_plan_phase": "main"})
    api.post("plans/pro/publish")
    plan = {"key": "pro", "version": 1}
    api.post("subscriptions", {"customer": {"key": "c"}, "plan": plan, "key": "s"})
    api.post("plans/pro/versions")
    api.post("plans/pro/publish")
    api.post("plans/pro/versions")
    api.post("subscriptions/key:s/coupons", {"coupon": CouponIn.example["key"]})
    api.post("contracts", ContractIn.example | {"customer": "c", "key": "co", "feature_keys": []})
    api.post("llm-cost/overrides", OverrideIn.example)
    api.post("test-clocks", ClockIn.example | {"key": "tc"})
    api.post("webhooks", EndpointIn.example)
    api.post("webhooks/crm/test")


def credit(api: Api) -> None:
    """Have credit come again and again, shared with a team, and another wallet to move it to."""
    api.post("assets", {"code": "credits", "name": "Credits", "kind": "credit", "scale": 2})
    api.post("customers", {"key": "team", "name": "Team", "parent": "c"})
    api.post("wallets", {"customer": "c", "asset": "USD", "key": "other"})
    wallet = api.get("wallets").json()["data"][0]["id"]
    api.post(f"wallets/{wallet}/grant-schedules", ScheduleIn.example, once="schedule")
    api.post(f"wallets/{wallet}/shares", ShareIn.example | {"customer": "team"})


def buy(api: Api) -> None:
    """Have credit bought, by hand and by a rule, and told when it is low."""
    wallet = api.get("wallets").json()["data"][0]["id"]
    api.post("top-ups", TopUpIn.example | {"wallet": wallet, "key": "o"}, once="top-up")
    api.post("recharge-rules", RechargeRuleIn.example | {"wallet": wallet, "key": "r"})
    stop = api.post("recharge-stops", {"reason": "Furnishing"}).json()
    api.post(f"recharge-stops/{stop['id']}/end")
    api.post("alerts", AlertIn.example | {"wallet": wallet, "key": "a"})


def ask(api: Api) -> None:
    """Have a grant of another key wait for somebody."""
    wallet = api.get("wallets").json()["data"][0]["id"]
    with override_settings(METERBOOK_APPROVAL_ABOVE={"USD": Decimal(1)}):
        grant = GrantIn.example | {"key": "much", "reason": "Pilot"}
        Api(api.book).post(f"wallets/{wallet}/grants", grant, once="much")


def limit(api: Api) -> None:
    """Have credit set aside, something allowed, and a bound to what is spent."""
    api.post("holds", HoldIn.example | {"customer": "c", "feature": "f", "key": "h"})
    entitled = {"customer": "team", "feature": "f", "kind": "metered", "limit": "9"}
    api.post("entitlements", entitled, once="entitlement")
    api.post("budgets", BudgetIn.example | {"customer": "team", "key": "b"}, once="budget")


def tax(api: Api) -> None:
    """Have a rate, a number and a certificate."""
    api.post("tax-rates", TaxRateIn.example)
    api.post("tax-ids", TaxIdIn.example | {"customer": "c"})
    api.post("tax-exemptions", ExemptionIn.example | {"customer": "c"})


_FIRST = {"key": "first", "external_id": "first", "allocate": "nothing"}


def bill(api: Api) -> None:
    """Have an invoice with money and a note, a draft of what comes next, and a run."""
    api.put("billing-supplier", SupplierIn.example)
    api.post("customers", {"key": "buyer", "name": "Buyer"})
    api.put("customers/buyer/billing-party", {"address": {"country": "DE"}})
    charge = OneOffIn.example | {"customer": "buyer", "currency": "USD"}
    api.post("one-off-charges", charge | {"key": "first"}, once="first")
    number = drafted(api)
    api.post("dunning-schedules", DunningScheduleIn.example)
    api.post(f"invoices/{number}/issue", once="issue")
    paid = RecordedPaymentIn.example | {"payer": "buyer", "currency": "USD", "reference": ""}
    money = api.post("payments", paid | _FIRST, once="paid").json()
    api.post("payments", paid | {"key": "more", "external_id": "more"}, once="more")
    dispute = {"payment": money["id"], "key": "d", "amount": "1", "external_id": "d"}
    api.post("disputes", DisputeIn.example | dispute, once="dispute")
    source = str(Unapplied.objects.get(payment=money["id"]).pk)
    refund = {"source": source, "key": "r", "amount": "1"}
    api.post("refunds", RefundIn.example | refund, once="refund")
    note = {"invoice": number, "key": "n", "amount": "0.50", "disposition": "credit_balance"}
    api.post("credit-notes", CreditNoteIn.example | note, once="note")
    api.post("one-off-charges", charge | {"key": "second"}, once="second")
    edit = {"operation": "header", "source_id": None, "content": {"note": "n"}, "key": "e"}
    api.post(f"invoices/{drafted(api)}/edits", InvoiceEditIn.example | edit, once="edit")
    api.post("invoice-runs", RunIn.example, once="run")


def drafted(api: Api) -> str:
    """Draft what is due, and return the draft's id."""
    api.post("invoices/draft", {"payer": "buyer"}, once=factories.name("draft"))
    return str(Invoice.objects.filter(book=api.book, state="draft").latest("pk").pk)


def what_exists(api: Api) -> dict[str, str]:
    """Name something that is there for each part of an address."""
    wallet = api.get("wallets").json()["data"][0]["id"]
    return {
        "book": "b",
        "code": "tokens",
        "customer": "c",
        "meter": "m",
        "rate_card": "r",
        "subject": "s",
        "wallet": wallet,
        "schedule": str(GrantSchedule.objects.first().pk),
        "share": str(WalletShare.objects.first().pk),
        "grant": api.get("grants").json()["data"][0]["id"],
        "account": str(Account.objects.filter(purpose="credit_lot").first().pk),
        "transaction": str(Transaction.objects.filter(kind="grant").first().pk),
        "period": str(Period.objects.first().pk),
        "event": str(UsageEvent.objects.first().pk),
        "feature": "f",
        "tax_code": "t",
        "tax_rate": str(TaxRate.objects.first().pk),
        "tax_id": str(TaxId.objects.first().pk),
        "exemption": str(Exemption.objects.first().pk),
        "plan": "pro",
        "plan_addon": str(PlanAddon.objects.first().pk),
        "addon": "support",
        "coupon": CouponIn.example["key"],
        "subscription": "s",
        "redemption": str(CouponRedemption.objects.first().pk),
        "contract": "co",
        "test_clock": "tc",
        "override": str(CostPrice.objects.get(source="manual").pk),
        "price": str(CostPrice.objects.first().pk),
        "dead_letter": str(DeadLetter.objects.first().pk),
        "top_up": str(TopUp.objects.first().pk),
        "recharge_rule": str(RechargeRule.objects.first().pk),
        "recharge_stop": str(RechargeStop.objects.first().pk),
        "alert": str(Alert.objects.first().pk),
        "approval": str(Approval.objects.first().pk),
        "webhook": "crm",
        "hold": "h",
        "budget": "b",
        "entitlement": str(Entitlement.objects.first().pk),
        "invoice": str(Invoice.objects.filter(kind="invoice").exclude(number="").first().pk),
        "line": str(InvoiceLine.objects.first().pk),
        "edit": str(InvoiceEdit.objects.first().pk),
        "run": "february",
        "credit_note": str(Invoice.objects.get(kind="credit_note").pk),
        "payment": str(Payment.objects.first().pk),
        "unapplied_cash": str(Unapplied.objects.first().pk),
        "allocation": str(Allocation.objects.first().pk),
        "refund": str(Refund.objects.first().pk),
        "dispute": str(Dispute.objects.first().pk),
        "dunning_schedule": str(DunningSchedule.objects.first().pk),
        "check": "usage_posted",
        "options": "feature=f&customer=c",
        "path": "v1/chat",
        "delivery": str(WebhookDelivery.objects.first().pk),
    }


_numbers = count()
schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
# Every boundary of every field: thousands of requests, for a run that asks for more than usual.
schema.config.phases.coverage.enabled = "MB_CONTRACT_EXAMPLES" in os.environ


@schema.exclude(operation_id="create-book").parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.filterwarnings("ignore:Skipped test cases with unsupported payload")
def test_no_request_makes_the_service_fail(case, api):
    headers = {"Authorization": f"Bearer {api.text}"}
    number = next(_numbers)
    if case.path_parameters and number % 4:  # mostly something that exists, to get further in
        case.path_parameters = {name: api.named[name] for name in case.path_parameters}
        headers["Idempotency-Key"] = f"key-{number}"
    case.call_and_validate(headers=headers, checks=CHECKS)


@pytest.fixture
def as_application(api):
    """Act with the rights that the service has in production."""
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE meterbook_app")
        yield
        cursor.execute("RESET ROLE")


def test_every_example_of_the_document_is_accepted(api, as_application):
    """What the document shows as a request is one that works, or collides with what is there."""
    named = api.named
    known = {"acme": "c", "acme-research": "c", "llm-tokens": "m", "key:list-2026": "r"}
    known |= {"gpu-hours": "f", "spring": "tc", "base": "platform-fee", "seats": "support"}
    known |= {"gpt-5-input": "f", "INV-2026-000041": named["invoice"]}
    known |= {"41": named["invoice"], "42": named["invoice"]}
    known |= {"7": named["wallet"]}
    known |= {"acme-team": "team", "8": str(Wallet.objects.get(key="other").pk)}
    document = Client().get("/api/v1/openapi.json").json()
    refused = {}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            content = described.get("requestBody", {}).get("content", {}).get("application/json")
            if content is None or described["operationId"] in {"create-book", *OF_A_HISTORY}:
                continue
            body = json.dumps(content["examples"]["Request"]["value"])
            for shown, real in known.items():
                body = body.replace(f'"{shown}"', f'"{real}"')
            for field, real in ("payment", named["payment"]), ("source", named["unapplied_cash"]):
                body = body.replace(f'"{field}": "61"', f'"{field}": "{real}"')
            with transaction.atomic():
                answer = api.client.generic(
                    method.upper(),
                    path.format(**named),
                    body,
                    content_type="application/json",
                    headers={"Idempotency-Key": factories.name("key")},
                )
                transaction.set_rollback(True)  # it is not to be in the way of the others
            if (
                answer.status_code not in {200, 201, 202}
                and answer.json()["code"] not in COLLISIONS
            ):
                refused[described["operationId"]] = answer.json()
    assert refused == {}
