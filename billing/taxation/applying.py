"""
Taxes of drafts: decided per payer and tax code, computed per document, given back to the lines.

What a draft's lines bear is written into the lines, its taxes and its totals; what was decided and
from which facts into ``tax_decision``; what is missing or doubtful into its problems, so that
nobody issues in good faith what the rules could not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings

from billing.invoicing.facts import Draft, Problem
from billing.models import Invoice
from billing.tax.facts import Decision, IdPolicy, Supply
from billing.taxation import filling, providers, reading
from billing.taxation.filling import COMPONENT
from billing.taxation.providers import ProviderUnavailableError, Supplied, TaxDocument
from billing.taxation.reading import NOBODY, USUAL, Known
from ledger.models import Asset, Book, Customer
from ledger.money import ZERO, add

_MOMENT: Final = timedelta(microseconds=1)


def tax(*, drafts: Sequence[Draft], book: Book, at: datetime) -> list[Draft]:
    """
    Fill in the taxes and totals of drafts of one book, in place, and return them.

    A constant number of statements, whatever the number of drafts. Again with the same facts it
    changes nothing. Corrections of issued lines bear the rate that these bore.

    What was supplied over periods that have ended bears the tax of the last day of these, and the
    draft's ``tax_date`` says so; anything else that of the day it is issued on.
    """
    if not drafts:
        return []
    known = reading.read(drafts=drafts, book=book)
    for draft in drafts:
        draft.problems = [each for each in draft.problems if each.component != COMPONENT]
    zone = ZoneInfo(book.time_zone)
    today = at.astimezone(zone).date()
    for draft in drafts:
        draft.tax_date = draft.tax_date or _tax_point(draft, at, zone)
    asked = [_supplies(draft, known, draft.tax_date or today) for draft in drafts]
    decided = _decide(drafts, asked, known)
    for draft, supplies, decisions in zip(drafts, asked, decided, strict=True):
        filling.fill(draft, supplies, decisions, known)
    return list(drafts)


def _tax_point(draft: Draft, at: datetime, zone: ZoneInfo) -> date | None:
    """Return the last day of what a draft is for, if all of that is over."""
    periods = [line.period for line in draft.lines if line.period is not None]
    if draft.kind == Invoice.Kind.CREDIT_NOTE or not periods or draft.is_progressive:
        return None
    ended = max(period.ends_at for period in periods)
    return None if ended > at else (ended - _MOMENT).astimezone(zone).date()


# --- What is asked -----------------------------------------------------------------------------


def _supplies(draft: Draft, known: Known, on: date) -> dict[str, Supply]:
    """Return what a draft sells, by tax code; lines that only give back are not asked about."""
    buyer = known.buyers.get(draft.payer_id, NOBODY)
    supplies: dict[str, Supply] = {}
    for line in draft.lines:
        line.tax_code = line.tax_code or known.default_code
        if line.tax_code in supplies or filling.gives_back(draft, line, known) is not None:
            continue
        supplies[line.tax_code] = Supply(
            seller=known.seller,
            buyer=buyer.place,
            buyer_is_business=buyer.is_business,
            buyer_tax_id=buyer.tax_id,
            classification=known.codes.get(line.tax_code, USUAL).classification,
            tax_code=line.tax_code,
            exemptions=buyer.exempt(on),
            at=on,
            policy=IdPolicy(settings.METERBOOK_TAX_IDS),
        )
    return supplies


# --- What is answered --------------------------------------------------------------------------


def _decide(
    drafts: Sequence[Draft], asked: Sequence[Mapping[str, Supply]], known: Known
) -> list[dict[str, Decision]]:
    engine = providers.provider(known.rates)
    own = providers.OwnRules(known.rates)
    is_own = engine.key == own.key
    documents = [
        _bare(supplies) if is_own else _document(draft, supplies, known, engine.key)
        for draft, supplies in zip(drafts, asked, strict=True)
    ]
    if not is_own:
        _name(drafts, documents)
    try:
        answers = engine.quote(documents)
    except ProviderUnavailableError:
        answers = own.quote(documents)
        for draft in drafts:
            _warn_of_silence(draft, engine.key)
    return [
        dict(zip(supplies, answer, strict=True))
        for supplies, answer in zip(asked, answers, strict=True)
    ]


def _bare(supplies: Mapping[str, Supply]) -> TaxDocument:
    """Ask our own rules, which look at nothing else."""
    parts = tuple(Supplied(supply, ZERO) for supply in supplies.values())
    return TaxDocument(payer_key="", currency="", supplies=parts)


def _document(
    draft: Draft, supplies: Mapping[str, Supply], known: Known, engine: str
) -> TaxDocument:
    amounts = dict.fromkeys(supplies, ZERO)
    for line in draft.lines:
        if line.tax_code in amounts:
            amounts[line.tax_code] = add(amounts[line.tax_code], filling.taxed_amount(draft, line))
    parts = tuple(
        Supplied(supply, amounts[code], known.codes.get(code, USUAL).names.get(engine, ""))
        for code, supply in supplies.items()
    )
    return TaxDocument(payer_key="", currency="", supplies=parts)


def _name(drafts: Sequence[Draft], documents: list[TaxDocument]) -> None:
    """Say to somebody else's engine whose documents these are, and in which currencies."""
    payers = dict(
        Customer.objects.filter(pk__in={draft.payer_id for draft in drafts}).values_list(
            "id", "key"
        )
    )
    codes = dict(
        Asset.objects.filter(pk__in={draft.asset_id for draft in drafts}).values_list("id", "code")
    )
    documents[:] = [
        TaxDocument(
            payer_key=payers[draft.payer_id],
            currency=codes[draft.asset_id],
            supplies=document.supplies,
        )
        for draft, document in zip(drafts, documents, strict=True)
    ]


def _warn_of_silence(draft: Draft, key: str) -> None:
    draft.problems.append(
        Problem(
            code=ProviderUnavailableError.code,
            component=COMPONENT,
            remedy=f"refresh the draft once {key} answers; it is taxed by the own rules so far",
            path="taxes",
            is_critical=True,
        )
    )
