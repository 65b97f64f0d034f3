"""Where in the form a problem of a rate card belongs (pure)."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from billing.admin.forms.card_document import column_of

_ROW: Final = re.compile(r"price\.(tiers|rates)\[(\d+)\]\.?(.*)")
_NAMED: Final = {
    "price": "price_type",
    "price.type": "price_type",
    "unit_config": "operation",
    "discounts": "discount_percentage",
    "discounts.percentage": "discount_percentage",
    "discounts.usage": "free_usage",
    "commitments": "minimum_amount",
    "entitlement": "entitlement_type",
    "entitlement.type": "entitlement_type",
    "feature.key": "feature",
    "feature.id": "feature",
}
_OWN: Final = ("price", "unit_config", "commitments", "entitlement")


class Place(NamedTuple):
    """A field of the form; of one with rows, the row and the column too."""

    field: str
    row: int | None = None
    column: str = ""


def place_of(path: str, dimensions: Sequence[str] = ()) -> Place:
    """
    Return the place of a problem's path within a rate card.

    >>> place_of("price.tiers[2].unit_price.amount")
    Place(field='tiers', row=2, column='unit_price')
    >>> place_of("price.rates[0].match.model", ["region", "model"])
    Place(field='rates', row=0, column='value1')
    >>> place_of("commitments.maximum_amount").field
    'maximum_amount'
    """
    if row := _ROW.fullmatch(path):
        name, place, rest = row.groups()
        return Place(name, int(place), _column(name, rest, dimensions))
    if path in _NAMED:
        return Place(_NAMED[path])
    first, _, rest = path.partition(".")
    if first == "tax_config":
        return Place("tax_behavior" if rest == "behavior" else "tax_code")
    name = rest if first in _OWN and rest else first
    return Place(re.split(r"[.\[]", name)[0])


def _column(name: str, rest: str, dimensions: Sequence[str]) -> str:
    head, _, inner = rest.partition(".")
    if name == "tiers":
        return head or "up_to_amount"
    if head == "match":
        return column_of(dimensions.index(inner) if inner in dimensions else 0)
    return head or "amount"
