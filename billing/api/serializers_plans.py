"""
Plans and add-ons in JSON; names as in Konnect's specification.

Documents that are sent are read by ``billing.plans.documents``, which names every field that is
wrong; the serializers of what is sent only describe them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.serializers_features import Json
from billing.api.serializers_prices import AsSent, Commitments, Discounts, Price, UnitConfig
from billing.models.plans import AddonVersion, PlanRateCard, PlanVersion, Version
from billing.plans.documents import MOST_PHASES
from ledger.api.fields import Body, Id, Instant, PageQuery

_AT: Final = "2026-03-01T12:00:00Z"
_DURATION: Final = {"type": "string", "maxLength": 40, "examples": ["P1M", "P3M", "P1Y", "P2W"]}
_REFERENCE: Final = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "key": {"type": "string"}},
    "additionalProperties": False,
}
_TAX_CONFIG: Final = {
    "type": ["object", "null"],
    "required": ["code"],
    "additionalProperties": False,
    "properties": {
        "behavior": {"type": "string", "enum": ["inclusive", "exclusive"]},
        "code": _REFERENCE,
    },
}


def _template(kind: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", *({"config"} & properties.keys())],
        "additionalProperties": False,
        "properties": {"type": {"type": "string", "enum": [kind]}, **properties},
    }


_ENTITLEMENT: Final = {
    "oneOf": [
        {"type": "null"},
        _template("boolean"),
        _template("static", config={}),
        _template(
            "metered",
            limit={"type": ["string", "null"], "pattern": r"^[0-9]+(\.[0-9]+)?$"},
            is_soft_limit={"type": "boolean"},
            preserves_overage={"type": "boolean"},
            usage_period=_DURATION,
        ),
    ]
}


@extend_schema_field(_REFERENCE | {"type": ["object", "null"]})
class Reference(AsSent):
    """Something of the book, by id or key."""


@extend_schema_field({"oneOf": [_REFERENCE, {"type": "string", "minLength": 1}]})
class Named(serializers.Field):  # type: ignore[type-arg]
    """Something by id or key: an object, or a text."""

    default_error_messages = {"invalid": "Name it by its id or its key."}

    def to_internal_value(self, data: Any) -> str:
        """Return what looks it up."""
        found = _looked_up(data)
        if found is None:
            self.fail("invalid")
        return found


def _looked_up(data: Any) -> str | None:
    match data:
        case {"id": str(found), **rest} if found and not rest:
            return found
        case {"key": str(found), **rest} if found and not rest:
            return f"key:{found}"
        case str() if data:
            return data
    return None


@extend_schema_field(_ENTITLEMENT)
class Entitlement(AsSent):
    """What the buyer may use."""


@extend_schema_field(_TAX_CONFIG)
class TaxConfig(AsSent):
    """How it is taxed."""


@extend_schema_field(_DURATION | {"type": ["string", "null"]})
class Cadence(AsSent):
    """An ISO 8601 duration of months, days or hours."""


class Title(serializers.Serializer[Any]):
    """What everything in a catalogue has."""

    key = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=256)
    description = serializers.CharField(max_length=1024, default="", allow_blank=True)
    metadata = Json(default=dict)


class CardDocument(Title):
    """Something sold: its price, and what the buyer may use."""

    feature = Reference(
        required=False, help_text="The card then has the feature's key, in every phase."
    )
    billing_cadence = Cadence(required=False, help_text="None: one-time, for flat prices only.")
    payment_term = serializers.ChoiceField(
        PlanRateCard.Term.choices, default=PlanRateCard.Term.IN_ARREARS
    )
    price = Price()
    unit_config = UnitConfig(required=False, allow_null=True)
    discounts = Discounts(required=False, allow_null=True)
    commitments = Commitments(required=False, allow_null=True)
    entitlement = Entitlement(required=False)
    tax_config = TaxConfig(required=False)


class PhaseDocument(Title):
    """A stage of a plan."""

    duration = Cadence(required=False, help_text="Only the last phase may leave it out.")
    rate_cards = CardDocument(many=True, required=False)


class PlanDocument(Title):
    """All of a plan's draft; whether it may be published is said by `validation_errors`."""

    currency = serializers.CharField(max_length=100)
    billing_cadence = Cadence()
    pro_rating_enabled = serializers.BooleanField(default=True)
    settlement_mode = serializers.ChoiceField(
        PlanVersion.Settlement.choices, default=PlanVersion.Settlement.CREDIT_THEN_INVOICE
    )
    phases = PhaseDocument(many=True, required=False, help_text=f"At most {MOST_PHASES}.")

    example: ClassVar[dict[str, Any]] = {
        "key": "pro",
        "name": "Pro",
        "currency": "USD",
        "billing_cadence": "P1M",
        "phases": [
            {
                "key": "main",
                "name": "Main",
                "rate_cards": [
                    {
                        "key": "platform-fee",
                        "name": "Platform fee",
                        "billing_cadence": "P1M",
                        "payment_term": "in_advance",
                        "price": {"type": "flat", "amount": "20"},
                    }
                ],
            }
        ],
    }


class AddonDocument(Title):
    """All of an add-on's draft."""

    currency = serializers.CharField(max_length=100)
    instance_type = serializers.ChoiceField(AddonVersion.Instances.choices)
    rate_cards = CardDocument(many=True, required=False)

    example: ClassVar[dict[str, Any]] = {
        "key": "support",
        "name": "Premium support",
        "currency": "USD",
        "instance_type": "single",
        "rate_cards": PlanDocument.example["phases"][0]["rate_cards"],
    }


class ProblemOut(serializers.Serializer[Any]):
    """A rule that a draft breaks."""

    code = serializers.CharField()
    field = serializers.CharField()
    message = serializers.CharField()
    attributes = Json()


class _VersionOut(Title):
    id = Id()
    version = serializers.IntegerField()
    status = serializers.ChoiceField(Version.Status.choices)
    effective_from = Instant(allow_null=True)
    effective_to = Instant(allow_null=True)
    created_at = Instant()
    updated_at = Instant()
    currency = serializers.CharField()
    validation_errors = ProblemOut(many=True, help_text="What keeps a draft from publication.")


_VERSION: Final = {
    "id": "12",
    "version": 1,
    "status": "draft",
    "effective_from": None,
    "effective_to": None,
    "created_at": _AT,
    "updated_at": _AT,
    "validation_errors": [],
}


class PlanVersionOut(_VersionOut):
    """One version of a plan; the id is the version's."""

    customer_id = Id(allow_null=True, help_text="Of a plan that is one customer's own.")
    billing_cadence = Cadence()
    pro_rating_enabled = serializers.BooleanField()
    settlement_mode = serializers.ChoiceField(PlanVersion.Settlement.choices)
    phases = PhaseDocument(many=True)

    example: ClassVar[dict[str, Any]] = {
        **PlanDocument.example,
        **_VERSION,
        "customer_id": None,
    }


class AddonVersionOut(_VersionOut):
    """One version of an add-on; the id is the version's."""

    instance_type = serializers.ChoiceField(AddonVersion.Instances.choices)
    rate_cards = CardDocument(many=True)

    example: ClassVar[dict[str, Any]] = {**AddonDocument.example, **_VERSION}


class OfferQuery(PageQuery):
    """Which versions."""

    key = serializers.CharField(required=False, max_length=100)
    status = serializers.ChoiceField(Version.Status.choices, required=False)


class VersionQuery(Body):
    """Which version, where a key is named."""

    version = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="Unless given: the active one, else the newest.",
    )


class NextVersionIn(Body):
    """What the next version begins as."""

    copy = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The version to copy; the newest unless given.",
    )

    example: ClassVar[dict[str, Any]] = {}


class PublishIn(Body):
    """From when on it is on offer."""

    effective_from = Instant(required=False, help_text="Now unless given.")

    example: ClassVar[dict[str, Any]] = {}


class ArchiveIn(Body):
    """From when on nobody can buy it."""

    effective_to = Instant(required=False, help_text="Now unless given.")

    example: ClassVar[dict[str, Any]] = {}


class PlanAddonIn(Body):
    """An add-on that may be bought with a plan."""

    addon = Named(help_text="A version by its id, or the one on offer by the add-on's key.")
    from_plan_phase = serializers.CharField(max_length=100)
    max_quantity = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**31 - 1
    )
    name = serializers.CharField(max_length=256, default="", allow_blank=True)
    description = serializers.CharField(max_length=1024, default="", allow_blank=True)
    metadata = Json(default=dict)

    example: ClassVar[dict[str, Any]] = {
        "addon": {"key": "support"},
        "from_plan_phase": "main",
    }


class PlanAddonOut(serializers.Serializer[Any]):
    """An add-on that may be bought with a plan."""

    id = Id()
    name = serializers.CharField()
    description = serializers.CharField()
    addon = Reference(source="named")
    from_plan_phase = serializers.CharField()
    max_quantity = serializers.IntegerField(allow_null=True)
    metadata = Json()
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "8",
        "name": "Premium support",
        "description": "",
        "addon": {"id": "5", "key": "support"},
        "from_plan_phase": "main",
        "max_quantity": None,
        "metadata": {},
        "created_at": _AT,
    }

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Name the add-on by its version's id and its key."""
        version = instance.addon_version
        instance.named = {"id": str(version.pk), "key": version.addon.key}
        return dict(super().to_representation(instance))
