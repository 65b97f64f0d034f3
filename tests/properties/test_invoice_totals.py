"""Documents of any sources add up: line by line, in each sign, in currencies of any places."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.invoicing.composing import Case, compose
from billing.invoicing.facts import NOTHING_BILLED, Billed, Printed, Sums
from billing.invoicing.materials import Consumer, Currency, Earlier, Profile, Source
from billing.invoicing.printing import printed, upto
from ledger.money import ZERO, total
from ledger.periods import Period

JANUARY = Period(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))
SIGN = {"invoice": 1, "credit_note": -1}

exact = st.decimals(-50, 500, places=5, allow_nan=False)
above = st.decimals(0, 500, places=5, allow_nan=False)
places = st.sampled_from([0, 2, 3])


@st.composite
def sums(draw, parts=exact):
    promotional, paid, unbilled = draw(parts), draw(parts), draw(parts)
    overdraft = draw(above) if draw(st.booleans()) else ZERO
    amount = total([promotional, paid, unbilled, overdraft])
    return Sums(draw(above), amount, promotional, paid, unbilled, overdraft)


@st.composite
def sources(draw, exponent):
    found = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        source = Source(
            billable_id=number,
            kind=draw(st.sampled_from(["usage", "fee", "coupon"])),
            consumer_id=7,
            asset_id=1,
            due_at=JANUARY.ends_at,
            period=JANUARY,
            now=draw(sums()),
            name="Something",
        )
        if draw(st.booleans()):
            source.before = upto(draw(sums(above)), exponent)
            source.cut_before = "1:1:"
            source.earlier = earlier(draw, number, source.before, exponent)
        found.append(source)
    return found


def earlier(draw, number, before, exponent):
    """Return one or two invoices that billed a source; perhaps part was given back by hand."""
    whole = before.printed.due
    first = min(whole, printed(Sums(amount=draw(above)), exponent).amount)
    dues = [whole - first, first]
    return [
        Earlier(
            line_id=number * 10 + place,
            invoice_id=100 + place,
            kind="invoice",
            number=f"INV-{place}",
            payer_id=7,
            group_key="",
            series_key="INV",
            due=due,
            creditable=due if draw(st.booleans()) else ZERO,
            left=Decimal(draw(st.sampled_from([0, 10**9]))),
            is_running=False,
            details={},
            sources=[],
            tax_code="",
            category="S",
            jurisdiction="DE",
            percentage=Decimal(19),
            is_inclusive=False,
        )
        for place, due in enumerate(dues)
    ]


@st.composite
def cases(draw):
    exponent = draw(places)
    profile = Profile(
        corrections=draw(st.sampled_from(["credit_note", "next_invoice"])),
        paid_credit=draw(st.sampled_from(["before_tax", "as_payment"])),
    )
    return Case(
        payer_id=7,
        currency=Currency(asset_id=1, code="XXX", exponent=exponent, is_currency=True),
        profile=profile,
        consumers={7: Consumer(7, "acme", "Acme", profile)},
        sources=draw(sources(exponent)),
        until=JANUARY.ends_at,
        zone=UTC,
    )


@settings(max_examples=150, deadline=None)
@given(cases())
def test_documents_add_up(case):
    found = compose(case)
    said, back = {}, {}
    for draft in found.drafts:
        assert draft.lines
        assert total(line.due for line in draft.lines) >= ZERO
        sign = SIGN[draft.kind]
        for line in draft.lines:
            assert line.amount == total([line.promotional, line.paid, line.due])
            assert line.amount == round(line.amount, case.currency.exponent)
            if line.corrects_line_id is not None:
                given = back.get(line.corrects_line_id, ZERO) - sign * line.due
                back[line.corrects_line_id] = given
            if line.before is None or line.upto is None:
                assert line.kind == "adjustment"
                continue  # takes off a correction what was given back before
            change = line.upto.since(line.before)
            assert sign * line.due == change.printed.due
            assert sign * line.exact_due == change.sums.unbilled
            assert sign * line.exact_overdraft == change.sums.overdraft
            said.setdefault(line.billable_id, []).append(line)
    for source in case.sources:
        check_chain(source, said.get(source.billable_id, []), case.currency.exponent)
        for one in source.earlier:
            assert back.get(one.line_id, ZERO) <= one.creditable


def check_chain(source, lines, exponent):
    """Lines of a source follow each other, up to all that it has come to."""
    stands, left = source.before, list(lines)
    while following := next((one for one in left if one.before == stands), None):
        left.remove(following)
        stands = following.upto
    assert not left
    assert not lines or stands == upto(source.now, exponent)


@settings(max_examples=200, deadline=None)
@given(sums(), places)
def test_what_is_printed_is_what_its_parts_are(found, exponent):
    shown = printed(found, exponent)

    assert shown.amount == total([shown.promotional, shown.paid, shown.due])
    unit = Decimal(1).scaleb(-exponent)
    assert abs(shown.amount - found.amount) <= unit / 2
    exact_due = found.unbilled + found.overdraft
    assert abs(shown.due - exact_due) <= unit * 3 / 2


@settings(max_examples=100, deadline=None)
@given(st.lists(sums(above), min_size=1, max_size=6), places)
def test_documents_of_any_cut_add_up_to_one_of_the_whole(changes, exponent):
    stands, cumulative, shown = NOTHING_BILLED, Sums(), Printed()
    for change in changes:
        cumulative = Billed(cumulative).plus(Billed(change)).sums
        reached = upto(cumulative, exponent)
        shown = Billed(Sums(), shown).plus(Billed(Sums(), reached.since(stands).printed)).printed
        stands = reached

    assert shown == printed(cumulative, exponent)
