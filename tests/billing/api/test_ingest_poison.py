"""Poison over HTTP: refused with a reason and kept, and never at its neighbours' expense."""

import json
import random
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.metering import history
from billing.models import DeadLetter, UsageEvent
from tests.api import code
from tests.billing.api.sending import BATCH, BINARY, LINES, ONE, batch, counts, kept
from tests.billing.scene import event

pytestmark = pytest.mark.django_db


GOOD = {"specversion": "1.0", "source": "s", "type": "call", "subject": "api"}


def spelled(data, **attributes):
    """Write an event whose data is given as text, however wrong."""
    said = GOOD | {"id": f"p{random.random()}"} | attributes
    return json.dumps(said).encode()[:-1] + b',"data":' + data + b"}"


POISON = [
    b"",
    b"null",
    b"[]",
    b'"event"',
    b"{",
    b"{}}",
    b"\xef\xbb\xbf" + event(1),
    event(1).decode().encode("utf-16"),
    event(1).replace(b'"api"', b'"a\xff"'),
    event(1).replace(b'"api"', b'"\\ud800"'),
    event(1).replace(b'"api"', b'"\\u0000"'),
    event(1).replace(b'"api"', b'"' + "😀".encode() * 256 + b'"'),
    event(1).replace(b'"api"', b'""'),
    event(1).replace(b'"api"', b"null"),
    event(1).replace(b'"api"', b"7"),
    event(1).replace(b'"1.0"', b'"0.3"'),
    event(1).replace(b'"1.0"', b"1.0"),
    event(1).replace(b"+00:00", b""),
    spelled(b'{"n":1}', time="2025-02-30T00:00:00Z"),
    spelled(b'{"n":1}', time="2025-06-15"),
    spelled(b'{"n":1}', time="0001-01-01T00:00:00+14:00"),
    spelled(b'{"n":1}', time="9999-12-31T23:59:59.9999999Z"),
    spelled(b'{"n":1}', time="9999-12-31T23:59:59-12:00"),
    spelled(b'{"n":1}', time=1750000000),
    spelled(b'{"n":1}', time=""),
    spelled(b'{"n":1}', id="x" * 1025),
    spelled(b'{"n":1}', data_base64="AAAA"),
    spelled(b'{"n":1}', datacontenttype="application/xml"),
    spelled(b"[1]"),
    spelled(b'"1"'),
    spelled(b"1"),
    spelled(b'{"n":NaN}'),
    spelled(b'{"n":Infinity}'),
    spelled(b'{"n":-Infinity}'),
    spelled(b'{"n":"NaN"}'),
    spelled(b'{"n":"Infinity"}'),
    spelled(b'{"n":1e400}'),
    spelled(b'{"n":1e-400}'),
    spelled(b'{"n":1e999999999999}'),
    spelled(b'{"n":' + b"9" * 40 + b"}"),
    spelled(b'{"n":"' + b"9" * 40 + b'"}'),
    spelled(b'{"n":' + b"9" * 400 + b"}"),
    spelled(b'{"n":' + b"9" * 5000 + b"}"),
    spelled(b'{"x":' + b"9" * 5000 + b',"n":1}'),
    spelled(b'{"x":1e1001,"n":1}'),
    spelled(b'{"n":1.' + b"1" * 13 + b"}"),
    spelled(b'{"n":0.001}'),
    spelled(b'{"n":true}'),
    spelled(b'{"n":[1]}'),
    spelled(b'{"n":{"n":1}}'),
    spelled(b'{"n":"1,5"}'),
    spelled('{"n":"١"}'.encode()),
    spelled(b'{"n":""}'),
    spelled(b'{"n":null}'),
    spelled(b'{"n":01}'),
    spelled(b'{"n":+1}'),
    spelled(b'{"n":0x10}'),
    spelled(b'{"m":1}'),
    spelled(b'{"n":1,"x":"\x00"}'),
    spelled(b'{"n":1,"x":"\x01"}'),
    spelled(b'{"n":1,"\\u0000":1}'),
    spelled(b'{"n":1,"x":["\\u0000"]}'),
    spelled(b'{"n":1,"x":"\\ud83d"}'),
    spelled(b'{"n":1,"x":"\xed\xa0\x80"}'),
    spelled(b'{"n":1,"x":' + b"[" * 200 + b"]" * 200 + b"}"),
    spelled(b'{"n":1,"x":' + b'{"x":' * 5000 + b"1" + b"}" * 5000 + b"}"),
    spelled(b'{"n":1}', type=None),
    spelled(b'{"n":1}', source=["s"]),
]
HARMLESS = [
    spelled(b'{"n":-0}'),
    spelled(b'{"n":-0.0}'),
    spelled(b'{"n":"  7 "}'),
    spelled(b'{"n":1.' + b"0" * 60 + b"}"),
    spelled(b'{"n":9999999999999999999999999}'),
    spelled(b'{"n":1,"x":1e1000}'),
    spelled(b'{"n":1,"x":' + b"9" * 300 + b"}"),
    spelled('{"n":1,"x":"tab\\tline\\n\u2028\u0085\\\\N \\\\. é 😀"}'.encode()),
    spelled(b'{"n":1,"n":2}'),
    spelled(b'{"n":1,"x":"\\ud83d\\ude00"}'),
    spelled(b'{"n":1}', extension="kept", comexampleext=7),
    spelled(b'{"n":1}', source="tab\tand\nline\\N", id="back\\slash\r\n"),
    spelled(b'{"n":1}', time="2025-06-15T12:00:00.123456789+05:45"),
    spelled(b'{"n":1}', datacontenttype="application/vnd.acme+json"),
    spelled(b"null", type="nobody counts this"),
    spelled(b'{"n":1}', id="x" * 1024),
]


@pytest.mark.parametrize("number", range(len(POISON)))
def test_poison_is_refused_and_kept_with_its_reason(scene, post, number):
    response = post(POISON[number], ONE)

    assert code(response) == (422, "events_rejected")
    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.detail) == (
        response.json()["rows"][0]["reason"],
        response.json()["rows"][0]["detail"].replace("\0", "\\x00"),
    )
    assert scene.units("sum") == 0


@pytest.mark.parametrize("content_type", [BATCH, LINES])
def test_poison_never_fails_its_neighbours(post, content_type):
    apart = [raw for raw in POISON if b"\n" not in raw and raw and not raw.startswith(b"{}}")]
    apart = [raw for raw in apart if raw != b"{" and not raw.startswith(b"\xff\xfe")]
    mixed = [one for raw in apart for one in (raw, event(1))]
    body = b"\n".join(mixed) if content_type == LINES else batch(*mixed)

    response = post(body, content_type)

    assert counts(response) == {"accepted": len(apart), "rejected": len(apart)}
    assert [row["index"] for row in response.json()["rows"]] == list(range(0, len(mixed), 2))
    assert kept() == len(mixed)


@pytest.mark.parametrize("number", range(len(HARMLESS)))
def test_odd_but_right_events_are_taken_as_they_are(post, number):
    assert counts(post(HARMLESS[number], ONE)) == {"accepted": 1}
    assert counts(post(HARMLESS[number], ONE)) == {"duplicate": 1}


def test_odd_events_are_read_again_as_they_were_sent(scene, post):
    post(batch(*HARMLESS))

    for raw in HARMLESS:
        said = json.loads(raw, parse_float=Decimal)
        found = scene.find(said["id"], said["source"])
        assert history.fact_of(found).data == (said["data"] or {})


def test_body_that_is_no_batch_is_kept_whole(post):
    for body in (b"", b"{", b"[", batch(event(1))[:-1], batch(event(1)) + b"]", b"[}", b'["'):
        assert code(post(body)) == (422, "events_rejected")

    assert set(DeadLetter.objects.values_list("reason", flat=True)) == {"malformed"}
    assert not UsageEvent.objects.exists()


def test_event_timed_ahead_of_our_clock_is_refused(post):
    response = post(event(1, at=now() + timedelta(hours=1)), ONE)

    assert response.json()["rows"][0]["reason"] == "in_the_future"


# --- Fuzz -------------------------------------------------------------------------------

FUZZ = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([1e400, -0.0, 10**40, "1e400", "NaN", "\0", "\ud800", "9" * 30]),
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
attributes = st.sampled_from(
    ["id", "source", "type", "subject", "time", "data", "specversion", "datacontenttype", "x"]
)
mutations = st.lists(st.tuples(attributes, trees), max_size=3)


def mutated(changes):
    said = json.loads(event(1)) | dict(changes)
    return json.dumps(said).encode()


def survives(response, sent):
    """Assert that an answer accounts for all that was sent."""
    assert response.status_code in {200, 409, 422}, response.content
    if "accepted" in response.json():
        assert sum(counts(response).values()) == sent


@FUZZ
@given(st.lists(mutations, min_size=1, max_size=6))
def test_events_changed_at_random_are_all_accounted_for(scene, post, changes):
    before = kept()
    body = b"\n".join(map(mutated, changes))

    response = post(body, LINES)

    survives(response, len(changes))
    assert kept() - before + response.json()["duplicate"] == len(changes)


@FUZZ
@given(st.binary(max_size=200), st.sampled_from([ONE, BATCH, LINES, "application/json"]))
def test_noise_is_answered(scene, post, body, content_type):
    assert post(body, content_type).status_code < 500


@FUZZ
@given(st.integers(0, 300), st.binary(min_size=1, max_size=3), st.sampled_from([ONE, BATCH]))
def test_damaged_events_are_answered(scene, post, place, damage, content_type):
    body = batch(event(1), event(2)) if content_type == BATCH else event(1)
    place %= len(body)

    response = post(body[:place] + damage + body[place + len(damage) :], content_type)

    assert response.status_code in {200, 409, 422}


@FUZZ
@given(
    st.dictionaries(
        st.sampled_from([*BINARY, "ce_time", "ce_x"]), st.text("aé %0\x7f-:"), min_size=1
    )
)
def test_odd_headers_are_answered(scene, post, headers):
    safe = {name: value.encode().decode("latin-1") for name, value in headers.items()}

    assert post(b'{"n":1}', "application/json", **safe).status_code < 500
