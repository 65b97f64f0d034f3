"""A document issued and given back, in whatever parts, leaves nothing: no tax, nothing owed."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.invoicing import credit_notes, creditable
from billing.invoicing.creditable import Amount, Full, Lines
from billing.invoicing.errors import NothingToCreditError
from billing.models import Invoice
from billing.payments import checks
from ledger.errors import DomainError, InvalidInputError
from ledger.money import total
from tests import factories
from tests.billing.payments.documents import issued, now, standing
from tests.factories import NOON

cents = st.integers(1, 20_000).map(lambda number: Decimal(number).scaleb(-2))
rates = st.sampled_from(["0", "7", "19", "21", "8.875"])
parts = st.lists(
    st.tuples(st.sampled_from(["amount", "net", "line"]), st.integers(0, 5), cents), max_size=5
)


def what(kind, place, amount, lines):
    if kind == "amount":
        return Amount(amount)
    line = lines[place % len(lines)]
    return Lines({line: None if kind == "line" else amount})


@pytest.mark.django_db
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.shrink, Phase.explain},
)
@given(st.lists(cents, min_size=1, max_size=4), st.integers(0, 90), rates, parts)
def test_parts_of_an_invoice_given_back_add_up_to_it(nets, coupon, rate, steps):
    cent = Decimal("0.01")
    off = min((total(nets) * coupon / 100).quantize(cent), total(nets) - cent)
    invoice = issued(nets=[*nets, -off] if off else nets, percentage=rate)
    lines = list(invoice.lines.filter(taxable__gt=0).values_list("pk", flat=True))
    refused = set()  # because less was left, or nothing of a line: never because figures differ
    for kind, place, amount in [*steps, ("rest", 0, Decimal(0))]:
        wanted = Full() if kind == "rest" else what(kind, place, amount, lines)
        try:
            credit_notes.credit(
                invoice=invoice, what=wanted, disposition="offset", reason="Sorry", by="t",
                key=factories.name("note"), at=NOON,
            )  # fmt: skip
        except DomainError as error:
            refused.add(type(error))

    assert refused <= {NothingToCreditError, InvalidInputError}
    notes = Invoice.objects.filter(corrects=invoice)
    assert total(notes.values_list("total", flat=True)) == invoice.total
    assert total(notes.values_list("tax", flat=True)) == invoice.tax
    assert now(invoice).open == 0
    discounts = {"discounts:manual": off} if off else {}
    assert standing(invoice.book) == discounts | {
        "one_off_revenue:chat": -sum(nets),
        "credit_notes:chat": sum(nets) - off,
    }
    for check in checks.ALL:
        assert list(check(book_id=invoice.book_id)) == []


rests = st.lists(
    st.builds(
        lambda number, taxable, rate, is_inclusive: creditable.Rest(
            line_id=number, description="", taxable=taxable, is_inclusive=is_inclusive,
            tax=(taxable * rate / 100).quantize(Decimal("0.01")),
            back=Decimal(0), back_tax=Decimal(0),
        ),
        st.integers(1, 50), cents, st.sampled_from([0, 7, 19]), st.booleans(),
    ),
    min_size=1, max_size=6, unique_by=lambda rest: rest.line_id,
)  # fmt: skip


@given(rests, st.lists(st.integers(1, 60), max_size=5))
def test_amounts_one_after_the_other_stay_within_each_line(found, steps):
    for percent in [*steps, 100]:
        whole = total(rest.gross for rest in found)
        amount = max(Decimal("0.01"), (whole * percent / 100).quantize(Decimal("0.01")))
        if amount > whole:
            continue
        given_ = {one.rest.line_id: one for one in creditable.parts(Amount(amount), found, 2)}
        for one in given_.values():
            assert 0 <= one.taxable <= one.rest.net
            assert 0 <= one.tax <= one.rest.gross - one.rest.net
        found = [_after(rest, given_.get(rest.line_id)) for rest in found]

    assert all(rest.gross == 0 for rest in found)


def _after(rest, given_):
    if given_ is None:
        return rest
    return replace(rest, back=rest.back + given_.taxable, back_tax=rest.back_tax + given_.tax)


@given(rests, st.integers(1, 100))
def test_an_amount_is_spread_to_the_cent_and_within_each_line(found, percent):
    whole = total(rest.gross for rest in found)
    amount = max(Decimal("0.01"), (whole * percent / 100).quantize(Decimal("0.01")))
    if amount > whole:
        return

    given_ = creditable.parts(Amount(amount), found, 2)

    assert total(one.taxable + one.tax for one in given_) == amount
    for one in given_:
        assert 0 <= one.taxable <= one.rest.taxable
        assert 0 <= one.tax <= one.rest.tax
