"""
OpenMeter's v3 entitlement access, which Kong's entitlement-enforcement plugin polls.

``GET customers/{id}/entitlement-access`` lists what a customer is entitled to; ``POST
entitlement-access/query`` asks for many customers and features at once. Access is what the decision
says now: a suspended customer has none, to whatever kind of entitlement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now

from billing.entitlements import parties
from billing.entitlements.answers import Answer, Ask, Reason
from billing.entitlements.check import check
from billing.entitlements.listing import in_force
from billing.entitlements.parties import Party
from billing.models import Entitlement, Feature, Subject
from integrations.gateway import openmeter
from integrations.gateway.openmeter import endpoint, number_of, ulid
from ledger.api import plain
from ledger.api.caller import Caller
from ledger.errors import NotFoundError
from ledger.models import Customer

_DECISIONS: Final = 10_000  # in one answer; of more there are pages
_LONGEST_ID: Final = 19  # digits

Key = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Keys(msgspec.Struct, forbid_unknown_fields=True):
    """Whom or what to ask about."""

    keys: Annotated[list[Key], msgspec.Meta(min_length=1, max_length=100)]


class Query(msgspec.Struct, forbid_unknown_fields=True):
    """Customers by key or subject, features by key (none: all), and whether credit counts."""

    customer: Keys
    feature: Keys | None = None
    include_credits: bool = False


@endpoint
def of_customer(request: HttpRequest, caller: Caller, customer: str) -> HttpResponse:
    """List what a customer is entitled to, and whether it has access now."""
    at = now()
    party = _party(caller, customer)
    held = in_force(party, at)
    asks = [Ask(customer_id=party.id, feature_key=key) for key in held]
    answers = check(book_id=caller.book.pk, asks=asks, at=at, reach=caller.reach)
    results = [_result(held[answer.feature_key], answer) for answer in answers]
    return plain.written({"data": results})


@endpoint
def query(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Say who may use what, for many customers and features."""
    asked = plain.read(Query, request)
    page = openmeter.page(request.GET.dict())
    at = now()
    customers = _customers(caller, asked.customer.keys)
    named: dict[int, list[str]] = {}
    for name in dict.fromkeys(asked.customer.keys):
        if name in customers:
            named.setdefault(customers[name].pk, []).append(name)
    features = _features(caller, asked)
    ids = sorted(named)
    shown = page.cut(ids, max(_DECISIONS // max(len(features), 1), 1))
    answers = _answers(caller, shown, features, at)
    by_id = {customer.pk: customer for customer in customers.values()}
    return plain.written(
        {
            "data": [
                {
                    "matched": named[one],
                    "customer": _written(by_id[one]),
                    "features": {
                        answer.feature_key: _access(answer, counts_credit=asked.include_credits)
                        for answer in answers[one]
                    },
                    "updated_at": at,
                }
                for one in shown
            ],
            "errors": [
                {"code": "customer_not_found", "message": "Customer not found.", "customer": name}
                for name in dict.fromkeys(asked.customer.keys)
                if name not in customers
            ],
            "meta": page.meta(request.path, ids, shown),
        }
    )


def _party(caller: Caller, text: str) -> Party:
    """Return the customer that an address names: by id, as a ULID or a number, or by key."""
    number = number_of(text)
    if number is None and text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID:
        number = int(text)
    by_key = Ask(customer_key=text.removeprefix("key:"))
    ask = by_key if number is None else Ask(customer_id=number)
    found = parties.find(book_id=caller.book.pk, asks=[ask], reach=caller.reach).by_name
    if not found:
        raise NotFoundError(customer=text)
    return next(iter(found.values()))


def _result(held: Entitlement, answer: Answer) -> dict[str, Any]:
    result: dict[str, Any] = {
        "type": held.kind,
        "feature_key": answer.feature_key,
        "has_access": answer.is_allowed,
    }
    if held.kind == Entitlement.Kind.STATIC:
        result["config"] = msgspec.json.encode(held.config).decode()
    return result


def _customers(caller: Caller, names: Sequence[str]) -> dict[str, Customer]:
    """Return customers by the keys and subjects that name them; keys go before subjects."""
    storable = [name for name in names if "\0" not in name]
    subjects = Subject.objects.filter(book=caller.book, key__in=storable)
    if caller.reach is not None:
        subjects = subjects.filter(customer__in=caller.reach)
    found = {one.key: one.customer for one in subjects.select_related("customer")}
    return found | {one.key: one for one in caller.customers.filter(key__in=storable)}


def _features(caller: Caller, asked: Query) -> list[str]:
    if asked.feature is not None:
        return list(dict.fromkeys(asked.feature.keys))
    features = Feature.objects.filter(book=caller.book, archived_at=None)
    return list(features.values_list("key", flat=True))


def _answers(
    caller: Caller, customers: Sequence[int], features: Sequence[str], at: datetime
) -> Mapping[int, list[Answer]]:
    asks = [Ask(customer_id=one, feature_key=key) for one in customers for key in features]
    answers = check(book_id=caller.book.pk, asks=asks, at=at, reach=caller.reach)
    width = len(features)
    return {
        one: answers[place * width : (place + 1) * width] for place, one in enumerate(customers)
    }


_CODES: Final = {
    Reason.USAGE_LIMIT_REACHED: "usage_limit_reached",
    Reason.BUDGET_REACHED: "usage_limit_reached",
    Reason.APPROVAL_NEEDED: "usage_limit_reached",
    Reason.FEATURE_UNAVAILABLE: "feature_unavailable",
    Reason.CUSTOMER_SUSPENDED: "feature_unavailable",
    Reason.FEATURE_UNKNOWN: "feature_not_found",
    Reason.CREDIT_EXHAUSTED: "no_credit_available",
}


def _access(answer: Answer, *, counts_credit: bool) -> dict[str, Any]:
    is_unpaid = answer.reason is Reason.CREDIT_EXHAUSTED
    if answer.is_allowed or (is_unpaid and not counts_credit):
        return {"has_access": True}
    return {
        "has_access": False,
        "reason": {
            "code": _CODES.get(answer.reason, "unknown"),
            "message": answer.detail,
            "attributes": {"reason": answer.reason.value},
        },
    }


def _written(customer: Customer) -> dict[str, Any]:
    return {
        "id": ulid(customer.pk),
        "key": customer.key,
        "name": customer.name,
        "created_at": customer.created_at,
        "updated_at": customer.created_at,
    }
