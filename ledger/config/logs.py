"""
Structured logs: JSON for machines, lines for people, secrets for nobody.

Everything that is logged passes here, through structlog or the standard library.
"""

import logging.config
import re
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_SECRET_NAME = re.compile(
    r"(?:^|[_-])(?:passw(?:or)?d|secret|token|api[_-]?key|authorization|cookie|credential)",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
    r"(?P<start>://[^\s:/@]*:)[^\s@]+(?=@)"  # the password in an address
    r"|(?P<scheme>\b(?:Bearer|Basic)\s+)[\w.~+/=-]+"
    r"|(?P<key>\bmb_(?:live|test)_)\w+"  # our own API keys
    r"|(?P<signing>\bwhsec_)[\w+/=]+",  # secrets of webhooks
    re.IGNORECASE,
)
_HIDDEN = "[hidden]"


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """
    Take secrets out of an event, by the name of a field and by the look of a text.

    >>> hide_secrets(None, "info", {"event": "to amqp://me:s3cret@mq/", "api_key": "x"})
    {'event': 'to amqp://me:[hidden]@mq/', 'api_key': '[hidden]'}
    """
    return {name: _hidden(name, value) for name, value in event.items()}


def _hidden(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name):
        return _HIDDEN
    if isinstance(value, str):
        return _SECRET_TEXT.sub(_replacement, value)
    if isinstance(value, dict):
        return {key: _hidden(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", inner) for inner in value]
    return value


def _replacement(match: re.Match[str]) -> str:
    kept = match["start"] or match["scheme"] or match["key"] or match["signing"]
    return f"{kept}{_HIDDEN}"


def configure(*, style: str, level: str) -> None:
    """Send all logs to standard error, in one style."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(_standard(style, level, shared))


def _standard(style: str, level: str, shared: list[Processor]) -> dict[str, Any]:
    is_json = style == "json"
    ending: list[Processor] = (
        [structlog.processors.format_exc_info, hide_secrets, structlog.processors.JSONRenderer()]
        if is_json
        else [hide_secrets, structlog.dev.ConsoleRenderer(colors=False)]
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "main": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *ending,
                ],
            }
        },
        "handlers": {"main": {"class": "logging.StreamHandler", "formatter": "main"}},
        "root": {"handlers": ["main"], "level": level},
        "loggers": {
            # Our own line about each request says more.
            "django.request": {"level": "ERROR"},
            "django.server": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.worker.consumer.connection": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "pgmq": {"level": "WARNING"},
            "psycopg.pool": {"level": "WARNING"},
        },
    }
