"""One case of each price model and adjustment, computed by hand."""

from typing import Any, NamedTuple


class Example(NamedTuple):
    """A case for preview, and what a person with paper found."""

    name: str
    case: dict[str, Any]
    by_hand: str
    lines: list[str]  # printed amounts, in order
    total: str
    exact: str


def unit(amount: str) -> dict[str, str]:
    return {"type": "unit", "amount": amount}


def flat(amount: str) -> dict[str, str]:
    return {"type": "flat", "amount": amount}


GRADUATED = {
    "type": "graduated",
    "tiers": [
        {"up_to_amount": "100", "unit_price": unit("0.10"), "flat_price": flat("5")},
        {"up_to_amount": "1000", "unit_price": unit("0.08")},
        {"unit_price": unit("0.05"), "flat_price": flat("20")},
    ],
}
VOLUME = {
    "type": "volume",
    "tiers": [
        {"up_to_amount": "100", "unit_price": unit("0.10")},
        {"up_to_amount": "1000", "unit_price": unit("0.08")},
        {"unit_price": unit("0.05"), "flat_price": flat("10")},
    ],
}
PACKAGE = {"type": "package", "amount": "5", "quantity_per_package": "1000"}
CARD = {"type": "percentage", "rate": "2.9"}
TABLE = {
    "type": "rate_table",
    "dimensions": ["model", "token"],
    "rates": [
        {"match": {"model": "gpt-5", "token": "input"}, "amount": "0.000002"},
        {"match": {"model": "gpt-5", "token": "output"}, "amount": "0.000008"},
    ],
    "default": "0.000001",
}
GIGABYTES = {
    "operation": "divide",
    "conversion_factor": "1000000000",
    "rounding": "ceiling",
    "precision": 1,
    "display_unit": "GB",
}


def payments(*amounts: str) -> list[dict[str, str]]:
    return [{"value": amount} for amount in amounts]


def tokens(value: str, model: str, token: str) -> dict[str, Any]:
    return {"value": value, "dimensions": {"model": model, "token": token}}


def example(
    name: str,
    price: dict[str, Any],
    quantity: str | list[dict[str, Any]],
    by_hand: str,
    lines: str,
    total: str,
    exact: str = "",
    **more: Any,
) -> Example:
    used = {"quantity" if isinstance(quantity, str) else "events": quantity}
    case = {"price": price, "currency": "USD", **used, **more}
    return Example(name, case, by_hand, lines.split(), total, exact or total)


EXAMPLES = [
    example("free", {"type": "free"}, "1500", "1,500 × 0", "0", "0"),
    example("flat", flat("10"), "1500", "10, whatever is used", "10", "10"),
    example(
        "unit", unit("0.0035"), "12345", "12,345 × 0.0035 = 43.2075", "43.21", "43.21", "43.2075"
    ),
    example(
        "graduated",
        GRADUATED,
        "1500",
        "(5 + 100 × 0.10) + 900 × 0.08 + (20 + 500 × 0.05) = 15 + 72 + 45",
        "5 10 72 20 25",
        "132",
    ),
    example("graduated, nothing used", GRADUATED, "0", "the first tier's 5", "5", "5"),
    example("graduated, at a tier's end", GRADUATED, "100", "5 + 100 × 0.10", "5 10", "15"),
    example(
        "graduated, after 950",
        GRADUATED,
        "100",
        "50 × 0.08 + (20 + 50 × 0.05)",
        "4 20 2.5",
        "26.5",
        prior_quantity="950",
    ),
    example("volume, at a tier's end", VOLUME, "1000", "1,000 × 0.08", "80", "80"),
    example("volume", VOLUME, "1001", "10 + 1,001 × 0.05", "10 50.05", "60.05"),
    example(
        "volume, one more after 1,000",
        VOLUME,
        "1",
        "(10 + 1,001 × 0.05) − 1,000 × 0.08",
        "-80 10 50.05",
        "-19.95",
        prior_quantity="1000",
    ),
    example("package", PACKAGE, "2700", "2.7 thousands are 3 packages: 3 × 5", "15", "15"),
    example(
        "package, 1,300 after 1,400",
        PACKAGE,
        "1300",
        "3 packages − 2 packages = 1 × 5",
        "5",
        "5",
        prior_quantity="1400",
    ),
    example(
        "dynamic on cost",
        {"type": "dynamic", "multiplier": "1.2", "basis": "cost"},
        [{"value": "900", "cost": "30"}, {"value": "100", "cost": "12.5"}],
        "(30 + 12.50) × 1.2",
        "51",
        "51",
    ),
    example(
        "dynamic on an amount",
        {"type": "dynamic", "multiplier": "1.15", "basis": "amount"},
        "200",
        "200 × 1.15",
        "230",
        "230",
    ),
    example(
        "percentage", CARD, "1234.56", "1,234.56 × 2.9 % = 35.80224", "35.8", "35.8", "35.80224"
    ),
    example(
        "percentage, a fee per event",
        CARD | {"fixed_fee": "0.30"},
        payments("100", "50", "20"),
        "170 × 2.9 % + 3 × 0.30",
        "4.93 0.9",
        "5.83",
    ),
    example(
        "percentage, one event free, bounds",
        CARD
        | {
            "fixed_fee": "0.30",
            "free_events": 1,
            "minimum_per_event": "0.50",
            "maximum_per_event": "2",
        },
        payments("100", "50", "10", "5", "200"),
        "free; 1.45 + 0.30 = 1.75; 0.29 + 0.30 = 0.59; 0.445 → 0.50; 6.10 → 2",
        "4.84",
        "4.84",
    ),
    example(
        "percentage, an amount free",
        CARD | {"free_amount": "1000"},
        "1234.56",
        "234.56 × 2.9 % = 6.80224",
        "0 6.8",
        "6.8",
        "6.80224",
    ),
    example(
        "graduated percentage",
        {
            "type": "graduated_percentage",
            "tiers": [
                {"up_to_amount": "1000", "rate": "3"},
                {"rate": "2", "flat_price": flat("5")},
            ],
        },
        "2500",
        "1,000 × 3 % + (5 + 1,500 × 2 %)",
        "30 5 30",
        "65",
    ),
    example(
        "rate table",
        TABLE,
        [
            tokens("1000000", "gpt-5", "input"),
            tokens("250000", "gpt-5", "output"),
            tokens("100000", "other", "input"),
        ],
        "1,000,000 × 0.000002 + 250,000 × 0.000008 + 100,000 × 0.000001 = 2 + 2 + 0.1",
        "2 2 0.1",
        "4.1",
    ),
    example(
        "conversion, free units, discount, maximum",
        unit("2.50"),
        "3250000001",
        "3.3 GB − 1 free = 2.3; × 2.50 = 5.75; − 10 % = 5.175; at most 5.10",
        "0 5.75 -0.58 -0.08",
        "5.09",
        "5.1",
        unit_config=GIGABYTES,
        discounts={"percentage": 10, "usage": "1"},
        commitments={"maximum_amount": "5.10"},
    ),
    example(
        "minimum",
        unit("0.10"),
        "30",
        "30 × 0.10 = 3; 7 are missing to 10",
        "3 7",
        "10",
        commitments={"minimum_amount": "10"},
    ),
    example(
        "minimum, period goes on",
        unit("0.10"),
        "30",
        "30 × 0.10; the minimum is charged at the end",
        "3",
        "3",
        commitments={"minimum_amount": "10"},
        ends_period=False,
    ),
    example(
        "yen have no cents",
        unit("0.125"),
        "100",
        "100 × 0.125 = 12.5, half away from zero",
        "13",
        "13",
        "12.5",
        currency="JPY",
    ),
]
