"""What is wrong with terms, and the error that carries all of it (pure)."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from ledger.errors import InvalidInputError


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One rule that a field breaks; shaped like Konnect's ProductCatalogValidationError."""

    code: str  # stable
    field: str  # a path, like price.tiers[2].up_to_amount
    message: str  # the rule, and what to send instead
    attributes: Mapping[str, object] = dataclasses.field(default_factory=dict)


def under(field: str, problems: Iterable[Problem]) -> list[Problem]:
    """
    Return problems of a part, their fields as paths from what has it.

    >>> [found.field for found in under("terms", [Problem("required", "price", "Send it.")])]
    ['terms.price']
    """
    return [dataclasses.replace(one, field=f"{field}.{one.field}".rstrip(".")) for one in problems]


class InvalidTermsError(InvalidInputError):
    """
    A price or what is around it breaks a rule.

    ``problems`` has all of them; the error itself names the first.

    >>> found = Problem("negative", "price.amount", "Send zero or more.", {"value": "-1"})
    >>> str(InvalidTermsError(problems=[found]))
    "price.amount is '-1': Send zero or more."
    """

    code = "invalid_terms"

    def __init__(self, *, problems: Sequence[Problem], **_facts: object) -> None:
        first = problems[0]
        value = first.attributes.get("value", "")
        super().__init__(
            field=first.field, value=value, remedy=first.message, problems=tuple(problems)
        )
        self.problems = tuple(problems)
