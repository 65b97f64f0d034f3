"""The figures on the first page; each package adds its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from django.db import connection
from django.db.models import QuerySet
from django.utils.safestring import SafeString

_MOST_COUNTED: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One thing worth a glance: tones are good, warn, bad or none."""

    label: str
    value: str | SafeString
    url: str = ""
    tone: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Some figures, for those who may see what they are about."""

    permission: str
    figures: Callable[[], Iterable[Figure]]


PANELS: Final[list[Panel]] = []


def register(*, permission: str, figures: Callable[[], Iterable[Figure]]) -> None:
    """Put figures on the first page."""
    PANELS.append(Panel(permission=permission, figures=figures))


def about(queryset: QuerySet) -> str:  # type: ignore[type-arg]
    """Count up to a thousand: beyond, the first page need not know."""
    sql, parameters = queryset.order_by().values("pk")[: _MOST_COUNTED + 1].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({sql}) AS found", parameters)  # noqa: S608
        count = cursor.fetchone()[0]
    return f"{count:,}" if count <= _MOST_COUNTED else f"more than {_MOST_COUNTED:,}"
