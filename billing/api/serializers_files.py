"""Catalogues as documents, and what importing one does, in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.serializers_features import Json
from billing.api.serializers_prices import AsSent
from billing.plans.files import writing
from billing.plans.files.changes import Action
from ledger.api.fields import Body, Query

_EXAMPLE = {"catalogue": 1, "tax_codes": [{"key": "saas", "name": "Software as a service"}]}


@extend_schema_field({"oneOf": [{"type": "object"}, {"type": "string"}]})
class Document(AsSent):
    """A catalogue: an object, or YAML or JSON as text."""


class CatalogueQuery(Query):
    """How it is written."""

    format = serializers.ChoiceField(writing.FORMATS, default="json")


class CatalogueOut(serializers.Serializer[Any]):
    """All that a book counts, sells and prices; import takes it as it is."""

    catalogue = serializers.IntegerField(help_text="The form's version: 1.")
    assets = serializers.ListField(child=Json(), required=False)
    tax_codes = serializers.ListField(child=Json(), required=False)
    meters = serializers.ListField(child=Json(), required=False)
    features = serializers.ListField(child=Json(), required=False)
    price_lists = serializers.ListField(child=Json(), required=False)
    addons = serializers.ListField(child=Json(), required=False)
    plans = serializers.ListField(child=Json(), required=False)
    coupons = serializers.ListField(child=Json(), required=False)

    example: ClassVar[dict[str, Any]] = _EXAMPLE


class ImportIn(Body):
    """A catalogue to make the book's as."""

    catalogue = Document()
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would change.")

    example: ClassVar[dict[str, Any]] = {"catalogue": _EXAMPLE, "dry_run": True}


class CatalogueFieldOut(serializers.Serializer[Any]):
    """One field's value, before and after."""

    field = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class CatalogueChangeOut(serializers.Serializer[Any]):
    """One thing that is made, changed, published or archived."""

    action = serializers.ChoiceField([str(action) for action in Action])
    kind = serializers.CharField()
    key = serializers.CharField()
    fields = CatalogueFieldOut(many=True)  # type: ignore[assignment]  # over DRF's own


class ImportOut(serializers.Serializer[Any]):
    """What an import has done, or would do."""

    dry_run = serializers.BooleanField()
    changes = CatalogueChangeOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "dry_run": True,
        "changes": [{"action": "create", "kind": "tax code", "key": "saas", "fields": []}],
    }
