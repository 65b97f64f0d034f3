"""What the database refuses, in the words of the domain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from django.db import DataError, IntegrityError, OperationalError
from psycopg.errors import UniqueViolation

from ledger.errors import (
    AlreadyExistsError,
    AlreadyReversedError,
    AssetMismatchError,
    ConflictError,
    DomainError,
    InsufficientBalanceError,
    NotFoundError,
    PeriodClosedError,
    PrecisionError,
    TransientError,
)

_ERRORS: Final[dict[str, type[DomainError]]] = {
    "ledger_balance_floor": InsufficientBalanceError,
    "ledger_entry_same_book_and_asset": AssetMismatchError,
    "ledger_entry_account": NotFoundError,
    "ledger_transaction_period_open": PeriodClosedError,
    "ledger_transaction_reverses_id_key": AlreadyReversedError,
    "ledger_receipt_pkey": ConflictError,
    # Ids come from the clock and a short sequence: in a very busy millisecond two may meet.
    "ledger_transaction_pkey": TransientError,
    "billing_usagebatch_pkey": TransientError,
    "billing_unattributedevent_pkey": TransientError,
}
# Nothing was written, and the same may work in a moment.
_PASSING: Final = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
)
_FAILING_ROW: Final = re.compile(r"Failing row contains \((\d+)")


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the database's refusals into domain errors; others pass through."""
    try:
        yield
    except (OperationalError, psycopg.OperationalError) as error:
        cause = error if isinstance(error, psycopg.Error) else error.__cause__
        if isinstance(cause, _PASSING):
            raise TransientError from error
        raise
    except (DataError, psycopg.DataError) as error:
        cause = error if isinstance(error, psycopg.Error) else error.__cause__
        if isinstance(cause, psycopg.errors.NumericValueOutOfRange):
            raise PrecisionError from error
        raise
    except (IntegrityError, psycopg.IntegrityError) as error:  # COPY raises the driver's own
        cause = error if isinstance(error, psycopg.Error) else error.__cause__
        if not isinstance(cause, psycopg.Error):
            raise
        kind = _ERRORS.get(cause.diag.constraint_name or "")
        if kind is None:
            raise
        row = _FAILING_ROW.search(cause.diag.message_detail or "")
        facts = {"account": row.group(1)} if row and kind is InsufficientBalanceError else {}
        raise kind(**facts) from error


@contextmanager
def taken(**facts: object) -> Iterator[None]:
    """Turn the refusal of a second row of the same name into AlreadyExistsError."""
    try:
        yield
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        raise AlreadyExistsError(**facts) from error
