"""What a source sent and could not be taken is kept, mended or not, and replayed once it can be."""

import json
from datetime import timedelta
from decimal import Decimal
from functools import partial
from io import StringIO
from itertools import count

import pytest
import time_machine
from django.core.management import call_command
from django.utils.timezone import now

from billing.metering.facts import Fact
from billing.models import DeadLetter, UsageEvent
from integrations.sources import access_logs, kong, litellm, otlp
from tests.api import Api
from tests.billing.scene import event
from tests.integrations.sources import counts
from tests.integrations.sources.test_access_logs import NGINX
from tests.integrations.sources.test_kong import OPENAI, entry
from tests.integrations.sources.test_litellm import call
from tests.integrations.sources.test_otlp import span, traces

pytestmark = pytest.mark.django_db

AI = {"input_uncached": 129, "cache_read": 896, "output": 200, "reasoning": 256}
TRACED = {"input_uncached": 47, "cache_write_5m": 2048, "output": 503}


@pytest.fixture
def replay(scene):
    """Return a function that replays a letter through the API, as it was or mended."""
    keeper, numbers = Api(scene.book), count()

    def replay(letter, **mended):
        body = {"event": mended} if mended else {}
        path = f"dead-letters/{letter.pk}/replay"
        response = keeper.post(path, body, once=f"replay-{next(numbers)}")
        assert response.status_code == 200, response.content
        letter.refresh_from_db()
        return response.json()

    return replay


@pytest.fixture
def refuse(sender):
    """Return a function that posts what is refused, and returns its dead letter, read."""

    def refuse(path, body):
        assert sender.post(f"sources/{path}", json.dumps(body)).status_code == 200
        letter = DeadLetter.objects.get()
        return letter, json.loads(letter.raw)

    return refuse


def test_entry_of_kong_is_mended_and_all_its_events_are_taken(scene, refuse, replay):
    letter, said = refuse("kong/http-log", entry(ai=OPENAI, consumer=None))
    assert replay(letter)["rejected"] == 1
    assert letter.status == "open"

    said["sent"]["consumer"] = {"username": "acme"}

    assert replay(letter, **said)["accepted"] == 5
    assert (letter.status, counts.tokens(), scene.units("requests")) == ("replayed", AI, 1)


def test_call_of_litellm_is_mended_and_all_its_events_are_taken(scene, refuse, replay):
    letter, said = refuse("litellm?subject=team", call())
    assert replay(letter)["rejected"] == 1

    said["sent"]["metadata"]["user_api_key_team_id"] = "acme"

    assert replay(letter, **said)["accepted"] == 5
    assert (letter.status, counts.tokens()) == ("replayed", AI)


def test_span_is_mended_and_all_its_events_are_taken(scene, refuse, replay):
    letter, said = refuse("otlp/v1/traces", traces(span(**{"user.id": ""})))
    assert replay(letter)["rejected"] == 1

    said["sent"]["resource"]["meterbook.subject"] = "acme"

    assert replay(letter, **said)["accepted"] == 3
    assert (letter.status, counts.tokens()) == ("replayed", TRACED)
    assert UsageEvent.objects.filter(data__service="app").count() == 3


@pytest.mark.django_db(transaction=True)
def test_line_of_an_access_log_is_mended_and_taken(scene, replay, tmp_path):
    log = tmp_path / "access.log"
    log.write_text(json.dumps({**NGINX, "http_x_consumer_username": "-"}))
    take = partial(call_command, "ingest_access_log", str(log), stdout=StringIO())
    take(book=scene.book.key, server="nginx", source="edge")
    letter = DeadLetter.objects.get()
    said = json.loads(letter.raw)
    assert replay(letter)["rejected"] == 1

    said["sent"]["line"]["subject"] = "acme"
    assert replay(letter, **said)["accepted"] == 1

    log.write_text(json.dumps({**NGINX, "http_x_consumer_username": "acme"}))
    take(book=scene.book.key, server="nginx", source="edge")
    assert scene.units("requests") == 1


def test_replaying_what_has_been_taken_meanwhile_counts_nothing_twice(
    scene, sender, refuse, replay
):
    letter, said = refuse("kong/http-log", entry(ai=OPENAI, consumer=None))
    sender.post("sources/kong/http-log", entry(ai=OPENAI))
    said["sent"]["consumer"] = {"username": "acme"}

    outcome = replay(letter, **said)

    assert (outcome["duplicate"], outcome["accepted"], letter.status) == (5, 0, "replayed")
    assert scene.units("requests") == 1


@pytest.mark.parametrize(
    ("path", "write"),
    [
        ("kong/http-log", lambda at: entry(ai=OPENAI, started_at=int(at.timestamp() * 1000))),
        ("litellm", lambda at: call(endTime=at.timestamp())),
        ("otlp/v1/traces", lambda at: traces(span() | {"endTimeUnixNano": f"{at:%s}000000000"})),
    ],
)
def test_events_that_a_source_made_are_taken_as_they_were_once_they_can_be(
    scene, sender, replay, path, write
):
    tomorrow = now() + timedelta(days=1)
    sender.post(f"sources/{path}", json.dumps(write(tomorrow)))
    letters = list(DeadLetter.objects.filter(reason="in_the_future"))
    assert (len(letters) >= 3, UsageEvent.objects.count()) == (True, 0)

    with time_machine.travel(tomorrow + timedelta(hours=1)):
        assert {replay(letter)["accepted"] for letter in letters} == {1}

    assert sum(counts.tokens().values()) in {1481, 2598}


def test_letter_may_be_replaced_by_an_event_of_another_shape(scene, refuse, replay):
    scene.meter("sum", key="calls")
    letter, _ = refuse("kong/http-log", entry(consumer=None))

    assert replay(letter, **json.loads(event(5, subject="acme")))["accepted"] == 1
    assert (letter.status, scene.units("calls")) == ("replayed", 5)


@pytest.mark.parametrize("shape", ["kong/http-log", "litellm", "otlp", "access-log", "another", 7])
@pytest.mark.parametrize(
    "sent", [None, [], "text", {}, {"line": 1, "attributes": [], "request": 2}]
)
def test_nonsense_in_the_shape_of_a_source_is_refused(refuse, replay, shape, sent):
    letter, _ = refuse("kong/http-log", entry(consumer=None))

    assert replay(letter, shape=shape, sent=sent)["rejected"] == 1
    assert letter.status == "open"


def facts(sent):
    found = list(sent)
    assert all(isinstance(one, Fact) for one in found)
    return [(one.source, one.external_id, one.subject, one.occurred_at, one.data) for one in found]


def test_what_is_kept_says_all_that_makes_the_events():
    logged, made = entry(ai=OPENAI), json.loads(json.dumps(call()), parse_float=Decimal)
    [traced] = otlp.spans(traces(span()))

    assert facts(kong.again(kong.redacted(logged))) == facts(kong.events(0, logged))
    assert facts(otlp.again(otlp._kept(traced))) == facts(otlp.events(0, traced))
    taken = litellm.events(0, made, litellm.AUTHENTICATED)
    assert facts(litellm.again(litellm.redacted(made))) == facts(taken)


def test_line_that_is_kept_is_read_with_its_source_and_type():
    kept = {"source": "edge", "type": "api.request", "line": {"id": "a", "subject": "acme"}}

    [refused] = access_logs.again(kept)
    assert "time" in refused.detail
    kept["line"]["time"] = "2025-06-15T10:00:00Z"
    [taken] = access_logs.again(kept)
    assert (taken.source, taken.type, taken.external_id) == ("edge", "api.request", "a")
