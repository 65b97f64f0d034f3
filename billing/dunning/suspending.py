"""Suspend a payer's access while it owes, and lift that; not what somebody else suspended."""

from __future__ import annotations

from datetime import datetime

from billing.dunning import telling
from billing.models import Dunning, DunningAct, Invoice
from ledger import registry
from ledger.models import Customer


def suspend(dunning: Dunning, payer: Customer) -> bool:
    """
    Suspend a payer on a document's account, for the caller to save; false: others did before.

    A payer is suspended as long as any of its documents asks for that.
    """
    others = Dunning.objects.filter(invoice__payer=payer, is_suspended=True)
    if not payer.is_active and not others.exists():
        return False
    dunning.is_suspended = True
    if payer.is_active:
        registry.update_customer(customer=payer, is_active=False)
    return True


def lift(dunning: Dunning, invoice: Invoice, payer: Customer, *, by: str, at: datetime) -> bool:
    """Lift what a document suspended, for the caller to save, unless another still asks for it."""
    if not dunning.is_suspended:
        return False
    dunning.is_suspended = False
    others = Dunning.objects.filter(invoice__payer=payer, is_suspended=True)
    if others.exclude(pk=dunning.pk).exists():
        return False
    registry.update_customer(customer=payer, is_active=True)
    act = DunningAct.objects.create(dunning=dunning, act=DunningAct.Act.RESUME, at=at, cause=by)
    telling.tell(act, invoice, payer, at=at)
    return True
