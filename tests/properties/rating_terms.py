"""Terms of every model with every adjustment, and events to price, drawn by hypothesis."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from tests.properties.rating_words import Event

SCALE = 2  # of quantities
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIMENSIONS = ("model", "token")
BY_QUANTITY = ("unit", "graduated", "volume", "package", "dynamic", "graduated_percentage")
MODELS = (
    "free",
    "flat",
    *BY_QUANTITY,
    "dynamic_cost",
    "percentage",
    "percentage_fee",
    "percentage_events",
    "rate_table",
)
BY_EVENT = ("dynamic_cost", "percentage_events", "rate_table")


def number(top: int, places: int, least: int = 0) -> st.SearchStrategy[str]:
    whole = st.integers(least, top * 10**places)
    return whole.map(lambda units: f"{units / 10**places:.{places}f}")


amounts = number(5, 4)
rates = number(100, 2)
flats = number(20, 2).map(lambda amount: {"type": "flat", "amount": amount})
units = amounts.map(lambda amount: {"type": "unit", "amount": amount})


@st.composite
def tiers(draw: st.DrawFn, *, by_rate: bool = False) -> list[dict[str, Any]]:
    ends = sorted(draw(st.sets(st.integers(1, 4000), max_size=4)))
    found: list[dict[str, Any]] = [{"up_to_amount": f"{end / 100:.2f}"} for end in ends] + [{}]
    for tier in found:
        parts = draw(st.sampled_from(["price", "flat", "both"]))
        if parts != "flat":
            tier["rate" if by_rate else "unit_price"] = draw(rates if by_rate else units)
        if parts != "price":
            tier["flat_price"] = draw(flats)
    return found


def optional(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


@st.composite
def per_event(draw: st.DrawFn) -> dict[str, Any]:
    bounds = sorted(draw(st.lists(st.integers(0, 300), min_size=2, max_size=2)))
    least, most = (f"{bound / 100:.2f}" for bound in bounds)
    price = draw(optional(fixed_fee=number(1, 2), free_events=st.integers(0, 4)))
    kept = draw(st.sets(st.sampled_from(["minimum_per_event", "maximum_per_event"])))
    price |= {n: {"minimum_per_event": least, "maximum_per_event": most}[n] for n in sorted(kept)}
    return {"type": "percentage", "rate": draw(rates), "free_events": 1} | price


matches = st.dictionaries(
    st.sampled_from(DIMENSIONS), st.sampled_from("ab"), min_size=1, max_size=2
)
PRICES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "free": st.just({"type": "free"}),
    "flat": amounts.map(lambda amount: {"type": "flat", "amount": amount}),
    "unit": amounts.map(lambda amount: {"type": "unit", "amount": amount}),
    "graduated": tiers().map(lambda found: {"type": "graduated", "tiers": found}),
    "volume": tiers().map(lambda found: {"type": "volume", "tiers": found}),
    "package": st.builds(
        lambda amount, size: {"type": "package", "amount": amount, "quantity_per_package": size},
        amounts,
        number(9, 2, least=1),
    ),
    "dynamic": amounts.map(lambda m: {"type": "dynamic", "multiplier": m, "basis": "amount"}),
    "dynamic_cost": amounts.map(lambda m: {"type": "dynamic", "multiplier": m, "basis": "cost"}),
    "percentage": st.builds(
        lambda rate, free: {"type": "percentage", "rate": rate, **free},
        rates,
        optional(free_amount=number(20, 2)),
    ),
    "percentage_fee": st.builds(
        lambda rate, fee, free: {"type": "percentage", "rate": rate, "fixed_fee": fee, **free},
        rates,
        number(1, 2),
        optional(free_amount=number(20, 2)),
    ),
    "percentage_events": per_event(),
    "graduated_percentage": tiers(by_rate=True).map(
        lambda found: {"type": "graduated_percentage", "tiers": found}
    ),
    "rate_table": st.builds(
        lambda rows, default: {
            "type": "rate_table",
            "dimensions": list(DIMENSIONS),
            "rates": [{"match": match, "amount": amount} for match, amount in rows],
            **default,
        },
        st.lists(
            st.tuples(matches, amounts),
            min_size=1,
            max_size=5,
            unique_by=lambda row: tuple(sorted(row[0].items())),
        ),
        optional(default=amounts),
    ),
}
exact_conversions = st.one_of(
    st.builds(
        lambda factor: {"operation": "multiply", "conversion_factor": factor}, number(5, 1, least=1)
    ),
    st.builds(
        lambda factor: {"operation": "divide", "conversion_factor": factor, "rounding": "none"},
        st.sampled_from(["2", "4", "5", "0.5", "100", "1000"]),
    ),
)
rounded_conversions = st.builds(
    lambda operation, factor, rounding, precision: {
        "operation": operation,
        "conversion_factor": factor,
        "rounding": rounding,
        "precision": precision,
    },
    st.sampled_from(["multiply", "divide"]),
    number(9, 2, least=1),
    st.sampled_from(["ceiling", "floor", "half_up"]),
    st.integers(0, 3),
)


@st.composite
def terms(draw: st.DrawFn, models: tuple[str, ...] = MODELS) -> dict[str, Any]:
    """Draw terms that are valid, most with several adjustments."""
    model = draw(st.sampled_from(models))
    document: dict[str, Any] = {"price": draw(PRICES[model])}
    percentage = draw(st.none() | st.integers(0, 100))
    discounts: dict[str, Any] = {} if percentage is None else {"percentage": percentage}
    if model in {"free", "flat"}:
        return document | ({"discounts": discounts} if discounts else {})
    conversions = exact_conversions
    if model not in BY_EVENT:
        conversions |= rounded_conversions
        if draw(st.booleans()):
            discounts["usage"] = draw(number(20, 2))
    if discounts:
        document["discounts"] = discounts
    if draw(st.booleans()):
        document["unit_config"] = draw(conversions)
    least, most = sorted(draw(st.lists(st.integers(0, 10_000), min_size=2, max_size=2)))
    bounds = {"minimum_amount": f"{least / 100:.2f}", "maximum_amount": f"{most / 100:.2f}"}
    kept = draw(st.sets(st.sampled_from(sorted(bounds))))
    return document | ({"commitments": {n: bounds[n] for n in sorted(kept)}} if kept else {})


@st.composite
def events(draw: st.DrawFn, least: int = 0) -> list[Event]:
    """Draw events with names of their own; times may be equal, values below zero."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.integers(-500, 2000),
                st.integers(0, 5),
                st.tuples(*[st.sampled_from(["a", "b", None])] * len(DIMENSIONS)),
                st.integers(0, 10**6),
            ),
            min_size=least,
            max_size=8,
        )
    )
    return [
        Event(
            value=Fraction(value, 10**SCALE),
            at=NOON + timedelta(minutes=minute),
            name=f"e{place}",
            labels=dict(zip(DIMENSIONS, labels, strict=True)),
            cost=Fraction(cost, 10**4),
        )
        for place, (value, minute, labels, cost) in enumerate(drawn)
    ]
