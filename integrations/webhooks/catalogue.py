"""
Every type of event that endpoints are told: when, with which data (pure).

Whoever publishes an event in the outbox (topic ``event``) sends ``{"type", "book", "customer",
"data"}``, and ``"emails"`` if it is to be mailed, too. ``data`` holds what the type's schema asks
for; more may be added at any time, nothing is taken away. Amounts are decimal text, instants
RFC 3339, ids text, as in the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from integrations.webhooks import catalogue_invoices, catalogue_payments
from integrations.webhooks.event_types import (
    AMOUNT,
    ID,
    INSTANT,
    NOON,
    TEXT,
    WHOLE,
    EventType,
    or_null,
)

_WALLET: Final = {"wallet": TEXT, "wallet_id": ID, "asset": TEXT}
_MAIN: Final = {"wallet": "main", "wallet_id": "7", "asset": "USD"}
_ALERT: Final = {"alert": TEXT, "threshold": AMOUNT, "value": AMOUNT}
_TOP_UP: Final = {
    "top_up": TEXT,
    "top_up_id": ID,
    **_WALLET,
    "amount": AMOUNT,
    "currency": TEXT,
    "price": AMOUNT,
    "state": TEXT,
    "reason": TEXT,
    "rule": or_null(TEXT),
}
_BOUGHT: Final = {
    "top_up": "order-1",
    "top_up_id": "12",
    **_MAIN,
    "amount": "100",
    "currency": "USD",
    "price": "100",
    "state": "settled",
    "reason": "",
    "rule": None,
}
_BUDGET: Final = {
    "budget": TEXT,
    "asset": TEXT,
    "amount": AMOUNT,
    "used": AMOUNT,
    "threshold": AMOUNT,
    "period_starts_at": INSTANT,
    "period_ends_at": INSTANT,
}
_SPENT: Final = {
    "budget": "research-2026",
    "asset": "USD",
    "amount": "500",
    "used": "402.5",
    "threshold": "80",
    "period_starts_at": "2026-03-01T00:00:00Z",
    "period_ends_at": "2026-04-01T00:00:00Z",
}

_ALL: Final = (
    EventType(
        name="wallet.balance.low",
        title="Balance is low",
        when="A wallet's available credit has fallen below an alert's threshold; once until it has"
        " risen above it again.",
        fields=_ALERT | _WALLET,
        example={"alert": "low", "threshold": "20", "value": "19.4", **_MAIN},
    ),
    EventType(
        name="wallet.run_out.projected",
        title="Credit is about to run out",
        when="At the pace of the last days, a wallet's credit lasts for fewer days than an alert's"
        " threshold.",
        fields=_ALERT | _WALLET,
        example={"alert": "soon", "threshold": "7", "value": "5.5", **_MAIN},
    ),
    EventType(
        name="grant.expiring",
        title="Credit is about to expire",
        when="Credit of a wallet expires within as many days as an alert's threshold says, once per"
        " grant; the value is how much is left of it.",
        fields=_ALERT | _WALLET | {"grant_id": ID, "expires_at": INSTANT},
        example={
            "alert": "expiry",
            "threshold": "14",
            "value": "35",
            **_MAIN,
            "grant_id": "31",
            "expires_at": "2026-03-14T00:00:00Z",
        },
    ),
    EventType(
        name="grant.issued",
        title="Credit was granted",
        when="A block of credit was put into a wallet, by somebody or by a payment. Those that"
        " recur are not told one by one.",
        fields={
            "grant": TEXT,
            "grant_id": ID,
            **_WALLET,
            "amount": AMOUNT,
            "funding": TEXT,
            "effective_at": INSTANT,
            "expires_at": or_null(INSTANT),
        },
        example={
            "grant": "welcome-2026",
            "grant_id": "31",
            **_MAIN,
            "amount": "100",
            "funding": "promotional",
            "effective_at": NOON,
            "expires_at": "2027-03-01T00:00:00Z",
        },
    ),
    EventType(
        name="hold.expired",
        title="Hold has expired",
        when="Credit that was set aside for work was neither captured nor released in time: what"
        " was left is available again since then. Once per hold, within a minute as a rule.",
        fields={
            "hold": TEXT,
            "hold_id": ID,
            "asset": TEXT,
            "amount": AMOUNT,
            "captured": AMOUNT,
            "given_back": AMOUNT,
            "feature": TEXT,
            "purpose": TEXT,
            "expires_at": INSTANT,
        },
        example={
            "hold": "job-4711",
            "hold_id": "52",
            "asset": "USD",
            "amount": "75",
            "captured": "30",
            "given_back": "45",
            "feature": "chat",
            "purpose": "Agent run",
            "expires_at": NOON,
        },
    ),
    EventType(
        name="topup.requested",
        title="Top-up requested",
        when="Credit is to be bought, by somebody or by a recharge rule; it waits for its payment.",
        fields=_TOP_UP,
        example=_BOUGHT | {"state": "requested"},
    ),
    EventType(
        name="topup.settled",
        title="Top-up paid",
        when="The payment of a top-up has arrived.",
        fields=_TOP_UP,
        example=_BOUGHT,
    ),
    EventType(
        name="topup.failed",
        title="Top-up failed",
        when="A top-up was not paid; the reason says why.",
        fields=_TOP_UP,
        example=_BOUGHT | {"state": "failed", "reason": "The card was declined."},
    ),
    EventType(
        name="topup.refunded",
        title="Top-up refunded",
        when="A top-up's payment was given back; what was unused of its credit is void.",
        fields=_TOP_UP | {"taken_back": AMOUNT, "money_back": AMOUNT},
        example=_BOUGHT
        | {
            "state": "refunded",
            "reason": "Bought twice",
            "taken_back": "100",
            "money_back": "100",
        },
    ),
    EventType(
        name="recharge.stopped",
        title="Automatic recharge stopped",
        when="A recharge rule stopped after declines, until somebody resumes it.",
        fields={"rule": TEXT, "rule_id": ID, **_WALLET, "reason": TEXT, "declines": WHOLE},
        example={
            "rule": "keep-100",
            "rule_id": "4",
            **_MAIN,
            "reason": "The card was declined.",
            "declines": 3,
        },
    ),
    EventType(
        name="budget.warning",
        title="Budget is being used up",
        when="Use of a budget has reached one of its warnings, in percent; once per period each.",
        fields=_BUDGET,
        example=_SPENT,
    ),
    EventType(
        name="budget.reached",
        title="Budget is used up",
        when="A budget is used up; once per period.",
        fields=_BUDGET,
        example=_SPENT | {"used": "500", "threshold": "100"},
    ),
    EventType(
        name="entitlement.usage",
        title="Allowance is being used up",
        when="Use of a metered allowance has reached an alert's threshold, in percent; once until"
        " it has fallen below it again.",
        fields=_ALERT | _WALLET | {"feature": TEXT},
        example={
            "alert": "calls",
            "threshold": "90",
            "value": "90.01",
            **_MAIN,
            "asset": "call",
            "feature": "api-calls",
        },
    ),
    EventType(
        name="tax_id.verified",
        title="Tax id checked",
        when="An authority has said whether a customer's tax id is valid: for the first time, or"
        " otherwise than before. Drafts are taxed by it from then on.",
        fields={
            "tax_id": TEXT,
            "tax_id_id": ID,
            "tax_id_type": TEXT,
            "status": {"enum": ["valid", "invalid"]},
            "before": TEXT,
            "request_identifier": TEXT,
        },
        example={
            "tax_id": "FR40303265045",
            "tax_id_id": "7",
            "tax_id_type": "eu_vat",
            "status": "valid",
            "before": "unverified",
            "request_identifier": "WAPIAAAAZ1B2c3D4",
        },
    ),
    EventType(
        name="webhook.endpoint.disabled",
        title="Webhook endpoint disabled",
        when="An endpoint is called no more: it failed for days, or said that it is gone. Other"
        " endpoints are told; what it misses can be replayed.",
        fields={
            "endpoint": TEXT,
            "endpoint_id": ID,
            "reason": TEXT,
            "failing_since": or_null(INSTANT),
        },
        example={
            "endpoint": "crm",
            "endpoint_id": "2",
            "reason": "It has failed since 2026-02-24T12:00:00Z.",
            "failing_since": "2026-02-24T12:00:00Z",
        },
    ),
    EventType(
        name="webhook.test",
        title="Test",
        when="Somebody asked for a test of the endpoint; it is sent whatever the endpoint chose.",
        fields={"endpoint": TEXT},
        example={"endpoint": "crm"},
    ),
    *catalogue_invoices.ALL,
    *catalogue_payments.ALL,
)
EVENT_TYPES: Final[Mapping[str, EventType]] = {kind.name: kind for kind in _ALL}
TEST: Final = "webhook.test"
DISABLED: Final = "webhook.endpoint.disabled"
