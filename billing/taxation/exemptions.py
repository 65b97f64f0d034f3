"""Certificates that free customers from tax: granted for a time, revoked, never rewritten."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from billing.models import Exemption, TaxCode, TaxEvidence
from billing.taxation import evidence
from ledger import inputs
from ledger.errors import ConflictError, InvalidInputError, NotFoundError
from ledger.integrity import taken
from ledger.models import Customer


class ExemptionRevokedError(ConflictError):
    """The certificate was revoked already."""

    code = "exemption_revoked"


def grant(
    *,
    customer: Customer,
    jurisdiction: str,
    certificate: str,
    valid_from: date,
    at: datetime,
    valid_to: date | None = None,
    tax_codes: Sequence[str] = (),
    document: bytes = b"",
    cause: str = "",
) -> Exemption:
    """
    Free a customer from a jurisdiction's tax for what is sold under some codes, or for all.

    Of the certificate's file its SHA-256 is kept.

    Raises:
        InvalidInputError: a malformed place, certificate or period.
        NotFoundError: a tax code that the book does not have.
        AlreadyExistsError: the certificate is known and has not been revoked.
    """
    if valid_to is not None and valid_to <= valid_from:
        raise InvalidInputError(field="valid_to", value=valid_to, remedy="end it after valid_from")
    known = set(
        TaxCode.objects.filter(book_id=customer.book_id, key__in=tax_codes).values_list(
            "key", flat=True
        )
    )
    if missing := sorted(set(tax_codes) - known):
        raise NotFoundError(tax_code=missing[0])
    exempt = Exemption(
        customer=customer,
        jurisdiction=inputs.slug("jurisdiction", jurisdiction.strip().upper(), longest=40),
        tax_codes=sorted(known),
        certificate=inputs.name("certificate", certificate, longest=100),
        document_sha256=hashlib.sha256(document).hexdigest() if document else "",
        valid_from=valid_from,
        valid_to=valid_to,
        created_at=at,
    )
    with transaction.atomic(), taken(certificate=certificate):
        exempt.save(force_insert=True)
        evidence.record(
            customer=customer,
            kind=TaxEvidence.Kind.CERTIFICATE,
            answer={"certificate": exempt.certificate, "jurisdiction": exempt.jurisdiction},
            cause=cause,
            at=at,
        )
    return exempt


def revoke(*, exemption: Exemption, at: datetime) -> Exemption:
    """
    Let a certificate free from nothing that is drafted from now on.

    Raises:
        ExemptionRevokedError: it was revoked already.
    """
    if not Exemption.objects.filter(pk=exemption.pk, revoked_at=None).update(revoked_at=at):
        raise ExemptionRevokedError(certificate=exemption.certificate)
    exemption.revoked_at = at
    return exemption
