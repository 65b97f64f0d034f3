"""VAT numbers in the admin: asked about at VIES, now."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.utils.timezone import now

from billing.admin import taxes
from billing.models import TaxId
from integrations.tax import vies
from ledger import clocks
from ledger.admin.base import cause_of
from ledger.admin.operations import Done, Operation

_LEVELS: Final = {"valid": messages.SUCCESS, "invalid": messages.ERROR}


def _verify(request: HttpRequest, row: TaxId, given: dict[str, Any]) -> Done:
    at = clocks.now_of(row.customer, now())
    found = vies.verify_now(tax_id=row, at=at, cause=cause_of(request))
    said = f"{found}: {found.get_status_display()}."
    return Done(message=said, row=found, level=_LEVELS.get(found.status, messages.WARNING))


def _may_be_asked(row: TaxId) -> bool:
    return bool(settings.METERBOOK_VIES) and vies.is_askable(row)


taxes.extend(
    operations=[
        Operation(
            name="verify",
            label="Verify now",
            explanation="VIES, the EU's register, is asked about it; what it answers is kept as"
            " evidence, and drafts are taxed by it from then on.",
            permission="billing.change_taxid",
            run=_verify,
            applies=_may_be_asked,
        )
    ]
)
