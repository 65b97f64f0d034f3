"""What a feature's usage has cost us."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_feature_costs as s
from billing.api.views.features import find_feature
from billing.api.views.usage import zone_of
from billing.reports import feature_costs
from billing.reports.feature_costs import CostRow
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.periods import month_of


class FeatureCosts(Resource):
    """POST /features/{feature}/cost/query"""

    scopes = {"POST": "read"}
    whole_book = frozenset({"POST"})

    @operation(
        "query-feature-cost",
        summary="Get what a feature's usage has cost us",
        description="By window, customer, subject and dimensions, as it was posted, in the book's"
        f" base currency; at most {feature_costs.MOST_ROWS:,} rows. Nothing is recorded.",
        tag="Features",
        path=["feature"],
        body=s.CostQuery,
        answer=s.CostOut,
    )
    def post(self, request: Request, feature: str) -> Response:
        found, asked = find_feature(self, feature), self.body(s.CostQuery)
        zone = zone_of(asked["time_zone"])
        ends_at = asked.get("to") or self.now
        starts_at = asked.get("from") or month_of(ends_at, zone).starts_at
        granularity = asked.get("granularity")
        rows = feature_costs.query(
            feature=found,
            starts_at=starts_at,
            ends_at=ends_at,
            window=s.GRANULARITIES[granularity] if granularity else None,
            zone=zone,
            group_by=asked["group_by_dimensions"],
            conditions=asked.get("filters", {}).get("dimensions"),
        )
        currency = self.caller.book.base_currency
        written = {
            "from": starts_at,
            "to": ends_at,
            "data": [_written(row, currency) for row in rows],
        }
        return self.answer(s.CostOut, written)


def _written(row: CostRow, currency: str) -> dict[str, Any]:
    written = {
        "usage": row.usage,
        "cost": row.cost,
        "currency": currency,
        "from": row.window_start,
        "to": row.window_end,
        "dimensions": row.group,
    }
    if row.without_cost:
        without = f"{row.without_cost} of {row.entries} entries of usage"
        written["detail"] = f"No cost was posted beside {without}."
    return written
