"""Drafting in any split equals drafting once, to the cent: late usage, voids, credit between."""

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from billing.invoicing import sources
from billing.models import Billable, InvoiceLine
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import with_usage
from tests.billing.scene import event

pytestmark = pytest.mark.django_db

TIERS = {
    "type": "graduated",
    "tiers": [
        {"up_to_amount": "40", "unit_price": {"type": "unit", "amount": "0.333"}},
        {"unit_price": {"type": "unit", "amount": "0.1111"}},
    ],
}
DAYS = 6  # of February, on which something happens

deeds = st.one_of(
    st.tuples(st.just("late"), st.integers(1, 60)),  # usage of January
    st.tuples(st.just("use"), st.integers(1, 60)),
    st.tuples(st.just("void"), st.integers(0, 5)),
    st.tuples(st.just("amend"), st.integers(0, 60)),
    st.tuples(st.just("grant"), st.integers(1, 9)),
)
stories = st.lists(deeds, min_size=3, max_size=DAYS)


def told(story, cuts, **profile):
    """Tell a story, issue what is due after some of its deeds and all at the end; what was said."""
    sources.forget()
    shop = with_usage(TIERS)
    if profile:
        shop.profile(**profile)
    shop.use(50, "2024-01-10", id="first")
    shop.agreed.run("2024-02-01")
    names = ["first"]
    for place, (deed, number) in enumerate(story):
        at = f"2024-02-{place + 2:02}"
        name = f"event-{place}"
        if deed in {"use", "late"}:
            happened = at if deed == "use" else "2024-01-20"
            shop.use(number, happened, received=at, id=name)
            names.append(name)
        elif deed == "void" and names:
            shop.agreed.scene.void(names.pop(number % len(names)))
        elif deed == "amend" and names:
            shop.agreed.scene.amend(event(number, id=names[-1], at=on("2024-01-15")))
        elif deed == "grant":
            shop.agreed.scene.grant(number, funding="promotional", at=on("2024-01-01"))
        shop.agreed.run(at)  # what is charged when is another matter
        if place in cuts:
            shop.issue(at)
    shop.issue("2024-03-02")
    return shop, said(shop)


def said(shop):
    """Return what documents said of each source, together, in the order of the sources."""
    found = defaultdict(lambda: [Decimal(0)] * 4)
    rows = InvoiceLine.objects.filter(invoice__book=shop.book).exclude(invoice__number="")
    for line in rows.select_related("invoice", "billable"):
        sign = -1 if line.invoice.kind == "credit_note" else 1
        source = line.billable
        what = (line.item.key, source.due_at, source.charge_id is None)
        parts = (line.amount, line.promotional, line.paid, line.due)
        found[what] = [a + sign * b for a, b in zip(found[what], parts, strict=True)]
    return {what: parts for what, parts in found.items() if any(parts)}


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@example(
    [("use", 30), ("late", 20), ("void", 0), ("use", 25), ("amend", 9), ("use", 4)],
    {0, 1, 2, 3}, True,  # cuts, and progressive
)  # fmt: skip
@given(stories, st.sets(st.integers(0, DAYS // 2 - 1), min_size=1), st.booleans())
def test_in_any_split(story, cuts, is_progressive):
    profile = {"threshold": Decimal("0.01")} if is_progressive else {}
    shop, often = told(story, cuts, **profile)
    _, once = told(story, set())

    assert often == once
    assert shop.agreed.scene.unbilled == 0
    billed = Billable.objects.filter(book=shop.book)
    assert not billed.filter(settled_at=None, due_at__lte=on("2024-03-01")).exists()
    due = sum((parts[3] for parts in often.values()), Decimal(0))
    assert shop.agreed.scene.holds("receivable") == due
