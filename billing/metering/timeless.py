"""When usage happened that came without a time: as it was received, in its customer's time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from billing.metering.snapshot import Snapshot
from billing.models import Subject


def clocks_of(catalogue: Snapshot, subjects: Collection[str]) -> dict[str, datetime]:
    """Return where test clocks stand, by those subjects whose customers live by one."""
    if not subjects or catalogue.latest_clock_at is None:
        return {}  # no book of real customers asks for them
    clocked = Subject.objects.filter(
        book=catalogue.book_id, key__in=subjects, customer__clock__isnull=False
    )
    return dict(clocked.values_list("key", "customer__clock__now_at"))
