"""What a caller asks to be set aside (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Final, NamedTuple

from ledger.errors import InvalidInputError
from ledger.metadata import canonical
from ledger.money import ZERO, exact, text

LONGEST: Final = timedelta(hours=24)
USUAL: Final = timedelta(hours=1)
MAX_KEY: Final = 255
MAX_FEATURE: Final = 200
MAX_PURPOSE: Final = 2000


class Credit(NamedTuple):
    """How far a customer may owe on account when its own credit is gone."""

    may_owe: bool = True
    limit: Decimal | None = None  # None: without limit, or as the account says


ON_ACCOUNT: Final = Credit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One amount to be set aside for a customer, under the caller's key."""

    book_id: int
    customer_id: int
    asset_id: int
    scale: int  # of the asset
    key: str
    amount: Decimal
    at: datetime  # the customer's time
    is_on_clock: bool = False  # the customer lives by a test clock
    expires_in: timedelta = USUAL
    feature_key: str = ""
    purpose: str = ""
    credit: Credit = ON_ACCOUNT
    metadata: Mapping[str, object] = field(default_factory=dict)
    budget_ids: tuple[int, ...] = ()
    refused_for: str = ""  # a reason to deny it, whatever credit there is
    short_of: str = "credit_exhausted"  # the reason to deny it if there is not that much
    content: bytes | None = None  # what makes it the same order, if not the amount

    @property
    def expires_at(self) -> datetime:
        """Return the first instant at which nothing is set aside any more."""
        return self.at + self.expires_in

    @property
    def fingerprint(self) -> bytes:
        """Return what makes two orders under one key the same; the clock is left out."""
        content = text(self.amount) if self.content is None else self.content.hex()
        lines = (
            f"1|{self.book_id}|{self.customer_id}|{self.asset_id}|{content}",
            f"{self.expires_in.total_seconds()}",
            self.feature_key.encode().hex(),
        )
        return sha256("\n".join(lines).encode()).digest()

    def check(self) -> None:
        """
        Hold an order to the rules that need no database.

        Raises:
            InvalidInputError: an amount not above zero, an unusable key, a time out of bounds.
            PrecisionError: the amount is finer than the asset is kept.
        """
        if not exact(self.amount, self.scale) > ZERO:
            raise _refused("amount", self.amount, "set aside more than zero")
        if not self.key or "\0" in self.key or len(self.key) > MAX_KEY:
            raise _refused("key", self.key, f"choose a key of 1 to {MAX_KEY} characters")
        if len(self.feature_key) > MAX_FEATURE or "\0" in self.feature_key:
            raise _refused("feature", self.feature_key, f"use at most {MAX_FEATURE} characters")
        if len(self.purpose) > MAX_PURPOSE or "\0" in self.purpose:
            raise _refused("purpose", self.purpose, f"use at most {MAX_PURPOSE} characters")
        check_expiry(self.expires_in)
        canonical(self.metadata)


def check_expiry(expires_in: timedelta) -> None:
    """
    Hold a time to what holds may last.

    Raises:
        InvalidInputError: no time at all, or more than a day.
    """
    if not timedelta(0) < expires_in <= LONGEST:
        remedy = f"use more than 0 and at most {LONGEST.total_seconds():.0f} seconds"
        raise _refused("expires_in", expires_in.total_seconds(), remedy)


def _refused(field_: str, value: object, remedy: str) -> InvalidInputError:
    return InvalidInputError(field=field_, value=value, remedy=remedy)
