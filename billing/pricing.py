"""Terms in a price list: what they may not say there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from billing.models import Meter, RateCard
from billing.plans.reading import exact
from billing.rating import terms
from billing.rating.problems import InvalidTermsError, Problem, under
from ledger.models import Asset


def checked(document: Any, *, rate_card: RateCard, meter: Meter) -> dict[str, Any]:
    """
    Return terms that can price a meter in a rate card, their numbers as text.

    Raises:
        InvalidTermsError: with every problem, each below ``terms``.
    """
    found = terms.problems(
        document,
        scale=meter.unit.scale,
        dimensions=meter.dimensions,
        aggregation=meter.aggregation,
        kept=rate_card.asset.scale,
    )
    if isinstance(document, Mapping):
        found += _of_a_list(document, rate_card)
    if found:
        raise InvalidTermsError(problems=under("terms", found))
    written: dict[str, Any] = exact(document)
    return written


def _of_a_list(document: Mapping[str, Any], rate_card: RateCard) -> Iterator[Problem]:
    """Yield what only a subscription could mean, or what cannot be paid in the card's asset."""
    commitments, price = document.get("commitments"), document.get("price")
    if isinstance(commitments, Mapping) and commitments.get("minimum_amount") is not None:
        message = "A price list has no end of period to charge it at: sell it by a plan."
        yield Problem("needs_a_subscription", "commitments.minimum_amount", message)
    if not isinstance(price, Mapping):
        return
    if price.get("type") == "flat":
        message = "A price list prices usage; a fee recurs: sell it by a plan."
        yield Problem("needs_a_subscription", "price.type", message)
    asset, base = rate_card.asset, rate_card.book.base_currency
    if price.get("basis") == "cost" and asset.kind == Asset.Kind.CURRENCY and asset.code != base:
        message = f"Cost is in {base}: price a multiple of it in {base} or in a credit."
        yield Problem("other_currency", "price.basis", message, {"asset": asset.code})
