"""Tell an honest repetition, written differently, from another event under the same id."""

from __future__ import annotations

import json
from decimal import Decimal

from billing.metering.facts import Fact
from billing.models import UnattributedEvent, UsageEvent


def is_repetition(*, fact: Fact, event_id: int) -> bool:
    """
    Say whether a fact says what the recorded event says.

    White space, the order of members and the spelling of a number (1.0, 1) do not matter. An
    event sent without a time repeats one that was given the time of its receipt.
    """
    recorded: UsageEvent | UnattributedEvent | None = (
        UsageEvent.objects.filter(pk=event_id).first()
        or UnattributedEvent.objects.filter(pk=event_id).first()
    )
    if recorded is None:
        return False
    if (recorded.type, recorded.subject) != (fact.type, fact.subject):
        return False
    happened = recorded.received_at if fact.occurred_at is None else fact.occurred_at
    return recorded.occurred_at == happened and _plain(recorded.data) == _plain(fact.data)


def _plain(value: object) -> object:
    match value:
        case dict():
            return {key: _plain(held) for key, held in value.items()}
        case list():
            return [_plain(held) for held in value]
        case bool() | None | str():
            return value
        case float():  # as Django's decoder read jsonb; its text is what was stored
            return Decimal(json.dumps(value))
        case int() | Decimal():
            return Decimal(value)
    return value
