"""
Why a plan or an add-on is refused (pure).

    InvalidInputError
    └── InvalidDraftError       a document that cannot be kept, not even as a draft
    InvariantError
    └── UnpublishableError      a draft that breaks rules of the catalogue
    ConflictError
    ├── PublishedError          what is published does not change
    ├── NoDraftError            there is no draft to do this with
    └── DraftExistsError        there is a draft already
"""

from __future__ import annotations

from collections.abc import Sequence

from billing.rating.problems import Problem
from ledger.errors import ConflictError, InvalidInputError, InvariantError


class InvalidDraftError(InvalidInputError):
    """
    A document cannot be kept, not even as a draft.

    ``problems`` has all that is wrong; the error itself names the first.
    """

    code = "invalid_document"

    def __init__(self, *, problems: Sequence[Problem], **_facts: object) -> None:
        first = problems[0]
        super().__init__(
            field=first.field,
            value=first.attributes.get("value", ""),
            remedy=first.message,
            problems=tuple(problems),
        )
        self.problems = tuple(problems)


class UnpublishableError(InvariantError):
    """
    The draft breaks rules of the catalogue; mend what ``errors`` lists, then publish it.

    ``problems`` has all of them.
    """

    code = "not_publishable"

    def __init__(self, *, problems: Sequence[Problem], **facts: object) -> None:
        super().__init__(problems=tuple(problems), **facts)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        first, *others = self.problems
        more = f" (and {len(others)} more)" if others else ""
        return f"{first.field}: {first.message}{more}"


class PublishedError(ConflictError):
    """What is published does not change; make a new version."""

    code = "version_published"


class NoDraftError(ConflictError):
    """There is no draft; make the next version first."""

    code = "no_draft"


class DraftExistsError(ConflictError):
    """There is a draft already; replace, publish or discard it."""

    code = "draft_exists"
