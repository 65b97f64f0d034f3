"""Accounts, what they hold, and their statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import balances, statements
from ledger.api import lookups, pages
from ledger.api import serializers as s
from ledger.api.fields import Amount, Id, Instant, PageQuery, listing
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.api.serializers_journal import StatementQuery
from ledger.errors import InvalidInputError
from ledger.models import Account

_EVER: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC))


class Accounts(Resource):
    """GET /accounts"""

    @operation(
        "list-accounts",
        summary="List accounts",
        tag="Accounts",
        query=s.AccountQuery,
        answer=listing(s.AccountOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.AccountQuery)
        accounts = lookups.accounts(self.caller).select_related("asset")
        if named := asked.get("customer"):
            accounts = accounts.filter(customer=lookups.customer(self.caller, named))
        if purpose := asked.get("purpose"):
            accounts = accounts.filter(purpose=purpose)
        if code := asked.get("asset"):
            accounts = accounts.filter(asset__code=code)
        return self.page(s.AccountOut, *pages.page(accounts, asked))


class OneAccount(Resource):
    """GET /accounts/{account}"""

    @operation(
        "get-account",
        summary="Get an account",
        tag="Accounts",
        path=["account"],
        answer=s.AccountOut,
    )
    def get(self, request: Request, account: str) -> Response:
        return self.answer(s.AccountOut, lookups.account(self.caller, account))


class AccountBalance(Resource):
    """GET /accounts/{account}/balance"""

    @operation(
        "get-account-balance",
        summary="Get what an account holds, now or as of an instant",
        tag="Accounts",
        path=["account"],
        query=s.AsOfQuery,
        answer=s.BalanceOut,
    )
    def get(self, request: Request, account: str) -> Response:
        found = lookups.account(self.caller, account)
        return self.answer(s.BalanceOut, _held([found], self.asked(s.AsOfQuery))[0])


class CustomerBalancesQuery(PageQuery, s.AsOfQuery):
    """Which of a customer's accounts, and when."""

    purpose = serializers.CharField(required=False, max_length=50)
    asset = serializers.CharField(required=False, max_length=100)


class CustomerBalancesOut(s.BalancesOut):
    """A page of what a customer's accounts hold."""

    next = serializers.CharField(allow_null=True)

    example = {**s.BalancesOut.example, "next": None}


class CustomerBalances(Resource):
    """GET /customers/{customer}/balances"""

    @operation(
        "get-customer-balances",
        summary="Get what a customer's accounts hold, now or as of an instant",
        tag="Customers",
        path=["customer"],
        query=CustomerBalancesQuery,
        answer=CustomerBalancesOut,
    )
    def get(self, request: Request, customer: str) -> Response:
        owner = lookups.customer(self.caller, customer)
        asked = self.asked(CustomerBalancesQuery)
        accounts = Account.objects.filter(customer=owner).select_related("asset")
        if purpose := asked.get("purpose"):
            accounts = accounts.filter(purpose=purpose)
        if code := asked.get("asset"):
            accounts = accounts.filter(asset__code=code)
        rows, following = pages.page(accounts, asked)
        written = {
            "customer_id": owner.pk,
            "as_of": asked.get("as_of"),
            "posted_as_of": asked.get("posted_as_of"),
            "retrieved_at": self.now,
            "balances": _held(rows, asked),
            "next": following,
        }
        return self.answer(CustomerBalancesOut, written)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """An account's balance, ready to be written."""

    account_id: int
    purpose: str
    asset: str
    discriminator: str
    settled: Decimal
    held: Decimal | None
    available: Decimal | None
    debits: Decimal
    credits: Decimal


def _held(accounts: Sequence[Account], asked: dict[str, Any]) -> list[_Held]:
    numbers = [account.pk for account in accounts]
    effective_at, posted_at = asked.get("as_of"), asked.get("posted_as_of")
    found: dict[int, Any]
    if effective_at is None and posted_at is None:
        found = dict(balances.now(numbers))
    else:
        found = dict(
            balances.as_of(account_ids=numbers, effective_at=effective_at, posted_at=posted_at)
        )
    return [
        _Held(
            account_id=account.pk,
            purpose=account.purpose,
            asset=account.asset.code,
            discriminator=account.discriminator,
            settled=(it := found[account.pk]).settled,
            held=getattr(it, "held", None),
            available=getattr(it, "available", None),
            debits=it.debits,
            credits=it.credits,
        )
        for account in accounts
    ]


class LineOut(serializers.Serializer[Any]):
    """A line of a statement; `amount` and `balance` as the account holds its asset."""

    transaction_id = Id()
    entry_id = Id(allow_null=True, help_text="Null where a line stands for all of a transaction.")
    kind = serializers.CharField()
    key = serializers.CharField()
    memo = serializers.CharField()
    effective_at = Instant()
    posted_at = Instant()
    counter_account_id = Id(source="counter_account.pk", default=None, allow_null=True)
    debit = Amount()
    credit = Amount()
    amount = Amount()
    balance = Amount()

    example = {
        "transaction_id": "152206408237056000",
        "entry_id": "152206408237056001",
        "kind": "grant",
        "key": "grant:31",
        "memo": "Welcome credit",
        "effective_at": "2026-03-01T12:00:00Z",
        "posted_at": "2026-03-01T12:00:00.123Z",
        "counter_account_id": "281479271677953",
        "debit": "0",
        "credit": "100",
        "amount": "100",
        "balance": "100",
    }


class StatementOut(serializers.Serializer[Any]):
    """A page of a statement, oldest line first."""

    account_id = Id()
    asset = serializers.CharField()
    opening = Amount(help_text="Before the first line of this page.")
    closing = Amount(help_text="After its last line.")
    data = LineOut(many=True)  # type: ignore[assignment]  # over DRF's own
    next = serializers.CharField(allow_null=True)

    example = {
        "account_id": "4611967493404098561",
        "asset": "USD",
        "opening": "0",
        "closing": "100",
        "data": [LineOut.example],
        "next": None,
    }


class AccountStatement(Resource):
    """GET /accounts/{account}/statement"""

    @operation(
        "get-account-statement",
        summary="Get an account's lines with its running balance",
        description="By when things happened; for the book's own accounts by when they were"
        " recorded, a line per transaction.",
        tag="Accounts",
        path=["account"],
        query=StatementQuery,
        answer=StatementOut,
    )
    def get(self, request: Request, account: str) -> Response:
        asked = self.asked(StatementQuery)
        found = lookups.by_id(
            lookups.accounts(self.caller).select_related("asset", "balance"), account, "account"
        )
        starts_at = asked.get("starts_at", _EVER[0])
        ends_at = asked.get("ends_at", _EVER[1])
        if starts_at >= ends_at:
            raise InvalidInputError(
                field="ends_at", value=ends_at.isoformat(), remedy="name a time after starts_at"
            )
        page = statements.statement(
            account=found,
            starts_at=starts_at,
            ends_at=ends_at,
            cursor=asked.get("page[after]"),
            limit=pages.size_of(asked),
        )
        written = {
            "account_id": found.pk,
            "asset": found.asset.code,
            "opening": page.opening,
            "closing": page.closing,
            "data": page.lines,
            "next": page.cursor,
        }
        return self.answer(StatementOut, written)
