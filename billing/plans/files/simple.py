"""Assets, tax codes, meters, features and coupons in a catalogue's document."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final

from billing import catalogue, coupons, features, taxcodes
from billing.models import (
    AddonVersion,
    Coupon,
    Feature,
    Meter,
    PlanVersion,
    RateCard,
    TaxCode,
)
from billing.plans.files.changes import Change
from billing.plans.files.sections import (
    FileForm,
    Row,
    WholeSection,
    archived,
    instant,
    instant_text,
    number,
)
from billing.rating.reading import Object
from ledger import registry
from ledger.errors import InvalidInputError
from ledger.models import Asset, Book
from ledger.money import text

_DIGITAL: Final = TaxCode.Classification.DIGITAL.value


def asset(code: str, field: str) -> Asset:
    """
    Return an asset; a currency of ISO 4217 is made if it is new.

    Raises:
        InvalidInputError: nothing has that code.
    """
    found = Asset.objects.filter(code=code).first()
    return found or registry.currency(code=code, field=field)


def meter(book: Book, key: str) -> Meter:
    """
    Return a meter of the book.

    Raises:
        InvalidInputError: it has none of that key.
    """
    found = Meter.objects.filter(book=book, key=key).select_related("unit").first()
    if found is None:
        remedy = "name a meter of the book or of this catalogue"
        raise InvalidInputError(field="meter", value=key, remedy=remedy)
    return found


def used_assets(book: Book) -> set[str]:
    """Return the codes of what a book's catalogue counts or prices in."""
    plans = PlanVersion.objects.filter(plan__book=book, plan__customer=None)
    coded = [
        Meter.objects.filter(book=book).values_list("unit__code", flat=True),
        RateCard.objects.filter(book=book).values_list("asset__code", flat=True),
        plans.values_list("asset__code", flat=True),
        AddonVersion.objects.filter(addon__book=book).values_list("asset__code", flat=True),
        Coupon.objects.filter(book=book).values_list("asset__code", flat=True),
    ]
    return {code for codes in coded for code in codes if code is not None}


class Assets(WholeSection):
    """What is counted and what prices are in; shared by all books."""

    name = "assets"
    kind = "asset"
    identity = "code"
    ignored = frozenset({"name"})

    def read(self, form: FileForm, held: Object, path: str) -> Row:
        form.fields(held, path, frozenset({"code", "name", "kind", "scale"}))
        return {
            "code": form.key(held, "code", path),
            "name": form.name(held, "name", path),
            "kind": form.choice(held, "kind", path, Asset.Kind.values),
            "scale": form.integer(held, "scale", path, 12),
        }

    def current(self, book: Book) -> dict[str, Row]:
        return {
            found.code: {
                "code": found.code,
                "name": found.name,
                "kind": found.kind,
                "scale": found.scale,
            }
            for found in Asset.objects.order_by("code")
        }

    def create(self, book: Book, row: Row, at: datetime) -> None:
        registry.create_asset(**row)


class TaxCodes(WholeSection):
    """How things are taxed."""

    name = "tax_codes"
    kind = "tax code"
    defaults = {"description": "", "metadata": {}, "classification": _DIGITAL}
    changeable = frozenset({"name", "description", "metadata", "classification"})

    def read(self, form: FileForm, held: Object, path: str) -> Row:
        names = frozenset({"key", "name", "description", "metadata", "classification"})
        form.fields(held, path, names)
        classification = held.get("classification", _DIGITAL)
        return {**form.title(held, path), "classification": classification}

    def current(self, book: Book) -> dict[str, Row]:
        rows = TaxCode.objects.filter(book=book).order_by("key")
        return {row.key: {**_title(row), "classification": row.classification} for row in rows}

    def create(self, book: Book, row: Row, at: datetime) -> None:
        taxcodes.create(book=book, at=at, **row)

    def change(self, book: Book, row: Row, at: datetime) -> None:
        wanted = {name: value for name, value in row.items() if name != "key"}
        taxcodes.update(tax_code=TaxCode.objects.get(book=book, key=row["key"]), **wanted)


class Meters(WholeSection):
    """How usage is counted."""

    name = "meters"
    kind = "meter"
    defaults = {
        "name": "",
        "value_property": "",
        "dimensions": {},
        "late_usage": "rerate",
        "archived_at": None,
    }
    changeable = frozenset({"name", "late_usage", "archived_at"})
    unsaid = frozenset({"archived_at"})
    fields: ClassVar[frozenset[str]] = frozenset(
        {
            "key",
            "name",
            "event_type",
            "aggregation",
            "value_property",
            "dimensions",
            "unit",
            "feature_key",
            "late_usage",
            "archived_at",
        }
    )

    def read(self, form: FileForm, held: Object, path: str) -> Row:
        form.fields(held, path, self.fields)
        key = form.key(held, "key", path)
        policies = Meter.LateUsage.values
        return {
            "key": key,
            "name": form.words(held, "name", path, longest=200),
            "event_type": form.words(held, "event_type", path, longest=200),
            "aggregation": form.choice(held, "aggregation", path, Meter.Aggregation.values),
            "value_property": form.words(held, "value_property", path, longest=400),
            "dimensions": form.texts(held, "dimensions", path),
            "unit": form.key(held, "unit", path),
            "feature_key": form.words(held, "feature_key", path, longest=200) or key,
            "late_usage": form.choice(
                {"late_usage": "rerate", **held}, "late_usage", path, policies
            ),
            "archived_at": form.instant(held, "archived_at", path),
        }

    def current(self, book: Book) -> dict[str, Row]:
        rows = Meter.objects.filter(book=book).select_related("unit").order_by("key")
        return {row.key: self._row(row) for row in rows}

    def _row(self, row: Meter) -> Row:
        return {
            "key": row.key,
            "name": row.name,
            "event_type": row.event_type,
            "aggregation": row.aggregation,
            "value_property": row.value_path,
            "dimensions": row.dimensions,
            "unit": row.unit.code,
            "feature_key": row.feature_key,
            "late_usage": row.late_usage,
            "archived_at": instant_text(row.archived_at),
        }

    def create(self, book: Book, row: Row, at: datetime) -> None:
        wanted = {name: value for name, value in row.items() if name != "archived_at"}
        wanted["value_path"] = wanted.pop("value_property")
        wanted["unit"] = asset(wanted["unit"], "unit")
        catalogue.create_meter(book=book, at=at, **wanted)

    def change(self, book: Book, row: Row, at: datetime) -> None:
        catalogue.change_meter(
            meter=meter(book, row["key"]), name=row["name"], late_usage=row["late_usage"]
        )

    def finish(self, book: Book, row: Row, path: str) -> list[Change]:
        at, found = instant(row["archived_at"]), meter(book, row["key"])
        if at is None or found.archived_at is not None:
            return []
        catalogue.archive_meter(meter=found, at=at)
        return [archived(self.kind, row)]


class Features(WholeSection):
    """What is sold."""

    name = "features"
    kind = "feature"
    defaults = {
        "description": "",
        "metadata": {},
        "meter": None,
        "filters": {},
        "unit_cost": None,
        "archived_at": None,
    }
    changeable = frozenset({"name", "description", "metadata", "unit_cost", "archived_at"})
    unsaid = frozenset({"archived_at"})

    def read(self, form: FileForm, held: Object, path: str) -> Row:
        form.fields(held, path, frozenset({"key", "name", *self.defaults}))
        cost = held.get("unit_cost")
        return form.title(held, path) | {
            "meter": form.key(held, "meter", path) if held.get("meter") is not None else None,
            "filters": form.json(held, "filters", path),
            "unit_cost": None if cost is None else form.terms(held, "unit_cost", path),
            "archived_at": form.instant(held, "archived_at", path),
        }

    def current(self, book: Book) -> dict[str, Row]:
        rows = Feature.objects.filter(book=book).select_related("meter").order_by("key")
        return {
            row.key: _title(row)
            | {
                "meter": row.meter.key if row.meter is not None else None,
                "filters": row.filters,
                "unit_cost": row.unit_cost,
                "archived_at": instant_text(row.archived_at),
            }
            for row in rows
        }

    def create(self, book: Book, row: Row, at: datetime) -> None:
        wanted = {name: value for name, value in row.items() if name != "archived_at"}
        if wanted["meter"] is not None:
            wanted["meter"] = meter(book, wanted["meter"])
        features.create(book=book, at=at, **wanted)

    def change(self, book: Book, row: Row, at: datetime) -> None:
        features.update(
            feature=Feature.objects.select_related("meter").get(book=book, key=row["key"]),
            name=row["name"],
            description=row["description"],
            metadata=row["metadata"],
            unit_cost=row["unit_cost"],
            removes_cost=row["unit_cost"] is None,
        )

    def finish(self, book: Book, row: Row, path: str) -> list[Change]:
        at, found = instant(row["archived_at"]), Feature.objects.get(book=book, key=row["key"])
        if at is None or found.archived_at is not None:
            return []
        features.archive(feature=found, at=at)
        return [archived(self.kind, row)]


class Coupons(WholeSection):
    """What may be redeemed."""

    name = "coupons"
    kind = "coupon"
    defaults = {
        "metadata": {},
        "percentage": None,
        "amount": None,
        "currency": None,
        "periods": None,
        "feature_keys": [],
        "max_redemptions": None,
        "max_redemptions_per_customer": 1,
        "expires_at": None,
        "archived_at": None,
    }
    changeable = frozenset({"name", "metadata", "max_redemptions", "expires_at", "archived_at"})
    unsaid = frozenset({"archived_at"})

    def read(self, form: FileForm, held: Object, path: str) -> Row:
        form.fields(held, path, frozenset({"key", "name", "kind", "duration", *self.defaults}))
        return {
            "key": form.key(held, "key", path),
            "name": form.name(held, "name", path),
            "metadata": form.json(held, "metadata", path),
            "kind": form.choice(held, "kind", path, Coupon.Kind.values),
            "percentage": form.amount(held, "percentage", path),
            "amount": form.amount(held, "amount", path),
            "currency": form.code(held, "currency", path) or None,
            "duration": form.choice(held, "duration", path, Coupon.Duration.values),
            "periods": form.count(held, "periods", path),
            "feature_keys": [str(key) for key in form.rows(held, "feature_keys", path, 100)],
            "max_redemptions": form.count(held, "max_redemptions", path),
            "max_redemptions_per_customer": form.count(
                {"max_redemptions_per_customer": 1, **held}, "max_redemptions_per_customer", path
            ),
            "expires_at": form.instant(held, "expires_at", path),
            "archived_at": form.instant(held, "archived_at", path),
        }

    def current(self, book: Book) -> dict[str, Row]:
        rows = Coupon.objects.filter(book=book).select_related("asset").order_by("key")
        return {row.key: self._row(row) for row in rows}

    def _row(self, row: Coupon) -> Row:
        return {
            "key": row.key,
            "name": row.name,
            "metadata": row.metadata,
            "kind": row.kind,
            "percentage": None if row.percentage is None else text(row.percentage),
            "amount": None if row.amount is None else text(row.amount),
            "currency": row.asset.code if row.asset is not None else None,
            "duration": row.duration,
            "periods": row.periods,
            "feature_keys": row.feature_keys,
            "max_redemptions": row.max_redemptions,
            "max_redemptions_per_customer": row.max_redemptions_per_customer,
            "expires_at": instant_text(row.expires_at),
            "archived_at": instant_text(row.archived_at),
        }

    def create(self, book: Book, row: Row, at: datetime) -> None:
        wanted = {name: row[name] for name in row if name not in {"archived_at", "currency"}}
        wanted |= {
            "percentage": number(row["percentage"]),
            "amount": number(row["amount"]),
            "expires_at": instant(row["expires_at"]),
            "asset": row["currency"] and asset(row["currency"], "currency"),
        }
        coupons.create(book=book, at=at, **wanted)

    def change(self, book: Book, row: Row, at: datetime) -> None:
        coupons.update(
            coupon=Coupon.objects.get(book=book, key=row["key"]),
            name=row["name"],
            metadata=row["metadata"],
            max_redemptions=row["max_redemptions"],
            expires_at=instant(row["expires_at"]),
        )

    def finish(self, book: Book, row: Row, path: str) -> list[Change]:
        at, found = instant(row["archived_at"]), Coupon.objects.get(book=book, key=row["key"])
        if at is None or found.archived_at is not None:
            return []
        coupons.archive(coupon=found, at=at)
        return [archived(self.kind, row)]


def _title(row: TaxCode | Feature) -> Row:
    return {
        "key": row.key,
        "name": row.name,
        "description": row.description,
        "metadata": row.metadata,
    }
