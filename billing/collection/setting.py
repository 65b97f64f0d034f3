"""What is set by hand: profiles of collection, buyers and sellers as documents name them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from billing.invoicing.documents import logos
from billing.invoicing.materials import Profile
from billing.models import CollectionProfile, Party, Supplier, TaxCode
from billing.taxation import ids as tax_ids
from ledger import durations, inputs
from ledger.errors import InvalidInputError
from ledger.models import Book, Customer
from ledger.money import exact, text

_ADDRESS: Final = frozenset({"line1", "line2", "postal_code", "city", "region", "country"})
_CONTACT: Final = frozenset({"name", "email", "phone"})
_ACCOUNT: Final = frozenset({"iban", "bic", "holder", "currency"})
_BRAND: Final = ("colour", "footer", "logo")
_COLOUR: Final = re.compile(r"#([0-9a-fA-F]{3}){1,2}")
_LONGEST_FOOTER: Final = 300
_NOT_IN_ADDRESSES: Final = ',;<>()"'  # of mail: what would make several of one
_LONGEST_GRACE: Final = timedelta(days=31)
_COUNTRY: Final = 2
_KEPT: Final = frozenset({"id", "version", "customer_id"})


def set_profile(
    *, book: Book, customer: Customer | None, at: datetime, cause: str = "", **terms: Any
) -> CollectionProfile:
    """
    Say how a customer's invoices are put together (no customer: the book's), all of it.

    What is not given is as ``Profile`` has it. A change is a new version; the same terms again
    change nothing. Drafts follow when they are drafted again; what is issued stays.

    Raises:
        InvalidInputError: a term that cannot be; a payer, a beneficiary or a customer of another
            book, a payer that has others pay for it, or one whose own profile names this customer.
        PrecisionError: an amount is finer or larger than the ledger keeps.
    """
    wanted = _checked(book, customer, terms)
    with transaction.atomic():
        Book.objects.select_for_update(no_key=True).get(pk=book.pk)
        _check_payer(customer, wanted.get("payer"))
        mine = CollectionProfile.objects.filter(book=book, customer=customer)
        held = mine.filter(effective_to=None).first()
        if held is not None and _terms_of(held) == _terms_of(CollectionProfile(**wanted)):
            return held
        if held is not None:
            held.effective_to = max(at, held.effective_from)
            held.save(update_fields=["effective_to"])
        return CollectionProfile.objects.create(
            book=book,
            customer=customer,
            version=held.version + 1 if held is not None else mine.count() + 1,
            effective_from=at,
            cause=cause,
            **wanted,
        )


def end_profile(*, book: Book, customer: Customer | None, at: datetime) -> None:
    """End a customer's own profile: its parent's counts, then the book's. Again changes nothing."""
    mine = CollectionProfile.objects.filter(book=book, customer=customer, effective_to=None)
    with transaction.atomic():
        for held in mine.select_for_update():
            held.effective_to = max(at, held.effective_from)
            held.save(update_fields=["effective_to"])


def set_party(*, customer: Customer, at: datetime, **said: Any) -> Party:
    """
    Say how documents name a customer, all of it: what is not given is empty.

    Raises:
        InvalidInputError: an address or another field that cannot be read, a malformed tax id.
    """
    known: dict[str, Any] = {
        "legal_name": _name("legal_name", said.get("legal_name", ""), 256),
        "address": _document("address", said.get("address") or {}, _ADDRESS),
        "emails": [_email(one) for one in said.get("emails") or []],
        "locale": _name("locale", said.get("locale", ""), 20),
        "is_business": bool(said.get("is_business", True)),
        "tax_ids": tax_ids.normal("tax_ids", said.get("tax_ids") or {}),
        "contact": _name("contact", said.get("contact", ""), 256),
        "endpoint": _name("endpoint", said.get("endpoint", ""), 256),
    }
    _check_country(known["address"])
    with transaction.atomic():
        Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        held = Party.objects.filter(customer=customer).values_list("tax_ids", flat=True).first()
        party, _ = Party.objects.update_or_create(
            customer=customer, defaults={**known, "updated_at": at}
        )
        tax_ids.follow(customer=customer, before=held or {}, now=party.tax_ids, at=at)
    return party


def set_supplier(*, book: Book, at: datetime, **said: Any) -> Supplier:
    """
    Say how documents name a book, all of it: what is not given is empty.

    Raises:
        InvalidInputError: an address or another field that cannot be read, an unknown tax code, a
            malformed tax id.
    """
    accounts = said.get("bank_accounts") or []
    known: dict[str, Any] = {
        "legal_name": _name("legal_name", said.get("legal_name", ""), 256),
        "address": _document("address", said.get("address") or {}, _ADDRESS),
        "tax_ids": tax_ids.normal("tax_ids", said.get("tax_ids") or {}),
        "registration": _name("registration", said.get("registration", ""), 256),
        "contact": _document("contact", said.get("contact") or {}, _CONTACT),
        "endpoint": _name("endpoint", said.get("endpoint", ""), 256),
        "default_tax_code": _tax_code(book, said.get("default_tax_code", "")),
        "bank_accounts": [_document("bank_accounts", one, _ACCOUNT) for one in accounts],
        "brand": _brand(said.get("brand") or {}),
        "invoice_note": str(said.get("invoice_note", "")),
        "may_void": bool(said.get("may_void", True)),
    }
    _check_country(known["address"])
    supplier, _ = Supplier.objects.update_or_create(book=book, defaults={**known, "updated_at": at})
    return supplier


# --- What a profile's terms may be -------------------------------------------------------


def _checked(book: Book, customer: Customer | None, terms: Mapping[str, Any]) -> dict[str, Any]:
    known = {field.name for field in fields(Profile)} - _KEPT
    names = (known - {"payer_id", "beneficiary_id"}) | {"payer", "beneficiary"}
    if unknown := sorted(set(terms) - names):
        remedy = f"use some of {', '.join(sorted(names))}"
        raise InvalidInputError(field=unknown[0], value=str(terms[unknown[0]]), remedy=remedy)
    for field in ("payer", "beneficiary"):
        _check_book(book, field, terms.get(field))
    _check_book(book, "customer", customer)
    found = {
        name: _CHECKS[name](name, value) if name in _CHECKS else value
        for name, value in terms.items()
    }
    if found.get("alignment") == "anchored" and found.get("anchor") is None:
        remedy = "name an instant that collecting counts from"
        raise InvalidInputError(field="anchor", value=None, remedy=remedy)
    return found


_CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "alignment": CollectionProfile.Alignment.values,
    "group_by": CollectionProfile.Grouping.values,
    "below_minimum": CollectionProfile.BelowMinimum.values,
    "approval": CollectionProfile.Approval.values,
    "corrections": CollectionProfile.Corrections.values,
    "paid_credit": CollectionProfile.PaidCredit.values,
    "zero_invoices": CollectionProfile.ZeroInvoices.values,
    "collection": CollectionProfile.Collection.values,
}


def _choice(field: str, value: str) -> str:
    return inputs.choice(field, value, _CHOICES[field])


def _duration(field: str, value: str) -> str:
    return str(durations.parse(field, value))


def _perhaps_duration(field: str, value: str) -> str:
    return _duration(field, value) if value else ""


def _grace(field: str, value: timedelta) -> timedelta:
    if not timedelta(0) <= value <= _LONGEST_GRACE:
        remedy = f"send 0 to {_LONGEST_GRACE.days} days"
        raise InvalidInputError(field=field, value=str(value), remedy=remedy)
    return value


def _amount(field: str, value: Decimal) -> Decimal:
    if exact(value) < 0:
        raise InvalidInputError(field=field, value=text(value), remedy="send 0 or more")
    return value


def _threshold(field: str, value: Decimal | None) -> Decimal | None:
    if value is not None and exact(value) <= 0:
        raise InvalidInputError(field=field, value=text(value), remedy="send more than 0")
    return value


def _months(field: str, value: int) -> int:
    if not 0 <= value <= 120:  # noqa: PLR2004 - ten years
        raise InvalidInputError(field=field, value=str(value), remedy="send 0 to 120")
    return value


def _short(field: str, value: str) -> str:
    return _name(field, value, 200)


_CHECKS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    **dict.fromkeys(_CHOICES, _choice),
    "cadence": _duration,
    "payment_terms": _perhaps_duration,
    "progressive_cadence": _perhaps_duration,
    "grace": _grace,
    "auto_delay": _grace,
    "minimum": _amount,
    "threshold": _threshold,
    "most_carried_months": _months,
    "purchase_order": _short,
    "cost_centre": _short,
    "series_key": lambda field, value: inputs.key(field, value, longest=40),
}


def _terms_of(profile: CollectionProfile) -> dict[str, Any]:
    return {
        field.name: getattr(profile, field.name)
        for field in fields(Profile)
        if field.name not in _KEPT
    }


def _check_book(book: Book, field: str, customer: Customer | None) -> None:
    if customer is not None and customer.book_id != book.pk:
        remedy = "name a customer of the same book"
        raise InvalidInputError(field=field, value=customer.key, remedy=remedy)


def _check_payer(customer: Customer | None, payer: Customer | None) -> None:
    """Check that whoever pays for others pays for itself: nobody's debt goes around."""
    if payer is not None:
        own = CollectionProfile.objects.filter(customer=payer, effective_to=None).first()
        if own is not None and own.payer_id not in (None, payer.pk):
            remedy = f"{payer.key} has another customer pay for it: name that one"
            raise InvalidInputError(field="payer", value=payer.key, remedy=remedy)
    if customer is not None and payer is not None and payer.pk != customer.pk:
        paid_for = CollectionProfile.objects.filter(payer=customer, effective_to=None)
        if first := paid_for.exclude(customer=customer).select_related("customer").first():
            whose = first.customer.key if first.customer is not None else "the book"
            remedy = f"{customer.key} pays for {whose}: have {payer.key} pay for that, first"
            raise InvalidInputError(field="payer", value=payer.key, remedy=remedy)


# --- What documents say ------------------------------------------------------------------


def _name(field: str, value: str, longest: int) -> str:
    return inputs.name(field, str(value), longest=longest, may_be_empty=True)


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(field=field, value=str(value), remedy="send text")
    return value


def _document(field: str, value: Mapping[str, Any], names: frozenset[str]) -> dict[str, str]:
    if unknown := sorted(set(value) - names):
        remedy = f"use some of {', '.join(sorted(names))}"
        raise InvalidInputError(field=f"{field}.{unknown[0]}", value="", remedy=remedy)
    return {
        name: _name(f"{field}.{name}", _text(f"{field}.{name}", said), 256)
        for name, said in value.items()
        if said not in ("", None)
    }


def _brand(value: Mapping[str, Any]) -> dict[str, str]:
    """Read how documents look, with what they cannot show refused."""
    if unknown := sorted(set(value) - set(_BRAND)):
        remedy = f"use some of {', '.join(_BRAND)}"
        raise InvalidInputError(field=f"brand.{unknown[0]}", value="", remedy=remedy)
    found = {
        name: _text(f"brand.{name}", said) for name, said in value.items() if said not in ("", None)
    }
    for name, said in found.items():
        if remedy := _unshown(name, said):
            raise InvalidInputError(field=f"brand.{name}", value=said[:40], remedy=remedy)
    return found


def _unshown(name: str, said: str) -> str:
    """Return what to do about a part of a brand that cannot be; nothing if it can."""
    if name == "logo":
        return logos.problem(said)
    if name == "colour":
        return "" if _COLOUR.fullmatch(said) else "write it like #0055aa"
    return f"send at most {_LONGEST_FOOTER} characters" if len(said) > _LONGEST_FOOTER else ""


def _check_country(address: Mapping[str, str]) -> None:
    country = address.get("country", "")
    if country and not (
        len(country) == _COUNTRY and country.isascii() and country.isalpha() and country.isupper()
    ):
        remedy = "send two capital letters (ISO 3166-1), for example DE"
        raise InvalidInputError(field="address.country", value=country, remedy=remedy)


def _email(value: str) -> str:
    name, at, domain = value.rpartition("@")
    is_one = bool(at and name and "." in domain) and not set(_NOT_IN_ADDRESSES) & set(value)
    if not is_one or "@" in name or not value.isprintable() or " " in value:
        raise InvalidInputError(field="emails", value=value, remedy="send an address like a@b.c")
    return value


def _tax_code(book: Book, key: str) -> str:
    if key and not TaxCode.objects.filter(book=book, key=key).exists():
        remedy = "name a tax code of the book"
        raise InvalidInputError(field="default_tax_code", value=key, remedy=remedy)
    return key
