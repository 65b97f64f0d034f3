"""Tax codes: what something is to the tax office. Rates belong to jurisdictions and dates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import transaction

from billing.models import TaxCode
from ledger import inputs
from ledger.integrity import taken
from ledger.metadata import canonical
from ledger.models import Book

_LONGEST_NAME: Final = 256
_LONGEST_TEXT: Final = 1024


def create(
    *,
    book: Book,
    key: str,
    name: str,
    at: datetime,
    description: str = "",
    classification: str = TaxCode.Classification.DIGITAL,
    provider_codes: Mapping[str, str] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> TaxCode:
    """
    Name a kind of goods or services that is taxed alike.

    Raises:
        InvalidInputError: a malformed key, name, description, classification or metadata.
        AlreadyExistsError: the book has a tax code with that key.
    """
    code = TaxCode(book=book, key=inputs.slug("key", key), created_at=at)
    _describe(code, name, description, metadata or {})
    code.classification = _classified(classification)
    code.provider_codes = _engines(provider_codes or {})
    with transaction.atomic(), taken(tax_code=key):
        code.save(force_insert=True)
    return code


def update(
    *,
    tax_code: TaxCode,
    name: str,
    description: str = "",
    classification: str = TaxCode.Classification.DIGITAL,
    provider_codes: Mapping[str, str] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> TaxCode:
    """
    Replace what is said of a tax code; its key stays, and it is never deleted.

    What has been issued stays as it was taxed; its ``classification`` decides about the next. What
    engines call it stays unless ``provider_codes`` are given.

    Raises:
        InvalidInputError: a malformed name, description, classification or metadata.
    """
    _describe(tax_code, name, description, metadata or {})
    tax_code.classification = _classified(classification)
    if provider_codes is not None:
        tax_code.provider_codes = _engines(provider_codes)
    changed = ["name", "description", "classification", "provider_codes", "metadata"]
    tax_code.save(update_fields=changed)
    return tax_code


def _engines(codes: Mapping[str, str]) -> dict[str, str]:
    return {
        inputs.slug("provider_codes", engine): inputs.name(f"provider_codes.{engine}", code)
        for engine, code in codes.items()
    }


def _classified(classification: str) -> str:
    return inputs.choice("classification", classification, TaxCode.Classification.values)


def _describe(code: TaxCode, name: str, description: str, metadata: Mapping[str, object]) -> None:
    code.name = inputs.name("name", name, longest=_LONGEST_NAME)
    code.description = inputs.name(
        "description", description, longest=_LONGEST_TEXT, may_be_empty=True
    )
    code.metadata = json.loads(canonical(metadata))
