"""Tell an honest repetition, written differently, from another event under the same id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import connection

from billing.metering import decode
from billing.metering.facts import Fact


def is_same(one: Fact, other: Fact) -> bool:
    """
    Say whether two events say the same.

    White space, the order of members, the spelling of a number (1.0, 1) and the zone that a time
    is written in do not matter.
    """
    return (one.type, one.subject, one.occurred_at) == (
        other.type,
        other.subject,
        other.occurred_at,
    ) and _plain(one.data) == _plain(other.data)


def repetitions(facts: Mapping[int, Fact]) -> set[int]:
    """
    Return which of these recorded events say what the facts beside their ids say. One query.

    An event sent without a time repeats one that was given the time of its receipt.
    """
    found = set()
    with connection.cursor() as cursor:
        cursor.execute(_RECORDED, [list(facts), list(facts)])
        for event_id, kind, subject, occurred_at, received_at, written in cursor.fetchall():
            if _says(facts[event_id], (kind, subject), occurred_at, received_at, written):
                found.add(event_id)
    return found


def _says(
    fact: Fact, named: tuple[str, str], occurred_at: datetime, received_at: datetime, written: str
) -> bool:
    happened = received_at if fact.occurred_at is None else fact.occurred_at
    return (fact.type, fact.subject, happened) == (*named, occurred_at) and _plain(
        fact.data
    ) == _plain(decode.payload(written.encode()))


def _plain(value: object) -> object:
    match value:
        case dict():
            return {key: _plain(held) for key, held in value.items()}
        case list():
            return [_plain(held) for held in value]
        case bool():
            return (value,)  # true is not 1
        case int():
            return Decimal(value)
    return value


# As text: a decoder of JSON would make floats of the numbers.
_RECORDED: Final = """
    SELECT id, type, subject, occurred_at, received_at, data::text
    FROM billing_usageevent WHERE id = ANY(%s)
    UNION ALL
    SELECT id, type, subject, occurred_at, received_at, data::text
    FROM billing_unattributedevent WHERE id = ANY(%s)
"""
