"""How much was used, as JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import serializers_usage as s
from billing.api.views.catalogue import find_meter
from billing.metering import usage
from billing.metering.windows import Window
from ledger.api import lookups
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.errors import InvalidInputError
from ledger.models import Customer
from ledger.spreadsheets import cell


class Csv(BaseRenderer):
    """Writes usage as comma-separated values."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        """Return a line per row; its groups are columns."""
        names = list(data["data"][0]["group"]) if data["data"] else []
        written = io.StringIO()
        lines = csv.writer(written)
        lines.writerow(["window_start", "window_end", *map(cell, names), "value", "events"])
        for row in data["data"]:
            groups = (cell(row["group"][name]) for name in names)
            lines.writerow(
                [row["window_start"], row["window_end"], *groups, row["value"], row["events"]]
            )
        return written.getvalue()


class Usage(Resource):
    """GET /usage"""

    renderer_classes = [JSONRenderer, Csv]

    @operation(
        "query-usage",
        summary="Get a meter's value by window, customer, subject and dimensions",
        description="As JSON, or as CSV by `format=csv` or `Accept: text/csv`; the header"
        " `Meterbook-Next` then carries the cursor of the next page.",
        tag="Usage",
        query=s.UsageQuery,
        more=[
            OpenApiParameter(
                "filter",
                {"type": "object", "additionalProperties": {"type": "string"}},
                OpenApiParameter.QUERY,
                style="deepObject",
                explode=True,
                description="`filter[model]=gpt-5`: only usage with that dimension's value; give"
                " it several times for several values, empty for usage without the dimension.",
            )
        ],
        answer={(200, "application/json"): s.UsageOut, (200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> Response:
        asked, filters = _asked(self)
        meter = find_meter(self, asked["meter"])
        found = usage.query(
            book=self.caller.book,
            meter=meter,
            starts_at=asked["from"],
            ends_at=asked["to"],
            subjects=asked.get("subject"),
            window=Window(asked["window"]) if "window" in asked else None,
            zone=zone_of(asked["time_zone"]),
            group_by=asked.get("group_by", []),
            filters=filters,
            limit=asked["limit"],
            cursor=asked.get("page[after]"),
            **_customers(self, asked),
        )
        written = {
            "meter": meter.key,
            "unit": meter.unit.code,
            "data": found.rows,
            "next": found.cursor,
        }
        response = self.answer(s.UsageOut, written)
        if found.cursor:
            response.headers["Meterbook-Next"] = found.cursor
        return response

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Let ``format`` decide before Accept does."""
        match request.query_params.get("format"):
            case "csv":
                return Csv(), Csv.media_type
            case None:
                return super().perform_content_negotiation(request, force)
        return JSONRenderer(), JSONRenderer.media_type


def _asked(view: Resource) -> tuple[dict[str, Any], dict[str, list[str | None]]]:
    """Return the query, lists and ``filter[…]`` taken apart."""
    sent = view.request.query_params
    plain: dict[str, Any] = {}
    filters: dict[str, list[str | None]] = {}
    for name in sent:
        if name.startswith("filter[") and name.endswith("]"):
            if "\0" in "".join(values := sent.getlist(name)):
                raise InvalidInputError(field=name, value="", remedy="leave out null characters")
            filters[name[len("filter[") : -1]] = [value or None for value in values]
        elif name in {"customer", "subject", "group_by"}:
            plain[name] = sent.getlist(name)
        else:
            plain[name] = sent[name]
    return view.read(s.UsageQuery, plain), filters


def _customers(view: Resource, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return whose usage; a caller that is bound to a customer sees no more than its own."""
    below = asked["include_descendants"]
    if named := asked.get("customer"):
        customers = [lookups.customer(view.caller, text) for text in named]
        return {"customers": customers, "include_descendants": below}
    if view.caller.customer_id is None:
        return {"customers": None}
    bound = Customer.objects.get(pk=view.caller.customer_id)
    return {"customers": [bound], "include_descendants": True}


def zone_of(name: str) -> Any:
    """Return a time zone by its name."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInputError(
            field="time_zone", value=name, remedy="use a name like Europe/Berlin"
        ) from None
