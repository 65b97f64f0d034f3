"""Charges of a customer's own whose time has come: looked at once, in order, whoever asks."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from billing.charging import adjusting, oneoffs, own
from billing.metering.snapshot import Snapshot
from billing.models import Charge


def settle(*, charge: Charge, until: datetime, catalogue: Snapshot, wait: bool = True) -> bool:
    """
    Post what a waiting charge owes by now; false: nothing is due, or somebody else is at it.

    Again, late, or by several at once, it changes nothing more.
    """
    with transaction.atomic():
        if not own.lock(charge.customer_id, wait=wait):
            return False
        rows = Charge.objects.select_related("asset", "accrual")
        found = rows.filter(pk=charge.pk, scheduled_at__lte=until).first()
        if found is None:
            return False
        if found.kind == Charge.Kind.ONE_OFF:
            oneoffs.settle(found, catalogue=catalogue, at=until)
        else:
            adjusting.follow(found, catalogue=catalogue, at=until)
        return True
