"""Logs are structured, and hold no secrets."""

import io
import json
import logging

import pytest
import structlog

from ledger.config import logs


@pytest.fixture
def written():
    """Return what is logged as JSON meanwhile."""
    logs.configure(style="json", level="INFO")
    stream = io.StringIO()
    handler = logging.getLogger().handlers[-1]
    handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logs.configure(style="console", level="INFO")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "hunter2"),
        ("db_password", "hunter2"),
        ("Authorization", "Bearer hunter2"),
        ("api_key", "hunter2"),
        ("url", "postgresql://me:hunter2@db/books"),
        ("header", "Authorization: Bearer hunter2"),
        ("note", "with mb_live_hunter2 it works"),
        ("note", "signed with whsec_hunter2+/=="),
        ("nested", {"deep": [{"secret": "hunter2"}]}),
    ],
)
def test_secrets_are_hidden(written, name, value):
    structlog.get_logger("tests").info("something", **{name: value})

    (line,) = written()
    assert "hunter2" not in json.dumps(line)
    assert name in line


def test_ordinary_facts_stay(written):
    structlog.get_logger("tests").info("posted", key="usage:1", tokens_used=7, keyboard="de")

    (line,) = written()
    assert (line["key"], line["keyboard"]) == ("usage:1", "de")


def test_libraries_logs_are_structured_too(written):
    logging.getLogger("some.library").warning("to %s", "amqp://me:hunter2@mq")

    (line,) = written()
    assert (line["event"], line["level"]) == ("to amqp://me:[hidden]@mq", "warning")


def test_error_carries_its_traceback(written):
    try:
        int("it broke")
    except ValueError:
        structlog.get_logger("tests").exception("failed")

    (line,) = written()
    assert "it broke" in line["exception"]
