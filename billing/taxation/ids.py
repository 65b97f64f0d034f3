"""Tax ids of customers: entered, looked at for their form, and ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from billing.models import TaxEvidence, TaxId
from billing.tax import ids
from billing.taxation import evidence
from ledger import inputs
from ledger.errors import ConflictError, InvalidInputError
from ledger.models import Customer


class TaxIdEndedError(ConflictError):
    """The tax id was ended; enter it again if it holds."""

    code = "tax_id_ended"


def enter(*, customer: Customer, kind: str, number: str, at: datetime, cause: str = "") -> TaxId:
    """
    Enter a customer's tax id, in place of the one of its type so far.

    An id whose form or check digits are wrong is refused, except of type ``other``, which nothing
    here can check. The same number again changes nothing.

    Raises:
        InvalidInputError: a type that is not known, or a number that is not well formed.
    """
    checked = _checked("number", kind, number)
    with transaction.atomic():
        Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        held = TaxId.objects.filter(customer=customer, type=kind, ended_at=None).first()
        if held is not None and held.number == checked.number:
            return held
        if held is not None:
            held.ended_at = at
            held.save(update_fields=["ended_at"])
        return _entered(customer, kind, checked, at, cause)


def normal(field: str, numbers: Mapping[str, object]) -> dict[str, str]:
    """
    Return numbers by their type in the form they are kept in.

    Raises:
        InvalidInputError: a type that is not known, or a number that is not well formed.
    """
    return {
        kind: _checked(f"{field}.{kind}", kind, str(number)).number
        for kind, number in numbers.items()
        if number
    }


def follow(
    *, customer: Customer, before: Mapping[str, str], now: Mapping[str, str], at: datetime
) -> None:
    """Enter the ids that stand with an address, and end those that did and no longer do."""
    for kind, number in now.items():
        enter(customer=customer, kind=kind, number=number, at=at, cause="billing party")
    gone = [kind for kind in before if kind not in now]
    TaxId.objects.filter(customer=customer, type__in=gone, ended_at=None).update(ended_at=at)


def _checked(field: str, kind: str, number: str) -> ids.Checked:
    inputs.choice("type", kind, ids.TYPES)
    inputs.key(field, number, longest=40)
    checked = ids.check(kind, number)
    if not checked.is_well_formed and kind != ids.OTHER:
        remedy = f"correct it: as {kind} its form or its check digits are wrong"
        raise InvalidInputError(field=field, value=number, remedy=remedy)
    return checked


def _entered(
    customer: Customer, kind: str, checked: ids.Checked, at: datetime, cause: str
) -> TaxId:
    entered = TaxId.objects.create(
        customer=customer,
        type=kind,
        number=checked.number,
        country=checked.country,
        is_well_formed=checked.is_well_formed,
        created_at=at,
    )
    evidence.record(
        customer=customer,
        tax_id=entered,
        kind=TaxEvidence.Kind.FORMAT,
        answer={"number": checked.number, "is_well_formed": checked.is_well_formed},
        cause=cause,
        at=at,
    )
    return entered


def end(*, tax_id: TaxId, at: datetime) -> TaxId:
    """
    Let a tax id hold no longer; what is known of it stays.

    Raises:
        TaxIdEndedError: it has ended already.
    """
    if not TaxId.objects.filter(pk=tax_id.pk, ended_at=None).update(ended_at=at):
        raise TaxIdEndedError(tax_id=tax_id.number)
    tax_id.ended_at = at
    return tax_id
