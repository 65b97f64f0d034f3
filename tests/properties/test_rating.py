"""
Every price equals its plain words, however the same events arrive, and its lines say the same.

``rating_words`` evaluates the whole list in one go; here the events come one by one or in
batches, in any order, some are taken back, and what is charged is the sum of the changes.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.rating import terms as rating
from billing.rating.events import RateTable
from billing.rating.free_events import EventState
from billing.rating.lines import Document, lines
from billing.rating.part import Part
from billing.rating.rated import Rated
from ledger.money import subtract
from tests.properties import rating_words as words
from tests.properties.rating_terms import BY_QUANTITY, DIMENSIONS, MODELS, SCALE, events, terms
from tests.properties.rating_words import Event

EXPONENT = 2


def parsed(document: dict[str, Any]) -> Rated:
    return rating.parse(document, scale=SCALE, dimensions=DIMENSIONS, aggregation="sum")


def exact(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)


class Charged:
    """Charges events as ingest does: the change of the amount, whenever something changes."""

    def __init__(self, rated: Rated) -> None:
        self.rated, self.standing = rated, {}
        self.state = EventState(free=rated.free_events)
        self.amount, self.charges = Decimal(0), Fraction(0)

    def add(self, *batch: Event) -> None:
        for event in batch:
            self.standing[event.name] = event
            self.state.add(event.at, event.name, self.contribution(event))
        self.charge()

    def remove(self, event: Event) -> None:
        del self.standing[event.name]
        if not self.state.remove(event.at, event.name, self.contribution(event)):
            self.state = EventState(free=self.rated.free_events)
            for other in self.standing.values():
                self.state.add(other.at, other.name, self.contribution(other))
        self.charge()

    def contribution(self, event: Event) -> Decimal:
        if self.rated.basis == "quantity":
            return Decimal(0)
        return self.rated.contribution(exact(event.value), event.labels, exact(event.cost))

    def charge(self) -> None:
        self.state = EventState.load(self.state.dump(), self.rated.free_events)
        quantity = sum((event.value for event in self.standing.values()), Fraction(0))
        amount = self.rated.amount(exact(quantity), self.state.contributed)
        self.charges += Fraction(subtract(amount, self.amount))
        self.amount = amount


def expected(document: dict[str, Any], found: Sequence[Event]) -> Fraction:
    return words.amount(document, found, sum((event.value for event in found), Fraction(0)))


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=50)
@given(st.data())
def test_any_order_any_batches_and_events_taken_back_cost_what_the_words_say(model, data):
    document = data.draw(terms(models=(model,)))
    listed = data.draw(events(least=1))
    charged = Charged(parsed(document))

    waiting = data.draw(st.permutations(listed))
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        charged.add(*waiting[:size])
        waiting = waiting[size:]
        assert charged.charges == expected(document, list(charged.standing.values()))
        for leaving in data.draw(st.lists(st.sampled_from(sorted(charged.standing)), max_size=2)):
            if leaving in charged.standing:
                charged.remove(charged.standing[leaving])
        assert charged.charges == expected(document, list(charged.standing.values()))


@pytest.mark.parametrize("model", BY_QUANTITY)
@given(st.data())
def test_a_quantity_that_rises_and_falls_gives_back_what_its_last_units_cost(model, data):
    """Maximum, latest and average meters: any path of quantities, also below zero."""
    document = data.draw(terms(models=(model,)))
    path = data.draw(st.lists(st.integers(-1000, 10_000), min_size=1))
    rated, amount, charges = parsed(document), Decimal(0), Fraction(0)

    for units in path:
        quantity = Fraction(units, 10**SCALE)
        after = rated.amount(exact(quantity))
        charges += Fraction(subtract(after, amount))
        amount = after

        assert charges == words.amount(document, [], quantity)


@given(terms(), events(), events())
@settings(max_examples=400)
def test_lines_say_exactly_what_was_charged(document, before, now):
    rated = parsed(document)
    before = [event._replace(name=f"earlier {event.name}") for event in before]
    whole, first = [*before, *now], Charged(rated)
    first.add(*before)
    second = Charged(rated)
    second.add(*whole)

    printed = document_of(rated, first, second, ends_period=True)

    due = expected(document, whole)
    charge = words.minimum_charge(document, due)
    due -= expected(document, before) if before else 0
    assert Fraction(printed.exact_total) == due + charge
    check_sums(printed)
    assert abs(Fraction(printed.commitment_charge) - charge) <= Fraction(1, 200)


@given(terms(), st.lists(events(least=1), min_size=1, max_size=4))
@settings(max_examples=200)
def test_documents_of_the_parts_of_a_period_add_up_to_the_whole(document, parts):
    rated = parsed(document)
    charged, total = Charged(rated), Fraction(0)
    for place, part in enumerate(parts):
        before = Charged(rated)
        before.add(*charged.standing.values())
        charged.add(*(event._replace(name=f"{place}{event.name}") for event in part))
        is_last = place == len(parts) - 1
        printed = document_of(rated, before, charged, ends_period=is_last)
        check_sums(printed)
        total += Fraction(printed.exact_total)

    due = expected(document, list(charged.standing.values()))
    assert total == due + words.minimum_charge(document, due)


def document_of(rated: Rated, before: Charged, after: Charged, *, ends_period: bool) -> Document:
    old = exact(sum((event.value for event in before.standing.values()), Fraction(0)))
    new = exact(sum((event.value for event in after.standing.values()), Fraction(0)))
    return lines(
        rated,
        subtract(new, old),
        prior=old,
        items=items_of(rated, after),
        prior_items=items_of(rated, before),
        contributed=subtract(after.state.contributed, before.state.contributed),
        prior_contributed=before.state.contributed,
        starts_period=not before.standing,
        ends_period=ends_period,
        exponent=EXPONENT,
    )


def items_of(rated: Rated, charged: Charged) -> list[Part]:
    """Rate tables print a line for each price."""
    if not isinstance(rated.event_price, RateTable):
        return []
    standing = charged.standing.values()
    return rated.event_price.itemise(
        (rated.event_units(exact(event.value)), event.labels) for event in standing
    )


def check_sums(printed: Document) -> None:
    """Totals are sums of printed lines, and each line is its exact amount, rounded once."""
    by_hand = sum(map(half_away, (Fraction(line.exact) for line in printed.lines)), Fraction(0))
    assert Fraction(printed.total) == by_hand
    assert printed.total == sum(line.amount for line in printed.lines)
    assert printed.total == printed.gross_amount - printed.discount + printed.commitment_charge
    for line in printed.lines:
        assert (
            line.exact == 0
            or line.unit_price is None
            or (line.exact == line.quantity * line.unit_price)
        )


def half_away(amount: Fraction) -> Fraction:
    cents = int(abs(amount) * 10**EXPONENT + Fraction(1, 2))
    return Fraction(cents if amount >= 0 else -cents, 10**EXPONENT)
