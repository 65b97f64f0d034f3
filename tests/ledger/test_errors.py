"""Errors tell a person what happened and a program what to do."""

import pickle
from decimal import Decimal

import pytest

from ledger import errors


def kinds(root: type[errors.DomainError]) -> list[type[errors.DomainError]]:
    below = [kind for kind in root.__subclasses__() if kind.__module__ == errors.__name__]
    return [root, *(found for kind in below for found in kinds(kind))]


@pytest.mark.parametrize("kind", kinds(errors.DomainError), ids=lambda kind: kind.__name__)
def test_each_error_has_its_own_code_and_a_sentence(kind):
    assert "code" in vars(kind)
    assert sum(other.code == kind.code for other in kinds(errors.DomainError)) == 1
    assert kind.__doc__.strip().split("\n")[0].endswith(".")


def test_the_drawn_tree_names_every_error():
    assert all(kind.__name__ in errors.__doc__ for kind in kinds(errors.DomainError))


def test_a_message_carries_the_facts():
    error = errors.InsufficientBalanceError(account=7, available="3.50")

    assert str(error) == (
        "An account would fall below its lower bound. (account: 7, available: 3.50)"
    )
    assert error.facts == {"account": 7, "available": "3.50"}


def test_a_message_writes_amounts_as_people_do():
    error = errors.InsufficientBalanceError(account=7, available=Decimal("99.880000000000"))

    assert str(error).endswith("(account: 7, available: 99.88)")


def test_invalid_input_names_field_value_and_remedy():
    error = errors.InvalidInputError(field="amount", value="x" * 500, remedy="send a number")

    assert str(error).startswith("amount is 'xxx")
    assert str(error).endswith("…: send a number")
    assert len(str(error)) < 120


@pytest.mark.parametrize(
    "error",
    [
        errors.AlreadyReversedError(transaction=9),
        errors.InvalidInputError(field="key", value=None, remedy="send text"),
    ],
)
def test_an_error_survives_a_task_queue(error):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(copy) is type(error)
    assert str(copy) == str(error)
