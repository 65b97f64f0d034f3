"""``manage.py ingest_access_log``: lines of nginx and Envoy are calls, each taken once."""

import gzip
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.models import DeadLetter, UsageEvent

pytestmark = pytest.mark.django_db(transaction=True)

NGINX = {
    "time_iso8601": "2025-06-15T10:00:00+00:00",
    "request_id": "2f69",
    "remote_addr": "10.0.0.1",
    "request_method": "GET",
    "uri": "/v1/x?apikey=hidden",
    "status": 200,
    "body_bytes_sent": 512,
    "request_length": 139,
    "request_time": 0.012,
    "http_x_consumer_username": "acme",
    "http_authorization": "hidden",
}
ENVOY = {
    "start_time": "2025-06-15T10:00:00.123Z",
    "method": "POST",
    "path": "/v1/x",
    "response_code": 200,
    "bytes_received": 812,
    "bytes_sent": 512,
    "duration": 12,
    "x_request_id": "5d2c",
    "consumer": "acme",
}


@pytest.fixture
def ingest(scene, tmp_path):
    """Return a function that writes lines to a file and runs the command on it."""

    def ingest(*lines, name="access.log", **options):
        path = tmp_path / name
        written = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
        path.write_bytes(gzip.compress(written.encode()) if ".gz" in name else written.encode())
        printed = StringIO()
        call_command("ingest_access_log", str(path), book=scene.book.key, stdout=printed, **options)
        return printed.getvalue()

    return ingest


def test_lines_of_nginx_are_calls(scene, ingest):
    printed = ingest(NGINX, server="nginx")

    assert "accepted" in printed
    assert scene.units("requests") == 1
    assert UsageEvent.objects.get().data == {
        "method": "GET",
        "path": "/v1/x",
        "status": 200,
        "bytes_in": 139,
        "bytes_out": 512,
        "seconds": 0.012,
    }


def test_lines_of_envoy_are_calls_and_rotated_files_count_once(scene, ingest):
    ingest(ENVOY, server="envoy")
    ingest(ENVOY, {**ENVOY, "x_request_id": "5d2d"}, name="access.log.1.gz", server="envoy")

    assert scene.units("requests") == 2


def test_other_logs_are_mapped(scene, ingest):
    said = {"req": {"id": "a"}, "ts": 1750000000.5, "who": "acme", "tokens": "12"}
    places = ["id=req.id", "time=ts", "subject=who", "tokens=tokens"]

    ingest(said, map=places, time_format="unix", type="llm.tokens")

    assert scene.units("tokens") == 12


def test_lines_that_cannot_be_taken_are_kept_without_secrets(ingest):
    nobody = {**NGINX, "http_x_consumer_username": "-"}
    late = {**NGINX, "time_iso8601": "yesterday"}

    printed = ingest(NGINX, nobody, "{hidden", late, server="nginx")

    assert "access.log:2: malformed: subject: the line has no" in printed.replace("\n", " ")
    assert UsageEvent.objects.count() == 1
    assert DeadLetter.objects.count() == 3
    assert not DeadLetter.objects.filter(raw__contains="hidden").exists()


def test_what_a_line_must_tell_must_be_mapped(ingest):
    with pytest.raises(CommandError, match="Say where the time is"):
        ingest(NGINX, map=["id=request_id"])
