"""
Errors the ledger raises on purpose.

    DomainError                      anything a caller may handle; every package extends it
    ├── InvalidInputError            a field cannot be read as what it must be
    ├── NotFoundError                nothing is known under that name
    ├── InvariantError               the request would break an accounting rule
    │   ├── AssetMismatchError       a move joins accounts that hold different assets
    │   ├── BookMismatchError        a move joins accounts of different books
    │   ├── EmptyMoveError           a move moves nothing, or moves it nowhere
    │   ├── EmptyTransactionError    a transaction without a move
    │   ├── InsufficientBalanceError an account would fall below its lower bound
    │   ├── OutOfBalanceError        debits and credits of an asset differ: the books are damaged
    │   ├── PeriodClosedError        the books are closed at that instant
    │   ├── PrecisionError           an amount is finer or larger than the ledger keeps
    │   └── ReversalExceedsError     more would be reversed than was posted
    ├── ConflictError                the request collides with something already recorded
    │   ├── AlreadyExistsError       the name is taken
    │   ├── AlreadyReversedError     a transaction is reversed once
    │   ├── IdempotencyConflictError the key already stands for something else
    │   └── PeriodStateError         the period is not in a state that allows it
    ├── ExhaustedError               there is less left than is asked for: it has to be paid for
    ├── ForeignHistoryError          the journal was written by another database cluster
    └── TransientError               nothing was recorded; the same call may be retried as is

A bug is not a DomainError: let it propagate.
"""

from decimal import Decimal
from typing import ClassVar, Final

_SHOWN: Final = 80  # characters of a refused value


class DomainError(Exception):
    """Something a caller can understand and act on."""

    code: ClassVar[str] = "domain_error"

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.code, facts)

    @property
    def detail(self) -> str:
        """What went wrong, for a person, without the facts of this case."""
        words = (type(self).__doc__ or self.code).strip().split("\n\n")[0]
        return " ".join(words.split())

    def __str__(self) -> str:
        if not self.facts:
            return self.detail
        facts = ", ".join(f"{name}: {shown(value)}" for name, value in self.facts.items())
        return f"{self.detail} ({facts})"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.facts)  # keyword arguments survive a task queue


def shown(fact: object) -> str:
    """
    Write a fact for people; amounts without the places that the database gives them.

    >>> [shown(fact) for fact in (Decimal("99.880000000000"), Decimal("0E-12"), Decimal(40), "x")]
    ['99.88', '0', '40', 'x']
    """
    if not isinstance(fact, Decimal):
        return str(fact)
    written = format(fact, "f")
    return written.rstrip("0").rstrip(".") if "." in written else written


def _rebuild(kind: type[DomainError], facts: dict[str, object]) -> DomainError:
    return kind(**facts)


class InvalidInputError(DomainError):
    """
    A field cannot be read as what it must be.

    ``remedy`` tells the caller what to send instead.
    """

    code = "invalid_input"

    def __init__(self, *, field: str, value: object, remedy: str, **facts: object) -> None:
        super().__init__(field=field, value=value, remedy=remedy, **facts)
        self.field, self.value, self.remedy = field, value, remedy

    def __str__(self) -> str:
        shown = repr(self.value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        return f"{self.field} is {shown}: {self.remedy}"


class NotFoundError(DomainError):
    """Nothing is known under that name."""

    code = "not_found"


class InvariantError(DomainError):
    """The request would break an accounting rule."""

    code = "invariant_violated"


class AssetMismatchError(InvariantError):
    """A move joins accounts that hold different assets."""

    code = "asset_mismatch"


class BookMismatchError(InvariantError):
    """A move joins accounts of different books."""

    code = "book_mismatch"


class EmptyMoveError(InvariantError):
    """A move must take an amount above zero from one account to another."""

    code = "empty_move"


class EmptyTransactionError(InvariantError):
    """A transaction needs at least one move."""

    code = "empty_transaction"


class InsufficientBalanceError(InvariantError):
    """An account would fall below its lower bound."""

    code = "insufficient_balance"


class OutOfBalanceError(InvariantError):
    """Debits and credits of an asset differ: run ``manage.py verify_ledger``."""

    code = "out_of_balance"


class PeriodClosedError(InvariantError):
    """The books are closed at that instant; post into an open period instead."""

    code = "period_closed"


class PrecisionError(InvariantError):
    """An amount is finer or larger than the ledger keeps."""

    code = "precision_exceeded"


class ReversalExceedsError(InvariantError):
    """More would be reversed than was posted."""

    code = "reversal_exceeds"


class ConflictError(DomainError):
    """The request collides with something already recorded."""

    code = "conflict"


class AlreadyExistsError(ConflictError):
    """That name is taken; choose another, or use what has it."""

    code = "already_exists"


class AlreadyReversedError(ConflictError):
    """A transaction can be reversed only once."""

    code = "already_reversed"


class IdempotencyConflictError(ConflictError):
    """The key already stands for something else."""

    code = "idempotency_conflict"


class PeriodStateError(ConflictError):
    """The period is not in a state that allows this."""

    code = "period_state"


class ExhaustedError(DomainError):
    """There is less left than is asked for."""

    code = "exhausted"


class ForeignHistoryError(DomainError):
    """
    The journal carries transaction ids this cluster has not reached: it was loaded from a dump.

    Restore a physical backup instead (``manage.py restore``), or stop the server and move its
    counter past ``newest_xid`` with ``pg_resetwal --epoch --next-transaction-id``.
    """

    code = "foreign_history"


class TransientError(DomainError):
    """Nothing was recorded; the same call may be retried as it is."""

    code = "try_again"
