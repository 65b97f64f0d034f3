"""May this be used? The decision as a gateway gets it, with what is left in each dimension."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.timezone import now

from billing.admin.forms.limits import LabelsField
from billing.entitlements.answers import Answer, Ask, Reason, Remaining
from billing.entitlements.check import check
from billing.models import Budget
from ledger.admin import customers, pages
from ledger.admin.dashboard import Figure
from ledger.admin.display import NOTHING, amount, badge, instant, link, url
from ledger.admin.fields import BookField
from ledger.admin.tables import Table, number
from ledger.models import Asset, Book, Customer
from ledger.money import ZERO

_DIMENSIONS: Final = {
    "wallet": "Prepaid credit",
    "credit_limit": "May be owed",
    "entitlement": "Allowance",
    "budget": "Budget",
}
# Which dimensions say no, by the reason.
_REFUSING: Final[Mapping[Reason, Collection[str]]] = {
    Reason.USAGE_LIMIT_REACHED: {"entitlement"},
    Reason.BUDGET_REACHED: {"budget"},
    Reason.APPROVAL_NEEDED: {"budget"},
    Reason.CREDIT_EXHAUSTED: {"wallet", "credit_limit"},
}
_LEAD: Final = (
    "Whether something may be used now, as a gateway is told, and why. Without a quantity and a "
    "cost: whether anything is left. Nothing is set aside."
)


class Choices(forms.Form):
    book = BookField()
    customer = forms.CharField(required=False, max_length=200, label="Customer (its key)")
    subject = forms.CharField(required=False, max_length=500, label="or subject (as events say)")
    feature = forms.CharField(required=False, max_length=200, label="Feature (its key)")
    quantity = forms.DecimalField(
        required=False, min_value=0, max_digits=38, decimal_places=12, label="Quantity"
    )
    cost = forms.DecimalField(
        required=False, min_value=0, max_digits=38, decimal_places=12, label="or cost"
    )
    labels = LabelsField(label="Labels (model=gpt-5, region=eu)")

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if bool(given.get("customer")) is bool(given.get("subject")):
            raise forms.ValidationError("Name either a customer or a subject.")
        return given

    def ask(self) -> Ask:
        """Return the question."""
        given = self.cleaned_data
        return Ask(
            customer_key=given["customer"] or None,
            subject=given["subject"] or None,
            feature_key=given["feature"],
            quantity=given["quantity"],
            cost=given["cost"],
            labels=given["labels"],
        )


def view(request: HttpRequest) -> HttpResponse:
    if not {"customer", "subject"} & request.GET.keys():
        return pages.report(request, PAGE, {"choices": Choices(), "lead": _LEAD})
    choices = Choices(request.GET)
    values: dict[str, Any] = {"choices": choices, "lead": _LEAD}
    if choices.is_valid():
        book, ask = choices.cleaned_data["book"], choices.ask()
        [answer] = check(book_id=book.pk, asks=[ask], at=now())
        values |= {"figures": list(_figures(answer)), "tables": [_left(book, ask, answer)]}
    return pages.report(request, PAGE, values)


def _figures(answer: Answer) -> Iterator[Figure]:
    yield Figure(
        label="Answer",
        value="allowed" if answer.is_allowed else "refused",
        tone="good" if answer.is_allowed else "bad",
        note=answer.reason.value,
    )
    yield Figure(label="Why", value=answer.detail)
    if answer.customer_id is not None:
        who = answer.customer_key or str(answer.customer_id)
        page = url(Customer, "change", answer.customer_id)
        yield Figure(label="Who asks", value=who, url=page)
    if answer.value is not None:
        asset = Asset.objects.filter(code=answer.asset).first()
        yield Figure(label="It would cost", value=amount(answer.value, asset))
    if answer.retry_at is not None:
        yield Figure(label="Starts anew", value=instant(answer.retry_at))
    if answer.config is not None:
        yield Figure(label="Configuration", value=json.dumps(answer.config, ensure_ascii=False))


def _left(book: Book, ask: Ask, answer: Answer) -> Table:
    codes = {one.asset for one in answer.remaining}
    assets = {asset.code: asset for asset in Asset.objects.filter(code__in=codes)}
    keys = [one.key for one in answer.remaining if one.kind == "budget"]
    budgets = {one.key: one for one in Budget.objects.filter(book=book, key__in=keys)}
    rows = []
    for one in answer.remaining:
        asset, budget = assets[one.asset], budgets.get(one.key)
        asked = answer.value if one.is_money else ask.quantity
        says_no = one.kind in _REFUSING.get(answer.reason, ()) and _is_short(one, asked, budget)
        rows.append(
            (
                _DIMENSIONS[one.kind],
                link(budget) if budget and one.kind == "budget" else one.key or NOTHING,
                amount(one.amount, asset),
                amount(one.limit, asset),
                amount(asked, asset),
                instant(one.resets_at),
                badge("says no", "bad") if says_no else "",
            )
        )
    return Table(
        title="What is left, before it is used",
        columns=(
            "Where", "Which", number("Left"), number("Of"), number("Asked for"), "Starts anew", "",
        ),
        rows=rows,
        empty="Nothing bounds it."
        if answer.is_allowed
        else "Nothing that is left would change the answer.",
    )  # fmt: skip


def _is_short(one: Remaining, asked: Decimal | None, budget: Budget | None) -> bool:
    if budget is not None and budget.action == Budget.Action.WARN:
        return False
    return one.amount <= ZERO if asked is None else asked > one.amount


def _of_customer(customer: Customer) -> str:
    asked = urlencode({"book": customer.book_id, "customer": customer.key})
    return f"{reverse('admin:billing_ask')}?{asked}"


PAGE: Final = pages.register(
    pages.Page(
        app_label="billing",
        name="ask",
        title="Ask",
        permission="billing.view_entitlement",
        view=view,
    )
)
customers.register_link("Ask", _of_customer)
