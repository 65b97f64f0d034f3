"""
What would it cost? One case in, its document or its problems out, both plain data (pure).

A case holds terms as ``terms`` reads them, and: ``currency``; ``quantity``, and
``prior_quantity`` if the period has consumed something before (a free or a flat price needs
neither: it costs the same whatever is used, and the quantity is 0); ``events`` and
``prior_events`` for prices that look at each event, else each quantity is taken as one
event; ``ends_period``, true unless given: whether a minimum is charged.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from billing.rating import terms
from billing.rating.events import RateTable
from billing.rating.lines import Document, Line, lines
from billing.rating.part import Part
from billing.rating.problems import InvalidTermsError, Problem
from billing.rating.rated import Rated
from billing.rating.reading import Object, Reader, places
from ledger.money import ZERO, add, iso_exponent, text

_TERMS: Final = ("price", "unit_config", "discounts", "commitments")
_CASE: Final = frozenset(
    {
        *_TERMS,
        "currency",
        "quantity",
        "prior_quantity",
        "events",
        "prior_events",
        "ends_period",
    }
)
_EVENT: Final = frozenset({"value", "dimensions", "cost"})
_MOST_EVENTS: Final = 10_000
_WITHOUT_USAGE: Final = ("free", "flat")
_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode  # no number becomes a float
_encode: Final = msgspec.json.Encoder().encode

Exponents = Callable[[str], int | None]


@dataclass(frozen=True, slots=True)
class Event:
    """What one event says: as much of it as a price may look at."""

    value: Decimal
    labels: Mapping[str, str | None]
    cost: Decimal | None


def preview(case: Any, *, exponent_of: Exponents = iso_exponent) -> dict[str, Any]:
    """
    Return lines and totals of a case, or the problem document that says what is wrong with it.

    ``exponent_of`` tells with how many places a currency is printed.

    >>> preview({"price": {"type": "unit", "amount": "0.25"}, "currency": "USD",
    ...          "quantity": "10"})["total"]
    '2.5'
    """
    try:
        return document(case, exponent_of=exponent_of)
    except InvalidTermsError as error:
        return problem(error.problems)


def document(case: Any, *, exponent_of: Exponents = iso_exponent) -> dict[str, Any]:
    """
    Return lines and totals of a case.

    Raises:
        InvalidTermsError: with every problem of the case.
    """
    reader = Reader()
    held = reader.fields(case, "", _CASE)
    if held is None:
        raise InvalidTermsError(problems=reader.problems)
    exponent = _exponent(reader, held, exponent_of)
    prior = _used(reader, held, "prior_quantity", "prior_events", is_required=False)
    used = _used(reader, held, "quantity", "events", is_required=not _costs_the_same(held))
    ends_period = _ends_period(reader, held)
    wanted = {name: held[name] for name in _TERMS if name in held}
    scale = places(event.value for event in (*prior, *used))
    found = terms.problems(wanted, scale=scale) if reader.problems else ()
    if reader.problems:
        raise InvalidTermsError(problems=[*found, *reader.problems])
    rated = terms.parse(wanted, scale=scale)
    prior_contributed, contributed = _contributions(rated, prior, used)
    printed = lines(
        rated,
        _total(event.value for event in used),
        prior=_total(event.value for event in prior),
        contributed=contributed,
        prior_contributed=prior_contributed,
        items=_items(rated, [*prior, *used]),
        prior_items=_items(rated, prior),
        starts_period=not prior_contributed and not any(event.value for event in prior),
        ends_period=ends_period,
        exponent=exponent,
    )
    return _written(printed, held["currency"])


def previews(cases: Iterable[bytes]) -> str:
    """
    Preview cases written in JSON, and return their answers in JSON, each on a line.

    >>> previews([b'{"price": {"type": "free"}, "currency": "USD"'])[:62]
    '{"type":"urn:meterbook:problem:invalid_terms","title":"A price'
    """
    return "".join([_encode(_preview_text(case)).decode() + "\n" for case in cases])


def _preview_text(case: bytes) -> dict[str, Any]:
    try:
        return preview(_decode(case))
    except msgspec.DecodeError as error:
        return problem([Problem("malformed_json", "", f"The case is no JSON: {error}.")])
    except (ArithmeticError, RecursionError):
        message = "A number is out of all bounds, or parts are nested without end."
        return problem([Problem("malformed_json", "", message)])


def problem(problems: Sequence[Problem]) -> dict[str, Any]:
    """Return an RFC 9457 document that names every problem."""
    first = problems[0]
    return {
        "type": f"urn:meterbook:problem:{InvalidTermsError.code}",
        "title": "A price or what is around it breaks a rule",
        "status": 400,
        "code": InvalidTermsError.code,
        "detail": f"{first.field}: {first.message}" if first.field else first.message,
        "errors": [
            {
                "field": each.field,
                "value": each.attributes.get("value"),
                "code": each.code,
                "detail": each.message,
            }
            for each in problems
        ],
    }


def _exponent(reader: Reader, held: Object, exponent_of: Exponents) -> int:
    currency = held.get("currency")
    if currency is None:
        reader.refuse("required", "currency", "This field is required.")
    elif not isinstance(currency, str) or (exponent := exponent_of(currency)) is None:
        reader.refuse(
            "unknown_currency", "currency", "Send a code of ISO 4217, like USD.", value=currency
        )
    else:
        return exponent
    return 0


def _costs_the_same(held: Object) -> bool:
    """Say whether the price does not look at what is used."""
    price = held.get("price")
    return isinstance(price, Mapping) and price.get("type") in _WITHOUT_USAGE


def _ends_period(reader: Reader, held: Object) -> bool:
    value = held.get("ends_period", True)
    if not isinstance(value, bool):
        reader.refuse("not_a_boolean", "ends_period", "Send true or false.", value=value)
    return bool(value)


def _used(
    reader: Reader, held: Object, quantity: str, events: str, *, is_required: bool
) -> list[Event]:
    """Return events as they were sent, or one of the whole quantity."""
    total = reader.quantity(held, quantity, "")
    if held.get(events) is not None:
        listed = reader.items(held, events, "", _MOST_EVENTS) or ()
        found = [_event(reader, event, f"{events}[{place}]") for place, event in enumerate(listed)]
        if found and total is not None and total != _total(event.value for event in found):
            message = f"It is not the sum of {events}: leave it out."
            reader.refuse("not_the_sum", quantity, message, value=text(total))
        return found
    if total is None:
        if is_required and held.get(quantity) is None:
            reader.refuse("required", quantity, f"Send {quantity} or {events}.")
        return []
    # A cost that nobody itemised is the quantity itself.
    return [Event(total, {}, total)]


def _event(reader: Reader, held: object, field: str) -> Event:
    event = reader.fields(held, field, _EVENT)
    if event is None:
        return Event(ZERO, {}, None)
    if event.get("value") is None:
        reader.refuse("required", f"{field}.value", "This field is required.")
    value = reader.quantity(event, "value", field)
    labels = event.get("dimensions") or {}
    if not isinstance(labels, Mapping) or not all(
        isinstance(label, str | None) for label in labels.values()
    ):
        message = "Send dimensions and their values as text."
        reader.refuse("not_an_object", f"{field}.dimensions", message, value=labels)
        labels = {}
    return Event(value or ZERO, labels, reader.quantity(event, "cost", field))


def _contributions(
    rated: Rated, prior: Sequence[Event], used: Sequence[Event]
) -> tuple[Decimal, Decimal]:
    """Return what both have contributed; they happened in the order in which they are listed."""
    if rated.event_price is None:
        return ZERO, ZERO
    before = [rated.contribution(event.value, event.labels, event.cost) for event in prior]
    after = [rated.contribution(event.value, event.labels, event.cost) for event in used]
    still_free = max(0, rated.free_events - len(before))
    return _total(before[rated.free_events :]), _total(after[still_free:])


def _items(rated: Rated, events: Sequence[Event]) -> list[Part]:
    """Return a part for each price of a rate table."""
    if not isinstance(rated.event_price, RateTable):
        return []
    return rated.event_price.itemise(
        (rated.event_units(event.value), event.labels) for event in events
    )


def _total(amounts: Any) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = add(total, amount)
    return total


def _written(printed: Document, currency: str) -> dict[str, Any]:
    return {
        "currency": currency,
        "lines": [_line(line) for line in printed.lines],
        "gross_amount": text(printed.gross_amount),
        "discount": text(printed.discount),
        "commitment_charge": text(printed.commitment_charge),
        "total": text(printed.total),
        "exact_total": text(printed.exact_total),
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "description": line.description,
        "tier": line.tier,
        "quantity": text(line.quantity),
        "unit_price": None if line.unit_price is None else text(line.unit_price),
        "flat_price": None if line.flat is None else text(line.flat),
        "exact_amount": text(line.exact),
        "amount": text(line.amount),
    }
