"""Receipts for credit that was bought: what was paid for it, when, and by which payment."""

from __future__ import annotations

import hashlib
from datetime import datetime
from zoneinfo import ZoneInfo

from billing import collection
from billing.invoicing import pending
from billing.invoicing.documents import content, pdf
from billing.invoicing.documents.receipt import PrintedReceipt
from billing.invoicing.documents.storing import File
from billing.invoicing.documents.wording import wording
from billing.models import CollectionProfile, Supplier
from ledger.errors import ConflictError
from wallets.models import TopUp


class NotPaidError(ConflictError):
    """No money has come for the top-up: there is nothing to receipt."""

    code = "top_up_not_paid"


def receipt(*, top_up: TopUp, language: str = "", at: datetime) -> File:
    """
    Return a receipt for a top-up as PDF, in the customer's language or another; it is not kept.

    It is no tax invoice: it states no tax, and posts nothing.

    Raises:
        NotPaidError: the top-up was never settled.
    """
    if top_up.settled_at is None:
        raise NotPaidError(top_up=top_up.key, state=top_up.state)
    customer = top_up.wallet.customer
    party = pending.parties([customer.pk])[customer.pk]
    brand = Supplier.objects.filter(pk=customer.book_id).values_list("brand", flat=True).first()
    rendered = pdf.render_receipt(
        _printed(top_up, party, top_up.settled_at),
        brand=brand or {},
        language=wording(language or str(party.get("locale") or "")).language,
        at=at,
    )
    plain = "".join(each if each.isalnum() or each in "-_." else "-" for each in top_up.key)
    return File(
        name=f"receipt-{plain}.pdf",
        media="application/pdf",
        content=rendered.content,
        sha256=hashlib.sha256(rendered.content).hexdigest(),
        problems=rendered.problems,
    )


def _printed(top_up: TopUp, party: pending.Document, settled_at: datetime) -> PrintedReceipt:
    customer, asset, money = top_up.wallet.customer, top_up.wallet.asset, top_up.currency
    book = customer.book
    profile = collection.profiles_of(book=book, customer_ids=[customer.pk])[customer.pk]
    return PrintedReceipt(
        seller=content.party_of(pending.supplier(book), book.key),
        buyer=content.party_of(party, customer.key),
        buyer_key=customer.key,
        number=top_up.key,
        payment=top_up.payment_key or "",
        paid_on=settled_at.astimezone(ZoneInfo(book.time_zone)).date(),
        credit=top_up.amount,
        credit_unit=asset.code,
        price=top_up.price,
        given_back=top_up.money_back,
        currency=money.code,
        exponent=content.exponent_of(money.code, money.scale),
        is_taxed_when_used=profile.paid_credit == CollectionProfile.PaidCredit.AS_PAYMENT,
    )
