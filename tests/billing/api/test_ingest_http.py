"""Events over HTTP: whatever is sent, the answer tells what became of it, and nothing is lost."""

import gzip

import psycopg
import pytest
from django.db import connection
from django.test import RequestFactory
from rest_framework.exceptions import ParseError

from billing.api import ingest as view
from billing.metering import accruals, claims, writing
from billing.models import DeadLetter, UsageEvent
from ledger import bulk
from tests import factories
from tests.api import Api, code
from tests.billing.api.sending import BATCH, BINARY, LINES, ONE, batch, counts, kept
from tests.billing.scene import event

pytestmark = pytest.mark.django_db

# --- What may be sent -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body", "accepted"),
    [
        (ONE, event(1), 1),
        (ONE + "; charset=utf-8", event(1), 1),
        ("application/json", event(1), 1),
        (BATCH, batch(event(1), event(2)), 2),
        ("application/json", b" \n" + batch(event(1), event(2)), 2),
        (LINES, event(1) + b"\r\n\r\n" + event(2) + b"\n", 2),
        ("application/jsonl", event(1) + b"\n" + event(2), 2),
        (BATCH, b"[]", 0),
        (LINES, b"\n", 0),
    ],
)
def test_events_come_in_every_content_mode(post, content_type, body, accepted):
    response = post(body, content_type)

    assert response.status_code == 200
    assert response.json() == {
        "accepted": accepted,
        "duplicate": 0,
        "conflicting": 0,
        "unattributed": 0,
        "rejected": 0,
        "unmetered": 0,
        "rows": [],
    }


def test_body_that_was_cut_off_is_not_read_as_a_shorter_one():
    request = RequestFactory().post("/", event(1) + b"\n", content_type=LINES)
    request.META["CONTENT_LENGTH"] = str(len(event(1)) * 2)

    with pytest.raises(ParseError, match="send it again"):
        view.read_body(request)


def test_binary_mode_takes_attributes_from_headers(scene, post):
    response = post(b' {"n": 2.50} ', "application/json", ce_specversion="1.0", **BINARY)

    assert counts(response) == {"accepted": 1}
    assert str(scene.units("sum")) == "2.500000000000"


def test_binary_headers_are_percent_encoded(scene, post):
    scene.subject("Zoë & co")

    post(b'{"n":1}', "application/json", **BINARY | {"ce_subject": "Zo%C3%AB%20%26 co"})

    assert UsageEvent.objects.get().subject == "Zoë & co"


def test_binary_body_cannot_write_attributes(scene, post):
    scene.subject("other", factories.customer(book=scene.book))
    injected = [b'{"n":1},"subject":"other"', b'{"n":1}}{"a":1', b"{} {}", b'{"n":1},']

    for body in injected:
        response = post(body, "application/json", **BINARY)
        assert code(response) == (422, "events_rejected")

    assert not UsageEvent.objects.exists()
    assert kept() == len(injected)


@pytest.mark.parametrize(
    ("headers", "body", "kind", "field"),
    [
        ({"ce_id": ""}, b"{}", "application/json", "id"),
        ({"ce_time": "yesterday"}, b"{}", "application/json", "time"),
        ({"ce_specversion": "0.3"}, b"{}", "application/json", "specversion"),
        ({}, b"<n>1</n>", "application/xml", "datacontenttype"),
        ({}, b"1", "application/json", "data"),
    ],
)
def test_binary_events_are_refused_with_their_field(post, headers, body, kind, field):
    response = post(body, kind, **BINARY | headers)

    assert code(response) == (422, "events_rejected")
    assert [row["field"] for row in response.json()["rows"]] == [field]


def test_structured_content_type_outweighs_binary_headers(scene, post):
    response = post(event(1, id="inside"), ONE, **BINARY)

    assert counts(response) == {"accepted": 1}
    assert scene.find("inside")


@pytest.mark.parametrize("members", [1, 3])
def test_gzip_may_have_several_members(post, members):
    lines = [event(1) + b"\n" for _ in range(6)]
    size = 6 // members
    body = b"".join(
        gzip.compress(b"".join(lines[start : start + size])) for start in range(0, 6, size)
    )

    assert counts(post(body, LINES, content_encoding="gzip")) == {"accepted": 6}
    assert counts(post(body + b"\0" * 8, LINES, content_encoding="gzip")) == {"duplicate": 6}


# --- What the answer says ---------------------------------------------------------------


def test_every_event_not_accepted_is_named_with_its_place_and_reason(post):
    again = event(1, id="one")

    response = post(
        batch(again, again, event(2, id="one"), event(1, subject="who"), b"7", event("x"), event(1))
    )

    assert response.status_code == 200
    assert [
        (r["index"], r["status"], r["reason"], r["field"]) for r in response.json()["rows"]
    ] == [
        (1, "duplicate", "", ""),
        (2, "conflict", "conflict", "id"),
        (3, "unattributed", "unknown_subject", "subject"),
        (4, "rejected", "invalid_event", ""),
        (5, "rejected", "invalid_value", "data.n"),
    ]
    assert kept() + 1 == sum(counts(response).values()) == 7


def test_one_refused_event_is_a_problem_and_a_dead_letter(post):
    assert code(post(event("x"), ONE)) == (422, "events_rejected")

    assert DeadLetter.objects.get().reason == "invalid_value"


def test_one_conflicting_event_is_a_conflict(post):
    post(event(1, id="one"), ONE)

    assert code(post(event(2, id="one"), ONE)) == (409, "events_conflict")


def test_key_of_a_customer_sends_its_own_usage_only(scene):
    team = scene.child("team")
    api = Api(scene.book, scopes=["ingest"], customer=team)

    body = batch(event(1, subject="team"), event(1), event(1, subject="nobody"))
    response = api.send("post", "events", body, content_type=BATCH)

    assert counts(response) == {"accepted": 1, "rejected": 2}
    assert {row["reason"] for row in response.json()["rows"]} == {"subject_not_allowed"}


@pytest.mark.parametrize("scopes", [["read"], ["manage", "finance"]])
def test_key_without_the_scope_may_not_ingest(scene, scopes):
    response = Api(scene.book, scopes=scopes).send("post", "events", event(1), content_type=ONE)

    assert code(response)[0] == 403
    assert not UsageEvent.objects.exists()


def test_nobody_may_ingest_without_a_key(scene, client):
    assert client.post("/api/v1/events", event(1), content_type=ONE).status_code == 401


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["claim", "lock", "_write", "write_events"])
def test_lost_database_is_an_error_that_passes(scene, post, monkeypatch, step):
    steps = {"claim": claims, "lock": accruals, "_write": bulk, "write_events": writing}
    module = steps[step]
    done = getattr(module, step)

    def cut_off(*args, **kwargs):
        with psycopg.connect(connection.connection.info.dsn, password=_password()) as other:
            other.execute(
                "SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid]
            )
        return done(*args, **kwargs)

    monkeypatch.setattr(module, step, cut_off)
    response = post(event(1, id="one"), ONE)
    connection.close()
    monkeypatch.undo()

    assert code(response) == (503, "try_again")
    assert response.headers["Retry-After"]
    assert counts(post(event(1, id="one"), ONE)) == {"accepted": 1}


def _password():
    return connection.settings_dict["PASSWORD"]


# --- Sizes and codings ------------------------------------------------------------------


def test_ten_thousand_events_are_taken_and_one_more_is_too_many(post, monkeypatch):
    monkeypatch.setattr(view, "MAX_EVENTS", 10)
    ten = [event(1) for _ in range(10)]

    assert code(post(batch(*ten, event(1)))) == (413, "body_too_large")
    assert code(post(b"\n".join([*ten, event(1)]), LINES)) == (413, "body_too_large")
    assert counts(post(batch(*ten))) == {"accepted": 10}
    assert kept() == 10


def test_more_than_ten_thousand_small_things_are_too_many(post):
    for body in (b"[" + b"1," * 10_000 + b"1]", b"[" + b"1," * 2_000_000 + b"1]"):
        assert code(post(body)) == (413, "body_too_large")
    assert kept() == 0


def test_body_beyond_the_limit_is_refused(post, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    assert code(post(batch(event(1, note="x" * 2000)))) == (413, "body_too_large")


def test_gzip_bomb_is_refused_before_it_grows(post):
    bomb = gzip.compress(b"0" * (view.MAX_BYTES + 1))

    assert code(post(bomb, content_encoding="gzip")) == (413, "body_too_large")
    assert code(post(bomb[:2000] * 3, content_encoding="gzip"))[0] == 400


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        (b"not gzip", "gzip", 400),
        (gzip.compress(event(1))[:-4], "gzip", 400),
        (gzip.compress(event(1)) + b"tail", "gzip", 400),
        (event(1), "br", 415),
        (event(1), "gzip, gzip", 415),
        (event(1), "IDENTITY", 200),
    ],
)
def test_codings_are_read_or_refused(post, body, coding, status):
    assert post(body, ONE, content_encoding=coding).status_code == status


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", "x"])
def test_other_content_types_are_refused(post, kind):
    assert code(post(event(1), kind))[0] == 415


def test_event_larger_than_an_event_may_be_fails_alone(post):
    response = post(batch(event(1, note="x" * 300_000), event(1)))

    assert counts(response) == {"accepted": 1, "rejected": 1}
    assert response.json()["rows"][0]["reason"] == "too_large"


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_events_are_posted(scene, client, method):
    assert getattr(client, method)("/api/v1/events").status_code in {401, 405}
