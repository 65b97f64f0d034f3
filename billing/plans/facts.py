"""What the rules of the catalogue look at, and where they note what is broken (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from billing.rating.problems import Problem
from ledger.money import SCALE


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterFacts:
    """How a feature's usage is counted."""

    key: str
    scale: int
    dimensions: tuple[str, ...]
    aggregation: str
    is_archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFacts:
    """A feature as prices see it."""

    key: str
    meter: MeterFacts | None = None
    is_archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a document refers to: its currency, and the features it names, by key."""

    currency_kind: str
    currency: str = ""
    base_currency: str = ""  # the book's, in which costs are
    kept: int = SCALE  # places that the ledger keeps of the currency
    features: Mapping[str, FeatureFacts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rules:
    """Collects the rules that are broken, below a path."""

    problems: list[Problem] = field(default_factory=list)
    path: str = ""

    def below(self, path: str) -> Rules:
        """Return a collector into the same list, for what is below a path."""
        return replace(self, path=path)

    def refuse(self, code: str, field_: str, message: str, **attributes: object) -> None:
        """Note a rule that is broken."""
        self.add([Problem(code, field_, message, attributes)])

    def add(self, found: Iterable[Problem]) -> None:
        """Note what was found below the path."""
        for problem in found:
            path = f"{self.path}.{problem.field}".strip(".")
            self.problems.append(replace(problem, field=path))
