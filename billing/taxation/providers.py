"""
Other ways to decide about tax: an engine of somebody else's, in place of the rules of this book.

An engine decides; amounts are rounded here, as for all documents. It is told what was issued,
credited and void by webhooks, like anybody (``invoice.issued``, …). The setting ``TAX_PROVIDER``
names a class by its dotted name; none: ``billing.tax.rules``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from billing.tax import rules
from billing.tax.facts import Decision, Rates, Supply
from ledger.errors import TransientError


class ProviderUnavailableError(TransientError):
    """The tax provider does not answer; drafts say so and can be refreshed."""

    code = "tax_provider_unavailable"


@dataclass(frozen=True, slots=True)
class Supplied:
    """One kind of supply of a document, and what is charged for it before tax."""

    supply: Supply
    amount: Decimal
    code: str = ""  # the engine's own name for the supply's tax code


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxDocument:
    """What an engine is asked about: one document's supplies, of one payer in one currency."""

    payer_key: str
    currency: str
    supplies: tuple[Supplied, ...]


class TaxProvider(Protocol):
    """Decides about documents before they are issued."""

    @property
    def key(self) -> str:
        """Return the engine's name."""

    def quote(self, documents: Sequence[TaxDocument]) -> list[list[Decision]]:
        """
        Decide about each document's supplies, in their order; writes nothing anywhere.

        Raises:
            ProviderUnavailableError: there is no answer; ask again later.
        """


class OwnRules:
    """The rules and rates of the book itself: always there."""

    key = "own"

    def __init__(self, rates: Rates) -> None:
        self._rates = rates

    def quote(self, documents: Sequence[TaxDocument]) -> list[list[Decision]]:
        """Decide by the rules, each supply by itself."""
        return [
            [rules.decide(supplied.supply, self._rates) for supplied in document.supplies]
            for document in documents
        ]


def provider(rates: Rates) -> TaxProvider:
    """Return who decides about tax in this installation."""
    name = settings.TAX_PROVIDER
    return _foreign(name) if name else OwnRules(rates)


@lru_cache(maxsize=8)
def _foreign(name: str) -> TaxProvider:
    return cast("TaxProvider", import_string(name)())
