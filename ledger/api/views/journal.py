"""Transactions and their entries, periods, the trial balance, and the seals."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from ledger import balances, closing, posting, sealing
from ledger.api import lookups, pages
from ledger.api import serializers_journal as s
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.ids import LINES, asset_of, first_id_at
from ledger.models import Asset, Entry, Period, Seal, Transaction

_READ_ONLY = frozenset({"GET", "HEAD"})


class Transactions(Resource):
    """GET /transactions"""

    whole_book = _READ_ONLY

    @operation(
        "list-transactions",
        summary="List transactions, newest first",
        tag="Journal",
        query=s.TransactionQuery,
        answer=listing(s.TransactionOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.TransactionQuery)
        rows = Transaction.objects.filter(book=self.caller.book, **_where(asked))
        return self.page(s.TransactionOut, *pages.page(rows, asked, newest_first=True))


def _where(asked: dict[str, Any]) -> dict[str, Any]:
    where = {
        "kind": asked.get("kind"),
        "key": asked.get("key"),
        "effective_at__gte": asked.get("effective_from"),
        "effective_at__lt": asked.get("effective_to"),
        "pk__gte": first_id_at(asked["posted_from"]) if "posted_from" in asked else None,
        "pk__lt": first_id_at(asked["posted_to"]) if "posted_to" in asked else None,
    }
    return {column: value for column, value in where.items() if value is not None}


class OneTransaction(Resource):
    """GET /transactions/{transaction}"""

    whole_book = _READ_ONLY

    @operation(
        "get-transaction",
        summary="Get a transaction",
        tag="Journal",
        path=["transaction"],
        answer=s.TransactionOut,
    )
    def get(self, request: Request, transaction: str) -> Response:
        return self.answer(s.TransactionOut, _transaction(self, transaction))


class TransactionEntries(Resource):
    """GET /transactions/{transaction}/entries"""

    whole_book = _READ_ONLY

    @operation(
        "list-transaction-entries",
        summary="List a transaction's entries, in order",
        tag="Journal",
        path=["transaction"],
        query=PageQuery,
        answer=listing(s.EntryOut),
    )
    def get(self, request: Request, transaction: str) -> Response:
        found = _transaction(self, transaction)
        asked = self.asked(PageQuery)
        entries = Entry.objects.filter(id__gt=found.pk, id__lt=found.pk + LINES)
        rows, following = pages.page(entries, asked)
        return self.page(s.EntryOut, rows, following, codes=asset_codes())


class TransactionReversal(Resource):
    """POST /transactions/{transaction}/reverse"""

    scopes = {"POST": "finance"}
    whole_book = frozenset({"POST"})

    @operation(
        "reverse-transaction",
        summary="Reverse a transaction, once, in full or in part",
        tag="Journal",
        path=["transaction"],
        body=s.ReversalIn,
        answer=s.TransactionOut,
        status=201,
    )
    @once(is_required=True)
    def post(self, request: Request, transaction: str) -> Response:
        found = _transaction(self, transaction)
        wanted = self.body(s.ReversalIn)
        amounts = {int(part["entry_id"]): part["amount"] for part in wanted.get("amounts", [])}
        reversal = posting.reverse(
            transaction=found,
            key=f"reversal:{request.headers['Idempotency-Key']}",
            effective_at=wanted.get("effective_at", self.now),
            amounts=amounts if "amounts" in wanted else None,
            memo=wanted["reason"],
            cause=self.caller.name,
        )
        return self.answer(s.TransactionOut, reversal, status=201)


class Periods(Resource):
    """GET /periods"""

    whole_book = _READ_ONLY

    @operation(
        "list-periods",
        summary="List accounting periods, newest first",
        tag="Periods",
        query=s.PeriodQuery,
        answer=listing(s.PeriodOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.PeriodQuery)
        rows = Period.objects.filter(book=self.caller.book)
        if state := asked.get("state"):
            rows = rows.filter(state=state)
        return self.page(s.PeriodOut, *pages.page(rows, asked, newest_first=True))


class OnePeriod(Resource):
    """GET /periods/{period}"""

    whole_book = _READ_ONLY

    @operation(
        "get-period", summary="Get a period", tag="Periods", path=["period"], answer=s.PeriodOut
    )
    def get(self, request: Request, period: str) -> Response:
        return self.answer(s.PeriodOut, find_period(self, period))


class PeriodBegin(Resource):
    """POST /periods/{period}/begin-close"""

    scopes = {"POST": "finance"}
    whole_book = frozenset({"POST"})

    @operation(
        "begin-period-close",
        summary="Let a period that has ended take adjustments only",
        tag="Periods",
        path=["period"],
        answer=s.PeriodOut,
    )
    @once()
    def post(self, request: Request, period: str) -> Response:
        found = find_period(self, period)
        return self.answer(s.PeriodOut, closing.begin(period=found, at=self.now))


class TrialBalance(Resource):
    """GET /trial-balance"""

    whole_book = _READ_ONLY

    @operation(
        "get-trial-balance",
        summary="Get a book's trial balance",
        description="Of a period: what was booked in it, on top of what came before. Otherwise of"
        " all that happened before an instant, or of everything.",
        tag="Journal",
        query=s.TrialBalanceQuery,
        answer=s.TrialBalanceOut,
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.TrialBalanceQuery)
        book = self.caller.book
        period = find_period(self, asked["period"]) if "period" in asked else None
        rows = balances.trial_balance(book=book, period=period, effective_at=asked.get("as_of"))
        written = {
            "book": book.key,
            "period_id": period and period.pk,
            "as_of": asked.get("as_of"),
            "rows": rows,
        }
        return self.answer(s.TrialBalanceOut, written)


class Verification(Resource):
    """GET /verification"""

    whole_book = _READ_ONLY

    @operation(
        "get-verification",
        summary="Get how far the journal is sealed, and the head of the chain",
        description="The chain is one over all books. `manage.py verify_ledger` recomputes it.",
        tag="Journal",
        answer=s.VerificationOut,
    )
    def get(self, request: Request) -> Response:
        written = {
            "head": Seal.objects.order_by("-seq").first(),
            "unsealed_seconds": sealing.lag(self.now).total_seconds(),
        }
        return self.answer(s.VerificationOut, written)


def find_period(view: Resource, text: str) -> Period:
    """Return a period of the caller's book."""
    return lookups.by_id(Period.objects.filter(book=view.caller.book), text, "period")


def _transaction(view: Resource, text: str) -> Transaction:
    return lookups.by_id(Transaction.objects.filter(book=view.caller.book), text, "transaction")


def asset_codes() -> Callable[[int], str]:
    """Return a function that names the asset of an account, by one query for all."""

    @cache
    def codes() -> dict[int, str]:
        return dict(Asset.objects.values_list("pk", "code"))

    return lambda account_id: codes()[asset_of(account_id)]
