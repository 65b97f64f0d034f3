"""What a document refers to by id or key: features, tax codes, its currency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import Q

from billing.models import Feature, TaxCode
from billing.plans import documents
from billing.plans.documents import Document
from billing.rating.problems import Problem
from ledger import registry
from ledger.errors import InvalidInputError
from ledger.models import Asset, Book

Reference = Mapping[str, str]
T = TypeVar("T", Feature, TaxCode)


@dataclass
class Found:
    """What a document's references stand for."""

    asset: Asset
    features: dict[str, Feature] = field(default_factory=dict)  # by id and by key
    tax_codes: dict[str, TaxCode] = field(default_factory=dict)

    def feature(self, reference: Reference | None) -> Feature | None:
        """Return the feature that a rate card names."""
        return None if reference is None else self.features[_name(reference)]

    def tax_config(self, config: Mapping[str, Any] | None) -> Document | None:
        """Return a rate card's tax configuration with its code's id and key."""
        if config is None:
            return None
        code = self.tax_codes[_name(config["code"])]
        return {**config, "code": {"id": str(code.pk), "key": code.key}}


def find(book: Book, document: Mapping[str, Any]) -> Found:
    """
    Find all that a document in its full form refers to.

    Raises:
        InvalidDraftError: something is not there, with all that is missing.
    """
    problems: list[Problem] = []
    found = Found(asset=_asset(document["currency"], problems))
    cards = list(_cards(document))
    named = [(path, card["feature"]) for path, card in cards if card["feature"]]
    features = Feature.objects.filter(_named(ref for _, ref in named), book=book)
    found.features = _index(features)
    _check(named, found.features, "feature", "feature", problems)
    configs = [(path, card["tax_config"]["code"]) for path, card in cards if card["tax_config"]]
    codes = TaxCode.objects.filter(_named(ref for _, ref in configs), book=book)
    found.tax_codes = _index(codes)
    _check(configs, found.tax_codes, "tax_config.code", "tax code", problems)
    documents.refuse(problems)
    return found


def _asset(code: str, problems: list[Problem]) -> Asset:
    asset = Asset.objects.filter(code=code).first()
    if asset is None:
        try:
            return registry.currency(code=code)
        except InvalidInputError as error:
            message = "Name a currency of ISO 4217, or the code of an asset."
            problems.append(
                Problem("unknown_currency", "currency", message, {"value": error.value})
            )
            return Asset()
    return asset


def _cards(document: Mapping[str, Any]) -> Iterator[tuple[str, Document]]:
    """Yield each rate card with its path."""
    for number, phase in enumerate(document.get("phases", ())):
        for place, card in enumerate(phase["rate_cards"]):
            yield f"phases[{number}].rate_cards[{place}]", card
    for place, card in enumerate(document.get("rate_cards", ())):
        yield f"rate_cards[{place}]", card


def _name(reference: Reference) -> str:
    return f"id:{int(reference['id'])}" if "id" in reference else reference["key"]


def _named(references: Iterable[Reference]) -> Q:
    listed = list(references)
    ids = {int(reference["id"]) for reference in listed if "id" in reference}
    return Q(pk__in=ids) | Q(key__in={ref["key"] for ref in listed if "key" in ref})


def _index(rows: Iterable[T]) -> dict[str, T]:
    found = {row.key: row for row in rows}
    return found | {f"id:{row.pk}": row for row in found.values()}


def _check(
    named: Iterable[tuple[str, Reference]],
    known: Mapping[str, Feature] | Mapping[str, TaxCode],
    field_: str,
    kind: str,
    problems: list[Problem],
) -> None:
    for path, reference in named:
        found = known.get(_name(reference))
        value = reference.get("key") or reference.get("id")
        if found is None:
            code, message = f"unknown_{kind.replace(' ', '_')}", f"The book has no such {kind}."
        elif reference.get("key", found.key) != found.key:
            code, message = "id_and_key_differ", f"That id is the {kind} {found.key}'s."
        else:
            continue
        problems.append(Problem(code, f"{path}.{field_}", message, {"value": value}))
