"""POST /features/{feature}/cost/query: what usage has cost us, as the ledger has it."""

from decimal import Decimal

import pytest

from tests import factories
from tests.api import Api, code
from tests.billing.scene import DAY, HOUR, event, new_scene
from tests.factories import NOON

pytestmark = pytest.mark.django_db
DIMENSIONS = {"model": "$.model", "region": "$.region"}


@pytest.fixture
def scene():
    """A book whose calls cost a quarter each; of model "own" they cost nothing that is known."""
    found = new_scene()
    calls = found.meter("sum", price=2, dimensions=DIMENSIONS)
    found.feature(calls, key="calls")
    for model, cost in (("big", "0.25"), ("small", "0.05")):
        found.rate(calls, 2, match={"model": model}, cost=cost)
    found.api = Api(found.book, scopes=["read"])
    found.span = {"from": (NOON - DAY).isoformat(), "to": (NOON + 2 * DAY).isoformat()}
    return found


def ask(scene, feature="calls", **asked):
    return scene.api.post(f"features/{feature}/cost/query", scene.span | asked)


def rows(scene, *names, **asked):
    data = ask(scene, **asked).json()["data"]
    return [
        (*(row["dimensions"][name] for name in names), row["usage"], row["cost"]) for row in data
    ]


def test_usage_and_cost_are_those_of_the_ledger(scene):
    scene.send(event(10, model="big"), event(4, model="small"))

    [row] = ask(scene).json()["data"]

    assert (row["usage"], row["cost"], row["currency"]) == ("14", "2.7", "USD")
    assert Decimal(row["cost"]) == scene.holds("cost_of_revenue")
    assert "detail" not in row


def test_rows_are_by_dimension_subject_and_customer(scene):
    other = scene.child("other")
    scene.send(event(1, model="big"), event(2, model="small"), event(4, model="big"))
    scene.send(event(8, model="big", subject="other"))
    first, second = str(scene.customer.pk), str(other.pk)

    by_model = rows(scene, "model", group_by_dimensions=["model"])
    by_owner = rows(
        scene,
        "customer_id",
        "subject",
        "model",
        group_by_dimensions=["customer_id", "subject", "model"],
    )

    assert by_model == [("big", "13", "3.25"), ("small", "2", "0.1")]
    assert by_owner == [
        (first, "api", "big", "5", "1.25"),
        (first, "api", "small", "2", "0.1"),
        (second, "other", "big", "8", "2"),
    ]


def test_windows_are_cut_on_the_wall_clock_of_the_zone(scene):
    """Noon and four in the afternoon are two days in Tokyo."""
    after = NOON + 4 * HOUR
    scene.send(event(2, model="big"), event(1, model="big", at=after), at=after)

    tokyo = ask(scene, granularity="P1D", time_zone="Asia/Tokyo").json()["data"]

    assert [(row["usage"], row["cost"]) for row in tokyo] == [("2", "0.5"), ("1", "0.25")]
    assert tokyo[0]["to"] == tokyo[1]["from"]
    assert tokyo[0]["to"].endswith("T15:00:00Z")
    assert rows(scene, granularity="P1D") == [("3", "0.75")]


def test_what_has_no_cost_says_so(scene):
    scene.send(event(3, model="own"), event(1, model="big"))

    whole, *models = [
        *ask(scene).json()["data"],
        *ask(scene, group_by_dimensions=["model"]).json()["data"],
    ]

    assert (whole["usage"], whole["cost"]) == ("4", "0.25")
    assert [(row["cost"], "detail" in row) for row in models] == [("0.25", False), (None, True)]
    assert whole["detail"] == "No cost was posted beside 1 of 2 entries of usage."


def test_corrections_take_usage_and_cost_back(scene):
    scene.send(event(10, id="wrong", model="big"), event(2, id="also", model="big"))
    scene.void("wrong")
    scene.amend(event(4, id="also", model="small"))

    assert rows(scene, "model", group_by_dimensions=["model"]) == [
        ("big", "0", "0"),
        ("small", "4", "0.2"),
    ]


def test_only_usage_that_fits_the_feature_and_the_question_counts(scene):
    meter = scene.meters["sum"]
    scene.feature(meter, key="big-calls", filters={"model": {"eq": "big"}})
    scene.send(event(1, model="big", region="eu"), event(2, model="big", region="us"))
    scene.send(event(4, model="small", region="eu"))

    assert rows(scene, feature="big-calls") == [("3", "0.75")]
    european = {"dimensions": {"region": {"neq": "us"}}}
    assert rows(scene, feature="big-calls", filters=european) == [("1", "0.25")]
    assert rows(scene, filters=european) == [("5", "0.45")]


def test_a_customer_s_usage_alone_is_asked_for_by_its_id(scene):
    other = scene.child("other")
    scene.send(event(1, model="big"), event(8, model="big", subject="other"))

    named = {"dimensions": {"customer_id": {"in": [str(other.pk), "nobody"]}}}

    assert rows(scene, filters=named) == [("8", "2")]


def test_meters_that_share_an_event_keep_their_costs_apart(scene):
    words = scene.meter("sum", key="words", path="$.words", price=1, cost="0.001")
    scene.feature(words, key="words")
    scene.send(event(2, model="big", words=7), event(3, model="small", words=11))

    assert rows(scene, feature="words") == [("18", "0.018")]
    assert rows(scene) == [("5", "0.65")]


def test_half_open_and_without_usage_there_is_no_row(scene):
    scene.send(event(1, model="big", at=NOON))
    scene.span = {"from": (NOON - HOUR).isoformat(), "to": NOON.isoformat()}

    assert ask(scene).json()["data"] == []


def test_the_month_until_now_is_what_is_asked_for_unless_said(scene):
    scene.span = {}

    answer = ask(scene).json()

    assert answer["from"][8:] == "01T00:00:00Z"
    assert answer["from"] <= answer["to"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"to": "2000-01-01T00:00:00Z"}, "to"),
        ({"granularity": "P1Y"}, "granularity"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"group_by_dimensions": ["colour"]}, "group_by_dimensions"),
        ({"group_by_dimensions": ["model", "model"]}, "group_by_dimensions"),
        ({"filters": {"dimensions": {"colour": {"eq": "red"}}}}, "filters.dimensions.colour"),
        ({"filters": {"dimensions": {"subject": {"neq": "a"}}}}, "filters.dimensions.subject"),
        ({"filters": {"customers": []}}, "filters.customers"),
        ({"customers": []}, "customers"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_field(scene, asked, field):
    answer = ask(scene, **asked)

    assert code(answer)[0] == 400
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_a_feature_that_nothing_counts_has_no_cost_to_ask_for(scene):
    Api(scene.book).post("features", {"key": "support", "name": "Support"}, once="f")

    assert code(ask(scene, "support")) == (400, "invalid_input")


def test_costs_are_for_who_may_read_the_whole_book(scene):
    scene.api = Api(scene.book, scopes=["read"], customer=scene.customer)
    assert code(ask(scene))[0] in {403, 404}
    scene.api = Api(scene.book, scopes=["ingest"])
    assert code(ask(scene))[0] == 403
    scene.api = Api(factories.book(), scopes=["read"])
    assert code(ask(scene)) == (404, "not_found")


def test_more_usage_takes_no_more_queries(scene, django_assert_num_queries):
    scene.send(event(1, model="big"))
    ask(scene)
    scene.send(*[event(1, model="big") for _ in range(20)])

    with django_assert_num_queries(2):
        assert rows(scene) == [("21", "5.25")]
