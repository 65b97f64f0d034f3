"""
Where a credit note goes: it is set off, becomes unapplied cash, is paid back, or becomes credit.

What is set off posts nothing: note and document meet on the payer's receivable.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import connection, transaction
from django.db.models import F, Q

from billing.models import Allocation, Invoice, Unapplied
from billing.payments import allocating, locking, policies, refunds, writing
from billing.payments.policies import Share
from billing.payments.writing import Accounts, Part
from ledger.integrity import refusals
from ledger.models import Customer
from ledger.money import ZERO
from ledger.sweeps import Sweep
from wallets import grants
from wallets.models import CreditGrant, Wallet

Kind = Allocation.Kind
Disposition = Invoice.Disposition
CLEARING: Final = "rail_clearing"  # as of what is sold: grants come from there


def settle(note: Invoice, *, payer: Customer, by: str, at: datetime) -> None:
    """Set a note off against what it corrects; its rest goes where it says. All is locked."""
    note = locking.documents([note.pk])[note.pk]
    if note.corrects_id is not None and note.open:
        owed = locking.documents([note.corrects_id])
        set_off(note, owed[note.corrects_id], payer=payer, by=by, at=at)
        note.refresh_from_db()
    if note.open and note.disposition in {Disposition.REFUND, Disposition.CREDIT_BALANCE}:
        money = to_balance(note, payer=payer, by=by, at=at)
        if note.disposition == Disposition.REFUND:
            refunds.refund(
                source=money, reason=note.reason or f"Credit note {note.number}", by=by,
                key=f"credit_note:{note.pk}", at=at,
            )  # fmt: skip


def set_off(note: Invoice, invoice: Invoice, *, payer: Customer, by: str, at: datetime) -> None:
    """Set a note off against a document as far as that is open, or was written off."""
    invoice.refresh_from_db()
    amount = min(note.open, locking.as_open(invoice).payable)
    if amount > ZERO and invoice.state not in locking.NOT_PAYABLE:
        allocating.give(
            source=note, shares=[Share(invoice.pk, amount)], owed={invoice.pk: invoice},
            payer=payer, policy=Allocation.Policy.REFERENCE, by=by, at=at,
        )  # fmt: skip


def to_balance(note: Invoice, *, payer: Customer, by: str, at: datetime) -> Unapplied:
    """Make unapplied cash of what a note leaves to be given."""
    amount: Decimal = note.open
    money = Unapplied.objects.create(
        book_id=note.book_id,
        payer=payer,
        asset_id=note.asset_id,
        note=note,
        amount=amount,
        made_at=at,
    )
    part = Part(kind=Kind.BALANCE, amount=amount, source_id=money.pk, note_id=note.pk)
    writing.write(
        [part],
        payer=payer,
        asset_id=note.asset_id,
        kind="allocation",
        posting_key=f"credit_note:{note.pk}:{money.pk}",
        cause=by,
        at=at,
        memo=note.number,
    )
    return money


def to_wallet(*, note: Invoice, wallet: Wallet, by: str, at: datetime) -> CreditGrant | None:
    """
    Make credit of a wallet of the unapplied cash that a note became; again changes nothing.

    The credit is paid for, so it was taxed as the note says: it is no revenue before it is used.
    """
    key = f"credit-note-{note.number}"
    with refusals(), transaction.atomic():
        payer = locking.payer(note.payer_id)
        money = Unapplied.objects.select_related("asset").filter(note=note).first()
        if money is None:
            return None
        amount = allocating.left_of(money)
        if amount:
            accounts = Accounts(payer, money.asset_id, at)
            part = Part(
                kind=Kind.WALLET, amount=amount, source_id=money.pk,
                legs=[accounts.leg("unapplied_cash", CLEARING, amount)],
            )  # fmt: skip
            writing.write(
                [part],
                payer=payer,
                asset_id=money.asset_id,
                kind="allocation",
                posting_key=f"credit_note:{note.pk}:wallet",
                cause=by,
                at=at,
                memo=note.number,
            )
            grants.issue(
                wallet=wallet, key=key, amount=amount, at=at,
                name=f"Credit note {note.number}", reason=note.reason,
            )  # fmt: skip
    return CreditGrant.objects.filter(wallet=wallet, key=key).first()


def set_off_all(*, at: datetime) -> Sweep:
    """
    Set open credit notes off against what their payers owe, and give them unapplied cash.

    By each payer's own time. Safe to run twice, late, or concurrently.
    """
    swept = Sweep()
    with connection.cursor() as cursor:
        cursor.execute(_PAYERS, {"at": at})
        found = cursor.fetchall()
    for payer_id, now in found:
        with swept.each(payer_id):
            swept.done += set_off_open(payer_id=payer_id, by="set-off", at=now)
    return swept


def set_off_open(*, payer_id: int, by: str, at: datetime) -> int:
    """
    Set a payer's open credit notes off against what it owes, and give it its unapplied cash.

    The oldest due first, the document that a note corrects before all; not what waits for
    somebody to allocate it. Returns how many documents were given something.
    """
    done = 0
    with refusals(), transaction.atomic():
        payer = locking.payer(payer_id)
        for asset_id in _assets(payer_id):
            owed = locking.owed_by(payer_id, asset_id)
            notes = Invoice.objects.filter(payer=payer_id, asset=asset_id, open__gt=0)
            notes = notes.filter(kind=Invoice.Kind.CREDIT_NOTE).exclude(number="")
            for note in locking.documents(notes.values_list("pk", flat=True)).values():
                if note.corrects_id in owed:
                    set_off(note, owed[note.corrects_id], payer=payer, by=by, at=at)
                done += _give_rest(note, payer, by, at)
            moneys = Unapplied.objects.filter(payer=payer_id, asset=asset_id, waits=False)
            moneys = moneys.exclude(amount=F("applied") + F("returned"))
            for money in moneys.select_related("asset", "payment", "note").order_by("pk"):
                done += _give_rest(money, payer, by, at)
    return done


def _assets(payer_id: int) -> list[int]:
    owed = Invoice.objects.filter(Q(open__gt=0) | Q(written_off__gt=0), payer=payer_id)
    owed = owed.exclude(kind="credit_note").exclude(number="")
    return sorted(set(owed.values_list("asset_id", flat=True)))


def _give_rest(source: allocating.Source, payer: Customer, by: str, at: datetime) -> int:
    source.refresh_from_db()
    left = allocating.left_of(source)
    owed = locking.owed_by(payer.pk, source.asset_id)
    shares = policies.oldest_first(left, [locking.as_open(one) for one in owed.values()])
    if not shares:
        return 0
    allocating.give(
        source=source, shares=shares, owed=owed, payer=payer,
        policy=Allocation.Policy.OLDEST, by=by, at=at,
    )  # fmt: skip
    return len(shares)


_PAYERS: Final = """
    SELECT c.id, coalesce(k.now_at, %(at)s)
    FROM (SELECT payer_id, asset_id FROM billing_unapplied
          WHERE amount <> applied + returned AND NOT waits
          UNION SELECT payer_id, asset_id FROM billing_invoice
          WHERE open > 0 AND kind = 'credit_note' AND number <> '') l
    JOIN ledger_customer c ON c.id = l.payer_id LEFT JOIN ledger_testclock k ON k.id = c.clock_id
    WHERE EXISTS (SELECT FROM billing_invoice i
                  WHERE i.payer_id = l.payer_id AND i.asset_id = l.asset_id AND i.open > 0
                    AND i.kind <> 'credit_note' AND i.number <> '')
    GROUP BY c.id, k.now_at ORDER BY c.id
"""
