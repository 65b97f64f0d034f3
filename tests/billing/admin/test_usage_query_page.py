"""The page that asks how much was used: by windows and groups, with a chart, as CSV."""

import csv
import re

import pytest

from tests.billing.scene import HOUR, event
from tests.factories import NOON
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db


JUNE = {"starts_at": "2025-06-01T00:00:00", "ends_at": "2025-07-01T00:00:00"}


class TestUsage:
    def fill(self, scene):
        scene.send(event(4, model="a"), event(6, model="b"), event(5, model="a", at=NOON + HOUR))

    def test_windows_and_groups_are_shown_with_a_chart(self, scene):
        self.fill(scene)
        query = {"meter": scene.meters["sum"].pk, "window": "hour", "group_by": "model", **JUNE}

        page = Browser().get("billing_usage", **query).content.decode()
        said = Browser().read("billing_usage", **query)

        assert "2025-06-15 12:00:00 UTC a 4 thing 1" in said
        assert "2025-06-15 12:00:00 UTC b 6 thing 1" in said
        assert len(re.findall("<rect", page)) == 2
        assert "2025-06-15 12:00 UTC: 10 thing" in page

    def test_a_customer_is_shown_with_those_below(self, scene):
        self.fill(scene)
        scene.child("below")
        scene.send(event(100, subject="below"))
        query = {
            "meter": scene.meters["sum"].pk, "window": "", "customer": scene.customer.key, **JUNE
        }  # fmt: skip

        assert "15 thing 3" in Browser().read("billing_usage", **query)
        assert "115 thing 4" in Browser().read("billing_usage", **query, below="on")

    def test_it_is_downloaded_as_csv(self, scene):
        self.fill(scene)
        scene.send(event(1, model="=1+1"))

        response = Browser().get(
            "billing_usage",
            meter=scene.meters["sum"].pk,
            window="",
            group_by="model",
            csv="1",
            **JUNE,
        )
        rows = list(csv.reader(response.content.decode().splitlines()))

        assert [row[2:] for row in rows] == [
            ["model", "value", "unit", "events"],
            ["'=1+1", "1", "thing", "1"],
            ["a", "9", "thing", "2"],
            ["b", "6", "thing", "1"],
        ]

    @pytest.mark.parametrize(
        "query",
        [
            {"group_by": "nothing"},
            {"starts_at": "2025-06-15T00:00:00", "ends_at": "2025-06-01T00:00:00"},
            {"window": "minute", "starts_at": "1990-01-01T00:00:00"},
            {"customer": "nobody"},
            {"starts_at": "yesterday"},
        ],
    )
    def test_a_question_that_makes_no_sense_is_answered_politely(self, scene, query):
        asked = {"meter": scene.meters["sum"].pk, **JUNE, **query}

        page = Browser().get("billing_usage", **asked).content.decode()

        assert "errornote" in page or "errorlist" in page

    def test_without_meters_it_is_empty(self):
        assert "Usage" in Browser().read("billing_usage")
